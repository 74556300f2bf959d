//! What adoption makes of the scans: which SKUs there are, which listings they get, and where their levels come from.

use super::{AccountAdoption, Adoption, By, Difference, Direction, FirstSync, SHOWN};
use crate::hub::Connected;
use crate::ports::{Change, Condition};
use crate::records::{History, Item, Listing, Seen};
use crate::scan::{Found, Scan};
use channels::{Unit, UnitKind};
use domain::feed::{Cause, Counted};
use domain::layers::Layer;
use domain::ledger::Square;
use domain::plan::{self, Hold, View};
use domain::{AccountId, Class, Entry, Ledger, ListingId, LocationId, Position, Sku, Timestamp, WarehouseId};
use std::collections::BTreeMap;

/// A SKU to be written.
pub(crate) struct Draft {
    pub item: Item,
    /// The version of the item's row that was read; 0 for a new one.
    pub item_version: u64,
    pub ledger: Ledger,
    /// Accounts whose store differs, with the target.
    pub differs: Vec<(AccountId, i64)>,
    /// What the hub's level was corrected by, for the same write.
    pub history: Vec<History>,
}

/// A listing that a SKU does not have yet.
pub(crate) struct Entering<'a> {
    pub listing: ListingId,
    connected: &'a Connected,
    external: String,
    active: bool,
    level: Option<i64>,
    hold: Option<Hold>,
    square: Option<Square>,
    /// How surely its level starts what is unknown.
    rank: Option<u8>,
    /// Whether the location does not stock it yet: whoever looks will find none there.
    empty: bool,
}

/// A listing that a SKU has got.
pub(crate) struct Entered {
    pub listing: ListingId,
    /// The store's level.
    pub level: Option<i64>,
    /// The level that it will get; `None` where it is held.
    pub target: Option<i64>,
}

impl Draft {
    pub const fn new(item: Item, item_version: u64, ledger: Ledger) -> Self {
        Self { item, item_version, ledger, differs: Vec::new(), history: Vec::new() }
    }

    /// The write of the item's row, while it still is what was read.
    pub fn item_change(&self) -> Change {
        let unchanged = if self.item_version == 0 { Condition::Absent } else { Condition::Version(self.item_version) };
        Change::Put(self.item.row(), unchanged)
    }

