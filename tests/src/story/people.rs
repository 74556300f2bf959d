//! What people do at the hub.

use super::step::Person;
use super::tell;
use super::town::{Town, account};
use channels::{Secret, Secrets};
use domain::{ListingId, LocationId, Sku, WarehouseId};
use engine::Error;
use engine::accounts::AccountPatch;
use engine::adopt::{Adoption, Silent};
use engine::locations::Order;
use engine::quarantine::Verdict;
use engine::stock::{Amount, StockEdit, StockLine};
use engine::warehouses::NewWarehouse;
use std::collections::BTreeMap;

/// After the first sync all is quiet within this time, milliseconds.
const QUIET_MS: i64 = 300_000;

type Seen = Result<Vec<String>, String>;

pub(super) fn refused(error: &Error) -> Vec<String> {
    vec![format!("refused: {error}")]
}

fn at(store: &str, location: u64) -> ListingId {
    ListingId::at(account(store), LocationId::new(location.to_string()).expect("a number"))
}

fn warehouse_id(name: &str) -> Result<WarehouseId, String> {
    WarehouseId::new(name).map_err(|error| error.to_string())
}

pub(super) fn sku(text: &str) -> Result<Sku, String> {
    Sku::new(text).map_err(|error| error.to_string())
}

impl Town {
    /// Connects every store and adopts the master's stock.
    pub(super) fn connect(&mut self) -> Seen {
        for store in self.stores.clone() {
            let seen = self.add(&store)?;
            if !seen.is_empty() {
                return Ok(seen);
            }
        }
        let adopted = self.ask(|hub| async move { hub.adopt(true, &Silent).await })?;
        self.until(self.core.now_ms() + QUIET_MS);
        self.books.writes = self.stores.iter().map(|store| (store.clone(), self.written(store))).collect();
        Ok(adopted.err().as_ref().map(refused).unwrap_or_default())
    }

    fn add(&mut self, store: &str) -> Seen {
        let new = self.new_account(store);
        let added = self.ask(|hub| async move { hub.add_account(new).await })?;
        Ok(added.err().as_ref().map(refused).unwrap_or_default())
    }

    /// Does what somebody does at the hub.
    pub(super) fn person(&mut self, person: &Person) -> Seen {
        match person {
            Person::Adds(store) => self.add(store),
            Person::Previews => self.adopt(false),
            Person::Adopts => self.adopt(true),
            Person::Pauses(store) => self.patch(store, AccountPatch { paused: Some(true), ..AccountPatch::default() }),
            Person::Resumes(store) => {
                self.patch(store, AccountPatch { paused: Some(false), ..AccountPatch::default() })
            }
            Person::Releases(store) => self.patch(store, AccountPatch { release: true, ..AccountPatch::default() }),
            Person::Freezes(store) => self.patch(store, AccountPatch { frozen: Some(true), ..AccountPatch::default() }),
            Person::Thaws(store) => self.patch(store, AccountPatch { frozen: Some(false), ..AccountPatch::default() }),
            Person::Restocks(store, restock) => {
                self.patch(store, AccountPatch { restock: Some(*restock), ..AccountPatch::default() })
            }
            Person::Flash(store, minutes) => {
                self.patch(store, AccountPatch { flash_minutes: Some(*minutes), ..AccountPatch::default() })
            }
            Person::Judges(store, verdict, skus) => self.judge(store, *verdict, skus),
            Person::Uncontests(name, store) => {
                let (sku, id) = (sku(name)?, account(store));
                let done = self.ask(|hub| async move { hub.release_contested(&sku, &id).await })?;
                Ok(done.err().as_ref().map(refused).unwrap_or_default())
            }
            Person::AnnouncesSigner(store) => self.rotate(store, self.next_signer(store)),
            Person::Removes(store) => {
                let id = account(store);
                let done = self.ask(|hub| async move { hub.remove_account(&id).await })?;
                Ok(done.err().as_ref().map(refused).unwrap_or_default())
            }
            Person::Rotates(store) => self.rotate(store, self.key(store)),
            Person::Mistypes(store) => {
                self.rotate(store, Secrets::from([("api_key".to_owned(), Secret::new("no such key"))]))
            }
            Person::RotatesSigner(store) => self.rotate(store, self.signer(store)),
            Person::Setting(store, name, value) => {
                let settings = BTreeMap::from([(name.clone(), value.clone())]);
                self.patch(store, AccountPatch { settings, ..AccountPatch::default() })
            }
            Person::Inbound(store, inbound) => {
                self.patch(store, AccountPatch { inbound: Some(*inbound), ..AccountPatch::default() })
            }
            Person::Drift(store, drift) => {
                self.patch(store, AccountPatch { drift: Some(*drift), ..AccountPatch::default() })
            }
            Person::Sets(sku, level, why) => self.edit(sku, Amount::Set(*level), why),
            Person::Adjusts(sku, units, why) => self.edit(sku, Amount::Adjust(*units), why),
            Person::Uploads(lines) => self.upload(lines),
            Person::Syncs(name) => {
                let sku = sku(name)?;
                let done = self.ask(|hub| async move { hub.sync_item(&sku).await })?;
                Ok(done.err().as_ref().map(refused).unwrap_or_default())
            }
            Person::Gives(store, place, warehouse) => self.give(store, place, warehouse),
            Person::Frees(store, place) => {
                let number = self.market.location(store, place)?;
                self.order_places(Order::Unlink(at(store, number)))
            }
            Person::Feeds(store, warehouses) => {
                for warehouse in warehouses {
                    self.have_warehouse(warehouse)?;
                }
                let ids = warehouses.iter().map(|name| warehouse_id(name)).collect::<Result<_, String>>()?;
                self.order_places(Order::Feed(account(store), ids))
            }
            Person::Arranges(what) => self.arrange(what),
        }
    }

