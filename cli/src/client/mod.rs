//! The commands that talk to a hub, here or on AWS, through its admin API.

pub mod accounts;
pub mod add;
pub mod alerts;
pub mod api;
pub mod ask;
pub mod feeds;
pub mod file;
pub mod filters;
pub mod groups;
pub mod items;
pub mod mapping;
pub mod moving;
pub mod places;
pub mod rules;
pub mod runs;
pub mod show;
pub mod stock;
pub mod sync;
pub mod undo;
pub mod users;

use crate::args::Global;
use anyhow::bail;
use api::Client;
use show::Show;

/// The commands.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Connect, look after and remove stores
    #[command(subcommand)]
    Accounts(accounts::Command),
    /// Look at items
    #[command(subcommand)]
    Items(items::Command),
    /// The level of every SKU, in the hub and in each store
    Levels(items::List),
    /// First sync: match by SKU, show what would change, and with --apply do it
    Adopt(sync::Adopt),
    /// Look at a SKU, an account or everything again, now
    Sync(sync::Sync),
    /// Compare all stores with the hub, and put right what differs
    Reconcile(sync::Reconcile),
    /// What happened to a SKU, or in an account
    History(items::History),
    /// Why a SKU has its number
    Explain(items::Explain),
    /// Quantity rules for the hub, an account, a group or an item
    #[command(subcommand)]
    Rules(rules::Command),
    /// When stores are written: default, always, never, only-when-active
    #[command(subcommand)]
    Mode(rules::ModeCommand),
    /// Named sets of items
    #[command(subcommand)]
    Groups(groups::Command),
    /// Saved filters for `items find` and `items change`
    #[command(subcommand)]
    Filters(filters::Command),
    /// Which units of the stores are which SKUs
    #[command(subcommand)]
    Map(mapping::Command),
    /// Items that are made of others
    #[command(subcommand)]
    Kits(filters::KitCommand),
    /// Edit stock in the hub itself; export and import
    #[command(subcommand)]
    Stock(stock::Command),
    /// Named pools of stock, and the stores that they feed
    #[command(subcommand)]
    Warehouses(places::Warehouses),
    /// The places inside stores that hold stock, and the warehouses that they belong to
    #[command(subcommand)]
    Locations(places::Locations),
    /// A hub into a file, to move it: it stands still from then on
    Export(moving::Export),
    /// A hub out of a file, into an empty one
    Import(moving::Import),
    /// Stock files at an address, fetched on a schedule
    #[command(subcommand)]
    Feeds(feeds::Command),
    /// Levels kept before something bulky was done
    #[command(subcommand)]
    Snapshots(undo::Snapshots),
    /// Take edits back, to a snapshot or a time, or those of one run; what was sold since stays sold
    Restore(undo::Options),
    /// Long jobs: what they did, how far they are, and stopping them
    #[command(subcommand)]
    Runs(runs::Command),
    /// What waits, and what failed too often
    Queue(sync::Queue),
    /// What changes, and a month without any, cost on AWS
    Costs(sync::Costs),
    /// How every account is doing
    Health,
    /// What is wrong, and who is told of it
    Alerts(alerts::WhichAlerts),
    /// What guards have stopped: look, then release or discard
    #[command(subcommand)]
    Quarantine(alerts::Quarantine),
    /// Who may use the hub
    #[command(subcommand)]
    Users(users::Users),
    /// Tokens for programs that act for a user
    #[command(subcommand)]
    Tokens(users::Tokens),
    /// Who changed what, and when
    Audit(users::Audit),
    /// Whose token this is
    Me,
}

/// What every command needs.
pub struct Cx {
    /// The hub.
    pub client: Client,
    /// How to answer.
    pub show: Show,
}

/// Runs a command; whether all that it found is well.
///
/// # Errors
/// What the hub said.
pub async fn run(command: Command, global: &Global) -> anyhow::Result<bool> {
    if global.token.trim().is_empty() {
        bail!("token: give the one that the hub's first start printed, with --token or EVENSTOCK_TOKEN");
    }
    let cx = Cx { client: Client::new(&global.url, global.token.trim())?, show: Show::new(global.json) };
    match command {
        Command::Accounts(command) => accounts::run(&cx, command).await,
        Command::Items(command) => items::run(&cx, command).await,
        Command::Levels(list) => items::levels(&cx, &list).await,
        Command::Adopt(adopt) => sync::adopt(&cx, &adopt).await,
        Command::Sync(sync) => sync::sync(&cx, &sync).await,
        Command::Reconcile(reconcile) => sync::reconcile(&cx, &reconcile).await,
        Command::History(history) => items::history(&cx, &history).await,
        Command::Explain(explain) => items::explain(&cx, &explain).await,
        Command::Rules(command) => rules::run(&cx, command).await,
        Command::Mode(command) => rules::mode(&cx, command).await,
        Command::Groups(command) => groups::run(&cx, command).await,
        Command::Filters(command) => filters::run(&cx, command).await,
        Command::Map(command) => mapping::run(&cx, command).await,
        Command::Kits(command) => filters::kits(&cx, command).await,
        Command::Stock(command) => stock::run(&cx, command).await,
        Command::Warehouses(command) => places::warehouses(&cx, command).await,
        Command::Locations(command) => places::locations(&cx, command).await,
        Command::Export(options) => moving::export(&cx, &options).await,
        Command::Import(options) => moving::import(&cx, &options).await,
        Command::Feeds(command) => feeds::run(&cx, command).await,
        Command::Snapshots(command) => undo::snapshots(&cx, command).await,
        Command::Restore(options) => undo::restore(&cx, &options).await,
        Command::Runs(command) => runs::run(&cx, command).await,
        Command::Queue(queue) => sync::queue(&cx, &queue).await,
        Command::Costs(options) => sync::costs(&cx, &options).await,
        Command::Health => accounts::health(&cx).await,
        Command::Alerts(command) => alerts::alerts(&cx, command).await,
        Command::Quarantine(command) => alerts::quarantine(&cx, command).await,
        Command::Users(command) => users::users(&cx, command).await,
        Command::Tokens(command) => users::tokens(&cx, command).await,
        Command::Audit(audit) => users::audit(&cx, &audit).await,
        Command::Me => users::me(&cx).await,
    }
}
