//! Worlds in which a hub does more than follow its stores: one store joins while things happen, whichever way its levels go at
//! first; a supplier's list is fetched again and again; what sells fast is held back; and what was edited is taken back.

use super::books::Place;
use super::crew;
use super::exec::Kind;
use super::run::Run;
use super::setup::{Class, Platform, Profile, Setup};
use super::world::{CHANGES, LANES, account, first_level};
use domain::{Ledger, ListingId, Sku};
use engine::accounts::AccountPatch;
use engine::adopt::Direction;
use engine::stock::Mode;
use engine::stock_feeds::StockFeed;
use engine::table::{Columns, Format};
use engine::{Error, Hub};
use fastrand::Rng;
use std::collections::BTreeMap;

/// Where the supplier's list is.
pub const LIST: &str = "https://lists.test/stock.csv";
/// Minutes from one fetch of it to the next.
const EVERY: u32 = 5;

/// What a hub does besides.
#[derive(Debug, Clone)]
pub struct Grown {
    /// The store that joins while things happen, if one does, and which way its levels go; without one, as usual: everybody
    /// follows the hub.
    pub joins: Option<(usize, Option<Direction>)>,
    /// Minutes of sales that are kept back from a store while something sells fast.
    pub flash: BTreeMap<usize, u32>,
    /// What the quantities of the supplier's list mean.
    pub list: Mode,
}

impl Grown {
    /// What a seed makes of it.
    #[must_use]
    pub fn new(seed: u64, profile: Profile, platforms: &[Platform]) -> Self {
        let mut rng = Rng::with_seed(seed ^ 0x6204);
        let ways = [None, Some(Direction::ToStore), Some(Direction::ToHub), Some(Direction::Compare)];
        let way = ways[rng.usize(0..ways.len())];
        let mut flash = BTreeMap::new();
        for store in 0..platforms.len() {
            if rng.bool() {
                flash.insert(store, rng.u32(1..6));
            }
        }
        // a first sync reads every store: none joins while one is dead
        let joins = (profile != Profile::Liveness).then_some((platforms.len() - 1, way));
        // a difference would be entered with every fetch, for ever
        let list = if rng.bool() { Mode::Set } else { Mode::OnlyLower };
        Self { joins, flash, list }
    }

    /// Of a class.
    #[must_use]
    pub fn of(class: Class, seed: u64, profile: Profile, platforms: &[Platform]) -> Option<Self> {
        (class == Class::Grown).then(|| Self::new(seed, profile, platforms))
    }
}

impl Setup {
    /// Whether something stands between the level of the warehouses and what a store shows: rules, or what is kept back.
    #[must_use]
    pub fn holds_back(&self) -> bool {
        self.ruled.is_some() || self.rushes() > 0
    }

    /// Stores of which something may be kept back while it sells fast.
    #[must_use]
    pub fn rushes(&self) -> usize {
        let owing = self.owing.as_ref().map_or(0, |_| self.stores);
        self.grown.as_ref().map_or(owing, |grown| grown.flash.len())
    }

    /// Whether a store is connected from the beginning.
    #[must_use]
    pub fn is_there_from_the_beginning(&self, store: usize) -> bool {
        self.grown.as_ref().is_none_or(|grown| grown.joins.is_none_or(|(joins, _)| joins != store))
    }
}

/// People set what is kept back and where the supplier's list is.
///
/// # Errors
/// What the hub says.
pub async fn set_up(hub: &Hub, setup: &Setup) -> Result<(), Error> {
    let Some(grown) = &setup.grown else { return Ok(()) };
    for (store, minutes) in grown.flash.iter().filter(|(store, _)| setup.is_there_from_the_beginning(**store)) {
        let patch = AccountPatch { flash_minutes: Some(*minutes), ..AccountPatch::default() };
        hub.change_account(&account(*store), patch).await?;
    }
    let feed = StockFeed {
        name: "supplier".into(),
        url: LIST.into(),
        format: Format::Csv,
        columns: Columns::default(),
        mode: grown.list,
        warehouse: None,
        every_minutes: Some(EVERY),
        header: None,
        missing_means_zero: false,
        paused: false,
    };
    hub.put_feed(feed, None).await.map(drop)
}

