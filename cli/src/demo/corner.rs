//! The demo's stores of several platforms for the console's page of fake stores: what its buttons do.

use super::places::{DEPOT, MAIN, PLACES, Places, STREET};
use super::play::keys;
use super::world::SHELF;
use domain::Role;
use engine::accounts::NewAccount;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use web::console::{Act, PlayStore, Playground, Product};

/// The places, and what the page must remember of them.
pub struct Corner {
    places: Arc<Places>,
    memory: Mutex<Memory>,
}

#[derive(Default)]
struct Memory {
    /// Orders of each place that can be taken back, the newest last.
    orders: BTreeMap<usize, Vec<String>>,
    /// Accounts whose webhooks or events are lost.
    deaf: BTreeSet<String>,
    /// Accounts that answer nobody.
    down: BTreeSet<String>,
}

impl Corner {
    /// The corner over these places.
    #[must_use]
    pub fn new(places: Arc<Places>) -> Self {
        Self { places, memory: Mutex::default() }
    }

    fn memory(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn play(&self, place: usize) -> PlayStore {
        let account = self.places.account(place);
        let product = |(sku, title, ..): &(&str, &str, i64, i64, i64)| Product {
            sku: (*sku).to_owned(),
            title: (*title).to_owned(),
            level: self.places.level(place, sku),
        };
        let all = self.places.accounts().unwrap_or_default();
        let new: Option<&NewAccount> = all.iter().find(|new| new.id.as_str() == account);
        let channel = new.map(|new| new.channel.clone()).unwrap_or_default();
        let memory = self.memory();
        PlayStore {
            name: PLACES[place].to_owned(),
            account: account.to_owned(),
            warehouses: Places::warehouses(place).iter().map(|name| (*name).to_owned()).collect(),
            role: if place == MAIN { Role::Master } else { Role::Replica },
            title: title(place, &channel),
            keys: new.map(|new| keys(&new.settings, &new.secrets, new.rate)).unwrap_or_default(),
            channel,
            down: memory.down.contains(account),
            deaf: memory.deaf.contains(account),
            products: SHELF.iter().map(product).collect(),
        }
    }

    fn take_back(&self, place: usize) -> Result<String, String> {
        let name = PLACES[place];
        let order = self.memory().orders.get_mut(&place).and_then(Vec::pop);
        let order = order.ok_or_else(|| format!("{name} has no order to take back; buy something first"))?;
        let number = || order.parse::<u64>().map_err(|error| error.to_string());
        let taken = match place {
            MAIN => self.places.main.take_back(number()?),
            STREET | DEPOT => self.places.leeds.take_back(number()?),
            _ => self.places.york.call_off(&order),
        };
        taken.map_err(|error| error.to_string())?;
        Ok(format!("{name}: order {order} was taken back."))
    }

    fn edit(&self, place: usize, sku: &str, to: i64) -> anyhow::Result<String> {
        let name = PLACES[place];
        match place {
            MAIN => self.places.main.edit(sku, to)?,
            STREET | DEPOT => self.places.leeds.edit(sku, self.places.number(place), to)?,
            _ => {
                self.places.york.edit(sku, to)?;
                return Ok(format!(
                    "{name}: somebody typed {to} into the page of {sku}. It is no sale, so the hub sets it back once it has \
                     stood still for ten minutes."
                ));
            }
        }
        Ok(format!("{name}: somebody typed {to} into the page of {sku}."))
    }

    fn set_down(&self, place: usize, down: bool) -> String {
        match place {
            MAIN => self.places.main.set_down(down),
            STREET | DEPOT => self.places.leeds.set_down(down),
            _ => self.places.york.set_down(down),
        }
        let account = self.places.account(place).to_owned();
        let said = if down { format!("{account} is down: it answers nobody.") } else { format!("{account} is back.") };
        remember(&mut self.memory().down, account, down);
        said
    }

    fn set_deaf(&self, place: usize, deaf: bool) -> anyhow::Result<String> {
        match place {
            MAIN => self.places.main.lose_webhooks(deaf)?,
            STREET | DEPOT => self.places.leeds.lose_webhooks(deaf)?,
            _ => self.places.york.lose_events(deaf)?,
        }
        let account = self.places.account(place).to_owned();
        let said = if deaf {
            format!("{account} loses what it would tell.")
        } else {
            format!("{account} tells what happens again.")
        };
        remember(&mut self.memory().deaf, account, deaf);
        Ok(said)
    }
}

fn remember(accounts: &mut BTreeSet<String>, account: String, is: bool) {
    if is {
        accounts.insert(account)
    } else {
        accounts.remove(&account)
    };
}

/// What the page says of a place below its name.
fn title(place: usize, channel: &str) -> String {
    let title = channels::registry::find(channel).map_or(channel, |found| found.info().title);
    match place {
        STREET => format!("{title}, leeds: its shop"),
        DEPOT => format!("{title}, leeds: its depot"),
        _ => title.to_owned(),
    }
}

impl Playground for Corner {
    fn stores(&self) -> Vec<PlayStore> {
        (0..PLACES.len()).map(|place| self.play(place)).collect()
    }

    fn truth(&self, _known: &dyn Fn(&str) -> bool) -> BTreeMap<String, i64> {
        SHELF.iter().map(|(sku, ..)| ((*sku).to_owned(), self.places.truth(sku))).collect()
    }

    fn act(&self, name: &str, act: &Act) -> Result<String, String> {
        let place = PLACES.iter().position(|place| *place == name);
        let place = place.ok_or_else(|| format!("there is no store {name:?} here"))?;
        let failed = |error: anyhow::Error| error.to_string();
        match act {
            Act::Sell { sku, units } => {
                let order = self.places.sell(place, sku, *units).map_err(failed)?;
                self.memory().orders.entry(place).or_default().push(order.clone());
                Ok(format!("{name} sold {units} × {sku} (order {order})."))
            }
            Act::TakeBack => self.take_back(place),
            Act::Edit { sku, to } => self.edit(place, sku, *to).map_err(failed),
            Act::Import { sku, to } if place == MAIN => {
                self.places.main.import_silently(sku, *to).map_err(failed)?;
                Ok(format!("{name}: an import set {sku} to {to}, and no webhook tells."))
            }
            Act::Import { .. } => Err(format!("{name} has no import that nothing tells of; {} has", PLACES[MAIN])),
            Act::Down(down) => Ok(self.set_down(place, *down)),
            Act::Deaf(deaf) => self.set_deaf(place, *deaf).map_err(failed),
        }
    }
}
