//! A made-up platform in three kinds, for the classes that no connector has yet: compare-and-set with a key, adjust with a
//! key (class A), and set only (class D). It has levels, writes and signed webhooks, and keeps its own books.

use async_trait::async_trait;
use bytes::Bytes;
use channels::{
    Channel, Claimed, Delivery, Error, ErrorKind, Hook, Identity, Info, Levels, Location, Movements, OrderHooks,
    Orders, Outcome, Page, Request, Response, Secret, Secrets, Session, Subscription, Touch, Unit, UnitKind, Watch,
    Write,
};
use domain::capability::Bulk;
use domain::{Capabilities, FeedKind, LocationId, Order, OrderId, Position, Sku, Timestamp, WriteKind};
use fastrand::Rng;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// One kind of the platform.
pub struct Plain {
    info: Info,
}

const fn kind(name: &'static str, write: WriteKind, bulk: Option<Bulk>, locations: bool) -> Plain {
    let capabilities = Capabilities {
        write,
        idempotency_key: !matches!(write, WriteKind::Set),
        feed: FeedKind::None,
        max_writes: 5,
        bulk,
        settle_ms: 0,
        locations,
        verify_ms: None,
        polled: None,
    };
    let (rate_per_second, burst) = (100.0, 500);
    let (settings, credential_days, tried_live, ready) = (&[], None, false, true);
    Plain {
        info: Info {
            name,
            title: name,
            capabilities,
            settings,
            settings_refused: &[],
            rate_per_second,
            burst,
            credential_days,
            tried_live,
            ready,
        },
    }
}

/// Two writes are many here: they are rows of one call, which is carried out as a whole.
const BULK: Bulk = Bulk { from: 2, most: 5, gathered: false };

/// Compare-and-set with an idempotency key.
pub static COMPARE: Plain = kind("plain-compare", WriteKind::CompareAndSet, Some(BULK), false);
/// Adjust with an idempotency key.
pub static ADJUST: Plain = kind("plain-adjust", WriteKind::Adjust, None, false);
/// Set, and nothing else.
pub static SET: Plain = kind("plain-set", WriteKind::Set, None, false);
/// Compare-and-set with an idempotency key, in stores with several locations.
pub static COMPARE_PLACES: Plain = kind("plain-compare-places", WriteKind::CompareAndSet, Some(BULK), true);
/// Adjust with an idempotency key, in stores with several locations.
pub static ADJUST_PLACES: Plain = kind("plain-adjust-places", WriteKind::Adjust, None, true);

/// The header that carries a webhook's signature; here the secret itself.
const SIGNATURE: &str = "x-plain-signature";

/// What a write did to a level.
#[derive(Debug, Clone)]
pub struct Effect {
    /// The SKU.
    pub sku: Sku,
    /// Where.
    pub place: LocationId,
    /// The idempotency key of the request.
    pub key: String,
    /// The level that the request asked for.
    pub to: i64,
    /// The level before.
    pub before: i64,
    /// The level after.
    pub after: i64,
}

/// Which level a webhook names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Named {
    /// The one that the change made.
    Then,
    /// The one that the store has when it is sent, each time anew.
    Now,
}

/// How a store tells of changes: whatever platforms of this kind may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Telling {
    /// Whether it names a unit by its own id instead of its SKU.
    pub by_id: bool,
    /// Which level it names, if any.
    pub level: Option<Named>,
    /// Whether a webhook that waits to be sent again stands for what happens to its unit meanwhile.
    pub merges: bool,
}

impl Telling {
    /// Drawn from a seed.
    #[must_use]
    pub fn draw(rng: &mut Rng) -> Self {
        let level = [None, Some(Named::Then), Some(Named::Now), Some(Named::Then)][rng.usize(0..4)];
        Self { by_id: rng.bool(), level, merges: rng.bool() }
    }
}

/// A webhook.
#[derive(Debug, Clone)]
pub struct News {
    /// The level that it is about.
    pub shelf: String,
    /// What that was when it changed; none of one that the store does not tell.
    level: Option<i64>,
    /// When it was sent first, milliseconds.
    first: i64,
    /// How often it was sent in vain.
    pub failures: usize,
}

