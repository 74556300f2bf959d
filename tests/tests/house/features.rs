//! Whatever docs/FEATURES.md says that the system does has a test that shows it.

use crate::{Complaints, Text, is_rust, root, tree};
use std::collections::BTreeSet;
use std::fs;

/// Rows that must be there, by section.
const ROWS: &[(char, usize)] = &[('A', 20), ('B', 19), ('C', 11), ('D', 25)];

/// A row of the table with the tests that it names.
struct Row<'a> {
    name: &'a str,
    tests: Vec<&'a str>,
}

/// The rows of the page; other lines are none.
fn rows(page: &str) -> Vec<Row<'_>> {
    page.lines().filter_map(read).collect()
}

fn read(line: &str) -> Option<Row<'_>> {
    let cells: Vec<&str> = line.strip_prefix("| ")?.split(" | ").collect();
    let [name, _, tests] = cells.as_slice() else { return None };
    let (section, number) = name.split_at_checked(1)?;
    let known = ROWS.iter().any(|(known, _)| section.starts_with(*known));
    let tests = tests.split('`').skip(1).step_by(2).collect();
    (known && number.parse::<usize>().is_ok()).then_some(Row { name, tests })
}

/// The functions marked as tests, and the stories.
pub(crate) fn tests_of(texts: &[Text]) -> BTreeSet<String> {
    let mut known = BTreeSet::new();
    for text in texts {
        if let Some(story) = text.path.strip_prefix("tests/scenarios/").and_then(|name| name.strip_suffix(".txt")) {
            known.insert(story.replace('-', "_"));
        } else if is_rust(&text.path) {
            known.extend(functions(&text.content));
        }
    }
    known
}

/// Functions after a line that ends in `test]`, or in `test(…)]`.
fn functions(code: &str) -> Vec<String> {
    let lines: Vec<&str> = code.lines().map(str::trim).collect();
    let marked = |line: &&str| line.starts_with("#[") && (line.contains("test]") || line.contains("::test("));
    let named = |line: &str| {
        let rest = line.trim_start_matches("pub ").trim_start_matches("async ").strip_prefix("fn ")?;
        rest.split('(').next().map(str::to_owned)
    };
    let after = |at: usize| lines[at + 1..].iter().find(|line| !line.starts_with('#')).and_then(|line| named(line));
    lines.iter().enumerate().filter(|(_, line)| marked(line)).filter_map(|(at, _)| after(at)).collect()
}

fn complaints(page: &str, known: &BTreeSet<String>) -> Complaints {
    let rows = rows(page);
    let wanted = ROWS.iter().flat_map(|(section, count)| (1..=*count).map(move |number| format!("{section}{number}")));
    let missing = wanted.filter(|name| rows.iter().all(|row| row.name != name));
    let mut complaints: Complaints = missing.map(|name| format!("there is no row {name}")).collect();
    for row in &rows {
        if row.tests.is_empty() {
            complaints.push(format!("{} names no test", row.name));
        }
        let unknown = row.tests.iter().filter(|test| !known.contains(**test));
        complaints.extend(unknown.map(|test| format!("{} names {test}, which is no test and no story", row.name)));
    }
    complaints
}

#[test]
fn every_row_of_the_features_has_a_test() {
    let page = fs::read_to_string(root().join("docs/FEATURES.md")).unwrap();
    let all = complaints(&page, &tests_of(&tree()));
    assert!(all.is_empty(), "docs/FEATURES.md:\n{}", all.join("\n"));
}

#[test]
fn bad_rows_are_seen() {
    let code =
        "#[test]\nfn shown() {}\n#[tokio::test(flavor = \"multi_thread\")]\nasync fn waited() {}\nfn helper() {}";
    let known: BTreeSet<String> = functions(code).into_iter().collect();
    assert_eq!(known, ["shown".to_owned(), "waited".to_owned()].into());
    let page = "| A1 | it works | `shown` `waited` |\n| A2 | so it says | |\n| A3 | does it | `helper` |\n";
    let told = complaints(page, &known);
    assert!(told.contains(&"A2 names no test".to_owned()), "{told:?}");
    assert!(told.contains(&"A3 names helper, which is no test and no story".to_owned()), "{told:?}");
    assert!(told.contains(&"there is no row A4".to_owned()) && !told.iter().any(|one| one.contains("A1 ")), "{told:?}");
}
