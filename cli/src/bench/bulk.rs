//! Figures of a large shop: the first sync, and the comparison of everything.

use super::arena::Arena;
use super::{Figure, Scale};
use anyhow::ensure;
use engine::adopt::Adoption;
use engine::reconcile::Comparison;
use serde_json::json;
use std::time::Instant;

/// Adopts and compares a large shop in three stores.
///
/// # Errors
/// When the hub does not find every SKU.
pub async fn bulk(scale: Scale) -> anyhow::Result<Vec<Figure>> {
    let mut adopt = Split::default();
    let mut compare = Split::default();
    let mut quick = Split::default();
    let mut peaks = (Vec::new(), Vec::new());
    for _ in 0..scale.runs {
        let arena = Arena::open(scale.shop, 7, 100).await?;
        arena.connect().await?;
        let adoption: Adoption = adopt.time(&arena, arena.client.post("/adopt", &json!({"apply": true}))).await?;
        ensure!(adoption.new_items == scale.shop as u64, "adopted {} of {} SKUs", adoption.new_items, scale.shop);
        peaks.0.push(arena.peak_mib()?);
        arena.idle().await?;
        let found: Comparison = compare.time(&arena, arena.client.post("/reconcile", &json!({}))).await?;
        check(&found, scale.shop)?;
        let order = json!({"quick": true});
        let found: Comparison = quick.time(&arena, arena.client.post("/reconcile", &order)).await?;
        check(&found, scale.shop)?;
        peaks.1.push(arena.peak_mib()?);
    }
    let shop = format!("{} SKUs × 3 stores", scale.shop);
    let mut figures = adopt.figures(&format!("adoption of {shop}"), None);
    figures.push(Figure::median("  peak memory of the hub so far", "MiB", peaks.0));
    figures.extend(compare.figures(&format!("full comparison of {shop}"), None));
    figures.extend(quick.figures(&format!("comparison of {shop}, as every 15 minutes"), Some(1.3)));
    figures.push(Figure::median("  peak memory of the hub so far", "MiB", peaks.1));
    Ok(figures)
}

/// Nothing was left out, and nothing differs.
fn check(found: &Comparison, skus: usize) -> anyhow::Result<()> {
    for account in found.accounts.values() {
        let whole = account.compared == skus as u64 && account.nominated == 0;
        ensure!(whole, "compared {}, different {}", account.compared, account.nominated);
    }
    Ok(())
}

/// Times of runs, and the part of them in which a store worked on its answer.
#[derive(Default)]
struct Split {
    total: Vec<f64>,
    stores: Vec<f64>,
}

impl Split {
    async fn time<T>(&mut self, arena: &Arena, job: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
        let (began, busy) = (Instant::now(), arena.meter.total());
        let done = job.await?;
        self.total.push(began.elapsed().as_secs_f64());
        self.stores.push((arena.meter.total() - busy).as_secs_f64());
        Ok(done)
    }

    /// Our own time includes HTTP on both sides: only the stores' work on their answers is taken off.
    fn figures(self, name: &str, target: Option<f64>) -> Vec<Figure> {
        let own = self.total.iter().zip(&self.stores).map(|(total, stores)| total - stores).collect();
        let own = Figure { target, ..Figure::median(format!("{name}: own time, HTTP included"), "s", own) };
        vec![Figure::median(format!("{name}: total"), "s", self.total), own]
    }
}
