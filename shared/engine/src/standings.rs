//! What filters ask of every item, in memory: so that three of a hundred thousand are found without reading them all.
//!
//! Read when somebody first filters a large hub, and again when it is old, when a setting has changed, or an account. In
//! between the history says which SKUs have changed, and these are read again; and what is found is read afresh and asked once
//! more, so that nothing is shown that does not fit any more. Some 25 MB for a hundred thousand items in three stores. A small
//! hub is walked instead. See `docs/adr/0014-filters-look-in-memory.md`.

use crate::filter::{Facts, Failed, Filter, Found};
use crate::hub::{Accounts, Error, Hub};
use crate::items::{ItemView, Listed};
use crate::ports::Query;
use crate::records::{self, History, Item, body, history_day};
use domain::{Sku, Timestamp};
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The standings as last read.
#[derive(Default)]
pub(crate) struct Standings {
    kept: Mutex<Option<Kept>>,
    /// Held by whoever reads them.
    reading: futures::lock::Mutex<()>,
    /// When somebody last wanted them.
    wanted: Mutex<Option<Timestamp>>,
}

struct Kept {
    /// When they were read.
    read: Timestamp,
    /// Up to where history was followed.
    followed: Timestamp,
    /// What they depend on beside the items.
    ground: Ground,
    /// By SKU, bytewise.
    facts: Vec<Facts>,
}

/// What the facts of all items depend on.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Ground {
    /// Accounts, with what is set for more than one item.
    accounts: u64,
    /// The last change of settings: its id.
    settings: Option<String>,
}

/// Only when a change of settings was.
#[derive(Deserialize)]
struct Changed {
    id: String,
    at: Timestamp,
}

/// Standings older than this are read again, milliseconds: ten minutes.
const OLD_MS: i64 = 600_000;
/// Standings of this age are read again before they are old, where somebody prepares them, milliseconds: eight minutes.
const AGEING_MS: i64 = 480_000;
/// They are prepared for so long after somebody last wanted them, milliseconds: an hour.
const PREPARED_MS: i64 = 3_600_000;
/// The same while a change of settings may still be at work, milliseconds: a minute.
const UNSETTLED_MS: i64 = 60_000;
/// How long a change of settings may be at work, milliseconds: ten minutes.
const AT_WORK_MS: i64 = 600_000;
/// How often history is followed at most, milliseconds.
const FOLLOW_EVERY_MS: i64 = 1_000;
/// How far back each look at history begins before the end of the last, milliseconds: an index is behind, and so are clocks.
const OVERLAP_MS: i64 = 15_000;
/// Lines of history that are followed; where there are more, everything is read again.
const FOLLOWED_MAX: usize = 5_000;
/// Items, or lines, of one page.
const PAGE: usize = 500;
/// Times that what was found may have changed meanwhile before the next page goes on.
const ROUNDS: usize = 20;

impl Standings {
    fn kept(&self) -> MutexGuard<'_, Option<Kept>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether there are any: then the hub is large.
    pub(crate) fn are_known(&self) -> bool {
        self.kept().is_some()
    }

