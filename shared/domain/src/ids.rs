//! Identifiers. Each is a small string type, so that a SKU can never be passed where an account is meant. Copies share one text:
//! what holds a store's hundred thousand SKUs at several places holds each of them once.

use serde::{Deserialize, Serialize, Serializer};
use std::fmt;
use std::sync::Arc;

/// Why a text cannot be an identifier; names the field and what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {problem}")]
pub struct InvalidId {
    /// The kind of identifier, as the user knows it.
    pub field: &'static str,
    /// What is wrong and what is allowed.
    pub problem: String,
}

macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident, $field:literal, $max:literal, $allowed:expr, $rule:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
        #[serde(try_from = "String")]
        pub struct $name(Arc<str>);

        impl $name {
            /// Checks and wraps a text.
            ///
            /// # Errors
            /// [`InvalidId`] when the text is empty, too long, or holds a character that is not allowed.
            pub fn new(text: impl Into<String>) -> Result<Self, InvalidId> {
                let text = text.into();
                let allowed: fn(char) -> bool = $allowed;
                let fits = !text.is_empty() && text.chars().count() <= $max && text.chars().all(allowed);
                if fits {
                    Ok(Self(text.into()))
                } else {
                    Err(InvalidId { field: $field, problem: format!("{text:?} is not valid; {}", $rule) })
                }
            }

            /// The identifier as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                out.write_str(&self.0)
            }
        }

        impl TryFrom<String> for $name {
            type Error = InvalidId;
            fn try_from(text: String) -> Result<Self, InvalidId> {
                Self::new(text)
            }
        }

        impl std::str::FromStr for $name {
            type Err = InvalidId;
            fn from_str(text: &str) -> Result<Self, InvalidId> {
                Self::new(text)
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> Self {
                id.0.as_ref().to_owned()
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, out: S) -> Result<S::Ok, S::Error> {
                out.serialize_str(&self.0)
            }
        }
    };
}

fn slug(letter: char) -> bool {
    letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '-' || letter == '_'
}

fn printable(letter: char) -> bool {
    !letter.is_control()
}

text_id!(
    /// The merchant's identifier that joins accounts: 1 to 256 characters, compared exactly.
    Sku, "sku", 256, printable, "use 1 to 256 characters without control characters"
);
text_id!(
    /// One connected store, named by the merchant.
    AccountId, "account", 40, slug, "use 1 to 40 characters of a-z, 0-9, - and _"
);
text_id!(
    /// A place inside an account that holds stock. [`LocationId::single`] where an account has none.
    LocationId, "location", 128, |letter| printable(letter) && letter != '@', "use 1 to 128 characters without @"
);
text_id!(
    /// A store's own id of a unit, where account and location do not tell a SKU's units apart.
    UnitId, "unit", 256, printable, "use 1 to 256 characters without control characters"
);
text_id!(
    /// Our named pool of stock.
    WarehouseId, "warehouse", 40, slug, "use 1 to 40 characters of a-z, 0-9, - and _"
);
text_id!(
    /// A named set of items.
    GroupId, "group", 40, slug, "use 1 to 40 characters of a-z, 0-9, - and _"
);
text_id!(
    /// An order as its store names it.
    OrderId, "order", 128, printable, "use 1 to 128 characters"
);
text_id!(
    /// One line of an order as its store names it: stable, counted once.
    LineId, "line", 128, printable, "use 1 to 128 characters"
);

impl LocationId {
    /// The location of an account that has no locations.
    #[must_use]
    pub fn single() -> Self {
        Self("default".into())
    }
}

impl WarehouseId {
    /// The warehouse of a hub that uses only one.
    #[must_use]
    pub fn main() -> Self {
        Self("main".into())
    }

    /// No warehouse: what has its home there counts nowhere.
    #[must_use]
    pub fn nowhere() -> Self {
        Self("nowhere".into())
    }
}

/// A place in an account's feed of movements: entries with a greater number are newer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Position(pub u64);

/// How one SKU appears at one account and location. Written `account@location`; or `account@location@unit`, where several
/// units with the SKU share one hub level there: the first of them goes by the short form, as everywhere else.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ListingId {
    /// The account that shows the listing.
    pub account: AccountId,
    /// The location inside it.
    pub location: LocationId,
    /// Which of several units there.
    pub unit: Option<UnitId>,
}

impl ListingId {
    /// The listing of an account at a location.
    #[must_use]
    pub const fn at(account: AccountId, location: LocationId) -> Self {
        Self { account, location, unit: None }
    }

    /// A listing of an account without locations.
    #[must_use]
    pub fn single(account: AccountId) -> Self {
        Self::at(account, LocationId::single())
    }

    /// The listing of a further unit at the same account and location.
    #[must_use]
    pub fn of(self, unit: UnitId) -> Self {
        Self { unit: Some(unit), ..self }
    }

    /// The virtual listing that carries stock edited in Evenstock itself.
    #[must_use]
    pub fn hub() -> Self {
        Self::single(AccountId("hub".into()))
    }

    /// The virtual listing of a part that carries what the sales of a kit take from it.
    #[must_use]
    pub fn kit(kit: &Sku) -> Self {
        Self::single(AccountId("kit".into())).of(UnitId(kit.0.clone()))
    }

    /// Whether this is the virtual listing of a kit.
    #[must_use]
    pub fn is_kit(&self) -> bool {
        self.account.as_str() == "kit"
    }

    /// Whether this is [`ListingId::hub`].
    #[must_use]
    pub fn is_hub(&self) -> bool {
        self.account.as_str() == "hub"
    }
}

impl fmt::Display for ListingId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}@{}", self.account, self.location)?;
        self.unit.as_ref().map_or(Ok(()), |unit| write!(out, "@{unit}"))
    }
}

impl From<ListingId> for String {
    fn from(id: ListingId) -> Self {
        id.to_string()
    }
}

impl TryFrom<String> for ListingId {
    type Error = InvalidId;
    fn try_from(text: String) -> Result<Self, InvalidId> {
        let (account, rest) = text
            .split_once('@')
            .ok_or_else(|| InvalidId { field: "listing", problem: format!("{text:?} is not account@location") })?;
        // a location holds no @, so whatever follows a second one is the unit
        let (location, unit) = rest.split_once('@').map_or((rest, None), |(location, unit)| (location, Some(unit)));
        let listing = Self::at(AccountId::new(account)?, LocationId::new(location)?);
        Ok(Self { unit: unit.map(UnitId::new).transpose()?, ..listing })
    }
}

impl std::str::FromStr for ListingId {
    type Err = InvalidId;
    fn from_str(text: &str) -> Result<Self, InvalidId> {
        Self::try_from(text.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_listing_survives_its_text() {
        let listing = ListingId::at(AccountId("shop-2".into()), LocationId("gid://x/Location/1".into()));
        assert_eq!(listing.to_string(), "shop-2@gid://x/Location/1", "as it was before there were units");
        assert_eq!(ListingId::try_from(listing.to_string()), Ok(listing.clone()));
        let second = listing.of(UnitId("a@b".into()));
        assert_eq!(ListingId::try_from(second.to_string()), Ok(second));
    }

    #[test]
    fn a_bad_id_names_its_field() {
        let error = AccountId::new("Main Shop").expect_err("capitals and spaces are refused");
        assert!(error.to_string().starts_with("account: \"Main Shop\" is not valid; use 1 to 40"), "{error}");
    }
}
