//! What every adapter of a port must do, as functions over the port. `contract_embedded` and `contract_emulators` run
//! them; a new adapter needs one line of `store_contract!`, `queue_contract!` or `vault_contract!`.
#![allow(clippy::expect_used, clippy::missing_panics_doc)]

pub mod clock;
pub mod queue;
pub mod store;
pub mod store_lists;
pub mod vault;

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

/// A name that no other test uses, also not in another process or in a run before.
#[must_use]
pub fn unique(name: &str) -> String {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let micros = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_micros());
    format!("{name}-{}-{micros}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed))
}

/// Makes one test of each function of a contract. `$open` gives the port and whatever must live as long.
#[macro_export]
macro_rules! each_contract {
    ($open:path, $part:ident => $($name:ident),+ $(,)?) => {
        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                if let Some((port, _open)) = $open().await {
                    $crate::contract::$part::$name(&port).await;
                }
            }
        )+
    };
}

/// The contract of a store, as tests.
#[macro_export]
macro_rules! store_contract {
    ($open:path) => {
        $crate::store_contract_calls!($open);
        $crate::each_contract!($open, store =>
            concurrent_increments_lose_nothing, concurrent_transactions_lose_nothing);
    };
}

/// The contract of a store as far as one caller can see it.
#[macro_export]
macro_rules! store_contract_calls {
    ($open:path) => {
        $crate::each_contract!($open, store =>
            a_row_comes_back_as_it_was, keys_without_rows_give_none_in_their_place, a_glance_sees_what_was_written,
            any_condition_overwrites,
            absent_refuses_what_is_there, version_refuses_another, below_refuses_the_same_and_more,
            deletes_obey_conditions, a_transaction_is_all_or_nothing, a_conflict_names_the_right_row,
            a_hundred_changes_at_once, too_many_changes_are_refused, many_keys_are_read_at_once,
            many_rows_are_put_at_once, any_text_is_kept, a_large_body_is_kept, an_empty_key_is_refused);
        $crate::each_contract!($open, store_lists =>
            a_partition_is_listed_in_order, a_prefix_limits_the_list, pages_follow_each_other_exactly,
            pages_follow_each_other_backwards, large_pages_are_whole, a_strange_token_is_refused,
            the_index_lists_only_rows_that_have_a_place, a_row_leaves_the_index, pages_of_the_index_follow_each_other,
            a_scan_sees_every_row_once);
    };
}

/// The contract of a queue, as tests.
#[macro_export]
macro_rules! queue_contract {
    ($open:path) => {
        $crate::queue_contract_calls!($open);
        $crate::each_contract!($open, queue => a_busy_group_does_not_hold_up_others);
    };
}

/// The contract of a queue without fairness between groups, which emulators do not have.
#[macro_export]
macro_rules! queue_contract_calls {
    ($open:path) => {
        $crate::each_contract!($open, queue =>
            a_message_is_received_once_and_deleted, many_messages_all_arrive, a_received_message_comes_back_in_time,
            a_deleted_message_stays_away, retry_brings_it_back_at_once, retry_waits_as_told, deleting_twice_is_harmless,
            six_receives_and_it_is_dead, a_dead_message_of_the_lane_returns_to_the_lane,
            the_dead_can_be_looked_at_and_deleted, a_delayed_message_waits, depth_counts_all,
            the_lane_is_in_order_within_a_group, a_group_of_the_lane_waits_for_its_first, the_lane_drops_what_it_has_seen,
            changes_drop_nothing, a_waiting_receiver_is_woken_by_a_message,
            a_large_message_passes, nothing_is_sent_to_the_dead);
    };
}

/// The contract of a vault, as tests.
#[macro_export]
macro_rules! vault_contract {
    ($open:path) => {
        $crate::each_contract!($open, vault =>
            secrets_come_back, an_unknown_name_has_none, a_second_put_replaces, a_fresh_read_sees_the_other_side,
            a_deleted_name_has_none, a_deleted_name_can_be_used_again, deleting_twice_is_harmless);
    };
}
