//! Documents at addresses that are good for five minutes, below `/_s3/`.

use super::FakeAmazon;
use super::rest::{Answer, Call, invalid, raw, refuse};
use crate::{Request, Response};
use ::http::header;
use domain::Timestamp;
use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Value, json};
use std::io::Write;

/// How long an address is good, milliseconds.
const LIFE_MS: i64 = 300_000;

/// A document.
#[derive(Debug, Clone)]
pub(super) struct Document {
    pub(super) owner: String,
    pub(super) bytes: Vec<u8>,
    pub(super) kind: String,
    pub(super) packed: bool,
    /// Until when it may be had, or sent; counted anew with each address.
    pub(super) until: Timestamp,
}

/// Packs bytes as GZIP.
pub(super) fn pack(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    let written = encoder.write_all(bytes);
    written.and_then(|()| encoder.finish()).unwrap_or_default()
}

/// An address. The number in it changes with each, as a signature would.
fn url(base: &str, id: &str, signature: u64) -> String {
    format!("{base}/_s3/{id}?sig={signature}")
}

pub(super) fn create(fake: &mut FakeAmazon, seller: &str, call: &Call) -> Answer {
    let kind = call.body.get("contentType").and_then(Value::as_str).ok_or_else(invalid)?;
    fake.request += 1;
    let id = format!("amzn1.tortuga.4.eu.{:012}.FEED", fake.request);
    let document = Document {
        owner: seller.to_owned(),
        bytes: Vec::new(),
        kind: kind.to_owned(),
        packed: false,
        until: call.now.plus_ms(LIFE_MS),
    };
    fake.documents.insert(id.clone(), document);
    Ok((201, json!({"feedDocumentId": id, "url": url(&call.base, &id, fake.request)})))
}

pub(super) fn get(fake: &mut FakeAmazon, seller: &str, call: &Call) -> Answer {
    let id = call.part(0);
    let found = fake.documents.get_mut(id).filter(|document| document.owner == seller);
    let document = found.ok_or_else(|| refuse(404, "NotFound", "The document is not found."))?;
    document.until = call.now.plus_ms(LIFE_MS);
    fake.request += 1;
    let name = if call.operation.name == "getReportDocument" { "reportDocumentId" } else { "feedDocumentId" };
    let mut about = json!({name: id, "url": url(&call.base, id, fake.request)});
    if document.packed {
        about["compressionAlgorithm"] = json!("GZIP");
    }
    Ok((200, about))
}

/// Answers a request of the storage host.
pub(super) fn store(fake: &mut FakeAmazon, id: &str, request: &Request, now: Timestamp) -> Response {
    let denied = |code: &str| raw(403, "application/xml", format!("<Error><Code>{code}</Code></Error>"));
    if request.headers().contains_key("x-amz-access-token") {
        return denied("UnexpectedHeader");
    }
    let Some(document) = fake.documents.get_mut(id).filter(|document| now < document.until) else {
        return denied("AccessDenied");
    };
    let kind = request.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    match request.method().as_str() {
        "PUT" if kind != Some(document.kind.as_str()) => denied("SignatureDoesNotMatch"),
        "PUT" => {
            document.bytes = request.body().to_vec();
            raw(200, "text/plain", "")
        }
        "GET" => raw(200, &document.kind, document.bytes.clone()),
        _ => denied("MethodNotAllowed"),
    }
}
