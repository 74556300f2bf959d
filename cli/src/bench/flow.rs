//! Figures of the flow: latency, burst, hot SKU.

use super::arena::Arena;
use super::{Figure, Scale};
use crate::demo::stores::Store;
use crate::demo::verdict::percentiles;
use channels::{Clock, clock::SystemClock};
use domain::Timestamp;
use std::time::{Duration, Instant};

/// How long stores may take to be right.
const PATIENCE: Duration = Duration::from_secs(120);
/// Changes before the first that counts.
const WARM_UP: usize = 10;

/// One sale until both other stores are written.
///
/// # Errors
/// When one never was.
pub async fn latency(scale: Scale) -> anyhow::Result<Vec<Figure>> {
    let (mut halves, mut most) = (Vec::new(), Vec::new());
    for _ in 0..scale.runs {
        let arena = Arena::adopted(50, 100_000, 100).await?;
        let mut all = Vec::new();
        for change in 0..scale.changes + WARM_UP {
            let took = one_change(&arena, change).await?;
            if change >= WARM_UP {
                all.push(took);
            }
        }
        arena.conserved(arena.sku(0)).await?;
        if let Some(found) = percentiles(all) {
            halves.push(number(found.p50));
            most.push(number(found.p95));
        }
    }
    Ok(vec![
        Figure::median("one change → 2 other stores written, p50", "ms", halves).at_most(10.0),
        Figure::median("one change → 2 other stores written, p95", "ms", most).at_most(20.0),
    ])
}

async fn one_change(arena: &Arena, change: usize) -> anyhow::Result<i64> {
    let (sku, seller) = (arena.sku(change), change % arena.stores.len());
    let before: Vec<usize> = arena.stores.iter().map(|store| store.writes(0).len()).collect();
    let at = SystemClock.now();
    arena.stores[seller].sell(sku, 1)?;
    arena.settled(&[sku], PATIENCE).await?;
    let written = |(place, store): (usize, &Store)| {
        let written = store.writes(before[place]).into_iter().find(|write| write.sku == sku);
        written.map_or(0, |write| write.at.since_ms(at))
    };
    let others = arena.stores.iter().enumerate().filter(|(place, _)| *place != seller);
    Ok(others.map(written).max().unwrap_or(0))
}

/// What the third store is while the second is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Third {
    /// Well.
    Well,
    /// It refuses every call with 429.
    Throttled,
    /// It takes no connection.
    Dead,
    /// It takes every call and answers none.
    Silent,
}

const THIRDS: [Third; 4] = [Third::Well, Third::Throttled, Third::Dead, Third::Silent];

/// What one store in trouble costs another: one sale until a healthy store is written, with the third one well or in trouble. Each
/// in a hub of its own, so that none has more behind it than another, and each run begins with another one.
///
/// # Errors
/// When the healthy store never was.
pub async fn neighbours(scale: Scale) -> anyhow::Result<Vec<Figure>> {
    let (mut all, mut longest): ([Vec<f64>; THIRDS.len()], f64) = Default::default();
    for run in 0..scale.pairs {
        for turn in 0..THIRDS.len() {
            let place = (run + turn) % THIRDS.len();
            let (p95, most) = beside(THIRDS[place], scale.changes).await?;
            all[place].push(p95);
            longest = longest.max(most);
        }
    }
    let [well, throttled, dead, silent] = all;
    let more =
        |trouble: Vec<f64>| trouble.into_iter().zip(&well).map(|(now, healthy)| more_than(*healthy, now)).collect();
    let (throttled, dead, silent) = (more(throttled), more(dead), more(silent));
    Ok(vec![
        Figure::median("one change → a healthy store written, p95", "ms", well),
        Figure::median("  more while another store is throttled", "%", throttled).at_most(10.0),
        Figure::median("  more while another store is dead", "%", dead).at_most(10.0),
        Figure::median("  more while another store does not answer", "%", silent).at_most(10.0),
        Figure::median("  the longest of them all", "ms", vec![longest]),
    ])
}

/// The 95th percentile and the longest of the times from a sale on the first store until the second was written, milliseconds.
async fn beside(third: Third, changes: usize) -> anyhow::Result<(f64, f64)> {
    let arena = Arena::adopted(50, 100_000, 100).await?;
    match third {
        Third::Well => {}
        Third::Throttled => arena.stores[2].throttle(true)?,
        Third::Dead => arena.stores[2].set_down(true),
        Third::Silent => arena.stores[2].set_silent(),
    }
    let mut all = Vec::new();
    for change in 0..changes + WARM_UP {
        let (sku, began) = (arena.sku(change), SystemClock.now());
        let before = arena.stores[1].writes(0).len();
        arena.stores[0].sell(sku, 1)?;
        let patience = Instant::now();
        let at = loop {
            let written = arena.stores[1].writes(before).into_iter().find(|write| write.sku == sku);
            if let Some(write) = written {
                break write.at;
            }
            anyhow::ensure!(patience.elapsed() < PATIENCE, "{sku} is not written");
            tokio::time::sleep(Duration::from_millis(2)).await;
        };
        if change >= WARM_UP {
            all.push(at.since_ms(began));
        }
    }
    let longest = number(all.iter().max().copied().unwrap_or_default());
    Ok((within(all, 0.95), longest))
}

