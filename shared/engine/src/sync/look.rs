//! Looking: what the stores say about the hinted listings, read after the ledgers were.
//!
//! A listing with a feed is read from the feed first. Where its newest entry is just what the ledger expects, that is
//! enough; only an unexplained difference costs a read of the level, and only one that has stood still a second read of
//! the feed.

use super::job::Sight;
use super::orders::Held;
use super::{PARALLEL, Run};
use crate::hub::{Connected, Error, Hub};
use crate::line::said;
use crate::ports::Row;
use crate::records::{self, Item, SaleMarker};
use channels::Movements;
use domain::feed::{self, Cause, Counted, LineState, Orders};
use domain::ledger::{Square, Unheard};
use domain::planted::{self, Mistake};
use domain::settle::Policy;
use domain::{
    AccountId, Class, Drift, Entry, Inbound, ListingId, LocationId, Movement, Order, OrderId, Position, Sku, Timestamp,
};
use futures::{StreamExt, stream};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// A listing to look at.
pub(super) struct Target {
    pub sku: Sku,
    pub listing: ListingId,
    pub external: String,
    pub square: Option<Square>,
    /// Whether the level must be read, whatever the feed says.
    pub closely: bool,
    /// Whether what is counted is all that moves its level.
    pub plain: bool,
    /// What counts there.
    pub policy: Policy,
}

/// What an account's store said.
struct Looked {
    account: AccountId,
    sights: Vec<(Sku, ListingId, Sight)>,
    /// SKUs that must be looked at later, and why.
    later: Option<(Vec<Sku>, Error)>,
    /// Whether so much is new that the lane must take it.
    bulk: bool,
}

/// What the store shows of orders, and what the hub holds as sold of their lines.
#[derive(Default)]
struct KnownOrders {
    lines: BTreeMap<OrderId, Vec<domain::Line>>,
    cancelled: BTreeSet<OrderId>,
    markers: Held,
}

