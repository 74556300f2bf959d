//! What a guard has seen, and what a person decides about it.
//!
//! An account in quarantine is neither believed nor written. What made the guard stop it is kept, listing by listing, until a
//! person has looked: *release* believes the store, *discard* sets it back to the hub's level. Sales in the meantime are
//! counted either way, wherever the store's feed or its orders tell them from edits.
//!
//! | entity | pk | sk |
//! |---|---|---|
//! | what was seen of one listing | `QUARANTINE#<account>` | `<sku>#<location>` |
//! | a SKU that was edited to zero (expires) | `ZEROED#<account>` | `<time>#<sku>` |

use crate::adopt::Silent;
use crate::hub::{Connected, Error, Hub};
use crate::items::Listed;
use crate::listings::todo;
use crate::ports::{Change, Condition, Key, Query, Row};
use crate::records::{self, asked, key, row, text};
use crate::stock::edit::{Edit, How};
use channels::Unit;
use domain::plan::{self, Decision};
use domain::undo::{Part, TakenBack};
use domain::{AccountId, ListingId, LocationId, Sku, Timestamp, WarehouseId};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// What a person has decided about one listing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// Believe the store.
    Release,
    /// Set the store back to the hub's level.
    Discard,
}

/// What a guard has seen of one listing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Suspect {
    /// The SKU.
    pub sku: Sku,
    /// Where.
    pub listing: ListingId,
    /// The level that we knew.
    pub known: i64,
    /// The level that the store showed; `None` when it did not show the product at all.
    pub seen: Option<i64>,
    /// When.
    pub at: Timestamp,
    /// Units that were counted of it before the guard stopped the account, signed.
    #[serde(default)]
    pub counted: i64,
    /// What a person has decided.
    #[serde(default)]
    pub verdict: Option<Verdict>,
    /// Whether the store was looked at since then, and what it showed has settled.
    #[serde(default)]
    pub handled: bool,
}

impl Suspect {
    fn key(account: &AccountId, sku: &Sku, location: &LocationId) -> Key {
        key(partition(account), format!("{sku}#{location}"))
    }

    /// As a row.
    #[must_use]
    pub fn row(&self) -> Row {
        row(Self::key(&self.listing.account, &self.sku, &self.listing.location), 1, text(self))
    }

    /// As a row of the live guard's window.
    fn window_row(&self) -> Row {
        let key =
            key(window(&self.listing.account), format!("{:015}#{}#{}", self.at.0, self.sku, self.listing.location));
        Row { expires: Some(self.at.plus_ms(WINDOW_KEPT_MS)), ..row(key, 1, text(self)) }
    }
}

/// An account's quarantine as people see it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct QuarantineView {
    /// Why the account is not believed; absent when it is.
    pub why: Option<String>,
    /// What was seen, by SKU.
    #[serde(flatten)]
    pub suspects: Listed<Suspect>,
}

/// What a decision did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Judged {
    /// Listings decided about.
    pub listings: u64,
    /// Whether the account is believed and written again.
    pub lifted: bool,
}

fn partition(account: &AccountId) -> String {
    format!("QUARANTINE#{account}")
}

fn window(account: &AccountId) -> String {
    format!("ZEROED#{account}")
}

/// How long a row of the live guard's window is kept, milliseconds: longer than any window.
const WINDOW_KEPT_MS: i64 = 7_200_000;
/// Rows that tell whether anything is left to decide.
const FEW: usize = 20;
/// Listings decided about at once.
pub const SKUS_MAX: usize = 1_000;
/// Rows of the window that are looked at: more than any limit.
const WINDOW_ROWS: usize = 1_000;

