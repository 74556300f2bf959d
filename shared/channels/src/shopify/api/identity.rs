//! Who the credentials belong to, and what they may not do.

use super::super::{API_VERSIONS, SCOPES};
use super::client::{self, Call, SERVED};
use super::document::IDENTITY;
use crate::{Error, Identity, Session};
use serde::Deserialize;
use serde_json::json;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Shop {
    name: String,
    myshopify_domain: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Installation {
    access_scopes: Vec<Scope>,
}

#[derive(Deserialize)]
struct Scope {
    handle: String,
}

/// What does not work without a scope.
fn consequence(scope: &str) -> &'static str {
    match scope {
        "read_inventory" => "levels cannot be read",
        "write_inventory" => "levels cannot be written",
        "read_products" => "products cannot be named",
        _ => "locations cannot be listed",
    }
}

/// Asks for the store's name and for what the app may do.
pub(crate) async fn identify(session: Session<'_>) -> Result<Identity, Error> {
    let call = Call::read(IDENTITY, 4.0);
    let answer = client::send(session, call, &json!({})).await?;
    let shop: Shop = answer.field(call, "shop")?;
    let installation: Installation = answer.field(call, "currentAppInstallation")?;
    let has = |scope: &str| installation.access_scopes.iter().any(|given| given.handle == scope);
    let missing = SCOPES.iter().filter(|scope| !has(scope));
    let mut refused: Vec<String> = missing.map(|scope| format!("{scope}: {}", consequence(scope))).collect();
    let usable = refused.is_empty();
    if let Some(served) = session.tokens.get(SERVED, session.clock.now()) {
        let (served, asked) = (served.reveal(), client::version(session));
        let known = API_VERSIONS.join(", ");
        refused.push(format!("api_version: asked for {asked}, the store answers with {served}; known are {known}"));
    }
    Ok(Identity { store: format!("{} ({})", shop.name, shop.myshopify_domain), refused, usable, feed: false })
}
