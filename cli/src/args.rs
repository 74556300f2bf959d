//! What can be typed.

use crate::bench;
use crate::client;
use crate::demo;
use crate::log::Look;
use crate::token;
use clap::{Arg, Args, Command, CommandFactory, FromArgMatches, Parser, Subcommand};
use std::net::SocketAddr;
use std::path::PathBuf;

/// Keeps stock equal over several sales channels.
#[derive(Debug, Parser)]
#[command(version, about, propagate_version = true, max_term_width = 110)]
pub struct Cli {
    /// What every command knows.
    #[command(flatten)]
    pub global: Global,
    /// What to do.
    #[command(subcommand)]
    pub command: Commands,
}

/// The commands that talk to no hub.
const ALONE: [&str; 5] = ["serve", "demo", "fake", "bench", "token"];

impl Cli {
    /// What was typed; ends the process with the reason when it makes no sense.
    #[must_use]
    pub fn typed() -> Self {
        let typed = described().get_matches();
        Self::from_arg_matches(&typed).unwrap_or_else(|error| error.exit())
    }
}

/// All that can be typed. Where no hub is talked to, its address and token are not explained.
#[must_use]
pub fn described() -> Command {
    let unexplained = |command: Command| {
        let hidden = |name| Arg::new(name).long(name).hide(true);
        command.arg(hidden("url")).arg(hidden("token"))
    };
    ALONE.into_iter().fold(Cli::command(), |all, name| all.mut_subcommand(name, unexplained))
}

/// What every command knows.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Options of all commands")]
pub struct Global {
    /// The hub's address, for the commands that talk to one
    #[arg(long, global = true, env = "EVENSTOCK_URL", default_value = "http://127.0.0.1:8600")]
    pub url: String,
    /// The admin token that the hub's first start printed
    #[arg(
        long,
        global = true,
        env = "EVENSTOCK_TOKEN",
        hide_env_values = true,
        default_value = "",
        hide_default_value = true
    )]
    pub token: String,
    /// Print JSON for machines
    #[arg(long, global = true)]
    pub json: bool,
    /// How log lines look; RUST_LOG chooses which
    #[arg(long, global = true, value_enum, default_value_t)]
    pub log: Look,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Commands {
    /// Run a hub in one process: webhooks, admin API, workers and timers
    Serve(Serve),
    /// Show it: three fake stores, a hub, and people who shop
    Demo(demo::Options),
    /// Host a fake platform, to try things without a store
    Fake(Fake),
    /// Measure: latency, bursts, comparison, adoption, memory
    Bench(bench::Options),
    /// Issue an admin token, for this machine or for AWS
    Token(token::Options),
    /// The commands that talk to a hub.
    #[command(flatten)]
    Client(client::Command),
}

/// How a hub serves.
#[derive(Debug, Clone, Args)]
pub struct Serve {
    /// The directory that holds everything; created when missing
    #[arg(long, value_name = "DIR")]
    pub data: PathBuf,
    /// The address to listen on
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8600")]
    pub listen: SocketAddr,
    /// Where stores reach this hub's webhooks, such as `https://hub.example.com`; the listening address if absent
    #[arg(long, env = "EVENSTOCK_PUBLIC_URL")]
    pub public_url: Option<String>,
    /// The mail server for alerts, such as smtps://user:password@mail.example.com or smtp://localhost:25
    #[arg(long, env = "EVENSTOCK_SMTP_URL", hide_env_values = true, requires = "mail_from")]
    pub smtp_url: Option<String>,
    /// The address that alerts come from
    #[arg(long, env = "EVENSTOCK_MAIL_FROM")]
    pub mail_from: Option<String>,
    /// Where people sign in to the console: a sign-in provider.
    #[command(flatten)]
    pub provider: SignInProvider,
    /// Let stores be reached without TLS or on this machine: for tests and fakes only
    #[arg(long)]
    pub allow_insecure_endpoints: bool,
    /// Seconds between two looks at every store's feed; each look costs one call to each store
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..=3600))]
    pub sweep_seconds: u64,
    /// Stores are on this machine: they answer at once or never
    #[arg(long, hide = true, requires = "allow_insecure_endpoints")]
    pub local_stores: bool,
    /// Hints worked on at once
    #[arg(long, hide = true, default_value_t = 100, value_parser = clap::value_parser!(u64).range(1..=1000))]
    pub batch: u64,
}

