//! Dotted paths into JSON objects: `customer.orders[0].id`.

use linkflow_model::Object;
use serde_json::Value;

/// Longest list that setting an index may make: `list[4000000000]` is a mistake.
const INDEX_MAX: usize = 100_000;

/// One step of a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    pub name: String,
    /// The name read as an index.
    index: Option<usize>,
}

impl Key {
    pub fn new(name: &str) -> Key {
        let is_index = !name.is_empty() && name.bytes().all(|b| b.is_ascii_digit());
        let index =
            if is_index && (name == "0" || !name.starts_with('0')) { name.parse().ok() } else { None };
        Key { name: name.to_owned(), index }
    }
}

/// The steps of `a.b[0]["c.d"]`.
pub fn parse(path: &str) -> Vec<Key> {
    let mut keys = Vec::new();
    let mut rest = path;
    loop {
        let end = rest.find(['.', '[']).unwrap_or(rest.len());
        if end > 0 || !rest.starts_with('[') {
            keys.push(Key::new(&rest[..end]));
        }
        rest = &rest[end..];
        while let Some((key, behind)) = bracket(rest) {
            keys.push(Key::new(key));
            rest = behind;
        }
        match rest.strip_prefix('.') {
            Some(behind) => rest = behind,
            None if rest.is_empty() => return keys,
            // A bracket that never closes is part of a name.
            None => {
                keys.push(Key::new(rest));
                return keys;
            }
        }
    }
}

/// `[0]` or `["a"]` at the start, and what follows.
fn bracket(text: &str) -> Option<(&str, &str)> {
    let inner = text.strip_prefix('[')?;
    for quote in ['"', '\''] {
        if let Some(quoted) = inner.strip_prefix(quote) {
            let end = quoted.find(&format!("{quote}]"))?;
            return Some((&quoted[..end], &quoted[end + 2..]));
        }
    }
    let end = inner.find(']')?;
    Some((&inner[..end], &inner[end + 1..]))
}

/// The value at the path.
pub fn get<'v>(object: &'v Object, path: &[Key]) -> Option<&'v Value> {
    let (first, rest) = path.split_first()?;
    rest.iter().try_fold(object.get(&first.name)?, step)
}

fn step<'v>(value: &'v Value, key: &Key) -> Option<&'v Value> {
    match value {
        Value::Object(object) => object.get(&key.name),
        Value::Array(list) => list.get(key.index?),
        _ => None,
    }
}

/// The value at `path`, or under the very name `path` where dots are part of names. As in n8n, a
/// key that holds the whole path comes first.
pub fn lookup<'v>(object: &'v Object, path: &str, dots: bool) -> Option<&'v Value> {
    match object.get(path) {
        Some(value) => Some(value),
        None if dots => get(object, &parse(path)),
        None => None,
    }
}

/// Puts `value` at the path. What is in the way and is neither object nor list is replaced. The
/// names that could reach a prototype in JavaScript are refused: nothing is set.
pub fn set(object: &mut Object, path: &[Key], value: Value) {
    if path.iter().any(|k| matches!(k.name.as_str(), "__proto__" | "constructor" | "prototype")) {
        return;
    }
    if path.iter().any(|k| k.index.is_some_and(|i| i > INDEX_MAX)) {
        return;
    }
    let Some((first, rest)) = path.split_first() else { return };
    let slot = object.entry(first.name.clone()).or_insert(Value::Null);
    set_in(slot, rest, value);
}

fn set_in(slot: &mut Value, path: &[Key], value: Value) {
    let Some((first, rest)) = path.split_first() else {
        *slot = value;
        return;
    };
    if !slot.is_object() && !slot.is_array() {
        *slot = if first.index.is_some() { Value::Array(Vec::new()) } else { Value::Object(Object::new()) };
    }
    match slot {
        Value::Array(list) => {
            // A name on a list has no place in JSON.
            let Some(index) = first.index else { return };
            if list.len() <= index {
                list.resize(index + 1, Value::Null);
            }
            set_in(&mut list[index], rest, value);
        }
        Value::Object(inner) => set_in(inner.entry(first.name.clone()).or_insert(Value::Null), rest, value),
        _ => {}
    }
}

/// Takes the value at the path away.
pub fn remove(object: &mut Object, path: &[Key]) -> Option<Value> {
    let (last, before) = path.split_last()?;
    let Some((first, rest)) = before.split_first() else { return object.shift_remove(&last.name) };
    let mut value = object.get_mut(&first.name)?;
    for key in rest {
        value = match value {
            Value::Object(inner) => inner.get_mut(&key.name)?,
            Value::Array(list) => list.get_mut(key.index?)?,
            _ => return None,
        };
    }
    match value {
        Value::Object(inner) => inner.shift_remove(&last.name),
        // A list keeps its other indexes.
        Value::Array(list) => list.get_mut(last.index?).map(std::mem::take),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn names(path: &str) -> Vec<String> {
        parse(path).into_iter().map(|k| k.name).collect()
    }

    #[test]
    fn paths_are_read_with_dots_and_brackets() {
        assert_eq!(names("a.b[0].c"), ["a", "b", "0", "c"]);
        assert_eq!(names("a['b.c'][\"d\"]"), ["a", "b.c", "d"]);
        assert_eq!(names("[0].a"), ["0", "a"]);
        assert_eq!(names(""), [""]);
        assert_eq!(names("a."), ["a", ""]);
        assert_eq!(names("a[b"), ["a", "[b"]);
    }

    #[test]
    fn setting_makes_objects_and_lists_on_the_way() {
        let mut object = json!({"s": "text"}).as_object().cloned().unwrap();
        set(&mut object, &parse("q.r[1].t"), json!(1));
        set(&mut object, &parse("s.inner"), json!(2));
        set(&mut object, &parse("__proto__.x"), json!(3));
        set(&mut object, &parse("l[999999999]"), json!(4));
        assert_eq!(Value::Object(object), json!({"s": {"inner": 2}, "q": {"r": [null, {"t": 1}]}}));
    }

    #[test]
    fn removing_takes_only_the_last_step() {
        let mut object = json!({"a": {"b": 1, "c": 2}, "d": 3}).as_object().cloned().unwrap();
        assert_eq!(remove(&mut object, &parse("a.b")), Some(json!(1)));
        assert_eq!(remove(&mut object, &parse("d")), Some(json!(3)));
        assert_eq!(remove(&mut object, &parse("a.x.y")), None);
        assert_eq!(Value::Object(object), json!({"a": {"c": 2}}));
    }
}
