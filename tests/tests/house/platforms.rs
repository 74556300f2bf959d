//! Platforms are named in one place: their folder, and one line in the registry.

use crate::{Complaints, check, root, tree};
use std::{collections::BTreeSet, fs};

/// Platforms that have no folder yet, or may never have one, and are no more to be named for that.
const PLATFORMS: &[&str] = &["shopify", "amazon", "woocommerce", "ebay"];
/// Where any platform may be named: the fakes' shows, tests, and what people read.
const MAY_NAME_PLATFORMS: &[&str] =
    &["cli/src/demo", "tests/", "docs/", "README.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md"];

/// The channels that have a folder, and the platforms that may get one.
fn platforms(paths: &[&str]) -> BTreeSet<String> {
    let folder = |path: &&str| path.strip_prefix("shared/channels/src/")?.strip_suffix("/docs.md").map(str::to_owned);
    paths.iter().filter_map(folder).chain(PLATFORMS.iter().map(|&name| name.to_owned())).collect()
}

/// Whether a line names the platform, as a word of its own or as a part of `CamelCase` or `snake_case`.
fn names(line: &str, platform: &str) -> bool {
    // AWS documents itself under this host
    let line = line.replace("aws.amazon.com", "");
    let lower = line.to_lowercase();
    lower.match_indices(platform).any(|(at, _)| {
        let (before, rest) = line.split_at(at);
        let after = &rest[platform.len()..];
        let begins = !before.ends_with(char::is_alphabetic) || rest.starts_with(char::is_uppercase);
        begins && !after.starts_with(char::is_lowercase)
    })
}

/// The line that adds a channel: one in the registry, one that declares its module.
fn is_registration(path: &str, line: &str, platform: &str) -> bool {
    match path {
        "shared/channels/src/lib.rs" => line == format!("pub mod {platform};"),
        "shared/channels/src/registry.rs" => line.contains(&format!("crate::{platform}::")),
        _ => false,
    }
}

fn strangers(path: &str, content: &str, platforms: &BTreeSet<String>) -> Complaints {
    if MAY_NAME_PLATFORMS.iter().any(|place| path.starts_with(place)) {
        return vec![];
    }
    let foreign = |platform: &&String| !path.starts_with(&format!("shared/channels/src/{platform}/"));
    let mut complaints = vec![];
    for platform in platforms.iter().filter(foreign) {
        let named = |(_, line): &(usize, &str)| names(line, platform) && !is_registration(path, line.trim(), platform);
        complaints.extend(
            content.lines().enumerate().filter(named).map(|(at, _)| format!("line {} names {platform}", at + 1)),
        );
    }
    complaints
}

#[test]
fn platforms_are_named_only_in_their_folder() {
    let texts = tree();
    let paths: Vec<&str> = texts.iter().map(|text| text.path.as_str()).collect();
    let platforms = platforms(&paths);
    let code = |path: &str| ["functions/", "shared/", "cli/"].iter().any(|folder| path.starts_with(folder));
    check(
        |path| code(path) || path == "template.yaml" || path == "Cargo.toml",
        |text| strangers(&text.path, &text.content, &platforms),
    );
}

#[test]
fn every_channel_has_one_line_in_the_registry() {
    let registry = fs::read_to_string(root().join("shared/channels/src/registry.rs")).unwrap();
    for platform in fs::read_dir(root().join("shared/channels/src")).unwrap().map(|entry| entry.unwrap().path()) {
        if platform.join("docs.md").is_file() {
            let name = platform.file_name().unwrap().to_string_lossy().into_owned();
            let lines = registry.lines().filter(|line| names(line, &name)).count();
            assert_eq!(lines, 1, "{name} has {lines} lines in the registry");
        }
    }
}

#[test]
fn bad_names_are_seen() {
    let platforms = platforms(&["shared/channels/src/corner/docs.md", "shared/channels/src/corner/api.rs"]);
    for (path, line) in [
        ("shared/engine/src/push.rs", "if channel == \"corner\" {"),
        ("shared/engine/src/push.rs", "use channels::CornerFake;"),
        ("shared/engine/src/push.rs", "// Shopify sends it late"),
        ("shared/web/src/lib.rs", "fn ebay_hook() {}"),
        ("shared/channels/src/registry.rs", "if name == \"corner\" { return None }"),
        ("shared/channels/src/lib.rs", "pub use corner::Fake;"),
        ("shared/channels/src/corner/api.rs", "// unlike Amazon"),
        ("cli/src/serve.rs", "start(fake_corner());"),
    ] {
        assert_eq!(strangers(path, line, &platforms).len(), 1, "{path}: {line}");
    }
    for (path, line) in [
        ("shared/channels/src/corner/api.rs", "//! Corner's API"),
        ("shared/channels/src/registry.rs", "    &crate::corner::Corner,"),
        ("shared/channels/src/lib.rs", "pub mod corner;"),
        ("shared/aws/src/queue.rs", "/// <https://docs.aws.amazon.com/x> and https://sqs.amazonaws.com"),
        ("shared/web/src/lib.rs", "// cornered"),
        ("cli/src/demo/stores.rs", "corner()"),
    ] {
        assert!(strangers(path, line, &platforms).is_empty(), "{path}: {line}");
    }
}