/// When a webhook that was not taken is sent again, milliseconds: as those do who send the same for hours.
const AGAIN_MS: [i64; 3] = [5_000, 60_000, 300_000];
/// Later times.
const LATER_MS: i64 = 900_000;
/// So often it is sent at most.
const SENT_MAX: usize = 24;

/// One store of the platform.
#[derive(Debug, Clone)]
pub struct PlainStore {
    /// How it is written.
    pub write: WriteKind,
    /// Its locations; none where it has one pool of stock.
    pub places: Vec<LocationId>,
    /// Its levels, by SKU, or by [`shelf`] where it has locations.
    pub levels: BTreeMap<String, i64>,
    /// What people did to each SKU since it opened, in units.
    pub changed: BTreeMap<String, i64>,
    /// Answers by idempotency key.
    answers: BTreeMap<String, u16>,
    /// How it tells of changes.
    pub telling: Telling,
    /// Webhooks that wait to be sent.
    news: Vec<News>,
    /// Webhooks that were sent and not taken: when they are sent again, milliseconds.
    again: Vec<(i64, News)>,
    /// SKUs whose level the store does not tell for now.
    pub hidden: BTreeSet<String>,
    /// What the store calls a unit, by its own id, where that is not the same.
    names: BTreeMap<String, String>,
}

impl PlainStore {
    /// A store with these levels.
    #[must_use]
    pub const fn new(write: WriteKind, levels: BTreeMap<String, i64>) -> Self {
        Self {
            write,
            places: Vec::new(),
            levels,
            changed: BTreeMap::new(),
            answers: BTreeMap::new(),
            telling: Telling { by_id: false, level: None, merges: false },
            news: Vec::new(),
            again: Vec::new(),
            hidden: BTreeSet::new(),
            names: BTreeMap::new(),
        }
    }

    /// From now on a unit has another SKU; its id stays.
    pub fn rename(&mut self, id: &str, name: &str) {
        self.names.insert(id.to_owned(), name.to_owned());
    }

    /// The SKU that a unit has now.
    #[must_use]
    pub fn name_of<'a>(&'a self, id: &'a str) -> &'a str {
        self.names.get(id).map_or(id, String::as_str)
    }

    /// The shelf of a unit by that of the SKU that it has now; `None` when no unit has it.
    fn named(&self, name: &str) -> Option<String> {
        let (sku, place) = name.split_once('@').map_or((name, None), |(sku, place)| (sku, Some(place)));
        let renamed = self.names.iter().find(|(_, name)| *name == sku).map(|(id, _)| id.as_str());
        let id = renamed.or_else(|| (!self.names.contains_key(sku)).then_some(sku))?;
        let shelf = place.map_or_else(|| id.to_owned(), |place| format!("{id}@{place}"));
        self.levels.contains_key(&shelf).then_some(shelf)
    }

    /// Somebody changes a level; never below zero.
    pub fn change(&mut self, sku: &str, by: i64) {
        let level = self.levels.entry(sku.to_owned()).or_default();
        let by = by.max(-*level);
        *level += by;
        *self.changed.entry(sku.to_owned()).or_default() += by;
        if by != 0 {
            self.tell(sku);
        }
    }

    /// A webhook about a level waits to be sent, unless one that waits to be sent again stands for it.
    pub fn tell(&mut self, shelf: &str) {
        if self.telling.merges && self.again.iter().any(|(_, news)| news.shelf == shelf) {
            return;
        }
        self.news.push(News { shelf: shelf.to_owned(), level: self.told(shelf), first: 0, failures: 0 });
    }

    /// A level, if the store tells it.
    fn told(&self, shelf: &str) -> Option<i64> {
        self.levels.get(shelf).filter(|_| !self.hidden.contains(shelf)).copied()
    }

    /// What a webhook says, if it is sent now.
    #[must_use]
    pub fn letter(&self, news: &News) -> Value {
        let (id, place) = on_shelf(&news.shelf);
        let level = match self.telling.level {
            Some(Named::Then) => news.level,
            Some(Named::Now) => self.told(&news.shelf),
            None => None,
        };
        let (named, name) = if self.telling.by_id { ("id", id) } else { ("sku", self.name_of(id)) };
        json!({named: name, "level": level, "place": place, "at": news.first})
    }

