//! `linkflow compare`: the executions that an n8n instance has stored, once more, node by node.

use std::collections::BTreeMap;
use std::sync::Arc;

use anyhow::Context;
use linkflow_import::n8n::instance::{StoredRun, id_of, stored_runs, unflatten, workflow_file};
use linkflow_model::{Item, Object};
use linkflow_runtime::{Again, Past, PastRun, Prepared, Services};
use linkflow_store::Foreign;
use serde::Serialize;
use serde_json::Value;

use crate::args::Compare;
use crate::from_n8n;
use crate::progress::bar;
use crate::settings::Settings;
use crate::wiring::{Wiring, services};

/// Longest text of a value in the report.
const SHOWN_CHARS: usize = 200;

/// What became of the executions of one workflow.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
struct Report {
    id: String,
    name: String,
    executions: usize,
    /// Runs of nodes with the same result.
    same: usize,
    different: usize,
    /// Runs that were not repeated, by the reason.
    left_out: BTreeMap<&'static str, usize>,
    /// Executions whose data could not be read, and why.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    unreadable: Vec<String>,
    /// `same` as a share of what was compared; none where nothing was.
    score: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    first_difference: Option<Difference>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Difference {
    execution: String,
    node: String,
    run: u32,
    /// Where it is: `output 0, item 3, json.a.b`.
    at: String,
    theirs: String,
    ours: String,
}

pub fn compare(args: &Compare) -> anyhow::Result<u8> {
    let settings = Settings::read(&args.settings.given())?;
    let blobs = std::env::temp_dir().join(format!("linkflow-compare-{}", std::process::id()));
    let wiring = Wiring {
        blobs: blobs.clone(),
        files: None,
        own_machine: false,
        egress_allow: settings.egress_allow.clone(),
        commands: settings.execute_command,
        timezone: settings.timezone.clone(),
        public_url: "http://localhost:8090".to_owned(),
        signing_secret: vec![0; 32],
    };
    let database = from_n8n::open(&args.from)?;
    let vars = from_n8n::variables(&database)?;
    let vars: Object = vars.into_iter().map(|(name, value)| (name, Value::String(value))).collect();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let reports = runtime.block_on(async {
        let services = services(wiring)?;
        Comparer { database, services, vars: Arc::new(vars) }.all(args).await
    });
    let _ = std::fs::remove_dir_all(&blobs);
    let reports = reports?;
    crate::signals::end_with_the_reader();
    match args.json {
        true => println!("{}", serde_json::to_string(&reports)?),
        false => print(&reports),
    }
    Ok(u8::from(reports.iter().any(|r| r.different > 0)))
}

struct Comparer {
    database: Foreign,
    services: Services,
    vars: Arc<Object>,
}

impl Comparer {
    async fn all(&self, args: &Compare) -> anyhow::Result<Vec<Report>> {
        let mut of_workflow = self.executions()?;
        let workflows: Vec<Object> = self.database.rows("workflow_entity", None)?;
        let wanted = |row: &&Object| {
            let is = |column: &str, wanted: &String| id_of(row, column) == *wanted;
            args.workflow.as_ref().is_none_or(|w| is("id", w) || is("name", w))
        };
        let chosen: Vec<&Object> = workflows.iter().filter(wanted).collect();
        let progress = bar(chosen.len(), "workflows");
        let mut reports = Vec::new();
        for row in chosen {
            let id = id_of(row, "id");
            let mut executions = of_workflow.remove(&id).unwrap_or_default();
            executions.reverse();
            executions.truncate(args.limit);
            let mut report = Report { name: id_of(row, "name"), id, ..Report::default() };
            for execution in executions {
                if let Err(why) = self.execution(&execution, row, &mut report).await {
                    report.unreadable.push(format!("{execution}: {why:#}"));
                }
            }
            let compared = report.same + report.different;
            report.score = (compared > 0).then(|| report.same as f64 / compared as f64);
            reports.push(report);
            progress.inc(1);
        }
        progress.finish_and_clear();
        Ok(reports)
    }

