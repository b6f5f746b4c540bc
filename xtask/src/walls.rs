//! The walls between the crates: what each may depend on. The table is the one of
//! docs/architecture.md; a new line here is a decision about the design, not a formality.
//!
//! Dependencies of tests are free: a test may look behind any wall.

use crate::repository::{Repository, crate_of};

/// Each crate with the crates of this repository that it may use.
const WALLS: &[(&str, &[&str])] = &[
    ("linkflow-model", &[]),
    ("linkflow-engine", &["model"]),
    ("linkflow-expr", &["model"]),
    ("linkflow-node", &["model", "expr"]),
    ("linkflow-nodes", &["model", "expr", "node"]),
    ("linkflow-store", &["model", "engine"]),
    ("linkflow-queue", &["model"]),
    ("linkflow-sandbox", &["model", "expr", "node"]),
    ("linkflow-runtime", &["model", "engine", "expr", "node", "store", "queue", "sandbox"]),
    ("linkflow-api", &["model", "node", "store", "runtime", "import"]),
    ("linkflow-import", &["model", "node"]),
    (
        "linkflow",
        &[
            "model", "engine", "expr", "node", "nodes", "store", "queue", "sandbox", "runtime", "api",
            "import",
        ],
    ),
    ("linkflow-bench", &["model", "expr", "store"]),
    ("linkflow-chaos", &["model", "engine", "store"]),
    ("xtask", &[]),
];

/// Crates of others that are kept in one place, or few, and where.
const QUARANTINE: &[(&str, &str)] = &[
    ("axum", "linkflow-api"),
    ("tower-http", "linkflow-api"),
    ("utoipa", "linkflow-api"),
    ("rusqlite", "linkflow-store"),
    ("tokio-postgres", "linkflow-store"),
    // For the kind that asks databases of others.
    ("tokio-postgres", "linkflow-nodes"),
    ("git2", "linkflow-nodes"),
    ("deadpool-postgres", "linkflow-store"),
    ("redis", "linkflow-queue"),
    ("rquickjs", "linkflow-expr"),
    ("landlock", "linkflow-sandbox"),
    ("seccompiler", "linkflow-sandbox"),
];

/// Crates that know nothing of what others wrote.
const ALONE: &[&str] = &["linkflow-engine", "xtask"];

/// What each crate depends on that it may not.
pub fn problems(repository: &Repository) -> Vec<String> {
    repository.manifests.iter().flat_map(|(path, text)| of_manifest(path, text)).collect()
}

fn of_manifest(path: &str, text: &str) -> Vec<String> {
    let name = crate_of(path);
    let Some((_, allowed)) = WALLS.iter().find(|(n, _)| *n == name) else {
        return vec![format!(
            "{path}: the crate `{name}` has no line in xtask/src/walls.rs; say there what it may use"
        )];
    };
    let wrong = |dependency: String| {
        let why = refusal(name, allowed, &dependency)?;
        Some(format!("{path}: `{name}` must not depend on `{dependency}`: {why}"))
    };
    dependencies(text).into_iter().filter_map(wrong).collect()
}

/// Why `name` may not use `dependency`, if it may not.
fn refusal(name: &str, allowed: &[&str], dependency: &str) -> Option<String> {
    if let Some(inner) = dependency.strip_prefix("linkflow-") {
        let known = allowed.contains(&inner);
        return (!known).then(|| format!("it may use {}", list(allowed)));
    }
    if ALONE.contains(&name) {
        return Some("it has no dependency of others".to_owned());
    }
    let homes: Vec<&str> =
        QUARANTINE.iter().filter(|(d, _)| *d == dependency).map(|(_, home)| *home).collect();
    let is_free = homes.is_empty() || homes.contains(&name);
    (!is_free).then(|| format!("only `{}` does", homes.join("` and `")))
}

fn list(allowed: &[&str]) -> String {
    match allowed {
        [] => "no crate of this repository".to_owned(),
        some => format!("only {}", some.join(", ")),
    }
}

/// The names in all tables of dependencies but those of tests.
fn dependencies(manifest: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut inside = false;
    for line in manifest.lines().map(str::trim) {
        if let Some(header) = line.strip_prefix('[') {
            let header = header.trim_end_matches(']');
            let (table, name) = split_header(header);
            inside = table;
            found.extend(name);
        } else if inside && !line.starts_with('#') && line.contains('=') {
            let name = line.split(['.', '=', ' ']).next().unwrap_or_default();
            found.push(name.trim_matches('"').to_owned());
        }
    }
    found
}

/// Whether the lines below a header name dependencies, and the one that the header itself names
/// (`[dependencies.axum]`).
fn split_header(header: &str) -> (bool, Option<String>) {
    let mut parts = header.rsplit('.');
    let (last, before) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    let counts = |part: &str| part == "dependencies" || part == "build-dependencies";
    if counts(last) {
        return (true, None);
    }
    (false, counts(before).then(|| last.trim_matches('"').to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(name: &str, manifest: &str, expected: &[&str]) {
        let path = format!("crates/{name}/Cargo.toml");
        let found = of_manifest(&path, manifest);
        assert_eq!(found.len(), expected.len(), "{found:?}");
        for (problem, part) in found.iter().zip(expected) {
            assert!(problem.contains(part), "{problem} does not say {part}");
        }
    }

    #[test]
    fn what_the_table_allows_is_in_order() {
        check("linkflow-engine", "[dependencies]\nlinkflow-model.workspace = true\n", &[]);
        check("linkflow-store", "[dependencies]\nrusqlite.workspace = true\nserde = \"1\"\n", &[]);
        check("linkflow-node", "[dev-dependencies]\naxum.workspace = true\n", &[]);
    }

    #[test]
    fn a_crate_that_reaches_over_a_wall_is_named() {
        check(
            "linkflow-engine",
            "[dependencies]\nlinkflow-store.workspace = true\n",
            &["`linkflow-engine` must not depend on `linkflow-store`: it may use only model"],
        );
        check("linkflow-model", "[dependencies]\nlinkflow-node = { path = \"x\" }\n", &["no crate of this"]);
    }

    #[test]
    fn the_engine_takes_nothing_of_others() {
        check("linkflow-engine", "[dependencies]\nserde.workspace = true\n", &["no dependency of others"]);
        check("linkflow-engine", "[build-dependencies]\ncc = \"1\"\n", &["no dependency of others"]);
    }

    #[test]
    fn a_quarantined_crate_is_found_however_it_is_written() {
        check("linkflow-api", "[dependencies]\nrusqlite = \"0.42\"\n", &["only `linkflow-store` does"]);
        check("linkflow-nodes", "[dependencies]\naxum.workspace = true\n", &["only `linkflow-api` does"]);
        check("linkflow-runtime", "[dependencies.axum]\nversion = \"0.8\"\n", &["only `linkflow-api` does"]);
        check(
            "linkflow-node",
            "[target.'cfg(unix)'.dependencies]\n\"redis\" = \"1\"\n",
            &["only `linkflow-queue` does"],
        );
    }

    #[test]
    fn a_crate_without_a_line_in_the_table_is_refused() {
        check("linkflow-utils", "[dependencies]\n", &["has no line"]);
    }
}
