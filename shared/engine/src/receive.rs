//! Webhooks: verified over their raw bytes before anything in them is believed, turned into hints, acknowledged once the
//! hints are durable.

use crate::echo::Told;
use crate::hub::{Connected, Error, Hub};
use crate::ports::Change;
use crate::ports::Condition;
use crate::records::{self, Hint, KeptHook};
use channels::{Delivery, ErrorKind, Event, Hook, Secret, Touch};
use domain::AccountId;
use std::time::Duration;

/// The vault's name of the bundle of signing secrets: the only one that the webhook function may read.
pub const SIGNING: &str = "signing";

/// How old what is known of an account's signing secrets may be when a webhook is refused for its signature.
const KNOCK: Duration = Duration::from_secs(2);
/// The same where the account or its secrets are not known at all: stores that are connected one after the other send their first
/// webhooks at once. Reading accounts is cheap, and that an account has no secret no stranger can bring about.
const NEWCOMER: Duration = Duration::from_millis(250);

/// The answer to a webhook.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Received {
    /// Acknowledged: so many hints are durable.
    Accepted(usize),
    /// A handshake: answer with this text.
    Answer(String),
    /// Refused, for whatever reason: unknown account, absent or wrong signature. One answer for all.
    Refused,
}

impl Hub {
    /// Takes a webhook that arrived for `account`.
    ///
    /// # Errors
    /// [`Error`] when the hints could not be made durable: the store must send it again.
    pub async fn receive(&self, account: &str, hook: Hook<'_>) -> Result<Received, Error> {
        let Some(connected) = self.known(account).await? else {
            tracing::warn!("webhook for an account that is not known");
            return Ok(Received::Refused);
        };
        let id = &connected.account.id;
        let (secrets, verdict) = self.signer(&connected, hook).await?;
        let Ok(signer) = verdict else {
            tracing::warn!(account = %id, bytes = hook.body.len(), "webhook refused: signature absent or wrong");
            // counted in memory: a forged webhook must neither cost a write nor answer slower than an unknown account
            self.noted_refused(id);
            return Ok(Received::Refused);
        };
        let Some(signer) = secrets.get(signer) else { return Ok(Received::Refused) };
        self.noted_hook(&connected);
        match connected.channel.read_hook(hook, signer) {
            Ok(Delivery::Answer(answer)) => Ok(Received::Answer(answer)),
            Ok(Delivery::Ignored(reason)) => {
                tracing::debug!(account = %id, reason, "webhook ignored");
                Ok(Received::Accepted(0))
            }
            Ok(Delivery::Touched { event, .. }) if self.is_repeat(id, event.as_deref()) => {
                tracing::debug!(account = %id, event, "webhook that was taken before");
                self.store_health(id).await;
                Ok(Received::Accepted(0))
            }
            Ok(Delivery::Touched { event, touches, claims }) => {
                let told = Told { event: event.as_deref(), touches: &touches, claims: claims.as_ref() };
                if !self.is_echo(&connected, told).await {
                    return self.accept_or_wait(&connected, event, touches).await;
                }
                tracing::debug!(account = %id, "echo of a write of ours");
                self.noted_echo(id);
                self.store_health(id).await;
                Ok(Received::Accepted(0))
            }
            Err(error) => self.keep(id, hook, &error).await,
        }
    }

    /// Takes an event of a queue or a bus to which only platforms may write: it is not signed, and names its account itself.
    ///
    /// # Errors
    /// [`Error`] when nobody can read it, or when its hints could not be made durable: it must come again.
    pub async fn receive_event(&self, body: &[u8]) -> Result<Received, Error> {
        let mut reasons = Vec::new();
        for channel in self.channels() {
            let Some(setting) = channel.event_owner() else { continue };
            match channel.read_event(body) {
                Ok(event) => return self.take_event(channel.info().name, setting, event).await,
                Err(error) => reasons.push(error.to_string()),
            }
        }
        let (reasons, shape) = (reasons.join("; "), shape(body));
        tracing::warn!(reasons, shape, bytes = body.len(), "event cannot be read");
        Err(Error::Invalid(format!("event: nobody can read it ({reasons})")))
    }

