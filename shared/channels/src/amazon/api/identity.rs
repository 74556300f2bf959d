//! Who we are at Amazon, and what the app's roles let us do.

use super::super::place::Place;
use super::client::{self, encode};
use super::operation::{GET_REPORTS, Operation, PARTICIPATIONS, SEARCH_LISTINGS, SEARCH_ORDERS};
use super::wire::iso;
use crate::{Error, ErrorKind, Identity, Session};
use serde::Deserialize;
use serde_json::Value;

#[derive(Deserialize)]
struct Participations {
    #[serde(default)]
    payload: Vec<Participation>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Participation {
    marketplace: Marketplace,
    #[serde(default)]
    participation: Taking,
    #[serde(default)]
    store_name: Option<String>,
}

#[derive(Deserialize)]
struct Marketplace {
    id: String,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Taking {
    #[serde(default)]
    is_participating: bool,
}

/// Asks for the marketplaces, then one row of everything that we need. Amazon does not tell the seller id.
pub(crate) async fn identify(session: Session<'_>) -> Result<Identity, Error> {
    let place = Place::of(session.settings)?;
    let path = "/sellers/v1/marketplaceParticipations";
    let ours: Participations = client::get(session, &place, &PARTICIPATIONS, path).await?;
    let mut refused: Vec<String> = place
        .marketplaces
        .iter()
        .filter(|id| !ours.payload.iter().any(|one| one.marketplace.id == **id && one.participation.is_participating))
        .map(|id| format!("marketplace {id}: this account does not sell there"))
        .collect();
    let listings = probe(
        session,
        &place,
        &SEARCH_LISTINGS,
        &listings(&place),
        "listings: no level can be read or written (role Product Listing)",
        &mut refused,
    )
    .await?;
    let orders = probe(
        session,
        &place,
        &SEARCH_ORDERS,
        &orders(session, &place),
        "orders: no sale can be read (role Inventory and Order Tracking)",
        &mut refused,
    )
    .await?;
    probe(session, &place, &GET_REPORTS, REPORTS, "reports: no full comparison (role Product Listing)", &mut refused)
        .await?;
    let name = ours.payload.iter().find_map(|one| one.store_name.clone().filter(|name| !name.is_empty()));
    let store = name.map_or_else(|| place.seller.clone(), |name| format!("{name} ({})", place.seller));
    // there is no log of stock movements; orders are read instead
    Ok(Identity { store, refused, usable: listings && orders, feed: false })
}

const REPORTS: &str = "/reports/2021-06-30/reports?reportTypes=GET_MERCHANT_LISTINGS_ALL_DATA&pageSize=1";

fn listings(place: &Place) -> String {
    format!(
        "/listings/2021-08-01/items/{}?marketplaceIds={}&includedData=summaries&pageSize=1",
        place.seller,
        place.home()
    )
}

fn orders(session: Session<'_>, place: &Place) -> String {
    let after = encode(&iso(session.clock.now().plus_ms(-3_600_000)));
    format!(
        "/orders/2026-01-01/orders?lastUpdatedAfter={after}&marketplaceIds={}&fulfilledBy=MERCHANT&maxResultsPerPage=1",
        place.marketplaces.join(",")
    )
}

/// Whether an endpoint may be used; one that may not is told with what it costs.
async fn probe(
    session: Session<'_>,
    place: &Place,
    operation: &'static Operation,
    path: &str,
    cost: &str,
    refused: &mut Vec<String>,
) -> Result<bool, Error> {
    match client::get::<Value>(session, place, operation, path).await {
        Ok(_) => Ok(true),
        Err(error) if error.kind == ErrorKind::Forbidden => {
            refused.push(cost.to_owned());
            Ok(false)
        }
        Err(error) => Err(error),
    }
}
