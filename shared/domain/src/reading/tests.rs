//! How feeds are read: each case that a store, or a simulated one, has shown.

use super::ours::{LOGGED_MS, WINDOW_MS};
use super::*;
use crate::{LineId, Position, Sku};

fn sku() -> Sku {
    Sku::new("TEE").expect("valid")
}

fn order(id: &str) -> OrderId {
    OrderId::new(id).expect("valid")
}

fn entry(id: u64, level_after: i64, by: Option<&str>) -> Movement {
    Movement { id: Position(id), sku: sku(), level_after, order: by.map(order), at: Timestamp(0) }
}

fn line(id: &str, quantity: i64, counted: Option<i64>) -> LineState {
    LineState {
        id: LineId::new(id).expect("valid"),
        quantity,
        counted,
        logged: counted.is_some(),
        cancelled: false,
        taken: BTreeMap::new(),
    }
}

fn at(level: i64) -> Square {
    Square::new(level, Position(0), Timestamp(0))
}

fn units(reading: &Reading) -> Vec<i64> {
    reading.counted.iter().map(|counted| counted.by).collect()
}

#[test]
fn a_sale_counts_its_lines_once_even_when_its_entry_comes_twice() {
    let orders = Orders::from([(order("1"), vec![line("a", 2, None)])]);
    let reading = read(&at(10), &[entry(1, 8, Some("1")), entry(2, 8, Some("1"))], &orders, Some(8), Timestamp(0));
    assert_eq!(units(&reading), [-2]);
    assert_eq!(reading.position, Position(2));
}

#[test]
fn two_lines_of_one_sku_count_once_each_however_the_store_logs_them() {
    let orders = Orders::from([(order("1"), vec![line("a", 2, None), line("b", 3, None)])]);
    let apart = read(&at(10), &[entry(1, 8, Some("1")), entry(2, 5, Some("1"))], &orders, Some(5), Timestamp(0));
    assert_eq!(units(&apart), [-2, -3]);
    let together = read(&at(10), &[entry(1, 5, Some("1"))], &orders, Some(5), Timestamp(0));
    assert_eq!(units(&together), [-2, -3]);
}

#[test]
fn a_returned_line_gives_back_what_it_held() {
    let orders = Orders::from([(order("1"), vec![line("a", 2, Some(2))])]);
    let reading = read(&at(8), &[entry(5, 10, Some("1"))], &orders, Some(10), Timestamp(0));
    assert_eq!(units(&reading), [2]);
    assert_eq!(reading.markers[0].after, 0);
    let orders = Orders::from([(order("1"), vec![line("a", 2, Some(0))])]);
    let again = read(&at(10), &[entry(6, 12, Some("1"))], &orders, Some(12), Timestamp(0));
    assert_eq!(units(&again), [0; 0], "each unit comes back at most once");
}

#[test]
fn our_own_write_is_recognised_and_an_edit_is_not() {
    let mut square = at(10);
    square.wrote(square.last, 7, Timestamp(0));
    let reading = read(&square, &[entry(1, 7, None), entry(2, 12, None)], &Orders::new(), Some(12), Timestamp(0));
    assert_eq!((reading.own, units(&reading)), (1, vec![5]));
    assert!(reading.echoes && reading.writes.is_empty());
}

#[test]
fn an_entry_with_the_number_of_a_write_of_unknown_outcome_may_be_somebody_elses() {
    let mut square = at(10);
    square.wrote(square.last, 7, Timestamp(0));
    square.guesses = Some((10, 7));
    let feed = [entry(1, 15, None), entry(2, 7, None)];
    let reading = read(&square, &feed, &Orders::new(), Some(7), Timestamp(0));
    assert_eq!(
        (reading.own, units(&reading), reading.doubts),
        (1, vec![5], vec![8, -8]),
        "7 → 15 → 7, or 10 → 15, then our 7"
    );
    square.echoes = true;
    let known = read(&square, &feed, &Orders::new(), Some(7), Timestamp(0));
    assert_eq!((known.own, known.doubts), (1, vec![]), "a store that logs our writes has logged this one");
}

