//! Guards in a run: edits that empty a store, decisions about a quarantine, and another writer who fights us.

use super::Run;
use super::commit::Draft;
use super::job::State;
use crate::hub::{Connected, Error};
use crate::quarantine::{Suspect, Verdict};
use crate::records::Item;
use domain::feed::Cause;
use domain::fight::Correction;
use domain::settle::{Note, Observed, Policy};
use domain::{AccountId, Class, Drift, Inbound, Ledger, ListingId, Sku, Timestamp};
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

impl Run<'_> {
    /// What people have decided about listings of accounts in quarantine. Costs nothing while none is.
    pub(super) async fn load_verdicts(&mut self, skus: &[Sku]) -> Result<(), Error> {
        let closed: BTreeSet<&AccountId> = self
            .accounts
            .iter()
            .filter(|(_, connected)| connected.account.quarantine.is_some() && !connected.account.is_frozen())
            .map(|(id, _)| id)
            .collect();
        if closed.is_empty() {
            return Ok(());
        }
        let mut listings = Vec::new();
        for (sku, item) in skus.iter().filter_map(|sku| Some((sku, self.jobs.get(sku)?.item.as_ref()?))) {
            let theirs = item.listings.keys().filter(|listing| closed.contains(&listing.account));
            listings.extend(theirs.map(|listing| (sku.clone(), listing.clone())));
        }
        self.verdicts.extend(self.hub.verdicts(&listings).await?);
        Ok(())
    }

    fn verdict(&self, sku: &Sku, listing: &ListingId) -> Option<Verdict> {
        self.verdicts.get(&(sku.clone(), listing.clone())).copied()
    }

    /// Whether what a store says of a listing may be taken in.
    pub(super) fn is_believed(&self, sku: &Sku, listing: &ListingId) -> bool {
        let Some(connected) = self.accounts.get(&listing.account) else { return false };
        let account = &connected.account;
        if !connected.is_mapped(&listing.location) {
            return false;
        }
        account.is_believed() || !account.is_frozen() && self.verdict(sku, listing).is_some()
    }

    /// An account as the planner sees it for a listing: one that was decided about is written although its account is in
    /// quarantine.
    pub(super) fn believed<'a>(&self, sku: &Sku, listing: &ListingId, connected: &'a Connected) -> Cow<'a, Connected> {
        if connected.account.quarantine.is_none() || self.verdict(sku, listing).is_none() {
            return Cow::Borrowed(connected);
        }
        let mut believed = connected.clone();
        believed.account.quarantine = None;
        Cow::Owned(believed)
    }

    /// What an observation means: of a listing whose store shall be set back only sales count, where they can be told.
    pub(super) fn policy(&self, item: &Item, listing: &ListingId, connected: &Connected) -> Policy {
        let usual = item.policy(listing, connected);
        match self.verdict(&item.sku, listing) {
            Some(Verdict::Discard) => {
                let inbound = if usual.class == Class::C { Inbound::Sales } else { Inbound::None };
                Policy { inbound, drift: Drift::Overwrite, ..usual }
            }
            Some(Verdict::Release) | None => usual,
        }
    }

    /// Lets drafts through unless edits in them, with those of the last minutes, empty too much of a store: then the account
    /// goes into quarantine before they count.
    pub(super) async fn guarded(&mut self, drafts: Vec<Draft>, open: &[Sku]) -> Vec<Draft> {
        let zeroed = self.zeroed(&drafts);
        if zeroed.is_empty() {
            return drafts;
        }
        let mut closed = BTreeSet::new();
        for (account, suspects) in &zeroed {
            match self.stop_if_too_many(account, suspects).await {
                Ok(true) => drop(closed.insert(account.clone())),
                Ok(false) => {}
                // what could not be asked about does not count now; its hints come again
                Err(error) => self.fail(suspects, &error),
            }
        }
        for job in self.jobs.values_mut() {
            job.sights.retain(|listing, _| !closed.contains(&listing.account));
        }
        self.drafts(open)
    }

    async fn stop_if_too_many(&mut self, account: &AccountId, suspects: &[Suspect]) -> Result<bool, Error> {
        let Some(connected) = self.accounts.get(account).cloned() else { return Ok(false) };
        let Some((why, all)) = self.hub.edited_to_zero(&connected, suspects).await? else { return Ok(false) };
        self.hub.close(&connected, &why, &all).await?;
        self.accounts = self.hub.accounts().await?;
        Ok(true)
    }

    fn fail(&mut self, suspects: &[Suspect], error: &Error) {
        for suspect in suspects {
            if let Some(job) = self.jobs.get_mut(&suspect.sku) {
                job.state = State::Failed(error.to_string());
            }
        }
    }

    /// The listings that an edit has brought to zero, by account.
    fn zeroed(&self, drafts: &[Draft]) -> BTreeMap<AccountId, Vec<Suspect>> {
        let now = self.hub.clock.now();
        let mut zeroed: BTreeMap<AccountId, Vec<Suspect>> = BTreeMap::new();
        for draft in drafts {
            let Some(before) = self.jobs.get(&draft.sku).and_then(|job| job.ledger.as_ref()) else { continue };
            for (listing, observed) in &draft.observed {
                let undecided = self.verdict(&draft.sku, listing).is_none();
                if let Some(suspect) = edit_to_zero(&draft.sku, listing, (before, &draft.ledger), observed, now)
                    && undecided
                {
                    zeroed.entry(listing.account.clone()).or_default().push(suspect);
                }
            }
        }
        zeroed
    }

    /// Notes listings that were decided about and have now been looked at, with nothing left to settle.
    pub(super) fn note_handled(&mut self, sku: &Sku, observed: &[(ListingId, Observed)]) {
        for (listing, observed) in observed {
            if observed.again.is_none() && self.verdict(sku, listing).is_some() {
                self.handled.push((sku.clone(), listing.clone()));
            }
        }
    }

    /// Notes what we must put right because another writer changed it.
    pub(super) fn note_corrections(&mut self, sku: &Sku, ledger: &Ledger, observed: &[(ListingId, Observed)]) {
        let at = self.hub.clock.now();
        for (listing, observed) in observed {
            // a person asked for this one
            if self.verdict(sku, listing).is_some() {
                continue;
            }
            for note in &observed.notes {
                let Note::Overwriting(by) = note else { continue };
                let shown = ledger.entries.get(listing).and_then(|entry| entry.shadow).unwrap_or(0);
                self.corrections.push(Correction {
                    sku: sku.clone(),
                    listing: listing.clone(),
                    at,
                    shown,
                    target: shown.saturating_sub(*by),
                });
            }
        }
    }
}

/// What a guard wants to know of an edit that brought a listing to zero; `None` when it did not.
fn edit_to_zero(
    sku: &Sku,
    listing: &ListingId,
    (before, after): (&Ledger, &Ledger),
    observed: &Observed,
    at: Timestamp,
) -> Option<Suspect> {
    let known = before.entries.get(listing)?.shadow.filter(|level| *level > 0)?;
    let seen = after.entries.get(listing)?.shadow.filter(|level| *level <= 0)?;
    let edits = observed.counted.iter().filter(|counted| matches!(counted.cause, Cause::Edit(_)));
    let counted: i64 = edits.map(|counted| counted.by).sum();
    (counted < 0).then(|| Suspect {
        sku: sku.clone(),
        listing: listing.clone(),
        known,
        seen: Some(seen),
        at,
        counted,
        verdict: None,
        handled: false,
    })
}
