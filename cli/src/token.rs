//! `evenstock token`: an admin token for a hub on this machine, or the hash of one for a hub on AWS.

use anyhow::Context;
use channels::clock::SystemClock;
use channels::{Secret, Secrets};
use engine::ports::Vault;
use local::FileVault;
use serde_json::json;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// Whose token, and for which hub.
#[derive(Debug, Clone, clap::Args)]
pub struct Options {
    /// The directory of a hub on this machine; its next start knows the token
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Who will hold it: history names them. A former token of the same holder is void
    #[arg(long, default_value = web::tokens::FIRST_HOLDER)]
    holder: String,
}

/// Issues a token.
///
/// # Errors
/// When the directory has no hub in it.
pub async fn run(options: &Options, as_json: bool) -> anyhow::Result<()> {
    let temporary = tempfile::tempdir().context("no temporary directory can be made")?;
    let data = match &options.data {
        Some(data) => {
            anyhow::ensure!(data.is_dir(), "{} is not the directory of a hub", data.display());
            data.as_path()
        }
        None => temporary.path(),
    };
    let vault = FileVault::open(data)?;
    let token = web::tokens::issue(&vault, &SystemClock, &options.holder).await?;
    let hashes = hashes(vault.get(web::tokens::VAULT_NAME, true).await?.unwrap_or_default());
    if as_json {
        println!("{}", json!({"token": token.reveal(), "secret": hashes}));
    } else {
        println!("{}", told(options, &token, &serde_json::to_string(&hashes)?));
    }
    Ok(())
}

fn told(options: &Options, token: &Secret, hashes: &str) -> String {
    let token = token.reveal();
    match &options.data {
        Some(_) => format!(
            "Admin token of {}, shown this once:\n\n    {token}\n\nIt opens after serve's next start.",
            options.holder
        ),
        None => format!(
            "Admin token of {}, shown this once:\n\n    {token}\n\n\
             Content of the secret `evenstock/admin` (its hash) for a hub on AWS:\n\n    {hashes}",
            options.holder
        ),
    }
}

fn hashes(secrets: Secrets) -> BTreeMap<String, String> {
    secrets.into_iter().map(|(holder, hash)| (holder, hash.reveal().to_owned())).collect()
}
