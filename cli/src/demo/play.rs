//! Fake stores of one platform for the console's page of fake stores: what its buttons do.

use super::stores::{Store, expected};
use super::world::{RATE, SHELF};
use crate::demo::world::channel_title;
use domain::Role;
use engine::records::Rate;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};
use web::console::{Act, PlayStore, Playground, Product};

/// The stores, and what the page must remember of them.
pub struct Ground {
    stores: Arc<Vec<Store>>,
    memory: Mutex<Memory>,
}

#[derive(Default)]
struct Memory {
    /// Orders of each store that can be taken back, the newest last.
    orders: BTreeMap<String, Vec<u64>>,
    deaf: BTreeSet<String>,
    down: BTreeSet<String>,
    /// What shoppers did in the replicas before the hub knew a SKU: its levels include that already.
    before: BTreeMap<&'static str, i64>,
}

impl Ground {
    /// The ground over some stores.
    #[must_use]
    pub fn new(stores: Arc<Vec<Store>>) -> Self {
        Self { stores, memory: Mutex::default() }
    }

    fn memory(&self) -> std::sync::MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn store(&self, name: &str) -> Result<&Store, String> {
        self.stores.iter().find(|store| store.name == name).ok_or_else(|| format!("there is no store {name:?} here"))
    }

    fn play(&self, store: &Store, down: bool, deaf: bool) -> PlayStore {
        let product = |(sku, title, ..): &(&str, &str, i64, i64, i64)| Product {
            sku: (*sku).to_owned(),
            title: (*title).to_owned(),
            level: store.level(sku),
        };
        let (channel, keys) = store.account(None).map_or_else(
            |_| (String::new(), Vec::new()),
            |new| (new.channel, keys(&new.settings, &new.secrets, Some(RATE))),
        );
        PlayStore {
            name: store.name.clone(),
            account: store.name.clone(),
            warehouses: Vec::new(),
            role: store.role,
            title: channel_title().to_owned(),
            channel,
            keys,
            down,
            deaf,
            products: SHELF.iter().map(product).collect(),
        }
    }

    fn take_back(&self, store: &Store) -> Result<String, String> {
        let order = self.memory().orders.get_mut(&store.name).and_then(Vec::pop);
        let order = order.ok_or_else(|| format!("{} has no order to take back; buy something first", store.name))?;
        store.take_back(order).map_err(|error| error.to_string())?;
        Ok(format!("{}: order {order} was taken back.", store.name))
    }
}

/// What to enter where a store is connected, by the titles of its channel's form.
pub(super) fn keys(
    settings: &BTreeMap<String, String>,
    secrets: &channels::Secrets,
    rate: Option<Rate>,
) -> Vec<(String, String)> {
    let titles: BTreeMap<&str, &str> = channels::registry::CHANNELS
        .iter()
        .flat_map(|channel| channel.info().settings)
        .map(|setting| (setting.name, setting.title))
        .collect();
    let title = |name: &str| titles.get(name).copied().unwrap_or(name).to_owned();
    let open = settings.iter().map(|(name, text)| (title(name), text.clone()));
    let secret = secrets.iter().map(|(name, secret)| (title(name), secret.reveal().to_owned()));
    let rate =
        rate.map(|rate| [("Calls a minute", rate.per_minute.to_string()), ("Calls at once", rate.burst.to_string())]);
    let rate = rate.into_iter().flatten().map(|(name, text)| (name.to_owned(), text));
    secret.chain(open).chain(rate).collect()
}

impl Playground for Ground {
    fn stores(&self) -> Vec<PlayStore> {
        let (down, deaf) = {
            let memory = self.memory();
            (memory.down.clone(), memory.deaf.clone())
        };
        self.stores
            .iter()
            .map(|store| self.play(store, down.contains(&store.name), deaf.contains(&store.name)))
            .collect()
    }

    fn truth(&self, known: &dyn Fn(&str) -> bool) -> BTreeMap<String, i64> {
        let mut truth = BTreeMap::new();
        for (sku, ..) in SHELF {
            let mut level = expected(&self.stores, sku);
            let shopped: i64 = self
                .stores
                .iter()
                .filter(|store| store.role == Role::Replica)
                .map(|store| store.truth(sku))
                .map(|books| books.returned - books.sold)
                .sum();
            let mut memory = self.memory();
            if !known(sku) {
                memory.before.insert(sku, shopped);
            }
            level -= memory.before.get(sku).copied().unwrap_or(0);
            truth.insert(sku.to_owned(), level);
        }
        truth
    }

    fn act(&self, name: &str, act: &Act) -> Result<String, String> {
        let store = self.store(name)?;
        let failed = |error: anyhow::Error| error.to_string();
        match act {
            Act::Sell { sku, units } => {
                let order = store.sell(sku, *units).map_err(failed)?;
                self.memory().orders.entry(name.to_owned()).or_default().push(order);
                Ok(format!("{name} sold {units} × {sku} (order {order})."))
            }
            Act::TakeBack => self.take_back(store),
            Act::Edit { sku, to } => {
                store.edit(sku, *to).map_err(failed)?;
                Ok(format!("{name}: somebody typed {to} into the page of {sku}."))
            }
            Act::Import { sku, to } => {
                store.import_silently(sku, *to).map_err(failed)?;
                Ok(format!("{name}: an import set {sku} to {to}, and no webhook tells."))
            }
            Act::Down(down) => {
                store.set_down(*down);
                let mut memory = self.memory();
                if *down {
                    memory.down.insert(name.to_owned())
                } else {
                    memory.down.remove(name)
                };
                Ok(if *down { format!("{name} is down: it answers nobody.") } else { format!("{name} is back.") })
            }
            Act::Deaf(deaf) => {
                store.lose_webhooks(*deaf).map_err(failed)?;
                let mut memory = self.memory();
                if *deaf {
                    memory.deaf.insert(name.to_owned())
                } else {
                    memory.deaf.remove(name)
                };
                Ok(if *deaf {
                    format!("{name} loses its webhooks.")
                } else {
                    format!("{name} delivers webhooks again.")
                })
            }
        }
    }
}
