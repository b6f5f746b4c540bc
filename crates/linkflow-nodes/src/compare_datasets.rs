//! Compare Datasets: says what two lists have in common, and where they differ.

use std::sync::Arc;

use linkflow_model::{Item, Object, Pair, Paired};
use linkflow_node::lenient;
use linkflow_node::{Category, Ctx, Example, Input, Node, NodeError, Outcome, Spec};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::group;
use crate::join::{Entry, FieldPairs, Match, Multiple, check_present, fuzzy_equal, joined};
use crate::paths;

pub struct CompareDatasets;

/// Says what two lists have in common, and where they differ.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Params {
    /// The fields by which items belong together.
    #[serde(default)]
    merge_by_fields: FieldPairs,
    /// What comes out for items that belong together and differ.
    #[serde(default)]
    resolve: Resolve,
    /// Whether values of different types can be equal: `"1"` and 1, nothing and an empty text.
    #[serde(default, deserialize_with = "lenient::flag")]
    fuzzy_compare: bool,
    /// From which input the item is taken, for `mix`.
    #[serde(default)]
    prefer_when_mix: Prefer,
    /// Names of the fields that are taken from the other input, for `mix`.
    #[serde(default, deserialize_with = "lenient::names")]
    except_when_mix: Vec<String>,
    /// Details.
    #[serde(default)]
    options: Options,
}

/// What comes out for items that differ.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Resolve {
    /// A list of the differences.
    #[default]
    IncludeBoth,
    /// The item of input A.
    PreferInput1,
    /// The item of input B.
    PreferInput2,
    /// The item of one input with some fields of the other.
    Mix,
}

/// One of the inputs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Prefer {
    /// Input A.
    #[default]
    Input1,
    /// Input B.
    Input2,
}

/// Details.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Options {
    /// Names of fields in which items may differ.
    #[serde(deserialize_with = "lenient::names")]
    skip_fields: Vec<String>,
    /// Whether dots in names of fields are part of the name.
    #[serde(deserialize_with = "lenient::flag")]
    disable_dot_notation: bool,
    /// Which counterparts are taken where there are several.
    multiple_matches: Multiple,
    /// Whether it is an error when no item of an input has a field that is compared. For files from
    /// older versions.
    #[serde(deserialize_with = "lenient::flag")]
    wants_fields: bool,
    /// Under which names differing values stand: `inputA` and `inputB`, or others in files from older
    /// versions.
    #[serde(deserialize_with = "lenient::names")]
    names: Vec<String>,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            skip_fields: Vec::new(),
            disable_dot_notation: false,
            multiple_matches: Multiple::First,
            wants_fields: false,
            names: Vec::new(),
        }
    }
}

impl Node for CompareDatasets {
    const KIND: &'static str = "compare_datasets";
    const SPEC: Spec = Spec {
        title: "Compare Datasets",
        summary: "Says what two lists have in common, and where they differ.",
        category: Category::Flow,
        aliases: &["diff", "difference", "sync", "changes"],
        inputs: &["input A", "input B"],
        outputs: &["in A only", "same", "different", "in B only"],
        ..Spec::DEFAULT
    };
    const EXAMPLES: &'static [Example] = &[
        Example {
            title: "What has changed between two exports",
            params: r#"{"mergeByFields": {"values": [{"field1": "id", "field2": "id"}]}}"#,
            input: r#"{"inputs": [[{"id": 1, "v": "a"}, {"id": 2, "v": "b"}, {"id": 3, "v": "c"}], [{"id": 1, "v": "a"}, {"id": 2, "v": "B"}, {"id": 4, "v": "d"}]]}"#,
            output: r#"[[{"id": 3, "v": "c"}], [{"id": 1, "v": "a"}],
                [{"keys": {"id": 2}, "same": {"id": 2}, "different": {"v": {"inputA": "b", "inputB": "B"}}}], [{"id": 4, "v": "d"}]]"#,
        },
        Example {
            title: "Take the newer ones",
            params: r#"{"mergeByFields": {"values": [{"field1": "id", "field2": "id"}]}, "resolve": "preferInput2"}"#,
            input: r#"{"inputs": [[{"id": 1, "v": "a"}], [{"id": 1, "v": "A"}]]}"#,
            output: r#"[[], [], [{"id": 1, "v": "A"}], []]"#,
        },
    ];
    type Params = Params;

    async fn run(input: Input<Params>, _ctx: &Ctx) -> Result<Outcome, NodeError> {
        let params = input.params(0)?;
        let inputs = [input.input(0), input.input(1)];
        // Without any field all belong together; a field without a name is a mistake.
        let fields = match params.merge_by_fields.values.is_empty() {
            true => Vec::new(),
            false => params.merge_by_fields.named("mergeByFields")?,
        };
        let how = Match {
            dots: !params.options.disable_dot_notation,
            fuzzy: params.fuzzy_compare,
            missing_is_null: false,
            multiple: params.options.multiple_matches,
        };
        for (input, names) in [
            (0, fields.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>()),
            (1, fields.iter().map(|(_, name)| name.as_str()).collect::<Vec<_>>()),
        ] {
            let entries = filled(&inputs, input);
            if params.options.wants_fields && !entries.is_empty() {
                check_present(&entries, &names, how.dots)?;
            }
        }
        let join = joined(&filled(&inputs, 0), filled(&inputs, 1), &fields, how);
        let (mut same, mut different) = (Vec::new(), Vec::new());
        for (left, others) in &join.matched {
            let mut is_same = false;
            for right in others {
                let found = difference(&params, left.item, right.item);
                if found.is_empty() {
                    if !is_same {
                        same.push(common(&params, *left, *right));
                    }
                    is_same = true;
                } else {
                    different.push(resolved(&params, *left, *right, found));
                }
            }
        }
        let alone = |entries: &[Entry<'_>]| entries.iter().map(Entry::alone).collect::<Vec<Item>>();
        Ok(Outcome::ports(vec![alone(&join.unmatched1), same, different, alone(&join.unmatched2)]))
    }
}

