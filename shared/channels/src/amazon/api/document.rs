//! Documents of feeds and reports: at an address of their own that is good for five minutes, without our headers.

use super::super::place::Place;
use super::client::agent;
use super::operation::DOCUMENT;
use crate::{Error, ErrorKind, Request, Response, Session};
use ::http::{Method, header};
use bytes::Bytes;
use flate2::read::MultiGzDecoder;
use std::io::Read;
use url::Url;

/// A document may unpack to this many bytes.
const UNPACKED_MAX: u64 = 256 * 1024 * 1024;

/// Downloads a document and unpacks it; with the `Content-Type` that it came with.
pub(super) async fn download(
    session: Session<'_>,
    place: &Place,
    url: &str,
    compression: Option<&str>,
) -> Result<(Vec<u8>, String), Error> {
    let response = send(session, place, request(Method::GET, place, url, None)?).await?;
    let kind = response.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    let kind = kind.unwrap_or_default().to_owned();
    let packed = compression.is_some_and(|name| name.eq_ignore_ascii_case("gzip"));
    let bytes = response.into_body();
    Ok((if packed { unpack(&bytes)? } else { bytes.to_vec() }, kind))
}

/// Uploads a document. The type must be the one that the address was asked for with.
pub(super) async fn upload(
    session: Session<'_>,
    place: &Place,
    url: &str,
    kind: &str,
    body: String,
) -> Result<(), Error> {
    send(session, place, request(Method::PUT, place, url, Some((kind, body)))?).await.map(|_| ())
}

fn request(method: Method, place: &Place, url: &str, body: Option<(&str, String)>) -> Result<Request, Error> {
    check(place, url)?;
    let mut builder = ::http::Request::builder()
        .method(method)
        .uri(url)
        .header(header::USER_AGENT, agent())
        .extension(DOCUMENT.toll());
    if let Some((kind, _)) = &body {
        builder = builder.header(header::CONTENT_TYPE, *kind);
    }
    let bytes = body.map_or_else(Bytes::new, |(_, text)| Bytes::from(text));
    builder.body(bytes).map_err(|_| malformed("an address that is none"))
}

fn malformed(problem: &str) -> Error {
    Error::new(ErrorKind::Malformed, format!("document: {problem}"))
}

/// Encrypted, or on the very host that the account's settings name.
fn check(place: &Place, url: &str) -> Result<(), Error> {
    let address = Url::parse(url).map_err(|_| malformed("an address that is none"))?;
    let same_host = Url::parse(&place.base).is_ok_and(|base| base.origin() == address.origin());
    if address.scheme() == "https" || same_host { Ok(()) } else { Err(malformed("an address without encryption")) }
}

/// A document that cannot be had changes nothing: no listing depends on it yet.
async fn send(session: Session<'_>, place: &Place, request: Request) -> Result<Response, Error> {
    let host = place.base.as_str();
    let sent = session.http.send(request, session.timeout).await;
    let response = sent.map_err(|source| super::client::harmless(Error::no_answer("document", source)))?;
    let status = response.status();
    let kind = match status.as_u16() {
        200..=299 => return Ok(response),
        // the address has run out, or the type is not the one that it was asked for with
        403 => ErrorKind::Unavailable,
        404 => ErrorKind::NotFound,
        429 => ErrorKind::Throttled,
        408 | 500..=599 => ErrorKind::Unavailable,
        _ => ErrorKind::Malformed,
    };
    Err(Error::new(kind, format!("document named by {host}: {status}")))
}

fn unpack(packed: &[u8]) -> Result<Vec<u8>, Error> {
    let mut bytes = Vec::new();
    let read = MultiGzDecoder::new(packed).take(UNPACKED_MAX + 1).read_to_end(&mut bytes);
    match read {
        Ok(length) if length as u64 <= UNPACKED_MAX => Ok(bytes),
        Ok(_) => Err(malformed("it unpacks to more than 256 MiB")),
        Err(_) => Err(malformed("it cannot be unpacked")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    #[test]
    fn an_address_is_encrypted_or_on_the_host_of_the_settings() {
        let pairs = [("seller_id", "A1"), ("marketplaces", "ATVPDKIKX0DER"), ("base_url", "http://127.0.0.1:8700")];
        let settings: BTreeMap<String, String> =
            pairs.into_iter().map(|(name, text)| (name.to_owned(), text.to_owned())).collect();
        let place = Place::of(&settings).expect("a place");
        for good in ["https://bucket.s3.amazonaws.com/x?sig=1", "http://127.0.0.1:8700/_s3/x"] {
            assert!(check(&place, good).is_ok(), "{good}");
        }
        for bad in ["http://bucket.s3.amazonaws.com/x", "http://127.0.0.1:8701/_s3/x", "file:///etc/passwd", "x"] {
            assert_eq!(check(&place, bad).expect_err(bad).kind, ErrorKind::Malformed);
        }
    }

    #[test]
    fn what_is_not_packed_cannot_be_unpacked() {
        assert_eq!(unpack(b"plain").expect_err("no gzip").kind, ErrorKind::Malformed);
    }
}
