//! `users …`, `tokens …`, `audit` and `me`.

use super::show::{cell, fields, judged, number, time, time_or_never};
use super::{Cx, api, ask, items};
use clap::ValueEnum;
use comfy_table::Cell;
use engine::people::UserRole;
use engine::trail::{Entry, Outcome};
use http::Method;
use serde::Deserialize;
use serde_json::{Value, json};
use web::access::tokens::{Issued, TokenView};
use web::access::users::UserView;

/// `users …`
#[derive(Debug, clap::Subcommand)]
pub enum Users {
    /// All users
    List,
    /// Add a user
    Add {
        /// Their name: a-z, 0-9 and . - _ @
        name: String,
        /// What they may do
        #[arg(long, value_enum)]
        role: RoleName,
        /// Ask for a password for the console
        #[arg(long)]
        password: bool,
        /// Who they are at the sign-in provider: an e-mail address, or sub: and the provider's own id of them
        #[arg(long, value_name = "WHO")]
        provider: Option<String>,
    },
    /// Say who a user is at the sign-in provider; their sessions end
    Provider {
        /// Their name
        name: String,
        /// An e-mail address that the provider has verified, or sub: and its own id of them; empty: nobody any more
        who: String,
    },
    /// Change what a user may do
    Role {
        /// Their name
        name: String,
        /// What they may do
        #[arg(value_enum)]
        role: RoleName,
    },
    /// Give a user a new password, asked for here; their sessions end
    Password {
        /// Their name
        name: String,
    },
    /// Shut a user out; their tokens and sessions open nothing until they are let in again
    Disable {
        /// Their name
        name: String,
    },
    /// Let a user in again
    Enable {
        /// Their name
        name: String,
    },
    /// Remove a user with their tokens
    Remove {
        /// Their name
        name: String,
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
}

/// `tokens …`
#[derive(Debug, clap::Subcommand)]
pub enum Tokens {
    /// Your personal tokens
    List {
        /// Those of everybody
        #[arg(long)]
        all: bool,
    },
    /// Make a personal token; it is shown once
    Add {
        /// What it is for
        label: String,
        /// Whose; your own if absent
        #[arg(long)]
        user: Option<String>,
        /// It shall open no more than this
        #[arg(long, value_enum)]
        role: Option<RoleName>,
        /// Days until it opens nothing any more
        #[arg(long)]
        days: Option<u32>,
    },
    /// Revoke a personal token
    Revoke {
        /// Its id, as the list shows it
        id: String,
    },
}

/// Which part of the audit trail.
#[derive(Debug, clap::Args)]
pub struct Audit {
    /// The day in UTC, such as 2026-03-12; today if absent
    #[arg(long)]
    day: Option<String>,
    /// Only what this user did
    #[arg(long)]
    actor: Option<String>,
    /// Only what was done to this account, SKU or user
    #[arg(long)]
    subject: Option<String>,
    /// At most this many
    #[arg(long, default_value_t = 100)]
    limit: usize,
}

/// A role, as it is typed.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum RoleName {
    /// Looks
    Viewer,
    /// Acts on stock
    Operator,
    /// Changes settings, accounts and users
    Admin,
}

impl RoleName {
    const fn role(self) -> UserRole {
        match self {
            Self::Viewer => UserRole::Viewer,
            Self::Operator => UserRole::Operator,
            Self::Admin => UserRole::Admin,
        }
    }
}

/// Runs a `users` command.
///
/// # Errors
/// What the hub said.
pub async fn users(cx: &Cx, command: Users) -> anyhow::Result<bool> {
    match command {
        Users::List => show(cx, &cx.client.get("/users").await?)?,
        Users::Add { name, role, password, provider } => {
            let password = if password { Some(new_password()?) } else { None };
            let new = json!({"name": name, "role": role.role(), "password": password, "provider": provider});
            show(cx, &vec![cx.client.post("/users", &new).await?])?;
        }
        Users::Role { name, role } => change(cx, &name, json!({"role": role.role()})).await?,
        Users::Password { name } => change(cx, &name, json!({"password": new_password()?})).await?,
        Users::Provider { name, who } => change(cx, &name, json!({"provider": who})).await?,
        Users::Disable { name } => change(cx, &name, json!({"disabled": true})).await?,
        Users::Enable { name } => change(cx, &name, json!({"disabled": false})).await?,
        Users::Remove { name, yes } => {
            ask::agree(&format!("Remove user {name} with their tokens?"), yes)?;
            let _: Value = cx.client.call(Method::DELETE, &path(&name), None::<&()>).await?;
            cx.show.answer(&json!({"removed": name}), |_| format!("{name} removed"))?;
        }
    }
    Ok(true)
}

fn path(name: &str) -> String {
    format!("/users/{}", api::part(name))
}