    /// What a scan shows of the SKU that is no listing yet, at one location or all; and how many are.
    pub fn entering<'a>(&self, scan: &'a Scan, only: Option<&LocationId>, now: Timestamp) -> (Vec<Entering<'a>>, u64) {
        let mut found = scan.listings(&self.item.sku, &self.item.listings);
        found.retain(|(listing, ..)| only.is_none_or(|only| listing.location == *only));
        let all = found.len();
        found.retain(|(listing, ..)| !self.item.listings.contains_key(listing));
        let known = all - found.len();
        let mut new: Vec<Entering<'a>> = found.into_iter().map(|found| entering(scan, found, now)).collect();
        new.extend(self.to_be_stocked(scan, only, now));
        (new, known as u64)
    }

    /// Where a write stocks what a location does not have yet, every open location that is linked gets a listing.
    fn to_be_stocked<'a>(&self, scan: &'a Scan, only: Option<&LocationId>, now: Timestamp) -> Vec<Entering<'a>> {
        let connected = &scan.connected;
        if !connected.channel.stocks_on_write(&connected.account.settings) {
            return Vec::new();
        }
        let units = scan.listings(&self.item.sku, &self.item.listings);
        let Some((_, unit, _)) = units.iter().find(|(_, unit, clash)| unit.kind == UnitKind::Simple && !clash) else {
            return Vec::new();
        };
        let places = connected.locations.values().filter(|place| place.warehouse.is_some() && place.is_open());
        let empty = places.filter(|place| {
            let here = place.id();
            let has = units.iter().any(|(listing, ..)| listing.location == place.location);
            !has && !self.item.listings.contains_key(&here) && only.is_none_or(|only| place.location == *only)
        });
        empty
            .map(|place| Entering { level: None, empty: true, ..entering(scan, (place.id(), unit, false), now) })
            .collect()
    }

    /// Moves the hub's level to that of a store: an edit, told in the same write, which can be undone.
    fn correct(&mut self, warehouse: &WarehouseId, by: i64, leader: &AccountId, whose: By<'_>, now: Timestamp) {
        let before = self.ledger.total();
        self.ledger.adjust(warehouse, by);
        let counted = vec![Counted { by, cause: Cause::Edit(Position::default()) }];
        self.history.push(History {
            sku: self.item.sku.clone(),
            at: now,
            since: now,
            cause: "adopt".into(),
            actor: Some(whose.actor().to_owned()).filter(|actor| !actor.is_empty()),
            reason: Some(format!("First sync: the levels of {leader}")),
            level: (before, self.ledger.total()),
            seen: vec![Seen { listing: ListingId::hub(), counted, notes: Vec::new() }],
            pushed: Vec::new(),
            event: None,
            trace: None,
            run: whose.run.map(|run| run.id.clone()),
            warehouse: (*warehouse != WarehouseId::main()).then(|| warehouse.clone()),
            back: None,
        });
        self.differs.push((ListingId::hub().account, self.ledger.total()));
    }

    /// Enters listings: levels start where they were unknown, then everybody's target follows.
    pub fn take(&mut self, entering: Vec<Entering<'_>>) -> Vec<Entered> {
        for (warehouse, level) in self.starts(&entering) {
            self.ledger.start(&warehouse, level);
        }
        let mut views = BTreeMap::new();
        for new in &entering {
            let home = new.connected.home(&new.listing.location).unwrap_or_else(WarehouseId::nowhere);
            let entry = Entry { shadow: new.level, square: new.square.clone(), ..Entry::new(home) };
            let listing = Listing {
                external: new.external.clone(),
                active: new.active,
                hold: new.hold,
                rules: Layer::default(),
                feeds: Vec::new(),
                flash: 0,
            };
            self.ledger.entries.insert(new.listing.clone(), entry);
            self.item.listings.insert(new.listing.clone(), listing);
            if let Some(view) = self.item.view(&new.listing, new.connected, |_| None) {
                views.insert(new.listing.clone(), view);
            }
        }
        entering.into_iter().map(|new| self.entered(new, &views)).collect()
    }

    fn entered(&mut self, new: Entering<'_>, views: &BTreeMap<ListingId, View>) -> Entered {
        let planned = self.ledger.entries.get(&new.listing).zip(views.get(&new.listing));
        let target = planned.and_then(|(entry, view)| plan::target(&self.ledger, entry, view).ok());
        let target = target.filter(|_| new.hold.is_none()).map(|target| target.max(0));
        let looked_at = if new.empty { target.or(Some(0)) } else { target };
        if let Some(target) = looked_at.filter(|target| new.level != Some(*target)) {
            self.differs.push((new.listing.account.clone(), target));
        }
        Entered { listing: new.listing, level: new.level, target }
    }

    /// The levels of warehouses that have none yet: from the location that a person named, else from the hub's master. Of
    /// units that share one level the lowest is believed: showing too little loses a sale at worst.
    fn starts(&self, entering: &[Entering<'_>]) -> BTreeMap<WarehouseId, i64> {
        let mut starts: BTreeMap<WarehouseId, (u8, &LocationId, i64)> = BTreeMap::new();
        for new in entering.iter().filter(|new| new.hold.is_none()) {
            let location = &new.listing.location;
            let (Some(rank), Some(level)) = (new.rank, new.level) else { continue };
            let Some(home) = new.connected.home(location).filter(|home| !self.ledger.knows(home)) else { continue };
            match starts.get_mut(&home) {
                Some((best, place, lowest)) if *best == rank && *place == location => *lowest = (*lowest).min(level),
                Some((best, ..)) if *best <= rank => {}
                Some(_) | None => drop(starts.insert(home, (rank, location, level))),
            }
        }
        starts.into_iter().map(|(warehouse, (.., level))| (warehouse, level)).collect()
    }
}

pub(crate) struct Plan<'a> {
    order: &'a FirstSync,
    by: By<'a>,
    /// SKUs of the master with what people call them.
    pub products: BTreeMap<Sku, String>,
    pub report: Adoption,
}

