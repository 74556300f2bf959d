//! What is wrong now, account by account, and what of it people must be told.

use super::{On, StockWatch, alarms_row, outbox, since, stock_key};
use crate::contest::made;
use crate::hub::{Connected, Error, Hub};
use crate::ports::{Change, Condition, Query, QueueName, StoreError};
use crate::records::{self, DAY_MS, Todo, row, text};
use domain::alarm::{self, Alarm, Facts, Kind, Name, Raised, Thresholds};
use domain::{AccountId, Sku, Timestamp};
use std::collections::{BTreeMap, BTreeSet};

/// Alarms that are remembered; more are left out.
const ALARMS_MAX: usize = 500;
/// SKUs of each kind that are watched; more are left out.
const SKUS_MAX: usize = 100;
/// Attempts against others who note something at the same time.
const ATTEMPTS: usize = 8;

impl Hub {
    /// Looks at every account, notes which alarms have begun and which are over, and delivers what people must be told.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn watch(&self) -> Result<(), Error> {
        self.note_alarms().await?;
        self.deliver_notices().await
    }

    async fn note_alarms(&self) -> Result<(), Error> {
        let (settings, _) = self.alert_settings().await?;
        let (on, version) = self.alarms_on().await?;
        let mut alarms = self.alarms_of_all(&settings.thresholds).await?;
        alarms.truncate(ALARMS_MAX);
        let name = |raised: Raised| ((raised.alarm.kind, raised.alarm.subject.clone()), raised);
        let known: BTreeMap<Name, Raised> = on.raised.iter().cloned().map(name).collect();
        let now = self.clock.now();
        let (mut notices, raised) = alarm::compare(&known, alarms, settings.repeat_minutes * 60_000, now);
        let raised: Vec<Raised> = raised.into_values().collect();
        if raised == on.raised {
            return Ok(());
        }
        notices.retain(|notice| !settings.muted.contains(&notice.alarm.kind));
        let rows = outbox::rows(&settings.targets, &notices, now, || self.clock.random());
        let mut changes = vec![Change::Put(alarms_row(&On { raised }, version + 1), since(version))];
        changes.extend(rows.into_iter().map(|row| Change::Put(row, Condition::Any)));
        match self.store.write(&changes).await {
            // another process has just done the same
            Ok(()) | Err(StoreError::Conflict { .. }) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    async fn alarms_of_all(&self, thresholds: &Thresholds) -> Result<Vec<Alarm>, Error> {
        let now = self.clock.now();
        let mut alarms = Vec::new();
        self.forget_accounts();
        for (id, connected) in self.accounts().await?.iter() {
            let facts = self.facts(connected, now).await?;
            alarms.extend(alarm::of_account(id.as_str(), &facts, thresholds, now));
        }
        let dead = self.queue.depth(QueueName::Dead).await?.waiting;
        if dead >= thresholds.dead {
            let text = format!("{dead} messages failed too often and lie aside; look at the queue, then redrive them.");
            alarms.push(Alarm { kind: Kind::DeadLetters, subject: "hub".into(), text });
        }
        alarms.extend(self.alarms_of_stock(thresholds).await?);
        Ok(alarms)
    }

    /// Notes SKUs of which more was sold than there was.
    pub(crate) async fn note_oversold(&self, skus: &[Sku]) -> Result<(), Error> {
        if skus.is_empty() {
            return Ok(());
        }
        self.change_stock_watch(|watched| {
            let room = SKUS_MAX.saturating_sub(watched.oversold.len());
            watched.oversold.extend(skus.iter().take(room).map(ToString::to_string));
        })
        .await
    }

    /// Notes the SKUs of which little was left when all were compared.
    pub(crate) async fn note_low(&self, skus: BTreeSet<String>) -> Result<(), Error> {
        self.change_stock_watch(|watched| watched.low.clone_from(&skus)).await
    }

    async fn change_stock_watch(&self, change: impl Fn(&mut StockWatch)) -> Result<(), Error> {
        for _ in 0..ATTEMPTS {
            let (before, version) = self.stock_watch().await?;
            let mut watched = before.clone();
            change(&mut watched);
            if watched == before {
                return Ok(());
            }
            let row = row(stock_key(), version + 1, text(&watched));
            if made(self.store.write(&[Change::Put(row, since(version))]).await)? {
                return Ok(());
            }
        }
        Err(Error::Conflict("the list of oversold SKUs changes too fast".into()))
    }

    async fn stock_watch(&self) -> Result<(StockWatch, u64), Error> {
        match self.store.get(&[stock_key()]).await?.pop().flatten() {
            Some(row) => Ok((records::body(&row)?, row.version)),
            None => Ok((StockWatch::default(), 0)),
        }
    }

    /// Those of the watched SKUs of which it is still so.
    async fn still_watched(&self, thresholds: &Thresholds) -> Result<StockWatch, Error> {
        let (watched, _) = self.stock_watch().await?;
        let names: BTreeSet<String> = watched.oversold.union(&watched.low).cloned().collect();
        let skus: Vec<Sku> = names.into_iter().filter_map(|name| Sku::new(name).ok()).collect();
        let keys: Vec<_> = skus.iter().map(records::ledger_key).collect();
        let mut still = StockWatch::default();
        for (sku, row) in skus.iter().zip(self.store.get(&keys).await?) {
            let level = row.as_ref().map(records::ledger).transpose()?.map_or(0, |ledger| ledger.total());
            if level < 0 && watched.oversold.contains(sku.as_str()) {
                still.oversold.insert(sku.to_string());
            }
            if (0..=thresholds.low_stock).contains(&level) && watched.low.contains(sku.as_str()) {
                still.low.insert(sku.to_string());
            }
        }
        if still != watched {
            // what was noted in the meantime stays
            let gone =
                |now: &BTreeSet<String>, was: &BTreeSet<String>| was.difference(now).cloned().collect::<Vec<_>>();
            let (oversold, low) = (gone(&still.oversold, &watched.oversold), gone(&still.low, &watched.low));
            self.change_stock_watch(|kept| {
                kept.oversold.retain(|sku| !oversold.contains(sku));
                kept.low.retain(|sku| !low.contains(sku));
            })
            .await?;
        }
        Ok(still)
    }

    async fn alarms_of_stock(&self, thresholds: &Thresholds) -> Result<Vec<Alarm>, Error> {
        let watched = self.still_watched(thresholds).await?;
        let alarm = |kind: Kind, tell: fn(&str) -> String| {
            move |sku: &String| Alarm { kind, subject: sku.clone(), text: tell(sku) }
        };
        let oversold = alarm(Kind::Oversold, |sku| {
            format!("more of {sku} was sold than there was; restock it or cancel an order.")
        });
        let low = alarm(Kind::LowStock, |sku| format!("little is left of {sku}."));
        Ok(watched.oversold.iter().map(oversold).chain(watched.low.iter().map(low)).collect())
    }

    async fn facts(&self, connected: &Connected, now: Timestamp) -> Result<Facts, Error> {
        let (account, (health, _)) = (&connected.account, &connected.health);
        let days = connected.channel.info().credential_days;
        let made = account.rotated.unwrap_or(account.added);
        let broken =
            health.subscriptions.iter().filter(|one| one.required && !one.state.is_good() && !one.state.is_under_way());
        Ok(Facts {
            added: account.added,
            frozen: account.frozen.is_some(),
            quarantine: account.quarantine.clone(),
            two_hubs: health.two_hubs.clone(),
            contested: health.contested.clone(),
            failures: health.failures,
            error: health.error.clone(),
            read: health.read,
            hook: health.hook,
            unheard: health.unheard,
            broken_hooks: broken.map(|one| one.topic.clone()).collect(),
            credentials_end: days.map(|days| made.plus_ms(i64::from(days) * DAY_MS)),
            waits_since: self.waits_since(&account.id, now).await?,
            p95_ms: health.latency.quantiles().map(|it| it.p95_ms),
            clashes: health.clashes.clone(),
        })
    }

    /// Since when the longest waiting work of an account is due; `None` when none is.
    async fn waits_since(&self, account: &AccountId, now: Timestamp) -> Result<Option<Timestamp>, Error> {
        if let Some(all) = self.all_waiting(account).await? {
            return Ok(all.iter().map(|(_, todo)| todo.due).filter(|due| *due <= now).min());
        }
        let mut first: Option<Timestamp> = None;
        for urgency in records::URGENCIES {
            let query = Query {
                partition: records::todo_partition(account),
                index: false,
                prefix: urgency.into(),
                after: None,
                descending: false,
                limit: 1,
            };
            for row in &self.store.query(&query).await?.rows {
                let due = records::body::<Todo>(row)?.due;
                if due <= now {
                    first = Some(first.map_or(due, |first| first.min(due)));
                }
            }
        }
        Ok(first)
    }
}
