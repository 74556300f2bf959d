//! What is known of an item when its targets are worked out: its ledger, and those of the parts that a kit is made of.

use crate::hub::{Connected, Error, Hub};
use crate::records::{self, Item, Listing};
use domain::layers::Mode;
use domain::plan::{Hold, View};
use domain::rules::Rules;
use domain::settle::Policy;
use domain::{Class, Drift, Inbound, Ledger, ListingId, Sku, WarehouseId, kits};
use std::collections::{BTreeMap, BTreeSet};

/// What is known of an item.
#[derive(Debug, Clone, Default)]
pub struct Known {
    /// Its ledger.
    pub ledger: Ledger,
    /// The ledgers of a kit's parts, or of the kits that it is part of.
    pub kin: BTreeMap<Sku, Ledger>,
}

impl Known {
    /// One of its listings as the planner sees it; `None` when the item has no such listing.
    #[must_use]
    pub fn view(&self, item: &Item, listing: &ListingId, connected: &Connected) -> Option<View> {
        item.view(listing, connected, |part| self.kin.get(part))
    }

    /// Its levels by warehouse: of a kit what its parts are enough for.
    #[must_use]
    pub fn levels(&self, item: &Item) -> BTreeMap<WarehouseId, i64> {
        kits::levels(&item.parts, |part| self.kin.get(part)).unwrap_or_else(|| {
            self.ledger.base.keys().map(|warehouse| (warehouse.clone(), self.ledger.level(warehouse))).collect()
        })
    }

    /// Its level over all warehouses.
    #[must_use]
    pub fn total(&self, item: &Item) -> i64 {
        if item.parts.is_empty() {
            return self.ledger.total();
        }
        self.levels(item).into_values().fold(0, i64::saturating_add)
    }

    /// Whether its ledger says what the kits that it is part of have taken from it.
    #[must_use]
    pub fn is_registered(&self, item: &Item) -> bool {
        let says =
            |(kit, each): (&Sku, &i64)| self.kin.get(kit).is_none_or(|of| self.ledger.is_registered(kit, *each, of));
        item.kits.iter().all(says)
    }
}

impl Item {
    /// One of its listings as the planner sees it; `None` when it has no such listing. `part` gives the ledgers of a kit's
    /// parts.
    #[must_use]
    pub fn view<'a>(
        &self,
        id: &ListingId,
        connected: &Connected,
        part: impl Fn(&Sku) -> Option<&'a Ledger>,
    ) -> Option<View> {
        let listing = self.listings.get(id)?;
        let account = &connected.account;
        let account_hold = if account.frozen.is_some() {
            Some(Hold::Frozen)
        } else if account.paused {
            Some(Hold::Paused)
        } else {
            account.quarantine.as_ref().map(|_| Hold::Quarantined)
        };
        let zeroed = connected.is_zeroed(&id.location);
        let stack = self.stack(id, &connected.defaults);
        let rules = Rules { flash: listing.flash, ..stack.rules() };
        Some(View {
            class: connected.channel.info().capabilities.class(),
            feeds: if listing.feeds.is_empty() { connected.feeds() } else { listing.feeds.clone() },
            rules: if zeroed { Rules { fixed: Some(0), ..Rules::default() } } else { rules },
            hold: listing.hold.or(account_hold).or_else(|| connected.hold(&id.location)),
            barred: barred(stack.mode(), listing),
            kit: kits::levels(&self.parts, part),
        })
    }

    /// The settings that decide what an observation of one of its listings means. A kit has no stock that anybody could edit:
    /// where sales are told from edits, only what is sold and given back counts.
    #[must_use]
    pub fn policy(&self, id: &ListingId, connected: &Connected) -> Policy {
        let policy = connected.policy(&id.location);
        let each = self.stack(id, &connected.defaults).rules().units_each();
        if self.parts.is_empty() || policy.class != Class::C || policy.inbound == Inbound::None {
            return Policy { each, ..policy };
        }
        Policy { each, inbound: Inbound::Sales, drift: Drift::Overwrite, ..policy }
    }
}

/// Why a mode rules out that a listing is written.
const fn barred(mode: Mode, listing: &Listing) -> Option<Hold> {
    match mode {
        Mode::Never => Some(Hold::Never),
        Mode::OnlyWhenActive if !listing.active => Some(Hold::Inactive),
        Mode::Default | Mode::Always | Mode::OnlyWhenActive => None,
    }
}

/// Ledgers read at once.
const KEYS: usize = 500;

impl Hub {
    /// What is known of items, given their ledgers in the same order: reads those of their parts and of their kits.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub(crate) async fn all_known(&self, items: &[Item], ledgers: Vec<Ledger>) -> Result<Vec<Known>, Error> {
        let wanted: BTreeSet<&Sku> = items.iter().flat_map(|item| item.parts.keys().chain(item.kits.keys())).collect();
        let wanted: Vec<Sku> = wanted.into_iter().cloned().collect();
        let mut kin = BTreeMap::new();
        for skus in wanted.chunks(KEYS) {
            let keys: Vec<_> = skus.iter().map(records::ledger_key).collect();
            for (sku, row) in skus.iter().zip(self.store.get(&keys).await?) {
                if let Some(row) = row {
                    kin.insert(sku.clone(), records::ledger(&row)?);
                }
            }
        }
        let own = |item: &Item| {
            let others = item.parts.keys().chain(item.kits.keys());
            others.filter_map(|sku| Some((sku.clone(), kin.get(sku)?.clone()))).collect()
        };
        Ok(items.iter().zip(ledgers).map(|(item, ledger)| Known { ledger, kin: own(item) }).collect())
    }
}
