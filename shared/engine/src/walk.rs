//! Walking over all items: page by page, in the order of their SKUs.

use crate::hub::{Error, Hub};
use crate::items::Listed;
use crate::ports::{Page, Query};
use crate::records::{self, ITEMS};
use serde::de::DeserializeOwned;

impl Hub {
    /// One page of the rows of items behind `after`, which is the `next` of the page before.
    pub(crate) async fn item_rows(&self, after: Option<String>, most: usize) -> Result<Page, Error> {
        self.item_rows_with("", after, most).await
    }

    /// The same, of SKUs that begin so.
    pub(crate) async fn item_rows_with(&self, prefix: &str, after: Option<String>, most: usize) -> Result<Page, Error> {
        let (partition, prefix) = (ITEMS.into(), prefix.into());
        let query = Query { partition, index: true, prefix, after, descending: false, limit: most };
        Ok(self.store.query(&query).await?)
    }

    /// One page of items behind `after`, or of what is needed of each.
    pub(crate) async fn items_after<T: DeserializeOwned>(
        &self,
        after: Option<String>,
        most: usize,
    ) -> Result<Listed<T>, Error> {
        let page = self.item_rows(after, most).await?;
        let rows = page.rows.iter().map(records::body).collect::<Result<_, _>>()?;
        Ok(Listed { rows, next: page.next })
    }
}
