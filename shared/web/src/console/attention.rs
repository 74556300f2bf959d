//! What needs a person, told by the accounts' own state, with what to do about it.

use super::ui::{Tone, counted};
use channels::{Subscription, SubscriptionState};
use domain::Timestamp;
use engine::Connected;
use std::collections::BTreeMap;

/// Something that needs a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Need {
    /// How urgent.
    pub(super) tone: Tone,
    /// What.
    pub(super) title: String,
    /// What to do.
    pub(super) said: String,
    /// Where.
    pub(super) to: String,
    /// The name of that place.
    pub(super) action: &'static str,
}

/// What to do about a quarantine.
pub(super) const REVIEW: &str = "Review";
/// What becomes of a store that does not answer, and what to do.
const TRIED_AGAIN: &str = "It is tried again by itself, and what happened meanwhile counts then. If this lasts, see whether the store is up, then test the connection.";
/// Failed calls in a row from which on a store counts as not answering.
const FAILURES: u32 = 3;
/// Once a store may be called again, what came of it is known within so long, milliseconds.
const TRY_MS: i64 = 30_000;

/// What needs a person in these accounts, the most urgent first.
pub(super) fn of(accounts: &BTreeMap<domain::AccountId, Connected>, now: Timestamp) -> Vec<Need> {
    let mut needs: Vec<Need> = accounts.values().flat_map(|connected| of_account(connected, now)).collect();
    needs.sort_by_key(|need| std::cmp::Reverse(need.tone));
    needs
}

/// What needs a person in one account.
pub(super) fn of_account(connected: &Connected, now: Timestamp) -> Vec<Need> {
    let mut needs = by_state(connected, now);
    needs.extend(by_health(connected));
    needs
}

fn need(id: &domain::AccountId, tone: Tone, title: String, said: &str, action: &'static str) -> Need {
    Need { tone, title, said: said.to_owned(), to: format!("/accounts/{id}"), action }
}

/// What stops the account as a whole.
fn by_state(connected: &Connected, now: Timestamp) -> Vec<Need> {
    let (account, health) = (&connected.account, &connected.health.0);
    let id = &account.id;
    let mut needs = Vec::new();
    if let Some(why) = &account.quarantine {
        let said = format!("{why}. Nothing is read from or written to it until you decide.");
        let need = need(id, Tone::Bad, format!("{id} is in quarantine"), &said, REVIEW);
        needs.push(Need { to: format!("/accounts/{id}/quarantine"), ..need });
    }
    let lately = health.cooldown.is_some_and(|until| now < until.plus_ms(TRY_MS));
    if health.failures >= FAILURES || (health.failures > 0 && lately) {
        let said = health.error.as_ref().map_or_else(String::new, |error| format!(" It said: {error}"));
        let said = format!("{TRIED_AGAIN}{said}");
        needs.push(need(id, Tone::Bad, format!("{id} does not answer"), &said, "Look"));
    }
    if account.frozen.is_some() {
        let said = "It is neither read nor written. Thaw it and what happened meanwhile counts.";
        needs.push(need(id, Tone::Warn, format!("{id} is frozen"), said, "Thaw"));
    }
    if let Some(why) = &health.two_hubs {
        let said = format!("{why}. Stop the other one, then resume.");
        needs.push(need(id, Tone::Bad, format!("Another hub seems to write {id}"), &said, "Look"));
    }
    if account.paused {
        let said = "Its stock is not written. Resume it and it catches up.";
        needs.push(need(id, Tone::Warn, format!("{id} is paused"), said, "Resume"));
    }
    needs
}

/// What is wrong with some of its webhooks, SKUs or orders.
fn by_health(connected: &Connected) -> Vec<Need> {
    let (id, health) = (&connected.account.id, &connected.health.0);
    let mut needs = Vec::new();
    let mut add = |tone, many: usize, (one, more): (&str, &str), rest: &str, said: &str, action| {
        if many > 0 {
            let title = format!("{} {rest}", counted(many as u64, one, more)).replace("{id}", id.as_str());
            needs.push(need(id, tone, title, said, action));
        }
    };
    let is_refused = |hook: &&Subscription| hook.required && hook.state == SubscriptionState::Refused;
    let refused = health.subscriptions.iter().filter(is_refused).count();
    let said = "Changes there are only found by comparison. Test the account again.";
    add(Tone::Warn, refused, ("webhook", "webhooks"), "of {id} not set up", said, "Set up");
    let others = health.subscriptions.iter().filter(|hook| hook.state == SubscriptionState::AnotherHub).count();
    let said =
        "Only one hub may write a store. If it is this one at a former address, remove those webhooks in the store.";
    add(Tone::Warn, others, ("other hub listens", "other hubs listen"), "to {id}", said, "See which");
    let said = "The store does not take them: it refuses, or takes a number and does not show it. Each item says why.";
    let failed = "See which";
    add(Tone::Bad, health.troubles.len(), ("SKU", "SKUs"), "of {id} cannot be written", said, failed);
    let said = "The same SKU stands at several products, so it is not written. Give each its own.";
    add(Tone::Warn, health.clashes.len(), ("SKU clash", "SKU clashes"), "in {id}", said, "See which");
    let said = "Sold, but the store’s stock never moved. Check these orders.";
    add(Tone::Warn, health.unaccounted.len(), ("sold line", "sold lines"), "of {id} without a movement", said, "Check");
    let said = "They differ again and again although nobody here writes them. Stop the other program, then release them, each on its own page.";
    add(
        Tone::Warn,
        health.contested.len(),
        ("SKU", "SKUs"),
        "of {id} fought over by another program",
        said,
        "See which",
    );
    let said = "Stock there is neither counted nor written until you link it to a warehouse.";
    add(Tone::Note, health.unlinked.len(), ("location", "locations"), "of {id} in no warehouse", said, "See which");
    let unreadable = usize::try_from(health.unreadable).unwrap_or(usize::MAX);
    let said = "They were genuine. What they told is found by comparison.";
    add(Tone::Note, unreadable, ("webhook", "webhooks"), "from {id} could not be read", said, "Look");
    let said = "The store named products that are not matched. The first sync takes them in.";
    add(Tone::Note, health.unknown_skus.len(), ("SKU", "SKUs"), "of {id} not matched", said, "See which");
    needs
}

/// How an account is doing, in one word.
pub(super) fn state(connected: &Connected, now: Timestamp) -> (Tone, &'static str) {
    let needs = of_account(connected, now);
    let worst = needs.iter().map(|need| need.tone).max();
    match (worst, connected.account.paused) {
        (Some(Tone::Bad), _) if connected.account.quarantine.is_some() => (Tone::Bad, "Quarantined"),
        (Some(Tone::Bad), _) => (Tone::Bad, "Not answering"),
        (_, _) if connected.account.frozen.is_some() => (Tone::Warn, "Frozen"),
        (_, true) => (Tone::Warn, "Paused"),
        (Some(Tone::Warn), _) => (Tone::Warn, "Needs a look"),
        (Some(Tone::Plain | Tone::Good | Tone::Note) | None, _) => (Tone::Good, "Healthy"),
    }
}
