//! The rules of the house, checked over the files themselves: who may use whom, what the core must not know, where a
//! platform may be named. Every check is a function from text to complaints; the `bad` tests show that each can fail.

#![allow(clippy::unwrap_used, reason = "a test file: a panic is the report")]

mod directions;
mod fakes;
mod features;
mod finish;
mod machines;
mod platforms;
mod purity;
mod tokens;

use std::{
    fs,
    path::{Path, PathBuf},
};

/// Folders that hold nothing of ours.
const NOT_OURS: &[&str] = &["target", ".git", ".tools", ".data", ".aws-sam", "node_modules"];

type Complaints = Vec<String>;

/// A text file, by its path from the root.
struct Text {
    path: String,
    content: String,
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// All text files of the project, in the order of their paths.
fn tree() -> Vec<Text> {
    let root = root();
    let mut texts = Vec::new();
    walk(&root, &mut |path| {
        if let Ok(content) = fs::read_to_string(path) {
            let path = path.strip_prefix(&root).unwrap().to_string_lossy().into_owned();
            texts.push(Text { path, content });
        }
    });
    texts.sort_by(|a, b| a.path.cmp(&b.path));
    texts
}

fn walk(folder: &Path, visit: &mut dyn FnMut(&Path)) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.is_dir() && !NOT_OURS.contains(&name.as_str()) {
            walk(&path, visit);
        } else if path.is_file() {
            visit(&path);
        }
    }
}

/// Runs a check over the files that `concerns` picks, and fails with all complaints. Picking none is a failure too.
fn check(concerns: impl Fn(&str) -> bool, complaints: impl Fn(&Text) -> Complaints) {
    let texts: Vec<Text> = tree().into_iter().filter(|text| concerns(&text.path)).collect();
    assert!(!texts.is_empty(), "no file to look at: has something moved?");
    let all: Complaints = texts
        .iter()
        .flat_map(|text| complaints(text).into_iter().map(|complaint| format!("{}: {complaint}", text.path)))
        .collect();
    assert!(all.is_empty(), "\n{}\n", all.join("\n"));
}

fn is_rust(path: &str) -> bool {
    path.ends_with(".rs")
}

fn is_manifest(path: &str) -> bool {
    path.ends_with("/Cargo.toml")
}
