//! `tests simulate`: long runs of the simulation, and the way from a failing seed to a regression.
//!
//! `cargo run -p tests -- artefacts` measures the functions as they are shipped.
//!
//! `cargo run --release -p tests -- simulate --seeds 100000 [--chunk 100] [--class mixed] [--profile harsh] [--seed FIRST] [--unaided] [--trace] [--keep]`

use anyhow::{Context, bail};
use std::io::Write;
use std::process::ExitCode;
use std::time::Instant;
use tests::artefacts;
use tests::sim::many::{self, Batch, Summary, simulate};
use tests::sim::regression;
use tests::sim::run::{Order, Outcome, Variation, run};
use tests::sim::setup::{Class, Profile};

/// Starts of each function.
const STARTS: usize = 21;

/// What was asked for.
struct Asked {
    /// Of each class and profile.
    seeds: u64,
    first: u64,
    /// Seeds after which it is another class' and profile's turn: what is done counts, whenever it is stopped.
    chunk: Option<u64>,
    profiles: Vec<Profile>,
    classes: Vec<Class>,
    /// Without the comparison, lost webhooks and pauses that end.
    unaided: bool,
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
    // a long run is read while it goes; whoever does not read any more does not mind
    _ = std::io::stdout().flush();
}

fn asked(mut words: impl Iterator<Item = String>) -> anyhow::Result<Asked> {
    if words.next().as_deref() != Some("simulate") {
        bail!(
            "usage: tests simulate [--seeds N, of each class and profile] [--seed FIRST] [--chunk N] \
             [--profile calm|realistic|harsh|liveness] [--class {}] [--unaided] [--trace] [--keep]",
            Class::ALL.map(Class::name).join("|")
        );
    }
    let mut asked = Asked {
        seeds: 1_000,
        first: 0,
        chunk: None,
        profiles: Profile::ALL.to_vec(),
        classes: Class::ALL.to_vec(),
        unaided: false,
        trace: false,
        keep: false,
    };
    while let Some(word) = words.next() {
        let mut value = || words.next().with_context(|| format!("{word}: a value is missing"));
        match word.as_str() {
            "--seeds" => asked.seeds = value()?.parse().context("--seeds: a number")?,
            "--chunk" => asked.chunk = Some(value()?.parse().context("--chunk: a number")?),
            "--seed" => asked.first = value()?.parse().context("--seed: a number")?,
            "--profile" => asked.profiles = vec![value()?.parse().map_err(anyhow::Error::msg)?],
            "--class" => asked.classes = vec![value()?.parse().map_err(anyhow::Error::msg)?],
            "--unaided" => asked.unaided = true,
            "--trace" => asked.trace = true,
            "--keep" => asked.keep = true,
            other => bail!("{other} is not known"),
        }
    }
    if asked.unaided && asked.keep {
        bail!("--keep: a kept seed is run with everything; run it without --unaided");
    }
    Ok(asked)
}

/// `false` when something was violated.
fn work(asked: &Asked) -> anyhow::Result<bool> {
    let chunk = asked.chunk.unwrap_or(asked.seeds).clamp(1, asked.seeds.max(1));
    let worlds = || asked.classes.iter().flat_map(|class| asked.profiles.iter().map(|profile| (*class, *profile)));
    let (mut done, mut violated, began) = (Outcome::default(), 0, Instant::now());
    let mut seeds = 0;
    let variation = Variation { unaided: asked.unaided, ..Variation::default() };
    for from in (0..asked.seeds).step_by(usize::try_from(chunk).unwrap_or(usize::MAX)) {
        for (class, profile) in worlds() {
            let count = chunk.min(asked.seeds - from);
            let first = asked.first + from;
            let batch = Batch { class, profile, first, seeds: count, twice_each: 50, variation };
            let summary = simulate(&batch);
            say(&summary.line());
            summary.failures.iter().take(20).for_each(|failure| say(&format!("  {failure}")));
            show_first(asked, &summary)?;
            seeds += count;
            violated += summary.failures.len();
            many::add(&mut done, &summary.total);
        }
        say(&format!(
            "so far {seeds} seeds, {violated} violated; {} changes, {} commits, {} writes; {:.1} seeds/s",
            done.actions,
            done.commits,
            done.writes,
            seeds as f64 / began.elapsed().as_secs_f64().max(0.001)
        ));
    }
    Ok(violated == 0)
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
