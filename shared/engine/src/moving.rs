//! Moving a hub: everything that matters out of one and into an empty other, whichever of the two is on AWS.
//!
//! A hub that is exported stands still: it accepts webhooks and does nothing about them, counts nothing, writes nothing. So
//! what is read is one moment, however long reading takes, and two hubs never serve the same stores. What happens in the
//! stores meanwhile is found by the other hub: movement feeds are read on from where they stood, everything else is compared.
//!
//! Pushes that were on their way travel along as claims. Their keys are derived from what they are, so the other hub asks the
//! store again under the same key, or finds out by reading, as after any crash.
//!
//! | entity | pk | sk |
//! |---|---|---|
//! | standstill | `HUB` | `HEALTH#!standstill`: read with every account's health, so that it costs nothing |

use crate::hub::{Error, Hub, secrets_name};
use crate::ports::{Change, Condition, IndexKey, Key, Row};
use crate::receive::SIGNING;
use crate::records::{self, HUB};
use crate::units;
use channels::Secrets;
use domain::{Ledger, Sku, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The version of what [`Hub::export_page`] gives.
pub const FORMAT: u32 = 1;
/// Rows of one page.
pub const PAGE: usize = 500;

/// Why a hub stands still.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Why {
    /// It is exported, or was.
    Export,
    /// It is being filled from another one.
    Import,
}

/// A hub that stands still.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Standstill {
    /// Why.
    pub why: Why,
    /// Since when.
    pub since: Timestamp,
    /// From then on every worker has seen it and ended what it was doing.
    pub quiet: Timestamp,
}

/// A row on its way from one hub to another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MovedRow {
    /// Partition.
    pub pk: String,
    /// Sort key.
    pub sk: String,
    /// Version.
    pub v: u64,
    /// Body, as text.
    pub b: String,
    /// When it expires, milliseconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub e: Option<i64>,
    /// Its place in the index.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub i: Option<(String, String)>,
}

/// A page of an export.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExportPage {
    /// The rows.
    pub rows: Vec<MovedRow>,
    /// Where to go on; absent after the last page.
    pub next: Option<String>,
}

/// Every secret of a hub, by its name in the vault. Never shown: only ever sealed.
pub type AllSecrets = BTreeMap<String, Secrets>;

impl Standstill {
    /// Where it lives: among the health of accounts, none of which can have this name.
    pub(crate) fn key() -> Key {
        Key { pk: HUB.into(), sk: "HEALTH#!standstill".into() }
    }

    fn row(self) -> Row {
        let body = serde_json::to_string(&self).unwrap_or_default();
        Row { key: Self::key(), version: 1, body, expires: None, index: None }
    }
}

impl From<Row> for MovedRow {
    fn from(row: Row) -> Self {
        Self {
            pk: row.key.pk,
            sk: row.key.sk,
            v: row.version,
            b: row.body,
            e: row.expires.map(|at| at.0),
            i: row.index.map(|index| (index.partition, index.sort)),
        }
    }
}

impl From<MovedRow> for Row {
    fn from(row: MovedRow) -> Self {
        Self {
            key: Key { pk: row.pk, sk: row.sk },
            version: row.v,
            body: row.b,
            expires: row.e.map(Timestamp),
            index: row.i.map(|(partition, sort)| IndexKey { partition, sort }),
        }
    }
}

impl Hub {
    /// Whether the hub stands still, as it is stored.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn standstill(&self) -> Result<Option<Standstill>, Error> {
        let row = self.store.get(&[Standstill::key()]).await?.into_iter().next().flatten();
        Ok(row.as_ref().map(records::body).transpose()?)
    }

    /// Refuses to change anything on a hub that stands still.
    pub(crate) async fn must_move(&self) -> Result<(), Error> {
        self.accounts().await?;
        moves(self.stands_still())
    }
}

/// Refuses to change anything on a hub that stands still.
pub(crate) fn moves(still: Option<Why>) -> Result<(), Error> {
    match still {
            None => Ok(()),
            Some(Why::Export) => Err(Error::Conflict(
                "this hub was exported and stands still; `evenstock export --resume` lets it go on, if the other one does not"
                    .into(),
            )),
            Some(Why::Import) => Err(Error::Conflict(
                "this hub is being filled from another one; finish with `evenstock import --finish`".into(),
            )),
        }
}

impl Hub {
    /// Makes the hub stand still, to be exported.
    ///
    /// # Errors
    /// [`Error::Conflict`] while it is being filled.
    pub async fn stand_still(&self) -> Result<Standstill, Error> {
        match self.standstill().await? {
            Some(still) if still.why == Why::Export => return Ok(still),
            Some(_) => return Err(Error::Conflict("this hub is being filled from another one".into())),
            None => {}
        }
        let since = self.clock.now();
        let still = Standstill { why: Why::Export, since, quiet: since.plus_ms(self.quiet_ms()) };
        self.store.write(&[Change::Put(still.row(), Condition::Absent)]).await?;
        self.forget_accounts();
        Ok(still)
    }

