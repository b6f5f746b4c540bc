//! What comes from others: under which licences, and what of it is there twice.
//!
//! Licences are read for the machine this runs on, and for the editor from its lock file. A crate
//! that we chose ourselves and that comes in two versions is on a list, with a reason.

use std::collections::{BTreeMap, BTreeSet};

use crate::repository::{DUPLICATES, Repository};

/// What we may ship, or build with, without asking anybody. Nothing here obliges us to give away
/// our own source; MPL-2.0 only that of its own files.
const LICENCES: &[&str] = &[
    "0BSD",
    "Apache-2.0",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "BSL-1.0",
    "BlueOak-1.0.0",
    "CC0-1.0",
    // Lists of root certificates.
    "CDLA-Permissive-2.0",
    "ISC",
    "MIT",
    "MIT-0",
    "MPL-2.0",
    // Typefaces, which may go along with any program.
    "OFL-1.1",
    "OpenSSL",
    "Unicode-3.0",
    "Unicode-DFS-2016",
    "Unlicense",
    "Zlib",
];

pub fn problems(repository: &Repository) -> Vec<String> {
    let mut problems = licences_of_crates(&repository.licences);
    problems.extend(licences_of_packages(&repository.web_lock));
    problems.extend(duplicates(repository));
    problems
}

/// Lines as `serde v1.0.0 (proc-macro) | MIT OR Apache-2.0`, as `cargo tree` prints them.
fn licences_of_crates(tree: &str) -> Vec<String> {
    let lines: BTreeSet<&str> = tree.lines().map(|l| l.trim_end_matches(" (*)")).collect();
    let pairs = lines.into_iter().filter_map(|line| line.split_once(" | "));
    pairs.filter_map(|(package, licence)| refusal(package, licence)).collect()
}

/// The entries of npm's lock file: a line with the folder, then lines with its fields.
fn licences_of_packages(lock: &str) -> Vec<String> {
    let mut found: Vec<(&str, &str)> = Vec::new();
    for line in lock.lines().map(str::trim) {
        if line.starts_with("\"node_modules/") && line.ends_with('{') {
            found.push((line.split('"').nth(1).unwrap_or_default(), ""));
        } else if line.starts_with("\"license\": ")
            && let Some(last) = found.last_mut()
        {
            last.1 = line.split('"').nth(3).unwrap_or_default();
        }
    }
    found.into_iter().filter_map(|(package, licence)| refusal(&format!("web/{package}"), licence)).collect()
}

fn refusal(package: &str, licence: &str) -> Option<String> {
    match is_allowed(licence) {
        true => None,
        false if licence.trim().is_empty() => {
            Some(format!("{package} does not say under which licence it is; look, or do without it"))
        }
        false => Some(format!(
            "{package} is under `{licence}`; do without it, or say in xtask/src/dependencies.rs why it may stay"
        )),
    }
}

/// Whether an SPDX expression leaves us a choice that we allow. `/` is the older way to say OR.
fn is_allowed(licence: &str) -> bool {
    let spaced = licence.replace('(', " ( ").replace(')', " ) ").replace('/', " OR ");
    let words: Vec<&str> = spaced.split_whitespace().collect();
    let mut rest = words.as_slice();
    any_of(&mut rest).unwrap_or(false) && rest.is_empty()
}

fn any_of(rest: &mut &[&str]) -> Option<bool> {
    let mut is_allowed = all_of(rest)?;
    while rest.first() == Some(&"OR") {
        *rest = &rest[1..];
        is_allowed |= all_of(rest)?;
    }
    Some(is_allowed)
}

fn all_of(rest: &mut &[&str]) -> Option<bool> {
    let mut is_allowed = one(rest)?;
    while rest.first() == Some(&"AND") {
        *rest = &rest[1..];
        is_allowed &= one(rest)?;
    }
    Some(is_allowed)
}

fn one(rest: &mut &[&str]) -> Option<bool> {
    let (first, after) = rest.split_first()?;
    *rest = after;
    if *first == "(" {
        let inner = any_of(rest)?;
        let (close, after) = rest.split_first()?;
        *rest = after;
        return (*close == ")").then_some(inner);
    }
    // Exceptions only add to what a licence permits.
    if rest.first() == Some(&"WITH") {
        *rest = rest.get(2..)?;
    }
    Some(LICENCES.contains(first))
}

/// Crates of the workspace's own table that are in the lock file in more than one version.
fn duplicates(repository: &Repository) -> Vec<String> {
    let ours = chosen(&repository.root_manifest);
    let versions = versions(&repository.lock);
    let twice: BTreeMap<&str, &BTreeSet<&str>> =
        versions.iter().filter(|(n, v)| v.len() > 1 && ours.contains(*n)).map(|(n, v)| (*n, v)).collect();
    let listed: BTreeSet<&str> = repository
        .duplicates
        .lines()
        .filter(|l| !l.trim().is_empty() && !l.starts_with('#'))
        .map(|l| l.split(':').next().unwrap_or(l).trim())
        .collect();
    let new = twice.iter().filter(|(name, _)| !listed.contains(*name)).map(|(name, versions)| {
        let versions: Vec<&str> = versions.iter().copied().collect();
        let versions = versions.join(" and ");
        format!("`{name}` is there in {versions}; take one, or say in {DUPLICATES} who needs the other")
    });
    let gone = listed.iter().filter(|name| !twice.contains_key(*name));
    let gone = gone.map(|name| format!("`{name}` is not there twice any more; remove it from {DUPLICATES}"));
    new.chain(gone).collect()
}