/// The items of an input that have any field: one without is nothing to be compared.
fn filled<'a>(inputs: &[&'a [Item]], input: usize) -> Vec<Entry<'a>> {
    Entry::all(inputs, input)
        .into_iter()
        .filter(|entry| !entry.item.json.is_empty() || entry.item.bare.is_some())
        .collect()
}

/// The item for two that are the same. Only a rough comparison makes a difference between them.
fn common(params: &Params, left: Entry<'_>, right: Entry<'_>) -> Item {
    let takes_right = params.fuzzy_compare && params.resolve == Resolve::PreferInput2;
    if takes_right { right.alone() } else { left.alone() }
}

/// The fields in which two items differ, with both values.
fn difference<'a>(params: &Params, left: &'a Item, right: &'a Item) -> Vec<(&'a str, &'a Value, &'a Value)> {
    const NULL: &Value = &Value::Null;
    let names = left.json.keys().chain(right.json.keys().filter(|k| !left.json.contains_key(*k)));
    let mut found = Vec::new();
    for name in names.filter(|name| !params.options.skip_fields.contains(name)) {
        let (a, b) = (left.json.get(name), right.json.get(name));
        let equal = match (a, b) {
            (Some(a), Some(b)) if params.fuzzy_compare => fuzzy_equal(a, b),
            (Some(a), Some(b)) => group::exact_key(a) == group::exact_key(b),
            (one, None) | (None, one) => params.fuzzy_compare && fuzzy_equal(one.unwrap_or(NULL), NULL),
        };
        if !equal {
            found.push((name.as_str(), a.unwrap_or(NULL), b.unwrap_or(NULL)));
        }
    }
    found
}

fn resolved(params: &Params, left: Entry<'_>, right: Entry<'_>, found: Vec<(&str, &Value, &Value)>) -> Item {
    match (params.resolve, params.prefer_when_mix) {
        (Resolve::PreferInput1, _) => left.alone(),
        (Resolve::PreferInput2, _) => right.alone(),
        (Resolve::Mix, Prefer::Input1) => mixed(params, left, right),
        (Resolve::Mix, Prefer::Input2) => mixed(params, right, left),
        (Resolve::IncludeBoth, _) => both(params, left, right, found),
    }
}

fn mixed(params: &Params, preferred: Entry<'_>, other: Entry<'_>) -> Item {
    let dots = !params.options.disable_dot_notation;
    let mut json = (*preferred.item.json).clone();
    for name in &params.except_when_mix {
        let value = paths::lookup(&other.item.json, name, dots).cloned().unwrap_or(Value::Null);
        if dots && !json.contains_key(name) {
            paths::set(&mut json, &paths::parse(name), value);
        } else {
            json.insert(name.clone(), value);
        }
    }
    Item { json: Arc::new(json), ..preferred.alone() }
}

/// Both values of the fields in which the items may differ, where they do.
fn skipped(params: &Params, left: Entry<'_>, right: Entry<'_>, names: (&str, &str)) -> Object {
    let field = |name: &String| {
        let (a, b) = (left.item.json.get(name), right.item.json.get(name));
        let differ = a.map(group::exact_key) != b.map(group::exact_key);
        differ.then(|| (name.clone(), json!({ (names.0): a, (names.1): b })))
    };
    params.options.skip_fields.iter().filter_map(field).collect()
}

fn both(params: &Params, left: Entry<'_>, right: Entry<'_>, found: Vec<(&str, &Value, &Value)>) -> Item {
    let dots = !params.options.disable_dot_notation;
    let name =
        |i: usize, otherwise: &str| params.options.names.get(i).cloned().unwrap_or(otherwise.to_owned());
    let (name_a, name_b) = (name(0, "inputA"), name(1, "inputB"));
    let keys: Object = params
        .merge_by_fields
        .values
        .iter()
        .filter_map(|p| Some((p.field1.clone(), paths::lookup(&left.item.json, &p.field1, dots)?.clone())))
        .collect();
    let same: Object = left
        .item
        .json
        .iter()
        .filter(|(k, _)| right.item.json.contains_key(*k) && found.iter().all(|(name, ..)| name != k))
        .map(|(k, v)| (k.clone(), v.clone()))
        .collect();
    let different: Object =
        found.into_iter().map(|(k, a, b)| (k.to_owned(), json!({ (&name_a): a, (&name_b): b }))).collect();
    let mut json = Object::new();
    json.insert("keys".to_owned(), Value::Object(keys));
    json.insert("same".to_owned(), Value::Object(same));
    json.insert("different".to_owned(), Value::Object(different));
    let skipped = skipped(params, left, right, (&name_a, &name_b));
    if !skipped.is_empty() {
        json.insert("skipped".to_owned(), Value::Object(skipped));
    }
    let pairs: Vec<Pair> = vec![left.pair(), right.pair()];
    Item::new(json).with_paired(Paired::Many(pairs))
}
