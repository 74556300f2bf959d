//! Idempotency keys: derived, never random, so that asking again means asking the same thing.

use crate::{ListingId, Sku};
use uuid::Uuid;

/// The namespace of Evenstock's push keys.
const NAMESPACE: Uuid = Uuid::from_u128(0x6576_656e_7374_6f63_6b2d_7075_7368_6573);

/// The key of the push of `sku` to `listing` that was claimed at `sequence`: a `UUIDv5`.
#[must_use]
pub fn push_key(sku: &Sku, listing: &ListingId, sequence: u64) -> String {
    let name = format!("{sku}\u{0}{listing}\u{0}{sequence}");
    Uuid::new_v5(&NAMESPACE, name.as_bytes()).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::AccountId;

    #[test]
    fn the_same_claim_has_the_same_key_and_the_next_one_another() {
        let sku = Sku::new("TEE").expect("valid");
        let listing = ListingId::single(AccountId::new("shop").expect("valid"));
        assert_eq!(push_key(&sku, &listing, 7), push_key(&sku, &listing, 7));
        assert_ne!(push_key(&sku, &listing, 7), push_key(&sku, &listing, 8));
    }
}
