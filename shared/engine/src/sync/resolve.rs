//! Abandoned pushes: a worker claimed them and vanished. After the lease they are taken over and found out.

use super::Run;
use super::calls::{self, Lost};
use crate::contest::ATTEMPTS;
use crate::hub::{Connected, Error};
use crate::line::said;
use crate::ports::{Change, Condition, StoreError};
use crate::records;
use channels::{Outcome, Write};
use domain::ledger::Claim;
use domain::planted::{self, Mistake};
use domain::push::{self, Ended, Inquiry};
use domain::{AccountId, Ledger, ListingId, Sku, key};
use std::collections::BTreeMap;

impl Run<'_> {
    /// Resolves the abandoned pushes of the open SKUs: the rows of a big call together.
    pub(super) async fn resolve(&mut self, open: &[Sku]) {
        let mut calls: BTreeMap<(AccountId, u64), Vec<Lost>> = BTreeMap::new();
        for sku in open {
            for (listing, claim) in self.abandoned(sku) {
                if let Some(call) = calls::call_of(&claim).filter(|_| self.knows_keys(&listing.account)) {
                    calls.entry((listing.account.clone(), call)).or_default().push((sku.clone(), listing, claim));
                } else if let Err(error) = self.resolve_one(sku, &listing).await {
                    let due = self.opens_at(&listing.account);
                    self.postpone(sku, &listing.account, due, &error.to_string());
                }
            }
        }
        self.ask_calls(calls).await;
    }

    /// Whether a store carries a call out at most once, however often it is made.
    fn knows_keys(&self, account: &AccountId) -> bool {
        let connected = self.accounts.get(account);
        connected.is_some_and(|it| push::inquiry(it.channel.info().capabilities.class()) == Inquiry::SameKey)
    }

    fn abandoned(&self, sku: &Sku) -> Vec<(ListingId, Claim)> {
        let now = self.hub.clock.now();
        let Some(ledger) = self.jobs.get(sku).and_then(|job| job.ledger.as_ref()) else { return Vec::new() };
        let claims = ledger.entries.iter().filter_map(|(listing, entry)| Some((listing, entry.claim.as_ref()?)));
        claims
            .filter(|(_, claim)| claim.is_over(now))
            .map(|(listing, claim)| (listing.clone(), claim.clone()))
            .collect()
    }

    async fn resolve_one(&mut self, sku: &Sku, listing: &ListingId) -> Result<(), Error> {
        let Some(connected) = self.accounts.get(&listing.account).cloned() else {
            return Ok(());
        };
        if connected.account.frozen.is_some() {
            // the thaw has it looked at
            return Ok(());
        }
        let inquiry = push::inquiry(connected.channel.info().capabilities.class());
        let stopped = connected.account.paused || connected.account.quarantine.is_some();
        if stopped && inquiry == Inquiry::SameKey {
            // asking again is writing; whoever lets the account go on has it looked at
            return Ok(());
        }
        let lease_ms = self.hub.lease_ms();
        let now = self.hub.clock.now();
        let taken = self.change(sku, |ledger| {
            ledger.entries.get_mut(listing).is_some_and(|entry| push::take_over(entry, now, lease_ms))
        });
        let Some(ledger) = taken.await? else { return Ok(()) };
        let Some(claim) = ledger.entries.get(listing).and_then(|entry| entry.claim.clone()) else { return Ok(()) };
        if connected.channel.info().capabilities.verify_ms.is_some() {
            self.change(sku, |ledger| {
                let entry = ledger.entries.get_mut(listing).filter(|entry| entry.claim.as_ref() == Some(&claim));
                entry.is_some_and(|entry| push::may_be_accepted(entry, &claim, now))
            })
            .await?;
            self.look_next(sku, listing);
            return Ok(());
        }
        match inquiry {
            Inquiry::SameKey => self.ask_again(&connected, sku, listing, &claim).await,
            Inquiry::Level => self.read_level(&connected, sku, listing, &claim).await,
        }
    }

    async fn ask_again(
        &mut self,
        connected: &Connected,
        sku: &Sku,
        listing: &ListingId,
        claim: &Claim,
    ) -> Result<(), Error> {
        let Some(external) = self.external(sku, listing) else { return Ok(()) };
        let attempt = if planted::is(Mistake::NewKey) { u64::from(claim.tries) } else { 0 };
        let write = Write {
            sku: sku.clone(),
            location: listing.location.clone(),
            external,
            from: claim.from,
            to: claim.to,
            key: key::push_key(sku, listing, claim.sequence + attempt),
        };
        let mut outcomes = self.hub.line(connected, self.pace.patience).write_call(&[write]).await;
        let ended = match outcomes.pop() {
            Some(Outcome::Applied) => Ended::Applied,
            Some(Outcome::Accepted) => Ended::Accepted,
            Some(Outcome::Stale) => Ended::Stale,
            Some(Outcome::Refused(_)) if planted::is(Mistake::RefusalIsProof) => Ended::NotSent,
            Some(Outcome::Refused(error) | Outcome::Unknown(error)) => return Err(said(connected, error)),
            None => Ended::Unknown,
        };
        let now = self.hub.clock.now();
        self.change(sku, |ledger| {
            ledger.entries.get_mut(listing).is_some_and(|entry| push::record(entry, claim, ended, now))
        })
        .await?;
        self.look_next(sku, listing);
        Ok(())
    }

    async fn read_level(
        &mut self,
        connected: &Connected,
        sku: &Sku,
        listing: &ListingId,
        claim: &Claim,
    ) -> Result<(), Error> {
        let Some(external) = self.external(sku, listing) else { return Ok(()) };
        let asked = [(sku.clone(), listing.location.clone(), external)];
        let line = self.hub.line(connected, self.pace.patience);
        let level = line.levels(&asked).await.map_err(|error| said(connected, error))?.pop().flatten();
        let Some(level) = level else { return Ok(()) };
        let now = self.hub.clock.now();
        self.change(sku, |ledger| {
            // what was read says nothing of any other claim
            let entry = ledger.entries.get_mut(listing).filter(|entry| entry.claim.as_ref() == Some(claim));
            entry.map(|entry| push::resolve_by_level(entry, level, now)).is_some()
        })
        .await?;
        self.look_next(sku, listing);
        Ok(())
    }

    fn external(&self, sku: &Sku, listing: &ListingId) -> Option<String> {
        let item = self.jobs.get(sku)?.item.as_ref()?;
        item.listings.get(listing).map(|settings| settings.external.clone())
    }

    pub(super) fn look_next(&mut self, sku: &Sku, listing: &ListingId) {
        if let Some(job) = self.jobs.get_mut(sku) {
            job.look_at.insert(listing.account.clone());
        }
    }

    /// Changes a ledger under its version; on the ledger as it is now, if others changed it. `None` when there was nothing to
    /// change, or never a moment in which nobody else did.
    pub(super) async fn change(
        &mut self,
        sku: &Sku,
        change: impl Fn(&mut Ledger) -> bool,
    ) -> Result<Option<Ledger>, Error> {
        for _ in 0..ATTEMPTS {
            let Some(before) = self.jobs.get(sku).and_then(|job| job.ledger.as_ref()) else { return Ok(None) };
            let (mut ledger, version) = (before.clone(), before.version);
            if !change(&mut ledger) {
                return Ok(None);
            }
            ledger.version = version + 1;
            let row = records::ledger_row(sku, &ledger, version + 1);
            let written = self.hub.store.write(&[Change::Put(row, Condition::Version(version))]).await;
            let Some(job) = self.jobs.get_mut(sku) else { return Ok(None) };
            match written {
                Ok(()) => {
                    self.report.commits += 1;
                    job.ledger = Some(ledger.clone());
                    return Ok(Some(ledger));
                }
                Err(StoreError::Conflict { current: Some(row), .. }) => job.ledger = Some(records::ledger(&row)?),
                Err(error) => return Err(error.into()),
            }
        }
        Ok(None)
    }
}
