//! What is not known about ShopWired, as switches: tests run with each position. Defaults are the likelier guess, or the
//! documented one. `docs.md` lists every switch with the question behind it.

use serde::{Deserialize, Serialize};

/// A leaky bucket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limit {
    /// Calls that fit at once.
    pub size: u32,
    /// Calls that leak out per minute.
    pub per_minute: u32,
}

impl Limit {
    /// Profile A, <https://help.shopwired.co.uk/api/introduction/api-rate-limiting>: size 40, 2 calls a second.
    pub const A: Self = Self { size: 40, per_minute: 120 };
    /// Profile B, as a production team reports it: 60 calls a minute.
    pub const B: Self = Self { size: 60, per_minute: 60 };
}

/// Who shares a bucket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LimitScope {
    /// Everybody who uses the account.
    Account,
    /// Each key has its own.
    Key,
}

/// The body of a 429.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ThrottleBody {
    /// The documented error object.
    Json,
    /// Nothing.
    Empty,
    /// A page of a proxy.
    Html,
}

/// The field `generator` of events.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Generator {
    /// Not sent.
    Absent,
    /// `null`.
    Null,
    /// A text that names the cause.
    Text,
}

/// What editing the products of an order does to stock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EditOrder {
    /// The old lines go back, the new ones are taken.
    ReturnAndTake,
    /// Only the new lines are taken.
    TakeOnly,
    /// Stock does not move.
    Nothing,
}

/// Which of an order and its stock movement can be seen first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "order", content = "ms")]
pub enum StockLag {
    /// Both at once.
    With,
    /// The order, so many milliseconds before its movement.
    First(i64),
    /// The movement, so many milliseconds before the order.
    Last(i64),
    /// Any of the three, by chance, up to so many milliseconds.
    Chance(i64),
}

/// Which unit a write to a SKU moves when several have it. Sales move the unit that was sold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Duplicates {
    /// The first.
    First,
    /// All.
    All,
}

/// What a write below zero does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Negative {
    /// It is taken as it is.
    Accept,
    /// It is taken as 0.
    Clamp,
    /// 422.
    Refuse,
}

/// What a sold bundle takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BundleSale {
    /// Its own stock.
    Bundle,
    /// Its components' stock.
    Components,
    /// Both.
    Both,
}

/// What counts towards the automatic disabling of a webhook.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FailureCount {
    /// Failures of one event.
    Event,
    /// Failures of the webhook since its last success.
    WebhookUntilSuccess,
    /// Failures of the webhook, ever.
    Webhook,
}

