//! `accounts add`: from a file, from flags, or from answers to the channel's own form.

use super::ask;
use anyhow::{Context, anyhow, bail};
use channels::{Info, Secret, Secrets, Setting, registry};
use domain::{AccountId, Role};
use engine::accounts::NewAccount;
use engine::records::Rate;
use std::collections::BTreeMap;
use std::io::Read;
use std::path::PathBuf;

/// A new account. What neither file nor flags give is asked for.
#[derive(Debug, clap::Args)]
pub struct Add {
    /// A JSON file as the documents show it, or - for standard input; flags are then not allowed
    #[arg(long, value_name = "FILE", conflicts_with_all = ["id", "channel", "role", "setting", "secret"])]
    file: Option<PathBuf>,
    /// Its name: a-z, 0-9, - and _
    #[arg(long)]
    id: Option<String>,
    /// The kind of platform
    #[arg(long)]
    channel: Option<String>,
    /// master: its stock is the truth at the start; replica: it follows
    #[arg(long, value_parser = ["master", "replica"])]
    role: Option<String>,
    /// A setting of the channel's form
    #[arg(long, value_name = "NAME=VALUE")]
    setting: Vec<String>,
    /// A secret of the channel's form. Other users of this machine can see command lines: a file or the questions are safer
    #[arg(long, value_name = "NAME=VALUE")]
    secret: Vec<String>,
    /// Calls per minute that the store allows, if the channel's own figure does not fit
    #[arg(long, value_name = "CALLS", requires = "burst")]
    per_minute: Option<u32>,
    /// Calls at once that the store allows after a pause
    #[arg(long, value_name = "CALLS", requires = "per_minute")]
    burst: Option<u32>,
}

impl Add {
    /// The account, complete.
    ///
    /// # Errors
    /// When something is missing and there is nobody to ask, naming the field.
    pub fn account(&self) -> anyhow::Result<NewAccount> {
        let rate = self.per_minute.zip(self.burst).map(|(per_minute, burst)| Rate { per_minute, burst });
        let account = match &self.file {
            Some(file) => from_file(file)?,
            None => self.given_and_asked()?,
        };
        Ok(NewAccount { rate: rate.or(account.rate), ..account })
    }

    fn given_and_asked(&self) -> anyhow::Result<NewAccount> {
        let channel = given_or_asked(self.channel.as_deref(), "channel", &channel_names())?;
        let info = info(&channel)?;
        let id = given_or_asked(self.id.as_deref(), "id", "a name of your choice: a-z, 0-9, - and _")?;
        let role = given_or_asked(self.role.as_deref(), "role", "master or replica")?;
        let role = match role.as_str() {
            "master" => Role::Master,
            "replica" => Role::Replica,
            other => bail!("role: {other:?} is neither master nor replica"),
        };
        let settings = pairs("--setting", &self.setting)?;
        let mut secrets = pairs("--secret", &self.secret)?;
        for field in info.settings.iter().filter(|field| field.secret && field.required) {
            if !secrets.contains_key(field.name) {
                secrets.insert(field.name.to_owned(), asked_secret(field)?);
            }
        }
        let secrets: Secrets = secrets.into_iter().map(|(name, text)| (name, Secret::new(text))).collect();
        Ok(NewAccount {
            id: AccountId::new(id)?,
            channel,
            role,
            inbound: None,
            drift: None,
            settings,
            secrets,
            rate: None,
        })
    }
}

fn from_file(file: &PathBuf) -> anyhow::Result<NewAccount> {
    let mut text = String::new();
    if file.as_os_str() == "-" {
        std::io::stdin().read_to_string(&mut text)?;
    } else {
        text = std::fs::read_to_string(file).with_context(|| format!("{} cannot be read", file.display()))?;
    }
    // the parser's own words could quote a secret: only the place is told
    serde_json::from_str(&text).map_err(|error| {
        let words = error.to_string();
        let field = ["unknown field", "missing field"].iter().any(|start| words.starts_with(start));
        let place = format!("line {}, column {}", error.line(), error.column());
        let why = if field { words } else { format!("it is not an account ({place})") };
        anyhow!("{}: {why}", file.display())
    })
}

/// The secrets of a rotation: given, or asked for.
///
/// # Errors
/// When there are none and there is nobody to ask.
pub fn secrets(channel: &str, given: &[String]) -> anyhow::Result<BTreeMap<String, String>> {
    let given = pairs("--secret", given)?;
    if !given.is_empty() {
        return Ok(given);
    }
    let mut asked = BTreeMap::new();
    for field in info(channel)?.settings.iter().filter(|field| field.secret) {
        let text = asked_secret(&Setting { help: "Empty: it stays as it is.", ..*field })?;
        if !text.is_empty() {
            asked.insert(field.name.to_owned(), text);
        }
    }
    Ok(asked)
}

fn info(channel: &str) -> anyhow::Result<&'static Info> {
    let found = registry::find(channel).map(channels::Channel::info);
    found.ok_or_else(|| anyhow!("channel: {channel:?} is not known; use one of {}", channel_names()))
}

fn channel_names() -> String {
    let names: Vec<&str> = registry::CHANNELS.iter().map(|channel| channel.info().name).collect();
    names.join(", ")
}

fn given_or_asked(given: Option<&str>, field: &str, help: &str) -> anyhow::Result<String> {
    match given {
        Some(text) => Ok(text.to_owned()),
        None if ask::is_there() => ask::line(&format!("{field} ({help}): ")),
        None => bail!("{field}: give it with --{field} ({help}), or use --file"),
    }
}

fn asked_secret(field: &Setting) -> anyhow::Result<String> {
    if !ask::is_there() {
        bail!("{}: give it with --secret {}=…, or use --file", field.name, field.name);
    }
    ask::secret(&format!("{}. {}\n  > ", field.title, field.help))
}

/// NAME=VALUE pairs of a flag.
///
/// # Errors
/// When one is written otherwise.
pub fn pairs(flag: &str, given: &[String]) -> anyhow::Result<BTreeMap<String, String>> {
    let pair = |text: &String| {
        let (name, value) = text.split_once('=').ok_or_else(|| anyhow!("{flag}: write it as NAME=VALUE"))?;
        Ok((name.to_owned(), value.to_owned()))
    };
    given.iter().map(pair).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pair_may_hold_an_equals_sign() {
        let pairs = pairs("--secret", &["api_key=a=b".into()]).expect("a pair");
        assert_eq!(pairs.get("api_key").map(String::as_str), Some("a=b"));
    }

    #[test]
    fn a_bad_pair_is_told_without_its_value() {
        let error = pairs("--secret", &["hunter2".into()]).expect_err("no equals sign");
        assert!(!error.to_string().contains("hunter2"), "{error}");
    }
}
