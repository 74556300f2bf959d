//! Rows as DynamoDB items, and back. A body that would make its item larger than what one write unit pays for is stored
//! compressed (ADR 13): a ledger names the same few fields once for each store.

use super::EXPIRY;
use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::AttributeValue;
use domain::Timestamp;
use engine::ports::{IndexKey, Key, Row, StoreError};
use flate2::Compression;
use flate2::read::{DeflateDecoder, DeflateEncoder};
use std::collections::HashMap;
use std::io::Read as _;

pub(super) type Item = HashMap<String, AttributeValue>;

/// The body as text.
const BODY: &str = "body";
/// The body compressed, as raw deflate.
const PACKED: &str = "z";
/// Bodies up to so many bytes are stored as text. A write unit is 1 KB of the whole item, names and keys included.
/// <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/CapacityUnitCalculations.html>
const TEXT_MOST: usize = 850;
/// No body is larger unpacked; an item has at most 400 KB.
const UNPACKED_MOST: u64 = 16 << 20;

pub(super) fn text(value: &str) -> AttributeValue {
    AttributeValue::S(value.to_owned())
}

pub(super) fn number(value: impl ToString) -> AttributeValue {
    AttributeValue::N(value.to_string())
}

pub(super) fn key_item(key: &Key) -> Item {
    HashMap::from([("pk".to_owned(), text(&key.pk)), ("sk".to_owned(), text(&key.sk))])
}

pub(super) fn row_item(row: &Row) -> Item {
    let mut item = key_item(&row.key);
    item.insert("v".to_owned(), number(row.version));
    match packed(&row.body) {
        Some(bytes) => item.insert(PACKED.to_owned(), AttributeValue::B(Blob::new(bytes))),
        None => item.insert(BODY.to_owned(), text(&row.body)),
    };
    if let Some(expires) = row.expires {
        item.insert(EXPIRY.to_owned(), number(expires.seconds()));
    }
    if let Some(index) = &row.index {
        item.insert("gpk".to_owned(), text(&index.partition));
        item.insert("gsk".to_owned(), text(&index.sort));
    }
    item
}

/// The row in an item. A row that this program did not write is refused, never guessed at.
pub(super) fn item_row(mut item: Item) -> Result<Row, StoreError> {
    let key = Key { pk: take_text(&mut item, "pk")?, sk: take_text(&mut item, "sk")? };
    let index = match (item.remove("gpk"), item.remove("gsk")) {
        (Some(AttributeValue::S(partition)), Some(AttributeValue::S(sort))) => Some(IndexKey { partition, sort }),
        (None, None) => None,
        _ => return Err(foreign("gpk and gsk")),
    };
    Ok(Row {
        version: take_number(&mut item, "v")?.ok_or_else(|| foreign("v"))?,
        body: take_body(&mut item)?,
        expires: take_number::<i64>(&mut item, EXPIRY)?.map(|seconds| Timestamp(seconds.saturating_mul(1000))),
        key,
        index,
    })
}

/// A body that is worth it, compressed; `None` leaves it as text.
fn packed(body: &str) -> Option<Vec<u8>> {
    if body.len() <= TEXT_MOST {
        return None;
    }
    let mut bytes = Vec::with_capacity(body.len() / 2);
    // reading from memory cannot fail; if it did, text is right as well
    DeflateEncoder::new(body.as_bytes(), Compression::default()).read_to_end(&mut bytes).ok()?;
    (bytes.len() < body.len()).then_some(bytes)
}

fn take_body(item: &mut Item) -> Result<String, StoreError> {
    match item.remove(PACKED) {
        None => take_text(item, BODY),
        Some(AttributeValue::B(bytes)) => {
            let mut body = String::new();
            let unpacked = DeflateDecoder::new(bytes.as_ref()).take(UNPACKED_MOST).read_to_string(&mut body);
            unpacked.map(|_| body).map_err(|_| foreign(PACKED))
        }
        Some(_) => Err(foreign(PACKED)),
    }
}

fn take_text(item: &mut Item, name: &str) -> Result<String, StoreError> {
    match item.remove(name) {
        Some(AttributeValue::S(value)) => Ok(value),
        _ => Err(foreign(name)),
    }
}

fn take_number<N: std::str::FromStr>(item: &mut Item, name: &str) -> Result<Option<N>, StoreError> {
    match item.remove(name) {
        None => Ok(None),
        Some(AttributeValue::N(value)) => value.parse().map(Some).map_err(|_| foreign(name)),
        Some(_) => Err(foreign(name)),
    }
}

fn foreign(name: &str) -> StoreError {
    StoreError::Refused(format!("a row in the table has no usable attribute {name}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row() -> Row {
        Row {
            key: Key { pk: "SKU#a".to_owned(), sk: "STATE".to_owned() },
            version: u64::MAX,
            body: "{}".to_owned(),
            expires: Some(Timestamp(1_700_000_000_999)),
            index: Some(IndexKey { partition: "DAY".to_owned(), sort: "1".to_owned() }),
        }
    }

    #[test]
    fn a_row_survives_and_its_expiry_is_in_whole_seconds() {
        let back = item_row(row_item(&row())).expect("our own row");
        assert_eq!(back, Row { expires: Some(Timestamp(1_700_000_000_000)), ..row() });
    }

    #[test]
    fn a_long_body_is_stored_compressed_and_comes_back_as_it_was() {
        let one = r#"{"listing":"leeds/main","s":12,"d":-3,"w":41},"#;
        let long = Row { body: one.repeat(40), expires: None, ..row() };
        let item = row_item(&long);
        let Some(AttributeValue::B(bytes)) = item.get(PACKED) else { panic!("{item:?}") };
        assert!(bytes.as_ref().len() * 10 < long.body.len(), "{} of {}", bytes.as_ref().len(), long.body.len());
        assert!(!item.contains_key(BODY));
        assert_eq!(item_row(item).expect("our own row"), long);
    }

    #[test]
    fn a_short_body_stays_text() {
        let short = Row { body: "x".repeat(TEXT_MOST), expires: None, ..row() };
        let item = row_item(&short);
        assert!(item.contains_key(BODY) && !item.contains_key(PACKED));
        assert_eq!(item_row(item).expect("our own row"), short);
    }

    #[test]
    fn a_packed_body_that_cannot_be_unpacked_is_refused() {
        for broken in [AttributeValue::B(Blob::new(*b"not deflate")), text("text")] {
            let mut item = row_item(&row());
            item.insert(PACKED.to_owned(), broken);
            assert!(matches!(item_row(item), Err(StoreError::Refused(_))));
        }
    }

    #[test]
    fn a_row_of_somebody_else_is_refused() {
        let mut item = row_item(&row());
        item.remove("v");
        assert!(matches!(item_row(item), Err(StoreError::Refused(_))));
    }
}
