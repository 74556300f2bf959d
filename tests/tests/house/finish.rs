//! Small, finished, and introduced: the size of files, marks of unfinished work, and first lines.

use crate::{
    Complaints, check, is_rust,
    tokens::{has, tokens},
};

const MAX_MAIN_LINES: usize = 60;
const MAX_FILE_LINES: usize = 600;

fn too_long(content: &str, most: usize) -> Complaints {
    let lines = content.lines().count();
    if lines > most { vec![format!("{lines} lines; at most {most}")] } else { vec![] }
}

#[test]
fn functions_stay_thin() {
    check(
        |path| path.starts_with("functions/") && path.ends_with("/main.rs"),
        |text| too_long(&text.content, MAX_MAIN_LINES),
    );
}

#[test]
fn files_stay_short() {
    check(|path| is_rust(path) || path == "tests/run", |text| too_long(&text.content, MAX_FILE_LINES));
}

#[test]
fn bad_length_is_seen() {
    assert_eq!(too_long("a\nb\nc\n", 2).len(), 1);
    assert!(too_long("a\nb\n", 2).is_empty());
}

fn unfinished(code: &str) -> Complaints {
    let tokens = tokens(code);
    let marks: &[(&str, &[&str])] = &[
        ("todo", &["todo", "!"]),
        ("unimplemented", &["unimplemented", "!"]),
        ("an ignored test", &["#", "(", "ignore"]),
    ];
    marks.iter().filter(|(_, mark)| has(&tokens, mark)).map(|(name, _)| format!("unfinished: {name}")).collect()
}

#[test]
fn nothing_is_left_unfinished() {
    check(is_rust, |text| unfinished(&text.content));
}

#[test]
fn bad_ends_are_seen() {
    for code in ["fn f() { todo!() }", "fn f() { unimplemented!(\"x\") }", "#[test]\n#[ignore = \"slow\"]\nfn f() {}"] {
        assert_eq!(unfinished(code).len(), 1, "{code}");
    }
    assert!(unfinished("// todo!()\nfn todo() { say(\"#[ignore] unimplemented!()\") }").is_empty());
}

fn undocumented(code: &str) -> Complaints {
    let first = code.lines().find(|line| !line.trim().is_empty()).unwrap_or_default();
    if first.starts_with("//! ") { vec![] } else { vec!["begins without a `//!` that says what it is".to_owned()] }
}

#[test]
fn every_crate_says_what_it_is() {
    let is_root = |path: &str| {
        path.ends_with("/src/lib.rs")
            || path.ends_with("/src/main.rs")
            || path.starts_with("tests/tests/") && is_rust(path)
    };
    check(is_root, |text| undocumented(&text.content));
}

#[test]
fn bad_beginnings_are_seen() {
    assert_eq!(undocumented("use std::fs;\n//! late").len(), 1);
    assert_eq!(undocumented("").len(), 1);
    assert!(undocumented("\n//! What it is.\n").is_empty());
}
