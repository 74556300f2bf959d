//! Mapping: which units of the stores are which SKUs. SKUs match by themselves; where they do not, a person links them.

use crate::adopt::Progress;
use crate::contest::{ATTEMPTS, made, too_fast};
use crate::hub::{Connected, Error, Hub};
use crate::line::said;
use crate::ports::{Change, Condition, Key, Row, StoreError};
use crate::records::{self, HUB, Hint, History, Item, Listing, PUSH, asked, body, key, row, text};
use crate::runs::{Chunk, Job, ReadPlace, Reads, Run, Work, end};
use crate::scan::Scan;
use crate::settings::{Alias, TargetChange, differences, targets, todo};
use async_trait::async_trait;
use channels::{Touch, Unit, UnitKind};
use domain::layers::Layer;
use domain::ledger::{Square, Unheard};
use domain::plan::Hold;
use domain::spelling::{self, Slip};
use domain::{AccountId, Class, Entry, Ledger, ListingId, LocationId, Position, Sku, Timestamp, UnitId, WarehouseId};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// What is not as it should be with a unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Problem {
    /// Its SKU appears more than once in the store.
    Duplicate,
    /// Its SKU differs from one of ours by case only.
    Case,
    /// Its SKU differs from one of ours by spaces.
    Spaces,
    /// Its SKU differs from one of ours by slashes, dashes and the like.
    Signs,
    /// Its SKU is none of ours.
    Unmapped,
    /// It has no SKU.
    NoSku,
}

/// A unit that is not mapped as it should be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MappingRow {
    /// The store's own id of it.
    pub external: String,
    /// Where.
    pub location: LocationId,
    /// The SKU that the store has for it.
    pub sku: Option<Sku>,
    /// What people call it.
    pub title: String,
    /// What is not as it should be.
    pub problem: Problem,
    /// The SKU of ours that is probably meant.
    pub near: Option<Sku>,
}

/// How the units of one account are mapped.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountMapping {
    /// Units in the store.
    pub units: u64,
    /// Units whose SKU is one of ours.
    pub mapped: u64,
    /// How many units have each problem.
    pub problems: BTreeMap<Problem, u64>,
    /// The first of these.
    pub rows: Vec<MappingRow>,
    /// What people have linked, or said to be none of ours.
    pub linked: Vec<Alias>,
    /// What the store said when it could not be read.
    pub error: Option<String>,
}

/// What linking or unlinking a unit does, or did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LinkReport {
    /// Whether it was done.
    pub applied: bool,
    /// The item.
    pub sku: Sku,
    /// Listings that it gains.
    pub gains: Vec<ListingId>,
    /// Listings that it loses.
    pub loses: Vec<ListingId>,
    /// Listings whose target changes.
    pub changes: Vec<TargetChange>,
}

/// A unit that has another SKU in its store than before: is it still the same?
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proposal {
    /// The account.
    pub account: AccountId,
    /// The store's own id of the unit.
    pub external: String,
    /// The item that it is.
    pub sku: Sku,
    /// The SKU that the store has for it now.
    pub now: Option<Sku>,
    /// When that was seen first.
    pub at: Timestamp,
    /// Whether a person has said no.
    #[serde(default)]
    pub declined: bool,
    /// How far the store's log was counted when it was known by the SKU before, and when that was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<(Position, Timestamp)>,
    /// SKUs that the store had for it meanwhile.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub former: Vec<Sku>,
}

/// Rows shown of one account.
const SHOWN: usize = 500;
/// Items of one page.
const PAGE: usize = 1_000;
/// What a person has said of a name is known everywhere after so long, milliseconds: no cache of accounts is as old, and no run
/// that began with it is still going.
const KNOWN_MS: i64 = 60_000;
/// How long a person waits for a call's turn.
const PATIENCE: Duration = Duration::from_secs(15);

