//! What adoption makes of the scans: which SKUs there are, which listings they get, and where their levels come from.

use super::{AccountAdoption, Adoption, Difference, SHOWN};
use crate::hub::Connected;
use crate::records::{Item, Listing};
use crate::scan::{Found, Scan};
use channels::{Unit, UnitKind};
use domain::ledger::Square;
use domain::plan::{self, Hold, View};
use domain::rules::Rules;
use domain::{AccountId, Class, Entry, Ledger, ListingId, LocationId, Role, Sku, Timestamp, WarehouseId};
use std::collections::BTreeMap;

/// A SKU to be written.
pub(crate) struct Draft {
    pub item: Item,
    pub ledger: Ledger,
    /// Accounts whose store differs, with the target.
    pub differs: Vec<(AccountId, i64)>,
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
    pub const fn new(item: Item, ledger: Ledger) -> Self {
        Self { item, ledger, differs: Vec::new() }
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
        empty.map(|place| Entering { level: None, ..entering(scan, (place.id(), unit, false), now) }).collect()
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
                rules: Rules::default(),
                feeds: Vec::new(),
                flash: 0,
            };
            views.insert(new.listing.clone(), listing.view(&new.listing, new.connected));
            self.ledger.entries.insert(new.listing.clone(), entry);
            self.item.listings.insert(new.listing.clone(), listing);
        }
        entering.into_iter().map(|new| self.entered(new, &views)).collect()
    }

    fn entered(&mut self, new: Entering<'_>, views: &BTreeMap<ListingId, View>) -> Entered {
        let planned = self.ledger.entries.get(&new.listing).zip(views.get(&new.listing));
        let target = planned.and_then(|(entry, view)| plan::target(&self.ledger, entry, view).ok());
        let target = target.filter(|_| new.hold.is_none()).map(|target| target.max(0));
        if let Some(target) = target.filter(|target| new.level != Some(*target)) {
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
            let (Some(rank), Some(level)) = (new.connected.master_rank(location), new.level) else { continue };
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

pub(crate) struct Plan {
    /// SKUs of the master with what people call them.
    pub products: BTreeMap<Sku, String>,
    pub report: Adoption,
}

impl Plan {
    /// New products come from the master; a product is there before its count shows.
    pub fn new(scans: &BTreeMap<AccountId, Scan>) -> Self {
        let mut products = BTreeMap::new();
        let known = BTreeMap::new();
        for scan in scans.values().filter(|scan| scan.connected.account.role == Role::Master) {
            for sku in scan.units.keys() {
                let units = scan.listings(sku, &known);
                let good = units.iter().find(|(_, unit, clash)| unit.kind == UnitKind::Simple && !clash);
                if let Some((_, unit, _)) = good {
                    products.insert(sku.clone(), unit.title.clone());
                }
            }
        }
        let mut plan = Self { products, report: Adoption::default() };
        plan.report.accounts = scans.iter().map(|(id, scan)| (id.clone(), plan.account(scan))).collect();
        plan
    }

    fn account(&self, scan: &Scan) -> AccountAdoption {
        let folded: BTreeMap<String, &Sku> = self.products.keys().map(|sku| (folded(sku), sku)).collect();
        let mut account = AccountAdoption { without_sku: scan.without_sku, ..AccountAdoption::default() };
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

    pub fn draft(
        &mut self,
        sku: &Sku,
        known: Option<(Ledger, Item)>,
        scans: &BTreeMap<AccountId, Scan>,
        now: Timestamp,
    ) -> Option<Draft> {
        let title = self.products.get(sku)?.clone();
        let is_new = known.is_none();
        let new = || (Ledger::default(), Item { sku: sku.clone(), title, listings: BTreeMap::new() });
        let (ledger, item) = known.unwrap_or_else(new);
        let mut draft = Draft::new(item, ledger);
        let mut entering = Vec::new();
        for scan in scans.values() {
            let (new, known) = draft.entering(scan, None, now);
            self.report.known_listings += known;
            entering.extend(new);
        }
        let entered = draft.take(entering);
        self.report.new_listings += entered.len() as u64;
        self.report.new_items += u64::from(is_new);
        self.report.without_level += u64::from(draft.ledger.base.is_empty());
        let changed = is_new || !entered.is_empty();
        entered.into_iter().for_each(|entered| self.count(sku, entered));
        changed.then_some(draft)
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

fn entering<'a>(scan: &'a Scan, (listing, unit, clash): Found<'_>, now: Timestamp) -> Entering<'a> {
    let has_feed = scan.connected.channel.info().capabilities.class() == Class::C;
    Entering {
        listing,
        connected: &scan.connected,
        external: unit.external.clone(),
        active: unit.active,
        level: unit.level,
        hold: hold_of(unit, clash),
        square: has_feed.then(|| Square::new(unit.level.unwrap_or(0), scan.position, now)),
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
