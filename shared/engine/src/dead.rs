//! Messages that failed too often: what each was about and why it failed, kept when it fails for the last time.
//!
//! | entity | pk | sk |
//! |---|---|---|
//! | dead letter (expires) | `DEAD` | `<message>` |

use crate::hub::{Error, Hub};
use crate::ports::{Change, Condition, Inbound, MAX_RECEIVES, Row};
use crate::records::{DAY_MS, Hint, body, key, row, text};
use channels::Touch;
use domain::{AccountId, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A message that lies aside until a person has it tried again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeadLetter {
    /// The message's name in its queue.
    pub id: String,
    /// When it failed for the last time.
    pub at: Timestamp,
    /// Whose it is; absent when it could not be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<AccountId>,
    /// What it asks to look at, such as a SKU.
    pub about: String,
    /// Why it failed.
    pub reason: String,
}

/// The partition.
const DEAD: &str = "DEAD";
/// How long it is kept, milliseconds: as long as a queue keeps dead messages.
const KEPT_MS: i64 = 14 * DAY_MS;
/// Letters shown at once.
const SHOWN: usize = 200;

impl DeadLetter {
    fn of(message: &Inbound, reason: &str, now: Timestamp) -> Self {
        let hint = serde_json::from_str::<Hint>(&message.body).ok();
        let about = match hint.as_ref().map(|hint| &hint.touch) {
            Some(Touch::Sku(sku)) => sku.to_string(),
            Some(_) => "what a webhook told of".to_owned(),
            None => "bulk work".to_owned(),
        };
        let account = hint.map(|hint| hint.account);
        Self { id: message.id.clone(), at: now, account, about, reason: reason.to_owned() }
    }

    fn row(&self) -> Row {
        Row { expires: Some(self.at.plus_ms(KEPT_MS)), ..row(key(DEAD, self.id.as_str()), 1, text(self)) }
    }
}

impl Hub {
    /// Keeps why messages failed that do not come again. That they failed stands in the queue whether or not this can be kept.
    pub(crate) async fn note_dead(&self, messages: &[Inbound], failed: &BTreeMap<String, String>) {
        let now = self.clock.now();
        for message in messages.iter().filter(|message| message.receives >= MAX_RECEIVES) {
            let Some(reason) = failed.get(&message.id) else { continue };
            let letter = DeadLetter::of(message, reason, now);
            if let Err(error) = self.store.write(&[Change::Put(letter.row(), Condition::Any)]).await {
                tracing::warn!(%error, message = %message.id, %reason, "why a message is dead was not kept");
            }
        }
    }

    /// Messages that failed too often, the newest first: some of them, with why.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn dead_letters(&self) -> Result<Vec<DeadLetter>, Error> {
        let page = self.page(DEAD, "", None, SHOWN).await?;
        let mut letters: Vec<DeadLetter> = page.rows.iter().map(body).collect::<Result<_, _>>()?;
        letters.sort_by_key(|letter| std::cmp::Reverse(letter.at));
        Ok(letters)
    }

    /// Forgets why messages were dead that are tried again; of the others it is still shown.
    pub(crate) async fn forget_dead(&self, messages: &[String]) -> Result<(), Error> {
        for message in messages {
            self.store.write(&[Change::Delete(key(DEAD, message.as_str()), Condition::Any)]).await?;
        }
        Ok(())
    }
}