    async fn take_event(&self, channel: &str, setting: &str, event: Event) -> Result<Received, Error> {
        let accounts = self.accounts().await?;
        let owned = accounts.values().filter(|it| {
            it.account.channel == channel && it.account.settings.get(setting).is_some_and(|owner| *owner == event.owner)
        });
        let owned: Vec<&Connected> = owned.collect();
        if owned.is_empty() {
            tracing::warn!(channel, "event of an account that is not known");
            return Ok(Received::Refused);
        }
        let (id, touches) = match event.delivery {
            Delivery::Touched { event, touches, .. } => (event, touches),
            Delivery::Answer(_) => return Ok(Received::Accepted(0)),
            Delivery::Ignored(reason) => {
                tracing::debug!(channel, reason, "event ignored");
                return Ok(Received::Accepted(0));
            }
        };
        let mut hints = 0;
        for connected in owned {
            self.noted_hook(connected);
            if self.is_repeat(&connected.account.id, id.as_deref()) {
                tracing::debug!(channel, event = id, "event that was taken before");
                continue;
            }
            let accepted = match Self::orders_of(connected, &touches) {
                Some(orders) => self.accept_orders(&connected.account.id, id.clone(), orders).await?,
                None => self.accept(connected, id.clone(), touches.clone()).await?,
            };
            if let Received::Accepted(count) = accepted {
                hints += count;
            }
        }
        Ok(Received::Accepted(hints))
    }

    /// The orders that an event names, where orders are read one by one: each names its SKUs better than the event does.
    fn orders_of(connected: &Connected, touches: &[Touch]) -> Option<Vec<Touch>> {
        connected.channel.info().capabilities.polled.filter(|_| !connected.account.feed)?;
        let orders: Vec<Touch> = touches.iter().filter(|touch| matches!(touch, Touch::Order(_))).cloned().collect();
        (!orders.is_empty()).then_some(orders)
    }

    async fn accept_orders(
        &self,
        account: &AccountId,
        event: Option<String>,
        orders: Vec<Touch>,
    ) -> Result<Received, Error> {
        let at = self.clock.now();
        let hint = |touch| Hint { event: event.clone(), ..Hint::new(account.clone(), touch, records::WEBHOOK, at) };
        let hints: Vec<Hint> = orders.into_iter().map(hint).collect();
        self.enqueue(&hints).await?;
        self.remember(account, event.as_deref());
        Ok(Received::Accepted(hints.len()))
    }

    /// Takes a webhook, or remembers that it could not: the store sends it again.
    async fn accept_or_wait(
        &self,
        connected: &Connected,
        event: Option<String>,
        touches: Vec<Touch>,
    ) -> Result<Received, Error> {
        let taken = self.accept(connected, event.clone(), touches).await;
        if taken.is_err() {
            self.remember_failed(&connected.account.id, event.as_deref());
        }
        taken
    }

    async fn accept(
        &self,
        connected: &Connected,
        event: Option<String>,
        touches: Vec<Touch>,
    ) -> Result<Received, Error> {
        let (account, at) = (&connected.account.id, self.clock.now());
        if self.tells_again(connected, &touches) {
            tracing::debug!(%account, "order: its stock has a webhook of its own");
            self.store_health(account).await;
            return Ok(Received::Accepted(0));
        }
        let trace = format!("{:016x}", self.clock.random());
        tracing::info!(%account, trace, event = event.as_deref().unwrap_or_default(), touches = touches.len(), "webhook");
        // what names no listing asks for whatever is new: the lane reads that once, however many ask at the same time
        let (named, unnamed): (Vec<Touch>, Vec<Touch>) =
            touches.into_iter().partition(|touch| matches!(touch, Touch::Sku(_) | Touch::External(_)));
        let hints: Vec<Hint> = named
            .into_iter()
            .map(|touch| Hint {
                event: event.clone(),
                trace: Some(trace.clone()),
                ..Hint::new(account.clone(), touch, records::WEBHOOK, at)
            })
            .collect();
        if !hints.is_empty() {
            self.enqueue(&hints).await?;
        }
        if !unnamed.is_empty() {
            self.wake_lane(account).await?;
        }
        self.remember(account, event.as_deref());
        self.store_health(account).await;
        Ok(Received::Accepted(hints.len() + usize::from(!unnamed.is_empty())))
    }

