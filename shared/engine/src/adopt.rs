//! Adoption: the first sync. Reads every account, matches by SKU, shows what would happen, and only then does it.
//!
//! The master's levels become the hub's. A SKU that is there already keeps its ledger; only listings that are new to it
//! are added. Nothing is written to a store here: the differences go the usual path.

use crate::hub::{Error, Hub};
use crate::listings::todo;
use crate::ports::{Change, Condition, Key, Row, StoreError};
use crate::records::{self, Item, Listing, SnapshotChunk};
use crate::scan::Scan;
use channels::{Unit, UnitKind};
use domain::feed::Marker;
use domain::ledger::Square;
use domain::plan::Hold;
use domain::{AccountId, Class, Entry, Ledger, ListingId, Role, Sku, Timestamp, WarehouseId};
use futures::{StreamExt, stream};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Tells how far a long job is.
pub trait Progress: Send + Sync {
    /// `done` of `all` of a step; `all` is 0 while it is not known.
    fn tell(&self, step: &str, done: u64, all: u64);
}

/// Tells nobody.
pub struct Silent;

impl Progress for Silent {
    fn tell(&self, _step: &str, _done: u64, _all: u64) {}
}

/// What adoption would do, or did.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Adoption {
    /// Whether it was done.
    pub applied: bool,
    /// The snapshot taken before; absent in a preview.
    pub snapshot: Option<String>,
    /// SKUs that the hub learns.
    pub new_items: u64,
    /// Listings that the hub learns.
    pub new_listings: u64,
    /// Listings that are known already.
    pub known_listings: u64,
    /// By account.
    pub accounts: BTreeMap<AccountId, AccountAdoption>,
    /// The first differences, for show.
    pub differences: Vec<Difference>,
}

/// What adoption finds in one account.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct AccountAdoption {
    /// Units in the store.
    pub units: u64,
    /// Matched by SKU.
    pub matched: u64,
    /// Matched, and the level will change.
    pub will_change: u64,
    /// Units that the store will gain and lose by it.
    pub gains: i64,
    /// Units that the store will lose by it.
    pub losses: i64,
    /// Without a SKU: their stock is not tracked.
    pub without_sku: u64,
    /// Made of other units: never written.
    pub bundles: u64,
    /// SKUs that appear more than once: not written until a person has decided.
    pub clashes: Vec<String>,
    /// SKUs that differ from one of the master only by case or spaces: not matched.
    pub near_misses: Vec<(String, String)>,
    /// SKUs that the master does not have: not touched.
    pub not_on_master: u64,
    /// SKUs of the master that the store does not have.
    pub missing: u64,
}

/// One listing whose level will change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Difference {
    /// The SKU.
    pub sku: Sku,
    /// Where.
    pub listing: ListingId,
    /// The store's level.
    pub from: i64,
    /// The level that it will get.
    pub to: i64,
}

/// Differences and names shown in a preview.
const SHOWN: usize = 200;
/// New SKUs of one transaction: two rows each, a hundred at most.
const TOGETHER: usize = 50;
/// Transactions on their way at once.
const WRITES: usize = 4;
/// SKUs of one chunk of work.
const CHUNK: usize = 1_000;

impl Hub {
    /// Shows what adoption would do; with `apply` does it.
    ///
    /// # Errors
    /// [`Error::Invalid`] without a master; [`Error::Channel`] with what a store said. Then nothing was changed.
    pub async fn adopt(&self, apply: bool, progress: &dyn Progress) -> Result<Adoption, Error> {
        let accounts = self.accounts().await?;
        if !accounts.values().any(|connected| connected.account.role == Role::Master) {
            return Err(Error::Invalid("accounts: there is no master yet; add one with role \"master\"".into()));
        }
        let mut scans = BTreeMap::new();
        for (connected, scan) in self.scans(accounts.values().cloned().collect(), progress).await {
            scans.insert(connected.account.id, scan?);
        }
        let mut plan = Plan::new(&scans);
        plan.report.applied = apply;
        if apply {
            plan.report.snapshot = Some(self.snapshot(&scans).await?);
            self.hold_orders(&scans).await?;
        }
        self.adopt_all(&mut plan, &scans, apply, progress).await?;
        if apply {
            self.start_cursors(&scans).await?;
            for id in scans.keys() {
                self.wake_lane(id).await?;
            }
        }
        Ok(plan.report)
    }

