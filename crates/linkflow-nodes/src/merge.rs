//! Merge: brings the items of several inputs together.

use std::collections::BTreeMap;
use std::sync::Arc;

use linkflow_model::{Binary, Item, Object, Paired};
use linkflow_node::lenient;
use linkflow_node::{Category, Ctx, Example, Input, Node, NodeError, Outcome, Ports, Requires, Spec};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::join::{Entry, FieldPair, FieldPairs, Match, Multiple, check_present, joined};
use crate::{js, paths};

pub struct Merge;

/// Most inputs of one node.
const INPUTS_MAX: usize = 100;

/// Brings the items of several inputs together.
///
/// Unlike in n8n, a preference for input 2 is understood as one for the last input, where there one
/// empty item comes out.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Params {
    /// What is done with the inputs.
    #[serde(default)]
    mode: Mode,
    /// How many inputs there are.
    #[serde(default = "two", deserialize_with = "lenient::integer")]
    #[schemars(range(min = 2, max = 100))]
    number_inputs: i64,
    /// How items are combined.
    #[serde(default)]
    combine_by: CombineBy,
    /// Names of the fields that have to be equal, for `combineByFields`.
    #[serde(default, deserialize_with = "lenient::names")]
    fields_to_match_string: Vec<String>,
    /// Whether the fields that are compared have different names in the two inputs.
    #[serde(default, deserialize_with = "lenient::flag")]
    advanced: bool,
    /// Pairs of fields that have to be equal.
    #[serde(default)]
    merge_by_fields: FieldPairs,
    /// Which items come out, for `combineByFields`.
    #[serde(default)]
    join_mode: JoinMode,
    /// From which inputs the data is taken, for `keepMatches` and `keepNonMatches`.
    #[serde(default)]
    output_data_from: DataFrom,
    /// What comes out when one branch is chosen: `specifiedInput` or `empty`.
    #[serde(default)]
    output: BranchOutput,
    /// Number of the input that is passed on, from 1.
    #[serde(default = "first", deserialize_with = "lenient::integer")]
    #[schemars(range(min = 1, max = 100))]
    use_data_of_input: i64,
    /// Details.
    #[serde(default)]
    options: Options,
}

fn two() -> i64 {
    2
}

fn first() -> i64 {
    1
}

/// What is done with the inputs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Mode {
    /// All items of the first input, then those of the next.
    #[default]
    Append,
    /// Items of different inputs become one item.
    Combine,
    /// Waits for all inputs and passes one of them on.
    ChooseBranch,
}

/// How items are combined.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum CombineBy {
    /// Those with equal fields.
    #[serde(rename = "combineByFields")]
    #[default]
    Fields,
    /// The first with the first, the second with the second.
    #[serde(rename = "combineByPosition")]
    Position,
    /// Each with each.
    #[serde(rename = "combineAll")]
    All,
}

/// Which items come out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum JoinMode {
    /// Those that belong together (inner join).
    #[default]
    KeepMatches,
    /// Those that have no counterpart.
    KeepNonMatches,
    /// All of them (outer join).
    KeepEverything,
    /// All of input 1, with what belongs to them (left join).
    EnrichInput1,
    /// All of input 2, with what belongs to them (right join).
    EnrichInput2,
}

/// From which inputs the data is taken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum DataFrom {
    /// From both.
    #[default]
    Both,
    /// From input 1.
    Input1,
    /// From input 2.
    Input2,
}

/// What comes out when one branch is chosen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum BranchOutput {
    /// The items of one input.
    #[default]
    SpecifiedInput,
    /// One empty item.
    Empty,
}

