//! Switch: sends each item to one of several outputs.

use linkflow_model::Object;
use linkflow_node::lenient::{self, show};
use linkflow_node::{
    Category, Ctx, Example, Input, Node, NodeError, Outcome, Ports, Requires, RunInput, Spec,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::conditions::{Check, Conditions, evaluate, written_out};
use crate::js;

pub struct Switch;

/// Most outputs of one node.
const OUTPUTS_MAX: usize = 1000;

/// Sends each item to one of several outputs.
///
/// Unlike in n8n, an extra output for the rest gets the items even where there are no rules at all.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Params {
    /// Whether rules choose the output, or an expression gives its index.
    #[serde(default)]
    mode: Mode,
    /// The rules, one output each.
    #[serde(default)]
    rules: Rules,
    /// How many outputs there are. In rules mode only for files from older versions, where rules name
    /// their outputs.
    #[serde(default, deserialize_with = "lenient::integer_or_none")]
    #[schemars(range(min = 1, max = 1000))]
    number_outputs: Option<i64>,
    /// Index of the output, from 0, in expression mode.
    #[serde(default)]
    output: Value,
    /// Details.
    #[serde(default)]
    options: Options,
}

/// How the output is chosen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Mode {
    /// By rules.
    #[default]
    Rules,
    /// By an expression.
    Expression,
}

/// A list of rules.
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
pub struct Rules {
    /// The rules, in the order of their outputs.
    #[serde(default)]
    values: Vec<Rule>,
}

/// One rule.
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Rule {
    /// What has to hold for an item to go through this output.
    conditions: Conditions,
    /// Whether the output has a name of its own.
    #[serde(deserialize_with = "lenient::flag")]
    rename_output: bool,
    /// The output's name.
    output_key: String,
    /// Index of the output, where it is not the rule's own. For files from older versions.
    #[serde(deserialize_with = "lenient::integer_or_none")]
    output: Option<i64>,
}

/// Details.
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Options {
    /// Where items go for which no rule holds: `none`, `extra` for an output of their own, or the
    /// index of an output.
    fallback_output: Value,
    /// Name of the extra output.
    rename_fallback_output: String,
    /// Whether an item goes to the outputs of all rules that hold, instead of only the first.
    #[serde(deserialize_with = "lenient::flag")]
    all_matching_outputs: bool,
}

impl Node for Switch {
    const KIND: &'static str = "switch";
    const SPEC: Spec = Spec {
        title: "Switch",
        summary: "Sends each item to one of several outputs.",
        category: Category::Flow,
        aliases: &["router", "case", "branch", "condition", "route"],
        outputs: &[],
        ..Spec::DEFAULT
    };
    const EXAMPLES: &'static [Example] = &[
        Example {
            title: "The first rule that holds decides",
            params: r#"{"rules": {"values": [
                {"conditions": {"conditions": [{"leftValue": "b", "operator": {"type": "string", "operation": "equals"}, "rightValue": "a"}]}},
                {"conditions": {"conditions": [{"leftValue": "b", "operator": {"type": "string", "operation": "exists"}}]}},
                {"conditions": {"conditions": []}}]}}"#,
            input: r#"[{"n": 1}]"#,
            output: r#"[[], [{"n": 1}], []]"#,
        },
        Example {
            title: "Items for which no rule holds have an output of their own",
            params: r#"{"rules": {"values": [
                {"conditions": {"conditions": [{"leftValue": 1, "operator": {"type": "number", "operation": "gt"}, "rightValue": 2}]}}]},
                "options": {"fallbackOutput": "extra"}}"#,
            input: r#"[{"n": 1}]"#,
            output: r#"[[], [{"n": 1}]]"#,
        },
        Example {
            title: "Give the output's index",
            params: r#"{"mode": "expression", "numberOutputs": 3, "output": 2}"#,
            input: r#"[{"n": 1}]"#,
            output: r#"[[], [], [{"n": 1}]]"#,
        },
    ];
    type Params = Params;

    async fn run(input: Input<Params>, ctx: &Ctx) -> Result<Outcome, NodeError> {
        let run = input.whole();
        let router = Router::read(run, &ctx.timezone)?;
        let mut ports = vec![Vec::new(); router.n_outputs];
        for (i, item) in input.items().iter().enumerate() {
            let mut outputs = Vec::new();
            let routed = router.route(run, i, &mut outputs);
            // Those that were found before a rule could not be asked count all the same.
            for output in outputs {
                ports[output].push(item.clone().paired_with(i));
            }
            if let Err(error) = routed {
                let failed = ctx.failed_item_unpaired(error, i)?;
                if let Some(first) = ports.first_mut() {
                    first.push(failed);
                }
            }
        }
        Ok(Outcome::ports(ports))
    }

    fn ports(params: &Object) -> Ports {
        let values = rules_of(params);
        let names = values.iter().enumerate().map(|(i, rule)| {
            let named = rule.get("renameOutput").is_none_or(js::truthy);
            let key = rule.get("outputKey").and_then(Value::as_str).filter(|k| named && !k.is_empty());
            key.map_or_else(|| i.to_string(), str::to_owned)
        });
        let fixed = || (0..fixed_outputs(params).unwrap_or(4)).map(|i| i.to_string());
        let by_index = is_expression(params) || fixed_outputs(params).is_some();
        let mut outputs: Vec<String> = if by_index { fixed().collect() } else { names.collect() };
        let option = |key: &str| params.get("options").and_then(|o| o.get(key)).and_then(Value::as_str);
        if !by_index && option("fallbackOutput") == Some("extra") {
            let name = option("renameFallbackOutput").filter(|name| !name.is_empty());
            outputs.push(name.unwrap_or("fallback").to_owned());
        }
        outputs.truncate(OUTPUTS_MAX);
        Ports { inputs: vec!["main".to_owned()], outputs, requires: Requires::Any }
    }
}