impl Run<'_> {
    /// Looks at every listing that the open SKUs ask for.
    pub(super) async fn look(&mut self, open: &[Sku]) {
        self.wait_for_pushes(open);
        let wanted = self.wanted(open);
        let looked: Vec<Looked> =
            stream::iter(wanted.into_iter().map(|(account, targets)| self.look_at(account, targets)))
                .buffer_unordered(PARALLEL)
                .collect()
                .await;
        for account in looked {
            self.take_looked(account);
        }
        for sku in open {
            if let Some(job) = self.jobs.get_mut(sku) {
                job.look_at.clear();
            }
        }
    }

    /// A listing with a push on its way is looked at when that has ended: in between its level means nothing.
    fn wait_for_pushes(&mut self, open: &[Sku]) {
        let now = self.hub.clock.now();
        for sku in open {
            let due = self.when_over(sku, now);
            let Some(job) = self.jobs.get(sku) else { continue };
            let (Some(ledger), asked) = (&job.ledger, &job.look_at) else { continue };
            let busy = ledger
                .entries
                .iter()
                .filter(|(listing, entry)| is_under_way(entry) && asked.contains(&listing.account));
            let accounts: BTreeSet<AccountId> = busy.map(|(listing, _)| listing.account.clone()).collect();
            for account in accounts {
                self.postpone_told(sku, &account, due, "a push is on its way");
            }
        }
    }

    fn wanted(&self, open: &[Sku]) -> BTreeMap<AccountId, Vec<Target>> {
        let mut wanted: BTreeMap<AccountId, Vec<Target>> = BTreeMap::new();
        for (sku, job) in open.iter().filter_map(|sku| self.jobs.get(sku).map(|job| (sku, job))) {
            let (Some(item), Some(ledger)) = (&job.item, &job.ledger) else { continue };
            self.note_unmapped(sku, item, &job.look_at);
            for (listing, settings) in
                item.listings.iter().filter(|(listing, _)| job.look_at.contains(&listing.account))
            {
                // an account in quarantine is not believed, a frozen one not read; its feed is counted when it goes on
                let believed = self.is_believed(sku, listing);
                let Some(entry) = ledger.entries.get(listing).filter(|entry| !is_under_way(entry) && believed) else {
                    continue;
                };
                let Some(connected) = self.accounts.get(&listing.account) else { continue };
                wanted.entry(listing.account.clone()).or_default().push(Target {
                    sku: sku.clone(),
                    listing: listing.clone(),
                    external: settings.external.clone(),
                    square: entry.square.clone(),
                    closely: job.look_closely.contains(&listing.account),
                    plain: entry.is_plain(),
                    policy: item.policy(listing, connected),
                });
            }
        }
        wanted
    }

    /// A store that names a SKU which is mapped elsewhere but not there is told of, never guessed at.
    fn note_unmapped(&self, sku: &Sku, item: &Item, asked: &BTreeSet<AccountId>) {
        let known = asked.iter().filter(|account| self.accounts.contains_key(*account));
        for account in known.filter(|account| !item.listings.keys().any(|listing| listing.account == **account)) {
            self.hub.noted_unknown(account, sku.as_str());
        }
    }

    fn take_looked(&mut self, looked: Looked) {
        for (sku, listing, sight) in looked.sights {
            if let Some(unheard) = sight.reading.as_ref().and_then(|reading| reading.unheard) {
                let due = unheard.until.max(self.hub.clock.now().plus_ms(ORDER_RETRY_MS));
                self.postpone(&sku, &looked.account, due, "its name there is new");
            }
            if sight.reading.as_ref().is_some_and(|reading| reading.waits_for.is_some()) {
                let due = self.hub.clock.now().plus_ms(ORDER_RETRY_MS);
                self.postpone(&sku, &looked.account, due, "an order is not readable yet");
            }
            if let Some(job) = self.jobs.get_mut(&sku) {
                job.sights.insert(listing, sight);
            }
        }
        if let Some((skus, error)) = looked.later {
            let out_of_turn = self.is_out_of_turn(&looked.account, error.is_out_of_turn());
            for sku in skus {
                match out_of_turn {
                    // many who each wait for their turn keep all from theirs: the lane looks once for all of them
                    true => self.look_in_lane(&sku, &looked.account, &error.to_string()),
                    false => self.postpone(&sku, &looked.account, self.opens_at(&looked.account), &error.to_string()),
                }
            }
        }
        if looked.bulk {
            self.hub.note_backlog(&looked.account, true);
            self.lanes.insert(looked.account);
        }
    }

    async fn look_at(&self, account: AccountId, targets: Vec<Target>) -> Looked {
        let skus: Vec<Sku> = targets.iter().map(|target| target.sku.clone()).collect();
        let closely: Vec<Sku> = targets.iter().filter(|it| it.closely).map(|target| target.sku.clone()).collect();
        let mut looked = Looked { account: account.clone(), sights: Vec::new(), later: None, bulk: false };
        let Some(connected) = self.accounts.get(&account) else { return looked };
        let result = match connected.channel.info().capabilities.class() {
            Class::C if connected.account.feed && !self.pace.by_orders => self.look_by_feed(connected, targets).await,
            Class::C => match connected.channel.info().capabilities.polled {
                Some(polled) => self.look_by_known_orders(connected, polled, targets).await.map(Some),
                None => self.look_by_orders(connected, targets).await.map(Some),
            },
            Class::A | Class::D => self.look_by_level(connected, targets).await.map(Some),
        };
        match result {
            Ok(Some(sights)) => looked.sights = sights,
            // what a store told is in its feed, which the lane reads
            Ok(None) => {
                looked.bulk = true;
                let reason = Error::Conflict("more movements than one run reads; the lane takes them".into());
                looked.later = Some((closely, reason));
            }
            Err(error) if connected.account.feed && self.is_out_of_turn(&account, error.is_out_of_turn()) => {
                looked.bulk = true;
                looked.later = Some((closely, error));
            }
            Err(error) => looked.later = Some((skus, error)),
        }
        looked
    }

    async fn look_by_level(
        &self,
        connected: &Connected,
        targets: Vec<Target>,
    ) -> Result<Vec<(Sku, ListingId, Sight)>, Error> {
        let levels = self.levels(connected, &targets).await?;
        let sight = |(target, level): (Target, Option<i64>)| {
            (target.sku, target.listing, Sight { level, quiet: true, ..Sight::default() })
        };
        Ok(targets.into_iter().zip(levels).map(sight).collect())
    }

    pub(super) async fn levels(&self, connected: &Connected, targets: &[Target]) -> Result<Vec<Option<i64>>, Error> {
        let listings: Vec<(Sku, LocationId, String)> = targets
            .iter()
            .map(|target| (target.sku.clone(), target.listing.location.clone(), target.external.clone()))
            .collect();
        let line = self.hub.line(connected, self.pace.patience);
        let levels = line.levels(&listings).await.map_err(|error| said(connected, error))?;
        let unknown = planted::is(Mistake::UnknownIsZero).then_some(0);
        Ok(levels.into_iter().map(|level| level.or(unknown)).collect())
    }

    /// `None` when more is new than one run may take.
    async fn look_by_feed(
        &self,
        connected: &Connected,
        targets: Vec<Target>,
    ) -> Result<Option<Vec<(Sku, ListingId, Sight)>>, Error> {
        let began = self.hub.clock.now();
        let page = match unheard(&targets) {
            Some(unheard) => Arc::new(self.pages_since(connected, unheard.position).await?),
            None => self.page_of(connected).await?,
        };
        if page.more && !self.pace.lane {
            return Ok(None);
        }
        let by_sku = by_sku(&page);
        let orders = self.orders(connected, &targets, &by_sku).await?;
        let now = self.hub.clock.now();
        let mut sights = Vec::new();
        let mut unexplained = Vec::new();
        for target in targets {
            let movements = by_sku.get(&target.sku).map_or(&[] as &[Movement], Vec::as_slice);
            let sight = first_sight(&target, movements, &orders, now);
            if sight.level.is_some() && (!target.closely || planted::is(Mistake::BelievedPayload)) {
                sights.push((target.sku, target.listing, sight));
            } else {
                unexplained.push(target);
            }
        }
        sights.extend(self.look_closer(connected, unexplained, &by_sku, &orders, page.upto).await?);
        for (_, _, sight) in &mut sights {
            if let Some(reading) = &mut sight.reading {
                reading.unheard = reading.unheard.and_then(|unheard| unheard.after(began, page.upto, page.more));
            }
        }
        Ok(Some(sights))
    }

    /// All that an account's feed shows after a position, for a listing whose name there is new: those who did not know it have
    /// moved the account's cursor past what happened to it.
    async fn pages_since(&self, connected: &Connected, since: Position) -> Result<Movements, Error> {
        let line = self.hub.line(connected, self.pace.patience);
        let since = since.min(self.hub.cursor(&connected.account.id).await?);
        let mut all = line.movements(since).await.map_err(|error| said(connected, error))?;
        for _ in 1..PAGES_AGAIN {
            if !all.more {
                break;
            }
            let next = line.movements(all.upto).await.map_err(|error| said(connected, error))?;
            all.entries.extend(next.entries);
            (all.upto, all.more) = (next.upto, next.more);
        }
        Ok(all)
    }

    /// What an account's feed shows: what was read for this run, else read now. A page read before the ledgers is like a log that
    /// shows its last entries late.
    async fn page_of(&self, connected: &Connected) -> Result<Arc<Movements>, Error> {
        if let Some(page) = self.page.as_ref().filter(|(account, _)| *account == connected.account.id) {
            return Ok(page.1.clone());
        }
        let since = self.hub.cursor(&connected.account.id).await?;
        let line = self.hub.line(connected, self.pace.patience);
        Ok(Arc::new(line.movements(since).await.map_err(|error| said(connected, error))?))
    }

    /// Reads levels where the feed alone does not explain things, and the feed again where a difference may have settled.
    async fn look_closer(
        &self,
        connected: &Connected,
        targets: Vec<Target>,
        by_sku: &BTreeMap<Sku, Vec<Movement>>,
        orders: &KnownOrders,
        upto: Position,
    ) -> Result<Vec<(Sku, ListingId, Sight)>, Error> {
        if targets.is_empty() {
            return Ok(Vec::new());
        }
        let levels = self.levels(connected, &targets).await?;
        let now = self.hub.clock.now();
        let settle_ms = connected.channel.info().capabilities.settle_ms;
        let mut sights = Vec::new();
        let mut may_settle = false;
        for (target, level) in targets.into_iter().zip(levels) {
            let movements = by_sku.get(&target.sku).map_or(&[] as &[Movement], Vec::as_slice);
            let reading = target
                .square
                .as_ref()
                .map(|square| feed::read(square, movements, &orders.of(&target.sku, movements), level, now));
            may_settle |= target.square.as_ref().is_some_and(|square| {
                level.is_some_and(|level| square.is_unsettled(level)) && square.stable.plus_ms(settle_ms) <= now
            });
            sights.push((target.sku, target.listing, Sight { reading, level, ..Sight::default() }));
        }
        if may_settle {
            self.check_quiet(connected, &mut sights, upto).await?;
        }
        Ok(sights)
    }

    async fn check_quiet(
        &self,
        connected: &Connected,
        sights: &mut [(Sku, ListingId, Sight)],
        upto: Position,
    ) -> Result<(), Error> {
        let line = self.hub.line(connected, self.pace.patience);
        let page = line.movements(upto).await.map_err(|error| said(connected, error))?;
        let moved: BTreeSet<&Sku> = page.entries.iter().map(|movement| &movement.sku).collect();
        for (sku, _, sight) in sights {
            let waits = sight.reading.as_ref().is_some_and(|reading| reading.waits_for.is_some());
            sight.quiet = !waits && !page.more && !moved.contains(sku);
        }
        Ok(())
    }

    /// The orders behind the movements, as the store shows them and as the hub has counted them.
    async fn orders(
        &self,
        connected: &Connected,
        targets: &[Target],
        by_sku: &BTreeMap<Sku, Vec<Movement>>,
    ) -> Result<KnownOrders, Error> {
        let ids: BTreeSet<OrderId> = targets.iter().flat_map(|target| fresh_orders(target, by_sku)).collect();
        if ids.is_empty() {
            return Ok(KnownOrders::default());
        }
        let ids: Vec<OrderId> = ids.into_iter().collect();
        let line = self.hub.line(connected, self.pace.patience);
        let (orders, markers) = if ids.len() <= FEW_ORDERS {
            let (orders, markers) = futures::join!(line.orders(&ids), self.hub.held(&connected.account.id, &ids));
            (orders.map_err(|error| said(connected, error))?, markers)
        } else {
            // of many, the lines say where their markers are: a hundred come at once, instead of an order each
            let orders = line.orders(&ids).await.map_err(|error| said(connected, error))?;
            let markers = self.hub.held_lines(&connected.account.id, &orders).await;
            (orders, markers)
        };
        let is_cancelled = |order: &&domain::Order| order.state == domain::OrderState::Cancelled;
        let cancelled = orders.iter().filter(is_cancelled).map(|order| order.id.clone()).collect();
        let lines = orders.into_iter().map(|order| (order.id, order.lines)).collect();
        let skus = targets.iter().map(|target| &target.sku);
        Ok(KnownOrders { lines, cancelled, markers: self.with_riding(&connected.account.id, skus, markers?) })
    }
}

