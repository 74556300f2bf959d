//! The steps of a story.

use domain::{Drift, Inbound, Restock};
use engine::quarantine::Verdict;
use engine::settings::{Patch, RuleLine, Scope};
use serde_json::Value;

/// One step of a story.
#[derive(Debug, Clone, PartialEq)]
pub enum Step {
    /// A store sells a product, with this stock; in every store when none is named.
    Stock(Vec<String>, Option<i64>, Vec<String>),
    /// Every store is connected, and the master's stock adopted.
    Connect,
    /// Time passes, milliseconds.
    Pass(i64),
    /// Somebody does something in a store.
    Shop(String, Shop),
    /// Somebody does something in a store of another platform.
    Deed(String, super::market::Deed),
    /// Something goes wrong with a store.
    Trouble(String, Trouble),
    /// Somebody does something at the hub.
    Person(Person),
    /// Something happens to the hub itself.
    Hub(Machine),
    /// Stock files, feeds, snapshots, going back.
    Undo(super::undoing::Undoing),
    /// A user asks the API.
    Staff(super::staff::Staff),
    /// Somebody looks.
    See(Sight),
}

/// What people do in a store. Orders are numbered through the story, from 1.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Shop {
    /// An order of these SKUs.
    Sells(Vec<(String, i64)>),
    /// An order of these SKUs that is to be paid for later.
    Promises(Vec<(String, i64)>),
    /// A line of an order, from 1, is given back to stock.
    Returns(usize, usize),
    /// An order's lines become these.
    Changes(usize, Vec<(String, i64)>),
    /// An order is cancelled, which moves no stock.
    Cancels(usize),
    /// An order's money is given back, which moves no stock.
    Refunds(usize),
    /// SKUs get this level, on this page of the platform's back office.
    Types(Page, Vec<String>, i64),
    /// A product is deleted: the newest with this SKU.
    Drops(String),
    /// A product gets another SKU: the newest with this one.
    Renames(String, String),
    /// A product is put on sale, or taken off it: the newest with this SKU.
    Shelves(String, bool),
    /// Its API key is replaced by a new one.
    ReplacesKey,
    /// Its webhook secret is replaced by a new one.
    ReplacesSigner,
    /// Its key may not read this part of the API.
    Forbids(String),
}

/// Where staff change stock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Page {
    /// The product's own page.
    Product,
    /// The stock page.
    Stock,
    /// The stock import.
    Import,
    /// The product import, which tells nobody.
    Silent,
}

/// What goes wrong.
#[derive(Debug, Clone, PartialEq)]
pub enum Trouble {
    /// Every call fails so.
    Down(Failure),
    /// No connection.
    Unreachable,
    /// All is well again.
    Up,
    /// The next calls fail.
    Next(u32, Calls, Failure, bool),
    /// Webhooks go astray.
    Webhooks(Post),
    /// A switch of the platform's fake.
    Switch(String, Value),
}

/// How a call fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    /// With this status.
    Status(u16),
    /// Without an answer.
    Silence,
    /// With a page for people.
    Page,
}

/// Which calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Calls {
    /// All.
    Any,
    /// Those that read.
    Reads,
    /// Those that write.
    Writes,
}

/// How webhooks go astray.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Post {
    /// They are never sent.
    Lost,
    /// They come twice.
    Twice,
    /// They come so many milliseconds late.
    Late(i64),
    /// The next so many come in the opposite order.
    Reversed(u32),
    /// They come as they should.
    Well,
    /// The newest one comes once more.
    Again,
    /// One comes with a wrong signature.
    Forged,
    /// One comes without a signature.
    Unsigned,
    /// One comes with a good signature and a body that is no JSON.
    Torn,
}

