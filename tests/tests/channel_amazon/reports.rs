//! All units: from a report, page by page, each level confirmed by search.

use crate::{SELLER, World};
use channels::amazon::Amazon;
use channels::amazon::fake::{Failure, Fate, Fault, Header, ListingSpec, Script, When};
use channels::{Channel, ErrorKind, Unit, UnitKind};
use std::sync::atomic::Ordering;

/// Every page; with the number of empty ones.
async fn all(world: &World) -> Result<(Vec<Unit>, usize), channels::Error> {
    let (mut units, mut page, mut empty) = (Vec::new(), None, 0);
    for _ in 0..100 {
        let some = Amazon.units(world.session(), page).await?;
        empty += usize::from(some.rows.is_empty());
        units.extend(some.rows);
        page = some.next;
        if page.is_none() {
            return Ok((units, empty));
        }
    }
    panic!("the list does not end");
}

fn sights(units: &[Unit]) -> Vec<(&str, Option<i64>, UnitKind)> {
    units.iter().map(|unit| (unit.external.as_str(), unit.level, unit.kind)).collect()
}

#[tokio::test]
async fn every_listing_is_a_unit_in_whatever_form_the_report_comes() {
    for (script, names_charset) in
        [(Script::Cp1252, true), (Script::Cp1252, false), (Script::Utf8, false), (Script::Utf8, true)]
    {
        for (gzip, bare_lines, header) in [(true, false, Header::Usual), (false, true, Header::Odd)] {
            let world = World::new().stocked(&[("MUG", 5)]).with(|switches| {
                (switches.script, switches.names_charset) = (script, names_charset);
                (switches.gzip, switches.bare_lines, switches.header) = (gzip, bare_lines, header);
                switches.pending_column = bare_lines;
            });
            world.list(&ListingSpec { title: "Café cup \"large".into(), ..ListingSpec::own("TASSE-Ü", 3) });
            world.list(&ListingSpec::hosted("FBA"));
            world.list(&ListingSpec { active: false, ..ListingSpec::own("OLD", 0) });
            let (units, _) = all(&world).await.unwrap();
            let own = UnitKind::Simple;
            let expected = [
                ("FBA", None, UnitKind::Hosted),
                ("MUG", Some(5), own),
                ("OLD", Some(0), own),
                ("TASSE-Ü", Some(3), own),
            ];
            assert_eq!(sights(&units), expected, "{script:?} {header:?}");
            assert_eq!((units[3].title.as_str(), units[2].active), ("Café cup \"large", false));
        }
    }
}

#[tokio::test]
async fn japan_has_its_own_encoding() {
    for names_charset in [true, false] {
        let clock_world = World::new().setting("marketplaces", "A1VC38T7YXB528");
        let mut spec = crate::spec();
        spec.marketplaces = vec!["A1VC38T7YXB528".into()];
        clock_world.fake().add_seller(&spec);
        let world =
            clock_world.with(|switches| (switches.script, switches.names_charset) = (Script::ShiftJis, names_charset));
        world.list(&ListingSpec { title: "湯呑み".into(), ..ListingSpec::own("湯呑み-1", 3) });
        let (units, _) = all(&world).await.unwrap();
        assert_eq!(sights(&units), [("湯呑み-1", Some(3), UnitKind::Simple)]);
    }
}

#[tokio::test]
async fn while_the_report_is_made_pages_are_empty() {
    let world = World::new().stocked(&[("MUG", 5)]).with(|switches| switches.report_ms = 60_000);
    let began = world.now();
    let (units, empty) = all(&world).await.unwrap();
    assert_eq!((units.len(), empty, world.calls("createReport")), (1, 3, 1));
    assert!(world.now().since_ms(began) >= 60_000);
    assert!(world.calls("getReport") < 20, "{}", world.calls("getReport"));
}

#[tokio::test]
async fn a_long_report_is_read_by_pages_and_nothing_is_lost_or_doubled() {
    let world = World::new();
    let names: Vec<String> = (0..2_345).map(|n| format!("SKU-{n:05}")).collect();
    names.iter().for_each(|name| world.list(&ListingSpec::own(name, 1)));
    let (units, _) = all(&world).await.unwrap();
    let found: Vec<&str> = units.iter().map(|unit| unit.external.as_str()).collect();
    assert_eq!(found, names.iter().map(String::as_str).collect::<Vec<_>>());
    assert_eq!(
        (world.calls("createReport"), world.calls("getReportDocument")),
        (1, 1),
        "it may be asked for once a minute"
    );
}