    /// Takes the webhooks that are due at `now`, first those that are sent for the first time.
    pub fn due(&mut self, now: i64) -> Vec<News> {
        let (due, later) = std::mem::take(&mut self.again).into_iter().partition(|(at, _)| *at <= now);
        self.again = later;
        let due: Vec<(i64, News)> = due;
        let new = self.news.drain(..).map(|news| News { first: now, ..news });
        new.chain(due.into_iter().map(|(_, news)| news)).collect()
    }

    /// When a webhook is sent again next, milliseconds.
    #[must_use]
    pub fn next_due(&self) -> Option<i64> {
        self.again.iter().map(|(at, _)| *at).min()
    }

    /// Nobody took a webhook: it is sent again.
    pub fn refused(&mut self, news: News, now: i64) {
        let failures = news.failures + 1;
        if failures < SENT_MAX {
            let wait = AGAIN_MS.get(news.failures).copied().unwrap_or(LATER_MS);
            self.again.push((now + wait, News { failures, ..news }));
        }
    }

    /// Answers a request; and what it did, if it was a write.
    pub fn handle(&mut self, request: &Request) -> (Response, Vec<Effect>) {
        let path = request.uri().path().to_owned();
        if request.method() == ::http::Method::POST {
            let body: Value = serde_json::from_slice(request.body()).unwrap_or_default();
            if let Some(rows) = body.get("rows").and_then(Value::as_array) {
                let key = body.get("key").and_then(Value::as_str).unwrap_or_default();
                // what was answered once is answered so again, whatever has another name by now
                if let Some(status) = self.answers.get(key) {
                    return (answer(*status, &json!({})), Vec::new());
                }
                let unknown: Vec<&str> =
                    rows.iter().filter_map(row_of).map(|row| row.0).filter(|name| self.named(name).is_none()).collect();
                if !unknown.is_empty() {
                    return (answer(404, &json!({"unknown": unknown})), Vec::new());
                }
                let (status, effects) = self.write_call(rows, key);
                return (answer(status, &json!({})), effects);
            }
            let (status, effect) = self.write(&body);
            return (answer(status, &json!({})), effect.into_iter().collect());
        }
        if path.ends_with("/locations") {
            let names: Vec<&str> = self.places.iter().map(LocationId::as_str).collect();
            return (answer(200, &json!(names)), Vec::new());
        }
        match path.rsplit_once("/level/") {
            Some((_, sku)) => {
                let level = self.named(sku).filter(|shelf| !self.hidden.contains(shelf));
                (answer(200, &json!({"level": level.and_then(|shelf| self.levels.get(&shelf))})), Vec::new())
            }
            None => (answer(200, &json!(self.shown())), Vec::new()),
        }
    }

    /// The id, the SKU, the location and the level of each unit.
    fn shown(&self) -> Vec<(&str, &str, &str, i64)> {
        let shown = self.levels.iter().filter(|(shelf, _)| !self.hidden.contains(*shelf));
        shown
            .map(|(shelf, level)| {
                let (id, place) = on_shelf(shelf);
                (id, self.name_of(id), place, *level)
            })
            .collect()
    }

    /// Carries out all rows or none; the same key once.
    fn write_call(&mut self, rows: &[Value], key: &str) -> (u16, Vec<Effect>) {
        let Some(rows) = rows.iter().map(row_of).collect::<Option<Vec<_>>>() else { return (422, Vec::new()) };
        let known = |(name, from, to)| Some((self.named(name)?, from, to));
        let Some(rows) = rows.into_iter().map(known).collect::<Option<Vec<_>>>() else { return (404, Vec::new()) };
        let level = |levels: &BTreeMap<String, i64>, name: &str| levels.get(name).copied().unwrap_or_default();
        let known = self.answers.get(key).copied();
        let stale = rows.iter().any(|(name, from, _)| level(&self.levels, name) != *from);
        let status = known.unwrap_or(if stale { 409 } else { 200 });
        let mut effects = Vec::new();
        // an answer that is given again does nothing
        for (name, _, to) in rows.into_iter().filter(|_| known.is_none() && status == 200) {
            let (sku, place) = on_shelf(&name);
            let (Ok(sku), Ok(place)) = (Sku::new(sku), LocationId::new(place)) else { continue };
            let before = level(&self.levels, &name);
            self.levels.insert(name.clone(), to);
            if to != before {
                self.tell(&name);
            }
            effects.push(Effect { key: format!("{key}/{name}"), sku, place, to, before, after: to });
        }
        // a call that was refused stays refused
        self.answers.insert(key.to_owned(), status);
        (status, effects)
    }

