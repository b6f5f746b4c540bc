//! The fuzz targets of `fuzz/`, called with files of this repository and with damaged ones.
//!
//! `SEED=5 ROUNDS=1000 cargo test -p linkflow --test program fuzz` repeats a run, or does more.

#[path = "../../../../fuzz/src/lib.rs"]
mod targets;

use std::collections::BTreeSet;
use std::panic::catch_unwind;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

/// Damaged inputs for most targets.
const ROUNDS: usize = 1_000;

/// What is put in at random: small things that readers stumble over.
const TOKENS: &[&str] = &[
    "{{",
    "}}",
    "\"",
    "\\",
    "null",
    "-1",
    "1e999",
    "[]",
    "{}",
    "=",
    "\u{feff}",
    "\0",
    "é",
    "\r\n",
    "--X\r\n",
    ",",
    "99999999999999999999",
    "filename=\"../x\"",
    "__proto__",
    "*/0",
    "true",
    ":",
    "$json",
    "(",
    "'",
    "`${",
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// A small generator of numbers; the same seed gives the same numbers.
struct Chance(u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, n: usize) -> usize {
        if n == 0 { 0 } else { (self.next() % n as u64) as usize }
    }

    /// A damaged input: of JSON every other time one that is JSON still.
    fn damage(&mut self, seed: &[u8], other: &[u8]) -> Vec<u8> {
        match (self.below(2), serde_json::from_slice(seed)) {
            (0, Ok(mut value)) => {
                for _ in 0..=self.below(3) {
                    let odd = self.odd_value(other);
                    self.put(&mut value, odd);
                }
                value.to_string().into_bytes()
            }
            _ => self.damage_bytes(seed, other),
        }
    }

    /// A value that is strange in most places, or one of another input.
    fn odd_value(&mut self, other: &[u8]) -> Value {
        match self.below(8) {
            0 => Value::Null,
            1 => json!(self.next() as i64),
            2 => json!(f64::from_bits(self.next())),
            3 => json!([]),
            4 => json!({}),
            5 => json!(TOKENS[self.below(TOKENS.len())]),
            6 => json!(self.below(2) == 0),
            _ => serde_json::from_slice(other).map_or(Value::Null, |value| self.part(value)),
        }
    }

    fn part(&mut self, value: Value) -> Value {
        let parts: Vec<Value> = match &value {
            Value::Array(list) => list.clone(),
            Value::Object(object) => object.values().cloned().collect(),
            _ => Vec::new(),
        };
        if parts.is_empty() || self.below(4) == 0 {
            return value;
        }
        let at = self.below(parts.len());
        self.part(parts[at].clone())
    }

    /// Puts a value in the place of one somewhere within `target`, or takes that one away.
    fn put(&mut self, target: &mut Value, odd: Value) {
        let (is_here, is_removed) = (self.below(8) == 0, self.below(8) == 0);
        match target {
            Value::Array(list) if !list.is_empty() && !is_here => {
                let at = self.below(list.len());
                match is_removed {
                    true => drop(list.remove(at)),
                    false => self.put(&mut list[at], odd),
                }
            }
            Value::Object(object) if !object.is_empty() && !is_here => {
                let at = self.below(object.len());
                let name = object.keys().nth(at).expect("a field").clone();
                match is_removed {
                    true => drop(object.shift_remove(&name)),
                    false => self.put(object.get_mut(&name).expect("a field"), odd),
                }
            }
            _ => *target = odd,
        }
    }

    fn damage_bytes(&mut self, seed: &[u8], other: &[u8]) -> Vec<u8> {
        let mut bytes = seed.to_vec();
        for _ in 0..=self.below(4) {
            let at = self.below(bytes.len() + 1);
            let end = bytes.len().min(at + self.below(20));
            let piece: Vec<u8> = match self.below(6) {
                0 => vec![self.next() as u8],
                1 => TOKENS[self.below(TOKENS.len())].as_bytes().to_vec(),
                2 => bytes[at..bytes.len().min(at + 200)].repeat(2),
                3 => other[self.below(other.len())..].iter().take(100).copied().collect(),
                4 => Vec::new(),
                _ => {
                    bytes.truncate(at);
                    continue;
                }
            };
            bytes.splice(at..end, piece);
        }
        bytes
    }
}

/// Sound inputs for a target.
fn seeds(target: &str) -> Vec<Vec<u8>> {
    let texts = |list: &[&str]| list.iter().map(|text| text.as_bytes().to_vec()).collect();
    match target {
        "n8n_import" => [examples(), fixtures()].concat(),
        "workflow_file" => examples(),
        "expression" | "template" => expressions(),
        "form" => texts(&[
            "X\n--X\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n1\r\n--X\r\nContent-Disposition: form-data; \
             name=\"f\"; filename=\"../x.txt\"\r\nContent-Type: text/plain\r\n\r\nhi\r\n--X--\r\n",
        ]),
        "schedule" => texts(&[
            "\u{1}234567\u{1}\u{1}abcdef\u{1}*/5 9-17 * * 1-5",
            "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\00 30 2 L * 1#2",
            "\0\0\u{10}e0\u{1}\0\0\0\0\0\00\u{1}\0\0{\"weeks\":{\"every\":2,\"weekdays\":[1,5],\"hour\":2,\"minute\":30}}",
        ]),
        "params" => linkflow_nodes::ALL
            .iter()
            .flat_map(|kind| kind.examples)
            .map(|example| example.params.as_bytes().to_vec())
            .collect(),
        "extract" => {
            texts(&["\0a,b\n1,\"x,\"\"y\"\"\"\n", "\u{1}{\"a\": [1, null]}", "\u{2}text", "\u{14}a;b\r\n1;2"])
        }
        other => panic!("no seeds for the target {other}"),
    }
}

