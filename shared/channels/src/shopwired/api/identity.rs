//! Who the credentials belong to, and what they may not do.

use super::client;
use super::wire::text;
use crate::{Error, ErrorKind, Identity, Session};
use serde_json::Value;

/// Harmless reads, and what does not work without them. Scope names are not documented, so the endpoints are asked.
const PROBES: &[(&str, &str)] = &[
    ("/products?count=1&fields=id,sku", "products: the catalogue cannot be read, so nothing can be mapped or compared"),
    ("/stock?sku=", "stock: levels can be neither read nor written"),
    ("/orders?count=1&fields=id", "orders: sales cannot be told from edits"),
    ("/events?count=1&topic=product.stock_changed", "events: missed movements cannot be caught up, only compared"),
    ("/webhooks?count=1", "webhooks: changes are found by the timer only, not within seconds"),
];

/// Asks for the store's name and tries every kind of endpoint that we use.
pub(crate) async fn identify(session: Session<'_>) -> Result<Identity, Error> {
    let mut refused = Vec::new();
    let store = match client::get::<Value>(session, "/business").await {
        Ok(business) => name(&business),
        Err(error) if error.kind == ErrorKind::Forbidden => {
            refused.push("business: the store's name cannot be shown".to_owned());
            UNNAMED.to_owned()
        }
        Err(error) => return Err(error),
    };
    let mut sku = None;
    for (path, consequence) in PROBES {
        match probe(session, path, sku.as_deref()).await {
            Ok(answer) => sku = sku.or_else(|| first_sku(&answer)),
            Err(error) if is_refusal(path, error.kind) => refused.push((*consequence).to_owned()),
            Err(error) if is_no_such_sku(path, error.kind) => {}
            Err(error) => return Err(error),
        }
    }
    let may = |area: &str| !refused.iter().any(|consequence| consequence.starts_with(area));
    let (usable, feed) = (may("products:") && may("stock:"), may("events:"));
    Ok(Identity { store, refused, usable, feed })
}

const UNNAMED: &str = "ShopWired account";

/// The fields of `GET /business` are not documented in what we could read; the likely names are tried.
fn name(business: &Value) -> String {
    let names = ["name", "businessName", "companyName", "tradingName", "title", "id"];
    names.iter().find_map(|field| business.get(field).and_then(text)).unwrap_or_else(|| UNNAMED.to_owned())
}

async fn probe(session: Session<'_>, path: &str, sku: Option<&str>) -> Result<Value, Error> {
    let sku = if path.ends_with("sku=") { sku.unwrap_or("evenstock-probe") } else { "" };
    client::get(session, &format!("{path}{}", client::encode(sku))).await
}

fn first_sku(products: &Value) -> Option<String> {
    products.get(0).and_then(|product| product.get("sku")).and_then(text)
}

fn is_refusal(path: &str, kind: ErrorKind) -> bool {
    let missing = kind == ErrorKind::NotFound && !path.starts_with("/stock");
    missing || matches!(kind, ErrorKind::Forbidden | ErrorKind::Unauthorized)
}

fn is_no_such_sku(path: &str, kind: ErrorKind) -> bool {
    path.starts_with("/stock") && matches!(kind, ErrorKind::NotFound | ErrorKind::Invalid)
}