    fn wanted(&self) -> MutexGuard<'_, Option<Timestamp>> {
        self.wanted.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kept {
    fn matching(&self, filter: &Filter, failed: &Failed, behind: Option<&str>, most: usize) -> Vec<Sku> {
        let from = behind.map_or(0, |behind| self.facts.partition_point(|facts| facts.sku.as_str() <= behind));
        let fitting = self.facts[from..].iter().filter(|facts| filter.fits(facts, failed));
        fitting.take(most).map(|facts| facts.sku.clone()).collect()
    }

    /// Replaces what is known of SKUs by what was just read.
    fn renew(&mut self, skus: &BTreeSet<Sku>, read: Vec<Facts>) {
        let mut read: BTreeMap<Sku, Facts> = read.into_iter().map(|facts| (facts.sku.clone(), facts)).collect();
        for sku in skus {
            let place = self.facts.binary_search_by(|facts| facts.sku.as_str().cmp(sku.as_str()));
            let now = read.remove(sku);
            match (place, now) {
                (Ok(at), Some(facts)) => self.facts[at] = facts,
                (Ok(at), None) => drop(self.facts.remove(at)),
                (Err(at), Some(facts)) => self.facts.insert(at, facts),
                (Err(_), None) => {}
            }
        }
    }
}

impl Hub {
    /// The items behind a SKU that a filter wants, at most `limit`, and the SKU to go on behind.
    pub(crate) async fn find_standing(
        &self,
        filter: &Filter,
        failed: &Failed,
        behind: Option<String>,
        limit: usize,
    ) -> Result<Listed<ItemView>, Error> {
        let accounts = self.accounts().await?;
        *self.standings.wanted() = Some(self.clock.now());
        self.follow_standings(&accounts, OLD_MS).await?;
        let (mut rows, mut behind) = (Vec::<ItemView>::new(), behind);
        for _ in 0..ROUNDS {
            let most = limit - rows.len() + 1;
            let skus = self
                .standings
                .kept()
                .as_ref()
                .map_or_else(Vec::new, |kept| kept.matching(filter, failed, behind.as_deref(), most));
            let (is_all, last) = (skus.len() < most, skus.last().map(ToString::to_string));
            for found in self.found(&skus).await? {
                if !filter.wants(&found.item, &found.known, &accounts, failed) {
                    continue;
                }
                if rows.len() == limit {
                    let next = rows.last().map(|row| row.sku.to_string());
                    return Ok(Listed { rows, next });
                }
                rows.push(ItemView::of(&found.item, &found.known, &accounts));
            }
            if is_all {
                return Ok(Listed { rows, next: None });
            }
            behind = last;
        }
        Ok(Listed { rows, next: behind })
    }

    /// Items as they are now, with all that their numbers depend on; those that are gone are left out.
    async fn found(&self, skus: &[Sku]) -> Result<Vec<Found>, Error> {
        let keys: Vec<_> = skus.iter().map(Item::key).collect();
        let rows: Vec<_> = self.store.get(&keys).await?.into_iter().flatten().collect();
        let items: Vec<Item> = rows.iter().map(body).collect::<Result<_, _>>()?;
        let ledgers = self.ledgers(&items).await?;
        let known = self.all_known(&items, ledgers).await?;
        let all = items.into_iter().zip(rows).zip(known);
        Ok(all.map(|((item, row), known)| Found { item, version: row.version, known }).collect())
    }

    /// Reads what filters of a large hub ask before somebody asks, and again before it is old while it is in use: for a process
    /// that stays, once a minute. A small hub is walked, and nothing is read.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn prepare_filters(&self) -> Result<(), Error> {
        let since = self.clock.now().plus_ms(-PREPARED_MS);
        let is_used = self.standings.wanted().is_some_and(|wanted| wanted >= since);
        if (self.standings.are_known() && is_used) || (!self.standings.are_known() && self.is_large().await?) {
            let accounts = self.accounts().await?;
            self.follow_standings(&accounts, AGEING_MS).await?;
        }
        Ok(())
    }

    /// Reads the standings, or what has changed of them since; all of them again at this age, milliseconds.
    async fn follow_standings(&self, accounts: &Accounts, old_ms: i64) -> Result<(), Error> {
        let now = self.clock.now();
        let changed = self.last_settings_change().await?;
        let ground =
            Ground { accounts: digest(accounts), settings: changed.as_ref().map(|changed| changed.id.clone()) };
        let at_work = changed.is_some_and(|changed| now.since_ms(changed.at) < AT_WORK_MS);
        let oldest_ms = if at_work { UNSETTLED_MS } else { old_ms };
        let known = self.standings.kept().as_ref().map(|kept| {
            (now.since_ms(kept.read) < oldest_ms && kept.ground == ground, now.since_ms(kept.followed), kept.followed)
        });
        let is_followed = match known {
            Some((true, since_ms, _)) if since_ms < FOLLOW_EVERY_MS => true,
            Some((true, _, followed)) => self.follow_changed(accounts, followed, now).await?,
            Some((false, ..)) | None => false,
        };
        if is_followed {
            return Ok(());
        }
        // whoever comes while somebody reads takes what there is; where there is nothing yet, what that one finds
        let _reading = match self.standings.reading.try_lock() {
            Some(reading) => reading,
            None if known.is_some() => return Ok(()),
            None => self.standings.reading.lock().await,
        };
        if known.is_none() && self.standings.are_known() {
            return Ok(());
        }
        let facts = self.read_standings(accounts).await?;
        *self.standings.kept() = Some(Kept { read: now, followed: now, ground, facts });
        Ok(())
    }

