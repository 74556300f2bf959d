//! The file that a bulk operation leaves: lines of JSON, read in pieces, so that it is never in memory as a whole.

use super::bulk::PIECE;
use crate::{Effect, Error, ErrorKind, Response, Session, Toll};
use ::http::{Method, header};
use bytes::Bytes;

/// A piece of a file: whole lines only.
pub(super) struct Piece {
    /// Its lines.
    pub(super) lines: Bytes,
    /// Where the next piece begins; `None` at the end of the file.
    pub(super) next: Option<u64>,
}

/// Reads whole lines from `offset` on, about [`PIECE`] bytes. The address is signed: it gets no credentials of ours.
pub(super) async fn read(session: Session<'_>, url: &str, offset: u64) -> Result<Piece, Error> {
    let address = url::Url::parse(url).map_err(|_| malformed("the file has no address"))?;
    let local = matches!(address.host_str(), Some("localhost" | "127.0.0.1" | "[::1]"));
    if address.scheme() != "https" && !local {
        return Err(malformed("the file's address is not safe"));
    }
    let request = ::http::Request::builder()
        .method(Method::GET)
        .uri(url)
        .header(header::RANGE, format!("bytes={offset}-{}", offset + PIECE - 1))
        // ten pieces a second are more than can be worked on
        .extension(Toll { bucket: "files", per_second: 10.0, burst: 20.0, cost: 1.0 })
        .body(Bytes::new())
        .map_err(|_| malformed("the file's address cannot be asked for"))?;
    let sent = session.http.send(request, session.timeout).await;
    let response = sent.map_err(|source| Error { effect: Effect::None, ..Error::no_answer("bulk file", source) })?;
    match response.status().as_u16() {
        206 => part(&response, offset),
        200 => rest(response.into_body(), offset),
        status @ (429 | 500..=599) => Err(Error::new(ErrorKind::Unavailable, format!("bulk file: {status}"))),
        status => Err(malformed(&format!("status {status}"))),
    }
}

fn malformed(problem: &str) -> Error {
    Error::new(ErrorKind::Malformed, format!("bulk file: {problem}"))
}

/// `Content-Range: bytes 0-99/1234`, RFC 9110 section 14.4.
fn part(response: &Response, offset: u64) -> Result<Piece, Error> {
    let range = response.headers().get(header::CONTENT_RANGE).and_then(|value| value.to_str().ok());
    let range = range.and_then(|text| text.strip_prefix("bytes ")).and_then(|text| text.split_once('/'));
    let (span, total) = range.ok_or_else(|| malformed("a part of unknown place"))?;
    let first = span.split_once('-').and_then(|(first, _)| first.parse::<u64>().ok());
    let total: u64 = total.parse().map_err(|_| malformed("a part of an unknown whole"))?;
    let body = response.body();
    let end = offset + body.len() as u64;
    if first != Some(offset) || end > total || body.is_empty() {
        return Err(malformed("another part than was asked for"));
    }
    if end == total {
        return Ok(Piece { lines: body.clone(), next: None });
    }
    let whole = body.iter().rposition(|byte| *byte == b'\n').ok_or_else(|| malformed("a line without end"))? + 1;
    Ok(Piece { lines: body.slice(..whole), next: Some(offset + whole as u64) })
}

/// A host that knows no ranges sends all of it; what is left is then taken at once, instead of being sent again and again.
fn rest(body: Bytes, offset: u64) -> Result<Piece, Error> {
    let start = usize::try_from(offset).ok().filter(|start| *start <= body.len());
    let start = start.ok_or_else(|| malformed("it has become shorter"))?;
    Ok(Piece { lines: body.slice(start..), next: None })
}
