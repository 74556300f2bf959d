//! Users: added, changed, removed by an admin. The first admin is made with the bootstrap token.

use super::{passwords, user};
use domain::Timestamp;
use engine::people::{NAME_MAX, PersonalToken, USERS, User, UserRole};
use engine::ports::{Change, Condition, Row, StoreError};
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
    /// Who they are at the sign-in provider: an e-mail address, which it must have verified, or `sub:` and its own id of them.
    #[serde(default)]
    pub provider: Option<String>,
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
    /// Who they are at the sign-in provider, as for a new user; empty: nobody any more. Their sessions end.
    pub provider: Option<String>,
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
    /// Who they are at the sign-in provider: an e-mail address, or `sub:` and its own id of them.
    #[serde(default)]
    pub provider: Option<String>,
    /// Whether the provider's groups say what they may do.
    #[serde(default)]
    pub by_groups: bool,
    /// How many personal tokens they have.
    pub tokens: u64,
    /// When they were added.
    #[schema(value_type = i64)]
    pub added: Timestamp,
    /// When they last signed in with their password or through the provider.
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
    put_new(hub, new, false).await
}

/// Adds a user whose role the provider's groups say.
pub(super) async fn add_by_groups(hub: &Hub, new: NewUser) -> Result<UserView, Error> {
    put_new(hub, new, true).await
}

async fn put_new(hub: &Hub, new: NewUser, by_groups: bool) -> Result<UserView, Error> {
    check_name(&new.name)?;
    let rows = hub.all_rows(records::HUB, USERS).await?;
    if rows.len() >= USERS_MAX {
        return Err(Error::Conflict(format!("a hub has at most {USERS_MAX} users; remove some")));
    }
    let provider = new.provider.as_deref().map(|given| identity(given, &new.name, &rows)).transpose()?.flatten();
    let password = match new.password {
        Some(password) => Some(passwords::hash(password).await?),
        None => None,
    };
    let user = User {
        name: new.name,
        role: new.role,
        password,
        disabled: false,
        // sessions of a former user of that name stay void
        epoch: hub.clock.now().0.unsigned_abs(),
        failures: 0,
        locked: None,
        provider,
        by_groups,
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
    if patch.password.is_some() || patch.disabled.is_some() || patch.provider.is_some() {
        user.epoch += 1;
    }
    if let Some(given) = &patch.provider {
        user.provider = identity(given, name, &hub.all_rows(records::HUB, USERS).await?)?;
    }
    // a role that an admin gives stays
    user.by_groups &= patch.role.is_none() && user.provider.is_some();
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

/// The longest name of somebody at a provider, bytes.
const IDENTITY_MAX: usize = 255;
/// What the provider's own id of somebody begins with here.
const SUBJECT: &str = "sub:";

/// How the provider's own id of somebody is written here.
pub(super) fn subject(id: &str) -> String {
    format!("{SUBJECT}{id}")
}

/// Who somebody is at the provider, as it is kept; `None` for an empty text. Nobody else may be the same.
fn identity(given: &str, name: &str, users: &[Row]) -> Result<Option<String>, Error> {
    let given = given.trim();
    let kept = if given.starts_with(SUBJECT) { given.to_owned() } else { given.to_lowercase() };
    if kept.is_empty() {
        return Ok(None);
    }
    let is_email = kept.split_once('@').is_some_and(|(who, at)| !who.is_empty() && !at.is_empty());
    let is_subject = kept.len() > SUBJECT.len() && kept.starts_with(SUBJECT);
    if kept.len() > IDENTITY_MAX || !(is_email || is_subject) {
        return Err(Error::Invalid(format!(
            "provider: {given:?} is neither an e-mail address nor {SUBJECT} and the provider's own id"
        )));
    }
    for row in users {
        let user: User = records::body(row)?;
        if user.name != name && user.provider.as_deref() == Some(&kept) {
            return Err(Error::Conflict(format!("provider: {kept} is the user {} already", user.name)));
        }
    }
    Ok(Some(kept))
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
        provider: user.provider.clone(),
        by_groups: user.by_groups,
        tokens: own as u64,
        added: user.added,
        signed_in: user.signed_in,
    }
}
