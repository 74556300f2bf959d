//! Who may use a hub, and how they prove it. For the API, for the console and for tests alike.
//!
//! | begins with | what it is | kept as |
//! |---|---|---|
//! | `evs_` | a bootstrap token ([`crate::tokens`]): printed by a first start, or made by `evenstock token`; an admin | hash in the vault |
//! | `evp_` | a personal token ([`tokens`]): a user's, for a program | hash in the table |
//! | `evc_` | a session ([`sessions`]): the console's, in a cookie | hash in the table |
//!
//! All three are 256 random bits, so their plain SHA-256 is enough; a password is kept by Argon2id ([`passwords`]).
//! The API takes any of the three as `Authorization: Bearer …`, through [`check`].
//!
//! The console signs in with [`sessions::sign_in`] (name and password), [`sessions::sign_in_with_token`] or through a
//! [`provider`], keeps [`sessions::Opened::secret`] in a cookie (HttpOnly, Secure, SameSite), asks [`check`] with it at each request, puts
//! [`sessions::csrf`] of it into each form and compares with [`sessions::is_csrf`], and ends with [`sessions::sign_out`].

pub mod passwords;
pub mod provider;
pub mod sessions;
pub mod tokens;
pub mod users;

use engine::people::{User, UserRole};
use engine::ports::{Change, Condition, Key, Row, StoreError};
use engine::{Error, Hub, records};
use sha2::{Digest, Sha256};

/// Somebody who has proved who they are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// The user, or the holder of a bootstrap token: what audit and history show.
    pub name: String,
    /// What they may do.
    pub role: UserRole,
    /// Whether this is a user with a row, who may have a password and personal tokens.
    pub is_user: bool,
}

impl Caller {
    /// Whether they may do what needs this role.
    #[must_use]
    pub const fn may(&self, role: UserRole) -> bool {
        self.role as u8 >= role as u8
    }
}

/// Who holds this token or session; `None` when nobody does.
///
/// # Errors
/// [`Error::Store`], [`Error::Vault`].
pub async fn check(hub: &Hub, secret: &str) -> Result<Option<Caller>, Error> {
    if secret.starts_with(tokens::PREFIX) {
        tokens::check(hub, &digest(secret)).await
    } else if secret.starts_with(sessions::PREFIX) {
        sessions::check(hub, secret).await
    } else {
        let holder = crate::tokens::verify(&*hub.vault, secret).await?;
        Ok(holder.map(bootstrap_caller))
    }
}

const fn bootstrap_caller(name: String) -> Caller {
    Caller { name, role: UserRole::Admin, is_user: false }
}

/// A user who may come in, limited to `role` where one is given.
fn caller_of(user: &User, role: Option<UserRole>) -> Option<Caller> {
    let limited = role.map_or(user.role, |role| role.min(user.role));
    (!user.disabled).then(|| Caller { name: user.name.clone(), role: limited, is_user: true })
}

/// A user and their row's version.
async fn user(hub: &Hub, name: &str) -> Result<Option<(User, u64)>, Error> {
    Ok(match one(hub, User::key(name)).await? {
        Some(row) => Some((records::body(&row)?, row.version)),
        None => None,
    })
}

async fn one(hub: &Hub, key: Key) -> Result<Option<Row>, Error> {
    Ok(hub.store.get(&[key]).await?.pop().flatten())
}

/// Puts a row unless another was faster: for what may as well be noted next time.
async fn put_if_unchanged(hub: &Hub, row: Row) -> Result<(), Error> {
    let condition = Condition::Version(row.version - 1);
    match hub.store.write(&[Change::Put(row, condition)]).await {
        Ok(()) | Err(StoreError::Conflict { .. }) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// A new secret of 256 random bits.
fn random(hub: &Hub, prefix: &str) -> String {
    let random: [u64; 4] = std::array::from_fn(|_| hub.clock.random());
    random.iter().fold(prefix.to_owned(), |secret, part| format!("{secret}{part:016x}"))
}

/// The hash under which a secret is kept.
fn digest(secret: &str) -> String {
    hex::encode(Sha256::digest(secret.as_bytes()))
}
