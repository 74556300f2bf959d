//! Stories in `tests/scenarios`, each played and compared with its file as text. `EVENSTOCK_BLESS=1` writes into the files
//! what was seen: read it before you commit it.
#![allow(clippy::unwrap_used, reason = "a test file: a panic is the report")]

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;
use tests::story::{Story, Wrong, diff};

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("scenarios")
}

fn name(test: &str) -> String {
    format!("{}.txt", test.replace('_', "-"))
}

/// Plays a story; gives how what was seen differs from its text.
fn play(file: &str, text: &str) -> Result<String, Wrong> {
    let seen = Story::read(file, text)?.play()?;
    Ok(diff(text, &seen))
}

fn check(test: &str) {
    let (file, path) = (name(test), folder().join(name(test)));
    let text = fs::read_to_string(&path).unwrap();
    let seen = Story::read(&file, &text).and_then(|story| story.play()).unwrap_or_else(|wrong| panic!("{wrong}"));
    if std::env::var_os("EVENSTOCK_BLESS").is_some() {
        return fs::write(&path, seen).unwrap();
    }
    let difference = diff(&text, &seen);
    assert!(difference.is_empty(), "{file} was seen otherwise (- the file, + seen):\n{difference}");
    assert!(text.contains("\n= "), "{file} shows nothing");
}

/// One test for each file.
macro_rules! stories {
    ($($story:ident),* $(,)?) => {
        $(
            #[test]
            fn $story() {
                check(stringify!($story));
            }
        )*

        #[test]
        fn every_file_is_a_test() {
            let listed: BTreeSet<String> = [$(stringify!($story)),*].map(name).into();
            let files = fs::read_dir(folder()).unwrap();
            let there: BTreeSet<String> =
                files.map(|file| file.unwrap().file_name().into_string().unwrap()).collect();
            assert_eq!(listed, there, "list every file of tests/scenarios here");
        }
    };
}

stories! {
    odd_skus_go_by_a_feed,
    very_many_changes_go_as_one_feed,
    a_wave_of_edits_on_a_slow_master,
    a_level_moves_while_it_is_written,
    a_location_is_closed_and_opened_again,
    a_store_refuses_one_listing,
    a_write_is_accepted_and_never_carried_out,
    a_write_is_accepted_and_verified_later,
    an_order_at_amazon_of_which_no_event_tells,
    an_order_is_called_off_before_it_is_paid_for,
    two_locations_follow_two_warehouses,
    what_amazon_keeps_is_never_written,
    a_batch_is_refused,
    a_file_of_rules_with_bad_lines,
    a_hub_moves_to_another_machine,
    a_kit_takes_its_parts_everywhere,
    a_product_gets_another_sku,
    a_store_sells_packs_of_six,
    a_store_spells_a_sku_in_its_own_way,
    a_sync_mode_is_inherited,
    many_items_are_changed_at_once,
    of_two_groups_the_first_in_order_wins,
    rules_are_inherited_and_the_nearest_wins,
    the_hub_dies_between_a_kit_and_its_parts,
    a_delivery_entered_in_the_hub_repays_what_was_oversold,
    a_first_sync_that_went_the_wrong_way,
    a_flash_sale,
    a_forged_webhook,
    a_frozen_account_is_thawed,
    a_long_outage_costs_one_write,
    a_maintenance_page,
    a_master_edited_by_mistake_goes_back_in_time,
    a_master_on_back_order_is_restocked,
    a_new_store_joins,
    a_paused_account_catches_up,
    a_person_sets_the_stock_while_stores_sell,
    a_product_that_disappears_zeroes_nothing,
    a_product_that_sells_under_a_new_name,
    a_quantity_that_was_never_entered,
    a_rate_limit_of_ones_own,
    a_removed_account,
    a_run_goes_on_after_the_hub_died,
    a_sale_reaches_every_store,
    a_sale_while_another_store_is_down,
    a_setting_that_a_platform_cannot_have,
    a_silent_import_and_sales_before_it_is_found,
    a_silent_import_on_a_replica,
    a_silent_product_import_on_the_master,
    a_sku_that_is_there_twice_from_the_start,
    a_sku_that_is_there_twice_is_not_written,
    a_sold_line_that_moved_no_stock,
    a_stock_file_with_a_bad_line,
    a_store_is_down_for_an_hour_while_others_sell,
    a_store_sells_while_the_hub_cannot_reach_it,
    a_strict_rate_limit,
    a_suppliers_feed,
    a_suppliers_feed_that_lost_its_lines,
    a_wave_of_zeros_is_stopped_and_asked_about,
    a_wave_of_zeros_was_a_mistake,
    a_webhook_secret_is_announced,
    a_webhook_secret_is_rotated,
    a_webhook_that_nobody_can_read,
    a_write_takes_effect_and_500_is_answered,
    a_write_takes_effect_and_the_answer_is_lost,
    a_write_times_out_without_effect,
    an_account_is_removed_and_added_again,
    an_edit_on_a_replica_is_adopted,
    an_edit_on_a_replica_is_overwritten,
    an_edit_on_a_replica_is_reported,
    an_excluded_listing_is_never_written,
    an_import_is_undone_while_stores_sell,
    an_old_webhook_is_sent_again,
    an_order_is_cancelled,
    an_order_is_changed_to_another_product,
    an_order_is_edited_up_and_down,
    an_order_names_an_unknown_sku,
    an_unpaid_order_from_before_the_first_sync,
    another_hub_writes_the_same_store,
    another_writer_keeps_changing_one_listing,
    back_orders_go_below_zero,
    every_message_is_delivered_again,
    everything_counts_of_a_replica,
    four_ways_to_edit_the_master,
    lost_webhooks_are_healed_by_the_sweep,
    more_is_sold_than_there_was,
    nothing_counts_of_an_account,
    one_bad_item_blocks_no_other,
    one_item_is_synced_now,
    only_cancelled_orders_are_restocked,
    our_own_writes_cause_no_echo,
    returns_are_looked_at_first,
    sell_one_restock_one_sell_one,
    skus_that_nearly_match,
    some_of_a_quarantine_is_believed,
    staff_edit_the_master_within_seconds_of_a_sale,
    stock_comes_back_line_by_line,
    stock_moves_before_the_order_shows,
    stores_that_do_not_log_our_writes,
    the_hub_dies_after_its_write,
    the_hub_dies_between_claim_and_write,
    the_hub_is_deployed_while_work_waits,
    the_last_unit_is_sold_twice,
    the_log_has_a_gap,
    the_log_has_a_gap_at_its_beginning,
    the_log_may_not_be_read,
    the_master_is_emptied_product_by_product,
    the_master_may_not_be_written,
    the_master_sells_and_is_edited_at_once,
    the_preview_writes_nothing,
    too_many_calls_said_with_empty,
    too_many_calls_said_with_html,
    too_many_calls_said_with_json,
    too_many_calls_with_a_time_to_wait,
    units_are_held_back,
    unpaid_orders_count_when_they_are_placed,
    unpaid_orders_wait_for_their_money,
    unpaid_orders_with_the_wrong_setting,
    users_have_roles_and_tokens,
    webhooks_come_late_and_out_of_order,
    webhooks_come_twice,
    webhooks_fall_silent,
    what_is_held_back_of_a_rush_is_inherited,
    what_was_taken_back_is_not_taken_back_again,
    what_sells_fast_is_held_back,
    wrong_credentials_then_rotation,
}

