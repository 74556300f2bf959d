//! Reconciliation: the scheduled full comparison. It finds what no webhook told: silent imports, lost events, writes that a
//! store took and did not carry out. It nominates; the usual path decides by a point read.

mod work;

pub(crate) use work::Comparing;

use crate::adopt::Progress;
use crate::hub::{Connected, Error, Hub};
use crate::known::Known;
use crate::levels::{SeenAt, twin};
use crate::mapping::Proposal;
use crate::quarantine::Suspect;
use crate::records::{self, Item, Todo};
use crate::runs::Job;
use crate::scan::Scan;
use channels::Touch;
use domain::guard::Tally;
use domain::plan::{self, Decision, Hold};
use domain::reconcile::{Nomination, nominate};
use domain::{AccountId, Ledger, ListingId, LocationId, Position, Sku, Timestamp};
use futures::{StreamExt, stream};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// What a comparison found.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Comparison {
    /// By account.
    pub accounts: BTreeMap<AccountId, AccountComparison>,
}

/// What a comparison found in one account.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct AccountComparison {
    /// Mapped SKUs compared.
    pub compared: u64,
    /// Of these, to be looked at again.
    pub nominated: u64,
    /// The first of these, for show: SKU, why, the level that we knew, the level seen.
    pub shown: Vec<(Sku, Nomination, Option<i64>, Option<i64>)>,
    /// SKUs in the store that are not mapped.
    pub unmapped: u64,
    /// Mapped SKUs that the store does not show. Nothing is done about them: unknown is not zero.
    pub missing: u64,
    /// SKUs that now appear more than once in the store: not written until that is resolved there.
    pub clashes: Vec<String>,
    /// Listings at locations that are closed in the store or gone from it: held, neither zeroed nor lost.
    #[serde(default)]
    pub closed: u64,
    /// Units at locations that belong to no warehouse: not touched.
    #[serde(default)]
    pub unlinked: u64,
    /// Why the store is not believed: the account is in quarantine until a person releases it.
    pub quarantine: Option<String>,
    /// What the store said when it could not be compared.
    pub error: Option<String>,
}

/// Nominations and names shown in a report.
const SHOWN: usize = 100;
/// Suspects kept for a person to decide about.
const SUSPECTS_MAX: usize = 20_000;
/// Items of one page.
const PAGE: usize = 1_000;
/// Items of a page that are in memory with their ledgers at once.
const TOGETHER: usize = 200;
/// Keys of one read of ledgers.
const KEYS: usize = 100;
/// Reads of ledgers on their way at once.
const READS: usize = 4;

/// One account's part of a comparison in progress.
struct Part {
    scan: Scan,
    /// SKUs of the scan that were compared.
    compared: BTreeSet<Sku>,
    sums: Sums,
    news: News,
    /// Listings whose clash has come or gone, or that went on sale or off it.
    changed: Vec<(Sku, ListingId, Noted)>,
    /// Units whose SKU has changed in the store.
    renamed: Vec<Proposal>,
    /// The SKUs of units by location and the store's own id.
    called: Option<BTreeMap<(LocationId, String), Sku>>,
}

/// What was found until now: small, and in the run's row.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
struct Sums {
    found: AccountComparison,
    tally: Tally,
    /// SKUs of the store that are mapped.
    mapped: usize,
    renamed: usize,
    suspects: usize,
}

/// What was found on one page of items, and waits for the guard's word.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
struct News {
    todos: Vec<Todo>,
    /// Listings that show less than we knew.
    suspects: Vec<Suspect>,
}

/// What a comparison notes in an item's settings.
#[derive(Debug, Clone, Copy)]
enum Noted {
    /// Why the listing must not be written, if so.
    Hold(Option<Hold>),
    /// Whether it is on sale.
    Active(bool),
}

impl Hub {
    /// Compares one account, or all. With `apply`, what differs is looked at again; without, it is only told.
    ///
    /// # Errors
    /// [`Error::Store`]. A store that does not answer is told in its account's part and keeps no other from being compared.
    pub async fn compare(
        &self,
        only: Option<&AccountId>,
        apply: bool,
        progress: &dyn Progress,
    ) -> Result<Comparison, Error> {
        let job = Job::Reconcile { account: only.cloned(), dry_run: !apply, quick: false };
        self.at_once(job, progress).await
    }

    /// Compares one account, or each, with what its last comparison saw, and looks at the ledgers only of what shows
    /// something else or was touched since. An account that was never compared, or since whose comparison too much has happened, is compared
    /// in full. What differs is looked at again.
    ///
    /// # Errors
    /// [`Error::Store`], [`Error::NotFound`].
    pub async fn compare_quickly(
        &self,
        only: Option<&AccountId>,
        progress: &dyn Progress,
    ) -> Result<Comparison, Error> {
        let job = Job::Reconcile { account: only.cloned(), dry_run: false, quick: true };
        self.at_once(job, progress).await
    }

