//! Rename Keys: gives fields other names.

use std::sync::Arc;

use linkflow_model::{Item, Object};
use linkflow_node::lenient;
use linkflow_node::{Ctx, Example, Input, Node, NodeError, Outcome, Spec};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::js::Pattern;
use crate::paths;

pub struct RenameKeys;

/// Gives fields other names.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Params {
    /// The fields and their new names.
    #[serde(default)]
    keys: Keys,
    /// Renaming by patterns.
    #[serde(default)]
    additional_options: Options,
}

/// A list of names.
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
pub struct Keys {
    /// The names.
    #[serde(default)]
    key: Vec<Key>,
}

/// One field.
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Key {
    /// The field's name, or the path to it.
    #[serde(deserialize_with = "lenient::text")]
    current_key: String,
    /// Its new name, or the path to its new place.
    #[serde(deserialize_with = "lenient::text")]
    new_key: String,
}

/// Renaming by patterns.
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Options {
    /// Patterns and what takes their place.
    regex_replacement: Replacements,
}

/// A list of patterns.
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
pub struct Replacements {
    /// The patterns, one after the other.
    #[serde(default)]
    replacements: Vec<Replacement>,
}

/// A pattern and what takes its place.
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Replacement {
    /// A regular expression; the first place in a name where it fits is replaced.
    #[serde(deserialize_with = "lenient::text")]
    search_regex: String,
    /// The new text; `$1` stands for the first group, `$&` for all that was found.
    #[serde(deserialize_with = "lenient::text")]
    replace_regex: String,
    /// Details.
    options: ReplaceOptions,
}

/// Details of a pattern.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct ReplaceOptions {
    /// Whether upper and lower case letters are the same.
    #[serde(deserialize_with = "lenient::flag")]
    case_insensitive: bool,
    /// How many levels of objects within are renamed too: 0 for none, -1 for all.
    #[serde(deserialize_with = "lenient::integer")]
    depth: i64,
}

impl Default for ReplaceOptions {
    fn default() -> ReplaceOptions {
        ReplaceOptions { case_insensitive: false, depth: -1 }
    }
}

impl Node for RenameKeys {
    const KIND: &'static str = "rename_keys";
    const SPEC: Spec = Spec {
        title: "Rename Keys",
        summary: "Gives fields other names.",
        aliases: &["rename", "fields", "map", "regex"],
        ..Spec::DEFAULT
    };
    const EXAMPLES: &'static [Example] = &[
        Example {
            title: "Rename a field",
            params: r#"{"keys": {"key": [{"currentKey": "mail", "newKey": "email"}]}}"#,
            input: r#"[{"mail": "a@b.c", "n": 1}]"#,
            output: r#"[[{"email": "a@b.c", "n": 1}]]"#,
        },
        Example {
            title: "Take a prefix away",
            params: r#"{"additionalOptions": {"regexReplacement": {"replacements": [
                {"searchRegex": "^crm_", "replaceRegex": ""}]}}}"#,
            input: r#"[{"crm_id": 1, "crm_name": "x"}]"#,
            output: r#"[[{"id": 1, "name": "x"}]]"#,
        },
    ];
    type Params = Params;

    async fn run(input: Input<Params>, ctx: &Ctx) -> Result<Outcome, NodeError> {
        let mut out = Vec::with_capacity(input.items().len());
        let mut patterns = Patterns::default();
        for (i, item) in input.items().iter().enumerate() {
            let renamed = input.params(i).and_then(|params| renamed(&params, item, &mut patterns));
            out.push(match renamed {
                Ok(item) => item.paired_with(i),
                Err(error) => ctx.failed_item(error, i)?,
            });
        }
        Ok(Outcome::items(out))
    }
}

/// Patterns that were compiled before.
#[derive(Default)]
struct Patterns(Vec<(String, bool, Pattern)>);

impl Patterns {
    fn get(&mut self, source: &str, case_insensitive: bool) -> Result<&Pattern, NodeError> {
        let found = self.0.iter().position(|(s, c, _)| s == source && *c == case_insensitive);
        let at = match found {
            Some(at) => at,
            None => {
                let flags = if case_insensitive { "i" } else { "" };
                let regex = Pattern::read(&format!("/{source}/{flags}"))?;
                self.0.push((source.to_owned(), case_insensitive, regex));
                self.0.len() - 1
            }
        };
        Ok(&self.0[at].2)
    }
}

