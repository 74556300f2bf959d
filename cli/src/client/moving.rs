//! `export` and `import`: a hub as a file, between this machine and AWS.

use super::show::time;
use super::{Cx, api, ask};
use anyhow::{Context, bail};
use domain::AccountId;
use engine::moving::{ExportPage, FORMAT, MovedRow, Standstill};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::fs::File;
use std::io::{BufRead, BufReader, BufWriter, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// A hub out into a file.
#[derive(Debug, clap::Args)]
pub struct Export {
    /// The file; must not be there yet
    #[arg(required_unless_present = "resume", conflicts_with = "resume")]
    file: Option<PathBuf>,
    /// With the credentials of the stores, sealed with a passphrase that is asked for
    #[arg(long)]
    secrets: bool,
    /// A file whose first line is the passphrase
    #[arg(long, value_name = "FILE", requires = "secrets")]
    passphrase_file: Option<PathBuf>,
    /// Let a hub go on that was exported and stays after all
    #[arg(long)]
    resume: bool,
    /// Do not ask
    #[arg(long)]
    yes: bool,
}

/// A hub out of a file.
#[derive(Debug, clap::Args)]
pub struct Import {
    /// The file
    #[arg(required_unless_present = "finish", conflicts_with = "finish")]
    file: Option<PathBuf>,
    /// A file whose first line is the passphrase of its secrets
    #[arg(long, value_name = "FILE")]
    passphrase_file: Option<PathBuf>,
    /// Leave the credentials in the file out, and enter them by hand
    #[arg(long)]
    without_secrets: bool,
    /// Let the hub go on whose import broke off at its end
    #[arg(long)]
    finish: bool,
    /// Do not ask
    #[arg(long)]
    yes: bool,
}

/// The first line of a file.
#[derive(Debug, Serialize, Deserialize)]
struct Head {
    evenstock: u32,
    version: String,
    exported: String,
}

/// Any other line.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Line {
    Row(MovedRow),
    Secrets(String),
    /// The last one, with the number of rows: what ends otherwise is torn.
    End(u64),
}

/// Rows sent at once.
const ROWS: usize = 500;
/// The longest line that is read, bytes: a row is at most 400 KB.
const LINE_MAX: u64 = 8 * 1024 * 1024;