const SALE: &str = "A sale reaches every store\nstock TEE 10\nall connected and adopted\nnorth sells 2 TEE\n1 minute passes\nsee TEE\n";

#[test]
fn a_wrong_expectation_is_seen() {
    let right = format!("{SALE}= TEE   hub 8   main 8   north 8   south 8\n");
    assert_eq!(play("right.txt", &right).unwrap(), "");
    let wrong = right.replace("south 8", "south 9");
    let difference = play("wrong.txt", &wrong).unwrap();
    assert!(difference.contains("- = TEE   hub 8   main 8   north 8   south 9"), "{difference}");
    assert!(difference.contains("+ = TEE   hub 8   main 8   north 8   south 8"), "{difference}");
    let missing = play("missing.txt", SALE).unwrap();
    assert!(missing.contains("+ = TEE"), "{missing}");
}

#[test]
fn what_cannot_be_read_is_told_with_file_and_line() {
    let cases = [
        ("A story\n\nnorth juggles 2 TEE\n", "bad.txt:3: nobody knows how to do \"juggles 2 TEE\""),
        ("A story\nwest sells 2 TEE\n", "bad.txt:2: nobody knows how to do \"west sells 2 TEE\""),
        ("A story\nperson pauses west\n", "bad.txt:2: there is no store \"west\"; the stores are main, north, south"),
        ("A story\nnorth sells two TEE\n", "bad.txt:2: \"two\" is not a number"),
        ("A story\n\n\n5 fortnights pass\n", "bad.txt:4: \"fortnights\" is no measure of time"),
        ("A story\nsee \"TEE\n", "bad.txt:2: a quote is not closed"),
        ("\nsee TEE\n", "bad.txt:1: the first line must be a sentence"),
        ("A story\nsee TEE\nstores a, b\n", "bad.txt:3: `stores` must come before"),
    ];
    for (text, complaint) in cases {
        let wrong = Story::read("bad.txt", text).unwrap_err().to_string();
        assert!(wrong.starts_with(complaint), "{wrong}");
    }
}

#[test]
fn an_order_that_nobody_placed_is_told_with_file_and_line() {
    let wrong = play("bad.txt", "A story\nstock TEE 10\nnorth cancels order 1\n").unwrap_err();
    assert_eq!(wrong.to_string(), "bad.txt:3: north has no order 1");
}