/// A supplier's list as it is fetched.
#[must_use]
pub fn list(setup: &Setup, lines: &[(usize, i64)]) -> String {
    let line = |(sku, units): &(usize, i64)| format!("{},{units}\n", setup.skus[*sku].0);
    format!("sku,quantity\n{}", lines.iter().map(line).collect::<String>())
}

/// What must hold of a commit with which a store joins: whose levels are taken.
#[must_use]
pub fn joined(grown: &Grown, compared: bool, before: &Ledger, after: &Ledger) -> Vec<String> {
    let Some((store, way)) = grown.joins else { return Vec::new() };
    let id = account(store);
    let new = |listing: &ListingId| listing.account == id && !before.entries.contains_key(listing);
    let mut problems = Vec::new();
    for (listing, entry) in after.entries.iter().filter(|(listing, _)| new(listing)) {
        let (hub, level) = (after.total(), entry.shadow);
        match way {
            Some(Direction::ToHub) if level != Some(hub) => {
                problems.push(format!("{listing} joins with {level:?}, which shall be the hub's, and that has {hub}"));
            }
            None | Some(Direction::ToStore | Direction::Compare) if hub != before.total() => {
                problems.push(format!("{listing} joins, and the hub goes from {} to {hub}", before.total()));
            }
            Some(_) | None => {}
        }
        if compared {
            problems.push(format!("{listing} joins, and shall only be compared"));
        }
        if entry.counted != 0 {
            problems.push(format!("{listing} joins, and {} units are counted", entry.counted));
        }
    }
    problems
}

impl Run {
    /// Has the store join that is not there from the beginning, if it has not yet. At first it may only be compared; at `last` it
    /// joins.
    pub(super) fn join(&mut self, last: bool) {
        let Some((store, way)) = self.world.setup.grown.as_ref().and_then(|grown| grown.joins) else { return };
        if self.is_there(store) {
            return;
        }
        let way = way.filter(|way| !last || *way != Direction::Compare);
        self.world.oracle.books().compared = way == Some(Direction::Compare);
        let (person, new) = (self.world.member(CHANGES + LANES), self.world.new_account(store));
        self.world.exec.add(Kind::Person, crew::join(person, new, way));
    }

    /// Whether a store has joined, with all its SKUs.
    fn is_there(&self, store: usize) -> bool {
        let has = |ledger: &Ledger| ledger.entries.keys().any(|listing| listing.account == account(store));
        let skus: Vec<Sku> = (0..self.world.setup.skus.len()).map(|place| self.sku(place)).collect();
        let books = self.world.oracle.books();
        skus.iter().all(|sku| books.ledgers.get(sku).is_some_and(has))
    }

    /// Whether a store has a feed and has not joined yet: of what is sold there while it joins, nobody outside can say whether
    /// it is part of the level with which it begins.
    pub(super) fn is_not_ready(&self, store: usize) -> bool {
        self.world.setup.platforms[store] == Platform::Shop && self.is_joining(store)
    }

    /// Whether a store is not connected yet.
    pub(super) fn is_joining(&self, store: usize) -> bool {
        !self.world.setup.is_there_from_the_beginning(store) && !self.is_there(store)
    }

    /// What people did to a SKU of a made-up store before it joined, as the level shows with which it entered: no matter of ours.
    pub(super) fn before_it_joined(&self, store: usize, place: &Place) -> i64 {
        let entered = self.world.oracle.books().entered.get(place).copied();
        let opened = self.world.setup.skus.iter().find(|(name, _)| name == place.1.as_str());
        entered.zip(opened).map_or(0, |(level, (_, opened))| level - first_level(store, *opened))
    }
}