    /// One account, or all.
    pub(crate) async fn chosen(&self, only: Option<&AccountId>) -> Result<Vec<Connected>, Error> {
        match only {
            Some(only) => Ok(vec![self.connected(only).await?]),
            // one that a person has stopped both ways is not read
            None => Ok(self.accounts().await?.values().filter(|it| !it.account.is_frozen()).cloned().collect()),
        }
    }

    /// Looks at the ledgers of what an account shows otherwise than at its last comparison, or was touched since; `false` when
    /// there is none to compare with, or too much has happened.
    async fn compare_since_last(&self, part: &mut Part) -> Result<bool, Error> {
        let id = part.scan.connected.account.id.clone();
        let Some(last) = self.last_seen(&id).await? else { return Ok(false) };
        let Some(touched) = self.touched_since(last.at).await? else { return Ok(false) };
        let seen: SeenAt = part.scan.levels().collect();
        let mut looked = part.scan.worth_a_look(&seen, &last, &touched);
        looked.extend(self.with_other_names(&part.scan).await?);
        // what shows something else is measured by its ledger: our own zeros since the last comparison are no loss
        let same = last.levels.iter().filter(|(sku, ..)| !looked.contains(sku));
        for (sku, place, level) in same.filter(|(_, place, _)| part.scan.is_told(place)) {
            let seen = seen.get(sku, place).or_else(|| seen.get(sku, &twin(place))).flatten();
            part.sums.tally.add(level.unwrap_or(0), seen);
        }
        let units = seen.iter().count() as u64;
        drop((last, seen));
        let skus: Vec<Sku> = looked.into_iter().collect();
        self.compare_some(part, &skus).await?;
        part.sums.found.compared = units;
        Ok(true)
    }

    /// SKUs whose units have, or may have, yet another name in their store: their levels do not show it.
    async fn with_other_names(&self, scan: &Scan) -> Result<BTreeSet<Sku>, Error> {
        let account = &scan.connected.account;
        let asked = self.proposals().await?.into_iter().filter(|proposal| proposal.account == account.id);
        let aliases = scan.connected.defaults.aliases(&account.id).iter();
        let linked = aliases.filter(|alias| scan.respelled.contains_key(&alias.external));
        Ok(asked.map(|proposal| proposal.sku).chain(linked.filter_map(|alias| alias.sku.clone())).collect())
    }

    async fn compare_some(&self, part: &mut Part, skus: &[Sku]) -> Result<(), Error> {
        let now = self.clock.now();
        let mut looked: BTreeSet<Sku> = skus.iter().cloned().collect();
        let mut kits: BTreeSet<Sku> = BTreeSet::new();
        for skus in skus.chunks(KEYS / 2) {
            for (item, known) in self.some(skus, part).await? {
                part.compare(&item, &known, now);
                kits.extend(item.kits.into_keys().filter(|kit| looked.insert(kit.clone())));
            }
        }
        // what a part has lost its kits have lost too
        let kits: Vec<Sku> = kits.into_iter().collect();
        for skus in kits.chunks(KEYS / 2) {
            for (item, known) in self.some(skus, part).await? {
                part.compare(&item, &known, now);
            }
        }
        Ok(())
    }

    /// The items of these SKUs, with what is known of them.
    async fn some(&self, skus: &[Sku], part: &mut Part) -> Result<Vec<(Item, Known)>, Error> {
        let keys: Vec<_> = skus.iter().flat_map(|sku| [records::ledger_key(sku), Item::key(sku)]).collect();
        let (mut items, mut ledgers) = (Vec::new(), Vec::new());
        for pair in self.store.get(&keys).await?.chunks(2) {
            let [Some(ledger), Some(item)] = pair else {
                part.sums.found.unmapped += 1;
                continue;
            };
            items.push(records::body::<Item>(item)?);
            ledgers.push(records::ledger(ledger)?);
        }
        let known = self.all_known(&items, ledgers).await?;
        Ok(items.into_iter().zip(known).collect())
    }

    /// One page of the hub's items, against every scan at once; adds the SKUs of which little is left, the first of them.
    async fn compare_page(
        &self,
        parts: &mut BTreeMap<AccountId, Part>,
        after: Option<String>,
        low: &mut BTreeSet<String>,
    ) -> Result<(u64, Option<String>), Error> {
        let limit = self.alert_settings().await?.0.thresholds.low_stock;
        let page = self.item_rows(after, PAGE).await?;
        let now = self.clock.now();
        for rows in page.rows.chunks(TOGETHER) {
            let items: Vec<Item> = rows.iter().map(records::body).collect::<Result<_, _>>()?;
            let ledgers = self.ledgers(&items).await?;
            for (item, known) in items.iter().zip(self.all_known(&items, ledgers).await?) {
                parts.values_mut().for_each(|part| part.compare(item, &known, now));
                if limit > 0 && low.len() < SHOWN && (0..=limit).contains(&known.total(item)) {
                    low.insert(item.sku.to_string());
                }
            }
        }
        Ok((page.rows.len() as u64, page.next))
    }

