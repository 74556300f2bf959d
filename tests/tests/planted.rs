//! The proof of the proof: each deliberate mistake in the core or the engine is found within so many seeds, and the same
//! seeds are clean without it.

#![allow(clippy::print_stdout)] // each mistake says what found it

use domain::planted::Mistake;
use tests::sim::calls;
use tests::sim::echoes;
use tests::sim::run::{Order, Variation, run};
use tests::sim::scenes;
use tests::sim::setup::{Class, Profile};
use tests::sim::stops;

/// Where a mistake shows, and within how many seeds it must.
struct Field {
    class: Class,
    profile: Profile,
    seeds: u64,
    variation: Variation,
}

const fn field(class: Class, profile: Profile, seeds: u64) -> Field {
    let variation = Variation { batch: 10, doubled: false, unaided: false, crash_at: None, files: false };
    Field { class, profile, seeds, variation }
}

/// Where nothing but webhooks makes anybody look.
const fn unaided(class: Class, profile: Profile, seeds: u64) -> Field {
    let variation = Variation { batch: 10, doubled: false, unaided: true, crash_at: None, files: false };
    Field { variation, ..field(class, profile, seeds) }
}

impl Field {
    fn order(&self, seed: u64, mistake: Option<Mistake>) -> Order {
        Order { mistake, variation: self.variation, ..Order::new(self.class, self.profile, seed) }
    }
}

/// The first seed that finds the mistake, and what it says; every seed up to it is clean without the mistake.
fn finds(mistake: Mistake, field: &Field) {
    for seed in 0..field.seeds {
        let clean = run(&field.order(seed, None)).violations;
        assert!(clean.is_empty(), "seed {seed} without {mistake:?}: {clean:?}");
        if let Some(found) = run(&field.order(seed, Some(mistake))).violations.first() {
            println!("{mistake:?}: found by seed {seed} of {} {}: {found}", field.class.name(), field.profile.name());
            return;
        }
    }
    panic!("{mistake:?} survives {} seeds of {} {}", field.seeds, field.class.name(), field.profile.name());
}

/// The scene finds the mistake, and is clean without it.
fn finds_in(scene: fn(u64, Option<Mistake>) -> Vec<String>, mistake: Mistake) {
    for seed in 0..5 {
        assert_eq!(scene(seed, None), [""; 0], "seed {seed} without {mistake:?}");
        let found = scene(seed, Some(mistake));
        assert!(!found.is_empty(), "{mistake:?} survives seed {seed}");
        println!("{mistake:?}: found by seed {seed} of its scene: {:.160}", found[0]);
    }
}

/// Every mistake has its test: this does not compile when one is added without.
const fn place(mistake: Mistake) -> Option<Field> {
    Some(match mistake {
        Mistake::NoClaim => field(Class::Exact, Profile::Calm, 5),
        Mistake::BelievedPayload => field(Class::Shops, Profile::Realistic, 20),
        Mistake::ShortLease => field(Class::Blind, Profile::Harsh, 60),
        Mistake::RefusalIsProof => field(Class::Exact, Profile::Harsh, 60),
        Mistake::EchoDropped => field(Class::Shops, Profile::Calm, 20),
        Mistake::SaleTwice => field(Class::Shops, Profile::Realistic, 20),
        Mistake::FeedIgnored => field(Class::Shops, Profile::Calm, 20),
        Mistake::MarkerApart => field(Class::Shops, Profile::Calm, 5),
        Mistake::DroppedUnfiled => field(Class::Shops, Profile::Calm, 5),
        Mistake::UnfiledUnseen => field(Class::Owing, Profile::Harsh, 20),
        Mistake::EarlyAck => unaided(Class::Exact, Profile::Realistic, 80),
        Mistake::NewKey => field(Class::Exact, Profile::Harsh, 60),
        Mistake::StaleVersion => field(Class::Exact, Profile::Realistic, 20),
        Mistake::HoldIgnored => field(Class::Exact, Profile::Calm, 60),
        Mistake::Unsettled => field(Class::Shops, Profile::Calm, 20),
        Mistake::NoSuspects => field(Class::Shops, Profile::Calm, 150),
        Mistake::SilenceIsNo => field(Class::Exact, Profile::Harsh, 20),
        Mistake::SilenceIsYes => field(Class::Exact, Profile::Realistic, 20),
        Mistake::ReleasedTwice => field(Class::Market, Profile::Calm, 20),
        Mistake::PartsTwice => field(Class::Ruled, Profile::Calm, 20),
        Mistake::NewNameUnread => field(Class::Named, Profile::Calm, 60),
        Mistake::WrongWarehouse | Mistake::WholeLevel => field(Class::Places, Profile::Calm, 5),
        Mistake::ReturnElsewhere => field(Class::Places, Profile::Calm, 60),
        Mistake::AcceptedIsDone => field(Class::Market, Profile::Realistic, 100),
        // these have scenes of their own
        Mistake::GuardOff
        | Mistake::UnknownIsZero
        | Mistake::CallLeftOpen
        | Mistake::CallTornApart
        | Mistake::FreezeIgnored
        | Mistake::FightIgnored
        | Mistake::RepeatDropped
        | Mistake::LookedOnce
        | Mistake::RestockRefused => return None,
    })
}