/// What people do at the hub.
#[derive(Debug, Clone, PartialEq)]
pub enum Person {
    /// Connects a store.
    Adds(String),
    /// Looks at what adoption would do.
    Previews,
    /// Adopts.
    Adopts,
    /// Stops writing to an account.
    Pauses(String),
    /// Writes to it again.
    Resumes(String),
    /// Believes a store again after the mass-zero guard.
    Releases(String),
    /// Stops an account both ways.
    Freezes(String),
    /// Lets it go on.
    Thaws(String),
    /// Sets what of what comes back is stocked again.
    Restocks(String, Restock),
    /// Keeps back what sells in so many minutes.
    Flash(String, u32),
    /// Decides about what a guard saw of an account: of these SKUs, or of all.
    Judges(String, Verdict, Vec<String>),
    /// Has a SKU written again that another writer kept changing.
    Uncontests(String, String),
    /// Enters the webhook secret that the store will have next.
    AnnouncesSigner(String),
    /// Takes an account away.
    Removes(String),
    /// Enters the key that the store has now.
    Rotates(String),
    /// Enters a key that the store never had.
    Mistypes(String),
    /// Enters the webhook secret that the store has now.
    RotatesSigner(String),
    /// Changes a setting of an account's channel.
    Setting(String, String, String),
    /// Sets what counts of an account.
    Inbound(String, Inbound),
    /// Sets what happens to what does not count.
    Drift(String, Drift),
    /// Sets the hub level, with a reason.
    Sets(String, i64, String),
    /// Changes the hub level, with a reason.
    Adjusts(String, i64, String),
    /// Uploads a stock file.
    Uploads(Vec<(String, String)>),
    /// Has a SKU synced now.
    Syncs(String),
    /// Links a location to a warehouse.
    Gives(String, String, String),
    /// Takes a location out of its warehouse.
    Frees(String, String),
    /// Has a store of one pool fed by warehouses.
    Feeds(String, Vec<String>),
    /// Sets rules, groups, kits, or many items at once.
    Arranges(Arrangement),
}

/// What people arrange at the hub.
#[derive(Debug, Clone, PartialEq)]
pub enum Arrangement {
    /// A rule for somebody, or only its preview.
    Rule(Scope, Patch, bool),
    /// A group with its place in the order.
    Group(String, i64),
    /// Items that join a group, or leave it.
    Members(String, Vec<String>, bool),
    /// A group that is removed.
    NoGroup(String),
    /// A kit of some units of other SKUs; of none: dissolved.
    Kit(String, Vec<(String, i64)>),
    /// A file of rules.
    File(Vec<RuleLine>),
    /// A change of all items that a filter finds: the API's own words.
    Bulk(Value),
    /// A look at how stores' units are mapped.
    Mapping,
    /// A store's product, by its SKU there, that is linked to one of ours.
    Link(String, String, String),
    /// An item's listing at a store that is taken out.
    Unlink(String, String),
    /// A look at units whose SKU has changed.
    Proposals,
    /// An answer: a store's product, by its SKU there, is the same or another.
    Answer(String, String, bool),
}

/// What happens to the hub's machines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Machine {
    /// A new version is deployed: everything in memory is lost.
    Deploys,
    /// It dies at its next write to a store: before the write left, or after it took effect.
    Dies(String, bool),
    /// Every message comes again and again, or once.
    Repeats(bool),
    /// The comparison runs.
    Compares,
    /// The nightly run.
    Nightly,
    /// It stands still.
    StandsStill,
    /// It moves to another machine.
    Moves,
    /// It goes on.
    GoesOn,
}

/// What somebody looks at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sight {
    /// Levels of SKUs everywhere.
    Levels(Vec<String>),
    /// The history of a SKU since it was last looked at.
    History(String),
    /// How accounts are.
    Accounts(Vec<String>),
    /// How often each store was written to since this was last looked at.
    Writes,
    /// Messages that failed too often.
    Dead,
    /// The webhooks of an account that nobody could read.
    Kept(String),
    /// How often each operation of a store's API was called since this was last looked at.
    Calls(String),
    /// SKUs whose stock in the platform's own warehouse a write of ours has stranded.
    Stranded(String),
    /// The rules behind a number.
    Why(String, String),
    /// What is wrong.
    Alarms,
    /// What a guard saw of an account.
    Quarantine(String),
    /// Who changed what through the API, today.
    Audit,
    /// What the hub did by itself, today.
    OwnActs,
    /// What a filter finds: the API's own words.
    Found(Value),
}