#[test]
fn an_edit_that_our_write_erased_counts_where_the_log_shows_that_write_after_it() {
    let mut square = at(5);
    square.wrote(square.last, 4, Timestamp(0));
    let reading = read(&square, &[entry(1, 7, None), entry(2, 4, None)], &Orders::new(), Some(4), Timestamp(0));
    assert_eq!((reading.own, units(&reading), reading.unclear), (1, vec![2], 0), "5 → 7, then our 4");
}

#[test]
fn without_echo_the_level_tells_whether_an_edit_came_before_or_after_our_write() {
    let mut square = at(10);
    square.wrote(square.last, 7, Timestamp(0));
    let after = read(&square, &[entry(1, 12, None)], &Orders::new(), Some(12), Timestamp(0));
    assert_eq!(units(&after), [5], "7 → 12");
    let erased = read(&square, &[entry(1, 12, None)], &Orders::new(), Some(7), Timestamp(0));
    assert_eq!(units(&erased), [2], "10 → 12, then our 7");
    let unknown = read(&square, &[entry(1, 12, None)], &Orders::new(), Some(3), Timestamp(0));
    assert_eq!((units(&unknown), unknown.unclear), (vec![], 1));
    assert_eq!(unknown.doubts, [2, 5], "from 10 or from 7");
    let same = read(&square, &[entry(1, 10, None)], &Orders::new(), Some(3), Timestamp(0));
    assert_eq!(same.doubts, [3], "back to what it was before our 7");
}

#[test]
fn an_entry_that_shows_late_is_measured_from_what_was_before_the_level_that_our_write_replaced() {
    let mut square = at(230);
    square.wrote(230, 252, Timestamp(0));
    square.wrote(275, 274, Timestamp(4_000));
    let reading = read(&square, &[entry(1, 275, None)], &Orders::new(), Some(275), Timestamp(5_000));
    assert_eq!(units(&reading), [23], "252 → 275, our 274, and silently 275 again");
    assert_eq!(reading.doubts, [23], "or somebody entered 275 once more");
    let left: Vec<i64> = reading.writes.iter().map(|write| write.value).collect();
    assert_eq!((left, reading.last), (vec![274], 275), "our 274 may yet be what the next entry found");
    let mut single = at(252);
    single.wrote(275, 274, Timestamp(4_000));
    assert_eq!(units(&read(&single, &[entry(1, 275, None)], &Orders::new(), Some(275), Timestamp(5_000))), [23]);
}

#[test]
fn an_order_that_cannot_be_read_yet_holds_back_what_follows() {
    let feed = [entry(1, 11, None), entry(2, 9, Some("1")), entry(3, 20, None)];
    let reading = read(&at(10), &feed, &Orders::new(), Some(20), Timestamp(0));
    assert_eq!((units(&reading), reading.position), (vec![1], Position(1)));
    assert_eq!(reading.waits_for, Some(order("1")));
    let later = read(&at(10), &feed, &Orders::new(), Some(20), Timestamp(ORDER_PATIENCE_MS));
    assert_eq!(units(&later), [1, -2, 11], "counted by what moved");
}

#[test]
fn a_bundle_component_counts_by_what_moved() {
    let orders = Orders::from([(order("1"), vec![])]);
    let reading = read(&at(10), &[entry(1, 7, Some("1"))], &orders, Some(7), Timestamp(0));
    assert_eq!(reading.counted, [Counted { by: -3, cause: Cause::Order(order("1")) }]);
}

#[test]
fn a_sale_that_found_our_unlogged_write_shows_that_the_write_is_past() {
    let mut square = at(10);
    square.wrote(square.last, 30, Timestamp(0));
    let orders = Orders::from([(order("1"), vec![line("a", 2, None)])]);
    let reading = read(&square, &[entry(1, 28, Some("1")), entry(2, 40, None)], &orders, Some(40), Timestamp(0));
    assert_eq!(units(&reading), [-2, 12], "30 → 28 → 40, not 30 → 40");
    assert!(reading.writes.is_empty());
}

#[test]
fn a_return_after_our_unlogged_write_is_not_mistaken_for_a_second_fall() {
    let mut square = at(12);
    square.wrote(square.last, 8, Timestamp(0));
    let orders = Orders::from([(order("1"), vec![line("a", 2, Some(2))])]);
    let reading = read(&square, &[entry(1, 10, Some("1"))], &orders, None, Timestamp(0));
    assert_eq!(units(&reading), [2], "8 → 10, not 12 → 10");
}