#[tokio::test]
async fn an_address_is_used_while_it_is_good_and_asked_for_again() {
    for (seconds, fails, asked) in [(200, false, 1), (241, false, 2), (60, true, 2)] {
        let world = World::new();
        (0..1_500).for_each(|n| world.list(&ListingSpec::own(&format!("SKU-{n:05}"), 1)));
        let mut page = Amazon.units(world.session(), None).await.unwrap();
        while page.rows.is_empty() {
            page = Amazon.units(world.session(), page.next).await.unwrap();
        }
        world.pass(seconds);
        world.net.loses_document.store(fails, Ordering::SeqCst);
        let rest = Amazon.units(world.session(), page.next).await.unwrap();
        assert_eq!((page.rows.len(), rest.rows.len(), world.calls("getReportDocument")), (1_000, 500, asked));
    }
}

#[tokio::test]
async fn a_stale_report_does_not_give_a_stale_level() {
    let world = World::new().stocked(&[("MUG", 5)]).with(|switches| switches.report_cache_ms = 6 * 3_600_000);
    all(&world).await.unwrap();
    world.fake().type_in(SELLER, "MUG", 3, world.now()).unwrap();
    world.list(&ListingSpec::own("NEW", 1));
    world.fake().delist(SELLER, "MUG").unwrap();
    world.list(&ListingSpec::own("MUG", 2));
    let (units, _) = all(&world).await.unwrap();
    assert_eq!(sights(&units), [("MUG", Some(2), UnitKind::Simple)], "the level is live, the list is hours old");
    world.fake().delist(SELLER, "MUG").unwrap();
    let (units, _) = all(&world).await.unwrap();
    assert_eq!(sights(&units), [("MUG", None, UnitKind::Simple)], "gone is unknown, not zero");
}

#[tokio::test]
async fn asked_again_too_soon_the_report_before_is_read() {
    let world = World::new().stocked(&[("MUG", 5)]).with(|switches| switches.report_again_ms = 1_800_000);
    all(&world).await.unwrap();
    world.pass(60);
    let (units, _) = all(&world).await.unwrap();
    assert_eq!((units.len(), world.calls("getReports")), (1, 1));
}

#[tokio::test]
async fn a_report_that_fails_is_no_empty_shop() {
    for fate in [Fate::Fatal, Fate::Cancelled, Fate::Stuck] {
        let world = World::new().stocked(&[("MUG", 5)]).with(|switches| switches.report_fate = fate);
        // a caller that waits a while between its calls
        let (mut page, mut error) = (None, None);
        for _ in 0..20 {
            match Amazon.units(world.session(), page).await {
                Ok(some) => page = some.next,
                Err(why) => {
                    error = Some(why);
                    break;
                }
            }
            world.pass(600);
        }
        let error = error.unwrap();
        assert_eq!((error.kind, error.effect), (ErrorKind::Unavailable, channels::Effect::None), "{error}");
    }
}

#[tokio::test]
async fn columns_in_another_language_are_an_error_and_no_guess() {
    let world = World::new().stocked(&[("MUG", 5)]).with(|switches| switches.header = Header::Localised);
    let error = all(&world).await.unwrap_err();
    assert!(error.kind == ErrorKind::Malformed && error.context.contains("English"), "{error}");
}

#[tokio::test]
async fn each_step_may_fail_and_changes_nothing() {
    for (operation, failure, kind) in [
        ("createReport", Failure::Status(429), ErrorKind::Throttled),
        ("createReport", Failure::NoAnswer, ErrorKind::Unavailable),
        ("getReport", Failure::Status(500), ErrorKind::Unavailable),
        ("getReportDocument", Failure::Status(404), ErrorKind::NotFound),
        ("searchListingsItems", Failure::Status(429), ErrorKind::Throttled),
    ] {
        let world = World::new().stocked(&[("MUG", 5)]);
        world.fake().fail(SELLER, Fault::of(operation, 1, failure, When::Before)).unwrap();
        let error = all(&world).await.unwrap_err();
        assert_eq!((error.kind, error.effect), (kind, channels::Effect::None), "{operation}");
    }
    let world = World::new();
    for page in ["", "rows", "rows:x", "rows:x:y", "other:1"] {
        let error = Amazon.units(world.session(), Some(page.into())).await.unwrap_err();
        assert_eq!(error.kind, ErrorKind::Invalid, "{page}");
    }
}
