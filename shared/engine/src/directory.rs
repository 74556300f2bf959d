//! The names of all items in memory, so that one is found by any part of its SKU or title without reading them all.
//!
//! Ten megabytes for a hundred thousand items. Read when somebody first searches, and again when it is old: items come with
//! a first sync, hardly ever otherwise. A search that finds nothing does not trust a directory that may be behind.

use crate::hub::{Error, Hub};
use crate::items::{ItemView, Listed, PAGE_MAX};
use domain::{Sku, Timestamp};
use futures::{StreamExt, stream};
use serde::Deserialize;
use std::sync::{Arc, Mutex, PoisonError};

/// The directory as last read.
#[derive(Default)]
pub(crate) struct Directory(Mutex<Option<(Timestamp, Names)>>);

type Names = Arc<Vec<Name>>;

/// What an item can be found by.
struct Name {
    sku: Sku,
    /// SKU and title in small letters.
    folded: String,
}

/// What is needed of an item.
#[derive(Deserialize)]
struct Named {
    sku: Sku,
    #[serde(default)]
    title: String,
}

/// A directory older than this is read again, milliseconds.
const OLD_MS: i64 = 600_000;
/// One that is older than this is read again before anybody is told that there is nothing, milliseconds.
const DOUBTFUL_MS: i64 = 10_000;
/// Items of one page.
const PAGE: usize = 1_000;
/// Items looked up at once.
const READS: usize = 16;

impl Hub {
    /// One page of the items with a text in their SKU or title, in any case, by SKU.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn search_items(
        &self,
        text: &str,
        after: Option<String>,
        limit: usize,
    ) -> Result<Listed<ItemView>, Error> {
        let wanted = text.trim().to_lowercase();
        let limit = limit.clamp(1, PAGE_MAX);
        let mut found = find(&self.names(OLD_MS).await?, &wanted, after.as_deref(), limit);
        if found.0.is_empty() {
            found = find(&self.names(DOUBTFUL_MS).await?, &wanted, after.as_deref(), limit);
        }
        let (skus, next) = found;
        // owned names: with borrowed ones the compiler cannot show that the future may move between threads
        let reads = skus.into_iter().map(|sku| async move { self.show_item(&sku).await });
        let shown: Vec<_> = stream::iter(reads).buffered(READS).collect().await;
        let mut rows = Vec::with_capacity(shown.len());
        for item in shown {
            match item {
                Ok(item) => rows.push(item),
                // it was renamed or removed since the directory was read
                Err(Error::NotFound { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(Listed { rows, next })
    }

    /// The names, at most so old.
    async fn names(&self, oldest_ms: i64) -> Result<Names, Error> {
        let now = self.clock.now();
        let known = self.directory.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some((at, names)) = known
            && now.since_ms(at) < oldest_ms
        {
            return Ok(names);
        }
        let names = Arc::new(self.read_names().await?);
        *self.directory.0.lock().unwrap_or_else(PoisonError::into_inner) = Some((now, Arc::clone(&names)));
        Ok(names)
    }

    async fn read_names(&self) -> Result<Vec<Name>, Error> {
        let (mut names, mut after) = (Vec::new(), None);
        loop {
            let page = self.items_after::<Named>(after, PAGE).await?;
            for item in page.rows {
                names.push(Name { folded: format!("{}\n{}", item.sku, item.title).to_lowercase(), sku: item.sku });
            }
            after = page.next;
            if after.is_none() {
                return Ok(names);
            }
        }
    }
}

/// The names with a text in them after a SKU, at most `limit`, and where to go on.
fn find(names: &[Name], wanted: &str, after: Option<&str>, limit: usize) -> (Vec<Sku>, Option<String>) {
    let from = after.map_or(0, |after| names.partition_point(|name| name.sku.as_str() <= after));
    let mut hits = names[from..].iter().filter(|name| name.folded.contains(wanted)).map(|name| &name.sku);
    let page: Vec<Sku> = hits.by_ref().take(limit).cloned().collect();
    let next = hits.next().and_then(|_| page.last()).map(ToString::to_string);
    (page, next)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(all: &[(&str, &str)]) -> Vec<Name> {
        let name = |(sku, title): &(&str, &str)| Name {
            sku: Sku::new(*sku).expect("a SKU"),
            folded: format!("{sku}\n{title}").to_lowercase(),
        };
        all.iter().map(name).collect()
    }

    #[test]
    fn a_part_of_sku_or_title_is_enough_and_pages_go_on() {
        let names =
            names(&[("BAG 01", "Canvas bag"), ("MUG-BLUE", "Blue mug"), ("MUG-RED", "Red mug"), ("TEE-RED", "Shirt")]);
        let found = |wanted: &str, after: Option<&str>| {
            let (skus, next) = find(&names, wanted, after, 2);
            (skus.iter().map(ToString::to_string).collect::<Vec<_>>(), next)
        };
        assert_eq!(found("red", None), (vec!["MUG-RED".into(), "TEE-RED".into()], None));
        assert_eq!(found("mug", None), (vec!["MUG-BLUE".into(), "MUG-RED".into()], None));
        assert_eq!(found("e", None), (vec!["MUG-BLUE".into(), "MUG-RED".into()], Some("MUG-RED".into())));
        assert_eq!(found("e", Some("MUG-RED")), (vec!["TEE-RED".into()], None));
        assert_eq!(found("canvas", None).0, ["BAG 01"]);
    }
}