/// A sign-in provider that speaks OpenID Connect.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Sign-in provider")]
pub struct SignInProvider {
    /// The issuer of a provider that speaks OpenID Connect, exactly as its ID tokens name it
    #[arg(long, value_name = "URL", env = "EVENSTOCK_OIDC_ISSUER", requires = "oidc_client_id")]
    pub oidc_issuer: Option<String>,
    /// What the provider calls this hub
    #[arg(long, value_name = "ID", env = "EVENSTOCK_OIDC_CLIENT_ID")]
    pub oidc_client_id: Option<String>,
    /// What this hub proves itself with there; a public client has none
    #[arg(long, value_name = "SECRET", env = "EVENSTOCK_OIDC_CLIENT_SECRET", hide_env_values = true)]
    pub oidc_client_secret: Option<String>,
    /// What the button says after “Sign in with”
    #[arg(long, value_name = "NAME", env = "EVENSTOCK_OIDC_NAME")]
    pub oidc_name: Option<String>,
    /// Roles for people whom nobody has added, by their groups: shop-admins=admin,staff=operator
    #[arg(long, value_name = "GROUP=ROLE,…", env = "EVENSTOCK_OIDC_GROUPS")]
    pub oidc_groups: Option<String>,
    /// The claim that names groups, such as cognito:groups; `groups` if absent
    #[arg(long, value_name = "CLAIM", env = "EVENSTOCK_OIDC_GROUPS_CLAIM")]
    pub oidc_groups_claim: Option<String>,
    /// Where people reach the console, if not at the public address
    #[arg(long, value_name = "URL", env = "EVENSTOCK_CONSOLE_URL")]
    pub console_url: Option<String>,
}

impl SignInProvider {
    /// The setting of that name, as [`web::access::provider::Settings::read`] asks for it.
    #[must_use]
    pub fn setting(&self, name: &str) -> Option<String> {
        match name {
            "ISSUER" => self.oidc_issuer.clone(),
            "CLIENT_ID" => self.oidc_client_id.clone(),
            "CLIENT_SECRET" => self.oidc_client_secret.clone(),
            "NAME" => self.oidc_name.clone(),
            "GROUPS" => self.oidc_groups.clone(),
            "GROUPS_CLAIM" => self.oidc_groups_claim.clone(),
            "CONSOLE_URL" => self.console_url.clone(),
            _ => None,
        }
    }
}

/// How a fake is hosted.
#[derive(Debug, Clone, Args)]
pub struct Fake {
    /// The channel whose platform it plays
    pub channel: String,
    /// The address to listen on
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8700")]
    pub listen: SocketAddr,
    /// How many stores it begins with; more can be opened through its door below /_fake/
    #[arg(long, default_value_t = 3)]
    pub accounts: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_talks_to_no_hub_explains_neither_its_address_nor_its_token() {
        described().debug_assert();
        let help = |name: &str| {
            let mut all = described();
            all.build();
            all.find_subcommand_mut(name).expect("a command").render_long_help().to_string()
        };
        for alone in ALONE {
            assert!(!help(alone).contains("--url <") && !help(alone).contains("--token <"), "{alone}: {}", help(alone));
        }
        assert!(help("levels").contains("--url <URL>") && help("levels").contains("--token <TOKEN>"));
        assert!(help("serve").contains("--oidc-issuer <URL>"));
    }

    #[test]
    fn the_hub_may_be_named_before_or_behind_the_command() {
        for typed in [["evenstock", "--url", "http://a", "levels"], ["evenstock", "levels", "--url", "http://a"]] {
            let typed = described().try_get_matches_from(typed).expect("well typed");
            assert_eq!(Cli::from_arg_matches(&typed).expect("known").global.url, "http://a");
        }
    }
}