    /// Reads again what history says has changed; whether it says all.
    async fn follow_changed(&self, accounts: &Accounts, followed: Timestamp, now: Timestamp) -> Result<bool, Error> {
        let Some(skus) = self.changed_since(followed.plus_ms(-OVERLAP_MS), now).await? else { return Ok(false) };
        let mut read = Vec::new();
        let all: Vec<Sku> = skus.iter().cloned().collect();
        for skus in all.chunks(PAGE) {
            let found = self.found(skus).await?;
            read.extend(found.iter().map(|found| Facts::of(&found.item, &found.known, accounts)));
        }
        if let Some(kept) = self.standings.kept().as_mut() {
            kept.renew(&skus, read);
            kept.followed = kept.followed.max(now);
        }
        Ok(true)
    }

    /// The SKUs that history names since a moment; `None` when they are too many to follow.
    async fn changed_since(&self, since: Timestamp, now: Timestamp) -> Result<Option<BTreeSet<Sku>>, Error> {
        let mut skus = BTreeSet::new();
        let days = BTreeSet::from([history_day(since), history_day(now)]);
        let mut lines = 0;
        for partition in days {
            let mut after = None;
            loop {
                let (prefix, limit) = (String::new(), PAGE);
                let query = Query { partition: partition.clone(), index: true, prefix, after, descending: true, limit };
                let page = self.store.query(&query).await?;
                let all: Vec<History> = page.rows.iter().map(body).collect::<Result<_, _>>()?;
                let recent = all.iter().filter(|line| line.at >= since);
                skus.extend(recent.map(|line| line.sku.clone()));
                lines += all.len();
                after = page.next.filter(|_| all.last().is_some_and(|line| line.at >= since));
                if after.is_none() {
                    break;
                }
                if lines >= FOLLOWED_MAX {
                    return Ok(None);
                }
            }
        }
        Ok(Some(skus))
    }

    async fn last_settings_change(&self) -> Result<Option<Changed>, Error> {
        let query = Query {
            partition: crate::settings::CHANGES.into(),
            index: false,
            prefix: String::new(),
            after: None,
            descending: true,
            limit: 1,
        };
        let row = self.store.query(&query).await?.rows.into_iter().next();
        Ok(row.as_ref().map(records::body).transpose()?)
    }

    async fn read_standings(&self, accounts: &Accounts) -> Result<Vec<Facts>, Error> {
        let (mut facts, mut after) = (Vec::new(), None);
        loop {
            let page = self.find_page(&Filter::default(), accounts, &Failed::new(), after).await?;
            facts.extend(page.found.iter().map(|found| Facts::of(&found.item, &found.known, accounts)));
            after = page.next;
            if after.is_none() {
                facts.sort_by(|a, b| a.sku.as_str().cmp(b.sku.as_str()));
                return Ok(facts);
            }
        }
    }
}

/// Tells whether accounts, locations or what is set for more than one item have changed.
fn digest(accounts: &Accounts) -> u64 {
    let mut hasher = DefaultHasher::new();
    for (id, connected) in accounts.iter() {
        let text = format!("{id}{:?}{:?}{:?}", connected.account, connected.locations, connected.defaults);
        text.hash(&mut hasher);
    }
    hasher.finish()
}