impl Run<'_> {
    /// What is held as sold by rows that were read just now and by lines that ride in the ledgers which this run read before:
    /// in this order, as a line leaves its ledger's row once its own row is there. What neither has was not counted up to this
    /// version of the ledger, and what is counted now is written only while that is the ledger.
    pub(super) fn with_riding<'s>(
        &self,
        account: &AccountId,
        skus: impl Iterator<Item = &'s Sku>,
        mut held: Held,
    ) -> Held {
        for sku in skus {
            let ledger = self.jobs.get(sku).and_then(|job| job.ledger.as_ref());
            held.add_riding(account, sku, ledger.map_or(&[], |ledger| &ledger.unfiled));
        }
        held
    }
}

impl Hub {
    /// Up to where an account's feed is counted for every SKU; or was a moment ago, which has entries read again that the ledgers
    /// know.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn cursor(&self, account: &AccountId) -> Result<Position, Error> {
        let row = self.store.glance(&records::cursor_key(account)).await?;
        Ok(row.map_or_else(Position::default, |row| Position(row.version)))
    }

    /// What the hub holds as sold of some orders, by rows of their own; lines may ride in ledgers besides, which are to be read
    /// before.
    pub(crate) async fn held(&self, account: &AccountId, orders: &[OrderId]) -> Result<Held, Error> {
        // owned ids: with borrowed ones the compiler cannot show that the future may move between threads
        let partitions = orders.iter().cloned().map(|order| async move {
            let rows = self.all_rows(&records::sale_partition(account, &order), "LINE#").await?;
            Ok::<(OrderId, Vec<Row>), Error>((order, rows))
        });
        let found: Vec<Result<(OrderId, Vec<Row>), Error>> =
            stream::iter(partitions).buffer_unordered(PARALLEL).collect().await;
        let mut held = Held::default();
        for result in found {
            let (order, rows) = result?;
            for row in rows {
                let marker: SaleMarker = records::body(&row)?;
                held.0.insert((order.clone(), marker.line.clone(), marker.sku.clone()), marker);
            }
        }
        Ok(held)
    }

    /// What the hub holds as sold of the lines of these orders, as they are now, in the same way.
    async fn held_lines(&self, account: &AccountId, orders: &[Order]) -> Result<Held, Error> {
        let mut places = Vec::new();
        for order in orders {
            let lines = order.lines.iter().filter_map(|line| Some((line, line.sku.as_ref()?)));
            places.extend(lines.map(|(line, sku)| (order.id.clone(), line.id.clone(), sku.clone())));
        }
        let mut held = Held::default();
        for places in places.chunks(MARKERS) {
            let keys: Vec<_> =
                places.iter().map(|(order, line, sku)| records::sale_key(account, order, line, sku)).collect();
            for (place, row) in places.iter().zip(self.store.get(&keys).await?) {
                if let Some(row) = row {
                    held.0.insert(place.clone(), records::body(&row)?);
                }
            }
        }
        Ok(held)
    }
}

