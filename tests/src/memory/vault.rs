//! Secrets in memory.

use async_trait::async_trait;
use channels::Secrets;
use engine::ports::{Vault, VaultError};
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

/// The vault. It never fails: a vault without an answer is a call that was never made, which other faults cover.
#[derive(Default)]
pub struct MemoryVault(Mutex<BTreeMap<String, Secrets>>);

#[async_trait]
impl Vault for MemoryVault {
    async fn get(&self, name: &str, _fresh: bool) -> Result<Option<Secrets>, VaultError> {
        Ok(self.0.lock().unwrap_or_else(PoisonError::into_inner).get(name).cloned())
    }

    async fn put(&self, name: &str, secrets: &Secrets) -> Result<(), VaultError> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(name.to_owned(), secrets.clone());
        Ok(())
    }

    async fn delete(&self, name: &str) -> Result<(), VaultError> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(name);
        Ok(())
    }
}