impl Problem {
    const fn of(slip: Slip) -> Self {
        match slip {
            Slip::Case => Self::Case,
            Slip::Spaces => Self::Spaces,
            Slip::Signs => Self::Signs,
        }
    }
}

/// A report of mappings in the hands of a run's driver.
pub(crate) struct Mapping {
    only: Option<AccountId>,
    reads: Reads,
}

impl Mapping {
    pub(crate) fn new(only: Option<AccountId>) -> Self {
        Self { only, reads: Reads::default() }
    }
}

#[async_trait]
impl Work for Mapping {
    async fn chunk(&mut self, hub: &Hub, run: &Run, cursor: &Value, progress: &dyn Progress) -> Result<Chunk, Error> {
        if cursor.is_null() {
            let chosen = match &self.only {
                Some(id) => vec![hub.connected(id).await?.account.id],
                None => hub.accounts().await?.keys().cloned().collect(),
            };
            return Ok(Chunk::on(&ReadPlace::of(chosen.into_iter())));
        }
        let mut place: ReadPlace = serde_json::from_value(cursor.clone()).unwrap_or_default();
        if !place.is_done() {
            self.reads.step(hub, run, &mut place, false, progress).await?;
            return Ok(Chunk::on(&place));
        }
        self.reads.load(hub, run, &place).await?;
        let ours = hub.spellings().await?;
        let failed = |error: &String| AccountMapping { error: Some(error.clone()), ..AccountMapping::default() };
        let mut mappings: BTreeMap<&AccountId, AccountMapping> =
            place.failed.iter().map(|(id, error)| (id, failed(error))).collect();
        mappings.extend(self.reads.scans.iter().map(|(id, scan)| (id, mapping(scan, &ours))));
        Ok(end(&mappings))
    }
}

impl Hub {
    /// How the units of one account, or all, are mapped. Reads whole stores, changes nothing.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Store`]. A store that does not answer is told in its account's part.
    pub async fn mapping(
        &self,
        only: Option<&AccountId>,
        progress: &dyn Progress,
    ) -> Result<BTreeMap<AccountId, AccountMapping>, Error> {
        self.at_once(Job::Mapping { account: only.cloned() }, progress).await
    }

    /// All our SKUs, by what is left of them without slips.
    async fn spellings(&self) -> Result<BTreeMap<String, Vec<Sku>>, Error> {
        let mut ours: BTreeMap<String, Vec<Sku>> = BTreeMap::new();
        let mut after = None;
        loop {
            let page = self.items_after::<Item>(after, PAGE).await?;
            for item in page.rows {
                ours.entry(spelling::folded(&item.sku)).or_default().push(item.sku);
            }
            after = page.next;
            if after.is_none() {
                return Ok(ours);
            }
        }
    }

