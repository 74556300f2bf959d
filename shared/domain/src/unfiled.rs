//! Sale lines whose markers ride in the ledger's row until each is filed as a row of its own.
//!
//! A line is counted by the one write that puts it here. It leaves only in a write of the ledger that comes after its own row is
//! durably there. So whoever reads the ledger first and the rows after it sees every line that was counted up to that ledger.

use crate::feed::Marker;
use crate::pool::Taken;
use crate::{AccountId, LineId, OrderId};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// Lines that one ledger carries at most: of more, all are filed with the commit.
pub const MOST: usize = 8;

/// A line that is counted and not filed yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unfiled {
    /// Where it was sold.
    #[serde(rename = "a")]
    pub account: AccountId,
    /// The order.
    #[serde(rename = "o")]
    pub order: OrderId,
    /// The line.
    #[serde(rename = "l")]
    pub line: LineId,
    /// Units held as sold.
    #[serde(rename = "u")]
    pub units: i64,
    /// Whether the entry of its sale was seen in the feed.
    #[serde(rename = "g", default, skip_serializing_if = "std::ops::Not::not")]
    pub logged: bool,
    /// From which warehouses they were taken, where several feed the listing.
    #[serde(rename = "t", default, skip_serializing_if = "BTreeMap::is_empty")]
    pub taken: Taken,
}

impl Unfiled {
    /// A marker on its way.
    #[must_use]
    pub fn new(account: &AccountId, marker: &Marker) -> Self {
        Self {
            account: account.clone(),
            order: marker.order.clone(),
            line: marker.line.clone(),
            units: marker.after,
            logged: marker.logged,
            taken: marker.taken.clone(),
        }
    }

    /// It as a marker that was never counted before.
    #[must_use]
    pub fn marker(&self) -> Marker {
        Marker {
            order: self.order.clone(),
            line: self.line.clone(),
            before: None,
            after: self.units,
            logged: self.logged,
            taken: self.taken.clone(),
        }
    }

    /// Whether a marker of an account is about this line.
    #[must_use]
    pub fn is_of(&self, account: &AccountId, marker: &Marker) -> bool {
        self.account == *account && self.order == marker.order && self.line == marker.line
    }
}

/// Whether these markers may ride with the lines that do already: none was counted before, each is of another line, and they are
/// few. What a transaction would refuse, two writes of one row, must not be counted by riding.
#[must_use]
pub fn may_ride(riding: &[Unfiled], markers: &[(AccountId, Marker)]) -> bool {
    let fresh = markers.iter().all(|(_, marker)| marker.before.is_none());
    let lines: BTreeSet<_> = markers.iter().map(|(account, marker)| (account, &marker.order, &marker.line)).collect();
    let rides = |(account, marker): &(AccountId, Marker)| riding.iter().any(|line| line.is_of(account, marker));
    let once = lines.len() == markers.len() && !markers.iter().any(rides);
    fresh && once && !markers.is_empty() && riding.len() + markers.len() <= MOST
}

#[cfg(test)]
mod tests {
    use super::*;

    fn marker(order: &str, before: Option<i64>) -> (AccountId, Marker) {
        let (order, line) = (order.parse().expect("an order"), "1".parse().expect("a line"));
        let marker = Marker { order, line, before, after: 1, logged: true, taken: Taken::new() };
        (AccountId::new("shop").expect("an account"), marker)
    }

    #[test]
    fn only_a_few_fresh_lines_ride() {
        let line = |number: usize| {
            let (account, marker) = marker(&number.to_string(), None);
            Unfiled::new(&account, &marker)
        };
        let riding: Vec<Unfiled> = (0..MOST - 1).map(line).collect();
        assert!(may_ride(&riding, &[marker("17", None)]));
        assert!(!may_ride(&riding, &[marker("17", None), marker("18", None)]), "more than a ledger carries");
        assert!(!may_ride(&[], &[marker("17", Some(1))]), "it was counted before: its row is read by others");
        assert!(!may_ride(&[], &[marker("17", None), marker("17", None)]), "one line twice");
        assert!(!may_ride(&riding, &[marker("0", None)]), "it rides already");
        assert!(!may_ride(&[], &[]), "nothing rides");
        let (account, fresh) = marker("0", None);
        assert_eq!(line(0).marker(), fresh);
        assert!(line(0).is_of(&account, &fresh));
    }
}