/// The value below which a part of all whole numbers lies, as if those that are equal were spread evenly up to the next: a tenth
/// of five milliseconds is less than one.
fn within(mut all: Vec<i64>, part: f64) -> f64 {
    all.sort_unstable();
    let rank = part * size(all.len());
    let mut below = 0.0;
    for equal in all.chunk_by(|one, other| one == other) {
        let here = size(equal.len());
        if below + here >= rank {
            return number(equal[0]) + (rank - below) / here;
        }
        below += here;
    }
    f64::NAN
}

fn size(count: usize) -> f64 {
    number(i64::try_from(count).unwrap_or(i64::MAX))
}

fn more_than(healthy: f64, now: f64) -> f64 {
    (now - healthy) / healthy.max(1.0) * 100.0
}

/// Many SKUs sold at once.
///
/// # Errors
/// When a store is never right.
pub async fn burst(scale: Scale) -> anyhow::Result<Vec<Figure>> {
    let mut figures = Vec::new();
    for (batch, name) in [(1, "coalescing off"), (100, "coalescing on")] {
        let (mut accepted, mut written) = (Vec::new(), Vec::new());
        for _ in 0..scale.runs {
            let (in_rate, out_rate) = one_burst(scale.burst, batch).await?;
            accepted.push(in_rate);
            written.push(out_rate);
        }
        let webhooks = scale.burst;
        figures.push(
            Figure::median(format!("burst of {webhooks}, {name}: webhooks accepted"), "/s", accepted).at_least(1000.0),
        );
        figures.push(
            Figure::median(format!("burst of {webhooks}, {name}: replica writes"), "/s", written).at_least(1000.0),
        );
    }
    Ok(figures)
}

/// Sells one of each of so many SKUs on the master; webhooks accepted and levels written per second.
async fn one_burst(skus: usize, batch: usize) -> anyhow::Result<(f64, f64)> {
    let arena = Arena::adopted(skus, 100, batch).await?;
    let taken = arena.stores[0].webhooks();
    let before: usize = arena.stores.iter().map(|store| store.writes(0).len()).sum();
    let (began, at) = (Instant::now(), SystemClock.now());
    for place in 0..skus {
        arena.stores[0].sell(arena.sku(place), 1)?;
    }
    let accepted = all_taken(&arena, taken, skus).await;
    let accepted = per_second(skus, accepted.duration_since(began));
    let all: Vec<&str> = (0..skus).map(|place| arena.sku(place)).collect();
    arena.settled(&all, PATIENCE).await?;
    let writes: Vec<Timestamp> = arena.stores.iter().flat_map(|store| store.writes(0)).map(|write| write.at).collect();
    let last = writes.iter().max().map_or(1, |last| last.since_ms(at));
    arena.conserved(arena.sku(0)).await?;
    let took = Duration::from_millis(u64::try_from(last).unwrap_or(1));
    Ok((accepted, per_second(writes.len() - before, took)))
}

/// When so many webhooks more than `before` were taken.
async fn all_taken(arena: &Arena, before: u64, count: usize) -> Instant {
    let until = before + count as u64;
    let began = Instant::now();
    while arena.stores[0].webhooks() < until && began.elapsed() < PATIENCE {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    Instant::now()
}

/// One SKU, sold 20 times at once in three stores.
///
/// # Errors
/// When units were lost.
pub async fn hot(scale: Scale) -> anyhow::Result<Vec<Figure>> {
    const SALES: usize = 20;
    let arena = Arena::adopted(1, 1_000_000, 100).await?;
    let sku = arena.sku(0).to_owned();
    let (mut wrong, mut times) = (0, Vec::new());
    for _ in 0..scale.rounds {
        let began = Instant::now();
        for sale in 0..SALES {
            arena.stores[sale % arena.stores.len()].sell(&sku, 1)?;
        }
        if arena.settled(&[&sku], Duration::from_secs(30)).await.is_err() {
            wrong += arena.wrong(&sku);
        }
        times.push(began.elapsed().as_secs_f64() * 1000.0);
    }
    arena.idle().await?;
    wrong += arena.wrong(&sku);
    arena.conserved(&sku).await?;
    let name = format!("hot SKU, 20 sales at once × {} rounds × 3 stores", scale.rounds);
    Ok(vec![
        Figure::median(format!("{name}: left wrong"), "stores", vec![number(wrong as i64)]).at_most(0.0),
        Figure::median(format!("{name}: until all are right"), "ms", times),
    ])
}

#[expect(clippy::cast_precision_loss, reason = "counts and milliseconds far below 2^52")]
const fn number(count: i64) -> f64 {
    count as f64
}

#[expect(clippy::cast_precision_loss, reason = "counts far below 2^52")]
fn per_second(count: usize, time: Duration) -> f64 {
    count as f64 / time.as_secs_f64().max(0.001)
}

#[cfg(test)]
mod tests {
    use super::within;

    #[test]
    fn equal_milliseconds_are_spread_up_to_the_next() {
        let close = |found: f64, wanted: f64| assert!((found - wanted).abs() < 1e-9, "{found} instead of {wanted}");
        close(within(vec![5; 10], 0.95), 5.95);
        close(within([vec![4; 90], vec![6; 10]].concat(), 0.95), 6.5);
        assert!(within(Vec::new(), 0.95).is_nan());
    }
}
