//! A hub in a process of its own, for figures and tests.

use crate::client::api::Client;
use crate::serve::command::READY;
use anyhow::Context;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};

/// How long a hub may take to start.
const START: Duration = Duration::from_secs(30);

/// A running `evenstock serve`. Killed when it is dropped.
pub struct HubProcess {
    /// Where it listens.
    pub address: SocketAddr,
    /// The token, if this was the first start on its directory.
    pub token: Option<String>,
    child: Child,
    /// Kept, so that it never writes into nothing.
    _out: Lines<BufReader<ChildStdout>>,
}

impl HubProcess {
    /// Starts `program` on a directory of stores on this machine, with further arguments.
    ///
    /// # Errors
    /// When it does not say within half a minute that it serves.
    pub async fn start(program: &Path, data: &Path, listen: SocketAddr, more: &[&str]) -> anyhow::Result<Self> {
        let mut child = Command::new(program)
            .args(["serve", "--allow-insecure-endpoints", "--local-stores", "--listen", &listen.to_string(), "--data"])
            .arg(data)
            .args(more)
            .env("RUST_LOG", std::env::var("HUB_LOG").unwrap_or_else(|_| "error".into()))
            .env_remove("EVENSTOCK_PUBLIC_URL")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("{} cannot be run", program.display()))?;
        let mut out = BufReader::new(child.stdout.take().context("no output")?).lines();
        let greeting = tokio::time::timeout(START, greeting(&mut out)).await;
        let (address, token) = greeting.context("the hub does not start")??;
        Ok(Self { address, token, child, _out: out })
    }

    /// Its address as a URL.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// A client of it.
    ///
    /// # Errors
    /// When this machine has no certificates to trust.
    pub fn client(&self, token: &str) -> anyhow::Result<Client> {
        Client::new(&self.url(), token)
    }

    /// Kills it, as a power cut would: SIGKILL.
    ///
    /// # Errors
    /// When it cannot be killed.
    pub async fn kill(mut self) -> anyhow::Result<()> {
        Ok(self.child.kill().await?)
    }

    /// Asks it to stop, and waits; whether it ended well.
    ///
    /// # Errors
    /// When it does not end within half a minute.
    pub async fn stop(mut self) -> anyhow::Result<bool> {
        let process = self.child.id().context("it has ended already")?.to_string();
        Command::new("kill").args(["-TERM", &process]).status().await?;
        let ended = tokio::time::timeout(START, self.child.wait()).await.context("it does not stop")??;
        Ok(ended.success())
    }

    /// The most memory that it ever had, MiB.
    ///
    /// # Errors
    /// When this machine does not tell.
    pub fn peak_mib(&self) -> anyhow::Result<f64> {
        self.status_mib("VmHWM:")
    }

    /// The memory that it has now, MiB.
    ///
    /// # Errors
    /// When this machine does not tell.
    pub fn memory_mib(&self) -> anyhow::Result<f64> {
        self.status_mib("VmRSS:")
    }

    /// Forgets the most memory that it ever had: [`Self::peak_mib`] tells of what comes from now on.
    ///
    /// # Errors
    /// When this machine does not do that.
    pub fn forget_peak(&self) -> anyhow::Result<()> {
        let process = self.child.id().context("the hub has ended")?;
        // https://man7.org/linux/man-pages/man5/proc_pid_clear_refs.5.html
        Ok(std::fs::write(format!("/proc/{process}/clear_refs"), "5")?)
    }

    fn status_mib(&self, field: &'static str) -> anyhow::Result<f64> {
        let process = self.child.id().context("the hub has ended")?;
        let status = std::fs::read_to_string(format!("/proc/{process}/status"))?;
        let line = status.lines().find_map(|line| line.strip_prefix(field)).context(field)?;
        let kib: f64 = line.trim().trim_end_matches("kB").trim().parse()?;
        Ok(kib / 1024.0)
    }
}

/// Reads what `serve` prints until it is ready: its address and, on a first start, its token.
async fn greeting(out: &mut Lines<BufReader<ChildStdout>>) -> anyhow::Result<(SocketAddr, Option<String>)> {
    let (mut address, mut token) = (None, None);
    loop {
        let line = out.next_line().await?.context("the hub ended at its start")?;
        let line = line.trim();
        if let Some((_, url)) = line.split_once("serves at http://") {
            address = Some(url.parse()?);
        } else if line.starts_with("evs_") {
            token = Some(line.to_owned());
        } else if line == READY {
            return Ok((address.context("the hub does not say where it is")?, token));
        }
    }
}