fn found(mistake: Mistake) {
    if let Some(field) = place(mistake) {
        finds(mistake, &field);
    }
}

macro_rules! mistakes {
    ($($name:ident: $mistake:ident,)+) => {
        $(#[test]
        fn $name() {
            found(Mistake::$mistake);
        })+

        #[test]
        fn no_mistake_is_left_out() {
            let scenes = [
                Mistake::GuardOff,
                Mistake::UnknownIsZero,
                Mistake::CallLeftOpen,
                Mistake::CallTornApart,
                Mistake::FreezeIgnored,
                Mistake::FightIgnored,
                Mistake::RestockRefused,
                Mistake::RepeatDropped,
                Mistake::LookedOnce,
            ];
            let tested = [[$(Mistake::$mistake,)+].as_slice(), &scenes].concat();
            assert!(Mistake::ALL.iter().all(|mistake| tested.contains(mistake)));
        }
    };
}

mistakes! {
    a_push_without_a_claim: NoClaim,
    a_payload_that_is_believed: BelievedPayload,
    a_lease_that_is_too_short: ShortLease,
    a_refusal_taken_as_proof: RefusalIsProof,
    an_echo_that_is_dropped: EchoDropped,
    a_sale_that_counts_twice: SaleTwice,
    a_feed_that_is_ignored: FeedIgnored,
    a_marker_apart_from_its_ledger: MarkerApart,
    a_line_dropped_before_it_is_filed: DroppedUnfiled,
    lines_in_the_ledgers_row_that_are_not_seen: UnfiledUnseen,
    a_message_acknowledged_too_early: EarlyAck,
    a_new_key_for_each_attempt: NewKey,
    a_ledger_written_over: StaleVersion,
    a_pause_that_is_ignored: HoldIgnored,
    an_edit_that_has_not_settled: Unsettled,
    suspects_that_are_forgotten: NoSuspects,
    silence_taken_for_yes: SilenceIsYes,
    silence_taken_for_no: SilenceIsNo,
    a_cancellation_released_twice: ReleasedTwice,
    a_change_in_the_wrong_warehouse: WrongWarehouse,
    a_location_that_shows_everything: WholeLevel,
    a_return_to_the_wrong_warehouse: ReturnElsewhere,
    a_write_that_was_only_accepted: AcceptedIsDone,
    parts_of_a_kit_taken_twice: PartsTwice,
    a_new_name_whose_past_is_not_read: NewNameUnread,
}

#[test]
fn a_guard_that_is_off() {
    finds_in(scenes::everything_is_gone, Mistake::GuardOff);
}

#[test]
fn an_unknown_level_taken_for_zero() {
    finds_in(scenes::nothing_is_told, Mistake::UnknownIsZero);
}

/// Chance decides whether both rows wait for the call whose answer is lost.
#[test]
fn a_lost_call_asked_again_row_by_row() {
    let found = (0..5).find_map(|seed| {
        assert_eq!(calls::a_lost_call(seed, None), [""; 0], "seed {seed} without CallTornApart");
        calls::a_lost_call(seed, Some(Mistake::CallTornApart)).into_iter().next().map(|found| (seed, found))
    });
    println!("CallTornApart: found by its scene: {:?}", found.expect("CallTornApart survives"));
}

/// Chance decides whether a change falls between two tries of a webhook, or between a look and its commit.
fn found_beside_our_writes(mistake: Mistake) {
    let found = (0..40).find_map(|seed| {
        let clean = echoes::changes_beside_our_writes(seed, None);
        assert_eq!(clean, [""; 0], "seed {seed} without {mistake:?}");
        echoes::changes_beside_our_writes(seed, Some(mistake)).into_iter().next().map(|found| (seed, found))
    });
    let (seed, found) = found.unwrap_or_else(|| panic!("{mistake:?} survives"));
    println!("{mistake:?}: found by seed {seed} of its scene: {found:.160}");
}

#[test]
fn an_echo_that_is_dropped_when_it_is_sent_again() {
    found_beside_our_writes(Mistake::RepeatDropped);
}

#[test]
fn a_level_that_is_looked_at_once() {
    found_beside_our_writes(Mistake::LookedOnce);
}

/// Each seed of the scene is as many runs as there are polls at which somebody may die.
#[test]
fn a_refused_call_that_is_left_open() {
    assert_eq!(calls::a_refused_call(0, None), [""; 0]);
    let found = calls::a_refused_call(0, Some(Mistake::CallLeftOpen));
    assert!(!found.is_empty(), "CallLeftOpen survives");
    println!("CallLeftOpen: found by its scene: {}", found[0]);
}

#[test]
fn a_live_guard_that_is_off() {
    finds_in(stops::a_master_emptied_bit_by_bit, Mistake::GuardOff);
}

#[test]
fn a_freeze_that_is_ignored() {
    finds_in(stops::a_frozen_store, Mistake::FreezeIgnored);
}

#[test]
fn a_fight_that_is_ignored() {
    finds_in(stops::another_writer, Mistake::FightIgnored);
}

#[test]
fn goods_stocked_again_against_the_policy() {
    finds_in(stops::goods_that_are_not_restocked, Mistake::RestockRefused);
}