    pub(crate) async fn ledgers(&self, items: &[Item]) -> Result<Vec<Ledger>, Error> {
        let keys: Vec<_> = items.iter().map(|item| records::ledger_key(&item.sku)).collect();
        // owned keys: with borrowed ones the compiler cannot show that the future may move between threads
        let chunks = keys.chunks(KEYS).map(<[_]>::to_vec);
        let reads = chunks.map(|keys| async move { self.store.get(&keys).await });
        let read: Vec<_> = stream::iter(reads).buffered(READS).collect().await;
        let mut ledgers = Vec::with_capacity(items.len());
        for rows in read {
            for row in rows? {
                ledgers.push(row.as_ref().map(records::ledger).transpose()?.unwrap_or_default());
            }
        }
        Ok(ledgers)
    }

    /// Writes into the items what was noted of their listings on a page, and asks people about units with another SKU.
    async fn note_page(&self, part: &mut Part) -> Result<(), Error> {
        self.write_noted(&std::mem::take(&mut part.changed)).await?;
        self.propose(&std::mem::take(&mut part.renamed)).await
    }

    /// Tells how an account's comparison ended. What the guard objects to closes the account until a person looks.
    async fn conclude(
        &self,
        part: &Part,
        suspects: &[Suspect],
        heard: Option<(Position, Timestamp)>,
    ) -> Result<(), Error> {
        let connected = part.scan.connected.clone();
        let (id, sums) = (&connected.account.id, &part.sums);
        match &sums.found.quarantine {
            Some(why) => self.close(&connected, why, suspects).await?,
            None if sums.found.nominated > 0 => self.wake_lane(id).await?,
            None => {}
        }
        let (now, drift, stocked) = (self.clock.now(), sums.found.nominated, sums.tally.stocked);
        let clashes = sums.found.clashes.clone();
        self.change_health(id, |health| {
            (health.compared, health.drift, health.stocked) = (Some(now), drift, stocked);
            health.clashes.clone_from(&clashes);
            health.heard.extend(heard);
            let older = health.heard.len().saturating_sub(2);
            health.heard.drain(..older);
        })
        .await?;
        if sums.found.quarantine.is_none() {
            self.keep_seen(&part.scan).await?;
        }
        Ok(())
    }

    async fn write_noted(&self, changed: &[(Sku, ListingId, Noted)]) -> Result<(), Error> {
        for (sku, listing, noted) in changed {
            self.edit_item(sku, |item| {
                if let Some(listing) = item.listings.get_mut(listing) {
                    match noted {
                        // it may be held for something else by now
                        Noted::Hold(hold) if matches!(listing.hold, None | Some(Hold::Clash)) => listing.hold = *hold,
                        Noted::Hold(_) => {}
                        Noted::Active(active) => listing.active = *active,
                    }
                }
            })
            .await?;
        }
        Ok(())
    }
}

impl Part {
    fn new(scan: Scan) -> Self {
        let unlinked = scan.unlinked.values().sum();
        let found = AccountComparison { unlinked, ..AccountComparison::default() };
        Self {
            scan,
            compared: BTreeSet::new(),
            sums: Sums { found, ..Sums::default() },
            news: News::default(),
            changed: Vec::new(),
            renamed: Vec::new(),
            called: None,
        }
    }

    /// One that somebody else has begun.
    fn again(scan: Scan, sums: Sums) -> Self {
        Self { sums, ..Self::new(scan) }
    }

