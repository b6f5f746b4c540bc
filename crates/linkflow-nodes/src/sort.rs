//! Sort: puts items into another order.

use std::cmp::Ordering;

use linkflow_model::Item;
use linkflow_node::code::{CodeCall, CodeMode, Language};
use linkflow_node::lenient;
use linkflow_node::{Ctx, Example, Input, Node, NodeError, Outcome, Spec};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{js, paths};

pub struct Sort;

/// Puts items into another order.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Params {
    /// What decides about the order.
    #[serde(rename = "type", default)]
    by: By,
    /// The fields by which items are sorted, the most important first.
    #[serde(default)]
    sort_fields_ui: Fields,
    /// JavaScript that compares the items `a` and `b`: less than 0 when `a` comes first.
    #[serde(default)]
    code: String,
    /// Details.
    #[serde(default)]
    options: Options,
}

/// What decides about the order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum By {
    /// Fields.
    #[default]
    Simple,
    /// Chance.
    Random,
    /// Code.
    Code,
}

/// A list of fields.
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Fields {
    /// The fields.
    sort_field: Vec<Field>,
}

/// A field by which items are sorted.
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Field {
    /// Its name, or the path to it.
    #[serde(deserialize_with = "lenient::text")]
    field_name: String,
    /// Which values come first.
    order: Order,
}

/// Which values come first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Order {
    /// The smallest.
    #[default]
    Ascending,
    /// The largest.
    Descending,
}

/// Details.
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Options {
    /// Whether dots in names of fields are part of the name.
    #[serde(deserialize_with = "lenient::flag")]
    disable_dot_notation: bool,
}

impl Node for Sort {
    const KIND: &'static str = "sort";
    const SPEC: Spec = Spec {
        title: "Sort",
        summary: "Puts items into another order.",
        aliases: &["order", "rank", "shuffle", "random"],
        ..Spec::DEFAULT
    };
    const EXAMPLES: &'static [Example] = &[
        Example {
            title: "The largest first, and by name where they are equal",
            params: r#"{"sortFieldsUi": {"sortField": [{"fieldName": "n", "order": "descending"}, {"fieldName": "name"}]}}"#,
            input: r#"[{"n": 1, "name": "c"}, {"n": 2, "name": "b"}, {"n": 2, "name": "A"}]"#,
            output: r#"[[{"n": 2, "name": "A"}, {"n": 2, "name": "b"}, {"n": 1, "name": "c"}]]"#,
        },
        Example {
            title: "By a field within an object",
            params: r#"{"sortFieldsUi": {"sortField": [{"fieldName": "a.b"}]}}"#,
            input: r#"[{"a": {"b": 2}}, {"a": {"b": 1}}]"#,
            output: r#"[[{"a": {"b": 1}}, {"a": {"b": 2}}]]"#,
        },
    ];
    type Params = Params;

    async fn run(input: Input<Params>, ctx: &Ctx) -> Result<Outcome, NodeError> {
        let params = input.params(0)?;
        let items = input.items();
        let order = match params.by {
            By::Simple => by_fields(&params, items)?,
            By::Random => shuffled(items.len(), &ctx.idempotency_key(0)),
            By::Code => return by_code(&input, &params.code, ctx).await,
        };
        Ok(Outcome::items(order.into_iter().map(|i| items[i].clone().paired_with(i)).collect()))
    }
}

/// What items are compared by: a value for each field, texts in lower case.
type Keys = Vec<Option<Value>>;

