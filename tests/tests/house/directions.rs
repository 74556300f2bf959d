//! Who may use whom: the directions between crates, as their manifests declare them.

use crate::{Complaints, check, is_manifest};
use std::collections::BTreeSet;

/// Which of our crates each of our crates may use.
const MAY_USE: &[(&str, &[&str])] = &[
    ("domain", &[]),
    ("channels", &["domain"]),
    ("engine", &["domain", "channels"]),
    ("web", &["domain", "channels", "engine"]),
    ("aws", &["domain", "channels", "engine"]),
    ("local", &["domain", "channels", "engine", "aws"]),
    ("webhook", &["domain", "channels", "engine", "web", "aws"]),
    ("sync", &["domain", "channels", "engine", "web", "aws"]),
    ("reconcile", &["domain", "channels", "engine", "web", "aws"]),
    ("admin", &["domain", "channels", "engine", "web", "aws"]),
    ("evenstock", &["domain", "channels", "engine", "web", "aws", "local"]),
    ("tests", &["domain", "channels", "engine", "web", "aws", "local", "evenstock"]),
];
/// The only crates that may name the SDK of AWS, and the prefixes of its crates.
const MAY_NAME_AWS: &[&str] = &["aws", "local", "tests"];
const AWS_CRATES: &[&str] = &["aws-sdk-", "aws-smithy-", "aws-config", "aws-credential-types", "aws-types"];
/// The only crates that may switch on the fakes for good.
const MAY_USE_FAKES: &[&str] = &["evenstock", "tests"];
/// What the core may build on: derives, and a hash for keys.
const DOMAIN_MAY_USE: &[&str] = &["serde", "thiserror", "uuid"];

/// A dependency as a manifest declares it.
struct Dependency {
    name: String,
    features: Vec<String>,
    for_tests: bool,
}

fn dependencies(manifest: &toml::Table) -> Vec<Dependency> {
    let mut tables: Vec<(&str, &toml::Table)> = vec![];
    let targets = manifest.get("target").and_then(toml::Value::as_table).into_iter().flat_map(toml::Table::values);
    for holder in targets.filter_map(toml::Value::as_table).chain([manifest]) {
        for kind in ["dependencies", "dev-dependencies", "build-dependencies"] {
            tables.extend(holder.get(kind).and_then(toml::Value::as_table).map(|table| (kind, table)));
        }
    }
    let read = |(kind, table): (&str, &toml::Table)| -> Vec<Dependency> {
        table.iter().map(|(name, value)| dependency(name, value, kind == "dev-dependencies")).collect()
    };
    tables.into_iter().flat_map(read).collect()
}

fn dependency(name: &str, value: &toml::Value, for_tests: bool) -> Dependency {
    let features = value.get("features").and_then(toml::Value::as_array).into_iter().flatten();
    let features = features.filter_map(|feature| feature.as_str().map(str::to_owned)).collect();
    // `alias = { package = "real" }` must not hide the real name
    let name = value.get("package").and_then(toml::Value::as_str).unwrap_or(name).to_owned();
    Dependency { name, features, for_tests }
}

fn wrong_dependencies(manifest: &str) -> Complaints {
    let manifest: toml::Table = manifest.parse().unwrap();
    let package = manifest["package"]["name"].as_str().unwrap();
    let Some((_, allowed)) = MAY_USE.iter().find(|(name, _)| *name == package) else {
        return vec![format!("`{package}` has no line in MAY_USE")];
    };
    let ours: BTreeSet<&str> = MAY_USE.iter().map(|(name, _)| *name).collect();
    let wrong = |dependency: &Dependency| {
        let name = dependency.name.as_str();
        let direction = ours.contains(name) && !allowed.contains(&name);
        let sdk = AWS_CRATES.iter().any(|prefix| name.starts_with(prefix)) && !MAY_NAME_AWS.contains(&package);
        let fakes = dependency.features.iter().any(|feature| feature == "fakes");
        let fakes = fakes && !dependency.for_tests && !MAY_USE_FAKES.contains(&package);
        let impure = package == "domain" && !dependency.for_tests && !DOMAIN_MAY_USE.contains(&name);
        direction || sdk || fakes || impure
    };
    let all = dependencies(&manifest);
    all.iter().filter(|each| wrong(each)).map(|each| format!("`{package}` may not use `{}` so", each.name)).collect()
}

#[test]
fn crates_depend_in_one_direction() {
    check(is_manifest, |text| wrong_dependencies(&text.content));
}

#[test]
fn bad_dependencies_are_seen() {
    let manifest = |name: &str, rest: &str| format!("[package]\nname = \"{name}\"\n{rest}");
    for (name, rest) in [
        ("domain", "[dependencies]\nchannels.workspace = true"),
        ("domain", "[dependencies]\ntokio = \"1\""),
        ("engine", "[dependencies]\nweb.workspace = true"),
        ("engine", "[dev-dependencies]\nlocal.workspace = true"),
        ("webhook", "[dependencies]\nlocal.workspace = true"),
        ("web", "[dependencies]\naws-sdk-sqs.workspace = true"),
        ("web", "[target.'cfg(unix)'.dependencies]\naws-smithy-types = \"1\""),
        ("web", "[dependencies]\nq = { package = \"aws-sdk-sqs\", version = \"1\" }"),
        ("sync", "[dependencies]\nchannels = { workspace = true, features = [\"fakes\"] }"),
        ("newcomer", ""),
    ] {
        assert_eq!(wrong_dependencies(&manifest(name, rest)).len(), 1, "{name}: {rest}");
    }
    let good = "[dependencies]\nengine.workspace = true\n[dev-dependencies]\nchannels = { features = [\"fakes\"] }";
    assert!(wrong_dependencies(&manifest("web", good)).is_empty());
}
