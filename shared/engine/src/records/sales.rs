//! Sale markers: what the hub holds as sold.

use super::{SALE_KEPT_MS, key, row, text};
use crate::ports::{Change, Condition, Key, Row};
use domain::feed::Marker;
use domain::pool::Taken;
use domain::{AccountId, LineId, OrderId, Sku, Timestamp};
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

/// The write of a marker. Its version says how many units it holds, so that it can only change from what was read.
#[must_use]
pub fn sale_change(account: &AccountId, sku: &Sku, marker: &Marker, now: Timestamp) -> Change {
    let condition = marker.before.map_or(Condition::Absent, |units| Condition::Version(marker_version(units)));
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