fn by_fields(params: &Params, items: &[Item]) -> Result<Vec<usize>, NodeError> {
    let fields: Vec<&Field> =
        params.sort_fields_ui.sort_field.iter().filter(|f| !f.field_name.is_empty()).collect();
    if fields.is_empty() {
        return Err(NodeError::param("sortFieldsUi", "must name at least one field to sort by"));
    }
    let dots = !params.options.disable_dot_notation;
    let key = |item: &Item, field: &Field| {
        paths::lookup(&item.json, &field.field_name, dots).map(|value| match value {
            Value::String(text) => Value::String(text.to_lowercase()),
            other => other.clone(),
        })
    };
    let keys: Vec<Keys> = items.iter().map(|i| fields.iter().map(|f| key(i, f)).collect()).collect();
    for (n, field) in fields.iter().enumerate() {
        if !items.is_empty() && keys.iter().all(|k| k[n].is_none()) {
            let place = format!("sortFieldsUi.sortField[{n}].fieldName");
            return Err(NodeError::param(place, format!("no item has a field \"{}\"", field.field_name)));
        }
    }
    let orders: Vec<Order> = fields.iter().map(|f| f.order).collect();
    let mut order: Vec<usize> = (0..items.len()).collect();
    if (0..fields.len()).all(|n| of_one_type(&keys, n)) {
        order.sort_by(|a, b| compare(&keys[*a], &keys[*b], &orders));
    } else {
        sort_as_javascript(&mut order, &|a, b| compare(&keys[a], &keys[b], &orders));
    }
    Ok(order)
}

/// Whether all values of a field can be compared with each other.
fn of_one_type(keys: &[Keys], n: usize) -> bool {
    let all = |test: fn(&Value) -> bool| keys.iter().all(|k| k[n].as_ref().is_some_and(test));
    all(Value::is_string) || all(Value::is_number) || all(Value::is_boolean)
}

fn compare(a: &Keys, b: &Keys, orders: &[Order]) -> Ordering {
    for ((a, b), order) in a.iter().zip(b).zip(orders) {
        if a == b {
            continue;
        }
        let is_less = match (a, b) {
            (Some(Value::Object(_) | Value::Array(_)), _) | (_, Some(Value::Object(_) | Value::Array(_))) => {
                false
            }
            (Some(a), Some(b)) => {
                if let (Some(a), Some(b)) = (a.as_f64(), b.as_f64())
                    && a == b
                {
                    continue;
                }
                js::less(a, b)
            }
            _ => false,
        };
        // What is not less counts as greater, even where the two cannot be compared.
        return if is_less == (*order == Order::Ascending) { Ordering::Less } else { Ordering::Greater };
    }
    Ordering::Equal
}

/// Where values of different types meet there is no order, and the outcome depends on how the
/// sorting goes about it. This goes as JavaScript's engines do for short lists: runs, and binary
/// insertion; longer ones are merged of those.
fn sort_as_javascript(list: &mut [usize], compare: &dyn Fn(usize, usize) -> Ordering) {
    const RUN: usize = 32;
    if list.len() < 2 * RUN {
        return insertion_sort(list, compare);
    }
    for run in list.chunks_mut(RUN) {
        insertion_sort(run, compare);
    }
    let mut width = RUN;
    while width < list.len() {
        for pair in list.chunks_mut(width * 2).filter(|pair| pair.len() > width) {
            merge(pair, width, compare);
        }
        width *= 2;
    }
}

fn insertion_sort(list: &mut [usize], compare: &dyn Fn(usize, usize) -> Ordering) {
    if list.len() < 2 {
        return;
    }
    let falls = compare(list[1], list[0]).is_lt();
    let mut run = 2;
    while run < list.len() && compare(list[run], list[run - 1]).is_lt() == falls {
        run += 1;
    }
    if falls {
        list[..run].reverse();
    }
    for start in run..list.len() {
        let pivot = list[start];
        let (mut left, mut right) = (0, start);
        while left < right {
            let middle = left + (right - left) / 2;
            if compare(pivot, list[middle]).is_lt() { right = middle } else { left = middle + 1 }
        }
        list[left..=start].rotate_right(1);
    }
}

fn merge(list: &mut [usize], middle: usize, compare: &dyn Fn(usize, usize) -> Ordering) {
    let (left, right) = (list[..middle].to_vec(), list[middle..].to_vec());
    let (mut l, mut r) = (0, 0);
    for slot in list {
        let take_right = l == left.len() || r < right.len() && compare(right[r], left[l]).is_lt();
        *slot = if take_right { right[r] } else { left[l] };
        if take_right { r += 1 } else { l += 1 }
    }
}