/// Details.
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Options {
    /// What happens where both items have a field.
    clash_handling: ClashHandling,
    /// Whether dots in names of fields are part of the name.
    #[serde(deserialize_with = "lenient::flag")]
    disable_dot_notation: bool,
    /// Whether values of different types can be equal: `"1"` and 1, nothing and an empty text.
    #[serde(deserialize_with = "lenient::flag")]
    fuzzy_compare: bool,
    /// Whether items without a counterpart come out as well, for `combineByPosition`.
    #[serde(deserialize_with = "lenient::flag")]
    include_unpaired: bool,
    /// Which counterparts are taken where there are several.
    multiple_matches: Multiple,
    /// Combines two inputs as Merge 2 did in n8n: an empty input leaves the other one as it is, and
    /// suffixes replace the names. For files from older versions.
    #[serde(deserialize_with = "lenient::flag")]
    of_two: bool,
    /// Whether it is an error when no item of an input has a field that is compared. For files from
    /// older versions.
    #[serde(deserialize_with = "lenient::flag")]
    wants_fields: bool,
    /// Whether the compared fields keep input 1's values, and items of input 1 without them are left
    /// out. For files from older versions.
    #[serde(deserialize_with = "lenient::flag")]
    keeps_keys: bool,
    /// Whether items that were made of several are paired with that of input 1 alone. For files from
    /// older versions.
    #[serde(deserialize_with = "lenient::flag")]
    pairs_with_input1: bool,
    /// From which inputs items without a counterpart come out, where that is not for all inputs the
    /// same. For files from older versions.
    unpaired_from: Option<UnpairedFrom>,
    /// Whether a branch is chosen although one of the inputs has no items. For files from older
    /// versions.
    #[serde(deserialize_with = "lenient::flag")]
    chooses_without_items: bool,
}

/// From which inputs items without a counterpart come out.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum UnpairedFrom {
    /// From none.
    None,
    /// From input 1.
    Input1,
    /// From both.
    Both,
}

/// What happens where both items have a field.
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(default)]
pub struct ClashHandling {
    /// The rules.
    values: Clash,
}

/// The rules for fields that both items have.
#[derive(Clone, Copy, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Clash {
    /// Whose value is taken. By default that of the last input; of input 1 for `enrichInput2`.
    resolve_clash: Option<Resolve>,
    /// Whether objects within are merged too.
    merge_mode: MergeMode,
    /// Whether a value is taken from the other item where the preferred one is empty.
    #[serde(deserialize_with = "lenient::flag")]
    override_empty: bool,
}

/// Whose value is taken.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Resolve {
    /// That of the last input.
    #[serde(alias = "preferInput2")]
    PreferLast,
    /// That of input 1.
    PreferInput1,
    /// Both, under names that end in the number of their input.
    AddSuffix,
    /// No value at all: items that belong together become an empty one. For files from older versions
    /// that name no known preference.
    #[serde(other)]
    Nothing,
}

/// How deep objects are merged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum MergeMode {
    /// Objects and lists within are merged too.
    #[default]
    DeepMerge,
    /// Only the fields of the items themselves.
    ShallowMerge,
}

impl Node for Merge {
    const KIND: &'static str = "merge";
    const SPEC: Spec = Spec {
        title: "Merge",
        summary: "Brings the items of several inputs together.",
        category: Category::Flow,
        aliases: &["join", "combine", "append", "concatenate", "wait", "vlookup"],
        inputs: &["input 1", "input 2"],
        ..Spec::DEFAULT
    };
    const EXAMPLES: &'static [Example] = &[
        Example {
            title: "Items with the same id become one",
            params: r#"{"mode": "combine", "fieldsToMatchString": "id"}"#,
            input: r#"{"inputs": [[{"id": 1, "name": "Ada"}, {"id": 2, "name": "Bo"}], [{"id": 2, "city": "Rome"}]]}"#,
            output: r#"[[{"id": 2, "name": "Bo", "city": "Rome"}]]"#,
        },
        Example {
            title: "One list after the other",
            params: "{}",
            input: r#"{"inputs": [[{"n": 1}], [{"n": 2}, {"n": 3}]]}"#,
            output: r#"[[{"n": 1}, {"n": 2}, {"n": 3}]]"#,
        },
        Example {
            title: "The first with the first, and keep what is left",
            params: r#"{"mode": "combine", "combineBy": "combineByPosition", "options": {"includeUnpaired": true}}"#,
            input: r#"{"inputs": [[{"a": 1}, {"a": 2}], [{"b": 1}]]}"#,
            output: r#"[[{"a": 1, "b": 1}, {"a": 2}]]"#,
        },
    ];
    type Params = Params;

    async fn run(input: Input<Params>, ctx: &Ctx) -> Result<Outcome, NodeError> {
        let params = input.params(0)?;
        // An input that is not connected counts as one without items.
        let declared = usize::try_from(params.number_inputs).unwrap_or(0).clamp(2, INPUTS_MAX);
        let inputs: Vec<&[Item]> = (0..input.n_inputs().max(declared)).map(|i| input.input(i)).collect();
        let mut items = match params.mode {
            Mode::Append => append(&inputs),
            Mode::ChooseBranch => choose_branch(&params, &inputs),
            Mode::Combine => match params.combine_by {
                CombineBy::Position if params.options.of_two => by_position_of_two(&params, &inputs),
                CombineBy::Position => by_position(&params.options, &inputs),
                CombineBy::All => all_with_all(&params.options.clash_handling.values, &inputs, ctx)?,
                CombineBy::Fields => by_fields(&params, &inputs, ctx)?,
            },
        };
        if params.options.pairs_with_input1 {
            items.iter_mut().for_each(pair_with_input1);
        }
        Ok(Outcome::items(items))
    }

    fn ports(params: &Object) -> Ports {
        let text = |key: &str| params.get(key).and_then(Value::as_str).unwrap_or_default();
        let by_number = text("mode") != "combine" || text("combineBy") == "combineByPosition";
        let number = params.get("numberInputs").and_then(lenient::as_number).unwrap_or(2.0);
        let n = if by_number { (number as usize).clamp(2, INPUTS_MAX) } else { 2 };
        Ports {
            inputs: (1..=n).map(|i| format!("input {i}")).collect(),
            outputs: vec!["main".to_owned()],
            requires: match text("mode") {
                "chooseBranch" if !chooses_without_items(params) => Requires::Inputs(vec![0, 1]),
                _ => Requires::Any,
            },
        }
    }
}

