//! Where the listings of an account belong: which warehouse, which policy, and whether they may be touched at all.

use crate::hub::Connected;
use crate::records::StoreLocation;
use domain::plan::Hold;
use domain::settle::Policy;
use domain::{Class, Drift, Duplicates, Inbound, LocationId, Role, WarehouseId};

impl Connected {
    /// Whether its store keeps stock at several places.
    #[must_use]
    pub fn has_locations(&self) -> bool {
        self.channel.info().capabilities.locations
    }

    /// What is known of a location.
    #[must_use]
    pub fn place(&self, location: &LocationId) -> Option<&StoreLocation> {
        self.locations.get(location)
    }

    /// Whether units at a location are listings of ours. What a person has not linked is never touched.
    #[must_use]
    pub fn is_mapped(&self, location: &LocationId) -> bool {
        !self.has_locations() || self.place(location).is_some_and(StoreLocation::is_mapped)
    }

    /// Whether a location is kept at zero without belonging to a warehouse.
    #[must_use]
    pub fn is_zeroed(&self, location: &LocationId) -> bool {
        self.place(location).is_some_and(|place| place.zeroed && place.warehouse.is_none())
    }

    /// Whether a linked location is closed in the store, or gone from it.
    #[must_use]
    pub fn is_closed(&self, location: &LocationId) -> bool {
        self.has_locations() && self.place(location).is_some_and(|place| !place.is_open())
    }

    /// Why nothing at a location may be written.
    #[must_use]
    pub fn hold(&self, location: &LocationId) -> Option<Hold> {
        if !self.is_mapped(location) {
            return Some(Hold::Unlinked);
        }
        self.is_closed(location).then_some(Hold::Closed)
    }

    /// The warehouses that feed its listings, in order; none for a store with locations: there each listing has its own.
    #[must_use]
    pub fn feeds(&self) -> Vec<WarehouseId> {
        match self.account.feeds.as_slice() {
            _ if self.has_locations() => Vec::new(),
            [] => vec![WarehouseId::main()],
            chosen => chosen.to_vec(),
        }
    }

    /// The warehouse that a new listing at a location counts in.
    #[must_use]
    pub fn home(&self, location: &LocationId) -> Option<WarehouseId> {
        if self.has_locations() {
            return self.place(location)?.warehouse.clone();
        }
        self.feeds().into_iter().next()
    }

    /// How surely a warehouse takes its levels from a location: 0 where a person said so, 1 where the hub's master keeps
    /// stock; `None` where it does not.
    #[must_use]
    pub fn master_rank(&self, location: &LocationId) -> Option<u8> {
        if self.is_zeroed(location) || !self.is_mapped(location) {
            return None;
        }
        if self.leads(location) {
            return Some(0);
        }
        (self.account.role == Role::Master).then_some(1)
    }

    /// Whether a person had the warehouse of a location take its levels from it.
    #[must_use]
    pub fn leads(&self, location: &LocationId) -> bool {
        if self.has_locations() { self.place(location).is_some_and(|place| place.master) } else { self.account.leads }
    }

    /// What counts at a location: everything where its warehouse takes its levels from, nothing where it is kept at zero.
    #[must_use]
    pub fn inbound(&self, location: &LocationId) -> Inbound {
        if self.is_zeroed(location) {
            return Inbound::None;
        }
        let leads = self.leads(location) && self.account.inbound == Inbound::Sales;
        if leads { Inbound::All } else { self.account.inbound }
    }

    /// The settings that decide what an observation at a location means.
    #[must_use]
    pub fn policy(&self, location: &LocationId) -> Policy {
        let capabilities = &self.channel.info().capabilities;
        Policy {
            class: capabilities.class(),
            inbound: self.inbound(location),
            drift: if self.is_zeroed(location) { Drift::Overwrite } else { self.account.drift },
            settle_ms: capabilities.settle_ms,
            restock: self.account.restock,
            verify_ms: capabilities.verify_ms,
            each: 1,
        }
    }

    /// Whether units with the same SKU share one level. Where sales are told by SKU alone nobody could say whose they are.
    #[must_use]
    pub fn shares_duplicates(&self) -> bool {
        self.account.duplicates == Duplicates::Share && self.channel.info().capabilities.class() != Class::C
    }
}