fn new_password() -> anyhow::Result<String> {
    let password = ask::secret("New password: ")?;
    anyhow::ensure!(password == ask::secret("Once more: ")?, "password: the two are not the same; nothing was done");
    Ok(password)
}

async fn change(cx: &Cx, name: &str, patch: Value) -> anyhow::Result<()> {
    show(cx, &vec![cx.client.call(Method::PATCH, &path(name), Some(&patch)).await?])
}

fn show(cx: &Cx, users: &Vec<UserView>) -> anyhow::Result<()> {
    cx.show.answer(users, |users| {
        let row = |user: &UserView| {
            vec![
                cell(&user.name),
                cell(user.role.name()),
                if user.disabled { judged("shut out", false) } else { judged("ok", true) },
                cell(if user.password { "yes" } else { "no" }),
                cell(user.provider.as_deref().unwrap_or("-")),
                number(i64::try_from(user.tokens).ok()),
                cell(time_or_never(user.signed_in)),
            ]
        };
        let head = ["USER", "ROLE", "STATE", "PASSWORD", "PROVIDER", "TOKENS", "SIGNED IN"];
        cx.show.table(&head, users.iter().map(row).collect())
    })
}

/// Runs a `tokens` command.
///
/// # Errors
/// What the hub said.
pub async fn tokens(cx: &Cx, command: Tokens) -> anyhow::Result<bool> {
    match command {
        Tokens::List { all } => {
            let tokens: Vec<TokenView> = cx.client.get(&format!("/tokens?all={all}")).await?;
            cx.show.answer(&tokens, |tokens| {
                let head = ["ID", "USER", "FOR", "ROLE", "MADE", "ENDS", "LAST USED"];
                cx.show.table(&head, tokens.iter().map(token_row).collect())
            })?;
        }
        Tokens::Add { label, user, role, days } => {
            let new = json!({"label": label, "user": user, "role": role.map(RoleName::role), "days": days});
            let issued: Issued = cx.client.post("/tokens", &new).await?;
            cx.show.answer(&issued, |issued| {
                let (token, user) = (issued.token.reveal(), &issued.view.user);
                format!("Token of {user}, shown this once and stored only as a hash:\n\n    {token}")
            })?;
        }
        Tokens::Revoke { id } => {
            let path = format!("/tokens/{}", api::part(&id));
            let _: Value = cx.client.call(Method::DELETE, &path, None::<&()>).await?;
            cx.show.answer(&json!({"revoked": id}), |_| format!("{id} revoked"))?;
        }
    }
    Ok(true)
}

fn token_row(token: &TokenView) -> Vec<Cell> {
    vec![
        cell(&token.id),
        cell(&token.user),
        cell(&token.label),
        cell(token.role.map_or("the user's", UserRole::name)),
        cell(time(token.created)),
        cell(time_or_never(token.expires)),
        cell(time_or_never(token.used)),
    ]
}

/// Runs `audit`.
///
/// # Errors
/// What the hub said.
pub async fn audit(cx: &Cx, audit: &Audit) -> anyhow::Result<bool> {
    let filters = [("day", audit.day.clone()), ("actor", audit.actor.clone()), ("subject", audit.subject.clone())];
    let entries: Vec<Entry> = items::pages(cx, "/audit", &filters, audit.limit).await?;
    cx.show.answer(&entries, |entries| {
        let row = |entry: &Entry| {
            vec![
                cell(time(entry.at)),
                cell(&entry.actor),
                cell(&entry.action),
                cell(&entry.subject),
                outcome(&entry.outcome),
                cell(short(&entry.before)),
                cell(short(&entry.after)),
            ]
        };
        let head = ["WHEN", "WHO", "WHAT", "TO", "ENDED", "BEFORE", "AFTER"];
        cx.show.table(&head, entries.iter().map(row).collect())
    })?;
    Ok(true)
}

fn outcome(outcome: &Outcome) -> Cell {
    match outcome {
        Outcome::Begun => judged("unknown", false),
        Outcome::Done => cell("done"),
        Outcome::Refused(status) => judged(format!("refused {status}"), false),
    }
}

/// The most letters of a value that a table shows.
const SHORT: usize = 60;

fn short(value: &Value) -> String {
    let text = if value.is_null() { return "-".into() } else { fields(value) };
    if text.chars().count() <= SHORT { text } else { text.chars().take(SHORT).chain(['…']).collect() }
}

/// Who asks, as the hub sees them.
#[derive(Debug, Deserialize)]
struct Me {
    name: String,
    role: UserRole,
}

/// Runs `me`.
///
/// # Errors
/// What the hub said.
pub async fn me(cx: &Cx) -> anyhow::Result<bool> {
    let me: Value = cx.client.get("/me").await?;
    let Me { name, role } = serde_json::from_value(me.clone())?;
    cx.show.answer(&me, |_| format!("{name}, {}", role.name()))?;
    Ok(true)
}