fn files(folder: &str) -> Vec<Vec<u8>> {
    let entries = std::fs::read_dir(root().join(folder)).expect("a folder");
    let mut paths: Vec<PathBuf> = entries.map(|e| e.expect("an entry").path()).collect();
    paths.sort();
    paths.iter().map(|path| std::fs::read(path).expect("a file")).collect()
}

fn examples() -> Vec<Vec<u8>> {
    files("examples")
}

fn fixtures() -> Vec<Vec<u8>> {
    let workflow = |file: Vec<u8>| {
        let file: Value = serde_json::from_slice(&file).expect("JSON");
        file["workflow"].to_string().into_bytes()
    };
    files("crates/linkflow-nodes/tests/n8n").into_iter().step_by(20).map(workflow).collect()
}

/// The insides of the first chunks of known cases.
fn expressions() -> Vec<Vec<u8>> {
    let text =
        std::fs::read_to_string(root().join("crates/linkflow-expr/tests/cases.jsonl")).expect("the cases");
    let inside = |line: &str| {
        let case: Value = serde_json::from_str(line).ok()?;
        let (_, rest) = case["expression"].as_str()?.split_once("{{")?;
        Some(rest.split("}}").next()?.trim().as_bytes().to_vec())
    };
    text.lines().step_by(5).filter_map(inside).collect()
}

fn from_environment(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().unwrap_or_else(|_| panic!("{name} must be a number")))
}

/// The first damaged input for which `run` does not hold.
fn hunt(run: fn(&[u8]), seeds: &[Vec<u8>], seed: u64, rounds: usize) -> Option<Vec<u8>> {
    let mut chance = Chance(seed);
    (0..rounds).find_map(|_| {
        let (one, other) = (chance.below(seeds.len()), chance.below(seeds.len()));
        let bytes = chance.damage(&seeds[one], &seeds[other]);
        catch_unwind(|| run(&bytes)).is_err().then_some(bytes)
    })
}

#[track_caller]
fn check(target: &str, rounds: usize) {
    let seed = from_environment("SEED").unwrap_or_else(|| uuid::Uuid::new_v4().as_u64_pair().0);
    let rounds = from_environment("ROUNDS").map_or(rounds, |n| n as usize);
    println!("SEED={seed}");
    let (_, run) = targets::TARGETS.iter().find(|(name, _)| *name == target).expect("a target");
    let seeds = seeds(target);
    assert!(!seeds.is_empty());
    seeds.iter().for_each(|bytes| run(bytes));
    if let Some(bytes) = hunt(*run, &seeds, seed, rounds) {
        panic!("SEED={seed}: {target} does not hold for \"{}\"", bytes.escape_ascii());
    }
}

#[test]
fn damaged_n8n_files_read_as_they_are_written() {
    check("n8n_import", ROUNDS);
}

#[test]
fn damaged_workflow_files_read_as_they_are_written() {
    check("workflow_file", ROUNDS);
}

#[test]
fn damaged_expressions_have_an_answer() {
    check("expression", ROUNDS);
}

#[test]
fn damaged_templates_have_an_answer() {
    check("template", ROUNDS);
}

#[test]
fn damaged_forms_stay_within_their_limits() {
    check("form", ROUNDS);
}

#[test]
fn damaged_schedules_go_forward() {
    check("schedule", ROUNDS);
}

#[test]
fn damaged_parameters_are_read_or_refused() {
    check("params", ROUNDS);
}

#[test]
fn damaged_files_are_extracted_or_refused() {
    check("extract", 60);
}

#[test]
fn every_target_has_a_program_for_the_fuzzer() {
    let names: BTreeSet<String> = targets::TARGETS.iter().map(|(name, _)| format!("{name}.rs")).collect();
    let entries = std::fs::read_dir(root().join("fuzz/fuzz_targets")).expect("the targets");
    let found: BTreeSet<String> =
        entries.map(|e| e.expect("an entry").file_name().to_string_lossy().into_owned()).collect();
    assert_eq!(found, names);
    let manifest = std::fs::read_to_string(root().join("fuzz/Cargo.toml")).expect("a manifest");
    let docs = std::fs::read_to_string(root().join("docs/fuzzing.md")).expect("a page");
    for (name, _) in targets::TARGETS {
        assert!(manifest.contains(&format!("name = \"{name}\"")), "fuzz/Cargo.toml lacks {name}");
        assert!(docs.contains(&format!("| `{name}` |")), "docs/fuzzing.md lacks {name}");
    }
}

#[test]
fn a_target_that_does_not_hold_is_found() {
    fn planted_in_json(bytes: &[u8]) {
        let Ok(file) = serde_json::from_slice::<Value>(bytes) else { return };
        for node in file["nodes"].as_array().into_iter().flatten() {
            assert!(node["position"].is_array() || node["position"].is_null(), "planted");
        }
    }
    fn planted_in_text(bytes: &[u8]) {
        assert!(!bytes.ends_with(b"(") && !bytes.ends_with(b"."), "planted");
    }
    assert!(hunt(planted_in_json, &examples(), 1, ROUNDS).is_some());
    assert!(hunt(planted_in_text, &expressions(), 1, ROUNDS).is_some());
    assert!(hunt(|_| (), &examples(), 1, ROUNDS).is_none());
}
