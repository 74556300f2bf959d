//! The places that hold stock, <https://shopify.dev/docs/api/admin-graphql/latest/queries/locations>.

use super::client::{self, Call};
use super::document::LOCATIONS;
use super::wire::{Nodes, number};
use crate::{Error, ErrorKind, Location, Page, Session};
use domain::LocationId;
use serde::Deserialize;
use serde_json::json;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Row {
    id: String,
    name: String,
    is_active: bool,
    is_fulfillment_service: bool,
}

/// One page of locations, with those that are closed and those that others keep; the token is the cursor.
pub(crate) async fn locations(session: Session<'_>, page: Option<String>) -> Result<Page<Location>, Error> {
    let call = Call::read(LOCATIONS, 11.0);
    let rows: Nodes<Row> = client::ask(session, call, "locations", &json!({"after": page})).await?;
    let next = rows.page.next();
    let rows: Option<Vec<Location>> = rows.nodes.into_iter().map(location).collect();
    let rows = rows.ok_or_else(|| Error::new(ErrorKind::Malformed, "locations: an id of an unknown form"))?;
    Ok(Page { rows, next })
}

fn location(row: Row) -> Option<Location> {
    let id = LocationId::new(number(&row.id, "Location")?).ok()?;
    let name = if row.is_fulfillment_service { format!("{} (kept by a service)", row.name) } else { row.name };
    Some(Location { id, name, active: row.is_active })
}
