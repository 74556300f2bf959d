//! The console's files, inside the program: each under a name that changes with its content, so that browsers may keep it
//! for good.

use crate::answer;
use axum::extract::Path;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, header};
use sha2::{Digest, Sha256};
use std::sync::LazyLock;

/// A file of the console.
struct Asset {
    /// Its name before the content's hash is put into it.
    stem: &'static str,
    extension: &'static str,
    kind: &'static str,
    text: &'static str,
}

/// A file with the name that it is served under.
struct Served {
    asset: &'static Asset,
    name: String,
}

static FILES: [Asset; 3] = [
    Asset {
        stem: "console",
        extension: "css",
        kind: "text/css; charset=utf-8",
        text: include_str!("../../assets/console.css"),
    },
    Asset {
        stem: "console",
        extension: "js",
        kind: "text/javascript; charset=utf-8",
        text: include_str!("../../assets/console.js"),
    },
    Asset { stem: "mark", extension: "svg", kind: "image/svg+xml", text: include_str!("../../assets/mark.svg") },
];

static SERVED: LazyLock<Vec<Served>> = LazyLock::new(|| FILES.iter().map(served).collect());
/// The stylesheet's address.
pub(super) static STYLE: LazyLock<String> = LazyLock::new(|| address("css"));
/// The script's address.
pub(super) static SCRIPT: LazyLock<String> = LazyLock::new(|| address("js"));
/// The mark's address.
pub(super) static MARK: LazyLock<String> = LazyLock::new(|| address("svg"));

/// How long a file may be kept: its name changes with it.
const FOR_GOOD: &str = "public, max-age=31536000, immutable";

fn served(asset: &'static Asset) -> Served {
    let hash = hex::encode(Sha256::digest(asset.text));
    Served { asset, name: format!("{}.{}.{}", asset.stem, &hash[..12], asset.extension) }
}

fn address(extension: &str) -> String {
    let name = SERVED.iter().find(|served| served.asset.extension == extension).map_or("", |served| &served.name);
    format!("/assets/{name}")
}

/// A file by its name.
pub(super) async fn serve(Path(name): Path<String>, headers: HeaderMap) -> Response {
    match SERVED.iter().find(|served| served.name == name) {
        Some(served) => {
            let headers = [(header::CONTENT_TYPE, served.asset.kind), (header::CACHE_CONTROL, FOR_GOOD)];
            (headers, served.asset.text).into_response()
        }
        None => answer::no_route(headers).await,
    }
}
