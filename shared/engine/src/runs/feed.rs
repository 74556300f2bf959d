//! The run that fetches a stock feed and carries it into the ledgers. What a feed does not name is left alone, unless it was
//! said that missing means zero; and a wave of zeros is asked about before it is believed.

use super::drive::Chunk;
use super::import::{Importing, Place};
use super::work::Work;
use super::{Fault, Run};
use crate::adopt::Progress;
use crate::hub::{Error, Hub};
use crate::records::{self, asked};
use crate::stock::{Mode, read_line};
use crate::stock_feeds::{FeedResult, StockFeed};
use crate::table::{self, Line};
use async_trait::async_trait;
use bytes::Bytes;
use channels::http::AnswerMax;
use domain::Sku;
use domain::guard::Tally;
use http::{HeaderValue, StatusCode};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeSet;
use std::time::Duration;

/// A feed in the hands of its driver.
pub(super) struct Feeding {
    pub name: String,
    pub dry_run: bool,
    pub believe: bool,
    /// SKUs that the feed names; read again by the next driver.
    pub named: Option<BTreeSet<Sku>>,
}

/// Where the run of a feed is.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
struct Stage {
    phase: Phase,
    /// Pages given so far.
    pages: u64,
    page: u64,
    /// Lines given so far.
    lines: u64,
    after: Option<String>,
    tally: Tally,
    import: Place,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Phase {
    #[default]
    Fetch,
    Weigh,
    Missing,
    Import,
}

/// The largest feed, bytes.
const FEED_MAX: usize = 2 * 1024 * 1024;
/// A feed answers within this time.
const PATIENCE: Duration = Duration::from_secs(15);
/// Items of one page.
const PAGE: usize = 500;
/// Keys of one read.
const KEYS: usize = 500;
/// Lines of what is missing are numbered from here on: no feed is so long.
const MISSING: u64 = 1_000_000_000;

#[async_trait]
impl Work for Feeding {
    async fn chunk(&mut self, hub: &Hub, run: &Run, cursor: &Value, progress: &dyn Progress) -> Result<Chunk, Error> {
        let stage: Stage = serde_json::from_value(cursor.clone()).unwrap_or_default();
        let done = self.stage(hub, run, stage, progress).await;
        match &done {
            Ok(Chunk { result: Some(result), faults, .. }) => {
                let report = serde_json::from_value(result.clone()).ok();
                self.note(hub, run, report, None, faults).await?;
            }
            Ok(_) => {}
            Err(error) => self.note(hub, run, None, Some(error.to_string()), &[]).await?,
        }
        done
    }
}

impl Feeding {
    async fn stage(&mut self, hub: &Hub, run: &Run, mut stage: Stage, progress: &dyn Progress) -> Result<Chunk, Error> {
        let feed = hub.show_feed(&self.name).await?.feed;
        let mut faults = Vec::new();
        match stage.phase {
            Phase::Fetch => {
                progress.tell("fetching", 0, 0);
                let lines = fetch(hub, &feed).await?;
                let (lines, repeats) = super::given::without_repeats(lines, feed.mode != Mode::Adjust);
                faults = repeats;
                (stage.pages, stage.lines) = (hub.give(&run.id, 0, &lines).await?, lines.len() as u64);
                stage.phase = Phase::Weigh;
            }
            Phase::Weigh => self.weigh(hub, run, &feed, &mut stage).await?,
            Phase::Missing => self.missing(hub, run, &mut stage).await?,
            Phase::Import => return self.import(hub, run, &feed, stage, progress).await,
        }
        Ok(Chunk { cursor: serde_json::to_value(&stage).unwrap_or_default(), result: None, faults })
    }

    /// Adds a page to what the guard looks at.
    async fn weigh(&self, hub: &Hub, run: &Run, feed: &StockFeed, stage: &mut Stage) -> Result<(), Error> {
        let Some(page) = hub.given(&run.id, stage.page).await? else {
            stage.phase = if feed.missing_means_zero { Phase::Missing } else { Phase::Import };
            return if feed.missing_means_zero { Ok(()) } else { self.judge(hub, stage) };
        };
        let read = page.lines.iter().filter_map(|line| read_line(&line.sku, &line.quantity).ok());
        let read: Vec<(Sku, i64)> = read.collect();
        for read in read.chunks(KEYS) {
            let keys: Vec<_> = read.iter().map(|(sku, _)| records::ledger_key(sku)).collect();
            for ((_, quantity), row) in read.iter().zip(hub.store.get(&keys).await?) {
                let Some(row) = row else { continue };
                let ledger = records::ledger(&row)?;
                let before = feed.warehouse.as_ref().map_or_else(|| ledger.total(), |one| ledger.level(one));
                stage.tally.add(before, Some(feed.mode.amount(*quantity).after(before)));
            }
        }
        stage.page += 1;
        Ok(())
    }