/// Runs `export`.
///
/// # Errors
/// What the hub said, or what is wrong with the file.
pub async fn export(cx: &Cx, options: &Export) -> anyhow::Result<bool> {
    let Some(file) = &options.file else {
        return go_on(cx, "The hub goes on; every store is being looked at again.").await;
    };
    ask::agree(
        "The hub will stand still: nothing is counted or written until it or its copy goes on. Export it?",
        options.yes,
    )?;
    let passphrase = if options.secrets { Some(passphrase(options.passphrase_file.as_deref(), true)?) } else { None };
    let mut out = BufWriter::new(
        // whoever may read it may read every level and every order number
        File::options()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(file)
            .with_context(|| format!("{} cannot be written; is it there already?", file.display()))?,
    );
    let still: Standstill = cx.client.post("/move/stand-still", &json!({})).await?;
    wait(cx, still).await;
    let version = env!("CARGO_PKG_VERSION").to_owned();
    write(&mut out, &Head { evenstock: FORMAT, version, exported: time(still.since) })?;
    let mut rows = 0;
    if let Some(passphrase) = passphrase {
        let answer: Value = cx.client.post("/move/secrets", &json!({"passphrase": passphrase})).await?;
        let sealed = answer.get("sealed").and_then(Value::as_str).context("the hub's answer has no secrets")?;
        write(&mut out, &Line::Secrets(sealed.to_owned()))?;
    }
    let mut after = None;
    loop {
        let query = api::query(&[("after", after.take())]);
        let page: ExportPage = cx.client.get(&format!("/move/rows{query}")).await?;
        for row in page.rows {
            write(&mut out, &Line::Row(row))?;
            rows += 1;
        }
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    write(&mut out, &Line::End(rows))?;
    out.into_inner().map_err(|error| error.into_error())?.sync_all()?;
    let told = json!({"file": file, "rows": rows, "secrets": options.secrets});
    cx.show.answer(&told, |_| {
        let secrets = if options.secrets { "with its secrets, sealed" } else { "without its secrets" };
        format!(
            "{rows} rows written to {}, {secrets}.\nThis hub stands still now. `evenstock import` fills the other one; `evenstock export --resume` lets this one go on instead. Never both.",
            file.display()
        )
    })?;
    Ok(true)
}

fn write(out: &mut impl Write, line: &impl Serialize) -> anyhow::Result<()> {
    serde_json::to_writer(&mut *out, line)?;
    Ok(out.write_all(b"\n")?)
}

/// Until every worker of the hub has seen that it stands still.
async fn wait(cx: &Cx, still: Standstill) {
    let now = jiff::Timestamp::now().as_millisecond();
    // another clock may be wrong by days
    let left = (still.quiet.0 - now).clamp(0, still.quiet.since_ms(still.since));
    if left > 0 && !cx.show.json {
        eprintln!("waiting {} seconds until everything has come to rest", left / 1000 + 1);
    }
    tokio::time::sleep(Duration::from_millis(left.unsigned_abs() + 1_000)).await;
}

/// Runs `import`.
///
/// # Errors
/// What the hub said, or what is wrong with the file.
pub async fn import(cx: &Cx, options: &Import) -> anyhow::Result<bool> {
    let Some(file) = &options.file else { return go_on(cx, "The hub goes on.").await };
    let mut lines = open(file)?;
    let head: Head = serde_json::from_str(&lines.next().context("the file is empty")??)
        .with_context(|| format!("{}: line 1: this is no export of a hub", file.display()))?;
    ask::agree(&format!("Fill this hub from the export of {}?", head.exported), options.yes)?;
    let _: Value = cx.client.post("/move/import", &json!({"format": head.evenstock})).await?;
    let (mut rows, mut waiting, mut ended) = (0_u64, Vec::new(), false);
    for (number, line) in (2_u64..).zip(lines) {
        let line: Line = serde_json::from_str(&line?)
            .with_context(|| format!("{}: line {number}: it cannot be read", file.display()))?;
        match line {
            Line::Row(row) => {
                waiting.push(row);
                rows += 1;
                if waiting.len() == ROWS {
                    send(cx, &mut waiting).await?;
                }
            }
            Line::Secrets(_) if options.without_secrets => {}
            Line::Secrets(sealed) => {
                let passphrase = passphrase(options.passphrase_file.as_deref(), false)?;
                let body = json!({"passphrase": passphrase, "sealed": sealed});
                let _: Value = cx.client.post("/move/import/secrets", &body).await?;
            }
            Line::End(all) if all == rows => ended = true,
            Line::End(all) => bail!("{}: it has {rows} rows of {all}: it is torn", file.display()),
        }
    }
    send(cx, &mut waiting).await?;
    if !ended {
        bail!("{}: it has no end: it is torn; the hub stands still, and takes a whole file", file.display());
    }
    go_on(cx, &format!("{rows} rows imported; every store is being looked at.")).await
}

fn open(file: &Path) -> anyhow::Result<impl Iterator<Item = anyhow::Result<String>>> {
    let open = File::open(file).with_context(|| format!("{} cannot be read", file.display()))?;
    let mut reader = BufReader::new(open);
    Ok(std::iter::from_fn(move || {
        let mut line = String::new();
        match std::io::Read::take(&mut reader, LINE_MAX).read_line(&mut line) {
            Ok(0) => None,
            Ok(_) => Some(Ok(line)),
            Err(error) => Some(Err(error.into())),
        }
    }))
}

async fn send(cx: &Cx, waiting: &mut Vec<MovedRow>) -> anyhow::Result<()> {
    let rows = std::mem::take(waiting);
    if !rows.is_empty() {
        let _: Value = cx.client.post("/move/import/rows", &json!({"rows": rows})).await?;
    }
    Ok(())
}

#[derive(Debug, Serialize, Deserialize)]
struct Going {
    without_secrets: Vec<AccountId>,
}

async fn go_on(cx: &Cx, text: &str) -> anyhow::Result<bool> {
    let going: Going = cx.client.post("/move/go-on", &json!({})).await?;
    cx.show.answer(&going, |going| {
        let enter = |id: &AccountId| format!("\n{id} has no secrets: enter them with `evenstock accounts rotate {id}`");
        let missing: String = going.without_secrets.iter().map(enter).collect();
        format!("{text}{missing}")
    })?;
    Ok(going.without_secrets.is_empty())
}

/// The passphrase: from a file, or asked for, twice where it is new.
fn passphrase(file: Option<&Path>, new: bool) -> anyhow::Result<String> {
    if let Some(file) = file {
        let text = std::fs::read_to_string(file).with_context(|| format!("{} cannot be read", file.display()))?;
        return Ok(text.lines().next().unwrap_or_default().to_owned());
    }
    if !ask::is_there() {
        bail!("passphrase: there is nobody to ask; give --passphrase-file");
    }
    let first = ask::secret("Passphrase of the secrets: ")?;
    if new && ask::secret("Once more: ")? != first {
        bail!("passphrase: the two differ; nothing was done");
    }
    Ok(first)
}
