//! What can be typed.

use crate::bench;
use crate::client;
use crate::demo;
use crate::log::Look;
use crate::token;
use clap::{Args, Parser, Subcommand};
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
    pub command: Command,
}

/// What every command knows.
#[derive(Debug, Clone, Args)]
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
pub enum Command {
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