    fn write(&mut self, body: &Value) -> (u16, Option<Effect>) {
        let text = |name: &str| body.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        let number = |name: &str| body.get(name).and_then(Value::as_i64).unwrap_or_default();
        let (from, to, key) = (number("from"), number("to"), text("key"));
        let answered = self.answers.get(&key).filter(|_| self.write != WriteKind::Set).copied();
        let Some(name) = self.named(&text("sku")) else { return (answered.unwrap_or(404), None) };
        let (sku, place) = on_shelf(&name);
        let (Ok(sku), Ok(place)) = (Sku::new(sku), LocationId::new(place)) else { return (422, None) };
        let before = self.levels.get(&name).copied().unwrap_or_default();
        let nothing = Effect { sku: sku.clone(), place: place.clone(), key: key.clone(), to, before, after: before };
        if let Some(status) = answered {
            return (status, Some(nothing));
        }
        let after = match self.write {
            WriteKind::CompareAndSet if before != from => return (409, Some(nothing)),
            WriteKind::CompareAndSet | WriteKind::Set => to,
            WriteKind::Adjust => before + to - from,
        };
        self.levels.insert(name.clone(), after);
        self.answers.insert(key.clone(), 200);
        if after != before {
            self.tell(&name);
        }
        (200, Some(Effect { sku, place, key, to, before, after }))
    }
}

/// The name of a SKU's level at a location.
#[must_use]
pub fn shelf(sku: &str, place: &LocationId) -> String {
    if *place == LocationId::single() { sku.to_owned() } else { format!("{sku}@{place}") }
}

/// The SKU and the location of a level's name.
fn on_shelf(name: &str) -> (&str, &str) {
    name.split_once('@').unwrap_or((name, "default"))
}

/// A row of a call: which level, what it must be, and what it shall be.
fn row_of(row: &Value) -> Option<(&str, i64, i64)> {
    let name = row.get("sku").and_then(Value::as_str)?;
    Some((name, row.get("from").and_then(Value::as_i64)?, row.get("to").and_then(Value::as_i64)?))
}

fn answer(status: u16, body: &Value) -> Response {
    let mut response = Response::new(Bytes::from(body.to_string()));
    *response.status_mut() = ::http::StatusCode::from_u16(status).unwrap_or_default();
    response
}

/// The webhook of a change, which says this.
#[must_use]
pub fn webhook(account: &str, letter: &Value, secret: &str) -> Request {
    let mut request = Request::new(Bytes::from(letter.to_string()));
    *request.uri_mut() = format!("https://hub.test/webhooks/{account}").parse().unwrap_or_default();
    if let Ok(value) = ::http::HeaderValue::from_str(secret) {
        request.headers_mut().insert(SIGNATURE, value);
    }
    request
}

/// The `Authorization` header of a store.
#[must_use]
pub fn authorization(key: &str) -> String {
    format!("Plain {key}")
}