    fn compare(&mut self, item: &Item, known: &Known, now: Timestamp) {
        let (ledger, registered) = (&known.ledger, known.is_registered(item));
        let account = self.scan.connected.account.id.clone();
        for (listing, settings) in item.listings.iter().filter(|(listing, _)| listing.account == account) {
            let Some(entry) = ledger.entries.get(listing) else { continue };
            if self.scan.connected.is_closed(&listing.location) {
                self.sums.found.closed += 1;
                continue;
            }
            if !self.scan.connected.is_mapped(&listing.location) {
                continue;
            }
            let seen = self.scan.find(&item.sku, listing, &settings.external);
            self.sums.tally.add(entry.shadow.unwrap_or(0), seen.and_then(|(level, _)| level));
            self.suspect(&item.sku, listing, entry.shadow, seen.and_then(|(level, _)| level), now);
            let Some((level, clash)) = seen else {
                self.sums.found.missing += 1;
                self.note_renamed(&item.sku, listing, &settings.external, now);
                continue;
            };
            self.sums.found.compared += 1;
            if let Some(now_called) = self.scan.respelled.get(&settings.external).cloned() {
                self.propose(&item.sku, listing, settings.external.clone(), now_called, now);
            }
            self.note_clash(item, listing, settings.hold, clash);
            let active = self.scan.is_active(&item.sku, listing, &settings.external).unwrap_or(settings.active);
            if active != settings.active {
                self.changed.push((item.sku.clone(), listing.clone(), Noted::Active(active)));
            }
            let Some(view) = known.view(item, listing, &self.scan.connected) else { continue };
            let decision = plan::plan(ledger, &BTreeMap::from([(listing.clone(), view)])).remove(listing);
            let due = !registered || active != settings.active || matches!(decision, Some(Decision::Push(_)));
            if let Some(why) = nominate(entry, level, due, now) {
                self.nominate(&item.sku, why, (entry.shadow, level), ledger.total(), now);
            }
        }
        let is_new = self.scan.units.contains_key(&item.sku) && self.compared.insert(item.sku.clone());
        self.sums.mapped += usize::from(is_new);
    }

    /// Keeps what a person may have to decide about, should the guard object.
    fn suspect(&mut self, sku: &Sku, listing: &ListingId, shadow: Option<i64>, seen: Option<i64>, at: Timestamp) {
        let Some(known) = shadow.filter(|shadow| *shadow > 0 && seen.is_none_or(|level| level < *shadow)) else {
            return;
        };
        if self.sums.suspects < SUSPECTS_MAX {
            self.sums.suspects += 1;
            let (sku, listing) = (sku.clone(), listing.clone());
            self.news.suspects.push(Suspect {
                sku,
                listing,
                known,
                seen,
                at,
                counted: 0,
                verdict: None,
                handled: false,
            });
        }
    }

    fn nominate(
        &mut self,
        sku: &Sku,
        why: Nomination,
        (shadow, level): (Option<i64>, Option<i64>),
        total: i64,
        now: Timestamp,
    ) {
        let urgent = total <= 0;
        self.sums.found.nominated += 1;
        if self.sums.found.shown.len() < SHOWN {
            self.sums.found.shown.push((sku.clone(), why, shadow, level));
        }
        let account = self.scan.connected.account.id.clone();
        let (touch, reason) = (Touch::Sku(sku.clone()), "comparison: its level differs".into());
        let todo = Todo {
            account,
            touch,
            reason,
            due: now,
            attempts: 0,
            urgent,
            level: Some(total),
            write: false,
            told: false,
            lane: false,
            asked: Some("comparison".into()),
        };
        self.news.todos.push(todo);
    }

    fn note_clash(&mut self, item: &Item, listing: &ListingId, hold: Option<Hold>, clash: bool) {
        if clash && self.sums.found.clashes.len() < SHOWN {
            self.sums.found.clashes.push(item.sku.to_string());
        }
        match (hold, clash) {
            (None, true) => self.changed.push((item.sku.clone(), listing.clone(), Noted::Hold(Some(Hold::Clash)))),
            (Some(Hold::Clash), false) => self.changed.push((item.sku.clone(), listing.clone(), Noted::Hold(None))),
            _ => {}
        }
    }

    /// A unit that is there under another SKU may be the same: a person is asked.
    fn note_renamed(&mut self, sku: &Sku, listing: &ListingId, external: &str, now: Timestamp) {
        // built when the first is missing; what was compared before is known by its SKU and needs no proposal
        let (scan, compared, place) = (&self.scan, &self.compared, (listing.location.clone(), external.to_owned()));
        let called = self.called.get_or_insert_with(|| scan.by_external(compared)).get(&place).cloned();
        if let Some(called) = called.filter(|called| called != sku) {
            self.propose(sku, listing, place.1, Some(called), now);
        }
    }

    fn propose(&mut self, sku: &Sku, listing: &ListingId, external: String, called: Option<Sku>, now: Timestamp) {
        if self.sums.renamed >= SHOWN {
            return;
        }
        self.sums.renamed += 1;
        self.renamed.push(Proposal {
            account: listing.account.clone(),
            external,
            sku: sku.clone(),
            now: called,
            at: now,
            declined: false,
            // in the older of two comparisons it was found by the name before
            since: self.scan.connected.health.0.heard.first().copied(),
            former: Vec::new(),
        });
    }

    /// Everything that is mapped was compared.
    fn count_unmapped(&mut self) {
        self.sums.found.unmapped = self.scan.units.len().saturating_sub(self.sums.mapped) as u64;
    }
}
