//! Personal tokens: a user's, for a program of theirs. Shown once, kept as a hash, revocable, with or without an end.

use super::{Caller, caller_of, digest, one, put_if_unchanged, random, user};
use channels::Secret;
use domain::Timestamp;
use engine::people::{PersonalToken, TOKENS, UserRole};
use engine::ports::{Change, Condition};
use engine::records::DAY_MS;
use engine::{Error, Hub, records};
use serde::{Deserialize, Serialize};

/// What every personal token begins with.
pub const PREFIX: &str = "evp_";
/// Tokens that a user may have.
const TOKENS_MAX: usize = 20;
/// The longest label, characters.
const LABEL_MAX: usize = 80;
/// The longest that a token with an end may last, days.
const DAYS_MAX: u32 = 3650;
/// How exactly the last use is noted, milliseconds: an hour, for the sake of the writes.
const USED_EVERY_MS: i64 = 3_600_000;
/// Letters of the hash that name a token.
const ID: usize = 12;

/// A new token.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewToken {
    /// Whose; the caller's own if absent. Only an admin may name another.
    #[serde(default)]
    pub user: Option<String>,
    /// What it is for.
    pub label: String,
    /// It shall open no more than this, even if its user's role does.
    #[serde(default)]
    #[schema(value_type = Option<crate::api::schema_people::UserRole>)]
    pub role: Option<UserRole>,
    /// Days until it opens nothing any more; for ever if absent.
    #[serde(default)]
    pub days: Option<u32>,
}

/// A token as people see it.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
pub struct TokenView {
    /// Its name in lists.
    pub id: String,
    /// Whose it is.
    pub user: String,
    /// What it is for.
    pub label: String,
    /// It opens no more than this.
    #[schema(value_type = Option<crate::api::schema_people::UserRole>)]
    pub role: Option<UserRole>,
    /// When it was made.
    #[schema(value_type = i64)]
    pub created: Timestamp,
    /// Until when it opens anything.
    #[schema(value_type = Option<i64>)]
    pub expires: Option<Timestamp>,
    /// When it was last used, to the hour.
    #[schema(value_type = Option<i64>)]
    pub used: Option<Timestamp>,
}

/// A token that was just made.
#[derive(Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Issued {
    /// The token itself, shown this once.
    #[schema(value_type = String)]
    pub token: Secret,
    /// What is known of it from now on.
    #[serde(flatten)]
    pub view: TokenView,
}

impl From<&PersonalToken> for TokenView {
    fn from(token: &PersonalToken) -> Self {
        Self {
            id: token.id.clone(),
            user: token.user.clone(),
            label: token.label.clone(),
            role: token.role,
            created: token.created,
            expires: token.expires,
            used: token.used,
        }
    }
}

/// Makes a token of `name`'s.
///
/// # Errors
/// [`Error::Invalid`] naming the field, [`Error::NotFound`] when there is no such user, [`Error::Conflict`] when they have
/// too many.
pub async fn issue(hub: &Hub, name: &str, new: &NewToken) -> Result<Issued, Error> {
    if user(hub, name).await?.is_none() {
        return Err(Error::NotFound { what: "user", name: name.to_owned() });
    }
    let label = new.label.trim();
    if label.is_empty() || label.chars().count() > LABEL_MAX {
        return Err(Error::Invalid(format!("label: say what the token is for, in at most {LABEL_MAX} characters")));
    }
    if new.days.is_some_and(|days| days == 0 || days > DAYS_MAX) {
        return Err(Error::Invalid(format!("days: 1 to {DAYS_MAX}, or leave it out")));
    }
    if all(hub).await?.iter().filter(|token| token.user == name).count() >= TOKENS_MAX {
        return Err(Error::Conflict(format!("{name} has {TOKENS_MAX} tokens; revoke some")));
    }
    let (secret, now) = (random(hub, PREFIX), hub.clock.now());
    let hash = digest(&secret);
    let token = PersonalToken {
        id: hash.chars().take(ID).collect(),
        hash,
        user: name.to_owned(),
        label: label.to_owned(),
        role: new.role,
        created: now,
        expires: new.days.map(|days| now.plus_ms(i64::from(days) * DAY_MS)),
        used: None,
    };
    hub.store.write(&[Change::Put(token.row(1), Condition::Absent)]).await?;
    Ok(Issued { token: Secret::new(secret), view: TokenView::from(&token) })
}

/// All tokens, or those of one user, the oldest first.
///
/// # Errors
/// [`Error::Store`].
pub async fn list(hub: &Hub, of: Option<&str>) -> Result<Vec<TokenView>, Error> {
    let mut tokens = all(hub).await?;
    tokens.retain(|token| of.is_none_or(|name| token.user == name));
    tokens.sort_by_key(|token| (token.user.clone(), token.created));
    Ok(tokens.iter().map(TokenView::from).collect())
}

/// Makes a token void, by its name in lists; only of `of` where given. Sessions that were opened with it are void too.
///
/// # Errors
/// [`Error::NotFound`].
pub async fn revoke(hub: &Hub, id: &str, of: Option<&str>) -> Result<TokenView, Error> {
    let tokens = all(hub).await?;
    let found = tokens.iter().find(|token| token.id == id && of.is_none_or(|name| token.user == name));
    let token = found.ok_or_else(|| Error::NotFound { what: "token", name: id.to_owned() })?;
    hub.store.write(&[Change::Delete(PersonalToken::key(&token.hash), Condition::Any)]).await?;
    Ok(TokenView::from(token))
}

pub(super) async fn all(hub: &Hub) -> Result<Vec<PersonalToken>, Error> {
    let rows = hub.all_rows(records::HUB, TOKENS).await?;
    let now = hub.clock.now();
    let mut tokens: Vec<PersonalToken> = rows.iter().map(records::body).collect::<Result<_, _>>()?;
    tokens.retain(|token| is_valid(token, now));
    Ok(tokens)
}

fn is_valid(token: &PersonalToken, now: Timestamp) -> bool {
    token.expires.is_none_or(|end| now < end)
}

/// Who holds the token with this hash.
pub(super) async fn check(hub: &Hub, hash: &str) -> Result<Option<Caller>, Error> {
    let Some(row) = one(hub, PersonalToken::key(hash)).await? else { return Ok(None) };
    let (mut token, now): (PersonalToken, _) = (records::body(&row)?, hub.clock.now());
    if !is_valid(&token, now) {
        return Ok(None);
    }
    let Some((user, _)) = user(hub, &token.user).await? else { return Ok(None) };
    if token.used.is_none_or(|used| now.since_ms(used) >= USED_EVERY_MS) {
        token.used = Some(now);
        put_if_unchanged(hub, token.row(row.version + 1)).await?;
    }
    Ok(caller_of(&user, token.role))
}
