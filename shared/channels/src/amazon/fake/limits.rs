//! The documented limits: a bucket for each operation and seller,
//! <https://developer-docs.amazon.com/sp-api/docs/usage-plans-and-rate-limits>.

use domain::Timestamp;
use std::collections::BTreeMap;

/// An operation that the fake knows.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Operation {
    pub(super) name: &'static str,
    pub(super) per_second: f64,
    pub(super) burst: f64,
    pub(super) grantless: bool,
}

const fn operation(name: &'static str, per_second: f64, burst: f64, grantless: bool) -> Operation {
    Operation { name, per_second, burst, grantless }
}

/// Every operation of the fake, with the figures of Amazon's models.
pub(super) static OPERATIONS: &[Operation] = &[
    operation("patchListingsItem", 5.0, 5.0, false),
    operation("getListingsItem", 5.0, 10.0, false),
    operation("searchListingsItems", 5.0, 5.0, false),
    operation("createFeedDocument", 0.5, 15.0, false),
    operation("createFeed", 0.0083, 15.0, false),
    operation("getFeed", 2.0, 15.0, false),
    operation("getFeeds", 0.0222, 10.0, false),
    operation("cancelFeed", 2.0, 15.0, false),
    operation("getFeedDocument", 0.0222, 10.0, false),
    operation("createReport", 0.0167, 15.0, false),
    operation("getReport", 2.0, 15.0, false),
    operation("getReports", 0.0222, 10.0, false),
    operation("getReportDocument", 0.0167, 15.0, false),
    operation("searchOrders", 0.0056, 20.0, false),
    operation("getOrder", 0.5, 30.0, false),
    operation("getMarketplaceParticipations", 0.016, 15.0, false),
    operation("createDestination", 1.0, 5.0, true),
    operation("getDestinations", 1.0, 5.0, true),
    operation("getDestination", 1.0, 5.0, true),
    operation("deleteDestination", 1.0, 5.0, true),
    operation("getSubscriptionById", 1.0, 5.0, true),
    operation("deleteSubscriptionById", 1.0, 5.0, true),
    operation("createSubscription", 1.0, 5.0, false),
    operation("getSubscription", 1.0, 5.0, false),
];

/// The operation behind a method and a path, and the parts of the path that vary, still encoded.
pub(super) fn route<'a>(method: &str, path: &[&'a str]) -> Option<(&'static Operation, Vec<&'a str>)> {
    let (name, parts): (&str, Vec<&str>) = match (method, path) {
        ("PATCH", ["listings", "2021-08-01", "items", seller, sku]) => ("patchListingsItem", vec![seller, sku]),
        ("GET", ["listings", "2021-08-01", "items", seller, sku]) => ("getListingsItem", vec![seller, sku]),
        ("GET", ["listings", "2021-08-01", "items", seller]) => ("searchListingsItems", vec![seller]),
        ("POST", ["feeds", "2021-06-30", "documents"]) => ("createFeedDocument", vec![]),
        ("POST", ["feeds", "2021-06-30", "feeds"]) => ("createFeed", vec![]),
        ("GET", ["feeds", "2021-06-30", "feeds"]) => ("getFeeds", vec![]),
        ("GET", ["feeds", "2021-06-30", "feeds", id]) => ("getFeed", vec![id]),
        ("DELETE", ["feeds", "2021-06-30", "feeds", id]) => ("cancelFeed", vec![id]),
        ("GET", ["feeds", "2021-06-30", "documents", id]) => ("getFeedDocument", vec![id]),
        ("POST", ["reports", "2021-06-30", "reports"]) => ("createReport", vec![]),
        ("GET", ["reports", "2021-06-30", "reports"]) => ("getReports", vec![]),
        ("GET", ["reports", "2021-06-30", "reports", id]) => ("getReport", vec![id]),
        ("GET", ["reports", "2021-06-30", "documents", id]) => ("getReportDocument", vec![id]),
        ("GET", ["orders", "2026-01-01", "orders"]) => ("searchOrders", vec![]),
        ("GET", ["orders", "2026-01-01", "orders", id]) => ("getOrder", vec![id]),
        ("GET", ["sellers", "v1", "marketplaceParticipations"]) => ("getMarketplaceParticipations", vec![]),
        ("GET", ["notifications", "v1", "destinations"]) => ("getDestinations", vec![]),
        ("POST", ["notifications", "v1", "destinations"]) => ("createDestination", vec![]),
        ("GET", ["notifications", "v1", "destinations", id]) => ("getDestination", vec![id]),
        ("DELETE", ["notifications", "v1", "destinations", id]) => ("deleteDestination", vec![id]),
        ("GET", ["notifications", "v1", "subscriptions", kind]) => ("getSubscription", vec![kind]),
        ("POST", ["notifications", "v1", "subscriptions", kind]) => ("createSubscription", vec![kind]),
        ("GET", ["notifications", "v1", "subscriptions", kind, id]) => ("getSubscriptionById", vec![kind, id]),
        ("DELETE", ["notifications", "v1", "subscriptions", kind, id]) => ("deleteSubscriptionById", vec![kind, id]),
        _ => return None,
    };
    let operation = OPERATIONS.iter().find(|operation| operation.name == name)?;
    Some((operation, parts))
}

/// Buckets by operation.
#[derive(Debug, Clone, Default)]
pub(super) struct Buckets(BTreeMap<&'static str, (f64, Timestamp)>);

impl Buckets {
    /// Takes one call; whether there was one. `scale` times the documented rate and size.
    #[expect(clippy::cast_precision_loss, reason = "milliseconds between two calls are few")]
    pub(super) fn take(&mut self, operation: &Operation, scale: f64, now: Timestamp) -> bool {
        let burst = (operation.burst * scale).max(1.0);
        let (left, at) = self.0.entry(operation.name).or_insert((burst, now));
        let gained = operation.per_second * scale * now.since_ms(*at).max(0) as f64 / 1000.0;
        *left = burst.min(*left + gained);
        *at = now;
        // a whole call, but for what adding up fractions loses
        let paid = *left >= 1.0 - 1e-6;
        if paid {
            *left -= 1.0;
        }
        paid
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn twenty_order_searches_fit_and_then_one_in_three_minutes() {
        let (search, _) = route("GET", &["orders", "2026-01-01", "orders"]).expect("it is known");
        let mut buckets = Buckets::default();
        let mut taken = |at: i64| (0..100).filter(|_| buckets.take(search, 1.0, Timestamp(at))).count();
        assert_eq!((taken(0), taken(178_000), taken(179_000)), (20, 0, 1));
    }
}
