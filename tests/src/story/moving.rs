//! A hub moves: it stands still, all that it knows goes to an empty other machine, and that one goes on in its place.

use super::town::Town;
use engine::Hub;
use engine::moving::{AllSecrets, FORMAT, MovedRow};
use std::sync::Arc;

type Seen = Result<Vec<String>, String>;

fn refused(error: &engine::Error) -> Vec<String> {
    vec![format!("refused: {error}")]
}

impl Town {
    /// The hub counts and writes nothing until it moves or goes on.
    pub(super) fn stand_still(&mut self) -> Seen {
        let done = self.ask(|hub| async move { hub.stand_still().await })?;
        Ok(done.err().as_ref().map(refused).unwrap_or_default())
    }

    /// It goes on.
    pub(super) fn go_on(&mut self) -> Seen {
        let done = self.ask(|hub| async move { hub.go_on().await })?;
        Ok(match done {
            Ok(without) => without.iter().map(|account| format!("{account} has no secrets")).collect(),
            Err(error) => refused(&error),
        })
    }

    /// All that it knows goes to an empty machine, and the former one is switched off.
    pub(super) fn move_hub(&mut self) -> Seen {
        let (rows, secrets) = match self.ask(|hub| async move { everything(&hub).await })? {
            Ok(all) => all,
            Err(error) => return Ok(refused(&error)),
        };
        self.replace_machine();
        let done = self.ask(|hub| async move {
            hub.begin_import(FORMAT).await?;
            hub.import_rows(rows).await?;
            hub.import_secrets(secrets).await
        })?;
        Ok(done.err().as_ref().map(refused).unwrap_or_default())
    }
}

async fn everything(hub: &Arc<Hub>) -> Result<(Vec<MovedRow>, AllSecrets), engine::Error> {
    let (mut rows, mut after) = (Vec::new(), None);
    loop {
        let page = hub.export_page(after.as_deref()).await?;
        rows.extend(page.rows);
        after = page.next;
        if after.is_none() {
            return Ok((rows, hub.all_secrets().await?));
        }
    }
}