    /// Ids of the stored executions of each workflow, in the order in which they began.
    fn executions(&self) -> anyhow::Result<BTreeMap<String, Vec<String>>> {
        let mut rows = self.database.rows("execution_entity", None)?;
        rows.sort_by_key(|row| id_of(row, "id").parse::<u64>().unwrap_or(u64::MAX));
        let mut found: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for row in rows.iter().filter(|row| row.get("deletedAt").is_none_or(Value::is_null)) {
            found.entry(id_of(row, "workflowId")).or_default().push(id_of(row, "id"));
        }
        Ok(found)
    }

    async fn execution(&self, id: &str, now: &Object, report: &mut Report) -> anyhow::Result<()> {
        let rows = self.database.rows("execution_data", Some(("executionId", id)))?;
        let row = rows.first().context("its data are gone")?;
        let text = row.get("data").and_then(Value::as_str).context("it has no data")?;
        let data = unflatten(text).map_err(anyhow::Error::msg)?;
        // As it was then; the workflow may have been changed since.
        let file = match row.get("workflowData") {
            Some(Value::String(text)) => serde_json::from_str(text).unwrap_or(Value::Null),
            Some(value) if value.is_object() => value.clone(),
            _ => workflow_file(now, &[]),
        };
        let imported = linkflow_import::read(file.to_string().as_bytes())?;
        let pinned: Vec<String> = imported.workflow.pinned.keys().cloned().collect();
        let prepared = Prepared::new(Arc::new(imported.workflow), self.services.kinds)?;
        let mut past = Past::new(self.services.clone(), Arc::new(prepared), self.vars.clone());
        report.executions += 1;
        for run in stored_runs(&data) {
            let done = PastRun {
                node: run.node.clone(),
                sources: run.sources.clone(),
                outputs: run.outputs.clone(),
            };
            let again = match pinned.contains(&run.node) {
                true => Again::LeftOut("its data are pinned"),
                false => past.again(&done).await,
            };
            count(report, id, &run, again);
            past.add(&done);
        }
        Ok(())
    }
}

fn count(report: &mut Report, execution: &str, run: &StoredRun, again: Again) {
    let found = match again {
        Again::LeftOut(why) => {
            *report.left_out.entry(why).or_default() += 1;
            return;
        }
        Again::Failed(_) if run.failed => None,
        Again::Failed(error) => {
            Some(("the run".to_owned(), "succeeded".to_owned(), shown(&error.to_string())))
        }
        Again::Outputs(_) if run.failed && run.outputs.is_empty() => {
            Some(("the run".to_owned(), "failed".to_owned(), "succeeded".to_owned()))
        }
        Again::Outputs(ours) => difference_of_outputs(&run.outputs, &ours),
    };
    match found {
        None => report.same += 1,
        Some((at, theirs, ours)) => {
            report.different += 1;
            let node = run.node.clone();
            report.first_difference.get_or_insert(Difference {
                execution: execution.to_owned(),
                node,
                run: run.run,
                at,
                theirs,
                ours,
            });
        }
    }
}

/// Where it is, what they have there, and what we have.
type Found = Option<(String, String, String)>;

fn difference_of_outputs(theirs: &[Vec<Item>], ours: &[Vec<Item>]) -> Found {
    let none = Vec::new();
    for output in 0..theirs.len().max(ours.len()) {
        let (a, b) = (theirs.get(output).unwrap_or(&none), ours.get(output).unwrap_or(&none));
        if a.len() != b.len() {
            return Some((format!("output {output}"), items(a.len()), items(b.len())));
        }
        for (i, (a, b)) in a.iter().zip(b).enumerate() {
            let at = format!("output {output}, item {i}, json");
            if let Some(found) = difference(&a.value(), &b.value(), &at) {
                return Some(found);
            }
        }
    }
    None
}

fn items(n: usize) -> String {
    if n == 1 { "1 item".to_owned() } else { format!("{n} items") }
}

/// The first place in which two values differ. Numbers are compared as JavaScript has them.
fn difference(theirs: &Value, ours: &Value, at: &str) -> Found {
    match (theirs, ours) {
        (Value::Number(a), Value::Number(b)) if a.as_f64() == b.as_f64() => None,
        (Value::Object(a), Value::Object(b)) => {
            let mut keys: Vec<&String> = a.keys().collect();
            keys.extend(b.keys().filter(|key| !a.contains_key(*key)));
            keys.into_iter().find_map(|key| match (a.get(key), b.get(key)) {
                (Some(a), Some(b)) => difference(a, b, &format!("{at}.{key}")),
                (a, b) => Some((format!("{at}.{key}"), or_absent(a), or_absent(b))),
            })
        }
        (Value::Array(a), Value::Array(b)) if a.len() == b.len() => {
            let mut pairs = a.iter().zip(b).enumerate();
            pairs.find_map(|(i, (a, b))| difference(a, b, &format!("{at}[{i}]")))
        }
        (a, b) if a == b => None,
        (a, b) => Some((at.to_owned(), shown(&a.to_string()), shown(&b.to_string()))),
    }
}

fn or_absent(value: Option<&Value>) -> String {
    value.map_or("(absent)".to_owned(), |value| shown(&value.to_string()))
}

fn shown(text: &str) -> String {
    match text.char_indices().nth(SHOWN_CHARS) {
        Some((end, _)) => format!("{}..", &text[..end]),
        None => text.to_owned(),
    }
}

fn print(reports: &[Report]) {
    let (mut same, mut different) = (0, 0);
    for report in reports {
        same += report.same;
        different += report.different;
        let score = report.score.map_or("nothing compared".to_owned(), |s| format!("{:.1} %", s * 100.0));
        let left: usize = report.left_out.values().sum();
        println!(
            "\"{}\" ({}): {score}, {} runs the same, {} different, {left} left out, {} executions",
            report.name, report.id, report.same, report.different, report.executions
        );
        if let Some(d) = &report.first_difference {
            println!("  first in execution {}, {} run {}, {}", d.execution, d.node, d.run, d.at);
            println!("    n8n:      {}\n    Linkflow: {}", d.theirs, d.ours);
        }
        report.unreadable.iter().for_each(|why| println!("  not read: {why}"));
    }
    if reports.len() > 1 {
        eprintln!("{same} of {} compared runs are the same", same + different);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn check(theirs: Value, ours: Value, expected: &str) {
        let items = |value: Value| vec![vec![Item::of_json(value)]];
        let found = difference_of_outputs(&items(theirs), &items(ours));
        let told = found.map_or("same".to_owned(), |(at, theirs, ours)| format!("{at}: {theirs} / {ours}"));
        assert_eq!(told, expected);
    }

    #[test]
    fn the_first_difference_is_named_with_both_values() {
        check(json!({"a": 1, "b": [1, {"c": 2}]}), json!({"b": [1.0, {"c": 2}], "a": 1}), "same");
        check(
            json!({"a": {"b": [1, 2]}}),
            json!({"a": {"b": [1, "2"]}}),
            "output 0, item 0, json.a.b[1]: 2 / \"2\"",
        );
        check(json!({"a": 1}), json!({}), "output 0, item 0, json.a: 1 / (absent)");
        check(json!({}), json!({"z": null}), "output 0, item 0, json.z: (absent) / null");
        let (none, two) = (vec![vec![]], vec![vec![Item::default(), Item::default()], vec![]]);
        assert_eq!(difference_of_outputs(&none, &two).unwrap().2, "2 items");
        assert!(difference_of_outputs(&two, &two[..1]).is_none(), "an output without items is none");
    }
}