fn renamed(params: &Params, item: &Item, patterns: &mut Patterns) -> Result<Item, NodeError> {
    let mut json = (*item.json).clone();
    for key in &params.keys.key {
        rename(&mut json, &item.json, key);
    }
    for (i, replacement) in params.additional_options.regex_replacement.replacements.iter().enumerate() {
        let regex =
            patterns.get(&replacement.search_regex, replacement.options.case_insensitive).map_err(|e| {
                e.inside(&format!("additionalOptions.regexReplacement.replacements[{i}].searchRegex"))
            })?;
        json = by_pattern(
            json,
            regex,
            &rust_replacement(&replacement.replace_regex, regex.n_groups()),
            replacement.options.depth,
        )?;
    }
    Ok(Item { json: Arc::new(json), binary: item.binary.clone(), ..Item::default() })
}

/// As in n8n, the old name is looked for in the item as it came; a field keeps its place.
fn rename(json: &mut Object, original: &Object, key: &Key) {
    if key.current_key.is_empty() || key.new_key.is_empty() || key.current_key == key.new_key {
        return;
    }
    let Some(value) = paths::lookup(original, &key.current_key, true).cloned() else { return };
    if json.shift_remove(&key.current_key).is_none() {
        paths::remove(json, &paths::parse(&key.current_key));
    }
    paths::set(json, &paths::parse(&key.new_key), value);
}

fn by_pattern(object: Object, regex: &Pattern, with: &str, depth: i64) -> Result<Object, NodeError> {
    let names: Vec<String> = object.keys().cloned().collect();
    let mut object = object;
    for name in names {
        let Some(slot) = object.get_mut(&name) else { continue };
        if depth != 0 {
            *slot = within(std::mem::take(slot), regex, with, depth - 1)?;
        }
        // What gets another name goes to the end.
        let new = regex.replace(&name, with)?;
        if new != name
            && let Some(value) = object.shift_remove(&name)
        {
            object.insert(new, value);
        }
    }
    Ok(object)
}

fn within(value: Value, regex: &Pattern, with: &str, depth: i64) -> Result<Value, NodeError> {
    Ok(match value {
        Value::Object(object) => Value::Object(by_pattern(object, regex, with, depth)?),
        // A list is a level of its own.
        Value::Array(list) if depth != 0 => {
            list.into_iter().map(|v| within(v, regex, with, depth - 1)).collect::<Result<_, _>>()?
        }
        other => other,
    })
}

/// JavaScript's `$1`, `$&` and `$<name>` in the words of the regex crate.
/// A number without a group is text.
fn rust_replacement(text: &str, n_groups: usize) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find('$') {
        out.push_str(&rest[..at]);
        let behind = &rest[at + 1..];
        let written = behind.bytes().take(2).take_while(u8::is_ascii_digit).count();
        let is_group = |digits: &usize| {
            behind[..*digits].parse().is_ok_and(|group: usize| (1..=n_groups).contains(&group))
        };
        let digits = (1..=written).rev().find(is_group).unwrap_or(0);
        let named = behind.strip_prefix('<').and_then(|n| n.split_once('>'));
        rest = if digits > 0 {
            out.push_str(&format!("${{{}}}", &behind[..digits]));
            &behind[digits..]
        } else if let Some(behind) = behind.strip_prefix('&') {
            out.push_str("${0}");
            behind
        } else if let Some((name, behind)) = named {
            out.push_str(&format!("${{{name}}}"));
            behind
        } else {
            out.push_str("$$");
            behind.strip_prefix('$').unwrap_or(behind)
        };
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replacements_are_written_as_in_javascript() {
        let check = |with: &str, expected: &str| {
            let regex = Pattern::read("(?<first>b)(c)").unwrap();
            assert_eq!(
                regex.replace("abcd", &rust_replacement(with, regex.n_groups())).unwrap(),
                expected,
                "{with}"
            );
        };
        check("$2$1", "acbd");
        check("[$&]", "a[bc]d");
        check("$<first>", "abd");
        check("$$1 $x", "a$1 $xd");
        check("$3$12_", "a$3b2_d");
    }
}