fn pair_with_input1(item: &mut Item) {
    if let Paired::Many(pairs) = &mut item.paired {
        pairs.retain(|pair| pair.input == 0);
    }
}

fn chooses_without_items(params: &Object) -> bool {
    params.get("options").and_then(|o| o.get("choosesWithoutItems")).is_some_and(js::truthy)
}

fn append(inputs: &[&[Item]]) -> Vec<Item> {
    (0..inputs.len()).flat_map(|i| Entry::all(inputs, i)).map(|e| e.alone()).collect()
}

fn choose_branch(params: &Params, inputs: &[&[Item]]) -> Vec<Item> {
    match params.output {
        BranchOutput::Empty => {
            // As in n8n, of more than two inputs the others are not told.
            let told = inputs.len().min(2);
            let pairs = (0..told).flat_map(|i| Entry::all(inputs, i)).map(|e| e.pair()).collect();
            vec![Item::default().with_paired(Paired::Many(pairs))]
        }
        BranchOutput::SpecifiedInput => {
            let chosen = usize::try_from(params.use_data_of_input - 1).unwrap_or(0);
            if chosen < inputs.len() {
                Entry::all(inputs, chosen).iter().map(Entry::alone).collect()
            } else {
                Vec::new()
            }
        }
    }
}

/// Two items as one. The preferred one is merged into the other.
fn merged(first: Entry<'_>, second: Entry<'_>, clash: &Clash, otherwise: Resolve) -> Item {
    match clash.resolve_clash.unwrap_or(otherwise) {
        Resolve::PreferLast => merged_onto(&[first, second], clash),
        Resolve::PreferInput1 => merged_onto(&[second, first], clash),
        Resolve::AddSuffix => suffixed(&[first, second]),
        Resolve::Nothing => Item::default().with_paired(Paired::Many(Vec::new())),
    }
}

