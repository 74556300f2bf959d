//! What can be seen.

use super::people::sku;
use super::step::Sight;
use super::tell;
use super::town::{Town, account};
use domain::{ListingId, Sku};
use engine::ports::QueueName;
use engine::records::{self, History, KeptHook};
use engine::trail::{Entry, Outcome, Wanted};
use serde_json::Value;

type Seen = Result<Vec<String>, String>;

/// Lines of history that are looked at.
const LINES: usize = 500;

impl Town {
    /// Looks.
    pub(super) fn see(&mut self, sight: &Sight) -> Seen {
        match sight {
            Sight::Levels(skus) => {
                let rows = skus.iter().map(|sku| self.levels(sku)).collect::<Result<Vec<_>, _>>()?;
                Ok(tell::columns(&rows))
            }
            Sight::History(name) => self.history(name),
            Sight::Accounts(stores) => self.accounts(&stores.clone()),
            Sight::Writes => Ok(vec![self.writes()]),
            Sight::Dead => Ok(vec![format!("{} dead", self.queue.count(QueueName::Dead))]),
            Sight::Kept(store) => self.kept(store),
            Sight::Calls(store) => Ok(vec![self.calls(store)]),
            Sight::Stranded(store) => {
                let names = self.market.stranded(store);
                Ok(if names.is_empty() { vec!["none".into()] } else { names })
            }
            Sight::Why(sku, store) => self.why(sku, store),
            Sight::Alarms => self.alarms(),
            Sight::Quarantine(store) => self.quarantine(store),
            Sight::OwnActs => self.own_acts(),
            Sight::Audit => self.audit(),
            Sight::Found(filter) => self.found(filter),
        }
    }

    /// The SKU, the hub level, and the level of each store with how its listing stands.
    fn levels(&mut self, name: &str) -> Result<Vec<String>, String> {
        let asked = sku(name)?;
        let item = self.ask(|hub| async move {
            // as after a restart: a cached account would show what was
            hub.forget_accounts();
            hub.show_item(&asked).await
        })?;
        let item = item.ok();
        let level = item.as_ref().map_or_else(|| "-".to_owned(), |item| item.level.to_string());
        let parts = item.as_ref().filter(|item| item.warehouses.len() > 1);
        let parts = parts.map(|item| item.warehouses.iter().map(|(id, level)| format!("{id} {level}")));
        let parts = parts.map(|parts| format!(" ({})", parts.collect::<Vec<_>>().join(", "))).unwrap_or_default();
        let mut row = vec![name.to_owned(), format!("hub {level}{parts}")];
        for store in self.stores.clone() {
            for (place, location) in self.market.places(&store) {
                let listing = ListingId::at(account(&store), location);
                let level = match self.market.platform(&store) {
                    Some(_) => self.market.level(&listing, name),
                    None => self.fake().level(self.business(&store), name),
                };
                let level = level.map_or_else(|| "-".to_owned(), |level| level.to_string());
                let view = item.as_ref().and_then(|item| item.listings.iter().find(|view| view.listing == listing));
                row.push(format!("{place} {level}{}", view.map_or_else(|| " (unmapped)".to_owned(), tell::standing)));
            }
        }
        Ok(row)
    }

    fn history(&mut self, name: &str) -> Seen {
        let asked: Sku = sku(name)?;
        let known = self.books.read.get(&asked).copied().unwrap_or_default();
        let page = self.ask({
            let asked = asked.clone();
            |hub| async move { hub.history(&asked, None, LINES).await }
        })?;
        let mut lines: Vec<History> = page.map_err(|error| error.to_string())?.rows;
        lines.reverse();
        self.books.read.insert(asked, lines.len());
        let told = lines.iter().skip(known).map(|line| self.market.named(tell::history(line, &self.books.orders)));
        let seen: Vec<String> = told.collect();
        Ok(if seen.is_empty() { vec!["nothing new".into()] } else { seen })
    }

    fn accounts(&mut self, stores: &[String]) -> Seen {
        let mut lines = Vec::new();
        for store in stores {
            let id = account(store);
            let view = self.ask(|hub| async move { hub.show_account(&id).await })?;
            let state = match view {
                Ok(view) => tell::account(&view),
                Err(error) => vec![error.to_string()],
            };
            lines.extend(state.into_iter().map(|text| format!("{store}: {text}")));
        }
        Ok(lines)
    }

    /// How many writes through its API have changed a level of a store.
    pub(super) fn written(&self, store: &str) -> usize {
        if let Some(platform) = self.market.platform(store) {
            return self.market.written(store, platform);
        }
        self.fake().writes(self.business(store)).len()
    }

