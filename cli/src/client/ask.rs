//! Questions to the person at the terminal, on stderr so that stdout stays clean.

use anyhow::{Context, bail};
use console::Term;
use std::io::IsTerminal;

/// Asks before something that cannot simply be undone, unless `yes` was said already.
///
/// # Errors
/// When the person does not agree, or there is nobody to ask.
pub fn agree(question: &str, yes: bool) -> anyhow::Result<()> {
    if yes {
        return Ok(());
    }
    if !is_there() {
        bail!("{question} There is nobody to ask: say --yes");
    }
    let answer = line(&format!("{question} [y/N] "))?;
    if matches!(answer.to_lowercase().as_str(), "y" | "yes") { Ok(()) } else { bail!("nothing was done") }
}

/// Whether there is a person to ask.
#[must_use]
pub fn is_there() -> bool {
    std::io::stdin().is_terminal() && std::io::stderr().is_terminal()
}

/// Asks for a line.
///
/// # Errors
/// When the terminal cannot be read.
pub fn line(question: &str) -> anyhow::Result<String> {
    let terminal = Term::stderr();
    terminal.write_str(question)?;
    let mut text = String::new();
    let read = std::io::stdin().read_line(&mut text).context("the answer cannot be read")?;
    if read == 0 {
        bail!("no answer: nothing was done");
    }
    Ok(text.trim().to_owned())
}

/// Asks for a secret, without showing it.
///
/// # Errors
/// When the terminal cannot be read.
pub fn secret(question: &str) -> anyhow::Result<String> {
    let terminal = Term::stderr();
    terminal.write_str(question)?;
    terminal.read_secure_line().context("the answer cannot be read")
}