impl<'a> Plan<'a> {
    /// New products come from the master; a product is there before its count shows.
    pub fn new(scans: &BTreeMap<AccountId, Scan>, order: &'a FirstSync, by: By<'a>) -> Self {
        let mut products = BTreeMap::new();
        let known = BTreeMap::new();
        for scan in scans.values().filter(|scan| order.brings_products(scan)) {
            for sku in scan.units.keys() {
                let units = scan.listings(sku, &known);
                let good = units.iter().find(|(_, unit, clash)| unit.kind == UnitKind::Simple && !clash);
                if let Some((_, unit, _)) = good {
                    products.insert(sku.clone(), unit.title.clone());
                }
            }
        }
        let all = products.len();
        products.retain(|sku, _| !order.excludes(sku));
        let (excluded, applied) = ((all - products.len()) as u64, order.apply);
        let report = Adoption { excluded, applied, ..Adoption::default() };
        let mut plan = Self { order, by, products, report };
        plan.report.accounts = scans.iter().map(|(id, scan)| (id.clone(), plan.account(scan))).collect();
        plan
    }

    fn account(&self, scan: &Scan) -> AccountAdoption {
        let folded: BTreeMap<String, &Sku> = self.products.keys().map(|sku| (folded(sku), sku)).collect();
        let direction = self.order.direction(&scan.connected.account.id);
        let mut account = AccountAdoption { direction, without_sku: scan.without_sku, ..AccountAdoption::default() };
        account.units = scan.without_sku + scan.units.values().map(|units| units.len() as u64).sum::<u64>();
        account.unlinked.clone_from(&scan.unlinked);
        for (sku, units) in &scan.units {
            account.bundles += u64::from(units.first().is_some_and(|unit| unit.kind == UnitKind::Bundle));
            if scan.clashes(sku) && account.clashes.len() < SHOWN {
                account.clashes.push(sku.to_string());
            }
            if !self.products.contains_key(sku) {
                account.not_on_master += 1;
                if let Some(near) = folded.get(&self::folded(sku)).filter(|_| account.near_misses.len() < SHOWN) {
                    account.near_misses.push((sku.to_string(), near.to_string()));
                }
            }
        }
        account.missing = self.products.keys().filter(|sku| !scan.units.contains_key(*sku)).count() as u64;
        account
    }

    /// A plan that was made before, with what it came to so far.
    pub const fn again(order: &'a FirstSync, by: By<'a>, products: BTreeMap<Sku, String>, report: Adoption) -> Self {
        Self { order, by, products, report }
    }

    pub fn draft(
        &mut self,
        sku: &Sku,
        known: Option<(Ledger, Item, u64)>,
        scans: &BTreeMap<AccountId, Scan>,
        now: Timestamp,
    ) -> Option<Draft> {
        let title = self.products.get(sku)?.clone();
        let is_new = known.is_none();
        let new = || (Ledger::default(), Item::new(sku.clone(), title), 0);
        let (ledger, item, version) = known.unwrap_or_else(new);
        let mut draft = Draft::new(item, version, ledger);
        let mut entering = Vec::new();
        let is_compared = |scan: &&Scan| self.order.direction(&scan.connected.account.id) == Some(Direction::Compare);
        for scan in scans.values().filter(|scan| !is_compared(scan)) {
            let (mut new, known) = draft.entering(scan, None, now);
            let account = &scan.connected.account.id;
            new.iter_mut().for_each(|one| one.rank = self.order.rank(account, one.rank));
            self.report.known_listings += known;
            entering.extend(new);
        }
        let corrected = self.correct(&mut draft, scans, now);
        let entered = draft.take(entering);
        for scan in scans.values().filter(is_compared) {
            self.compare(&draft, scan);
        }
        self.report.new_listings += entered.len() as u64;
        self.report.new_items += u64::from(is_new);
        self.report.without_level += u64::from(draft.ledger.base.is_empty());
        let changed = is_new || !entered.is_empty() || corrected;
        entered.into_iter().for_each(|entered| self.count(sku, entered));
        changed.then_some(draft)
    }