    /// Keeps the levels that every store has, for undoing.
    pub(crate) async fn snapshot(&self, scans: &BTreeMap<AccountId, Scan>) -> Result<String, Error> {
        let now = self.clock.now();
        let id = format!("{:015}-{:04x}", now.0, self.clock.random() & 0xffff);
        let mut rows: Vec<Row> = Vec::new();
        let mut chunk = SnapshotChunk::default();
        for scan in scans.values() {
            for unit in scan.units.values().flatten() {
                let Some(sku) = unit.sku.clone() else { continue };
                chunk.levels.push((sku, scan.listing(unit), unit.level));
                if chunk.levels.len() == CHUNK {
                    rows.push(std::mem::take(&mut chunk).row(&id, rows.len(), now));
                }
            }
        }
        rows.push(chunk.row(&id, rows.len(), now));
        self.store.put_all(&rows).await?;
        Ok(id)
    }

    async fn adopt_all(
        &self,
        plan: &mut Plan,
        scans: &BTreeMap<AccountId, Scan>,
        apply: bool,
        progress: &dyn Progress,
    ) -> Result<(), Error> {
        let skus: Vec<Sku> = plan.masters.keys().cloned().collect();
        let mut done = 0;
        for chunk in skus.chunks(CHUNK) {
            let drafts = self.draft_chunk(plan, scans, chunk).await?;
            if apply {
                self.write_drafts(drafts).await?;
            }
            done += chunk.len() as u64;
            progress.tell(if apply { "adopting" } else { "comparing" }, done, skus.len() as u64);
        }
        Ok(())
    }

    async fn draft_chunk(
        &self,
        plan: &mut Plan,
        scans: &BTreeMap<AccountId, Scan>,
        skus: &[Sku],
    ) -> Result<Vec<Draft>, Error> {
        let keys: Vec<Key> = skus.iter().flat_map(|sku| [records::ledger_key(sku), Item::key(sku)]).collect();
        let mut rows = Vec::with_capacity(keys.len());
        for keys in keys.chunks(500) {
            rows.extend(self.store.get(keys).await?);
        }
        let now = self.clock.now();
        let mut drafts = Vec::new();
        for (sku, pair) in skus.iter().zip(rows.chunks(2)) {
            let known = match pair {
                [Some(state), Some(item)] => Some((records::ledger(state)?, records::body::<Item>(item)?)),
                _ => None,
            };
            drafts.extend(plan.draft(sku, known, scans, now));
        }
        Ok(drafts)
    }

    async fn write_drafts(&self, drafts: Vec<Draft>) -> Result<(), Error> {
        let now = self.clock.now();
        let (new, known): (Vec<Draft>, Vec<Draft>) = drafts.into_iter().partition(|draft| draft.ledger.version == 0);
        let changes: Vec<Vec<Change>> = new.chunks(TOGETHER).map(entering).collect();
        let writes = changes.into_iter().map(|changes| self.write_new(changes));
        let written: Vec<Result<(), Error>> = stream::iter(writes).buffer_unordered(WRITES).collect().await;
        written.into_iter().collect::<Result<(), Error>>()?;
        let mut todos: Vec<Row> = Vec::new();
        for draft in &known {
            self.extend_item(draft).await?;
        }
        for draft in new.iter().chain(&known) {
            todos.extend(draft.differs.iter().map(|(account, to)| todo(account, &draft.item.sku, *to, now).row()));
        }
        Ok(self.store.put_all(&todos).await?)
    }

    /// Enters new SKUs; refuses when another adoption was faster, whose ledgers may have counted something already.
    async fn write_new(&self, changes: Vec<Change>) -> Result<(), Error> {
        match self.store.write(&changes).await {
            Err(StoreError::Conflict { key, .. }) => {
                Err(Error::Conflict(format!("{} was adopted in the meantime; run adopt again for the rest", key.pk)))
            }
            other => Ok(other?),
        }
    }

