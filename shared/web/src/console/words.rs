//! What the engine's states are called in front of people. The only place that gives them words.

use super::ui::{Tone, signed};
use channels::{ErrorKind, SubscriptionState};
use domain::feed::{Cause, Counted};
use domain::plan::Hold;
use domain::push::Ended;
use domain::settle::Note;
use domain::{ListingId, Role};
use engine::items::Standing;
use engine::records::{FEED, WEBHOOK, asked};
use engine::stock::Mode;

/// A state, and how it is to be taken.
pub(super) type Said = (Tone, &'static str);

/// How a listing stands.
pub(super) const fn standing(standing: Standing, hold: Option<Hold>) -> Said {
    match (standing, hold) {
        (Standing::InSync, _) => (Tone::Good, "In sync"),
        (Standing::Due, _) => (Tone::Warn, "To be written"),
        (Standing::Pending, _) => (Tone::Note, "Being written"),
        (Standing::Accepted, _) => (Tone::Note, "Taken, not live yet"),
        (Standing::Held, Some(hold)) => hold_badge(hold),
        (Standing::Held, None) => (Tone::Plain, "Not written"),
    }
}

const fn hold_badge(hold: Hold) -> Said {
    match hold {
        Hold::Paused => (Tone::Warn, "Paused"),
        Hold::Quarantined => (Tone::Bad, "Quarantined"),
        Hold::Frozen => (Tone::Warn, "Frozen"),
        Hold::Contested => (Tone::Bad, "Contested"),
        Hold::Clash => (Tone::Bad, "SKU clash"),
        Hold::NotWritable => (Tone::Plain, "Read only"),
        Hold::Excluded => (Tone::Plain, "Excluded"),
        Hold::Never => (Tone::Plain, "Never written"),
        Hold::Inactive => (Tone::Plain, "Not on sale"),
        Hold::Unseen => (Tone::Plain, "Not seen yet"),
        Hold::Pending | Hold::Unresolved => (Tone::Note, "Being written"),
        Hold::Unlinked => (Tone::Plain, "Not linked"),
        Hold::Closed => (Tone::Warn, "Location closed"),
        Hold::NoLevel => (Tone::Warn, "No level yet"),
        Hold::Accepted => (Tone::Note, "Taken, not live yet"),
        Hold::Refused => (Tone::Bad, "Refused"),
    }
}

/// Why a listing is not written, and what to do.
pub(super) const fn hold(hold: Hold) -> &'static str {
    match hold {
        Hold::Paused => "The account is paused. Resume it and it catches up.",
        Hold::Quarantined => {
            "The account is in quarantine: too much stock vanished at once. Review it on the account’s page."
        }
        Hold::Frozen => "The account is frozen: neither read nor written. Thaw it and what happened meanwhile counts.",
        Hold::Contested => "Another writer keeps changing it in the store. Stop that one, then release it.",
        Hold::Clash => "This SKU stands more than once in the store. Give each product its own SKU there.",
        Hold::NotWritable => "Made of other products, or kept by the platform itself: never written.",
        Hold::Excluded => "The rules say that this is never written.",
        Hold::Never => "Its sync mode is “never”.",
        Hold::Inactive => "Its sync mode is “only when active”, and it is not on sale in its store.",
        Hold::Unseen => "The store has not shown a level yet. Unknown is not zero, so nothing is written.",
        Hold::Pending => "A write is on its way.",
        Hold::Accepted => "The store took the write and has yet to carry it out. Its level shows when it has.",
        Hold::Refused => "The store refuses to write it. Mend it there or in the mapping, then choose “Sync now”.",
        Hold::Unresolved => "Nobody knows yet whether the last write arrived. It is being found out.",
        Hold::Unlinked => "Its location belongs to no warehouse, so it is not touched. Link the location to one.",
        Hold::Closed => "Its location is closed in the store, or gone. Its units are neither zeroed nor lost.",
        Hold::NoLevel => "No warehouse that feeds it has a level of this SKU. Set its stock in the warehouse.",
    }
}

