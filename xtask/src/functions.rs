//! Long functions: none but those on a list, and the list only shrinks. A function on it may not
//! grow, and one that has become short, or has gone, is taken off.
//!
//! Functions are found by their indentation, which rustfmt keeps.

use std::collections::BTreeMap;

use crate::repository::{LONG_FUNCTIONS, Repository};

/// The most lines of a function, its signature included.
const LINES_MAX: usize = 80;

/// Functions that are too long, and lines of the list that are no longer needed.
pub fn problems(repository: &Repository) -> Vec<String> {
    let (listed, mut problems) = read_list(&repository.long_functions);
    let long = long_functions(repository);
    for (name, lines) in &long {
        match listed.get(name) {
            None => {
                problems.push(format!("{name} has {lines} lines, at most {LINES_MAX} are good; split it"))
            }
            Some(before) if lines > before => {
                problems.push(format!("{name} has grown from {before} to {lines} lines; split it"));
            }
            Some(before) if lines < before => {
                problems.push(format!("{name} has shrunk to {lines} lines; say so in {LONG_FUNCTIONS}"));
            }
            Some(_) => {}
        }
    }
    let gone = listed.keys().filter(|name| !long.contains_key(*name));
    problems.extend(gone.map(|name| format!("{name} is not long any more; remove it from {LONG_FUNCTIONS}")));
    problems
}

/// Lines as `crates/linkflow-api/src/ws.rs::serve 95`.
fn read_list(text: &str) -> (BTreeMap<String, usize>, Vec<String>) {
    let (mut listed, mut problems) = (BTreeMap::new(), Vec::new());
    for line in text.lines().map(str::trim).filter(|l| !l.is_empty() && !l.starts_with('#')) {
        match line.rsplit_once(' ').and_then(|(name, n)| Some((name.to_owned(), n.parse().ok()?))) {
            Some((name, lines)) => drop(listed.insert(name, lines)),
            None => problems.push(format!("{LONG_FUNCTIONS}: `{line}` is not a function and its lines")),
        }
    }
    (listed, problems)
}

fn long_functions(repository: &Repository) -> BTreeMap<String, usize> {
    let mut long = BTreeMap::new();
    for (path, text) in &repository.sources {
        for (name, lines) in functions(text).into_iter().filter(|(_, lines)| *lines > LINES_MAX) {
            let longest = long.entry(format!("{path}::{name}")).or_insert(lines);
            *longest = lines.max(*longest);
        }
    }
    long
}

/// The functions of a file with their lines.
fn functions(text: &str) -> Vec<(String, usize)> {
    let lines: Vec<&str> = text.lines().collect();
    let starts = lines.iter().enumerate().filter_map(|(i, line)| Some((i, name_of(line)?)));
    starts.filter_map(|(i, name)| Some((name, length(&lines[i..])?))).collect()
}

/// The name of the function that begins in this line.
fn name_of(line: &str) -> Option<String> {
    let mut words = line.trim_start().split(' ');
    let word = words.find(|w| {
        !(matches!(*w, "pub" | "async" | "const" | "unsafe" | "extern")
            || w.starts_with(['(', '"'])
            || w.starts_with("pub("))
    })?;
    if word != "fn" {
        return None;
    }
    let name: String = words.next()?.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
    (!name.is_empty()).then_some(name)
}

/// How many lines a function takes, given the lines from its first one on. `None` without a body.
fn length(lines: &[&str]) -> Option<usize> {
    let first = lines.first()?;
    if first.ends_with('}') {
        return Some(1);
    }
    let indent = first.len() - first.trim_start().len();
    let at_margin = |line: &str| line.len() - line.trim_start().len() == indent && !line.trim().is_empty();
    let mut in_body = first.ends_with('{');
    if first.ends_with(';') {
        return None;
    }
    for (i, line) in lines.iter().enumerate().skip(1).filter(|(_, line)| at_margin(line)) {
        if in_body && line.trim_start().starts_with('}') {
            return Some(i + 1);
        }
        if !in_body && line.ends_with(';') {
            return None;
        }
        in_body |= line.ends_with('{');
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A function of `lines` lines.
    fn function(name: &str, lines: usize) -> String {
        format!("pub async fn {name}() {{\n{}}}\n", "    step();\n".repeat(lines - 2))
    }

    fn check(text: &str, list: &str, expected: &[&str]) {
        let mut repository = Repository { long_functions: list.to_owned(), ..Repository::default() };
        repository.sources.insert("a.rs".to_owned(), text.to_owned());
        let found = problems(&repository);
        assert_eq!(found.len(), expected.len(), "{found:?}");
        for (problem, part) in found.iter().zip(expected) {
            assert!(problem.contains(part), "{problem} does not say {part}");
        }
    }

    #[test]
    fn a_function_of_eighty_lines_is_in_order_and_one_more_is_too_long() {
        check(&function("fits", 80), "", &[]);
        check(&function("long", 81), "", &["a.rs::long has 81 lines"]);
    }

    #[test]
    fn the_list_excuses_a_function_as_it_is() {
        check(&function("long", 90), "# old debts\na.rs::long 90\n", &[]);
    }

    #[test]
    fn the_list_only_shrinks() {
        check(&function("long", 91), "a.rs::long 90", &["has grown from 90 to 91"]);
        check(&function("long", 89), "a.rs::long 90", &["has shrunk to 89"]);
        check(&function("long", 20), "a.rs::long 90", &["is not long any more"]);
        check("", "a.rs::gone 90", &["is not long any more"]);
    }

    #[test]
    fn a_line_that_nobody_understands_is_named() {
        check("", "a.rs::long", &["`a.rs::long` is not a function"]);
    }

    #[test]
    fn signatures_over_several_lines_count_and_those_without_a_body_do_not() {
        let wide = format!("fn wide(\n    a: u8,\n) -> u8 {{\n{}}}\n", "    step();\n".repeat(80));
        check(&wide, "", &["a.rs::wide has 84 lines"]);
        let bare = format!("trait T {{\n    fn bare(&self);\n{}}}\n", "    const A: u8 = 1;\n".repeat(99));
        check(&bare, "", &[]);
    }

    #[test]
    fn methods_end_at_their_own_indentation() {
        let text = format!("impl A {{\n    fn a() {{\n        b();\n    }}\n{}}}\n", "    // x\n".repeat(99));
        check(&text, "", &[]);
    }
}
