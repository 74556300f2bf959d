//! Users: added, changed, removed by an admin. The first admin is made with the bootstrap token.

use super::{passwords, user};
use domain::Timestamp;
use engine::people::{NAME_MAX, PersonalToken, USERS, User, UserRole};
use engine::ports::{Change, Condition, StoreError};
use engine::{Error, Hub, records};
use serde::{Deserialize, Serialize};

/// A new user.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewUser {
    /// a-z, 0-9 and . - _ @, at most 60.
    pub name: String,
    /// What they may do.
    #[schema(value_type = crate::api::schema_people::UserRole)]
    pub role: UserRole,
    /// For the console, at least 15 characters; without one they sign in with a personal token.
    #[serde(default)]
    pub password: Option<String>,
}

/// What to change of a user. What is absent stays.
#[derive(Debug, Default, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct UserPatch {
    /// What they may do.
    #[schema(value_type = Option<crate::api::schema_people::UserRole>)]
    pub role: Option<UserRole>,
    /// A new password; their sessions end.
    pub password: Option<String>,
    /// Shut out, or let in again; their sessions end.
    pub disabled: Option<bool>,
}

/// A user as people see them.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
pub struct UserView {
    /// The name.
    pub name: String,
    /// What they may do.
    #[schema(value_type = crate::api::schema_people::UserRole)]
    pub role: UserRole,
    /// Whether they are shut out.
    pub disabled: bool,
    /// Whether they have a password.
    pub password: bool,
    /// How many personal tokens they have.
    pub tokens: u64,
    /// When they were added.
    #[schema(value_type = i64)]
    pub added: Timestamp,
    /// When they last signed in with their password.
    #[schema(value_type = Option<i64>)]
    pub signed_in: Option<Timestamp>,
}

/// Users that a hub may have.
const USERS_MAX: usize = 200;

/// All users, by name.
///
/// # Errors
/// [`Error::Store`].
pub async fn list(hub: &Hub) -> Result<Vec<UserView>, Error> {
    let tokens = super::tokens::all(hub).await?;
    let rows = hub.all_rows(records::HUB, USERS).await?;
    rows.iter().map(|row| Ok(view(&records::body(row)?, &tokens))).collect()
}

/// One user.
///
/// # Errors
/// [`Error::NotFound`].
pub async fn show(hub: &Hub, name: &str) -> Result<UserView, Error> {
    let tokens = super::tokens::all(hub).await?;
    Ok(view(&existing(hub, name).await?.0, &tokens))
}

/// Adds a user.
///
/// # Errors
/// [`Error::Invalid`] naming the field; [`Error::Conflict`] when the name is taken.
pub async fn add(hub: &Hub, new: NewUser) -> Result<UserView, Error> {
    check_name(&new.name)?;
    if hub.all_rows(records::HUB, USERS).await?.len() >= USERS_MAX {
        return Err(Error::Conflict(format!("a hub has at most {USERS_MAX} users; remove some")));
    }
    let password = match new.password {
        Some(password) => Some(passwords::hash(password).await?),
        None => None,
    };
    let user = User {
        name: new.name,
        role: new.role,
        password,
        disabled: false,
        epoch: 1,
        failures: 0,
        locked: None,
        added: hub.clock.now(),
        signed_in: None,
    };
    match hub.store.write(&[Change::Put(user.row(1), Condition::Absent)]).await {
        Ok(()) => Ok(view(&user, &[])),
        Err(StoreError::Conflict { .. }) => {
            Err(Error::Conflict(format!("name: there is a user {} already; choose another name", user.name)))
        }
        Err(error) => Err(error.into()),
    }
}

/// Changes a user.
///
/// # Errors
/// [`Error::Invalid`] naming the field, [`Error::NotFound`], [`Error::Conflict`] when somebody else was faster.
pub async fn change(hub: &Hub, name: &str, patch: UserPatch) -> Result<UserView, Error> {
    let (mut user, version) = existing(hub, name).await?;
    if patch.password.is_some() || patch.disabled.is_some() {
        user.epoch += 1;
    }
    if let Some(password) = patch.password {
        user.password = Some(passwords::hash(password).await?);
        (user.failures, user.locked) = (0, None);
    }
    user.role = patch.role.unwrap_or(user.role);
    user.disabled = patch.disabled.unwrap_or(user.disabled);
    hub.store.write(&[Change::Put(user.row(version + 1), Condition::Version(version))]).await?;
    show(hub, name).await
}

/// Removes a user with their tokens; their sessions are void. What they did stays in the audit trail.
///
/// # Errors
/// [`Error::NotFound`].
pub async fn remove(hub: &Hub, name: &str) -> Result<(), Error> {
    existing(hub, name).await?;
    hub.store.write(&[Change::Delete(User::key(name), Condition::Any)]).await?;
    for token in super::tokens::all(hub).await?.iter().filter(|token| token.user == name) {
        hub.store.write(&[Change::Delete(PersonalToken::key(&token.hash), Condition::Any)]).await?;
    }
    Ok(())
}

/// Replaces a user's own password.
///
/// # Errors
/// [`Error::Invalid`] when the current one is wrong or the new one too short. Their sessions end.
pub async fn change_password(hub: &Hub, name: &str, current: String, new: String) -> Result<(), Error> {
    let (user, _) = existing(hub, name).await?;
    passwords::accept(&new)?;
    if !super::sessions::is_password(hub, name, current).await?.is_yes() {
        let has_one = user.password.is_some();
        let what = if has_one { "it is wrong, or was wrong too often; wait" } else { "you have none; ask an admin" };
        return Err(Error::Invalid(format!("current: {what}")));
    }
    change(hub, name, UserPatch { password: Some(new), ..UserPatch::default() }).await.map(drop)
}

async fn existing(hub: &Hub, name: &str) -> Result<(User, u64), Error> {
    user(hub, name).await?.ok_or_else(|| Error::NotFound { what: "user", name: name.to_owned() })
}

/// Names that mean something else in the audit trail.
const RESERVED: [&str; 2] = [engine::trail::HUB_ACTOR, crate::tokens::FIRST_HOLDER];

fn check_name(name: &str) -> Result<(), Error> {
    let fits = |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit() || ".-_@".contains(letter);
    if name.is_empty() || name.len() > NAME_MAX || !name.chars().all(fits) {
        return Err(Error::Invalid(format!(
            "name: {name:?} is not valid; use a-z, 0-9 and . - _ @, at most {NAME_MAX}"
        )));
    }
    if RESERVED.contains(&name) {
        return Err(Error::Invalid(format!("name: {name:?} has a meaning of its own; choose another")));
    }
    Ok(())
}

fn view(user: &User, tokens: &[PersonalToken]) -> UserView {
    let own = tokens.iter().filter(|token| token.user == user.name).count();
    UserView {
        name: user.name.clone(),
        role: user.role,
        disabled: user.disabled,
        password: user.password.is_some(),
        tokens: own as u64,
        added: user.added,
        signed_in: user.signed_in,
    }
}
