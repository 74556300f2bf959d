//! The `evenstock` command: `serve` runs a hub in one process, `demo` shows it, and the other commands are clients of any
//! hub's admin API, on this machine or on AWS.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a command talks to people")]

pub mod args;
pub mod bench;
pub mod client;
pub mod demo;
pub mod fakes;
pub mod log;
pub mod serve;
pub mod token;

use anyhow::Context;
use args::{Cli, Commands};
use std::process::ExitCode;
use std::sync::Arc;
use web::client::NetHttp;

/// Runs a command: status 0 when all is well, 1 when not; clap ends with 2 when it was called wrongly.
#[must_use]
pub fn run(cli: Cli) -> ExitCode {
    match start(cli) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("evenstock: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn start(cli: Cli) -> anyhow::Result<bool> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().context("no threads can be made")?;
    let done = runtime.block_on(command(cli));
    // a prompt's thread may still wait for a line that nobody types
    runtime.shutdown_background();
    done
}

async fn command(cli: Cli) -> anyhow::Result<bool> {
    let Cli { global, command } = cli;
    match command {
        Commands::Serve(options) => {
            log::start(global.log, "info");
            serve::command::serve(&options).await.map(|()| true)
        }
        Commands::Fake(options) => {
            log::start(global.log, "info");
            serve::command::fake(&options, global.json).await.map(|()| true)
        }
        Commands::Demo(options) => {
            log::start(global.log, "off");
            demo::run(&options, global.json, Arc::new(NetHttp::new(true))).await
        }
        Commands::Bench(options) => {
            log::start(global.log, "off");
            bench::run(&options, global.json).await
        }
        Commands::Token(options) => token::run(&options, global.json).await.map(|()| true),
        Commands::Client(command) => {
            log::start(global.log, "off");
            client::run(command, &global).await
        }
    }
}
