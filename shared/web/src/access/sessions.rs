//! Sessions of the console. The browser holds a secret in a cookie, the hub its hash in a row; a session ends 12 hours after
//! it was last used, a week after it was opened, or when what it was opened with is void: the password changed, the user
//! shut out or removed, the token revoked.

use super::{Caller, bootstrap_caller, caller_of, digest, one, put_if_unchanged, random, user};
use channels::Secret;
use domain::Timestamp;
use engine::people::{Proof, Session, User};
use engine::ports::{Change, Condition, StoreError};
use engine::records::DAY_MS;
use engine::{Error, Hub, records};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

/// What every session's secret begins with.
pub const PREFIX: &str = "evc_";
/// A session that is not used ends after this time, milliseconds: half a day.
pub const IDLE_MS: i64 = DAY_MS / 2;
/// A session ends this long after it was opened, milliseconds: a week.
pub const LONGEST_MS: i64 = 7 * DAY_MS;
/// How exactly the last use is noted, milliseconds: ten minutes, for the sake of the writes.
const SEEN_EVERY_MS: i64 = 600_000;
/// Wrong passwords in a row after which the next must wait.
const FREE_FAILURES: u32 = 5;
/// The first wait, milliseconds; it doubles with each further failure.
const FIRST_WAIT_MS: i64 = 30_000;
/// The longest wait, milliseconds.
const LONGEST_WAIT_MS: i64 = 900_000;

/// An open session.
#[derive(Debug)]
pub struct Opened {
    /// The content of the cookie.
    pub secret: Secret,
    /// Who signed in.
    pub caller: Caller,
}

/// What became of an attempt to sign in.
#[derive(Debug)]
pub enum SignIn {
    /// They are in.
    Opened(Opened),
    /// The name, the password or the token is wrong: which is not said.
    Wrong,
    /// Too many wrong passwords: none is tried for so many seconds.
    Wait(i64),
}

/// Signs in with a name and a password.
///
/// # Errors
/// [`Error::Store`].
pub async fn sign_in(hub: &Hub, name: &str, password: String) -> Result<SignIn, Error> {
    match is_password(hub, name, password).await? {
        Judged::Yes(user) => {
            let Some(caller) = caller_of(&user, None) else { return Ok(SignIn::Wrong) };
            let proof = Proof::Password { user: user.name, epoch: user.epoch };
            Ok(SignIn::Opened(open(hub, proof, caller).await?))
        }
        Judged::No => Ok(SignIn::Wrong),
        Judged::Later(seconds) => Ok(SignIn::Wait(seconds)),
    }
}

/// Signs in with a personal token, or with one of the vault.
///
/// # Errors
/// [`Error::Store`], [`Error::Vault`].
pub async fn sign_in_with_token(hub: &Hub, token: &str) -> Result<SignIn, Error> {
    if token.starts_with(PREFIX) {
        return Ok(SignIn::Wrong);
    }
    let Some(caller) = super::check(hub, token).await? else { return Ok(SignIn::Wrong) };
    let hash = digest(token);
    let is_personal = token.starts_with(super::tokens::PREFIX);
    let proof = if is_personal { Proof::Token { hash } } else { Proof::Bootstrap { hash } };
    Ok(SignIn::Opened(open(hub, proof, caller).await?))
}

/// Ends a session. Repeating is harmless.
///
/// # Errors
/// [`Error::Store`].
pub async fn sign_out(hub: &Hub, secret: &str) -> Result<(), Error> {
    Ok(hub.store.write(&[Change::Delete(Session::key(&digest(secret)), Condition::Any)]).await?)
}

