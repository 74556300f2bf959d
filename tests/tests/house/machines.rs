//! Nothing of one machine, and settings that hold on all: paths, lock files, lint settings.

use crate::{Complaints, check, root, tree};
use std::fs;

/// Absolute paths that exist on somebody's machine only.
fn machine_paths(content: &str) -> Complaints {
    let homes = ["work", "root", "tmp", "home", "Users"].map(|home| format!("/{home}/"));
    let inside = |before: &str| before.ends_with(|last: char| last.is_alphanumeric() || "._-}/$~*".contains(last));
    let found =
        |line: &str| homes.iter().any(|home| line.match_indices(home.as_str()).any(|(at, _)| !inside(&line[..at])));
    content
        .lines()
        .enumerate()
        .filter(|(_, line)| found(line))
        .map(|(at, _)| format!("line {}: a path of one machine", at + 1))
        .collect()
}

#[test]
fn no_file_knows_a_machine() {
    check(|path| path != "LICENSE", |text| machine_paths(&text.content));
}

#[test]
fn bad_paths_are_seen() {
    let bad = ["root", "home", "tmp"].map(|home| format!("see \"/{home}/me/x\""));
    for line in bad {
        assert_eq!(machine_paths(&line).len(), 1, "{line}");
    }
    assert!(machine_paths("https://example.com/home/x ${HOME}/tmp/x target/tmp/x").is_empty());
}

/// Addresses of a registry in a lock file of npm: they say where one machine happened to load from.
fn resolved_addresses(lock: &serde_json::Value) -> usize {
    match lock {
        serde_json::Value::Object(map) => {
            map.iter().map(|(key, value)| usize::from(key == "resolved") + resolved_addresses(value)).sum()
        }
        serde_json::Value::Array(list) => list.iter().map(resolved_addresses).sum(),
        serde_json::Value::Null
        | serde_json::Value::Bool(_)
        | serde_json::Value::Number(_)
        | serde_json::Value::String(_) => 0,
    }
}

/// Crates in `Cargo.lock` that come neither from here nor from crates.io.
fn foreign_sources(lock: &str) -> Complaints {
    let home = |line: &&str| {
        line.starts_with("source = ") && !line.contains("registry+https://github.com/rust-lang/crates.io-index")
    };
    lock.lines().filter(home).map(|line| format!("not from crates.io: {line}")).collect()
}

#[test]
fn lock_files_name_no_mirror() {
    check(|path| path == "Cargo.lock", |text| foreign_sources(&text.content));
    for text in tree().iter().filter(|text| text.path.ends_with("package-lock.json")) {
        assert_eq!(resolved_addresses(&serde_json::from_str(&text.content).unwrap()), 0, "{}", text.path);
    }
}

#[test]
fn bad_locks_are_seen() {
    assert_eq!(foreign_sources("source = \"registry+https://mirror.example/index\"").len(), 1);
    assert!(foreign_sources("source = \"registry+https://github.com/rust-lang/crates.io-index\"").is_empty());
    let lock =
        serde_json::json!({ "packages": [{ "a": { "resolved": "https://mirror.example/a.tgz" } }, { "b": {} }] });
    assert_eq!(resolved_addresses(&lock), 1);
}

/// Keys of the root's clippy.toml that a package's own, which replaces it, does not repeat with the same value.
fn forgotten_keys(root: &str, package: &str) -> Complaints {
    let (root, package): (toml::Table, toml::Table) = (root.parse().unwrap(), package.parse().unwrap());
    let differs = |(key, value): &(&String, &toml::Value)| package.get(key.as_str()) != Some(*value);
    root.iter().filter(differs).map(|(key, _)| format!("does not repeat `{key}` as the root has it")).collect()
}

#[test]
fn lint_settings_hold_everywhere() {
    let ours = fs::read_to_string(root().join("clippy.toml")).unwrap();
    check(|path| path.ends_with("clippy.toml"), |text| forgotten_keys(&ours, &text.content));
}

#[test]
fn bad_lint_settings_are_seen() {
    assert_eq!(forgotten_keys("a = 1\nb = true", "b = false\na = 1").len(), 1);
    assert!(forgotten_keys("a = 1", "a = 1\nc = 2").is_empty());
}
