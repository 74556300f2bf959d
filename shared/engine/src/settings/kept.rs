//! What is kept of a change of settings: who, when, what was before; and what each item had before a change of many.

use crate::hub::{Error, Hub};
use crate::items::Listed;
use crate::ports::{Query, Row};
use crate::records::{SNAPSHOT_KEPT_MS, body, key, row, text};
use domain::layers::Layer;
use domain::{AccountId, GroupId, ListingId, Sku, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// One change of settings.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SettingsChange {
    /// Its name: time and chance.
    pub id: String,
    /// When.
    pub at: Timestamp,
    /// Who.
    pub actor: String,
    /// Whom it is for: `hub`, `account north`, `group fragile`, `item TEE`, or the filter.
    pub scope: String,
    /// What was set before, as `name value`; of a change of many items see [`ItemBefore`].
    pub before: Vec<String>,
    /// What is set since.
    pub after: Vec<String>,
    /// Items changed.
    pub items: u64,
}

/// What was set for one item before a change of many.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ItemBefore {
    /// The SKU.
    pub sku: Sku,
    /// For the item.
    #[serde(default, skip_serializing_if = "Layer::is_empty")]
    pub layer: Layer,
    /// For the item at accounts.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub at: BTreeMap<AccountId, Layer>,
    /// For its listings.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub listings: BTreeMap<ListingId, Layer>,
    /// Its groups.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub groups: BTreeSet<GroupId>,
}

/// The partition of the changes of settings, by time.
pub(crate) const PARTITION: &str = "SETTINGS";

impl SettingsChange {
    /// As a row.
    #[must_use]
    pub fn row(&self) -> Row {
        let key = key(PARTITION, self.id.clone());
        Row { expires: Some(self.at.plus_ms(SNAPSHOT_KEPT_MS)), ..row(key, 1, text(self)) }
    }
}

impl ItemBefore {
    /// Of an item.
    #[must_use]
    pub fn of(item: &crate::records::Item) -> Self {
        let listings = item.listings.iter().filter(|(_, listing)| !listing.rules.is_empty());
        Self {
            sku: item.sku.clone(),
            layer: item.layer.clone(),
            at: item.at.clone(),
            listings: listings.map(|(id, listing)| (id.clone(), listing.rules.clone())).collect(),
            groups: item.groups.clone(),
        }
    }

    /// Several of one change as a row.
    pub(crate) fn row(items: &[Self], change: &str, place: &str, now: Timestamp) -> Row {
        let key = key(format!("{PARTITION}#{change}"), place);
        Row { expires: Some(now.plus_ms(SNAPSHOT_KEPT_MS)), ..row(key, 1, text(&items)) }
    }
}

impl Hub {
    /// One page of the changes of settings, the newest first.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn settings_history(&self, after: Option<String>, limit: usize) -> Result<Listed<SettingsChange>, Error> {
        let query = Query {
            partition: PARTITION.into(),
            index: false,
            prefix: String::new(),
            after,
            descending: true,
            limit: limit.clamp(1, crate::items::PAGE_MAX),
        };
        let page = self.store.query(&query).await?;
        Ok(Listed { rows: page.rows.iter().map(body).collect::<Result<_, _>>()?, next: page.next })
    }

    /// What items had before a change of many, one page.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn settings_before(&self, change: &str, after: Option<String>) -> Result<Listed<ItemBefore>, Error> {
        let page = self.page(&format!("{PARTITION}#{change}"), "", after, 10).await?;
        let mut rows = Vec::new();
        for row in &page.rows {
            rows.extend(body::<Vec<ItemBefore>>(row)?);
        }
        Ok(Listed { rows, next: page.next })
    }

    /// A change of settings that happens now.
    pub(crate) fn settings_change(&self, actor: &str, scope: String) -> SettingsChange {
        let now = self.clock.now();
        SettingsChange {
            id: format!("{:015}-{:08x}", now.0, self.clock.random() & 0xffff_ffff),
            at: now,
            actor: actor.to_owned(),
            scope,
            before: Vec::new(),
            after: Vec::new(),
            items: 0,
        }
    }
}
