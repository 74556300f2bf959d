//! Filing: sale lines that ride in a ledger's row become rows of their own, beside the pushes that follow from them.
//!
//! `docs/adr/0017-a-sale-rides-in-its-ledger.md` says why no line can be counted twice or forgotten on the way.

use super::{PARALLEL, Run};
use crate::ports::StoreError;
use crate::records;
use domain::planted::{self, Mistake};
use domain::{Sku, Unfiled};
use futures::{StreamExt, stream};
use std::collections::{BTreeMap, BTreeSet};

impl Run<'_> {
    /// Files what rides in the ledgers of some SKUs; gives the lines that are durably rows now. One that could not be filed
    /// rides on.
    pub(super) async fn file(&self, skus: BTreeSet<Sku>) -> BTreeMap<Sku, Vec<Unfiled>> {
        let riding = skus.into_iter().filter_map(|sku| {
            let lines = self.jobs.get(&sku)?.ledger.as_ref()?.unfiled.clone();
            Some(lines.into_iter().map(move |line| (sku.clone(), line)))
        });
        let filed: Vec<Option<(Sku, Unfiled)>> =
            stream::iter(riding.flatten().map(|(sku, line)| self.file_one(sku, line)))
                .buffer_unordered(PARALLEL)
                .collect()
                .await;
        let mut by_sku: BTreeMap<Sku, Vec<Unfiled>> = BTreeMap::new();
        for (sku, line) in filed.into_iter().flatten() {
            by_sku.entry(sku).or_default().push(line);
        }
        by_sku
    }

    async fn file_one(&self, sku: Sku, line: Unfiled) -> Option<(Sku, Unfiled)> {
        if planted::is(Mistake::DroppedUnfiled) {
            return Some((sku, line));
        }
        match self.hub.store.write(&[records::filing(&sku, &line, self.hub.clock.now())]).await {
            // somebody else has filed it
            Ok(()) | Err(StoreError::Conflict { .. }) => Some((sku, line)),
            Err(error) => {
                tracing::info!(%sku, %error, "a sale line was not filed; it rides on");
                None
            }
        }
    }
}
