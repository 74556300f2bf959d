//! Which user somebody is whom the provider vouches for.

use super::super::sessions::{self, Opened};
use super::super::users::{self, NewUser};
use super::super::{caller_of, user};
use super::settings::Settings;
use super::token::Claims;
use super::{LONGEST_MS, Refusal};
use engine::people::{self, Proof, User, UserRole};
use engine::ports::{Change, Condition, StoreError};
use engine::records::{self, HUB};
use engine::{Error, Hub};
use serde_json::{Value, json};

/// Opens a session for the user whom the claims are about. The nonce of each attempt opens one session only, even where a
/// provider takes a code twice.
pub(super) async fn let_in(hub: &Hub, settings: &Settings, nonce: &str, claims: &Claims) -> Result<Opened, Refusal> {
    let by_groups = settings.role_of(claims.groups(&settings.groups_claim).into_iter());
    let (mut user, version) = match find(hub, claims).await? {
        Some(found) => found,
        None => added(hub, by_groups, claims).await?,
    };
    let Some(caller) = caller_of(&user, None) else { return Err(Refusal::ShutOut) };
    once(hub, nonce).await?;
    if user.by_groups {
        user.role = by_groups.ok_or_else(|| Refusal::Nobody(who(claims)))?;
    }
    user.signed_in = Some(hub.clock.now());
    hub.store.write(&[Change::Put(user.row(version + 1), Condition::Version(version))]).await?;
    let proof = Proof::Provider { user: user.name.clone(), epoch: user.epoch };
    let caller = super::super::Caller { role: user.role, ..caller };
    Ok(sessions::open(hub, proof, caller).await?)
}

/// The user of that subject, or of that address if it is verified.
async fn find(hub: &Hub, claims: &Claims) -> Result<Option<(User, u64)>, Refusal> {
    let rows = hub.all_rows(HUB, people::USERS).await?;
    let all: Result<Vec<(User, u64)>, Error> = rows.iter().map(|row| Ok((records::body(row)?, row.version))).collect();
    let (all, subject) = (all?, users::subject(&claims.sub));
    let named = |name: &str| all.iter().find(|(user, _)| user.provider.as_deref() == Some(name)).cloned();
    if let Some(found) = named(&subject) {
        return Ok(Some(found));
    }
    let Some(email) = claims.email() else { return Ok(None) };
    match named(&email) {
        Some(_) if !claims.is_verified() => Err(Refusal::Unverified(email)),
        found => Ok(found),
    }
}

/// A new user, where the settings give one of their groups a role.
async fn added(hub: &Hub, role: Option<UserRole>, claims: &Claims) -> Result<(User, u64), Refusal> {
    let nobody = || Refusal::Nobody(who(claims));
    let (role, email) = (role.ok_or_else(nobody)?, claims.email().ok_or_else(nobody)?);
    if !claims.is_verified() {
        return Err(Refusal::Unverified(email));
    }
    let new = NewUser { name: email.clone(), role, password: None, provider: Some(email.clone()) };
    let view = users::add_by_groups(hub, new).await?;
    hub.keep_own_act("users add by the sign-in provider", &email, Value::Null, json!(view)).await?;
    user(hub, &email).await?.ok_or_else(nobody)
}

/// Whom the provider named, for the person to tell an admin.
fn who(claims: &Claims) -> String {
    claims.email().unwrap_or_else(|| users::subject(&claims.sub))
}

/// Uses a nonce up.
async fn once(hub: &Hub, nonce: &str) -> Result<(), Refusal> {
    let row = people::used_nonce(nonce, hub.clock.now().plus_ms(2 * LONGEST_MS));
    match hub.store.write(&[Change::Put(row, Condition::Absent)]).await {
        Ok(()) => Ok(()),
        Err(StoreError::Conflict { .. }) => Err(Refusal::Stranger),
        Err(error) => Err(error.into()),
    }
}