    /// Makes the levels of the store that leads those of the hub, where the hub has others; whether it had.
    fn correct(&mut self, draft: &mut Draft, scans: &BTreeMap<AccountId, Scan>, now: Timestamp) -> bool {
        let leads = |scan: &&Scan| self.order.direction(&scan.connected.account.id) == Some(Direction::ToHub);
        let Some(scan) = scans.values().find(leads) else { return false };
        let mut corrected = false;
        for (warehouse, level) in levels_of(draft, scan) {
            let Some(level) = level else {
                let sku = draft.item.sku.to_string();
                if self.report.unsettled.len() < SHOWN && self.report.unsettled.last() != Some(&sku) {
                    self.report.unsettled.push(sku);
                }
                continue;
            };
            let by = level.saturating_sub(draft.ledger.level(&warehouse));
            if !draft.ledger.knows(&warehouse) || by == 0 {
                continue;
            }
            draft.correct(&warehouse, by, &scan.connected.account.id, self.by, now);
            self.report.corrected += 1;
            self.report.hub_gains += by.max(0);
            self.report.hub_losses += by.saturating_neg().max(0);
            corrected = true;
        }
        corrected
    }

    /// Tells what a store that is only looked at has otherwise.
    fn compare(&mut self, draft: &Draft, scan: &Scan) {
        for (listing, unit, clash) in scan.listings(&draft.item.sku, &draft.item.listings) {
            let home = scan.connected.home(&unit.location).filter(|home| draft.ledger.knows(home));
            let target = home.filter(|_| !clash).map(|home| draft.ledger.level(&home).max(0));
            self.count(&draft.item.sku, Entered { listing, level: unit.level, target });
        }
    }

    fn count(&mut self, sku: &Sku, entered: Entered) {
        let Some(account) = self.report.accounts.get_mut(&entered.listing.account) else { return };
        account.matched += 1;
        let (Some(from), Some(to)) = (entered.level, entered.target) else { return };
        if from == to {
            return;
        }
        account.will_change += 1;
        account.gains += (to - from).max(0);
        account.losses += (from - to).max(0);
        if self.report.differences.len() < SHOWN {
            self.report.differences.push(Difference { sku: sku.clone(), listing: entered.listing, from, to });
        }
    }
}

/// The level of each warehouse as a store shows it, of its first location there; `None` where something has not settled:
/// what is known of a listing differs from what it shows, or a write is on its way. That is counted first.
fn levels_of(draft: &Draft, scan: &Scan) -> BTreeMap<WarehouseId, Option<i64>> {
    let mut levels: BTreeMap<WarehouseId, Option<i64>> = BTreeMap::new();
    for (listing, unit, clash) in scan.listings(&draft.item.sku, &draft.item.listings) {
        let (Some(home), Some(level)) = (scan.connected.home(&unit.location), unit.level) else { continue };
        if clash || unit.kind != UnitKind::Simple || levels.contains_key(&home) {
            continue;
        }
        let entry = draft.ledger.entries.get(&listing);
        let settled = entry.is_none_or(|entry| {
            let square = entry.square.as_ref();
            entry.claim.is_none()
                && entry.shadow == Some(level)
                && square.is_none_or(|square| !square.is_unsettled(level))
        });
        levels.insert(home, settled.then_some(level));
    }
    levels
}

fn entering<'a>(scan: &'a Scan, (listing, unit, clash): Found<'_>, now: Timestamp) -> Entering<'a> {
    let has_feed = scan.connected.channel.info().capabilities.class() == Class::C;
    Entering {
        listing,
        connected: &scan.connected,
        external: unit.external.clone(),
        active: unit.active,
        level: unit.level,
        hold: hold_of(unit, clash),
        rank: scan.connected.master_rank(&unit.location),
        square: has_feed
            .then(|| Square { since: scan.started, ..Square::new(unit.level.unwrap_or(0), scan.position, now) }),
        empty: false,
    }
}

const fn hold_of(unit: &Unit, clash: bool) -> Option<Hold> {
    match unit.kind {
        UnitKind::Bundle | UnitKind::Hosted => Some(Hold::NotWritable),
        UnitKind::Simple if clash => Some(Hold::Clash),
        UnitKind::Simple => None,
    }
}

/// A SKU without case and spaces, for finding slips.
fn folded(sku: &Sku) -> String {
    sku.as_str().chars().filter(|letter| !letter.is_whitespace()).flat_map(char::to_lowercase).collect()
}
