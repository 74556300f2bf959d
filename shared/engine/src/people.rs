//! People who may use a hub: users with a role, their personal tokens, their sessions in the console. Only what the rows
//! are; what checks them is in the crate that speaks HTTP.
//!
//! | entity | pk | sk |
//! |---|---|---|
//! | user | `HUB` | `USER#<name>` |
//! | personal token, by the hash of it | `HUB` | `TOKEN#<hash>` |
//! | session, by the hash of its secret (expires) | `HUB` | `SESSION#<hash>` |
//! | a sign-in through the provider that was completed (expires) | `HUB` | `SESSION#USED#<nonce>` |

use crate::ports::{Key, Row};
use crate::records::{HUB, key, row, text};
use domain::Timestamp;
use serde::{Deserialize, Serialize};

/// What a user may do. Each role may do what the ones before it may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum UserRole {
    /// Look at everything except users and secrets.
    Viewer,
    /// Act on stock: edit, sync, pause an account, release what a guard stopped.
    Operator,
    /// Settings, accounts, credentials, alerts, users.
    Admin,
}

impl UserRole {
    /// Its name, as the API writes it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Operator => "operator",
            Self::Admin => "admin",
        }
    }
}

/// The longest name of a user.
pub const NAME_MAX: usize = 60;

/// A person, or a program that acts for itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct User {
    /// The name; audit and history show it.
    pub name: String,
    /// What they may do.
    pub role: UserRole,
    /// The hash of their password in PHC form; `None` while they have none.
    #[serde(default)]
    pub password: Option<String>,
    /// Whether they are shut out for now.
    #[serde(default)]
    pub disabled: bool,
    /// Sessions of another epoch are void: it grows when the password changes or the user is shut out.
    #[serde(default)]
    pub epoch: u64,
    /// Wrong passwords in a row.
    #[serde(default)]
    pub failures: u32,
    /// No password is tried before this time.
    #[serde(default)]
    pub locked: Option<Timestamp>,
    /// When they were added.
    pub added: Timestamp,
    /// Who they are at the sign-in provider: an e-mail address in small letters, or `sub:` and the provider's own id.
    #[serde(default)]
    pub provider: Option<String>,
    /// Whether the provider's groups say what they may do, at each time that they sign in.
    #[serde(default)]
    pub by_groups: bool,
    /// When they last signed in with a password or through the provider.
    #[serde(default)]
    pub signed_in: Option<Timestamp>,
}

impl User {
    /// Where they live.
    #[must_use]
    pub fn key(name: &str) -> Key {
        key(HUB, format!("{USERS}{name}"))
    }

    /// As a row.
    #[must_use]
    pub fn row(&self, version: u64) -> Row {
        row(Self::key(&self.name), version, text(self))
    }
}

/// What the sort keys of users begin with.
pub const USERS: &str = "USER#";
/// What the sort keys of personal tokens begin with.
pub const TOKENS: &str = "TOKEN#";
/// What the sort keys of sessions begin with.
pub const SESSIONS: &str = "SESSION#";

/// A token that a user has for a program of theirs. The hub keeps only its hash.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PersonalToken {
    /// SHA-256 of it, hexadecimal.
    pub hash: String,
    /// Its name in lists: the first letters of its hash.
    pub id: String,
    /// Whose it is.
    pub user: String,
    /// What it is for.
    pub label: String,
    /// It opens no more than this role does, even when its user's role does.
    #[serde(default)]
    pub role: Option<UserRole>,
    /// When it was made.
    pub created: Timestamp,
    /// Until when it opens anything; `None` is for ever.
    #[serde(default)]
    pub expires: Option<Timestamp>,
    /// When it was last used, to the hour.
    #[serde(default)]
    pub used: Option<Timestamp>,
}

impl PersonalToken {
    /// Where it lives.
    #[must_use]
    pub fn key(hash: &str) -> Key {
        key(HUB, format!("{TOKENS}{hash}"))
    }

    /// As a row.
    #[must_use]
    pub fn row(&self, version: u64) -> Row {
        Row { expires: self.expires, ..row(Self::key(&self.hash), version, text(self)) }
    }
}

/// What a session was opened with; it is void once that is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Proof {
    /// A user's password, of this epoch.
    Password {
        /// The user.
        user: String,
        /// The user's epoch then.
        epoch: u64,
    },
    /// The word of the sign-in provider, while the user had this epoch.
    Provider {
        /// The user.
        user: String,
        /// The user's epoch then.
        epoch: u64,
    },
    /// A personal token.
    Token {
        /// Its hash.
        hash: String,
    },
    /// A token of the vault.
    Bootstrap {
        /// Its hash.
        hash: String,
    },
}

/// The row that says that a sign-in with this nonce was completed; forgotten at `expires`, when it can be no more anyway.
#[must_use]
pub fn used_nonce(nonce: &str, expires: Timestamp) -> Row {
    Row { expires: Some(expires), ..row(key(HUB, format!("{SESSIONS}USED#{nonce}")), 1, "{}".to_owned()) }
}

/// A session of the console. Its secret is in the browser's cookie; the hub keeps only the hash.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    /// SHA-256 of its secret, hexadecimal.
    pub hash: String,
    /// What it was opened with.
    pub proof: Proof,
    /// When it was opened.
    pub created: Timestamp,
    /// When it was last used, to ten minutes.
    pub seen: Timestamp,
}

impl Session {
    /// Where it lives.
    #[must_use]
    pub fn key(hash: &str) -> Key {
        key(HUB, format!("{SESSIONS}{hash}"))
    }

    /// As a row that is forgotten at `expires`.
    #[must_use]
    pub fn row(&self, version: u64, expires: Timestamp) -> Row {
        Row { expires: Some(expires), ..row(Self::key(&self.hash), version, text(self)) }
    }
}
