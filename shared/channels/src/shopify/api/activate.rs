//! Stocking an item at a location again, where the account asks for it: tracked first, then active. What Shopify kept for the
//! level stays (<https://shopify.dev/docs/api/admin-graphql/latest/mutations/inventoryActivate>), so that the write that
//! follows still finds the level that it expects, or is refused.

use super::client::{self, Call};
use super::document::{ACTIVATE, TRACK};
use super::wire::gid;
use crate::{Error, ErrorKind, Session, Write};
use serde::Deserialize;
use serde_json::{Value, json};
use uuid::Uuid;

/// The namespace of the keys of activations.
const NAMESPACE: Uuid = Uuid::from_u128(0x6576_656e_7374_6f63_6b2d_6163_7469_7665);

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Done {
    user_errors: Vec<Problem>,
    inventory_level: Option<Level>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Level {
    is_active: bool,
}

#[derive(Deserialize)]
struct Problem {
    message: String,
}

/// Tracks the item and stocks it where the write is for. It may have been done and the answer lost; it can be done again.
pub(super) async fn activate(session: Session<'_>, write: &Write, tracked: bool, active: bool) -> Result<(), Error> {
    let item = gid("InventoryItem", &write.external);
    if !tracked {
        step(session, Call::change(TRACK, 11.0), "inventoryItemUpdate", &json!({"item": item})).await?;
    }
    if !active {
        let key = Uuid::new_v5(&NAMESPACE, write.key.as_bytes()).to_string();
        let variables = json!({"item": item, "location": gid("Location", write.location.as_str()), "key": key});
        step(session, Call::change(ACTIVATE, 11.0), "inventoryActivate", &variables).await?;
    }
    Ok(())
}

async fn step(session: Session<'_>, call: Call<'_>, field: &str, variables: &Value) -> Result<(), Error> {
    let done: Done = client::ask(session, call, field, variables).await?;
    match done.user_errors.first() {
        None if done.inventory_level.is_some_and(|level| !level.is_active) => {
            Err(Error::new(ErrorKind::NotFound, format!("{field}: the level is still not active")))
        }
        None => Ok(()),
        Some(problem) => {
            let story: String = problem.message.chars().take(200).collect();
            Err(Error::new(ErrorKind::NotFound, format!("{field}: {story}")))
        }
    }
}
