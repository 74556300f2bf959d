//! Figures of the console with a large shop: the first byte of each page, and how heavy it is with all that it loads.

use super::arena::Arena;
use super::{Figure, Scale};
use anyhow::{Context, ensure};
use engine::bulk::BulkReport;
use http::header;
use reqwest::{Client, redirect::Policy};
use serde_json::json;
use std::collections::BTreeMap;
use std::time::Instant;

/// Each page is asked for so often.
const TIMES: usize = 40;
/// The first byte of a page shall be there within so many milliseconds, of 95 in 100.
const FIRST_BYTE_MS: f64 = 50.0;
/// A page shall weigh at most so many kilobytes, with everything that it loads.
const WEIGHT_KB: f64 = 150.0;

/// Asks for every page of a hub with a large shop.
///
/// # Errors
/// When a page is not there.
pub async fn console(scale: Scale) -> anyhow::Result<Vec<Figure>> {
    let arena = Arena::adopted(scale.shop, 7, 100).await?;
    let browser = Browser::signed_in(&arena).await?;
    let middle = arena.sku(scale.shop / 2).to_owned();
    few_are_never_written(&arena, scale.shop).await?;
    let pages = [
        ("overview", "/".to_owned()),
        ("items", "/items".to_owned()),
        ("items, found by a part of the SKU", format!("/items?q={}", &middle[middle.len() - 4..])),
        ("items, filtered by a store", "/items?account=main".to_owned()),
        ("items, by a filter that fits three", "/items?mode=never".to_owned()),
        ("items, by a filter that fits none", "/items?drift=1".to_owned()),
        ("changing many items", "/items/bulk".to_owned()),
        ("item", format!("/item?sku={middle}")),
        ("accounts", "/accounts".to_owned()),
        ("account", "/accounts/main".to_owned()),
        ("history", "/history".to_owned()),
        ("warehouses", "/warehouses".to_owned()),
        ("rules", "/rules".to_owned()),
        ("runs", "/runs".to_owned()),
        ("queue", "/queue".to_owned()),
        ("alerts", "/alerts".to_owned()),
        ("audit", "/audit".to_owned()),
    ];
    let mut figures = Vec::new();
    let mut heaviest = ("", 0.0);
    for (name, path) in &pages {
        let (times, weight) = browser.measure(path).await?;
        figures.push(first_byte(&format!("console, {}: {name}, first byte, 95 of 100", shop(scale)), times));
        heaviest = if weight > heaviest.1 { (*name, weight) } else { heaviest };
    }
    let name = format!("console: the heaviest page ({}) with all that it loads", heaviest.0);
    figures.push(Figure::median(name, "kB", vec![heaviest.1]).at_most(WEIGHT_KB));
    Ok(figures)
}

/// Has three items never written: one at the beginning, one in the middle, one at the end.
async fn few_are_never_written(arena: &Arena, shop: usize) -> anyhow::Result<()> {
    for place in [0, shop / 2, shop - 1] {
        let filter = json!({"text": arena.sku(place)});
        let order = json!({"filter": filter, "action": {"do": "set", "set": {"mode": "never"}}, "apply": true});
        let report: BulkReport = arena.client.post("/items/change", &order).await?;
        ensure!(report.changed == 1, "{} items were changed, not one", report.changed);
    }
    arena.idle().await
}

fn shop(scale: Scale) -> String {
    format!("{} SKUs", scale.shop)
}

/// The time that 95 of 100 stayed within; the runs are the fastest, the median and the slowest.
fn first_byte(name: &str, mut times: Vec<f64>) -> Figure {
    times.sort_by(f64::total_cmp);
    let at =
        |percent: usize| times.get((times.len() * percent / 100).min(times.len() - 1)).copied().unwrap_or(f64::NAN);
    Figure { value: at(95), runs: vec![at(0), at(50), at(100)], ..Figure::median(name, "ms", Vec::new()) }
        .at_most(FIRST_BYTE_MS)
}

/// Whoever looks at the pages.
struct Browser {
    http: Client,
    url: String,
    cookie: String,
}

impl Browser {
    async fn signed_in(arena: &Arena) -> anyhow::Result<Self> {
        let (url, token) = arena.door();
        let http = Client::builder().no_proxy().redirect(Policy::none()).build()?;
        let form = format!("token={token}");
        let answer =
            http.post(format!("{url}/sign-in")).header("sec-fetch-site", "same-origin").body(form).send().await?;
        let cookie = answer.headers().get(header::SET_COOKIE).context("nobody was signed in")?.to_str()?;
        let cookie = cookie.split(';').next().unwrap_or_default().to_owned();
        Ok(Self { http, url, cookie })
    }

    /// Milliseconds until the first byte of a page, each time, and its weight in kilobytes.
    async fn measure(&self, path: &str) -> anyhow::Result<(Vec<f64>, f64)> {
        let mut times = Vec::new();
        let mut text = String::new();
        // the first time fills caches, as the page before would have
        for round in 0..=TIMES {
            let began = Instant::now();
            let mut answer =
                self.http.get(format!("{}{path}", self.url)).header(header::COOKIE, &self.cookie).send().await?;
            ensure!(answer.status().is_success(), "{path}: {}", answer.status());
            let first = answer.chunk().await?.unwrap_or_default();
            if round > 0 {
                times.push(began.elapsed().as_secs_f64() * 1000.0);
            }
            let mut whole = first.to_vec();
            while let Some(chunk) = answer.chunk().await? {
                whole.extend_from_slice(&chunk);
            }
            text = String::from_utf8(whole)?;
        }
        let files = self.files(&text).await?;
        Ok((times, kilobytes(text.len() + files.values().sum::<usize>())))
    }

    /// The bytes of each file that a page loads.
    async fn files(&self, page: &str) -> anyhow::Result<BTreeMap<String, usize>> {
        let mut files = BTreeMap::new();
        for rest in page.split("\"/assets/").skip(1) {
            let name = rest.split('"').next().unwrap_or_default().to_owned();
            let answer = self.http.get(format!("{}/assets/{name}", self.url)).send().await?;
            ensure!(answer.status().is_success(), "{name}: {}", answer.status());
            files.insert(name, answer.bytes().await?.len());
        }
        Ok(files)
    }
}

#[expect(clippy::cast_precision_loss, reason = "pages are small")]
fn kilobytes(bytes: usize) -> f64 {
    bytes as f64 / 1000.0
}
