//! Search by SKU. It is an index of words that lags behind: what it gives is filtered again, exactly
//! (<https://shopify.dev/docs/api/usage/search-syntax>).

use super::PAGES_MAX;
use super::client::{self, Call};
use super::document::SEARCH;
use super::wire::{Item, Nodes, number};
use crate::{Error, ErrorKind, Session};
use domain::Sku;
use serde_json::json;

/// The numbers of the items with exactly this SKU.
pub(super) async fn items(session: Session<'_>, sku: &Sku) -> Result<Vec<String>, Error> {
    let escaped = sku.as_str().replace('\\', "\\\\").replace('"', "\\\"");
    let query = format!("sku:\"{escaped}\"");
    let (mut found, mut after) = (Vec::new(), None);
    for _ in 0..PAGES_MAX {
        let variables = json!({"query": query, "after": after});
        let page: Nodes<Item> = client::ask(session, Call::read(SEARCH, 16.0), "inventoryItems", &variables).await?;
        let exact = page.nodes.iter().filter(|item| item.sku.as_deref() == Some(sku.as_str()));
        found.extend(exact.filter_map(|item| number(&item.id, "InventoryItem").map(str::to_owned)));
        after = page.page.next();
        if after.is_none() {
            return Ok(found);
        }
    }
    Err(Error::new(ErrorKind::Malformed, "search: the list does not end"))
}
