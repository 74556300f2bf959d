//! `evenstock demo`: stores of three platforms, two warehouses, a hub, and people who shop, all on this machine.

pub mod amazon;
pub mod board;
pub mod corner;
pub mod lane;
pub mod memory;
pub mod places;
pub mod play;
pub mod script;
pub mod shopify;
pub mod stores;
pub mod verdict;
pub mod world;

use anyhow::Context;
use board::{Board, Stage};
use channels::Http;
use script::Script;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use verdict::Verdict;
use world::{Empty, World};

/// How the demo runs.
#[derive(Debug, Clone, clap::Args)]
pub struct Options {
    /// Print lines instead of a live table
    #[arg(long)]
    pub once: bool,
    /// Seconds of ordinary shopping
    #[arg(long, default_value_t = 8, value_parser = clap::value_parser!(u64).range(1..=3600))]
    pub seconds: u64,
    /// Keep the hub's directory here instead of deleting it afterwards; it must be empty
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,
    /// Go on serving after the verdict, until Ctrl-C
    #[arg(long)]
    pub stay: bool,
    /// Play nothing and connect nothing: do it yourself in the console, until Ctrl-C
    #[arg(long, conflicts_with_all = ["once", "stay", "seconds"])]
    pub empty: bool,
}

/// How often a live table is drawn.
const FRAME: Duration = Duration::from_millis(150);

/// Plays the demo; whether all was good.
///
/// # Errors
/// When it could not be played to its end.
pub async fn run(options: &Options, json: bool, http: Arc<dyn Http>) -> anyhow::Result<bool> {
    let board = Arc::new(Board::new(Board::stage(options.once, json)));
    if Board::stage(options.once, json) != Stage::Silent && !options.empty {
        println!(
            "Evenstock demo on this machine, with fakes: {} as the master, {} with two locations in two warehouses, and {}, \
             which both feed and which carries writes out later.",
            title(stores::CHANNEL),
            title(shopify::CHANNEL),
            title(amazon::CHANNEL)
        );
    }
    let temporary = tempfile::tempdir().context("no temporary directory can be made")?;
    let data = options.data.clone().unwrap_or_else(|| temporary.path().join("data"));
    if options.empty {
        let empty = Empty::open(data, http).await?;
        invite(&empty, json)?;
        let told = tokio::signal::ctrl_c().await;
        empty.serving.stop().await;
        return Ok(told.map(|()| true)?);
    }
    let world = Arc::new(World::open(data, http).await?);
    let drawing = tokio::spawn(draw(Arc::clone(&world), Arc::clone(&board)));
    let verdict = play(&world, &board, options.seconds).await;
    drawing.abort();
    // the world is ours alone again once the drawing has ended
    let _ = drawing.await;
    let verdict = verdict?;
    show(&world, &board, &verdict, json).await?;
    if options.stay && !json {
        stay(&world).await?;
    }
    if let Some(world) = Arc::into_inner(world) {
        world.serving.stop().await;
    }
    Ok(verdict.ok)
}

/// Says where the console is, and the way in: the token stands behind the `#`, where no server's log sees it.
fn invite(world: &Empty, json: bool) -> anyhow::Result<()> {
    let (url, token) = (world.serving.url(), &world.token);
    if json {
        println!("{}", serde_json::to_string(&serde_json::json!({ "url": url, "token": token }))?);
        return Ok(());
    }
    println!("\nThe console, signed in:  {url}/sign-in?next=/demo#{token}");
    println!("There are three fake stores under “Fake stores”, with what to enter to connect them. Ctrl-C ends it.");
    Ok(())
}

/// The channel's title, for people.
fn title(channel: &'static str) -> &'static str {
    channels::registry::find(channel).map_or(channel, |found| found.info().title)
}

async fn play(world: &World, board: &Board, seconds: u64) -> anyhow::Result<Verdict> {
    let mut script = Script::new(world, board);
    script.play(seconds).await?;
    Verdict::of(world, &script).await
}

async fn draw(world: Arc<World>, board: Arc<Board>) {
    loop {
        if let Ok(rows) = world.rows().await {
            board.draw(&rows);
        }
        tokio::time::sleep(FRAME).await;
    }
}

async fn show(world: &World, board: &Board, verdict: &Verdict, json: bool) -> anyhow::Result<()> {
    if json {
        println!("{}", serde_json::to_string_pretty(verdict)?);
        return Ok(());
    }
    let rows = world.rows().await?;
    board.draw(&rows);
    board.plain(&rows);
    println!("{}", verdict.text());
    Ok(())
}

async fn stay(world: &World) -> anyhow::Result<()> {
    println!("\nThe hub goes on at {}. Ctrl-C ends it.", world.serving.url());
    println!("The console, signed in:  {}/sign-in?next=/demo#{}", world.serving.url(), world.token);
    println!("Or in another terminal:");
    println!("  export EVENSTOCK_URL={} EVENSTOCK_TOKEN={}", world.serving.url(), world.token);
    println!("  evenstock items list; evenstock explain MUG-RED");
    Ok(tokio::signal::ctrl_c().await?)
}