    fn writes(&mut self) -> String {
        let mut words = Vec::new();
        for store in self.stores.clone() {
            let now = self.written(&store);
            let before = self.books.writes.insert(store.clone(), now).unwrap_or_default();
            words.push(format!("{store} {}", now - before));
        }
        words.join("   ")
    }

    /// The calls of a store's API that are not those of every minute, since this was last looked at.
    fn calls(&mut self, store: &str) -> String {
        let now = self.market.calls(store);
        let before = std::mem::replace(&mut self.books.calls, now.clone());
        let new = now.iter().map(|(name, count)| (name, count - before.get(name).copied().unwrap_or_default()));
        let words: Vec<String> = new.filter(|(_, new)| *new > 0).map(|(name, new)| format!("{name} {new}")).collect();
        if words.is_empty() { "none".into() } else { words.join("   ") }
    }

    fn kept(&self, store: &str) -> Seen {
        let rows = self.store.peek_all(&format!("KEPT#{store}"));
        let kept = rows.iter().map(records::body::<KeptHook>);
        kept.map(|kept| Ok(tell::kept(&kept.map_err(|error| error.to_string())?))).collect()
    }

    fn alarms(&mut self) -> Seen {
        let alerts = self.ask(|hub| async move { hub.alerts().await })?.map_err(|error| error.to_string())?;
        let told = alerts.alarms.iter().map(|raised| format!("{}: {}", raised.alarm.kind.name(), raised.alarm.text));
        let told: Vec<String> = told.collect();
        Ok(if told.is_empty() { vec!["no alarm".into()] } else { told })
    }

    fn quarantine(&mut self, store: &str) -> Seen {
        let id = account(store);
        let view = self.ask(|hub| async move { hub.quarantine_of(&id, None, LINES).await })?;
        let view = view.map_err(|error| error.to_string())?;
        let (all, first) = (view.suspects.rows.len(), view.suspects.rows.first());
        let one = first.map(|one| {
            let seen = one.seen.map_or_else(|| "missing".to_owned(), |level| level.to_string());
            format!("; first {} {} -> {seen}", one.sku, one.known)
        });
        let open = view.suspects.rows.iter().filter(|one| one.verdict.is_none()).count();
        Ok(vec![format!("{all} listings, {open} undecided{}", one.unwrap_or_default())])
    }

    fn own_acts(&mut self) -> Seen {
        let wanted = Wanted { actor: Some("hub".into()), limit: LINES, ..Wanted::default() };
        let now = self.now();
        let page = self.ask(|hub| async move { hub.trail_of_day(now, &wanted).await })?;
        let mut rows = page.map_err(|error| error.to_string())?.rows;
        rows.reverse();
        let told: Vec<String> = rows.iter().map(|entry| format!("{} {}", entry.action, entry.subject)).collect();
        Ok(if told.is_empty() { vec!["none".into()] } else { told })
    }

    /// Who changed what through the API, oldest first.
    fn audit(&mut self) -> Seen {
        let (wanted, now) = (Wanted { limit: LINES, ..Wanted::default() }, self.now());
        let page = self.ask(|hub| async move { hub.trail_of_day(now, &wanted).await })?;
        let mut rows = page.map_err(|error| error.to_string())?.rows;
        rows.reverse();
        let changed = |entry: &Entry| match (&entry.before, &entry.after) {
            (Value::Null, Value::Null) => String::new(),
            (before, after) => format!(": {before} -> {after}"),
        };
        let ended = |entry: &Entry| match entry.outcome {
            Outcome::Begun => " (begun)".to_owned(),
            Outcome::Done => String::new(),
            Outcome::Refused(status) => format!(" (refused with {status})"),
        };
        let row = |entry: &Entry| {
            format!("{}: {} {}{}{}", entry.actor, entry.action, entry.subject, changed(entry), ended(entry))
        };
        Ok(rows.iter().filter(|entry| entry.action.contains(" /api/")).map(row).collect())
    }

    fn why(&mut self, name: &str, store: &str) -> Seen {
        let (asked, listing) = (sku(name)?, ListingId::single(account(store)));
        let why = self.ask(|hub| async move { hub.explain(&asked).await })?.map_err(|error| error.to_string())?;
        let found = why.listings.iter().find(|why| why.view.listing == listing);
        let found = found.ok_or_else(|| format!("{name} is not listed at {store}"))?;
        Ok(vec![tell::steps(&found.steps)])
    }
}