    /// Gives a page of items that the feed does not name a zero.
    async fn missing(&mut self, hub: &Hub, run: &Run, stage: &mut Stage) -> Result<(), Error> {
        let named = match self.named.take() {
            Some(named) => named,
            None => named_by(hub, run, stage).await?,
        };
        let page = hub.list_items("", stage.after.take(), PAGE).await?;
        let is_missing = |sku: &Sku, level: i64| !named.contains(sku) && level > 0;
        let missing = page.rows.iter().filter(|item| is_missing(&item.sku, item.level));
        let lines: Vec<Line> = missing
            .zip(MISSING + stage.lines..)
            .map(|(item, line)| Line { line, sku: item.sku.to_string(), quantity: "0".into(), warehouse: None })
            .collect();
        page.rows.iter().filter(|item| is_missing(&item.sku, item.level)).for_each(|item| {
            stage.tally.add(item.level, None);
        });
        stage.pages += hub.give(&run.id, stage.pages, &lines).await?;
        stage.lines += lines.len() as u64;
        (stage.after, self.named) = (page.next, Some(named));
        if stage.after.is_none() {
            stage.phase = Phase::Import;
            self.judge(hub, stage)?;
        }
        Ok(())
    }

    /// The mass-zero guard. A preview is shown whatever it says.
    fn judge(&self, hub: &Hub, stage: &Stage) -> Result<(), Error> {
        match stage.tally.objection(&hub.config.guard) {
            Some(why) if !self.believe && !self.dry_run => Err(Error::Invalid(format!(
                "the feed is not believed: {why}; look at its preview, and fetch it with `believe` if that is right"
            ))),
            Some(_) | None => Ok(()),
        }
    }

    async fn import(
        &self,
        hub: &Hub,
        run: &Run,
        feed: &StockFeed,
        mut stage: Stage,
        progress: &dyn Progress,
    ) -> Result<Chunk, Error> {
        let importing = Importing {
            mode: feed.mode,
            warehouse: feed.warehouse.clone(),
            reason: feed.reason(),
            cause: asked::STOCK_FEED,
            dry_run: self.dry_run,
        };
        let mut chunk = importing.step(hub, run, &mut stage.import, progress).await?;
        chunk.cursor = serde_json::to_value(&stage).unwrap_or_default();
        Ok(chunk)
    }

    async fn note(
        &self,
        hub: &Hub,
        run: &Run,
        report: Option<super::ImportReport>,
        error: Option<String>,
        faults: &[Fault],
    ) -> Result<(), Error> {
        if self.dry_run {
            return Ok(());
        }
        let all = run.faults.iter().chain(faults).cloned().collect();
        let result = FeedResult {
            run: run.id.clone(),
            at: hub.clock.now(),
            report,
            error,
            faults: all,
            faults_total: run.faults_total + faults.len() as u64,
        };
        hub.note_feed(&self.name, result).await
    }
}

/// The SKUs that a feed itself names, from what was given.
async fn named_by(hub: &Hub, run: &Run, stage: &Stage) -> Result<BTreeSet<Sku>, Error> {
    let mut named = BTreeSet::new();
    for number in 0..stage.pages {
        let lines = hub.given(&run.id, number).await?.into_iter().flat_map(|page| page.lines);
        let own = lines.filter(|line| line.line < MISSING);
        named.extend(own.filter_map(|line| Sku::new(line.sku.trim()).ok()));
    }
    Ok(named)
}

/// Fetches a feed. The address is looked at again: it was checked when it was set, by what it said then.
async fn fetch(hub: &Hub, feed: &StockFeed) -> Result<Vec<Line>, Error> {
    hub.check_feed_url(&feed.url)?;
    let wrong = |what: String| Error::Invalid(format!("stock feed {}: {what}", feed.name));
    let mut request = http::Request::get(&feed.url)
        .body(Bytes::new())
        .map_err(|_| wrong(format!("{:?} is not an address", feed.url)))?;
    request.extensions_mut().insert(AnswerMax(FEED_MAX));
    if let (Some(header), Some(secret)) = (&feed.header, hub.feed_secret(&feed.name).await?) {
        let name = http::HeaderName::try_from(header).map_err(|_| wrong("its header has no valid name".into()))?;
        let mut value =
            HeaderValue::try_from(secret.reveal()).map_err(|_| wrong("its secret fits no header".into()))?;
        value.set_sensitive(true);
        request.headers_mut().insert(name, value);
    }
    let answer = hub.http.send(request, PATIENCE).await.map_err(|error| wrong(error.to_string()))?;
    if answer.status() != StatusCode::OK {
        let redirect = if answer.status().is_redirection() { ": redirects are not followed" } else { "" };
        return Err(wrong(format!("its address answers {}{redirect}", answer.status())));
    }
    if answer.body().len() > FEED_MAX {
        return Err(wrong(format!("its answer is larger than {FEED_MAX} bytes")));
    }
    let lines = table::read(answer.body(), feed.format, &feed.columns).map_err(&wrong)?;
    if lines.is_empty() {
        return Err(wrong("it has no lines; nothing was done".into()));
    }
    Ok(lines)
}