/// What became of a push.
pub(super) const fn ended(ended: Ended) -> Said {
    match ended {
        Ended::Applied => (Tone::Good, "confirmed"),
        Ended::Accepted => (Tone::Note, "taken, not confirmed yet"),
        Ended::Stale => (Tone::Note, "level had moved; looked again"),
        Ended::NotSent => (Tone::Warn, "not carried out"),
        Ended::Unknown => (Tone::Warn, "no clear answer; being found out"),
    }
}

/// The kind of a counted change, as charts and lists colour it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Sale,
    Back,
    Edit,
    Hand,
}

impl Kind {
    /// The kind of a counted change; `hand` when it was made in Evenstock.
    pub(super) const fn of(counted: &Counted, hand: bool) -> Self {
        match (&counted.cause, hand) {
            (_, true) => Self::Hand,
            (Cause::Sale(..), false) => Self::Sale,
            (Cause::Return(..) | Cause::Cancelled(..), false) => Self::Back,
            (Cause::Order(_) | Cause::Kit(_), false) => {
                if counted.by < 0 {
                    Self::Sale
                } else {
                    Self::Back
                }
            }
            (Cause::Edit(_), false) => Self::Edit,
        }
    }

    /// Its class.
    pub(super) const fn class(self) -> &'static str {
        match self {
            Self::Sale => "sale",
            Self::Back => "back",
            Self::Edit => "edit",
            Self::Hand => "hand",
        }
    }
}

/// What was counted, in words: `2 sold (order 1001)`.
pub(super) fn counted(counted: &Counted) -> String {
    let units = counted.by.unsigned_abs();
    match &counted.cause {
        Cause::Sale(order, _) if counted.by < 0 => format!("{units} sold (order {order})"),
        Cause::Sale(order, _) | Cause::Return(order, _) => format!("{units} came back (order {order})"),
        Cause::Cancelled(order, _) => format!("{units} came back (cancelled order {order})"),
        Cause::Order(order) => format!("{} by order {order}", signed(counted.by)),
        Cause::Edit(_) => format!("edited by {}", signed(counted.by)),
        Cause::Kit(kit) if counted.by < 0 => format!("{units} sold as part of {kit}"),
        Cause::Kit(kit) => format!("{units} came back as part of {kit}"),
    }
}

/// Where something was counted, as a step of a sum.
pub(super) fn counted_where(listing: &ListingId) -> String {
    match (listing.is_hub(), listing.is_kit()) {
        (true, _) => "edited here".into(),
        (_, true) => "taken by kits".into(),
        (false, false) => format!("counted in {}", listing.account),
    }
}

/// A note, in words.
pub(super) fn note(note: &Note) -> String {
    match note {
        Note::EditCounted(by) => format!("a difference of {} stood still and was counted as an edit", signed(*by)),
        Note::Overwriting(by) => format!("a difference of {} does not count here and is set back", signed(*by)),
        Note::Tolerated(by) => format!("a difference of {} does not count here and stays, as you asked", signed(*by)),
        Note::Repaired(by) => {
            let by = signed(*by);
            format!("our write had erased {by} in the store, which is written again; was it an edit, enter it by hand")
        }
        Note::Ambiguous(by) => format!(
            "{} may have been an edit or the trace of our own write: if it was an edit, enter it by hand",
            signed(*by)
        ),
        Note::Undecided(arrived, failed) => format!(
            "{} may have been an edit if our last write arrived, {} if not, which nobody can tell: enter an edit by hand",
            signed(*arrived),
            signed(*failed)
        ),
        Note::NotRestocked(by) => format!("{} came back and is not stocked again, as you asked", signed(*by)),
        Note::Verified(level) => format!("the write that the store had taken is live: {level}"),
        Note::Drifted(by) => {
            format!("the store took a write and did not carry it out; it shows {} against it", signed(*by))
        }
        Note::PushResolved(true) => "a write without a clear answer had arrived after all".into(),
        Note::PushResolved(false) => "a write without a clear answer had not arrived; it is sent again".into(),
    }
}