fn merged_onto(entries: &[Entry<'_>], clash: &Clash) -> Item {
    let mut json = Object::new();
    for entry in entries {
        merge_object(&mut json, &entry.item.json, clash);
    }
    finished(json, entries)
}

fn suffixed(entries: &[Entry<'_>]) -> Item {
    let mut json = Object::new();
    for entry in entries {
        json.extend(entry.item.json.iter().map(|(k, v)| (format!("{k}_{}", entry.input + 1), v.clone())));
    }
    finished(json, entries)
}

fn finished(json: Object, entries: &[Entry<'_>]) -> Item {
    let mut binary: BTreeMap<String, Binary> = BTreeMap::new();
    for files in entries.iter().filter_map(|e| e.item.binary.as_ref()) {
        binary.extend(files.iter().map(|(k, v)| (k.clone(), v.clone())));
    }
    Item {
        binary: (!binary.is_empty()).then(|| Arc::new(binary)),
        paired: Paired::Many(entries.iter().map(Entry::pair).collect()),
        ..Item::new(json)
    }
}

fn merge_object(target: &mut Object, source: &Object, clash: &Clash) {
    for (key, value) in source {
        match target.get_mut(key) {
            None => {
                target.insert(key.clone(), value.clone());
            }
            Some(_) if clash.override_empty && is_empty(value) => {}
            Some(old) if clash.merge_mode == MergeMode::DeepMerge => merge_value(old, value, clash),
            Some(old) => *old = value.clone(),
        }
    }
}

fn merge_value(target: &mut Value, source: &Value, clash: &Clash) {
    match (target, source) {
        (Value::Object(target), Value::Object(source)) => merge_object(target, source, clash),
        (Value::Array(target), Value::Array(source)) => {
            for (i, value) in source.iter().enumerate() {
                match target.get_mut(i) {
                    Some(_) if clash.override_empty && is_empty(value) => {}
                    Some(old) => merge_value(old, value, clash),
                    None => target.push(value.clone()),
                }
            }
        }
        // As in n8n, names find no place in a list: it stays as it is.
        (Value::Array(_), Value::Object(_)) => {}
        (target, source) => *target = source.clone(),
    }
}

fn is_empty(value: &Value) -> bool {
    value.is_null() || value.as_str() == Some("")
}

/// Any number of inputs. As in n8n, the preferred item is merged once more at the end and so is
/// paired twice, and with suffixes its plain names are there as well.
fn by_position(options: &Options, inputs: &[&[Item]]) -> Vec<Item> {
    let clash = &options.clash_handling.values;
    let lengths = inputs.iter().map(|items| items.len());
    let n = if options.include_unpaired { lengths.max() } else { lengths.min() }.unwrap_or(0);
    (0..n)
        .map(|index| {
            let entry = |input: usize| inputs[input].get(index).map(|item| Entry { input, index, item });
            let mut entries: Vec<Entry<'_>> = (0..inputs.len()).filter_map(entry).collect();
            let resolve = clash.resolve_clash.unwrap_or(Resolve::PreferLast);
            let preferred = if resolve == Resolve::PreferInput1 { 0 } else { inputs.len() - 1 };
            let again = entry(preferred);
            if resolve != Resolve::AddSuffix {
                entries.extend(again);
                return merged_onto(&entries, clash);
            }
            let mut json = (*suffixed(&entries).json).clone();
            if let Some(again) = again {
                merge_object(&mut json, &again.item.json, clash);
                entries.push(again);
            }
            finished(json, &entries)
        })
        .collect()
}

fn by_position_of_two(params: &Params, inputs: &[&[Item]]) -> Vec<Item> {
    let (left, right) = (Entry::all(inputs, 0), Entry::all(inputs, 1));
    let all = params.options.include_unpaired || left.is_empty() || right.is_empty();
    let unpaired =
        params.options.unpaired_from.unwrap_or(if all { UnpairedFrom::Both } else { UnpairedFrom::None });
    let clash = &params.options.clash_handling.values;
    let paired = left.iter().zip(&right).map(|(l, r)| merged(*l, *r, clash, Resolve::PreferLast));
    let suffixes = clash.resolve_clash == Some(Resolve::AddSuffix) && !left.is_empty() && !right.is_empty();
    let rest = |entry: &Entry<'_>| if suffixes { entry.suffixed() } else { entry.alone() };
    let left_rest = left.iter().skip(right.len()).filter(|_| unpaired != UnpairedFrom::None);
    let right_rest = right.iter().skip(left.len()).filter(|_| unpaired == UnpairedFrom::Both);
    paired.chain(left_rest.chain(right_rest).map(rest)).collect()
}

fn all_with_all(clash: &Clash, inputs: &[&[Item]], ctx: &Ctx) -> Result<Vec<Item>, NodeError> {
    let (left, right) = (Entry::all(inputs, 0), Entry::all(inputs, 1));
    check_size(left.len().saturating_mul(right.len()), ctx)?;
    let pairs: Vec<_> = match clash.resolve_clash {
        // As in n8n: the preferred input is the inner one.
        Some(Resolve::PreferInput1) => {
            right.iter().flat_map(|r| left.iter().map(move |l| (*l, *r))).collect()
        }
        _ => left.iter().flat_map(|l| right.iter().map(move |r| (*l, *r))).collect(),
    };
    Ok(pairs.into_iter().map(|(l, r)| merged(l, r, clash, Resolve::PreferLast)).collect())
}

fn check_size(n: usize, ctx: &Ctx) -> Result<(), NodeError> {
    if n > ctx.limits.items_max {
        return Err(NodeError::Limit { what: "items".to_owned(), limit: ctx.limits.items_max.to_string() });
    }
    Ok(())
}

fn by_fields(params: &Params, inputs: &[&[Item]], ctx: &Ctx) -> Result<Vec<Item>, NodeError> {
    let options = &params.options;
    let how = Match {
        dots: !options.disable_dot_notation,
        fuzzy: options.fuzzy_compare,
        missing_is_null: options.fuzzy_compare && !options.of_two,
        multiple: match params.join_mode {
            // What has a counterpart is left out, whichever is taken.
            JoinMode::KeepNonMatches => Multiple::All,
            _ => options.multiple_matches,
        },
    };
    let (left, right) = (Entry::all(inputs, 0), Entry::all(inputs, 1));
    let fields = fields_of(params)?;
    if options.wants_fields {
        check_present(&left, &fields.iter().map(|(l, _)| l.as_str()).collect::<Vec<_>>(), how.dots)?;
        check_present(&right, &fields.iter().map(|(_, r)| r.as_str()).collect::<Vec<_>>(), how.dots)?;
    }
    // As in n8n: with one input alone it needs no saying where an item comes from.
    let of_both = !left.is_empty() && !right.is_empty();
    let mut join = joined(&left, right, &fields, how);
    if options.keeps_keys {
        let has_keys =
            |e: &Entry<'_>| fields.iter().all(|(l, _)| paths::lookup(&e.item.json, l, how.dots).is_some());
        join.unmatched1.retain(has_keys);
    }
    let clash = &params.options.clash_handling.values;
    check_size(join.matched.iter().map(|(_, others)| others.len()).sum(), ctx)?;
    let combined = |otherwise: Resolve| {
        let pairs = join.matched.iter().flat_map(|(l, others)| others.iter().map(move |r| (*l, *r)));
        let made = pairs.map(|(l, r)| match options.keeps_keys {
            true => {
                let item = without_keys(r.item, &fields, how.dots);
                merged(l, Entry { item: &item, ..r }, clash, otherwise)
            }
            false => merged(l, r, clash, otherwise),
        });
        made.collect::<Vec<Item>>()
    };
    let alone = |entries: &[Entry<'_>]| entries.iter().map(Entry::alone).collect::<Vec<Item>>();
    let suffixes = of_both && clash.resolve_clash == Some(Resolve::AddSuffix);
    let beside = |entries: &[Entry<'_>]| match suffixes {
        true => entries.iter().map(Entry::suffixed).collect(),
        false => alone(entries),
    };
    Ok(match (params.join_mode, params.output_data_from) {
        (JoinMode::KeepMatches, DataFrom::Both) => combined(Resolve::PreferLast),
        (JoinMode::KeepMatches, DataFrom::Input1) => join.matched.iter().map(|(l, _)| l.alone()).collect(),
        (JoinMode::KeepMatches, DataFrom::Input2) => alone(&join.matched2),
        (JoinMode::KeepNonMatches, DataFrom::Both) => {
            let kept = join.unmatched1.iter().chain(&join.unmatched2);
            if of_both { kept.map(Entry::with_source).collect() } else { kept.map(Entry::alone).collect() }
        }
        (JoinMode::KeepNonMatches, DataFrom::Input1) => alone(&join.unmatched1),
        (JoinMode::KeepNonMatches, DataFrom::Input2) => alone(&join.unmatched2),
        (JoinMode::KeepEverything, _) => {
            [combined(Resolve::PreferLast), beside(&join.unmatched1), beside(&join.unmatched2)].concat()
        }
        (JoinMode::EnrichInput1, _) => [combined(Resolve::PreferLast), beside(&join.unmatched1)].concat(),
        (JoinMode::EnrichInput2, _) => [combined(Resolve::PreferInput1), beside(&join.unmatched2)].concat(),
    })
}

/// An item without the compared fields, so that those of input 1 stay.
fn without_keys(item: &Item, fields: &[(String, String)], dots: bool) -> Item {
    let mut json = (*item.json).clone();
    for (_, name) in fields {
        if json.shift_remove(name).is_none() && dots {
            paths::remove(&mut json, &paths::parse(name));
        }
    }
    Item { json: Arc::new(json), ..item.clone() }
}

fn fields_of(params: &Params) -> Result<Vec<(String, String)>, NodeError> {
    if params.advanced {
        return params.merge_by_fields.named("mergeByFields");
    }
    let same = |name: &String| FieldPair { field1: name.clone(), field2: name.clone() };
    FieldPairs { values: params.fields_to_match_string.iter().map(same).collect() }
        .named("fieldsToMatchString")
}