async fn call(session: Session<'_>, path: &str, body: Option<Value>) -> Result<(u16, Value), Error> {
    let key = session.secrets.get("api_key").map_or("", Secret::reveal);
    let method = if body.is_some() { ::http::Method::POST } else { ::http::Method::GET };
    let reads = body.is_none();
    let request = ::http::Request::builder()
        .method(method)
        .uri(format!("https://plain.test{path}"))
        .header(::http::header::AUTHORIZATION, authorization(key))
        .body(body.map_or_else(Bytes::new, |body| Bytes::from(body.to_string())))
        .map_err(|error| Error::new(ErrorKind::Configuration, error.to_string()))?;
    let sent = session.http.send(request, session.timeout).await;
    let response = sent.map_err(|source| Error::no_answer(path, source))?;
    let status = response.status().as_u16();
    let kind = match status {
        200 | 404 | 409 => return Ok((status, serde_json::from_slice(response.body()).unwrap_or_default())),
        401 => ErrorKind::Unauthorized,
        429 => ErrorKind::Throttled,
        _ => ErrorKind::Unavailable,
    };
    let error = Error::new(kind, format!("{path}: {status}"));
    Err(if reads || status < 500 { error } else { error.with_unknown_effect() })
}

fn nothing_called(name: &str) -> Error {
    Error::new(ErrorKind::NotFound, format!("there is nothing called {name}"))
}

fn none<T>() -> Result<T, Error> {
    Err(Error::new(ErrorKind::Invalid, "this platform has no such thing"))
}