/// Pages of a feed that one look reads again; of more, the next goes on.
const PAGES_AGAIN: usize = 10;

/// From where on some of these are read again.
pub(super) fn unheard(targets: &[Target]) -> Option<Unheard> {
    let unheard = targets.iter().filter_map(|target| target.square.as_ref()?.unheard);
    let unheard = unheard.filter(|_| !planted::is(Mistake::NewNameUnread));
    unheard.reduce(|one, other| Unheard {
        position: one.position.min(other.position),
        at: one.at.min(other.at),
        until: one.until.max(other.until),
    })
}

/// Markers read at once.
const MARKERS: usize = 500;

/// So many orders have their markers read while the store is asked for them; of more, when it has answered.
const FEW_ORDERS: usize = 4;

impl KnownOrders {
    /// What concerns one SKU. An order that the store showed without a line of the SKU is known and empty.
    fn of(&self, sku: &Sku, movements: &[Movement]) -> Orders {
        let mut orders = Orders::new();
        for order in movements.iter().filter_map(|movement| movement.order.as_ref()) {
            if let Some(lines) = self.lines.get(order) {
                let ours = lines.iter().filter(|line| line.sku.as_ref() == Some(sku));
                orders.insert(order.clone(), ours.map(|line| self.line(order, sku, line)).collect());
            }
        }
        orders
    }