fn is_expression(params: &Object) -> bool {
    params.get("mode").and_then(Value::as_str) == Some("expression")
}

fn rules_of(params: &Object) -> &[Value] {
    let values = params.get("rules").and_then(|r| r.get("values")).and_then(Value::as_array);
    values.map_or(&[], Vec::as_slice)
}

fn fixed_outputs(params: &Object) -> Option<usize> {
    let number = lenient::as_number(params.get("numberOutputs")?)?;
    (number >= 1.0).then(|| (number as usize).min(OUTPUTS_MAX))
}

/// What decides about all items.
struct Router<'a> {
    n_outputs: usize,
    way: Way<'a>,
}

enum Way<'a> {
    Rules { rules: Vec<(Check<'a>, usize)>, fallback: Option<usize>, all: bool },
    Expression,
}

impl<'a> Router<'a> {
    fn read(run: &'a RunInput, zone: &str) -> Result<Router<'a>, NodeError> {
        if is_expression(&run.params) {
            return Ok(Router { n_outputs: fixed_outputs(&run.params).unwrap_or(4), way: Way::Expression });
        }
        let rules = run.compiled.get("rules");
        rules.map_or(Ok(()), |r| written_out(r, "rules"))?;
        let values = rules.and_then(|r| r.get("values"));
        values.map_or(Ok(()), |v| written_out(v, "rules.values"))?;
        let values = values.map(|v| v.list()).unwrap_or_default();
        let n_rules = values.len().min(OUTPUTS_MAX);
        let mut rules = Vec::with_capacity(n_rules);
        for (i, rule) in values.into_iter().take(OUTPUTS_MAX).enumerate() {
            let here = |e: NodeError| e.inside(&format!("rules.values[{i}]"));
            let check =
                Check::read(rule.get("conditions"), run, zone).map_err(|e| here(e.inside("conditions")))?;
            let output = rule.get("output").and_then(|o| o.constant()).and_then(lenient::as_number);
            rules.push((check, output.map_or(i, |o| o.max(0.0) as usize)));
        }
        let options: Options = match run.compiled.get("options") {
            Some(options) => linkflow_node::input::read_params(&evaluate(options, run, 0)?.into_json())
                .map_err(|e: NodeError| e.inside("options"))?,
            None => Options::default(),
        };
        let mut n_outputs = fixed_outputs(&run.params).unwrap_or(n_rules);
        let fallback = match &options.fallback_output {
            Value::String(text) if text == "extra" => {
                n_outputs += 1;
                Some(n_outputs - 1)
            }
            other => lenient::as_number(other).filter(|n| *n >= 0.0).map(|n| n as usize),
        };
        let way = Way::Rules { rules, fallback, all: options.all_matching_outputs };
        Ok(Router { n_outputs, way })
    }

    /// Finds the outputs of item `i`.
    fn route(&self, run: &RunInput, i: usize, outputs: &mut Vec<usize>) -> Result<(), NodeError> {
        let Way::Rules { rules, fallback, all } = &self.way else {
            outputs.push(self.by_expression(run, i)?);
            return Ok(());
        };
        for (n, (check, output)) in rules.iter().enumerate() {
            let holds =
                check.holds(run, i).map_err(|e| e.inside(&format!("rules.values[{n}].conditions")))?;
            if holds {
                outputs.push(self.within(*output, "rules")?);
                if !all {
                    return Ok(());
                }
            }
        }
        if let (true, Some(fallback)) = (outputs.is_empty(), fallback) {
            outputs.push(self.within(*fallback, "options.fallbackOutput")?);
        }
        Ok(())
    }

    fn by_expression(&self, run: &RunInput, i: usize) -> Result<usize, NodeError> {
        let value = match run.compiled.get("output") {
            Some(part) => evaluate(part, run, i).map_err(|e| e.inside("output"))?.into_json(),
            None => Value::from(0),
        };
        let number =
            lenient::as_number(&value).filter(|n| n.fract() == 0.0 && *n >= 0.0).ok_or_else(|| {
                NodeError::param(
                    "output",
                    format!("must be the index of an output, from 0, got {}", show(&value)),
                )
            })?;
        self.within(number as usize, "output")
    }

    fn within(&self, output: usize, param: &str) -> Result<usize, NodeError> {
        if output < self.n_outputs {
            return Ok(output);
        }
        let last = self.n_outputs.saturating_sub(1);
        Err(NodeError::param(param, format!("there is no output {output}; the last one is {last}")))
    }
}