/// An order that looks random, and is the same when the run is repeated.
fn shuffled(n: usize, seed: &str) -> Vec<usize> {
    let mut state =
        seed.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |s, b| (s ^ u64::from(b)).wrapping_mul(0x100_0000_01b3));
    let mut next = || {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    };
    let mut order: Vec<usize> = (0..n).collect();
    for i in (1..n).rev() {
        order.swap(i, (next() % (i as u64 + 1)) as usize);
    }
    order
}

async fn by_code(input: &Input<Params>, code: &str, ctx: &Ctx) -> Result<Outcome, NodeError> {
    if code.is_empty() {
        let items = input.items().iter().enumerate();
        return Ok(Outcome::items(items.map(|(i, item)| item.clone().paired_with(i)).collect()));
    }
    if !code.contains("return") {
        return Err(NodeError::param("code", "must return a number for the items `a` and `b`"));
    }
    let call = CodeCall {
        language: Language::JavaScript,
        mode: CodeMode::AllItems,
        source: format!("return [...$input.all()].sort((a, b) => {{\n{code}\n}});"),
        input: input.whole().clone(),
        static_global: Default::default(),
        static_node: Default::default(),
        time_ms: ctx.limits.code_ms,
        memory_bytes: ctx.limits.code_memory_bytes,
    };
    Ok(Outcome::items(ctx.code.run(call).await?.items))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn check(order: Order, values: Value, expected: Value) {
        let items: Vec<Item> = values
            .as_array()
            .unwrap()
            .iter()
            .map(|v| if v == "missing" { Item::default() } else { Item::from_value(json!({"k": v})) })
            .collect();
        let field = Field { field_name: "k".to_owned(), order };
        let params = Params {
            by: By::Simple,
            sort_fields_ui: Fields { sort_field: vec![field] },
            code: String::new(),
            options: Options::default(),
        };
        let order = by_fields(&params, &items).unwrap();
        let found: Vec<Value> =
            order.iter().map(|i| items[*i].json.get("k").cloned().unwrap_or(json!("missing"))).collect();
        assert_eq!(json!(found), expected);
    }

    #[test]
    fn texts_are_compared_in_lower_case_by_their_code_units() {
        check(Order::Ascending, json!(["b", "a", "B", "á", "Z"]), json!(["a", "b", "B", "Z", "á"]));
        check(Order::Descending, json!(["b", "a", "B", "á", "Z"]), json!(["á", "Z", "b", "B", "a"]));
    }

    #[test]
    fn values_of_different_types_come_as_javascript_leaves_them() {
        check(Order::Ascending, json!([3, null, 1, "missing", 2, -1]), json!([-1, null, 1, 2, 3, "missing"]));
        check(
            Order::Descending,
            json!([3, null, 1, "missing", 2, -1]),
            json!(["missing", 3, 2, 1, null, -1]),
        );
        check(
            Order::Ascending,
            json!(["c", null, "a", "missing", "b"]),
            json!(["c", null, "a", "missing", "b"]),
        );
    }

    #[test]
    fn long_lists_of_different_types_keep_all_items() {
        let values: Vec<Value> =
            (0..500).map(|i| if i % 3 == 0 { json!(i) } else { json!(format!("t{i}")) }).collect();
        let mut order: Vec<usize> = (0..values.len()).collect();
        sort_as_javascript(&mut order, &|a, b| {
            compare(&vec![Some(values[a].clone())], &vec![Some(values[b].clone())], &[Order::Descending])
        });
        order.sort_unstable();
        assert_eq!(order, (0..500).collect::<Vec<_>>());
    }

    #[test]
    fn a_shuffle_is_the_same_when_the_run_is_repeated() {
        assert_eq!(shuffled(50, "seed"), shuffled(50, "seed"));
        assert_ne!(shuffled(50, "seed"), shuffled(50, "other"));
    }
}