/// The switches of one account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Switches {
    /// The rate limit; none when off.
    pub limit: Option<Limit>,
    /// Who shares it.
    pub limit_scope: LimitScope,
    /// Whether a 429 says when to come back.
    pub retry_after: bool,
    /// What a 429 says.
    pub throttle_body: ThrottleBody,
    /// The status for a key without permission: 403, or 401.
    pub refused_status: u16,
    /// Whether error messages repeat the API key (no store should).
    pub leaks_keys: bool,
    /// Whether writes through the API appear in the log and as webhooks.
    pub echo: bool,
    /// The field `generator`.
    pub generator: Generator,
    /// Whether the movement of a returned line names its order.
    pub return_names_order: bool,
    /// What editing an order does.
    pub edit_order: EditOrder,
    /// Whether an order that is not paid for takes its stock when it is placed; else when it is paid for.
    pub unpaid_orders_take: bool,
    /// Whether orders that are created through the API take stock.
    pub created_orders_take: bool,
    /// Whether the stock of a deleted order goes back.
    pub deleted_orders_return: bool,
    /// What is seen first.
    pub stock_lag: StockLag,
    /// How much later than the level the log shows a movement, milliseconds.
    pub log_lag_ms: i64,
    /// How long a new order or product cannot be read yet, milliseconds.
    pub read_lag_ms: i64,
    /// Whether product imports appear in the log.
    pub product_import_logs: bool,
    /// The back-order app: how far below zero sales may go; none when it is not installed.
    pub back_order: Option<i64>,
    /// Which unit a write moves when several share a SKU.
    pub duplicate_sku: Duplicates,
    /// Writes below zero.
    pub negative_writes: Negative,
    /// The status of a read or single write of an unknown SKU: 404 or 422.
    pub unknown_sku_status: u16,
    /// The status of a single write: 200 or 201.
    pub single_write_status: u16,
    /// Whether a batch with an invalid item takes the valid ones before it says 422.
    pub bad_batch_takes_rest: bool,
    /// Whether SKUs are looked up without regard to case.
    pub sku_ignores_case: bool,
    /// Whether a product's PUT answers 200 and changes no stock.
    pub put_ignores_stock: bool,
    /// Whether the log lists the newest entries first.
    pub events_descending: bool,
    /// Whether `since_id` includes the entry itself.
    pub since_inclusive: bool,
    /// So many of the last entries can be read; all when none.
    pub retention: Option<usize>,
    /// Whether `/events/count` takes no notice of filters.
    pub count_ignores_filters: bool,
    /// Whether order lists show archived orders without being asked.
    pub lists_archived: bool,
    /// Whether a line of a variation without a SKU of its own carries the product's.
    pub inherited_sku_on_lines: bool,
    /// Whether a variation that inherits its quantity shows the product's instead of `null`.
    pub inherited_stock_shown: bool,
    /// What a sold bundle takes.
    pub bundle_sale: BundleSale,
    /// Milliseconds between an event and the first try of its webhook.
    pub webhook_delay_ms: i64,
    /// Milliseconds between two tries.
    pub retry_ms: i64,
    /// Failures after which a webhook is disabled.
    pub disable_after: u32,
    /// What these failures are counted by.
    pub failure_count: FailureCount,
    /// Whether webhooks that were never verified receive events.
    pub unverified_receive: bool,
    /// Whether a handshake answer may end with a line break.
    pub handshake_trims: bool,
    /// Whether JSON is sent with `\/` and `\u00e9`.
    pub escaped_json: bool,
    /// Whether dates are ISO 8601 instead of RFC 2822.
    pub iso_dates: bool,
    /// Whether objects carry fields that nobody has documented.
    pub extra_fields: bool,
    /// Whether orders in webhooks lack `reference`, `archived` and `status`.
    pub incomplete_orders: bool,
}

/// <https://help.shopwired.co.uk/api/webhooks/webhooks>: hourly, for a day.
const HOUR_MS: i64 = 3_600_000;

impl Default for Switches {
    fn default() -> Self {
        Self {
            limit: None,
            limit_scope: LimitScope::Account,
            retry_after: false,
            throttle_body: ThrottleBody::Json,
            refused_status: 403,
            leaks_keys: false,
            echo: true,
            generator: Generator::Null,
            return_names_order: true,
            edit_order: EditOrder::ReturnAndTake,
            unpaid_orders_take: true,
            created_orders_take: true,
            deleted_orders_return: false,
            stock_lag: StockLag::With,
            log_lag_ms: 0,
            read_lag_ms: 0,
            product_import_logs: false,
            back_order: None,
            duplicate_sku: Duplicates::First,
            negative_writes: Negative::Accept,
            unknown_sku_status: 404,
            single_write_status: 200,
            bad_batch_takes_rest: false,
            sku_ignores_case: false,
            put_ignores_stock: false,
            events_descending: false,
            since_inclusive: false,
            retention: None,
            count_ignores_filters: false,
            lists_archived: false,
            inherited_sku_on_lines: true,
            inherited_stock_shown: false,
            bundle_sale: BundleSale::Bundle,
            webhook_delay_ms: 0,
            retry_ms: HOUR_MS,
            disable_after: 24,
            failure_count: FailureCount::WebhookUntilSuccess,
            unverified_receive: false,
            handshake_trims: false,
            escaped_json: false,
            iso_dates: false,
            extra_fields: false,
            incomplete_orders: false,
        }
    }
}