impl Hub {
    /// What was seen of an account in quarantine.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn quarantine_of(
        &self,
        account: &AccountId,
        after: Option<String>,
        limit: usize,
    ) -> Result<QuarantineView, Error> {
        let why = self.connected(account).await?.account.quarantine;
        let page = self.page(&partition(account), "", after, limit.clamp(1, 500)).await?;
        let rows = page.rows.iter().map(records::body).collect::<Result<_, _>>()?;
        Ok(QuarantineView { why, suspects: Listed { rows, next: page.next } })
    }

    /// Decides about all that was seen of an account, or about some SKUs.
    ///
    /// # Errors
    /// [`Error::Conflict`] when it is not in quarantine, [`Error::NotFound`] naming a SKU that was not seen.
    pub async fn judge_quarantine(
        &self,
        account: &AccountId,
        verdict: Verdict,
        skus: Option<&[Sku]>,
        actor: &str,
    ) -> Result<Judged, Error> {
        if self.connected(account).await?.account.quarantine.is_none() {
            return Err(Error::Conflict(format!("{account} is not in quarantine")));
        }
        if verdict == Verdict::Discard && skus.is_none() {
            self.look_for_more(&self.connected(account).await?).await?;
        }
        let mut suspects = self.suspects(account).await?;
        if let Some(skus) = skus {
            let named: BTreeSet<&Sku> = skus.iter().collect();
            let unseen = skus.iter().find(|sku| !suspects.iter().any(|suspect| suspect.sku == **sku));
            if let Some(sku) = unseen {
                return Err(Error::NotFound { what: "suspect of the quarantine", name: sku.to_string() });
            }
            suspects.retain(|suspect| named.contains(&suspect.sku));
        }
        suspects.retain(|suspect| suspect.verdict.is_none());
        let all_released = skus.is_none() && verdict == Verdict::Release;
        for suspect in &suspects {
            self.decide(suspect, verdict, actor).await?;
        }
        let lifted =
            if all_released { self.lift(account).await.map(|()| true)? } else { self.lift_if_done(account).await? };
        self.wake_lane(account).await?;
        Ok(Judged { listings: suspects.len() as u64, lifted })
    }

    async fn decide(&self, suspect: &Suspect, verdict: Verdict, actor: &str) -> Result<(), Error> {
        let account = &suspect.listing.account;
        if verdict == Verdict::Discard
            && suspect.counted != 0
            // by a restore meanwhile, or by this very decision, cut short and repeated
            && !self.is_taken_back(&suspect.sku, account, suspect.at).await?
        {
            self.take_back(suspect, actor).await?;
        }
        let decided = Suspect { verdict: Some(verdict), counted: 0, ..suspect.clone() };
        let waits = todo(account, &suspect.sku, suspect.known, self.clock.now(), asked::QUARANTINE);
        let changes = [Change::Put(decided.row(), Condition::Any), Change::Put(waits.row(), Condition::Any)];
        Ok(self.store.write(&changes).await?)
    }

    /// Takes back what was counted before the guard stopped the account.
    async fn take_back(&self, suspect: &Suspect, actor: &str) -> Result<(), Error> {
        let by = suspect.counted.saturating_neg();
        let (_, ledger) = self.item(&suspect.sku).await?;
        let home = ledger.entries.get(&suspect.listing).map(|entry| entry.warehouse.clone());
        let warehouse = home.unwrap_or_else(WarehouseId::main);
        let part = Part { account: suspect.listing.account.clone(), runs: BTreeSet::new(), by };
        let back = TakenBack { since: suspect.at.plus_ms(-1), parts: vec![part] };
        let edit = Edit {
            sku: &suspect.sku,
            how: How::Moves(BTreeMap::from([(warehouse.clone(), by)])),
            reason: "an edit to zero was discarded",
            actor,
            cause: "stock",
            mark: None,
            back: BTreeMap::from([(warehouse, back)]),
        };
        self.make_edit(&edit).await?;
        self.push_edit(&suspect.sku).await
    }

    pub(crate) async fn suspects(&self, account: &AccountId) -> Result<Vec<Suspect>, Error> {
        let rows = self.all_rows(&partition(account), "").await?;
        Ok(rows.iter().map(records::body).collect::<Result<_, _>>()?)
    }

    /// What was decided about these listings.
    pub(crate) async fn verdicts(
        &self,
        listings: &[(Sku, ListingId)],
    ) -> Result<BTreeMap<(Sku, ListingId), Verdict>, Error> {
        let mut verdicts = BTreeMap::new();
        for some in listings.chunks(500) {
            let keys: Vec<Key> =
                some.iter().map(|(sku, listing)| Suspect::key(&listing.account, sku, &listing.location)).collect();
            for row in self.store.get(&keys).await?.into_iter().flatten() {
                let suspect: Suspect = records::body(&row)?;
                verdicts.extend(suspect.verdict.map(|verdict| ((suspect.sku, suspect.listing), verdict)));
            }
        }
        Ok(verdicts)
    }

    /// Notes listings that were looked at after they were decided about.
    pub(crate) async fn note_handled(&self, handled: &[(Sku, ListingId)]) -> Result<(), Error> {
        for some in handled.chunks(100) {
            let keys: Vec<Key> =
                some.iter().map(|(sku, listing)| Suspect::key(&listing.account, sku, &listing.location)).collect();
            let mut changes = Vec::new();
            for row in self.store.get(&keys).await?.into_iter().flatten() {
                let suspect: Suspect = records::body(&row)?;
                if !suspect.handled {
                    changes.push(Change::Put(Suspect { handled: true, ..suspect }.row(), Condition::Any));
                }
            }
            if !changes.is_empty() {
                self.store.write(&changes).await?;
            }
        }
        Ok(())
    }

    /// Stops believing an account, and keeps what made the guard do so.
    pub(crate) async fn close(&self, connected: &Connected, why: &str, suspects: &[Suspect]) -> Result<(), Error> {
        let id = &connected.account.id;
        tracing::error!(account = %id, why, suspects = suspects.len(), "guard: the account is in quarantine");
        let rows: Vec<Row> = suspects.iter().map(Suspect::row).collect();
        self.store.put_all(&rows).await?;
        self.edit_account(id, |account| {
            account.quarantine = Some(why.to_owned());
            Ok(())
        })
        .await?;
        self.keep_own_act("quarantine", id.as_str(), Value::Null, json!({"why": why, "listings": suspects.len()})).await
    }

    /// Believes an account again.
    pub(crate) async fn lift(&self, account: &AccountId) -> Result<(), Error> {
        self.edit_account(account, |account| {
            account.quarantine = None;
            Ok(())
        })
        .await?;
        self.forget_suspects(account).await?;
        // asked once more means that the first time may have ended between the two
        self.bring_up_to_date(account, asked::QUARANTINE).await.map(drop)
    }

    async fn forget_suspects(&self, account: &AccountId) -> Result<(), Error> {
        for partition in [partition(account), window(account)] {
            let rows = self.all_rows(&partition, "").await?;
            let deletes: Vec<Change> = rows.into_iter().map(|row| Change::Delete(row.key, Condition::Any)).collect();
            for chunk in deletes.chunks(100) {
                self.store.write(chunk).await?;
            }
        }
        Ok(())
    }

    /// Lifts the quarantines of which everything is decided and done.
    pub(crate) async fn lift_finished(&self) -> Result<(), Error> {
        let accounts = self.accounts().await?;
        for (id, _) in accounts.iter().filter(|(_, connected)| connected.account.quarantine.is_some()) {
            self.lift_if_done(id).await?;
        }
        Ok(())
    }

    /// Lifts a quarantine of which everything is decided and done; whether it was.
    async fn lift_if_done(&self, account: &AccountId) -> Result<bool, Error> {
        let connected = self.connected(account).await?;
        // most of the time nothing is decided: a few rows tell
        let few: Vec<Suspect> = self
            .page(&partition(account), "", None, FEW)
            .await?
            .rows
            .iter()
            .map(records::body)
            .collect::<Result<_, _>>()?;
        let waits = few.is_empty() || few.iter().any(|suspect| suspect.verdict.is_none());
        if waits || connected.account.frozen.is_some() {
            return Ok(false);
        }
        let suspects = self.suspects(account).await?;
        for suspect in &suspects {
            if suspect.verdict.is_none() || !self.is_settled(&connected, suspect).await? {
                return Ok(false);
            }
        }
        if self.look_for_more(&connected).await? {
            return Ok(false);
        }
        self.lift(account).await?;
        self.keep_own_act("quarantine lifted", account.as_str(), Value::Null, Value::Null).await?;
        Ok(true)
    }

    /// Looks at the whole store for what fell to zero since the guard stopped it; whether there is anything that nobody has
    /// decided about.
    async fn look_for_more(&self, connected: &Connected) -> Result<bool, Error> {
        let id = &connected.account.id;
        let scan = self.scan(connected, &Silent).await?;
        let known: BTreeSet<(Sku, ListingId)> =
            self.suspects(id).await?.into_iter().map(|suspect| (suspect.sku, suspect.listing)).collect();
        let is_empty = |unit: &Unit| unit.level.is_some_and(|level| level <= 0);
        let shows_nothing = |sku: &Sku, listing: &ListingId| {
            let mut here = scan.units.get(sku).into_iter().flatten().filter(|unit| unit.location == listing.location);
            here.next().is_some_and(is_empty) && here.all(is_empty)
        };
        let some_empty = scan.units.iter().filter(|(_, units)| units.iter().any(is_empty));
        let empty: Vec<Sku> = some_empty.map(|(sku, _)| sku.clone()).collect();
        let (mut more, at) = (Vec::new(), self.clock.now());
        for skus in empty.chunks(500) {
            let keys: Vec<Key> = skus.iter().map(records::ledger_key).collect();
            for (sku, row) in skus.iter().zip(self.store.get(&keys).await?) {
                let Some(ledger) = row.as_ref().map(records::ledger).transpose()? else { continue };
                let theirs = ledger.entries.iter().filter(|(listing, _)| listing.account == *id);
                let theirs = theirs.filter(|(listing, _)| shows_nothing(sku, listing));
                for (listing, entry) in
                    theirs.filter(|(listing, _)| !known.contains(&(sku.clone(), (*listing).clone())))
                {
                    let Some(shadow) = entry.shadow.filter(|shadow| *shadow > 0) else { continue };
                    let (sku, listing) = (sku.clone(), listing.clone());
                    more.push(Suspect {
                        sku,
                        listing,
                        known: shadow,
                        seen: Some(0),
                        at,
                        counted: 0,
                        verdict: None,
                        handled: false,
                    });
                }
            }
        }
        self.store.put_all(&more.iter().map(Suspect::row).collect::<Vec<_>>()).await?;
        Ok(!more.is_empty())
    }

    /// Whether a listing has been dealt with as was decided.
    async fn is_settled(&self, connected: &Connected, suspect: &Suspect) -> Result<bool, Error> {
        if suspect.seen.is_none() {
            return Ok(true);
        }
        if !suspect.handled {
            return Ok(false);
        }
        let (item, known) = match self.known_item(&suspect.sku).await {
            Ok(found) => found,
            Err(Error::NotFound { .. }) => return Ok(true),
            Err(error) => return Err(error),
        };
        let ledger = &known.ledger;
        let Some(entry) = ledger.entries.get(&suspect.listing) else { return Ok(true) };
        let mut believed = connected.clone();
        believed.account.quarantine = None;
        let Some(view) = known.view(&item, &suspect.listing, &believed) else { return Ok(true) };
        let decision = plan::plan(ledger, &BTreeMap::from([(suspect.listing.clone(), view)]));
        let quiet = entry.claim.is_none() && entry.square.as_ref().is_none_or(|square| square.guesses.is_none());
        let looked = entry.square.as_ref().is_none_or(|square| !square.is_unsettled(entry.shadow.unwrap_or(0)));
        Ok(quiet && looked && !matches!(decision.get(&suspect.listing), Some(Decision::Push(_))))
    }

    /// Notes SKUs that were edited to zero; gives why that must not be believed, with all of the window, when there were too
    /// many.
    pub(crate) async fn edited_to_zero(
        &self,
        connected: &Connected,
        zeroed: &[Suspect],
    ) -> Result<Option<(String, Vec<Suspect>)>, Error> {
        let rows: Vec<Row> = zeroed.iter().map(Suspect::window_row).collect();
        let query = Query {
            partition: window(&connected.account.id),
            index: false,
            prefix: String::new(),
            after: None,
            descending: true,
            limit: WINDOW_ROWS,
        };
        let (limits, now) = (&self.config.guard, self.clock.now());
        let mut within: BTreeMap<(Sku, ListingId), Suspect> = BTreeMap::new();
        for row in &self.store.query(&query).await?.rows {
            let suspect: Suspect = records::body(row)?;
            if now.since_ms(suspect.at) < limits.rolling_ms {
                within.insert((suspect.sku.clone(), suspect.listing.clone()), suspect);
            }
        }
        for suspect in zeroed {
            // not counted yet: this run asks before it counts
            within.insert((suspect.sku.clone(), suspect.listing.clone()), Suspect { counted: 0, ..suspect.clone() });
        }
        let stocked = connected.health.0.stocked;
        match limits.rolling_objection(within.len() as u64, stocked) {
            Some(why) => Ok(Some((why, within.into_values().collect()))),
            None => self.store.put_all(&rows).await.map(|()| None).map_err(Error::from),
        }
    }
}
