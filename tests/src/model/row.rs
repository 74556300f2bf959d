//! The ledger as a table keeps it: shared between states, compared by its text.

use domain::{Entry, Ledger, ListingId};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::ops::Deref;
use std::sync::Arc;

/// One version of the ledger.
#[derive(Debug, Clone)]
pub struct Row {
    ledger: Arc<Ledger>,
    /// The fingerprint of version and text, worked out once.
    print: u64,
}

impl Row {
    pub(super) fn new(ledger: Ledger) -> Self {
        let text = serde_json::to_string(&ledger).expect("plain data");
        let print = fingerprint(&(ledger.version, text));
        Self { ledger: Arc::new(ledger), print }
    }

    pub(super) fn entry(&self, listing: &ListingId) -> &Entry {
        &self.ledger.entries[listing]
    }

    pub(super) fn to_ledger(&self) -> Ledger {
        Ledger::clone(&self.ledger)
    }
}

impl Deref for Row {
    type Target = Ledger;

    fn deref(&self) -> &Ledger {
        &self.ledger
    }
}

impl PartialEq for Row {
    fn eq(&self, other: &Self) -> bool {
        self.print == other.print && self.ledger == other.ledger
    }
}

impl Eq for Row {}

impl Hash for Row {
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        self.print.hash(hasher);
    }
}

/// A number that stands for a value; the same in every run.
pub(super) fn fingerprint<T: Hash>(value: &T) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}