#[async_trait]
impl Channel for Plain {
    fn info(&self) -> &'static Info {
        // every kind is a static of this module
        match self.info.name {
            "plain-compare" => &COMPARE.info,
            "plain-adjust" => &ADJUST.info,
            "plain-compare-places" => &COMPARE_PLACES.info,
            "plain-adjust-places" => &ADJUST_PLACES.info,
            _ => &SET.info,
        }
    }

    fn check(&self, _settings: &BTreeMap<String, String>, _secrets: &Secrets) -> Result<(), Error> {
        Ok(())
    }

    fn verify(&self, hook: Hook<'_>, secrets: &[Secret]) -> Result<usize, Error> {
        let given = hook.headers.get(SIGNATURE).map(::http::HeaderValue::as_bytes);
        let place = secrets.iter().position(|secret| Some(secret.reveal().as_bytes()) == given);
        place.ok_or_else(|| Error::new(ErrorKind::Signature, "the signature does not match"))
    }

    fn signing_secrets(&self) -> &'static [&'static str] {
        &["webhook_secret"]
    }

    fn read_hook(&self, hook: Hook<'_>, _signer: &Secret) -> Result<Delivery, Error> {
        let body: Value = serde_json::from_slice(hook.body).unwrap_or_default();
        let text = |name: &str| body.get(name).and_then(Value::as_str);
        let unit = text("id").map(|id| Touch::External(id.to_owned()));
        let touch = unit.or_else(|| text("sku").and_then(|sku| Sku::new(sku).ok()).map(Touch::Sku));
        let location = text("place").filter(|_| self.info.capabilities.locations);
        let claims = body.get("level").and_then(Value::as_i64).map(|level| Claimed {
            level,
            location: location.and_then(|place| LocationId::new(place).ok()),
            at: body.get("at").and_then(Value::as_i64).map(Timestamp),
        });
        Ok(Delivery::Touched { event: None, touches: touch.into_iter().collect(), claims })
    }

    async fn identify(&self, _session: Session<'_>) -> Result<Identity, Error> {
        Ok(Identity { store: "plain".into(), refused: Vec::new(), feed: false, usable: true })
    }

    /// One location a page: whoever stops after the first has not read the list.
    async fn locations(&self, session: Session<'_>, page: Option<String>) -> Result<Page<Location>, Error> {
        let (_, names) = call(session, "/locations", None).await?;
        let place: usize = page.and_then(|page| page.parse().ok()).unwrap_or(0);
        let names: Vec<&str> = names.as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        let id = names.get(place).and_then(|name| LocationId::new(*name).ok());
        let rows = id.map(|id| Location { name: id.to_string(), id, active: true }).into_iter().collect();
        Ok(Page { rows, next: (place + 1 < names.len()).then(|| (place + 1).to_string()) })
    }

    async fn units(&self, session: Session<'_>, _page: Option<String>) -> Result<Levels, Error> {
        let (_, levels) = call(session, "/levels", None).await?;
        let levels: Vec<(String, String, String, i64)> = serde_json::from_value(levels).unwrap_or_default();
        let unit = |(external, name, place, level): (String, String, String, i64)| {
            let (sku, location) = (Sku::new(name.clone()).ok()?, LocationId::new(place).ok()?);
            let (title, level, kind) = (name, Some(level), UnitKind::Simple);
            Some(Unit { external, sku: Some(sku), location, level, title, active: true, kind })
        };
        Ok(Page { rows: levels.into_iter().filter_map(unit).collect(), next: None })
    }

    async fn unit(&self, session: Session<'_>, external: &str) -> Result<Vec<Unit>, Error> {
        let all = self.units(session, None).await?;
        Ok(all.rows.into_iter().filter(|unit| unit.external == external).collect())
    }

    async fn levels(
        &self,
        session: Session<'_>,
        listings: &[(Sku, LocationId, String)],
    ) -> Result<Vec<Option<i64>>, Error> {
        let mut levels = Vec::with_capacity(listings.len());
        for (sku, place, _) in listings {
            let (_, answer) = call(session, &format!("/level/{}", shelf(sku.as_str(), place)), None).await?;
            levels.push(answer.get("level").and_then(Value::as_i64));
        }
        Ok(levels)
    }

    async fn feed_head(&self, _session: Session<'_>) -> Result<Position, Error> {
        none()
    }

    async fn movements(&self, _session: Session<'_>, _since: Position) -> Result<Movements, Error> {
        none()
    }

    async fn orders(&self, _session: Session<'_>, _ids: &[OrderId]) -> Result<Vec<Order>, Error> {
        none()
    }

    async fn orders_since(&self, _: Session<'_>, _since: Timestamp, _page: Option<String>) -> Result<Orders, Error> {
        none()
    }

    async fn write(&self, session: Session<'_>, writes: &[Write]) -> Vec<Outcome> {
        let mut outcomes = Vec::with_capacity(writes.len());
        for write in writes {
            let name = shelf(write.sku.as_str(), &write.location);
            let body = json!({"sku": name, "from": write.from, "to": write.to, "key": write.key});
            outcomes.push(match call(session, "/write", Some(body)).await {
                Ok((409, _)) => Outcome::Stale,
                Ok((404, _)) => Outcome::Refused(nothing_called(&name)),
                Ok(_) => Outcome::Applied,
                Err(error) if error.effect == channels::Effect::Unknown => Outcome::Unknown(error),
                Err(error) => Outcome::Refused(error),
            });
        }
        outcomes
    }

    async fn write_call(&self, session: Session<'_>, rows: &[Write]) -> Vec<Outcome> {
        if rows.len() < 2 {
            return self.write(session, rows).await;
        }
        let keys: Vec<&str> = rows.iter().map(|row| row.key.as_str()).collect();
        let row = |row: &Write| {
            let name = shelf(row.sku.as_str(), &row.location);
            json!({"sku": name, "from": row.from, "to": row.to})
        };
        let body = json!({"key": keys.join("+"), "rows": rows.iter().map(row).collect::<Vec<_>>()});
        let outcome = match call(session, "/write", Some(body)).await {
            // what nobody has heard of keeps the others from being written: they go again without it
            Ok((404, answer)) => {
                let unknown: Vec<String> = serde_json::from_value(answer["unknown"].clone()).unwrap_or_default();
                let names = rows.iter().map(|row| shelf(row.sku.as_str(), &row.location));
                let outcome = |name: String| match unknown.contains(&name) {
                    true => Outcome::Refused(nothing_called(&name)),
                    false => Outcome::Stale,
                };
                return names.map(outcome).collect();
            }
            Ok((409, _)) => Outcome::Stale,
            Ok(_) => Outcome::Applied,
            Err(error) if error.effect == channels::Effect::Unknown => Outcome::Unknown(error),
            Err(error) => Outcome::Refused(error),
        };
        vec![outcome; rows.len()]
    }

    async fn subscribe_watched(
        &self,
        _session: Session<'_>,
        _url: &str,
        _orders: OrderHooks,
        _watch: &dyn Watch,
    ) -> Result<Vec<Subscription>, Error> {
        Ok(Vec::new())
    }

    async fn unsubscribe(&self, _session: Session<'_>, _url: &str) -> Result<(), Error> {
        Ok(())
    }
}
