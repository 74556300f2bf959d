//! The Vault port over Secrets Manager: one secret per name under a prefix, a JSON object of texts; one for all accounts.

mod bundle;

use crate::said::said;
use async_trait::async_trait;
use aws_sdk_secretsmanager::Client;
use aws_sdk_secretsmanager::error::{ProvideErrorMetadata, SdkError};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use channels::Secrets;
use engine::ports::{Vault, VaultError};
use std::collections::BTreeMap;
use std::error::Error;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// A rotated secret is seen by every warm function after this time at the latest.
const CACHED_FOR: Duration = Duration::from_secs(5 * 60);

/// What becomes of a deleted secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deletion {
    /// It can be restored for this many days, 7 to 30.
    After(u8),
    /// It is gone at once.
    Forced,
}

/// A [`Vault`] over Secrets Manager. What accounts have is in one secret together. What was found is kept for five minutes; that nothing was found is never kept.
#[derive(Debug)]
pub struct SecretsVault {
    client: Client,
    prefix: String,
    deletion: Deletion,
    cache: Mutex<BTreeMap<String, Kept>>,
}

/// A secret as it is now.
struct Version {
    id: String,
    text: String,
}

#[derive(Debug)]
struct Kept {
    secrets: Secrets,
    since: Instant,
}

impl SecretsVault {
    /// Secrets named `<prefix>/<name>`; those of accounts together in `<prefix>/account/.all`.
    #[must_use]
    pub const fn new(client: Client, prefix: String, deletion: Deletion) -> Self {
        Self { client, prefix, deletion, cache: Mutex::new(BTreeMap::new()) }
    }

    fn secret_id(&self, name: &str) -> String {
        format!("{}/{name}", self.prefix)
    }

    fn cached(&self, name: &str) -> Option<Secrets> {
        let cache = self.cache.lock().unwrap_or_else(PoisonError::into_inner);
        cache.get(name).filter(|kept| kept.since.elapsed() < CACHED_FOR).map(|kept| kept.secrets.clone())
    }

    fn keep(&self, name: &str, secrets: Option<&Secrets>) {
        let mut cache = self.cache.lock().unwrap_or_else(PoisonError::into_inner);
        match secrets {
            Some(secrets) => {
                let kept = Kept { secrets: secrets.clone(), since: Instant::now() };
                cache.insert(name.to_owned(), kept);
            }
            None => drop(cache.remove(name)),
        }
    }

    fn keep_if_unknown(&self, name: &str, secrets: &Secrets) {
        if self.cached(name).is_none() {
            self.keep(name, Some(secrets));
        }
    }

    /// The current version of a secret of its own.
    async fn fetch(&self, name: &str) -> Result<Option<Version>, VaultError> {
        let answer = match self.client.get_secret_value().secret_id(self.secret_id(name)).send().await {
            Ok(answer) => answer,
            Err(error) if is(&error, MISSING) || is(&error, DELETED) => return Ok(None),
            Err(error) => return Err(sdk("read", &error)),
        };
        match (answer.version_id, answer.secret_string) {
            (Some(id), Some(text)) => Ok(Some(Version { id, text })),
            _ => Err(failed("read", format!("the secret {name} is not a text"))),
        }
    }

    async fn read(&self, name: &str) -> Result<Option<Secrets>, VaultError> {
        let Some(version) = self.fetch(name).await? else { return Ok(None) };
        // the parser's own words could quote the secret
        let parsed = serde_json::from_str(&version.text);
        parsed.map(Some).map_err(|_| failed("read", format!("the secret {name} is not a JSON object of texts")))
    }

    async fn write(&self, name: &str, secrets: &Secrets) -> Result<(), VaultError> {
        let text = serde_json::to_string(secrets).map_err(|_| failed("write", "it cannot be written as JSON"))?;
        let id = self.secret_id(name);
        let put = || self.client.put_secret_value().secret_id(&id).secret_string(&text).send();
        match put().await {
            Ok(_) => Ok(()),
            Err(error) if is(&error, DELETED) => {
                let restored = self.client.restore_secret().secret_id(&id).send().await;
                restored.map_err(|error| sdk("restore", &error))?;
                put().await.map(drop).map_err(|error| sdk("write", &error))
            }
            Err(error) if is(&error, MISSING) => self.create(&id, &text).await,
            Err(error) => Err(sdk("write", &error)),
        }
    }

    async fn create(&self, id: &str, text: &str) -> Result<(), VaultError> {
        let request = self.client.create_secret().name(id).secret_string(text);
        request.send().await.map(drop).map_err(|error| sdk("create", &error))
    }

    /// Deletes a secret of its own, if there is one.
    async fn delete_own(&self, name: &str) -> Result<(), VaultError> {
        let request = self.client.delete_secret().secret_id(self.secret_id(name));
        let request = match self.deletion {
            Deletion::After(days) => request.recovery_window_in_days(i64::from(days)),
            Deletion::Forced => request.force_delete_without_recovery(true),
        };
        match request.send().await {
            Err(error) if is(&error, MISSING) || is(&error, DELETED) => Ok(()),
            answer => answer.map(drop).map_err(|error| sdk("delete", &error)),
        }
    }
}

#[async_trait]
impl Vault for SecretsVault {
    async fn get(&self, name: &str, fresh: bool) -> Result<Option<Secrets>, VaultError> {
        if let Some(secrets) = self.cached(name).filter(|_| !fresh) {
            return Ok(Some(secrets));
        }
        let secrets = if bundle::is_bundled(name) { self.get_bundled(name).await? } else { self.read(name).await? };
        self.keep(name, secrets.as_ref());
        Ok(secrets)
    }

    async fn put(&self, name: &str, secrets: &Secrets) -> Result<(), VaultError> {
        // not known to be either value until the write has answered
        self.keep(name, None);
        if bundle::is_bundled(name) {
            self.put_bundled(name, secrets).await?;
        } else {
            self.write(name, secrets).await?;
        }
        self.keep(name, Some(secrets));
        Ok(())
    }

    async fn delete(&self, name: &str) -> Result<(), VaultError> {
        self.keep(name, None);
        if bundle::is_bundled(name) { self.delete_bundled(name).await } else { self.delete_own(name).await }
    }
}

const MISSING: &str = "ResourceNotFoundException";
/// Scheduled for deletion:
/// <https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_GetSecretValue.html>.
const DELETED: &str = "InvalidRequestException";

fn is<E: ProvideErrorMetadata>(error: &SdkError<E, HttpResponse>, code: &str) -> bool {
    error.as_service_error().and_then(|error| error.code()) == Some(code)
}

fn failed(action: &'static str, reason: impl Into<String>) -> VaultError {
    VaultError { action, reason: reason.into() }
}

fn sdk<E>(action: &'static str, error: &SdkError<E, HttpResponse>) -> VaultError
where
    E: Error + 'static,
{
    failed(action, said(error))
}