    /// How long it takes until every worker has seen a standstill and ended what it was doing, milliseconds: the cache of
    /// accounts, a run, and as much again for its last calls.
    fn quiet_ms(&self) -> i64 {
        let longest = self.config.account_cache + 2 * self.config.deadline;
        i64::try_from(longest.as_millis()).unwrap_or(i64::MAX)
    }

    /// Lets a hub go on: one that was exported and stays, or one that is filled. Everything in every store is looked at again,
    /// and the stores' webhooks are told this hub's address. Gives how many accounts have no secrets yet.
    ///
    /// # Errors
    /// [`Error::Store`], [`Error::Queue`].
    pub async fn go_on(&self) -> Result<Vec<domain::AccountId>, Error> {
        self.store.write(&[Change::Delete(Standstill::key(), Condition::Any)]).await?;
        self.forget_accounts();
        let mut without = Vec::new();
        for id in self.accounts().await?.keys() {
            if self.vault.get(&secrets_name(id), true).await?.is_none() {
                without.push(id.clone());
            }
            self.sync_account(id).await?;
        }
        self.check_hooks().await?;
        Ok(without)
    }

    /// One page of what a hub is.
    ///
    /// # Errors
    /// [`Error::Conflict`] while it does not stand still, or not for long enough.
    pub async fn export_page(&self, after: Option<&str>) -> Result<ExportPage, Error> {
        let now = self.clock.now();
        let quiet = self.standstill().await?.is_some_and(|still| still.quiet <= now);
        if !quiet {
            let seconds = self.quiet_ms() / 1000;
            return Err(Error::Conflict(format!("the hub must stand still for {seconds} seconds before it is read")));
        }
        let page = self.store.scan(after, PAGE).await?;
        let rows = filed(page.rows.into_iter().filter(|row| matters(row, now)), now)?;
        Ok(ExportPage { rows: rows.into_iter().map(MovedRow::from).collect(), next: page.next })
    }

    /// Every secret of the accounts and stock feeds.
    ///
    /// # Errors
    /// [`Error::Vault`].
    pub async fn all_secrets(&self) -> Result<AllSecrets, Error> {
        let mut names: Vec<String> = self.accounts().await?.keys().map(secrets_name).collect();
        names.extend(self.list_feeds().await?.iter().map(|view| crate::stock_feeds::vault_name(&view.feed.name)));
        names.push(SIGNING.to_owned());
        let mut all = AllSecrets::new();
        for name in names {
            if let Some(secrets) = self.vault.get(&name, true).await? {
                all.insert(name, secrets);
            }
        }
        Ok(all)
    }

    /// Begins to fill an empty hub; it stands still until it is told to go on.
    ///
    /// # Errors
    /// [`Error::Conflict`] when it is not empty; [`Error::Invalid`] for a format of a later version.
    pub async fn begin_import(&self, format: u32) -> Result<(), Error> {
        if format != FORMAT {
            let message = format!("format: {format} is not known here; this version reads {FORMAT}");
            return Err(Error::Invalid(message));
        }
        if self.standstill().await?.is_some_and(|still| still.why == Why::Import) {
            return Ok(());
        }
        let is_used = !self.all_rows(HUB, "ACCOUNT#").await?.is_empty() || !self.is_without_items().await?;
        if is_used {
            let message = "this hub has accounts or items; a hub is only imported into an empty one";
            return Err(Error::Conflict(message.into()));
        }
        let since = self.clock.now();
        let still = Standstill { why: Why::Import, since, quiet: since };
        self.store.write(&[Change::Put(still.row(), Condition::Any)]).await?;
        self.forget_accounts();
        Ok(())
    }

    async fn is_without_items(&self) -> Result<bool, Error> {
        Ok(self.item_rows(None, 1).await?.rows.is_empty())
    }

    /// Puts rows of another hub. Putting the same again changes nothing.
    ///
    /// # Errors
    /// [`Error::Conflict`] unless [`Hub::begin_import`] was called.
    pub async fn import_rows(&self, rows: Vec<MovedRow>) -> Result<u64, Error> {
        self.must_be_filling().await?;
        let now = self.clock.now();
        let rows: Vec<Row> = rows.into_iter().map(Row::from).filter(|row| matters(row, now)).collect();
        self.store.put_all(&rows).await?;
        Ok(rows.len() as u64)
    }

    /// Puts the secrets of another hub.
    ///
    /// # Errors
    /// [`Error::Conflict`] unless [`Hub::begin_import`] was called.
    pub async fn import_secrets(&self, all: AllSecrets) -> Result<(), Error> {
        self.must_be_filling().await?;
        for (name, secrets) in all.iter().filter(|(name, _)| *name == SIGNING || name.starts_with("account/")) {
            self.vault.put(name, secrets).await?;
        }
        Ok(())
    }

    async fn must_be_filling(&self) -> Result<(), Error> {
        match self.standstill().await? {
            Some(Standstill { why: Why::Import, .. }) => Ok(()),
            Some(_) | None => Err(Error::Conflict("begin the import first".into())),
        }
    }
}

