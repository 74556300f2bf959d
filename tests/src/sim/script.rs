//! What people and machines do in a run, and when: drawn from the seed before it begins, so that a failing run can be
//! shrunk by leaving things out.

use super::named;
use super::net::{Fate, Outage};
use super::owing;
use super::setup::{Profile, Setup};
use channels::shopwired::fake::Page;
use fastrand::Rng;

/// Something that happens.
#[derive(Debug, Clone)]
pub enum Action {
    /// An order of some lines: SKU numbers and units.
    Sell(usize, Vec<(usize, i64)>),
    /// Somebody types in the present number and so much more or less.
    Edit(usize, Page, usize, i64),
    /// The stock of a line of an earlier order goes back; which order and line is counted from the newest.
    Return(usize, usize),
    /// An earlier order gets other lines.
    Rewrite(usize, usize, Vec<(usize, i64)>),
    /// An earlier order is cancelled; no stock moves.
    Cancel(usize, usize),
    /// An earlier order is archived.
    Archive(usize, usize),
    /// Somebody edits the stock in Evenstock.
    HubEdit(usize, i64),
    /// Writing to an account stops.
    Pause(usize),
    /// And starts again.
    Resume(usize),
    /// A store fails for a while.
    Fail(usize, Outage),
    /// Every machine of ours is replaced at once.
    Deploy,
    /// A comparison, out of turn.
    Compare,
    /// Somebody sets a rule: for the hub, for a store's account, or for the first SKU there.
    Rule(Whose, &'static str, &'static str),
    /// The store that joins is connected, and its first sync is made.
    Join,
    /// The supplier's list says something else: SKU numbers and units.
    List(Vec<(usize, i64)>),
    /// Somebody takes back what was edited in the last so many milliseconds.
    Undo(i64),
    /// An order of some lines that is to be paid for later.
    Promise(usize, Vec<(usize, i64)>),
    /// An order that waits for its money is paid for; which is counted from the newest.
    Pay(usize, usize),
    /// An order that waits for its money is called off.
    CallOff(usize, usize),
    /// A product gets another SKU in a store.
    Rename(usize, usize),
    /// Somebody links what a store spells in its own way.
    Link,
    /// Somebody is asked whether what has another SKU now is still the same, and says yes.
    Agree,
}

/// Whom somebody sets a rule for.
#[derive(Debug, Clone, Copy)]
pub enum Whose {
    /// The hub.
    Hub,
    /// A store.
    Store(usize),
    /// The first SKU at a store.
    First(usize),
}

impl Action {
    /// The store whose people do it.
    #[must_use]
    pub const fn store(&self) -> Option<usize> {
        match self {
            Self::Sell(store, _)
            | Self::Edit(store, ..)
            | Self::Return(store, _)
            | Self::Rewrite(store, ..)
            | Self::Cancel(store, _)
            | Self::Archive(store, _)
            | Self::Promise(store, _)
            | Self::Pay(store, _)
            | Self::CallOff(store, _)
            | Self::Rename(store, _) => Some(*store),
            Self::HubEdit(..)
            | Self::Pause(_)
            | Self::Resume(_)
            | Self::Fail(..)
            | Self::Deploy
            | Self::Compare
            | Self::Rule(..)
            | Self::Join
            | Self::List(_)
            | Self::Undo(_)
            | Self::Link
            | Self::Agree => None,
        }
    }
}

/// The things that happen, with milliseconds since the beginning, in order.
#[must_use]
pub fn script(setup: &Setup) -> Vec<(i64, Action)> {
    let mut rng = Rng::with_seed(setup.seed ^ 0x5C417);
    let mut script = Vec::with_capacity(setup.actions);
    let mut at = 0;
    for _ in 0..setup.actions {
        at += gap(&mut rng, setup);
        script.push((at, action(&mut rng, setup, at)));
    }
    if setup.ruled.is_some() {
        arrange(setup, &mut script);
    }
    if setup.grown.is_some() {
        grow(setup, &mut script);
    }
    if let Some(owing) = &setup.owing {
        owing::owe(owing, setup, &mut script);
    }
    if setup.named.is_some() {
        named::call(setup, &mut script);
    }
    if let Some(dead) = setup.dead {
        let outage = Outage { until: i64::MAX, fate: death(&mut rng) };
        let place = rng.usize(0..script.len());
        let at = script[place].0;
        script.insert(place, (at, Action::Fail(dead, outage)));
    }
    script
}

/// Rules that people set in between, each at the time of something else.
fn arrange(setup: &Setup, script: &mut Vec<(i64, Action)>) {
    let mut rng = Rng::with_seed(setup.seed ^ 0xA22A);
    for _ in 0..rng.usize(2..9) {
        let place = rng.usize(0..script.len());
        let at = script[place].0;
        script.insert(place, (at, rule(&mut rng, setup)));
    }
}