    /// Links a store's unit to a SKU of another spelling; without `apply` only shows what would happen. A SKU that the hub does
    /// not know yet becomes an item.
    ///
    /// # Errors
    /// [`Error::Invalid`] naming the field; [`Error::NotFound`]; [`Error::Channel`] with what the store said.
    pub async fn link(
        &self,
        account: &AccountId,
        external: &str,
        sku: &Sku,
        apply: bool,
        actor: &str,
    ) -> Result<LinkReport, Error> {
        let connected = self.connected(account).await?;
        let has_feed = connected.channel.info().capabilities.class() == Class::C;
        let line = self.line(&connected, PATIENCE);
        let heard = |error| said(&connected, error);
        // the level read after it then belongs to a place at or behind it
        let head = if has_feed && connected.account.feed {
            line.feed_head().await.map_err(heard)?
        } else {
            Position::default()
        };
        let units = line.unit_as_spelled(external).await.map_err(heard)?;
        let missing = || Error::NotFound { what: "unit", name: external.to_owned() };
        let first = units.first().cloned().ok_or_else(missing)?;
        let alias = Alias {
            account: account.clone(),
            external: external.to_owned(),
            store: first.sku.clone(),
            sku: Some(sku.clone()),
            former: Vec::new(),
        };
        for _ in 0..ATTEMPTS {
            let (item, version, ledger) = match self.item_with_version(sku).await {
                Ok((item, version, ledger)) => (item, Some(version), ledger),
                Err(Error::NotFound { .. }) => (Item::new(sku.clone(), first.title.clone()), None, Ledger::default()),
                Err(error) => return Err(error),
            };
            self.check_free(&connected, external, &alias, &item).await?;
            let (mut after, mut changed) = (item.clone(), ledger.clone());
            let now = self.clock.now();
            let gains = join(&mut after, &mut changed, &connected, &units, head, now)?;
            let report = self.link_report(&item, &after, &ledger, &changed, gains, Vec::new(), apply).await?;
            if !apply {
                return Ok(report);
            }
            let words = format!("{external} of {account} is {sku}");
            let (item, ledger) = ((&after, version), (&changed, ledger.version));
            if made(self.write_link(item, ledger, &alias, &report, (actor, &words)).await)? {
                return self.linked(report).await;
            }
        }
        Err(too_fast(sku))
    }

    /// Refuses what nobody could keep apart afterwards.
    async fn check_free(&self, connected: &Connected, external: &str, alias: &Alias, item: &Item) -> Result<(), Error> {
        let account = &connected.account.id;
        let is_known = |item: &Item| {
            item.listings.iter().any(|(id, listing)| id.account == *account && listing.external == external)
        };
        if is_known(item) {
            return Err(Error::Conflict(format!("external: {external} is {} already", item.sku)));
        }
        let former = connected.defaults.aliases(account).of_unit(external, alias.store.clone());
        if let Some(former) = former.filter(|former| *former != item.sku)
            && let Ok((former, _)) = self.item(&former).await
            && is_known(&former)
        {
            return Err(Error::Conflict(format!("external: {external} is {} now; unlink it there first", former.sku)));
        }
        let crowded = connected.channel.info().capabilities.class() == Class::C
            && item.listings.keys().any(|id| id.account == *account);
        if crowded {
            return Err(Error::Invalid(format!(
                "sku: {account} sells {} already, and tells sales by SKU; make the other one a kit of it instead",
                item.sku
            )));
        }
        Ok(())
    }

