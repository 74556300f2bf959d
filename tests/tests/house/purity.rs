//! The core is pure: what its code must not name.

use crate::{
    Complaints, check, is_rust,
    tokens::{has, tokens},
};
use std::collections::BTreeSet;

/// What the core must not name; the modules of `std` only as `std::…`.
const IMPURE_NAMES: &[&str] = &[
    "HashMap",
    "HashSet",
    "Instant",
    "SystemTime",
    "f32",
    "f64",
    "tokio",
    "futures",
    "async_trait",
    "reqwest",
    "hyper",
    "http",
    "axum",
    "fastrand",
    "getrandom",
    "rand",
    "thread_local",
    "println",
    "eprintln",
];
const IMPURE_MODULES: &[&str] = &["fs", "net", "env", "thread", "process", "io", "os"];

/// The names that follow `std ::`, alone or in braces.
fn modules_of_std(tokens: &[String]) -> Vec<&String> {
    let starts = (0..tokens.len()).filter(|&at| has(&tokens[at..tokens.len().min(at + 3)], &["std", ":", ":"]));
    let after = starts.map(|at| &tokens[at + 3..]);
    after
        .flat_map(|rest| {
            if rest.first().is_some_and(|first| first == "(") { braces(rest) } else { rest.iter().take(1).collect() }
        })
        .collect()
}

/// The first names inside a leading group: `(fs :: File , net)` gives `fs` and `net`.
fn braces(tokens: &[String]) -> Vec<&String> {
    let mut depth = 0;
    let mut names = Vec::new();
    for (at, token) in tokens.iter().enumerate() {
        match token.as_str() {
            "(" => depth += 1,
            ")" => depth -= 1,
            _ if depth == 1 && matches!(tokens[at - 1].as_str(), "(" | ",") => names.push(token),
            _ => {}
        }
        if depth == 0 {
            break;
        }
    }
    names
}

fn is_float(token: &str) -> bool {
    token.starts_with(|first: char| first.is_ascii_digit()) && token.contains('.')
}

fn impurities(code: &str) -> Complaints {
    let tokens = tokens(code);
    let mut found: BTreeSet<String> =
        IMPURE_NAMES.iter().filter(|name| has(&tokens, &[name])).map(|&name| name.to_owned()).collect();
    found.extend(
        modules_of_std(&tokens)
            .into_iter()
            .filter(|name| IMPURE_MODULES.contains(&name.as_str()))
            .map(|name| format!("std::{name}")),
    );
    found.extend(tokens.iter().filter(|token| is_float(token)).map(|token| format!("the float {token}")));
    found.extend(has(&tokens, &["async"]).then(|| "async".to_owned()));
    found.extend(has(&tokens, &[".", "await"]).then(|| ".await".to_owned()));
    found.into_iter().map(|name| format!("the core is pure; found {name}")).collect()
}

/// Where tests plant mistakes: a switch outside the arguments, and absent unless its feature is on.
const PLANTED: &str = "shared/domain/src/planted.rs";

#[test]
fn the_core_is_pure() {
    let is_core = |path: &str| path.starts_with("shared/domain/src/") && is_rust(path) && path != PLANTED;
    check(is_core, |text| impurities(&text.content));
}

#[test]
fn bad_purity_is_seen() {
    for code in [
        "async fn f() {}",
        "fn f() { let g = async { 1 }; }",
        "fn f() { g().await }",
        "use std::{collections::BTreeMap, fs::File};",
        "fn f() { std::env::var(\"A\"); }",
        "use std::{time::Instant};",
        "fn f(levels: HashMap<u8, u8>) {}",
        "fn f() -> f64 { g() }",
        "fn f() { g(0.5) }",
        "fn f() { println!(\"x\") }",
    ] {
        assert_eq!(impurities(code).len(), 1, "{code}");
    }
    let good = "//! No HashMap, no async, std::fs, 1.5.\nfn f(net: i64) -> &'static str { \"tokio f64 std::fs\" }";
    assert!(impurities(good).is_empty());
}
