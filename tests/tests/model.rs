//! Every interleaving of two workers, changes and a crash on two listings (`tests::model`), and the mistakes that must not
//! survive it.

use tests::model::round::circle;
use tests::model::{Explored, Kind, Mistake, Setup, explore, explore_until};

const LOGGING: Kind = Kind::C { echoes: true };
const SILENT: Kind = Kind::C { echoes: false };
const CONSERVED: &str = "I2 units are conserved";
const CONVERGES: &str = "I3 the stores converge";
const ENDS: &str = "I4 the workers come to rest";
const ONCE: &str = "I5 a push lands at most once";
const ANNOUNCED: &str = "I6 a push on its way has its claim";

/// No rule is broken in any state, and there are states enough that something happened.
fn holds(setup: &Setup) {
    let found = explore(setup, 2);
    assert!(found.complete, "more than {} states: {setup:?}", found.states);
    assert!(found.broken.is_empty(), "{setup:?}: {}", stories(&found));
    assert!(found.states > 200, "only {} states: {setup:?}", found.states);
}

/// The rule is broken, as it must be.
fn breaks(setup: &Setup, rule: &'static str) {
    let found = explore_until(setup, 2, &[rule]);
    assert!(found.broken.contains_key(rule), "{setup:?} breaks only {:?}", found.broken.keys());
}

fn stories(found: &Explored) -> String {
    found.broken.iter().map(|(rule, story)| format!("{rule}\n{story}\n")).collect()
}

fn wrong(mistake: Mistake, kinds: [Kind; 2], changes: &[i64]) -> Setup {
    Setup { mistake: Some(mistake), ..Setup::new(kinds, changes) }
}

#[test]
fn a_sale_a_delivery_and_a_crash_on_two_exact_stores() {
    holds(&Setup::new([Kind::A, Kind::A], &[-1, 2]));
}

#[test]
fn a_request_that_arrives_long_after_its_worker_vanished() {
    holds(&Setup { late: true, ..Setup::new([Kind::A, Kind::A], &[-1, 2]) });
}

#[test]
fn a_worker_so_slow_that_its_claim_is_taken_over() {
    holds(&Setup { slow: true, crashes: 0, ..Setup::new([Kind::A, Kind::A], &[-1, 2]) });
}

#[test]
fn three_changes_that_cancel_each_other() {
    holds(&Setup { crashes: 0, ..Setup::new([Kind::A, Kind::A], &[-1, 2, -1]) });
}

#[test]
fn our_own_writes_come_back_as_webhooks() {
    holds(&Setup { own_hints: true, crashes: 0, ..Setup::new([Kind::A, Kind::A], &[-1, 2]) });
}

#[test]
fn a_call_is_refused_or_times_out_and_a_message_comes_twice() {
    holds(&Setup { faults: 1, crashes: 0, redeliveries: 1, ..Setup::new([Kind::A, Kind::A], &[-1, 2]) });
}

#[test]
fn a_refusal_after_a_crash() {
    holds(&Setup { faults: 1, ..Setup::new([Kind::A, Kind::A], &[-1]) });
}

#[test]
fn sales_on_a_store_that_logs_only_the_movements_of_others() {
    holds(&Setup::new([Kind::A, SILENT], &[-1, 2]));
}

#[test]
fn sales_on_a_store_that_logs_our_writes_too() {
    holds(&Setup { crashes: 0, ..Setup::new([Kind::A, LOGGING], &[-1, 2, -1]) });
}

#[test]
fn edits_on_stores_with_a_log_count_or_are_told() {
    for kind in [SILENT, LOGGING] {
        holds(&Setup { edits: true, crashes: 0, ..Setup::new([Kind::A, kind], &[-1, 2]) });
    }
}

#[test]
fn a_store_that_can_only_be_set_loses_exactly_what_blind_writes_erase() {
    holds(&Setup::new([Kind::A, Kind::D], &[-1, 2]));
}

#[test]
fn every_run_ends() {
    assert_eq!(circle(&Setup::new([Kind::A, Kind::A], &[-1, 1])), None);
    assert_eq!(circle(&Setup { edits: true, crashes: 0, ..Setup::new([Kind::A, SILENT], &[-1, 2]) }), None);
}

/// A known limit. One worker has read 7; two sales bring the store back to 5, which is what the ledger knows; another
/// worker reads 5, finds nothing to write and is done; then the first commits its 7. Nobody looks again until the
/// scheduled comparison does.
#[test]
fn changes_that_cancel_while_another_worker_looks_wait_for_the_comparison() {
    let alone = Setup { crashes: 0, compares: false, ..Setup::new([Kind::A, Kind::A], &[-1, 2, -1]) };
    breaks(&alone, CONVERGES);
    holds(&Setup { compares: true, ..alone });
}

#[test]
fn steps_of_resolving_that_are_dropped_are_caught() {
    breaks(&wrong(Mistake::GivingUp, [Kind::A, Kind::A], &[-1, 2]), ENDS);
}

#[test]
fn a_push_without_a_claim_is_caught() {
    let setup = wrong(Mistake::Unclaimed, [Kind::A, Kind::A], &[-1]);
    breaks(&setup, ANNOUNCED);
    breaks(&setup, CONSERVED);
}

#[test]
fn a_claim_dropped_because_a_retry_was_refused_is_caught() {
    breaks(&Setup { faults: 1, ..wrong(Mistake::Forgetful, [Kind::A, Kind::A], &[-1]) }, CONSERVED);
}

#[test]
fn a_claim_taken_over_too_early_is_caught() {
    breaks(&wrong(Mistake::Hasty, [Kind::A, SILENT], &[-1]), ANNOUNCED);
}

#[test]
fn a_claim_that_nobody_takes_over_is_caught() {
    let found = circle(&wrong(Mistake::Abandoning, [Kind::A, Kind::A], &[-1]));
    assert!(found.is_some(), "the message comes again for ever");
}

#[test]
fn a_new_key_for_each_attempt_is_caught() {
    breaks(&wrong(Mistake::FreshKey, [Kind::A, Kind::A], &[-1, 1]), CONSERVED);
}

#[test]
fn a_commit_that_ignores_the_version_is_caught() {
    breaks(&wrong(Mistake::Unconditional, [Kind::A, Kind::A], &[-1, -1]), CONSERVED);
}

#[test]
fn a_write_that_lands_twice_is_caught() {
    breaks(&Setup { late: true, ..wrong(Mistake::FreshKey, [Kind::A, Kind::A], &[-1, 1]) }, ONCE);
}