/// Who holds this session; `None` when it is over. Notes its use.
///
/// # Errors
/// [`Error::Store`], [`Error::Vault`].
pub async fn check(hub: &Hub, secret: &str) -> Result<Option<Caller>, Error> {
    let Some(row) = one(hub, Session::key(&digest(secret))).await? else { return Ok(None) };
    let (mut session, now): (Session, _) = (records::body(&row)?, hub.clock.now());
    if now >= end(&session) {
        return Ok(None);
    }
    let caller = match &session.proof {
        Proof::Password { user: name, epoch } | Proof::Provider { user: name, epoch } => {
            let found = user(hub, name).await?.filter(|(user, _)| user.epoch == *epoch);
            found.and_then(|(user, _)| caller_of(&user, None))
        }
        Proof::Token { hash } => super::tokens::check(hub, hash).await?,
        Proof::Bootstrap { hash } => crate::tokens::holder(&*hub.vault, hash).await?.map(bootstrap_caller),
    };
    if caller.is_some() && now.since_ms(session.seen) >= SEEN_EVERY_MS {
        session.seen = now;
        put_if_unchanged(hub, session.row(row.version + 1, end(&session))).await?;
    }
    Ok(caller)
}

fn end(session: &Session) -> Timestamp {
    session.seen.plus_ms(IDLE_MS).min(session.created.plus_ms(LONGEST_MS))
}

pub(super) async fn open(hub: &Hub, proof: Proof, caller: Caller) -> Result<Opened, Error> {
    let (secret, now) = (random(hub, PREFIX), hub.clock.now());
    let session = Session { hash: digest(&secret), proof, created: now, seen: now };
    hub.store.write(&[Change::Put(session.row(1, end(&session)), Condition::Absent)]).await?;
    Ok(Opened { secret: Secret::new(secret), caller })
}

/// The token that a form of this session carries, so that no other site can send it.
#[must_use]
pub fn csrf(secret: &str) -> String {
    hex::encode(Sha256::digest(format!("csrf {secret}").as_bytes()))
}

/// Whether a form's token is that of this session. Takes equally long for every one.
#[must_use]
pub fn is_csrf(secret: &str, given: &str) -> bool {
    csrf(secret).as_bytes().ct_eq(given.as_bytes()).into()
}

/// Whether a password is a user's.
pub(super) enum Judged {
    Yes(Box<User>),
    No,
    Later(i64),
}

impl Judged {
    pub(super) const fn is_yes(&self) -> bool {
        matches!(self, Self::Yes(_))
    }
}

/// Tries a password. The attempt is noted as a failure before it is tried, so that many at once are no way around the wait;
/// an unknown name takes as long as a wrong password.
pub(super) async fn is_password(hub: &Hub, name: &str, password: String) -> Result<Judged, Error> {
    let now = hub.clock.now();
    let Some((mut user, version)) = user(hub, name).await? else {
        super::passwords::verify(password, None).await;
        return Ok(Judged::No);
    };
    if let Some(locked) = user.locked.filter(|locked| now < *locked) {
        return Ok(Judged::Later(locked.since_ms(now) / 1000 + 1));
    }
    user.failures = user.failures.saturating_add(1);
    user.locked = wait_ms(user.failures).map(|wait| now.plus_ms(wait));
    match hub.store.write(&[Change::Put(user.row(version + 1), Condition::Version(version))]).await {
        Ok(()) => {}
        Err(StoreError::Conflict { .. }) => return Ok(Judged::Later(1)),
        Err(error) => return Err(error.into()),
    }
    if !super::passwords::verify(password, user.password.clone()).await {
        return Ok(Judged::No);
    }
    (user.failures, user.locked, user.signed_in) = (0, None, Some(now));
    put_if_unchanged(hub, user.row(version + 2)).await?;
    Ok(Judged::Yes(Box::new(user)))
}

fn wait_ms(failures: u32) -> Option<i64> {
    let over = failures.checked_sub(FREE_FAILURES)?;
    Some(FIRST_WAIT_MS.checked_shl(over.min(10)).unwrap_or(LONGEST_WAIT_MS).min(LONGEST_WAIT_MS))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wrong_passwords_wait_longer_and_longer() {
        assert_eq!(wait_ms(4), None);
        assert_eq!([5, 6, 9, 10, 4_000_000].map(wait_ms), [30, 60, 480, 900, 900].map(|seconds| Some(seconds * 1000)));
    }

    #[test]
    fn a_form_token_belongs_to_its_session() {
        assert!(is_csrf("evc_1", &csrf("evc_1")));
        assert!(!is_csrf("evc_1", &csrf("evc_2")) && !is_csrf("evc_1", ""));
    }
}