    /// Adds listings to a SKU that is there already; somebody may be syncing it, so under its version.
    async fn extend_item(&self, draft: &Draft) -> Result<(), Error> {
        let version = draft.ledger.version;
        let row = records::ledger_row(&draft.item.sku, &draft.ledger, version + 1);
        let changes = [Change::Put(row, Condition::Version(version)), Change::Put(draft.item.row(), Condition::Any)];
        match self.store.write(&changes).await {
            Ok(()) => Ok(()),
            Err(StoreError::Conflict { .. }) => {
                let sku = &draft.item.sku;
                Err(Error::Conflict(format!("{sku} was changed while it was adopted; run adopt again for the rest")))
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Marks the orders that a new account's levels already include as counted.
    async fn hold_orders(&self, scans: &BTreeMap<AccountId, Scan>) -> Result<(), Error> {
        let now = self.clock.now();
        let mut rows: Vec<Row> = Vec::new();
        for (id, scan) in scans.iter().filter(|(_, scan)| !scan.orders.is_empty()) {
            if self.store.get(&[records::orders_cursor_key(id)]).await?.iter().any(Option::is_some) {
                continue;
            }
            for order in &scan.orders {
                for line in &order.lines {
                    let Some(sku) = &line.sku else { continue };
                    let marker = Marker {
                        order: order.id.clone(),
                        line: line.id.clone(),
                        before: None,
                        after: line.quantity.max(0),
                        logged: true,
                    };
                    rows.push(records::sale_row(id, sku, &marker, now));
                }
            }
        }
        Ok(self.store.put_all(&rows).await?)
    }

    /// Each account's feed is counted from where its scan stood.
    async fn start_cursors(&self, scans: &BTreeMap<AccountId, Scan>) -> Result<(), Error> {
        for (id, scan) in scans {
            let row = match scan.connected.account.feed {
                true => records::cursor_row(id, scan.position),
                false => records::orders_cursor_row(id, scan.started),
            };
            match self.store.write(&[Change::Put(row, Condition::Absent)]).await {
                Ok(()) | Err(StoreError::Conflict { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }
}

/// The rows of new SKUs, each only if nobody was faster.
fn entering(drafts: &[Draft]) -> Vec<Change> {
    let rows =
        drafts.iter().flat_map(|draft| [records::ledger_row(&draft.item.sku, &draft.ledger, 1), draft.item.row()]);
    rows.map(|row| Change::Put(row, Condition::Absent)).collect()
}

/// A SKU to be written.
struct Draft {
    item: Item,
    ledger: Ledger,
    /// Accounts whose store differs, with the target.
    differs: Vec<(AccountId, i64)>,
}

struct Plan {
    /// SKUs of the master with their level and title.
    masters: BTreeMap<Sku, (i64, String)>,
    report: Adoption,
}

impl Plan {
    fn new(scans: &BTreeMap<AccountId, Scan>) -> Self {
        let mut masters = BTreeMap::new();
        for scan in scans.values().filter(|scan| scan.connected.account.role == Role::Master) {
            for sku in scan.units.keys() {
                if let Some((unit, false)) = scan.single(sku)
                    && let (Some(level), UnitKind::Simple) = (unit.level, unit.kind)
                {
                    masters.insert(sku.clone(), (level, unit.title.clone()));
                }
            }
        }
        let mut plan = Self { masters, report: Adoption::default() };
        plan.report.accounts = scans.iter().map(|(id, scan)| (id.clone(), plan.account(scan))).collect();
        plan
    }

    fn account(&self, scan: &Scan) -> AccountAdoption {
        let folded: BTreeMap<String, &Sku> = self.masters.keys().map(|sku| (folded(sku), sku)).collect();
        let mut account = AccountAdoption { without_sku: scan.without_sku, ..AccountAdoption::default() };
        account.units = scan.without_sku + scan.units.values().map(|units| units.len() as u64).sum::<u64>();
        for sku in scan.units.keys() {
            let Some((unit, clash)) = scan.single(sku) else { continue };
            account.bundles += u64::from(unit.kind == UnitKind::Bundle);
            if clash && account.clashes.len() < SHOWN {
                account.clashes.push(sku.to_string());
            }
            if !self.masters.contains_key(sku) {
                account.not_on_master += 1;
                if let Some(near) = folded.get(&self::folded(sku)).filter(|_| account.near_misses.len() < SHOWN) {
                    account.near_misses.push((sku.to_string(), near.to_string()));
                }
            }
        }
        account.missing = self.masters.keys().filter(|sku| !scan.units.contains_key(*sku)).count() as u64;
        account
    }

    fn draft(
        &mut self,
        sku: &Sku,
        known: Option<(Ledger, Item)>,
        scans: &BTreeMap<AccountId, Scan>,
        now: Timestamp,
    ) -> Option<Draft> {
        let (level, title) = self.masters.get(sku)?.clone();
        let is_new = known.is_none();
        let (mut ledger, mut item) = known.unwrap_or_else(|| {
            let base = BTreeMap::from([(WarehouseId::main(), level)]);
            let item = Item { sku: sku.clone(), title, listings: BTreeMap::new() };
            (Ledger { base, ..Ledger::default() }, item)
        });
        let mut differs = Vec::new();
        let mut added = 0;
        for scan in scans.values() {
            let Some((unit, clash)) = scan.single(sku) else { continue };
            let listing = scan.listing(unit);
            if item.listings.contains_key(&listing) {
                self.report.known_listings += 1;
                continue;
            }
            added += 1;
            let hold = hold_of(unit, clash);
            item.listings.insert(listing.clone(), listing_of(unit, hold));
            ledger.entries.insert(listing.clone(), entry_of(unit, scan, now));
            let target = ledger.level(&WarehouseId::main()).max(0);
            self.count(scan, sku, &listing, (unit.level, target), hold, &mut differs);
        }
        self.report.new_items += u64::from(is_new);
        self.report.new_listings += added;
        (added > 0).then_some(Draft { item, ledger, differs })
    }

    fn count(
        &mut self,
        scan: &Scan,
        sku: &Sku,
        listing: &ListingId,
        (level, target): (Option<i64>, i64),
        hold: Option<Hold>,
        differs: &mut Vec<(AccountId, i64)>,
    ) {
        let id = &scan.connected.account.id;
        let Some(account) = self.report.accounts.get_mut(id) else { return };
        account.matched += 1;
        let Some(from) = level.filter(|level| *level != target && hold.is_none()) else { return };
        account.will_change += 1;
        account.gains += (target - from).max(0);
        account.losses += (from - target).max(0);
        differs.push((id.clone(), target));
        if self.report.differences.len() < SHOWN {
            let difference = Difference { sku: sku.clone(), listing: listing.clone(), from, to: target };
            self.report.differences.push(difference);
        }
    }
}

const fn hold_of(unit: &Unit, clash: bool) -> Option<Hold> {
    match unit.kind {
        UnitKind::Bundle | UnitKind::Hosted => Some(Hold::NotWritable),
        UnitKind::Simple if clash => Some(Hold::Clash),
        UnitKind::Simple => None,
    }
}

fn listing_of(unit: &Unit, hold: Option<Hold>) -> Listing {
    Listing {
        external: unit.external.clone(),
        active: unit.active,
        hold,
        rules: domain::rules::Rules::default(),
        feeds: Vec::new(),
    }
}

fn entry_of(unit: &Unit, scan: &Scan, now: Timestamp) -> Entry {
    let mut entry = Entry::new(WarehouseId::main());
    entry.shadow = unit.level;
    if scan.connected.channel.info().capabilities.class() == Class::C {
        entry.square = Some(Square::new(unit.level.unwrap_or(0), scan.position, now));
    }
    entry
}

/// A SKU without case and spaces, for finding slips.
fn folded(sku: &Sku) -> String {
    sku.as_str().chars().filter(|letter| !letter.is_whitespace()).flat_map(char::to_lowercase).collect()
}