    /// Takes a listing out of its item: what it counted stays counted, its unit is none of ours from now on.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn unlink(&self, sku: &Sku, listing: &ListingId, apply: bool, actor: &str) -> Result<LinkReport, Error> {
        for _ in 0..ATTEMPTS {
            let (item, version, ledger) = self.item_with_version(sku).await?;
            let missing = || Error::NotFound { what: "listing", name: listing.to_string() };
            let former = item.listings.get(listing).cloned().ok_or_else(missing)?;
            if ledger.entries.get(listing).is_some_and(|entry| entry.claim.is_some()) {
                return Err(Error::Conflict(format!("{sku} at {listing} is being written; try again in a minute")));
            }
            let (mut after, mut changed) = (item.clone(), ledger.clone());
            after.listings.remove(listing);
            changed.retire(listing);
            let report =
                self.link_report(&item, &after, &ledger, &changed, Vec::new(), vec![listing.clone()], apply).await?;
            if !apply {
                return Ok(report);
            }
            let account = listing.account.clone();
            let store = self.connected(&account).await.ok();
            let store = store.map(|connected| connected.defaults.aliases(&account).theirs(sku, &former.external));
            let alias = Alias { account, external: former.external, store, sku: None, former: Vec::new() };
            let words = format!("{} of {} is none of ours", alias.external, alias.account);
            let (item, ledger) = ((&after, Some(version)), (&changed, ledger.version));
            if made(self.write_link(item, ledger, &alias, &report, (actor, &words)).await)? {
                return self.linked(report).await;
            }
        }
        Err(too_fast(sku))
    }

    #[expect(clippy::too_many_arguments, reason = "before and after of two rows, and what they mean")]
    async fn link_report(
        &self,
        before: &Item,
        after: &Item,
        was: &Ledger,
        is: &Ledger,
        gains: Vec<ListingId>,
        loses: Vec<ListingId>,
        apply: bool,
    ) -> Result<LinkReport, Error> {
        let accounts = self.accounts().await?;
        let known = self.all_known(&[before.clone(), after.clone()], vec![was.clone(), is.clone()]).await?;
        let [first, second] = known.as_slice() else { unreachable!("one for each item") };
        let changes = differences(&after.sku, &targets(before, first, &accounts), &targets(after, second, &accounts));
        Ok(LinkReport { applied: apply, sku: after.sku.clone(), gains, loses, changes })
    }

    async fn write_link(
        &self,
        (item, item_version): (&Item, Option<u64>),
        (ledger, ledger_version): (&Ledger, u64),
        alias: &Alias,
        report: &LinkReport,
        (actor, words): (&str, &str),
    ) -> Result<(), StoreError> {
        let now = self.clock.now();
        let level = (ledger.total(), ledger.total());
        let history = History::by_person(&item.sku, now, "mapping", (actor, words), level);
        let mut changes = item.with_ledger(item_version, ledger, ledger_version).to_vec();
        changes.extend([
            Change::Put(alias.row(), Condition::Any),
            Change::Put(history.row(self.clock.random()), Condition::Any),
            Change::Delete(Proposal::key(&alias.account, &alias.external), Condition::Any),
        ]);
        let due: BTreeSet<&AccountId> = report.changes.iter().map(|change| &change.listing.account).collect();
        let gained = (!report.gains.is_empty()).then_some(&alias.account);
        changes.extend(
            gained
                .into_iter()
                .flat_map(|account| looks(account, &item.sku, ledger.total(), now, "it is listed there now")),
        );
        let todos = due.into_iter().filter(|due| Some(*due) != gained);
        let todos = todos.map(|account| todo(account, &item.sku, ledger.total(), now, asked::MAPPING).row());
        changes.extend(todos.map(|row| Change::Put(row, Condition::Any)));
        self.store.write(&changes).await
    }

    async fn linked(&self, report: LinkReport) -> Result<LinkReport, Error> {
        self.forget_accounts();
        let hub = ListingId::hub().account;
        let hint = Hint::new(hub, Touch::Sku(report.sku.clone()), PUSH, self.clock.now());
        self.enqueue(&[Hint { asked: Some(asked::MAPPING.into()), ..hint }]).await?;
        Ok(report)
    }

    /// Units that have another SKU in their store than before, as comparisons found them.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn proposals(&self) -> Result<Vec<Proposal>, Error> {
        self.all_rows(HUB, "PROPOSAL#").await?.iter().map(|row| Ok(body(row)?)).collect()
    }

    /// Keeps what a comparison found; a proposal that a person has declined stays declined.
    pub(crate) async fn propose(&self, proposals: &[Proposal]) -> Result<(), Error> {
        for proposal in proposals {
            let key = Proposal::key(&proposal.account, &proposal.external);
            let known = self.store.get(&[key]).await?.pop().flatten();
            let known: Option<Proposal> = known.as_ref().map(body).transpose()?;
            if known.as_ref().is_none_or(|known| known.now != proposal.now) {
                let proposal = proposal.clone().instead_of(known);
                self.store.write(&[Change::Put(proposal.row(), Condition::Any)]).await?;
            }
        }
        Ok(())
    }

    /// Answers a proposal: the unit is the same and follows under its new SKU, or it is another.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn answer_proposal(
        &self,
        account: &AccountId,
        external: &str,
        accept: bool,
        actor: &str,
    ) -> Result<Proposal, Error> {
        let key = Proposal::key(account, external);
        let found = self.store.get(std::slice::from_ref(&key)).await?.pop().flatten();
        let missing = || Error::NotFound { what: "proposal", name: format!("{account} {external}") };
        let mut proposal: Proposal = body(&found.ok_or_else(missing)?)?;
        if !accept {
            proposal.declined = true;
            self.store.write(&[Change::Put(proposal.row(), Condition::Any)]).await?;
            return Ok(proposal);
        }
        let known = self.store.get(&[Alias::key(account, external)]).await?.pop().flatten();
        let known: Option<Alias> = known.as_ref().map(body).transpose()?;
        let mut former =
            known.map_or_else(Vec::new, |known| [known.former, known.store.into_iter().collect()].concat());
        former.extend(proposal.former.iter().cloned());
        former.retain(|former| Some(former) != proposal.now.as_ref());
        let alias = Alias {
            account: account.clone(),
            external: external.to_owned(),
            store: proposal.now.clone(),
            sku: Some(proposal.sku.clone()),
            former,
        };
        let now_called = proposal.now.as_ref().map_or("without a SKU".to_owned(), |sku| format!("called {sku}"));
        let words = format!("{external} of {account} is now {now_called} there");
        for _ in 0..ATTEMPTS {
            let now = self.clock.now();
            let (item, _, mut ledger) = self.item_with_version(&proposal.sku).await?;
            let (level, version) = (ledger.total(), ledger.version);
            let own = item.listings.iter().filter(|(id, it)| id.account == *account && it.external == external);
            for (listing, _) in own {
                if let Some(entry) = ledger.entries.get_mut(listing) {
                    renamed(entry, proposal.since, now);
                }
            }
            let history = History::by_person(&proposal.sku, now, "mapping", (actor, &words), (level, level));
            let looks = looks(account, &proposal.sku, level, now, "its SKU has changed there");
            let changes = [
                Change::Put(records::ledger_row(&proposal.sku, &ledger, version + 1), Condition::Version(version)),
                Change::Put(alias.row(), Condition::Any),
                Change::Delete(key.clone(), Condition::Any),
                Change::Put(history.row(self.clock.random()), Condition::Any),
            ];
            let changes = [changes.as_slice(), &looks].concat();
            if made(self.store.write(&changes).await)? {
                self.forget_accounts();
                self.wake_lane(account).await?;
                return Ok(proposal);
            }
        }
        Err(too_fast(&proposal.sku))
    }
}

