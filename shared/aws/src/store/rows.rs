//! Rows as DynamoDB items, and back.

use super::EXPIRY;
use aws_sdk_dynamodb::types::AttributeValue;
use domain::Timestamp;
use engine::ports::{IndexKey, Key, Row, StoreError};
use std::collections::HashMap;

pub(super) type Item = HashMap<String, AttributeValue>;

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
    item.insert("body".to_owned(), text(&row.body));
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
        body: take_text(&mut item, "body")?,
        expires: take_number::<i64>(&mut item, EXPIRY)?.map(|seconds| Timestamp(seconds.saturating_mul(1000))),
        key,
        index,
    })
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
    fn a_row_of_somebody_else_is_refused() {
        let mut item = row_item(&row());
        item.remove("v");
        assert!(matches!(item_row(item), Err(StoreError::Refused(_))));
    }
}