#[test]
fn an_edit_long_after_our_unlogged_write_is_measured_from_it() {
    let mut square = at(10);
    square.wrote(square.last, 7, Timestamp(0));
    let later = Movement { at: Timestamp(WINDOW_MS + 1), ..entry(1, 12, None) };
    assert_eq!(units(&read(&square, &[later], &Orders::new(), None, Timestamp(0))), [5]);
}

#[test]
fn two_entries_of_an_order_are_its_two_lines_whatever_the_level_looks_like() {
    let mut square = at(23);
    square.wrote(square.last, 21, Timestamp(0));
    let orders = Orders::from([(order("1"), vec![line("a", 3, None), line("b", 2, None)])]);
    let feed = [entry(1, 18, Some("1")), entry(2, 16, Some("1"))];
    let reading = read(&square, &feed, &orders, None, Timestamp(0));
    assert_eq!(units(&reading), [-3, -2], "21 → 18 → 16, not 23 → 18 and a return");
    assert!(reading.markers.iter().all(|marker| marker.logged));
}

#[test]
fn a_return_is_a_return_even_where_an_import_has_hidden_its_size() {
    let orders = Orders::from([(order("1"), vec![line("a", 2, Some(2))])]);
    let reading = read(&at(30), &[entry(1, 12, Some("1"))], &orders, None, Timestamp(0));
    assert_eq!(units(&reading), [2], "30 → 10 silently, then 12");
}

#[test]
fn an_edit_that_one_of_several_unlogged_writes_erased_is_counted_by_its_time_and_told() {
    let mut square = at(316);
    square.wrote(square.last, 313, Timestamp(1_500));
    square.wrote(square.last, 311, Timestamp(4_000));
    let edit = Movement { at: Timestamp(1_000), ..entry(1, 364, None) };
    let reading = read(&square, &[edit], &Orders::new(), Some(311), Timestamp(5_000));
    assert_eq!((units(&reading), reading.doubts), (vec![48], vec![48]), "316 → 364, then our 313 and 311");
}

#[test]
fn a_store_that_was_thought_to_log_our_writes_is_believed_no_longer_once_a_sale_shows_otherwise() {
    let mut square = at(144);
    square.echoes = true;
    square.wrote(square.last, 141, Timestamp(0));
    let two = vec![line("a", 2, Some(2)), line("b", 2, Some(2))];
    let orders = Orders::from([(order("1"), two)]);
    let reading = read(&square, &[entry(1, 143, Some("1"))], &orders, None, Timestamp(0));
    assert_eq!((units(&reading), reading.echoes), (vec![2], false), "141 → 143, and 141 is not in the log");
}

#[test]
fn a_store_that_was_thought_to_log_our_writes_is_believed_no_longer_once_one_is_missing_before_an_edit() {
    let mut square = at(6);
    square.echoes = true;
    square.wrote(square.last, 3, Timestamp(0));
    let read = |at: i64| {
        let edit = Movement { at: Timestamp(at), ..entry(1, 16, None) };
        let reading = read(&square, &[edit], &Orders::new(), Some(16), Timestamp(0));
        (units(&reading), reading.echoes)
    };
    assert_eq!(read(LOGGED_MS + 1), (vec![13], false), "3 → 16: the log would have our 3 by now");
    assert_eq!(read(LOGGED_MS), (vec![10], true), "our 3 may come yet");
    square.guesses = Some((6, 3));
    let unsure = super::read(&square, &[entry(1, 16, None)], &Orders::new(), Some(16), Timestamp(0));
    assert_eq!(
        (units(&unsure), unsure.doubts),
        (vec![10], vec![13]),
        "6 → 16, or 3 → 16 if the store logs none of ours"
    );
}