impl Proposal {
    fn key(account: &AccountId, external: &str) -> Key {
        key(HUB, format!("PROPOSAL#{account}#{external}"))
    }

    /// This instead of what was proposed before: whatever happened since then is still to be read, under each name.
    fn instead_of(mut self, before: Option<Self>) -> Self {
        if let Some(before) = before {
            self.since = before.since;
            self.former = [before.former, before.now.into_iter().collect()].concat();
        }
        self
    }

    fn row(&self) -> Row {
        row(Self::key(&self.account, &self.external), 1, text(self))
    }
}

/// A listing with a new name is looked at now, and when the name is known everywhere: until then another process may have
/// written it by a name that the store does not know, and been refused.
fn looks(account: &AccountId, sku: &Sku, level: i64, now: Timestamp, reason: &str) -> [Change; 2] {
    [0, KNOWN_MS].map(|wait| {
        let due = crate::listings::todo(account, sku, level, now.plus_ms(wait), asked::MAPPING);
        Change::Put(records::Todo { reason: reason.into(), ..due }.row(), Condition::Any)
    })
}

/// A listing has another name in its store: what happened to it there under that name is read, and what the store refused under
/// the former one is tried again.
fn renamed(entry: &mut Entry, since: Option<(Position, Timestamp)>, now: Timestamp) {
    entry.forgive();
    entry.sequence += 1;
    if let Some(square) = &mut entry.square {
        let (position, at) = since.unwrap_or((square.position, square.stable));
        // it may have got yet another name before anything under the one before was read
        let (position, at) = square.unheard.map_or((position, at), |it| (position.min(it.position), at.min(it.at)));
        square.unheard = Some(Unheard { position, at, until: now.plus_ms(KNOWN_MS) });
    }
}