    fn give(&mut self, store: &str, place: &str, name: &str) -> Seen {
        self.have_warehouse(name)?;
        let (location, warehouse) = (at(store, self.market.location(store, place)?), warehouse_id(name)?);
        self.order_places(Order::Link { location, warehouse, moving: false })
    }

    /// Opens a warehouse if there is none of that name.
    fn have_warehouse(&mut self, name: &str) -> Result<(), String> {
        let new = NewWarehouse { id: warehouse_id(name)?, name: None };
        // it may be there already
        self.ask(|hub| async move { hub.add_warehouse(new).await }).map(drop)
    }

    fn order_places(&mut self, order: Order) -> Seen {
        let done = self.ask(|hub| async move { hub.arrange(&order, true, "ann", &Silent).await })?;
        Ok(match done {
            Ok(linking) if linking.skus == 0 => Vec::new(),
            Ok(linking) => vec![tell::linking(&linking)],
            Err(error) => refused(&error).into_iter().map(|text| self.market.named(text)).collect(),
        })
    }

    fn judge(&mut self, store: &str, verdict: Verdict, names: &[String]) -> Seen {
        let id = account(store);
        let skus: Vec<Sku> = names.iter().map(|name| sku(name)).collect::<Result<_, _>>()?;
        let judged = self.ask(|hub| async move {
            let skus = (!skus.is_empty()).then_some(skus.as_slice());
            hub.judge_quarantine(&id, verdict, skus, "ann").await
        })?;
        Ok(judged.err().as_ref().map(refused).unwrap_or_default())
    }

    fn adopt(&mut self, apply: bool) -> Seen {
        let adopted: Result<Adoption, Error> = self.ask(|hub| async move { hub.adopt(apply, &Silent).await })?;
        Ok(match adopted {
            Ok(adoption) => tell::adoption(&adoption).into_iter().map(|line| self.market.named(line)).collect(),
            Err(error) => refused(&error),
        })
    }

    fn patch(&mut self, store: &str, patch: AccountPatch) -> Seen {
        let id = account(store);
        let changed = self.ask(|hub| async move { hub.change_account(&id, patch).await })?;
        Ok(changed.err().as_ref().map(refused).unwrap_or_default())
    }

    fn rotate(&mut self, store: &str, secrets: Secrets) -> Seen {
        let id = account(store);
        let rotated = self.ask(|hub| async move { hub.rotate_account(&id, secrets).await })?;
        Ok(rotated.err().as_ref().map(refused).unwrap_or_default())
    }

    fn edit(&mut self, name: &str, amount: Amount, why: &str) -> Seen {
        let (sku, edit) = (sku(name)?, StockEdit { amount, reason: why.to_owned(), warehouse: None });
        let edited = self.ask(|hub| async move { hub.edit_stock(&sku, &edit, "ann").await })?;
        Ok(vec![match edited {
            Ok(change) => format!("{} {} -> {}", change.sku, change.before, change.after),
            Err(error) => format!("refused: {error}"),
        }])
    }

    fn upload(&mut self, lines: &[(String, String)]) -> Seen {
        let line = |(sku, quantity): &(String, String)| StockLine {
            sku: sku.clone(),
            quantity: quantity.clone(),
            warehouse: None,
        };
        let lines: Vec<StockLine> = lines.iter().map(line).collect();
        let done = self.ask(|hub| async move { hub.import_stock(&lines, "stock file", "ann", false).await })?;
        Ok(match done {
            Ok(results) => results.iter().map(tell::line).collect(),
            Err(error) => refused(&error),
        })
    }
}