/// What else a hub is asked for, each at the time of something else.
fn grow(setup: &Setup, script: &mut Vec<(i64, Action)>) {
    let mut rng = Rng::with_seed(setup.seed ^ 0x9041);
    let mut asked = vec![Action::Join];
    for _ in 0..rng.usize(1..4) {
        let listed = (0..setup.skus.len()).filter(|_| rng.bool()).collect::<Vec<_>>();
        asked.push(Action::List(listed.into_iter().map(|sku| (sku, rng.i64(0..250))).collect()));
    }
    for _ in 0..rng.usize(0..3) {
        asked.push(Action::Undo(rng.i64(10_000..setup.length_ms)));
    }
    for action in asked {
        // a store joins while much is still to come
        let most = if matches!(action, Action::Join) { script.len().div_ceil(2) } else { script.len() };
        let place = rng.usize(0..most);
        let at = script[place].0;
        script.insert(place, (at, action));
    }
}

fn rule(rng: &mut Rng, setup: &Setup) -> Action {
    let store = rng.usize(0..setup.stores);
    let whose = [Whose::Hub, Whose::Store(store), Whose::First(store)][rng.usize(0..3)];
    let rules = [
        ("hold_back", "3"),
        ("hold_back", "off"),
        ("share_percent", "50"),
        ("show_zero_at", "5"),
        ("cap", "20"),
        ("mode", "never"),
        ("mode", "only-when-active"),
        ("mode", ""),
        ("exclude", "yes"),
        ("exclude", ""),
    ];
    let (name, value) = rules[rng.usize(0..rules.len())];
    Action::Rule(whose, name, value)
}

/// Bursts within moments, and pauses.
fn gap(rng: &mut Rng, setup: &Setup) -> i64 {
    let mean = setup.length_ms / i64::try_from(setup.actions).unwrap_or(1);
    match rng.u8(0..10) {
        0..=3 => rng.i64(0..150),
        4..=6 => rng.i64(150..4_000),
        _ => rng.i64(0..(mean * 4).max(1)),
    }
}

fn death(rng: &mut Rng) -> Fate {
    [Fate::NotSent, Fate::Status(503), Fate::Status(401), Fate::LostRequest][rng.usize(0..4)]
}

fn action(rng: &mut Rng, setup: &Setup, at: i64) -> Action {
    let store = rng.usize(0..setup.stores);
    let sku = rng.usize(0..setup.skus.len());
    let troubled = setup.profile != Profile::Calm;
    match rng.u8(0..100) {
        0..=49 => Action::Sell(store, lines(rng, setup)),
        50..=61 => Action::Edit(0, page(rng), sku, change(rng)),
        62..=64 => Action::Edit(store, page(rng), sku, change(rng)),
        65..=72 => Action::Return(store, rng.usize(0..4)),
        73..=77 => Action::Rewrite(store, rng.usize(0..3), lines(rng, setup)),
        78..=80 => Action::Cancel(store, rng.usize(0..3)),
        81 => Action::Archive(store, rng.usize(0..3)),
        82..=86 => Action::HubEdit(sku, change(rng)),
        87..=88 => Action::Pause(rng.usize(1..setup.stores)),
        89..=91 => Action::Resume(rng.usize(1..setup.stores)),
        92..=95 if troubled => Action::Fail(store, outage(rng, at)),
        96..=97 if troubled => Action::Deploy,
        98 => Action::Compare,
        _ => Action::Sell(store, lines(rng, setup)),
    }
}

fn lines(rng: &mut Rng, setup: &Setup) -> Vec<(usize, i64)> {
    let count = if rng.u8(0..4) == 0 { 2 } else { 1 };
    (0..count).map(|_| (rng.usize(0..setup.skus.len()), rng.i64(1..4))).collect()
}

/// Mostly upwards: a delivery. Sizes vary, so that an edit is seldom mistaken for something else.
fn change(rng: &mut Rng) -> i64 {
    let size = rng.i64(1..90);
    if rng.u8(0..3) == 0 { -size } else { size }
}

fn page(rng: &mut Rng) -> Page {
    [Page::Product, Page::Stock, Page::StockImport, Page::ProductImport][rng.usize(0..4)]
}

fn outage(rng: &mut Rng, at: i64) -> Outage {
    let fate = [Fate::NotSent, Fate::Status(503), Fate::Status(429), Fate::LostRequest, Fate::LostAnswer];
    Outage { until: super::core::START_MS + at + rng.i64(1_000..120_000), fate: fate[rng.usize(0..5)] }
}