/// Gives an item listings for units; where another unit has the place already, one with the unit's own name.
fn join(
    item: &mut Item,
    ledger: &mut Ledger,
    connected: &Connected,
    units: &[Unit],
    head: Position,
    now: Timestamp,
) -> Result<Vec<ListingId>, Error> {
    let has_feed = connected.channel.info().capabilities.class() == Class::C;
    let mut gains = Vec::new();
    for unit in units.iter().filter(|unit| connected.is_mapped(&unit.location)) {
        let mut id = ListingId::at(connected.account.id.clone(), unit.location.clone());
        if item.listings.contains_key(&id) {
            let name = UnitId::new(unit.external.clone()).map_err(|error| Error::Invalid(error.to_string()))?;
            id = id.of(name);
        }
        let home = connected.home(&unit.location).unwrap_or_else(WarehouseId::nowhere);
        if let (Some(level), Some(_), false) = (unit.level, connected.master_rank(&unit.location), ledger.knows(&home))
        {
            ledger.start(&home, level);
        }
        // whoever does not know the link yet reads past what happens to it
        let unheard = Some(Unheard { position: head, at: now, until: now.plus_ms(KNOWN_MS) });
        let square = has_feed.then(|| Square { unheard, ..Square::new(unit.level.unwrap_or(0), head, now) });
        let listing = Listing {
            external: unit.external.clone(),
            active: unit.active,
            hold: (unit.kind != UnitKind::Simple).then_some(Hold::NotWritable),
            rules: Layer::default(),
            feeds: Vec::new(),
            flash: 0,
        };
        ledger.entries.insert(id.clone(), Entry { shadow: unit.level, square, ..Entry::new(home) });
        item.listings.insert(id.clone(), listing);
        gains.push(id);
    }
    if gains.is_empty() {
        return Err(Error::Invalid("external: none of its locations belongs to a warehouse; link one first".into()));
    }
    Ok(gains)
}

fn mapping(scan: &Scan, ours: &BTreeMap<String, Vec<Sku>>) -> AccountMapping {
    let account = &scan.connected.account.id;
    let mut mapping = AccountMapping {
        linked: scan.connected.defaults.aliases(account).iter().cloned().collect(),
        ..AccountMapping::default()
    };
    for (sku, units) in &scan.units {
        let near = ours.get(&spelling::folded(sku)).into_iter().flatten();
        let (known, near) = (near.clone().any(|known| known == sku), near.clone().next());
        let clash = scan.clashes(sku);
        for unit in units {
            mapping.units += 1;
            mapping.mapped += u64::from(known && !clash);
            let problem = match near.and_then(|near| spelling::slip(sku, near)) {
                _ if clash => Problem::Duplicate,
                _ if known => continue,
                Some(slip) => Problem::of(slip),
                None => Problem::Unmapped,
            };
            mapping.take(unit, problem, near.filter(|_| !known && problem != Problem::Duplicate));
        }
    }
    mapping.units += scan.without_sku;
    if scan.without_sku > 0 {
        mapping.problems.insert(Problem::NoSku, scan.without_sku);
    }
    mapping
}

impl AccountMapping {
    fn take(&mut self, unit: &Unit, problem: Problem, near: Option<&Sku>) {
        *self.problems.entry(problem).or_default() += 1;
        if self.rows.len() < SHOWN {
            self.rows.push(MappingRow {
                external: unit.external.clone(),
                location: unit.location.clone(),
                sku: unit.sku.clone(),
                title: unit.title.clone(),
                problem,
                near: near.cloned(),
            });
        }
    }
}