/// What made us look; nothing where the engine no longer knows, or where nobody asked.
pub(super) fn cause(cause: &str) -> Option<&'static str> {
    Some(match cause {
        WEBHOOK => "the store’s webhook",
        FEED => "the store’s log",
        "reconcile" | "comparison" => "a comparison",
        asked::LOOK => "“sync now”",
        asked::FIRST_SYNC => "the first sync",
        asked::STOCK_FILE => "a stock file",
        asked::STOCK_FEED => "a stock feed",
        asked::RESTORE => "what was taken back",
        asked::RULES => "a change of rules",
        asked::KIT => "a change of the kit",
        asked::MAPPING => "a product that was matched",
        asked::LINK | "unlink" | "zero" => "a change of warehouses",
        asked::QUARANTINE => "what was decided about a quarantine",
        asked::RELEASE => "its release, after another program had fought over it",
        asked::RESUMED => "the account going on again",
        asked::RUSH => "a rush of sales",
        "stock" => "a stock edit here",
        _ => return None,
    })
}

/// Why a write failed. That its turn had not come is no failure of anybody's.
pub(super) fn failure(error: &str) -> &str {
    if error.contains("no budget") { "the store’s limit of calls was reached; it is sent in its turn" } else { error }
}

/// What to do when a store said no.
pub(super) const fn advice(kind: ErrorKind) -> &'static str {
    match kind {
        ErrorKind::Unauthorized => "It refuses these credentials: check each of them, and that none was revoked.",
        ErrorKind::Forbidden => "The credentials lack a permission: give them what the fields below ask for.",
        ErrorKind::NotFound => "It does not know what was asked for: check the store’s address.",
        ErrorKind::Invalid | ErrorKind::Malformed => "It answered something unexpected: check the store’s address.",
        ErrorKind::Throttled => "It limits calls just now: try again in a minute.",
        ErrorKind::Unavailable => "It cannot be reached: check its address, or try again later.",
        ErrorKind::Configuration | ErrorKind::Signature => "A setting is missing or wrong: check the fields below.",
    }
}

/// A role.
pub(super) const fn role(role: Role) -> &'static str {
    match role {
        Role::Master => "Master",
        Role::Replica => "Replica",
    }
}

/// What counts when it happens in a store: value, name, what it means.
pub(super) const INBOUND: [(&str, &str, &str); 3] = [
    ("all", "Everything", "Sales and edits: for the master, and wherever staff edit stock."),
    ("sales", "Sales only", "Sales, cancellations and returns. Edits there do not count."),
    ("none", "Nothing", "The store only follows."),
];

/// What happens to what does not count.
pub(super) const DRIFT: [(&str, &str, &str); 3] = [
    ("overwrite", "Set it back", "The store gets its right number again."),
    ("adopt", "Count it after all", "The difference becomes part of the stock, everywhere."),
    ("report", "Leave it and tell me", "The store keeps its number until you decide."),
];

/// What of what comes back is stocked again.
pub(super) const RESTOCK: [(&str, &str, &str); 4] = [
    ("always", "All of it", "As the store takes it back."),
    ("cancellations", "Cancelled orders only", "Returns are looked at first."),
    ("returns", "Returns only", ""),
    ("never", "Nothing", "Somebody looks at the goods and enters them by hand."),
];

/// What happens where several units have one SKU.
pub(super) const DUPLICATES: [(&str, &str, &str); 2] = [
    ("refuse", "None is written", "Until each has its own SKU."),
    ("share", "They share one level", "The same stock, sold twice in the store."),
];

/// The value of a policy in forms, as files write it.
pub(super) fn value<T: serde::Serialize>(policy: &T) -> String {
    serde_json::to_value(policy).ok().and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default()
}

/// The state of a webhook in a store.
pub(super) const fn subscription(state: SubscriptionState) -> Said {
    match state {
        SubscriptionState::Waiting => (Tone::Plain, "Waiting"),
        SubscriptionState::Asking => (Tone::Note, "Being registered"),
        SubscriptionState::Active => (Tone::Good, "Active"),
        SubscriptionState::Created => (Tone::Good, "Created"),
        SubscriptionState::Reenabled => (Tone::Good, "Enabled again"),
        SubscriptionState::Unverified => (Tone::Warn, "Not verified yet"),
        SubscriptionState::Refused => (Tone::Bad, "Refused"),
        SubscriptionState::AnotherHub => (Tone::Warn, "Another hub"),
    }
}

