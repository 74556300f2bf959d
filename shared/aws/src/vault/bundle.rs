//! The credentials of all accounts in one secret: a secret costs $0.40 a month, however small it is (`docs/adr/0015`).
//!
//! Several write it, so each write is conditional. Secrets Manager knows no condition, but it refuses a second, different text
//! under a version id that is taken, and lets the writer choose the id
//! (<https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_PutSecretValue.html>, `ClientRequestToken`). The id is
//! derived from that of the version which was read: of two who go on from the same version one is refused, and reads again.

use super::{DELETED, MISSING, SecretsVault, Version, failed, is, sdk};
use channels::Secrets;
use engine::ports::VaultError;
use std::collections::BTreeMap;
use std::time::Duration;
use uuid::Uuid;

/// What is bundled: the credentials of accounts, and of what is fetched for them.
const BUNDLED: &str = "account/";
/// The vault's name of the bundle: no account can have it, and who may read what accounts have may read this.
const NAME: &str = "account/.all";
/// The namespace of the versions' ids.
const NAMESPACE: Uuid = Uuid::from_u128(0x6576_656e_7374_6f63_6b2d_6275_6e64_6c65);
/// Secrets Manager takes 65,536 bytes of text. What finds no room has a secret of its own.
const MOST_BYTES: usize = 65_000;
/// Tries of a write while others write; with the pauses about 4 seconds.
const ATTEMPTS: u32 = 8;

/// Secrets by their name in the vault.
type Bundle = BTreeMap<String, Secrets>;

/// The secret exists in another version than the one that was read.
const TAKEN: &str = "ResourceExistsException";

/// Why a version was not written.
enum Refused {
    /// Others were faster.
    Changed,
    Failed(VaultError),
}

pub(super) fn is_bundled(name: &str) -> bool {
    name.starts_with(BUNDLED) && name != NAME
}

impl SecretsVault {
    /// From the bundle, else from a secret of its own: one that an earlier version has written, or that found no room.
    pub(super) async fn get_bundled(&self, name: &str) -> Result<Option<Secrets>, VaultError> {
        let mut bundle = self.fetch(NAME).await?.map_or_else(|| Ok(Bundle::new()), |version| unpack(&version))?;
        let own = bundle.remove(name);
        bundle.iter().for_each(|(name, secrets)| self.keep_if_unknown(name, secrets));
        match own {
            Some(secrets) => Ok(Some(secrets)),
            None => self.read(name).await,
        }
    }

    pub(super) async fn put_bundled(&self, name: &str, secrets: &Secrets) -> Result<(), VaultError> {
        let fits = self.change(|bundle| drop(bundle.insert(name.to_owned(), secrets.clone()))).await?;
        if fits {
            // nobody reads what the bundle has too
            if let Err(error) = self.delete_own(name).await {
                tracing::warn!(name, %error, "a secret that is in the bundle now could not be deleted");
            }
            return Ok(());
        }
        self.write(name, secrets).await?;
        self.change(|bundle| drop(bundle.remove(name))).await.map(drop)
    }

    pub(super) async fn delete_bundled(&self, name: &str) -> Result<(), VaultError> {
        self.change(|bundle| drop(bundle.remove(name))).await?;
        self.delete_own(name).await
    }

    /// Changes the bundle as it is now, whoever else changes it; `false` when it has no room for that.
    async fn change(&self, change: impl Fn(&mut Bundle) + Send + Sync) -> Result<bool, VaultError> {
        for attempt in 0..ATTEMPTS {
            let version = self.fetch(NAME).await?;
            let before = version.as_ref().map_or_else(|| Ok(Bundle::new()), unpack)?;
            let mut after = before.clone();
            change(&mut after);
            if after == before {
                return Ok(true);
            }
            let text = serde_json::to_string(&after).map_err(|_| failed("write", "it cannot be written as JSON"))?;
            if text.len() > MOST_BYTES {
                return Ok(false);
            }
            let written = match version {
                Some(version) => self.follow(&version, &text).await,
                None => self.begin(&text).await,
            };
            match written {
                Ok(()) => return Ok(true),
                Err(Refused::Changed) => pause(attempt).await,
                Err(Refused::Failed(error)) => return Err(error),
            }
        }
        let reason = "others change the accounts' secret all the time; or somebody has set it back to a former version: then \
                      store its text anew by hand (put-secret-value), once";
        Err(failed("write", reason))
    }

    /// Writes the version after this one, if nobody has yet.
    async fn follow(&self, version: &Version, text: &str) -> Result<(), Refused> {
        let request = self.client.put_secret_value().secret_id(self.secret_id(NAME)).secret_string(text);
        match request.client_request_token(next(&version.id)).send().await {
            Ok(_) => Ok(()),
            Err(error) if is(&error, TAKEN) || is(&error, MISSING) || is(&error, DELETED) => Err(Refused::Changed),
            Err(error) => Err(Refused::Failed(sdk("write", &error))),
        }
    }

    /// Writes the first version. A bundle that somebody has deleted comes back as it was.
    async fn begin(&self, text: &str) -> Result<(), Refused> {
        let id = self.secret_id(NAME);
        match self.client.create_secret().name(&id).secret_string(text).send().await {
            Ok(_) => Ok(()),
            Err(error) if is(&error, TAKEN) => Err(Refused::Changed),
            Err(error) if is(&error, DELETED) => match self.client.restore_secret().secret_id(&id).send().await {
                Err(error) if !is(&error, MISSING) => Err(Refused::Failed(sdk("restore", &error))),
                _ => Err(Refused::Changed),
            },
            Err(error) => Err(Refused::Failed(sdk("create", &error))),
        }
    }
}

/// The id of the version after the one with this id.
fn next(id: &str) -> String {
    Uuid::new_v5(&NAMESPACE, id.as_bytes()).to_string()
}

fn unpack(version: &Version) -> Result<Bundle, VaultError> {
    // the parser's own words could quote a secret
    serde_json::from_str(&version.text)
        .map_err(|_| failed("read", format!("the secret {NAME} is not as Evenstock writes it")))
}

/// Exponential with full jitter: 50 ms at most after the first try, 1.6 s after the last ones.
async fn pause(attempt: u32) {
    let most = 50_u64 << attempt.min(5);
    tokio::time::sleep(Duration::from_millis(fastrand::u64(0..=most))).await;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_who_go_on_from_one_version_choose_one_id_that_secrets_manager_takes() {
        let (one, other) = (next("EXAMPLE1-90ab-cdef-fedc-ba987SECRET1"), next("EXAMPLE2-90ab-cdef-fedc-ba987SECRET2"));
        assert_eq!(one, next("EXAMPLE1-90ab-cdef-fedc-ba987SECRET1"));
        assert_ne!(one, other);
        // 32 to 64 letters
        assert_eq!(one.len(), 36);
    }

    #[test]
    fn only_what_accounts_have_is_bundled() {
        assert!(is_bundled("account/main") && is_bundled("account/feed.supplier"));
        assert!(!is_bundled("signing") && !is_bundled("admin") && !is_bundled(NAME));
    }
}
