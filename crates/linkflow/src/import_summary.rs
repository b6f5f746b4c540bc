//! What a collection of workflow files lacks most, by the files that it blocks.

use std::collections::{BTreeMap, BTreeSet};

use linkflow_api::ImportedView;
use serde::Serialize;

/// Lines of the table; the JSON has all.
const SHOWN_MAX: usize = 30;

#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Summary {
    files: usize,
    runnable: usize,
    /// Files that are no workflow at all.
    unreadable: usize,
    nodes: usize,
    /// How many nodes have each verdict.
    verdicts: BTreeMap<String, usize>,
    /// What cannot run, most files first.
    missing: Vec<Missing>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Missing {
    #[serde(rename = "type")]
    node_type: String,
    nodes: usize,
    /// Files in which it is.
    files: usize,
    /// Files in which nothing else is missing.
    files_alone: usize,
}

impl Summary {
    pub fn of(views: &[ImportedView]) -> Summary {
        let mut summary = Summary { files: views.len(), ..Summary::default() };
        let mut missing: BTreeMap<&str, Missing> = BTreeMap::new();
        for view in views {
            summary.runnable += usize::from(view.runnable && view.error.is_none());
            summary.unreadable += usize::from(view.error.is_some() && view.nodes.is_empty());
            summary.nodes += view.nodes.len();
            let mut here = BTreeSet::new();
            for node in &view.nodes {
                *summary.verdicts.entry(node.verdict.clone()).or_default() += 1;
                if node.verdict == "missing" || node.verdict == "unreadable" {
                    entry(&mut missing, &node.node_type).nodes += 1;
                    here.insert(node.node_type.as_str());
                }
            }
            for node_type in &here {
                let found = entry(&mut missing, node_type);
                found.files += 1;
                found.files_alone += usize::from(here.len() == 1);
            }
        }
        summary.missing = missing.into_values().collect();
        summary.missing.sort_by(|a, b| (b.files, b.files_alone).cmp(&(a.files, a.files_alone)));
        summary
    }

    /// The table, line by line.
    pub fn lines(&self) -> Vec<String> {
        let percent = 100.0 * self.runnable as f64 / self.files.max(1) as f64;
        let verdicts: Vec<String> = self.verdicts.iter().map(|(v, n)| format!("{n} {v}")).collect();
        let mut lines = vec![
            format!(
                "{} files: {} run whole ({percent:.1} %), {} are no workflow",
                self.files, self.runnable, self.unreadable
            ),
            format!("{} nodes: {}", self.nodes, verdicts.join(", ")),
        ];
        if self.missing.is_empty() {
            return lines;
        }
        lines.push(format!("{:>7} {:>7} {:>7}  cannot run", "files", "alone", "nodes"));
        for found in self.missing.iter().take(SHOWN_MAX) {
            let name = if found.node_type.is_empty() { "(no type)" } else { &found.node_type };
            lines.push(format!("{:>7} {:>7} {:>7}  {name}", found.files, found.files_alone, found.nodes));
        }
        if self.missing.len() > SHOWN_MAX {
            lines.push(format!("and {} more types; --json has all", self.missing.len() - SHOWN_MAX));
        }
        lines
    }
}

fn entry<'a, 'b>(missing: &'b mut BTreeMap<&'a str, Missing>, node_type: &'a str) -> &'b mut Missing {
    missing.entry(node_type).or_insert_with(|| Missing {
        node_type: node_type.to_owned(),
        nodes: 0,
        files: 0,
        files_alone: 0,
    })
}
