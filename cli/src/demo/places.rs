//! The demo's stores: a master of one pool, a store with two locations, and a store of one pool that both warehouses feed,
//! each of another platform. And the truth about them, by their own books.

use super::amazon::{Post, Stall};
use super::shopify::Branch;
use super::stores::Store;
use super::world::{RATE, SHELF, WEST};
use crate::fakes::Meter;
use channels::Http;
use domain::{Role, Timestamp};
use std::sync::Arc;

/// Where the demo shows levels.
pub const PLACES: [&str; 4] = ["main", "street", "depot", "york"];
/// The master, in the first warehouse.
pub const MAIN: usize = 0;
/// A location in the first warehouse.
pub const STREET: usize = 1;
/// A location in the second.
pub const DEPOT: usize = 2;
/// A store of one pool that both warehouses feed.
pub const YORK: usize = 3;
/// What that store does not sell: its platform takes a SKU with a slash by feeds only, twenty minutes apart.
const NOT_IN_YORK: &str = "CAP/BLACK";

/// The demo's stores.
pub struct Places {
    /// The master.
    pub main: Store,
    /// The store with two locations.
    pub leeds: Branch,
    /// The store of one pool.
    pub york: Stall,
}

impl Places {
    /// Opens the stores and fills their shelves. Events of queues and buses go by `post`.
    ///
    /// # Errors
    /// When there is no port.
    pub async fn open(http: &Arc<dyn Http>, post: Arc<Post>) -> anyhow::Result<Self> {
        let main = Store::open(PLACES[MAIN], 0, Role::Master, Arc::clone(http), Meter::default()).await?;
        let leeds = Branch::open("leeds", Arc::clone(http)).await?;
        let york = Stall::open(PLACES[YORK], post).await?;
        for (sku, title, master, replica, depot) in SHELF {
            main.stock(sku, title, master)?;
            leeds.stock(sku, title, replica, depot)?;
            if sku != NOT_IN_YORK {
                york.stock(sku, title, replica)?;
            }
        }
        Ok(Self { main, leeds, york })
    }

    /// The accounts of the stores, ready to be added.
    ///
    /// # Errors
    /// When a name cannot be one.
    pub fn accounts(&self) -> anyhow::Result<Vec<engine::accounts::NewAccount>> {
        Ok(vec![self.main.account(Some(RATE))?, self.leeds.account(None)?, self.york.account()?])
    }

    /// The account that a place belongs to.
    #[must_use]
    pub fn account(&self, place: usize) -> &str {
        match place {
            MAIN => &self.main.name,
            STREET | DEPOT => &self.leeds.name,
            _ => &self.york.name,
        }
    }

    /// The platform's number of a location.
    pub(super) const fn number(&self, place: usize) -> u64 {
        if place == STREET { self.leeds.street } else { self.leeds.depot }
    }

    /// The warehouses that a place shows.
    #[must_use]
    pub const fn warehouses(place: usize) -> &'static [&'static str] {
        match place {
            MAIN | STREET => &["main"],
            DEPOT => &[WEST],
            _ => &["main", WEST],
        }
    }

    /// The level of a place, as its shoppers see it.
    #[must_use]
    pub fn level(&self, place: usize, sku: &str) -> Option<i64> {
        match place {
            MAIN => self.main.level(sku),
            STREET | DEPOT => self.leeds.level(sku, self.number(place)),
            _ => self.york.level(sku),
        }
    }

    /// Somebody buys at a place; the order's number.
    ///
    /// # Errors
    /// When there is not enough.
    pub fn sell(&self, place: usize, sku: &str, units: i64) -> anyhow::Result<String> {
        Ok(match place {
            MAIN => self.main.sell(sku, units)?.to_string(),
            STREET | DEPOT => self.leeds.sell(sku, self.number(place), units)?.to_string(),
            _ => self.york.sell(sku, units)?,
        })
    }

    /// When the hub changed the level of a place.
    #[must_use]
    pub fn writes(&self, place: usize, sku: &str) -> Vec<Timestamp> {
        match place {
            MAIN => {
                let writes = self.main.writes(0).into_iter().filter(|write| write.sku == sku);
                writes.map(|write| write.at).collect()
            }
            STREET | DEPOT => self.leeds.writes(sku, self.number(place)),
            _ => self.york.writes(sku),
        }
    }

    /// The units that there must be: those that the master and the depot began with, and all that people did since.
    #[must_use]
    pub fn truth(&self, sku: &str) -> i64 {
        let main = self.main.truth(sku);
        let depot: i64 = SHELF.iter().filter(|(name, ..)| *name == sku).map(|(.., depot)| depot).sum();
        let leeds: i64 = [STREET, DEPOT].map(|place| self.leeds.doings(sku, self.number(place))).iter().sum();
        main.start + main.change() + depot + leeds - self.york.sold(sku)
    }

    /// Webhooks and events that the hub took.
    #[must_use]
    pub fn told(&self) -> u64 {
        self.main.webhooks() + self.leeds.webhooks() + self.york.events()
    }
}