    /// Whether a webhook names an order and nothing else, of a store that tells of each movement too: by a webhook that names the
    /// SKU, and in its feed, which the sweep reads. Where runs are billed, that is enough.
    fn tells_again(&self, connected: &Connected, touches: &[Touch]) -> bool {
        let account = &connected.account;
        let of_order = |touch: &Touch| matches!(touch, Touch::Order(_) | Touch::Feed);
        let only_order = touches.iter().all(of_order) && touches.iter().any(|touch| matches!(touch, Touch::Order(_)));
        self.config.door.orders_wait && account.feed && account.is_believed() && only_order
    }

    async fn store_health(&self, account: &AccountId) {
        if let Err(error) = self.flush_health(false).await {
            tracing::warn!(%account, %error, "health not stored");
        }
    }

    /// Nothing can ever come of it, so sending it again would not help: it is acknowledged, kept without its content, and
    /// counted.
    async fn keep(&self, account: &AccountId, hook: Hook<'_>, error: &channels::Error) -> Result<Received, Error> {
        tracing::warn!(%account, %error, bytes = hook.body.len(), "webhook cannot be read; kept");
        let kept = KeptHook {
            account: account.clone(),
            at: self.clock.now(),
            reason: error.to_string(),
            shape: shape(hook.body),
        };
        self.store.write(&[Change::Put(kept.row(self.clock.random()), Condition::Any)]).await?;
        self.noted_unreadable(account);
        self.flush_health(false).await?;
        Ok(Received::Accepted(0))
    }

    async fn known(&self, account: &str) -> Result<Option<Connected>, Error> {
        let Ok(id) = AccountId::new(account) else { return Ok(None) };
        if let Some(known) = self.accounts().await?.get(&id).cloned() {
            return Ok(Some(known));
        }
        // it may have been added since, and a store does not ask twice; strangers cannot have this done at every knock
        self.forget_accounts_older_than(NEWCOMER);
        Ok(self.accounts().await?.get(&id).cloned())
    }

    /// Which of an account's secrets signed a webhook. One that none of the remembered secrets has signed may be signed with
    /// one that is new: they are read again, but not for every stranger.
    async fn signer(
        &self,
        connected: &Connected,
        hook: Hook<'_>,
    ) -> Result<(Vec<Secret>, Result<usize, channels::Error>), Error> {
        let secrets = self.signing_secrets(connected, false).await?;
        let verdict = connected.channel.verify(hook, &secrets);
        let patience = if secrets.is_empty() { NEWCOMER } else { KNOCK };
        if verdict.is_ok() || !self.may_ask_afresh(patience) {
            return Ok((secrets, verdict));
        }
        let secrets = self.signing_secrets(connected, true).await?;
        let verdict = connected.channel.verify(hook, &secrets);
        Ok((secrets, verdict))
    }

    async fn signing_secrets(&self, connected: &Connected, fresh: bool) -> Result<Vec<Secret>, Error> {
        let bundle = self.vault.get(SIGNING, fresh).await?.unwrap_or_default();
        let fields = connected.channel.signing_secrets();
        let id = &connected.account.id;
        let found = fields.iter().filter_map(|field| bundle.get(&signing_field(id, field)).cloned());
        let secrets: Vec<Secret> = found.filter(|secret| !secret.reveal().is_empty()).collect();
        if secrets.is_empty() {
            tracing::error!(account = %id, kind = ?ErrorKind::Configuration, "no signing secret: every webhook is refused");
        }
        Ok(secrets)
    }
}

/// The name of an account's signing secret in the bundle.
#[must_use]
pub fn signing_field(account: &AccountId, field: &str) -> String {
    format!("{account}.{field}")
}

/// Bytes of an unreadable webhook that are kept.
const SHAPE_BYTES: usize = 512;

/// The beginning of a body with all letters and digits blanked out: enough to see what kind of thing it was, too little to
/// tell anything of a customer.
fn shape(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(&body[..body.len().min(SHAPE_BYTES)]);
    let blank = |letter: char| match letter {
        letter if letter.is_ascii_digit() => '0',
        letter if letter.is_alphanumeric() => 'x',
        letter if letter.is_control() => ' ',
        letter => letter,
    };
    text.chars().map(blank).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kept_webhook_tells_nothing_of_a_customer() {
        assert_eq!(shape(br#"{"email":"ann@x.uk","n":12}"#), r#"{"xxxxx":"xxx@x.xx","x":00}"#);
    }
}
