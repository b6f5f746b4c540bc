//! What must not stand in a source file: unfinished doors, silenced tests, and node kinds by name
//! where no kind may be known.

use crate::repository::{Repository, crate_of};

/// Written in two halves, so that this file does not find itself.
const FORBIDDEN: &[(&str, &str)] = &[
    (concat!("to", "do!("), "finish it or leave the door out"),
    (concat!("unimpl", "emented!("), "finish it or leave the door out"),
    (concat!("#[ig", "nore"), "make the test quick and certain, or remove it"),
];

/// Crates for which a node kind is a name that somebody else gave them.
const BLIND: &[&str] = &[
    "linkflow-model",
    "linkflow-engine",
    "linkflow-expr",
    "linkflow-node",
    "linkflow-store",
    "linkflow-queue",
    "linkflow-runtime",
    "linkflow-api",
];

/// Places behind the walls that name a kind all the same, by file and kind.
const KNOWN: &[(&str, &str)] = &[
    // A note has no inputs, as triggers have none, but nothing starts there.
    ("crates/linkflow-runtime/src/prepared.rs", "sticky_note"),
];

/// What the sources hold that they must not.
pub fn problems(repository: &Repository) -> Vec<String> {
    let kinds = kinds(repository);
    repository.sources.iter().flat_map(|(path, text)| of_file(path, text, &kinds)).collect()
}

/// The names of all kinds that are no ordinary words: `http_request`, but not `set`.
fn kinds(repository: &Repository) -> Vec<String> {
    let in_nodes =
        repository.sources.iter().filter(|(path, _)| path.starts_with("crates/linkflow-nodes/src/"));
    let lines = in_nodes.flat_map(|(_, text)| text.lines());
    let names = lines.filter_map(|l| l.trim().strip_prefix("const KIND: &'static str = \""));
    names.filter_map(|l| l.split('"').next()).filter(|n| n.contains('_')).map(str::to_owned).collect()
}

fn of_file(path: &str, text: &str, kinds: &[String]) -> Vec<String> {
    let mut problems = Vec::new();
    let blind = BLIND.contains(&crate_of(path)) && path.contains("/src/") && !path.ends_with("_tests.rs");
    let mut in_tests = false;
    for (i, line) in text.lines().enumerate() {
        let at = format!("{path}:{}", i + 1);
        if line.trim_start().starts_with("//") {
            continue;
        }
        in_tests |= line.starts_with("mod tests {");
        for (what, instead) in FORBIDDEN.iter().filter(|(what, _)| line.contains(what)) {
            problems.push(format!("{at}: `{what}` must not stand here; {instead}"));
        }
        let named = |kind: &str| line.contains(&format!("\"{kind}\"")) && !KNOWN.contains(&(path, kind));
        for kind in kinds.iter().filter(|k| blind && !in_tests && named(k)) {
            problems
                .push(format!("{at}: the kind `{kind}` is named outside linkflow-nodes and linkflow-import"));
        }
    }
    problems
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(path: &str, text: &str, expected: &[&str]) {
        let mut repository = Repository::default();
        let kind =
            "    const KIND: &'static str = \"http_request\";\n    const KIND: &'static str = \"set\";\n";
        repository.sources.insert("crates/linkflow-nodes/src/a.rs".to_owned(), kind.to_owned());
        repository.sources.insert(path.to_owned(), text.to_owned());
        let found = problems(&repository);
        assert_eq!(found.len(), expected.len(), "{found:?}");
        for (problem, part) in found.iter().zip(expected) {
            assert!(problem.contains(part), "{problem} does not say {part}");
        }
    }

    #[test]
    fn an_unfinished_door_is_found_with_its_line() {
        let text = format!("fn a() {{\n    {}\n}}\n", concat!("to", "do!()"));
        check("crates/linkflow-api/src/b.rs", &text, &["crates/linkflow-api/src/b.rs:2"]);
        check("xtask/src/b.rs", concat!("unimpl", "emented!(\"x\")"), &["finish it"]);
    }

    #[test]
    fn a_silenced_test_is_found() {
        check(
            "crates/linkflow-api/tests/b.rs",
            concat!("#[ig", "nore = \"slow\"]"),
            &["make the test quick"],
        );
    }

    #[test]
    fn a_kind_named_behind_a_wall_is_found() {
        let text = "if node.kind == \"http_request\" {\n";
        check("crates/linkflow-runtime/src/drive.rs", text, &["`http_request` is named outside"]);
        check("crates/linkflow-import/src/n8n.rs", text, &[]);
        check("crates/linkflow-runtime/tests/drive.rs", text, &[]);
    }

    #[test]
    fn comments_tests_and_ordinary_words_name_no_kind() {
        check("crates/linkflow-api/src/b.rs", "/// Such as \"http_request\".\n", &[]);
        check("crates/linkflow-api/src/b.rs", "mod tests {\n    \"http_request\"\n}\n", &[]);
        check("crates/linkflow-api/src/b.rs", "let word = \"set\";\n", &[]);
    }
}
