//! The operations that we use, each with its own limit,
//! <https://developer-docs.amazon.com/sp-api/docs/usage-plans-and-rate-limits> and the reference page of each API.

use crate::Toll;

/// On whose behalf a request is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Who {
    /// The seller's: the refresh token.
    Seller,
    /// The application's own, <https://developer-docs.amazon.com/sp-api/docs/grantless-operations>.
    Application,
}

/// An operation of the API.
#[derive(Debug, Clone, Copy)]
pub(super) struct Operation {
    /// Its name in Amazon's models, which is also the name of its limit.
    pub(super) name: &'static str,
    per_second: f64,
    burst: f64,
    pub(super) who: Who,
}

impl Operation {
    /// What one request takes from the limit.
    pub(super) const fn toll(&self) -> Toll {
        Toll { bucket: self.name, per_second: self.per_second, burst: self.burst, cost: 1.0 }
    }
}

const fn seller(name: &'static str, per_second: f64, burst: f64) -> Operation {
    Operation { name, per_second, burst, who: Who::Seller }
}

const fn application(name: &'static str, per_second: f64, burst: f64) -> Operation {
    Operation { name, per_second, burst, who: Who::Application }
}

// Access tokens have no documented limit; one an hour is needed, so a few at once are plenty.
pub(super) const TOKEN: Operation = seller("token", 0.2, 5.0);
// Documents are on a storage host without a documented limit.
pub(super) const DOCUMENT: Operation = seller("document", 2.0, 10.0);

pub(super) const PATCH_LISTING: Operation = seller("patchListingsItem", 5.0, 5.0);
// The model says burst 10, a table of the documentation 5: the lower one.
pub(super) const GET_LISTING: Operation = seller("getListingsItem", 5.0, 5.0);
pub(super) const SEARCH_LISTINGS: Operation = seller("searchListingsItems", 5.0, 5.0);

pub(super) const CREATE_FEED_DOCUMENT: Operation = seller("createFeedDocument", 0.5, 15.0);
pub(super) const CREATE_FEED: Operation = seller("createFeed", 0.0083, 15.0);
pub(super) const GET_FEEDS: Operation = seller("getFeeds", 0.0222, 10.0);

pub(super) const CREATE_REPORT: Operation = seller("createReport", 0.0167, 15.0);
pub(super) const GET_REPORT: Operation = seller("getReport", 2.0, 15.0);
pub(super) const GET_REPORTS: Operation = seller("getReports", 0.0222, 10.0);
pub(super) const GET_REPORT_DOCUMENT: Operation = seller("getReportDocument", 0.0167, 15.0);

pub(super) const SEARCH_ORDERS: Operation = seller("searchOrders", 0.0056, 20.0);
pub(super) const GET_ORDER: Operation = seller("getOrder", 0.5, 30.0);

pub(super) const PARTICIPATIONS: Operation = seller("getMarketplaceParticipations", 0.016, 15.0);

pub(super) const GET_DESTINATIONS: Operation = application("getDestinations", 1.0, 5.0);
pub(super) const CREATE_DESTINATION: Operation = application("createDestination", 1.0, 5.0);
pub(super) const DELETE_SUBSCRIPTION: Operation = application("deleteSubscriptionById", 1.0, 5.0);
pub(super) const GET_SUBSCRIPTION: Operation = seller("getSubscription", 1.0, 5.0);
pub(super) const CREATE_SUBSCRIPTION: Operation = seller("createSubscription", 1.0, 5.0);
