//! Each channel's `docs.md` says what its fake must do, point by point, each with its tests; and each switch of a fake is set by
//! a test, and named there where it stands for something that nobody knows.

use crate::features::tests_of;
use crate::{Complaints, Text, is_rust, tree};
use std::collections::BTreeSet;

/// Begins the table's heading; the number of points follows.
const HEADING: &str = "## What the fake must do: ";
/// The fewest points that a platform's fake has.
const FEWEST: usize = 13;
/// Marks a switch that stands for something nobody knows.
const UNKNOWN: &str = "UNKNOWN";

/// A row of the table: its number, and the tests in its last cell.
struct Point<'a> {
    number: usize,
    tests: Vec<&'a str>,
}

fn point(line: &str) -> Option<Point<'_>> {
    let (number, cells) = line.strip_prefix("| ")?.split_once(" | ")?;
    let (_, tests) = cells.rsplit_once(" | ")?;
    Some(Point { number: number.parse().ok()?, tests: tests.split('`').skip(1).step_by(2).collect() })
}

/// What is wrong with the points of a page.
fn wrong_points(page: &str, known: &BTreeSet<String>) -> Complaints {
    let Some((heading, rest)) = page.split_once(HEADING).and_then(|(_, rest)| rest.split_once('\n')) else {
        return vec![format!("there is no heading {HEADING:?}")];
    };
    let count = heading.split_whitespace().next().and_then(|count| count.parse().ok()).unwrap_or(0);
    let points: Vec<Point<'_>> = rest.split("\n## ").next().unwrap_or_default().lines().filter_map(point).collect();
    let mut complaints = Complaints::new();
    if count < FEWEST || !points.iter().map(|point| point.number).eq(1..=count) {
        complaints.push(format!("the points are not 1 to {count}, or fewer than {FEWEST}"));
    }
    for Point { number, tests } in points {
        if tests.is_empty() {
            complaints.push(format!("point {number} names no test"));
        }
        let unknown = tests.into_iter().filter(|test| !known.contains(*test));
        complaints.extend(unknown.map(|test| format!("point {number} names {test}, which is no test")));
    }
    complaints
}

/// The fields of a file of switches, and whether each is for something that nobody knows.
fn switches(code: &str) -> Vec<(&str, bool)> {
    let mut unknown = false;
    let mut found = Vec::new();
    for line in code.split("pub struct Switches {").nth(1).unwrap_or_default().lines().take_while(|line| *line != "}") {
        match line.trim() {
            doc if doc.starts_with("///") => unknown |= doc.contains(UNKNOWN),
            field => {
                found.extend(
                    field.strip_prefix("pub ").and_then(|rest| rest.split(':').next()).map(|name| (name, unknown)),
                );
                unknown = false;
            }
        }
    }
    found
}

/// Whether a text has this word, as it is written in code or in JSON.
fn has(text: &str, name: &str) -> bool {
    let word = |letter: char| letter.is_alphanumeric() || letter == '_' || letter == '-';
    let (code, json) = (name, name.replace('_', "-"));
    text.split(|letter| !word(letter)).any(|found| found == code || found == json)
}

fn wrong_switches(code: &str, page: &str, tests: &[&str]) -> Complaints {
    let mut complaints = Complaints::new();
    for (name, unknown) in switches(code) {
        if unknown && !has(page, name) {
            complaints.push(format!("the page does not name the switch {name}"));
        }
        if !tests.iter().any(|test| has(test, name)) {
            complaints.push(format!("no test sets the switch {name}"));
        }
    }
    complaints
}

/// The channels' folders.
fn channels(texts: &[Text]) -> Vec<&str> {
    let folders = texts.iter().filter_map(|text| text.path.strip_suffix("/docs.md"));
    folders.filter(|folder| folder.starts_with("shared/channels/src/")).collect()
}

fn content<'a>(texts: &'a [Text], path: &str) -> &'a str {
    texts.iter().find(|text| text.path == path).map_or("", |text| &text.content)
}

#[test]
fn every_point_of_a_fake_has_a_test_and_every_switch_is_set_by_one() {
    let texts = tree();
    let known = tests_of(&texts);
    let of_tests = |text: &&Text| is_rust(&text.path) && text.path.starts_with("tests/");
    let tests: Vec<&str> = texts.iter().filter(of_tests).map(|text| text.content.as_str()).collect();
    let folders = channels(&texts);
    assert!(folders.len() > 2, "has something moved?");
    let mut all = Complaints::new();
    for folder in folders {
        let (page, code) = (format!("{folder}/docs.md"), format!("{folder}/fake/switches.rs"));
        let (page, code) = (content(&texts, &page), content(&texts, &code));
        assert!(!switches(code).is_empty(), "{folder} has no switches");
        let wrong = wrong_points(page, &known).into_iter().chain(wrong_switches(code, page, &tests));
        all.extend(wrong.map(|complaint| format!("{folder}: {complaint}")));
    }
    assert!(all.is_empty(), "\n{}", all.join("\n"));
}

#[test]
fn bad_points_and_switches_are_seen() {
    let known = BTreeSet::from(["shown".to_owned()]);
    let page = format!("{HEADING}2 points\n\n| 1 | a | b | `shown` |\n| 2 | c | |\n| 3 | d | `hidden` |\n\n## More\n");
    let told = wrong_points(&page, &known).join("\n");
    for expected in ["not 1 to 2", "point 2 names no test", "point 3 names hidden"] {
        assert!(told.contains(expected), "{told}");
    }
    let code = "pub struct Switches {\n    /// UNKNOWN: both.\n    pub one_way: bool,\n    /// Known.\n    pub other: bool,\n}\n";
    assert_eq!(switches(code), [("one_way", true), ("other", false)]);
    assert_eq!(wrong_switches(code, "`one-way`", &["s.one_way = true; s.other = true"]), Complaints::new());
    assert_eq!(wrong_switches(code, "", &[]).len(), 3);
}
