//! `tests simulate`: long runs of the simulation, and the way from a failing seed to a regression.
//!
//! `cargo run -p tests -- artefacts` measures the functions as they are shipped.
//!
//! `cargo run --release -p tests -- simulate --seeds 100000 [--profile harsh] [--seed FIRST] [--shrink] [--trace]`

use anyhow::{Context, bail};
use std::process::ExitCode;
use tests::artefacts;
use tests::sim::many::{Batch, Summary, simulate};
use tests::sim::regression;
use tests::sim::run::{Order, run};
use tests::sim::setup::{Class, Profile};

/// Starts of each function.
const STARTS: usize = 21;

/// What was asked for.
struct Asked {
    seeds: u64,
    first: u64,
    profiles: Vec<Profile>,
    classes: Vec<Class>,
    trace: bool,
    keep: bool,
}

fn main() -> ExitCode {
    if std::env::args().nth(1).as_deref() == Some("artefacts") {
        return artefacts();
    }
    match asked(std::env::args().skip(1)).and_then(|asked| work(&asked)) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            say(&format!("{error:#}"));
            ExitCode::from(2)
        }
    }
}

/// Sizes and starts of the functions that were built.
fn artefacts() -> ExitCode {
    let runtime = tokio::runtime::Runtime::new();
    match runtime.map_err(Into::into).and_then(|runtime| runtime.block_on(artefacts::measure(STARTS))) {
        Ok(measured) => {
            say(&artefacts::table(&measured));
            ExitCode::SUCCESS
        }
        Err(error) => {
            say(&format!("{error:#}"));
            ExitCode::from(2)
        }
    }
}

#[expect(clippy::print_stdout, reason = "a command speaks to whoever called it")]
fn say(text: &str) {
    println!("{text}");
}

fn asked(mut words: impl Iterator<Item = String>) -> anyhow::Result<Asked> {
    if words.next().as_deref() != Some("simulate") {
        bail!(
            "usage: tests simulate [--seeds N] [--seed FIRST] [--profile calm|realistic|harsh|liveness] \
             [--class shops|exact|blind|mixed] [--trace] [--keep]"
        );
    }
    let mut asked = Asked {
        seeds: 1_000,
        first: 0,
        profiles: Profile::ALL.to_vec(),
        classes: Class::ALL.to_vec(),
        trace: false,
        keep: false,
    };
    while let Some(word) = words.next() {
        let mut value = || words.next().with_context(|| format!("{word}: a value is missing"));
        match word.as_str() {
            "--seeds" => asked.seeds = value()?.parse().context("--seeds: a number")?,
            "--seed" => asked.first = value()?.parse().context("--seed: a number")?,
            "--profile" => asked.profiles = vec![value()?.parse().map_err(anyhow::Error::msg)?],
            "--class" => asked.classes = vec![value()?.parse().map_err(anyhow::Error::msg)?],
            "--trace" => asked.trace = true,
            "--keep" => asked.keep = true,
            other => bail!("{other} is not known"),
        }
    }
    Ok(asked)
}

/// `false` when something was violated.
fn work(asked: &Asked) -> anyhow::Result<bool> {
    let mut good = true;
    for (class, profile) in
        asked.classes.iter().flat_map(|class| asked.profiles.iter().map(|profile| (*class, *profile)))
    {
        let batch = Batch { class, profile, first: asked.first, seeds: asked.seeds, twice_each: 50 };
        let summary = simulate(&batch);
        say(&summary.line());
        good &= summary.failures.is_empty();
        for failure in summary.failures.iter().take(20) {
            say(&format!("  {failure}"));
        }
        show_first(asked, &summary)?;
    }
    Ok(good)
}

/// The first failing seed, shrunk; with its trace, and kept as a regression, as asked.
fn show_first(asked: &Asked, summary: &Summary) -> anyhow::Result<()> {
    let Some(failure) = summary.failures.first() else { return Ok(()) };
    let shrunk = regression::shrink(&failure.order);
    say(&format!("  smallest: {}", regression::line(&shrunk)));
    if asked.keep {
        say(&format!("  kept in {}", regression::keep(&shrunk)?.display()));
    }
    if asked.trace {
        run(&Order { traced: true, ..shrunk }).lines.iter().for_each(|line| say(line));
    }
    Ok(())
}