#[test]
fn an_edit_after_a_sale_that_found_our_number_either_way_is_measured_from_the_sale_and_told() {
    let orders = Orders::from([(order("1"), vec![line("a", 2, None)]), (order("2"), vec![line("a", 3, None)])]);
    let mut square = at(207);
    square.wrote(square.last, 205, Timestamp(1_000));
    let late = |id, level, by| Movement { at: Timestamp(3_000), ..entry(id, level, by) };
    let first = read(&square, &[entry(1, 205, Some("1")), late(2, 202, Some("2"))], &orders, None, Timestamp(0));
    assert!(first.writes[0].past, "205 was sold down to, and written");
    square.writes.clone_from(&first.writes);
    (square.position, square.last) = (first.position, first.last);
    let edit = read(&square, &[late(3, 270, None)], &orders, Some(270), Timestamp(0));
    assert_eq!((units(&edit), edit.doubts), (vec![68], vec![68]), "202 → 270, not 205 → 270");
}

#[test]
fn after_an_order_that_found_a_silent_import_an_edit_is_measured_from_that_order_and_told() {
    let orders = Orders::from([(order("1"), vec![line("a", 3, None)])]);
    let mut square = at(81);
    square.wrote(square.last, 80, Timestamp(1_000));
    let late = |id, level, by| Movement { at: Timestamp(3_000), ..entry(id, level, by) };
    let feed = [late(1, 113, Some("1")), late(2, 44, None)];
    let reading = read(&square, &feed, &orders, Some(44), Timestamp(0));
    assert_eq!(units(&reading), [-3, -69], "80 → 116 silently, 113, 44: not 80 → 44 beside the order");
    assert_eq!(reading.doubts, [-69]);
}

#[test]
fn a_second_entry_with_the_number_of_our_write_may_be_its_own_and_is_told() {
    let orders = Orders::from([(order("1"), vec![line("a", 6, None)])]);
    let mut square = at(208);
    square.wrote(square.last, 203, Timestamp(1_000));
    let feed = |later: i64| {
        let again = Movement { at: Timestamp(later), ..entry(3, 203, None) };
        [entry(1, 203, None), entry(2, 197, Some("1")), again]
    };
    let soon = read(&square, &feed(2_000), &orders, Some(203), Timestamp(0));
    assert_eq!((units(&soon), soon.doubts), (vec![-6, 6], vec![6]), "typed 203, sold 6, and our 203 erased that");
    let much_later = read(&square, &feed(1_000 + LOGGED_MS), &orders, Some(203), Timestamp(0));
    assert_eq!((units(&much_later), much_later.doubts), (vec![-6, 6], vec![]), "our write did not take so long");
}

#[test]
fn an_order_called_off_whose_entry_shows_the_same_number_is_told() {
    let called_off = LineState { cancelled: true, ..line("a", 2, Some(2)) };
    let orders = Orders::from([(order("1"), vec![called_off])]);
    let reading = read(&at(2), &[entry(9, 2, Some("1"))], &orders, Some(2), Timestamp(0));
    assert_eq!((units(&reading), reading.guessed), (vec![], vec![2]), "2 → 0 silently, then 2");
}

#[test]
fn a_sale_that_found_a_silent_import_is_not_taken_to_follow_our_write_whose_entry_comes_after_it() {
    let mut square = at(135);
    square.echoes = true;
    square.wrote(129, 126, Timestamp(0));
    square.wrote(126, 132, Timestamp(2_000));
    let orders = Orders::from([(order("1"), vec![line("a", 3, None)])]);
    let feed = [entry(1, 129, Some("1")), entry(2, 126, None), entry(3, 132, None)];
    let reading = read(&square, &feed, &orders, Some(132), Timestamp(20_000));
    assert_eq!((units(&reading), reading.own), (vec![-3], 2), "135 → 132 silently → 129, our 126, our 132");
    assert!(reading.echoes && reading.writes.is_empty());
}

#[test]
fn of_two_equal_writes_only_the_first_is_sure_to_be_past() {
    let orders = Orders::from([(order("1"), vec![line("a", 1, None)])]);
    let mut square = at(140);
    [160, 159, 160].into_iter().for_each(|value| square.wrote(square.last, value, Timestamp(0)));
    let reading = read(&square, &[entry(9, 159, Some("1"))], &orders, None, Timestamp(0));
    let left: Vec<i64> = reading.writes.iter().map(|write| write.value).collect();
    assert_eq!((units(&reading), left), (vec![-1], vec![159, 160]), "the last write may have erased the sale");
}