/// Rows with every sale line as a row of its own, which every version of this program reads. A line whose row is there already is
/// given twice, unless it is among these: putting it again changes nothing.
fn filed(rows: impl Iterator<Item = Row>, now: Timestamp) -> Result<Vec<Row>, Error> {
    let mut filed: BTreeMap<Key, Row> = BTreeMap::new();
    for row in rows {
        let sku = row.key.pk.strip_prefix("SKU#").filter(|_| row.key.sk == "STATE").and_then(|sku| Sku::new(sku).ok());
        let Some(sku) = sku else {
            filed.insert(row.key.clone(), row);
            continue;
        };
        let ledger = records::ledger(&row)?;
        for line in &ledger.unfiled {
            let marker = records::sale_row(&line.account, &sku, &line.marker(), now);
            filed.entry(marker.key.clone()).or_insert(marker);
        }
        let state = records::ledger_row(&sku, &Ledger { unfiled: Vec::new(), ..ledger }, row.version);
        filed.insert(state.key.clone(), Row { expires: row.expires, index: row.index, ..state });
    }
    Ok(filed.into_values().collect())
}

/// Whether a row goes along. What waits, what runs, what a comparison remembers and what units were called does not: the other hub
/// looks at everything again. Nor does health, which is of this machine, nor who has signed in.
fn matters(row: &Row, now: Timestamp) -> bool {
    let (pk, sk) = (row.key.pk.as_str(), row.key.sk.as_str());
    let stays = pk.starts_with("TODO#")
        || pk.starts_with("KEPT#")
        || sk.starts_with("LEVELS#")
        || sk.starts_with(units::PREFIX)
        || (pk == HUB && (sk.starts_with("HEALTH#") || sk.starts_with("SESSION#")))
        // active runs: they would be driven twice
        || row.index.as_ref().is_some_and(|index| index.partition == "RUNS");
    let is_over = row.expires.is_some_and(|expires| expires <= now);
    !stays && !is_over
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::{AccountId, Unfiled};

    fn row(pk: &str, sk: &str) -> Row {
        Row { key: Key { pk: pk.into(), sk: sk.into() }, version: 3, body: "{}".into(), expires: None, index: None }
    }

    #[test]
    fn what_waits_stays_and_what_was_counted_goes_along() {
        let now = Timestamp(1_000);
        for (pk, sk) in
            [("SKU#a", "STATE"), ("SALE#main#1", "LINE#1#a"), ("HUB", "ACCOUNT#main"), ("ACCOUNT#main", "CURSOR#feed")]
        {
            assert!(matters(&row(pk, sk), now), "{pk} {sk}");
        }
        for (pk, sk) in [
            ("TODO#main", "1"),
            ("HUB", "HEALTH#main"),
            ("HUB", "HEALTH#!standstill"),
            ("ACCOUNT#main", "LEVELS#0"),
            ("ACCOUNT#main", "UNIT#7"),
        ] {
            assert!(!matters(&row(pk, sk), now), "{pk} {sk}");
        }
        assert!(!matters(&Row { expires: Some(now), ..row("SALE#main#1", "LINE#1#a") }, now));
    }

    #[test]
    fn lines_that_ride_in_a_ledger_are_exported_as_rows() {
        let (sku, account) = (Sku::new("a").expect("a SKU"), AccountId::new("main").expect("an account"));
        let line = |order: &str| Unfiled {
            account: account.clone(),
            order: order.parse().expect("an order"),
            line: "1".parse().expect("a line"),
            units: 2,
            logged: true,
            taken: BTreeMap::new(),
        };
        let ledger = Ledger { unfiled: vec![line("1"), line("2")], ..Ledger::default() };
        let state = records::ledger_row(&sku, &ledger, 7);
        // the second was filed, and its ledger not written since
        let there =
            Row { expires: Some(Timestamp(9)), ..records::sale_row(&account, &sku, &line("2").marker(), Timestamp(0)) };
        let rows = filed([there.clone(), state].into_iter(), Timestamp(0)).expect("rows");
        let keys: Vec<_> = rows.iter().map(|row| row.key.pk.as_str()).collect();
        assert_eq!(keys, ["SALE#main#1", "SALE#main#2", "SKU#a"]);
        assert_eq!((rows[0].version, &rows[1]), (3, &there));
        assert_eq!((rows[2].version, rows[2].body.as_str()), (7, r#"{"b":{},"l":{}}"#));
    }

    #[test]
    fn a_row_survives_its_way() {
        let index = Some(IndexKey { partition: "ITEMS".into(), sort: "a".into() });
        let all = Row { expires: Some(Timestamp(5)), index, ..row("SKU#a", "ITEM") };
        let text = serde_json::to_string(&MovedRow::from(all.clone())).expect("plain data");
        assert_eq!(Row::from(serde_json::from_str::<MovedRow>(&text).expect("our own text")), all);
    }
}
