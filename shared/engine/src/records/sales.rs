//! Sale markers: what the hub holds as sold.

use super::{SALE_KEPT_MS, key, row, text};
use crate::ports::{Change, Condition, Key, Row};
use domain::feed::Marker;
use domain::pool::Taken;
use domain::{AccountId, LineId, OrderId, Sku, Timestamp, Unfiled};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The partition of an order's sale markers.
#[must_use]
pub fn sale_partition(account: &AccountId, order: &OrderId) -> String {
    format!("SALE#{account}#{order}")
}

/// Where the marker of an order's line and a SKU is.
#[must_use]
pub fn sale_key(account: &AccountId, order: &OrderId, line: &LineId, sku: &Sku) -> Key {
    key(sale_partition(account, order), format!("LINE#{line}#{sku}"))
}

/// A sale marker: how many units of one order line the hub holds as sold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SaleMarker {
    /// The line.
    pub line: LineId,
    /// The SKU that it was counted for.
    pub sku: Sku,
    /// Units held as sold.
    pub units: i64,
    /// Whether the entry of its sale was seen in the feed.
    #[serde(rename = "log", default, skip_serializing_if = "std::ops::Not::not")]
    pub logged: bool,
    /// From which warehouses they were taken, where several feed the listing.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub taken: Taken,
}

impl SaleMarker {
    /// One that rides in the ledger of its SKU.
    #[must_use]
    pub fn riding(sku: &Sku, line: &Unfiled) -> Self {
        let Unfiled { line, units, logged, taken, .. } = line.clone();
        Self { line, sku: sku.clone(), units, logged, taken }
    }
}

/// The write that files a line which rides in the ledger of its SKU. Where its row is there already, that is it, or what has
/// become of it since.
#[must_use]
pub fn filing(sku: &Sku, line: &Unfiled, now: Timestamp) -> Change {
    Change::Put(sale_row(&line.account, sku, &line.marker(), now), Condition::Absent)
}

/// The write of a marker. Its version says how many units it holds, so that it can only change from what was read.
#[must_use]
pub fn sale_change(account: &AccountId, sku: &Sku, marker: &Marker, now: Timestamp) -> Change {
    let condition = marker.before.map_or(Condition::Absent, |units| Condition::Version(marker_version(units)));
    Change::Put(sale_row(account, sku, marker, now), condition)
}

/// The write of a marker in the same transaction as the ledger in which its line rides: whether it was filed meanwhile or not.
#[must_use]
pub fn sale_change_of_riding(
    account: &AccountId,
    sku: &Sku,
    marker: &Marker,
    riding: &Unfiled,
    now: Timestamp,
) -> Change {
    let condition = Condition::Below(marker_version(riding.units) + 1);
    Change::Put(sale_row(account, sku, marker, now), condition)
}

/// A marker as a row.
#[must_use]
pub fn sale_row(account: &AccountId, sku: &Sku, marker: &Marker, now: Timestamp) -> Row {
    let body = SaleMarker {
        line: marker.line.clone(),
        sku: sku.clone(),
        units: marker.after,
        logged: marker.logged,
        taken: marker.taken.clone(),
    };
    let key = sale_key(account, &marker.order, &marker.line, sku);
    Row { expires: Some(now.plus_ms(SALE_KEPT_MS)), ..row(key, marker_version(marker.after), text(&body)) }
}

fn marker_version(units: i64) -> u64 {
    u64::try_from(units).unwrap_or(0) + 1
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ports::Condition;
    use crate::records::{body, ledger, ledger_row};
    use domain::Ledger;

    fn line() -> Unfiled {
        let account = AccountId::new("shop").expect("an account");
        let (order, line) = ("17".parse().expect("an order"), "1".parse().expect("a line"));
        Unfiled { account, order, line, units: 2, logged: true, taken: Taken::new() }
    }

    #[test]
    fn a_ledger_with_lines_is_read_by_whoever_knows_of_them_and_refused_by_others() {
        let sku = Sku::new("TEE").expect("a SKU");
        let with = Ledger { unfiled: vec![line()], version: 3, ..Ledger::default() };
        let row = ledger_row(&sku, &with, 3);
        assert_eq!(ledger(&row).expect("our own row"), with);
        // what reads a ledger alone would write it back without the lines
        assert!(body::<Ledger>(&row).is_err(), "{}", row.body);
        let without = ledger_row(&sku, &Ledger { unfiled: Vec::new(), ..with }, 3);
        assert!(body::<Ledger>(&without).is_ok(), "{}", without.body);
    }

    #[test]
    fn filing_never_writes_over_what_became_of_a_line() {
        let (sku, now) = (Sku::new("TEE").expect("a SKU"), Timestamp(1_000));
        let Change::Put(filed, Condition::Absent) = filing(&sku, &line(), now) else { panic!("it must be absent") };
        assert_eq!(body::<SaleMarker>(&filed).expect("our own row"), SaleMarker::riding(&sku, &line()));
        // one unit came back: the row may be there or not, with the two of before or fewer
        let back = Marker { before: Some(2), after: 1, ..line().marker() };
        let change = sale_change_of_riding(&line().account, &sku, &back, &line(), now);
        assert!(matches!(&change, Change::Put(row, Condition::Below(4)) if row.key == filed.key && row.version == 2));
        assert_eq!(filed.version, 3);
    }
}