#[test]
fn a_return_that_an_import_hides_is_told_whichever_of_our_writes_it_found() {
    let orders = Orders::from([(order("1"), vec![line("a", 3, Some(3)), line("b", 2, Some(2))])]);
    let mut square = at(183);
    square.wrote(square.last, 181, Timestamp(0));
    let far = read(&square, &[entry(9, 269, Some("1"))], &orders, None, Timestamp(0));
    assert_eq!((units(&far), far.guessed, far.unclear), (vec![3, 2], vec![5], 0), "5 from 183, and 5 from 181");
    let near = read(&square, &[entry(9, 187, Some("1"))], &orders, None, Timestamp(0));
    assert_eq!((units(&near), near.guessed, near.unclear), (vec![], vec![5], 1), "4 from 183, but 5 from 181");
}

#[test]
fn a_return_that_fits_only_after_a_write_of_which_nobody_knows_is_told() {
    let orders = Orders::from([(order("1"), vec![line("a", 2, Some(2))])]);
    let mut square = at(12);
    square.wrote(square.last, 8, Timestamp(0));
    let known = read(&square, &[entry(9, 10, Some("1"))], &orders, None, Timestamp(0));
    assert_eq!((units(&known), known.guessed), (vec![2], vec![]));
    square.guesses = Some((12, 8));
    let unknown = read(&square, &[entry(9, 10, Some("1"))], &orders, None, Timestamp(0));
    assert_eq!((units(&unknown), unknown.guessed), (vec![2], vec![2]), "8 → 10, or 12 silently less, then up");
    let logged = read(&square, &[entry(9, 14, Some("1"))], &orders, None, Timestamp(0));
    assert_eq!((units(&logged), logged.guessed), (vec![2], vec![]), "12 → 14");
}

#[test]
fn which_of_two_lines_came_back_is_told_where_an_import_could_make_up_for_the_other() {
    let orders = Orders::from([(order("1"), vec![line("a", 1, Some(1)), line("b", 3, Some(3))])]);
    let one = read(&at(31), &[entry(9, 34, Some("1"))], &orders, None, Timestamp(0));
    assert_eq!((units(&one), one.guessed), (vec![3], vec![3]), "31 → 34, or 31 → 33 silently, then 34");
    let both = [entry(9, 34, Some("1")), entry(10, 35, Some("1"))];
    let both = read(&at(31), &both, &orders, None, Timestamp(0));
    assert_eq!((units(&both), both.guessed), (vec![3, 1], vec![]), "all of the order came back");
}

#[test]
fn an_edit_measured_from_the_log_is_told_where_the_store_logs_our_writes_for_the_first_time() {
    let mut square = at(5);
    square.wrote(square.last, 4, Timestamp(0));
    let feed = [entry(1, 7, None), entry(2, 4, None)];
    let first = read(&square, &feed, &Orders::new(), Some(4), Timestamp(0));
    assert_eq!((units(&first), first.doubts), (vec![2], vec![3]), "the 4 may be somebody else's, and then 4 → 7");
    square.echoes = true;
    let known = read(&square, &feed, &Orders::new(), Some(4), Timestamp(0));
    assert_eq!((units(&known), known.doubts), (vec![2], vec![]));
}

#[test]
fn a_return_that_an_import_hides_is_told() {
    let orders = Orders::from([(order("1"), vec![line("a", 1, Some(1)), line("b", 2, Some(2))])]);
    let hidden = read(&at(61), &[entry(9, 110, Some("1"))], &orders, None, Timestamp(0));
    assert_eq!((units(&hidden), hidden.guessed), (vec![1, 2], vec![3]));
    let fallen = read(&at(61), &[entry(9, 3, Some("1"))], &orders, None, Timestamp(0));
    assert_eq!((units(&fallen), fallen.guessed), (vec![], vec![3]), "61 → 0 or more silently, then up to 3");
    let same = read(&at(61), &[entry(9, 61, Some("1"))], &orders, None, Timestamp(0));
    assert_eq!((units(&same), same.guessed), (vec![], vec![3]), "down silently, then up again");
    let plain = read(&at(61), &[entry(9, 64, Some("1"))], &orders, None, Timestamp(0));
    assert_eq!((units(&plain), plain.guessed), (vec![1, 2], vec![]));
}
