//! The demo tells the truth: by its JSON and by its status.

use crate::town::run;
use serde_json::json;

#[tokio::test(flavor = "multi_thread")]
async fn the_demo_ends_well() {
    let said = run("", "", &["demo", "--once", "--json", "--seconds", "4"]).await.good();
    let verdict = said.json();
    for field in ["ok", "units_conserved", "stores_equal"] {
        assert_eq!(verdict[field], json!(true), "{field}: {verdict:#}");
    }
    assert_eq!(verdict["scenes"].as_array().unwrap().len(), 9, "{verdict:#}");
    assert!(verdict["latency_ms"]["samples"].as_u64().unwrap() > 5, "{verdict:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_directory_that_is_in_use_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("file"), "").unwrap();
    let path = folder.path().join("file").to_str().unwrap().to_owned();
    let said = run("", "", &["demo", "--once", "--data", &path]).await;
    assert_eq!(said.status, 1, "{}", said.out);
    assert!(said.err.starts_with("evenstock: "), "{}", said.err);
}
