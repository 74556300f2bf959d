//! Repeats: a store that did not hear our answer in time sends the same webhook again. What it says to look at is looked at
//! already, or waits for that as a durable hint, so it costs no message and no run.
//!
//! It is only the memory of this process, and short: another one takes a repeat as news, which does no harm.

use crate::hub::Hub;
use domain::AccountId;
use std::collections::{BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

/// Events remembered at once.
const MOST: usize = 4_096;
/// The longest id that is remembered, bytes.
const LONGEST: usize = 128;

type Event = Arc<(AccountId, String)>;

/// The events that this process remembers, the newest ones.
#[derive(Default)]
pub(crate) struct Events {
    /// Those whose hints it has made durable.
    accepted: Mutex<Recent>,
    /// Those whose hints it could not.
    failed: Mutex<Recent>,
}

#[derive(Default)]
struct Recent {
    known: BTreeSet<Event>,
    oldest_first: VecDeque<Event>,
}

impl Recent {
    fn has(&self, event: &(AccountId, String)) -> bool {
        self.known.contains(event)
    }

    fn add(&mut self, event: (AccountId, String)) {
        let event = Arc::new(event);
        if event.1.len() > LONGEST || !self.known.insert(Arc::clone(&event)) {
            return;
        }
        self.oldest_first.push_back(event);
        if self.oldest_first.len() > MOST
            && let Some(oldest) = self.oldest_first.pop_front()
        {
            self.known.remove(&oldest);
        }
    }
}

impl Hub {
    /// Whether the hints of this event of an account were made durable before. What has no id never was.
    pub(crate) fn is_repeat(&self, account: &AccountId, event: Option<&str>) -> bool {
        has(&self.events.accepted, account, event)
    }

    /// Whether the hints of this event of an account could not be made durable when it came before.
    pub(crate) fn has_failed(&self, account: &AccountId, event: Option<&str>) -> bool {
        has(&self.events.failed, account, event)
    }

    /// The hints of this event are durable. Never before they are: the store must be able to send it again.
    pub(crate) fn remember(&self, account: &AccountId, event: Option<&str>) {
        add(&self.events.accepted, account, event);
    }

    /// The hints of this event could not be made durable: the store sends it again.
    pub(crate) fn remember_failed(&self, account: &AccountId, event: Option<&str>) {
        add(&self.events.failed, account, event);
    }
}

fn has(recent: &Mutex<Recent>, account: &AccountId, event: Option<&str>) -> bool {
    let recent = recent.lock().unwrap_or_else(PoisonError::into_inner);
    event.is_some_and(|event| recent.has(&(account.clone(), event.to_owned())))
}

fn add(recent: &Mutex<Recent>, account: &AccountId, event: Option<&str>) {
    let Some(event) = event else { return };
    recent.lock().unwrap_or_else(PoisonError::into_inner).add((account.clone(), event.to_owned()));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(account: &str, id: &str) -> (AccountId, String) {
        (AccountId::new(account).expect("valid"), id.to_owned())
    }

    #[test]
    fn an_id_is_that_of_one_account_and_the_oldest_are_forgotten_first() {
        let mut recent = Recent::default();
        recent.add(event("berlin", "1"));
        assert!(recent.has(&event("berlin", "1")) && !recent.has(&event("paris", "1")));
        for id in 2..=MOST {
            recent.add(event("berlin", &id.to_string()));
        }
        recent.add(event("berlin", "2"));
        assert!(recent.has(&event("berlin", "1")), "{MOST} are remembered, and one that comes again is one");
        recent.add(event("berlin", "new"));
        assert!(!recent.has(&event("berlin", "1")) && recent.has(&event("berlin", "2")));
        assert_eq!((recent.known.len(), recent.oldest_first.len()), (MOST, MOST));
    }

    #[test]
    fn an_id_that_is_no_id_is_not_kept() {
        let mut recent = Recent::default();
        recent.add(event("berlin", &"x".repeat(LONGEST + 1)));
        assert!(recent.oldest_first.is_empty());
    }
}
