//! The verdict at the end of the demo: by the stores' own books, not by what the hub believes.

use super::places::{DEPOT, MAIN, PLACES, STREET, YORK};
use super::script::Script;
use super::world::{Deed, Row, World};
use serde::Serialize;

/// How it went.
#[derive(Debug, Serialize)]
pub struct Verdict {
    /// Whether all is good.
    pub ok: bool,
    /// Whether the hub has, for every SKU, what it began with and what people did since.
    pub units_conserved: bool,
    /// Whether every store shows what its warehouses have.
    pub stores_equal: bool,
    /// Scenes, and whether the stores were right at the end of each.
    pub scenes: Vec<(&'static str, bool)>,
    /// Things that people did in the stores.
    pub changes: u64,
    /// Webhooks and events that the hub took.
    pub webhooks: u64,
    /// Writes that changed a store's level.
    pub pushes: u64,
    /// Messages that failed too often.
    pub dead_letters: u64,
    /// From a change in one store to the write in the others.
    pub latency_ms: Option<Latency>,
    /// How long all took, seconds.
    pub seconds: f64,
    /// The levels at the end.
    pub items: Vec<Item>,
}

/// From a change in one store until every other store was written.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Latency {
    /// Changes measured.
    pub samples: usize,
    /// Half of them took at most this long.
    pub p50: i64,
    /// 95 of 100 took at most this long.
    pub p95: i64,
    /// The slowest.
    pub max: i64,
}

/// A SKU at the end.
#[derive(Debug, Serialize)]
pub struct Item {
    /// The SKU.
    pub sku: &'static str,
    /// The level that all must have.
    pub truth: i64,
    /// The hub's.
    pub hub: Option<i64>,
    /// Those of the places.
    pub places: Vec<Option<i64>>,
}

impl Verdict {
    /// Judges.
    ///
    /// # Errors
    /// When the hub cannot read its levels.
    pub async fn of(world: &World, script: &Script<'_>) -> anyhow::Result<Self> {
        let rows = world.rows().await?;
        let units_conserved = rows.iter().all(|row| row.hub == Some(row.truth));
        let stores_equal = rows.iter().all(Row::is_settled);
        let scenes_good = script.scenes.iter().all(|(_, settled)| *settled);
        let dead_letters = world.serving.hub.queues().await?.dead.waiting;
        Ok(Self {
            ok: units_conserved && stores_equal && scenes_good && dead_letters == 0,
            units_conserved,
            stores_equal,
            scenes: script.scenes.clone(),
            changes: script.done,
            webhooks: world.places.told(),
            pushes: pushes(world, &rows),
            dead_letters,
            latency_ms: latency(world, &script.deeds),
            seconds: seconds(world.age_ms()),
            items: rows.into_iter().map(item).collect(),
        })
    }

    /// As people read it.
    #[must_use]
    pub fn text(&self) -> String {
        let mark = |good: bool| if good { "✓" } else { "✗" };
        let mut lines = vec![
            String::new(),
            format!(
                "{} units conserved: the hub counted what people did in the stores, each thing once",
                mark(self.units_conserved)
            ),
            format!("{} every store and location shows what its warehouses have", mark(self.stores_equal)),
        ];
        lines.extend(self.scenes.iter().filter(|(_, good)| !good).map(|(scene, _)| format!("✗ {scene}")));
        lines.push(format!(
            "  {} changes, {} webhooks and events, {} levels written, {} dead letters, {:.0} s",
            self.changes, self.webhooks, self.pushes, self.dead_letters, self.seconds
        ));
        if let Some(latency) = self.latency_ms {
            lines.push(format!(
                "  from a change in one place until the others that it concerns show it: p50 {} ms, p95 {} ms, max {} ms \
                 ({} changes; york takes {} ms to carry a write out)",
                latency.p50,
                latency.p95,
                latency.max,
                latency.samples,
                super::amazon::APPLY_MS
            ));
        }
        lines.join("\n")
    }
}

#[expect(clippy::cast_precision_loss, reason = "a demo lasts less than 2^52 milliseconds")]
fn seconds(ms: i64) -> f64 {
    ms as f64 / 1000.0
}

fn item(row: Row) -> Item {
    Item { sku: row.sku, truth: row.truth, hub: row.hub, places: row.places }
}

fn pushes(world: &World, rows: &[Row]) -> u64 {
    let written =
        |row: &Row| (0..PLACES.len()).map(|place| world.places.writes(place, row.sku).len() as u64).sum::<u64>();
    rows.iter().map(written).sum()
}

/// Where a change at a place must show: in what its warehouse feeds. A sale of the pool is charged to the first warehouse.
const fn concerned(place: usize) -> &'static [usize] {
    match place {
        MAIN => &[STREET, YORK],
        STREET => &[MAIN, YORK],
        DEPOT => &[YORK],
        _ => &[MAIN, STREET],
    }
}

/// How long it took until every place concerned was written, over all deeds.
fn latency(world: &World, deeds: &[Deed]) -> Option<Latency> {
    let first_write = |place: usize, deed: &Deed| {
        let later = world.places.writes(place, deed.sku).into_iter().filter(|at| *at >= deed.at);
        later.map(|at| at.since_ms(deed.at)).min()
    };
    let others = |deed: &Deed| -> Option<i64> {
        let all: Option<Vec<i64>> = concerned(deed.place).iter().map(|place| first_write(*place, deed)).collect();
        all?.into_iter().max()
    };
    percentiles(deeds.iter().filter_map(others).collect())
}

/// The percentiles of some milliseconds.
#[must_use]
pub fn percentiles(mut all: Vec<i64>) -> Option<Latency> {
    all.sort_unstable();
    let max = *all.last()?;
    let at = |percent: usize| all.get((all.len() * percent).div_ceil(100).saturating_sub(1)).copied().unwrap_or(max);
    Some(Latency { samples: all.len(), p50: at(50), p95: at(95), max })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_of_the_nearest_rank() {
        let hundred = percentiles((1..=100).rev().collect()).expect("not empty");
        assert_eq!((hundred.p50, hundred.p95, hundred.max), (50, 95, 100));
        assert_eq!(percentiles(vec![7]).map(|one| (one.p50, one.p95)), Some((7, 7)));
        assert!(percentiles(Vec::new()).is_none());
    }
}