/// The names in `[workspace.dependencies]`.
fn chosen(manifest: &str) -> BTreeSet<&str> {
    let lines = manifest.lines().skip_while(|l| l.trim() != "[workspace.dependencies]").skip(1);
    let lines = lines.take_while(|l| !l.starts_with('['));
    lines.filter_map(|l| l.split_once('=').map(|(name, _)| name.trim())).collect()
}

/// Each package of a `Cargo.lock` with its versions.
fn versions(lock: &str) -> BTreeMap<&str, BTreeSet<&str>> {
    let mut found: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    let mut name = "";
    for line in lock.lines() {
        let value = |key: &str| line.strip_prefix(key).map(|rest| rest.trim_matches('"'));
        if let Some(value) = value("name = ") {
            name = value;
        } else if let Some(version) = value("version = ").filter(|_| !name.is_empty()) {
            found.entry(name).or_default().insert(version);
            name = "";
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(repository: Repository, expected: &[&str]) {
        let found = problems(&repository);
        assert_eq!(found.len(), expected.len(), "{found:?}");
        for (problem, part) in found.iter().zip(expected) {
            assert!(problem.contains(part), "{problem} does not say {part}");
        }
    }

    #[test]
    fn a_licence_that_leaves_an_allowed_choice_is_in_order() {
        for licence in [
            "MIT",
            "MIT/Apache-2.0",
            "Apache-2.0 WITH LLVM-exception OR Apache-2.0 OR MIT",
            "MIT OR Apache-2.0 OR LGPL-2.1-or-later",
            "ISC AND (Apache-2.0 OR GPL-3.0)",
            "(MIT OR Apache-2.0) AND Unicode-3.0",
        ] {
            assert!(is_allowed(licence), "{licence}");
        }
    }

    #[test]
    fn a_licence_without_an_allowed_choice_is_refused() {
        for licence in
            ["", "GPL-3.0", "MIT AND GPL-2.0", "(MIT", "MIT)", "MIT OR", "AGPL-3.0 OR SSPL-1.0", "mine"]
        {
            assert!(!is_allowed(licence), "{licence}");
        }
    }

    #[test]
    fn a_crate_under_a_licence_that_binds_us_is_named_once() {
        let tree = "a v1.0.0 | MIT\nreadline v2.0.0 | GPL-3.0-only\nreadline v2.0.0 | GPL-3.0-only (*)\nodd v1.0.0 | \n";
        let repository = Repository { licences: tree.to_owned(), ..Repository::default() };
        check(repository, &["odd v1.0.0 does not say", "readline v2.0.0 is under `GPL-3.0-only`"]);
    }

    #[test]
    fn the_editors_packages_are_looked_at_too() {
        let lock = r#"
            "": { "name": "web", "license": "Apache-2.0" },
            "node_modules/good": {
              "version": "1.0.0",
              "license": "MIT",
            },
            "node_modules/silent": {
              "version": "1.0.0",
            },
            "node_modules/bad": {
              "license": "AGPL-3.0-only",
            },"#;
        let repository = Repository { web_lock: lock.to_owned(), ..Repository::default() };
        check(repository, &["web/node_modules/silent does not say", "web/node_modules/bad is under"]);
    }

    fn twice(list: &str) -> Repository {
        let package = |name, version| format!("[[package]]\nname = \"{name}\"\nversion = \"{version}\"\n\n");
        Repository {
            root_manifest:
                "[workspace.dependencies]\nbase64 = \"1\"\nserde = \"1\"\n\n[profile.dev]\nrand = 1\n"
                    .to_owned(),
            lock: [
                ("base64", "0.22.1"),
                ("base64", "0.23.0"),
                ("rand", "1.0.0"),
                ("rand", "2.0.0"),
                ("serde", "1.0.0"),
            ]
            .map(|(n, v)| package(n, v))
            .concat(),
            duplicates: list.to_owned(),
            ..Repository::default()
        }
    }

    #[test]
    fn a_crate_of_ours_in_two_versions_needs_a_reason() {
        check(twice(""), &["`base64` is there in 0.22.1 and 0.23.0"]);
        check(twice("# why\nbase64: reqwest is behind\n"), &[]);
    }

    #[test]
    fn the_list_of_reasons_only_shrinks() {
        check(twice("base64: x\nserde: y\n"), &["`serde` is not there twice any more"]);
    }
}