    fn line(&self, order: &OrderId, sku: &Sku, line: &domain::Line) -> LineState {
        let marker = self.markers.get(&(order.clone(), line.id.clone(), sku.clone()));
        LineState {
            id: line.id.clone(),
            quantity: line.quantity,
            counted: marker.filter(|_| !planted::is(Mistake::SaleTwice)).map(|marker| marker.units),
            logged: marker.is_some_and(|marker| marker.logged),
            cancelled: self.cancelled.contains(order),
            taken: marker.map(|marker| marker.taken.clone()).unwrap_or_default(),
        }
    }
}

/// How soon an order that the store does not show yet is asked for again, milliseconds.
const ORDER_RETRY_MS: i64 = 2_000;

/// Whether a push of a listing has not ended: in between its level means nothing. An accepted one has, as far as we are concerned.
fn is_under_way(entry: &Entry) -> bool {
    entry.claim.is_some() && entry.accepted().is_none()
}

fn by_sku(page: &Movements) -> BTreeMap<Sku, Vec<Movement>> {
    let mut by_sku: BTreeMap<Sku, Vec<Movement>> = BTreeMap::new();
    for movement in &page.entries {
        by_sku.entry(movement.sku.clone()).or_default().push(movement.clone());
    }
    by_sku
}

fn fresh_orders(target: &Target, by_sku: &BTreeMap<Sku, Vec<Movement>>) -> Vec<OrderId> {
    let counted = target.square.as_ref().map_or_else(Position::default, |square| square.position);
    let movements = by_sku.get(&target.sku).into_iter().flatten();
    movements.filter(|movement| movement.id > counted).filter_map(|movement| movement.order.clone()).collect()
}

/// What the feed alone tells. The level is taken from its newest entry only where that is just what the ledger expects and
/// no write of ours can have come after it.
fn first_sight(target: &Target, movements: &[Movement], orders: &KnownOrders, now: Timestamp) -> Sight {
    let Some(square) = &target.square else { return Sight::default() };
    let reading = feed::read(square, movements, &orders.of(&target.sku, movements), None, now);
    let expected = square.with.saturating_add(counts(target.policy, &reading.counted));
    let explained = reading.position > square.position
        && reading.waits_for.is_none()
        && reading.unclear == 0
        && reading.writes.is_empty()
        && square.guesses.is_none()
        && reading.last == expected
        || planted::is(Mistake::BelievedPayload);
    Sight { level: explained.then_some(reading.last), reading: Some(reading), exact: explained, ..Sight::default() }
}

/// How much of what the feed shows counts for this account.
fn counts(policy: Policy, counted: &[Counted]) -> i64 {
    let takes = |counted: &&Counted| match policy.inbound {
        Inbound::All => true,
        Inbound::Sales => !matches!(counted.cause, Cause::Edit(_)) || policy.drift == Drift::Adopt,
        Inbound::None => false,
    };
    counted.iter().filter(takes).map(|counted| counted.by).sum()
}