/// What a webhook tells of: `product.stock_changed` and `PRODUCT_STOCK_CHANGED` as “Product stock changed”.
pub(super) fn topic(name: &str) -> String {
    super::form::capital(&name.to_lowercase().replace(['.', '/', '_', '-'], " "))
}

/// A rule as forms show it.
pub(super) struct RuleField {
    /// Its name in files and in the API.
    pub(super) name: &'static str,
    /// What people call it.
    pub(super) label: &'static str,
    /// What it does.
    pub(super) help: &'static str,
    /// What may be chosen; of a number nothing.
    pub(super) choices: &'static [(&'static str, &'static str)],
}

const YES_NO: &[(&str, &str)] = &[("yes", "yes"), ("no", "no")];

/// The sync modes: value and name.
pub(super) const MODES: &[(&str, &str)] =
    &[("always", "always"), ("never", "never"), ("only-when-active", "only while it is on sale")];

const fn number_rule(name: &'static str, label: &'static str, help: &'static str) -> RuleField {
    RuleField { name, label, help, choices: &[] }
}

/// Every rule, in the order in which they work.
pub(super) const RULES: [RuleField; 11] = [
    RuleField { name: "mode", label: "Write it", help: "", choices: MODES },
    RuleField { name: "exclude", label: "Exclude it, whatever else is set", help: "", choices: YES_NO },
    number_rule("fixed", "Always show", "Replaces all that follows."),
    number_rule("share_percent", "Share of the stock, percent", "Only this part of it, rounded down."),
    RuleField {
        name: "keep_last_unit",
        label: "Keep the last unit on sale when a share rounds to none",
        help: "",
        choices: YES_NO,
    },
    number_rule("hold_back", "Hold back", "Units kept away from the store."),
    number_rule(
        "flash_minutes",
        "In a rush, keep back what sells in … minutes",
        "Up to 60; nothing while it sells slowly.",
    ),
    number_rule("show_zero_at", "Show zero at", "At or below so many units the store shows none."),
    number_rule("cap", "Cap", "The store never shows more."),
    number_rule("pack", "Units in one pack", "Where the store sells packs of several."),
    number_rule("low_stock", "Low at", "At or below so many units it counts as low stock."),
];

/// What people call a rule.
pub(super) fn rule(name: &str) -> &str {
    RULES.iter().find(|known| known.name == name).map_or(name, |known| known.label)
}

/// What the quantities of a stock file mean: value, name, when.
pub(super) const FILE_MODES: [(&str, &str, &str); 3] = [
    ("set", "The stock is this", "A stock take."),
    ("adjust", "The stock changes by this", "A delivery."),
    ("only-lower", "There is at most this", "A supplier’s list: only what is above it comes down."),
];

/// The value of what quantities mean, in forms.
pub(super) const fn file_mode_value(mode: Mode) -> &'static str {
    match mode {
        Mode::Set => "set",
        Mode::Adjust => "adjust",
        Mode::OnlyLower => "only-lower",
    }
}

/// What the quantities of a feed mean.
pub(super) fn file_mode(mode: Mode) -> &'static str {
    let value = file_mode_value(mode);
    FILE_MODES.iter().find(|(known, ..)| *known == value).map_or(value, |(_, name, _)| name)
}

/// Where something was set, in words: `hub`, `account north`, `group fragile`, `item at north` …
pub(super) fn source(from: &str) -> String {
    match from.split_once(' ') {
        None if from == "hub" => "the hub".into(),
        None if from == "item" => "this item".into(),
        None if from == "listing" => "this listing".into(),
        Some(("account", rest)) => rest.to_owned(),
        Some(("group", rest)) => format!("the group {rest}"),
        Some(("item", rest)) => format!("this item {rest}"),
        Some(_) | None => from.to_owned(),
    }
}
