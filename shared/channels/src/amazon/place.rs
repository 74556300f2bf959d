//! Where an account is: its seller id, marketplaces and hosts, from its settings.

use super::{CHANNEL_CODE, SETTINGS, TOKEN_URL};
use crate::{Error, ErrorKind, Secret, Secrets};
use std::collections::BTreeMap;
use url::Url;

/// An account's place, with every default filled in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    /// The host of the region, without a slash at its end.
    pub(super) base: String,
    /// Where access tokens come from.
    pub(super) token: String,
    pub(super) seller: String,
    /// At least one; the first is the home marketplace.
    pub(super) marketplaces: Vec<String>,
    /// The code of the stock that we write.
    pub(super) code: String,
}

/// Regions with their hosts and marketplaces, <https://developer-docs.amazon.com/sp-api/docs/marketplace-ids>.
const REGIONS: &[(&str, &str, &[&str])] = &[
    (
        "na",
        "https://sellingpartnerapi-na.amazon.com",
        &["A2EUQ1WTGCTBG2", "ATVPDKIKX0DER", "A1AM78C64UM0Y8", "A2Q3Y263D00KWC"],
    ),
    (
        "eu",
        "https://sellingpartnerapi-eu.amazon.com",
        &[
            "A28R8C7NBKEWEA",
            "A1RKKUPIHCS9HS",
            "A1F83G8C2ARO7P",
            "A13V1IB3VIYZZH",
            "AMEN7PMS3EDWL",
            "A1805IZSGTT6HS",
            "A1PA6795UKMFR9",
            "APJ6JRA9NG5V4",
            "A2NODRKZP88ZB9",
            "AE08WJ6YKNBMC",
            "A1C3SOZRARQ6R3",
            "ARBP9OOSHTCHU",
            "A33AVAJ2PDY3EV",
            "A17E79C6D8DWNP",
            "A2VIGQ35RCS4UG",
            "A21TJRUUN4KGV",
        ],
    ),
    ("fe", "https://sellingpartnerapi-fe.amazon.com", &["A19VAU5U5O7RUS", "A39IBJ37TRP1C6", JAPAN]),
];
/// Amazon.co.jp, whose reports are in another encoding.
pub(super) const JAPAN: &str = "A1VC38T7YXB528";
/// Most marketplaces of one call, `searchOrders` of
/// <https://developer-docs.amazon.com/sp-api/docs/orders-api>.
const MARKETPLACES_MAX: usize = 50;

/// The region of a marketplace, if it is known.
pub(super) fn region(marketplace: &str) -> Option<&'static str> {
    REGIONS.iter().find(|(_, _, ids)| ids.contains(&marketplace)).map(|(name, _, _)| *name)
}

impl Place {
    /// Reads the settings.
    pub(super) fn of(settings: &BTreeMap<String, String>) -> Result<Self, Error> {
        let marketplaces = marketplaces(settings)?;
        let base = match given(settings, "base_url") {
            Some(url) => url.trim_end_matches('/').to_owned(),
            None => host(settings, &marketplaces)?.to_owned(),
        };
        Ok(Self {
            base,
            token: given(settings, "token_url").unwrap_or(TOKEN_URL).to_owned(),
            seller: seller(settings)?.to_owned(),
            marketplaces,
            code: given(settings, "channel_code").unwrap_or(CHANNEL_CODE).to_owned(),
        })
    }

    /// The marketplace that is asked first.
    pub(super) fn home(&self) -> &str {
        self.marketplaces.first().map_or("", String::as_str)
    }
}

/// A setting's text without spaces around it, if it is not empty.
pub(super) fn given<'a>(settings: &'a BTreeMap<String, String>, name: &str) -> Option<&'a str> {
    settings.get(name).map(|text| text.trim()).filter(|text| !text.is_empty())
}

fn configuration(problem: impl Into<String>) -> Error {
    Error::new(ErrorKind::Configuration, problem)
}

fn is_plain(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

/// The seller id is a part of addresses, so nothing but letters and digits may be in it.
fn seller(settings: &BTreeMap<String, String>) -> Result<&str, Error> {
    let seller = given(settings, "seller_id");
    let seller = seller.ok_or_else(|| configuration("seller_id: fill in the merchant token of Seller Central"))?;
    if is_plain(seller) { Ok(seller) } else { Err(configuration("seller_id: it has only letters and digits")) }
}

fn marketplaces(settings: &BTreeMap<String, String>) -> Result<Vec<String>, Error> {
    let text = given(settings, "marketplaces").unwrap_or_default();
    let mut ids: Vec<String> = Vec::new();
    for id in text.split(',').map(str::trim).filter(|id| !id.is_empty()) {
        if !is_plain(id) {
            return Err(configuration(format!("marketplaces: {id:?} is no marketplace id; separate them by commas")));
        }
        if !ids.iter().any(|other| other == id) {
            ids.push(id.to_owned());
        }
    }
    match ids.len() {
        0 => Err(configuration("marketplaces: fill in the id of at least one marketplace")),
        1..=MARKETPLACES_MAX => Ok(ids),
        _ => Err(configuration(format!("marketplaces: at most {MARKETPLACES_MAX}"))),
    }
}

/// The host of the one region that all the marketplaces are in.
fn host(settings: &BTreeMap<String, String>, marketplaces: &[String]) -> Result<&'static str, Error> {
    let mut regions: Vec<&str> = marketplaces.iter().filter_map(|id| region(id)).collect();
    regions.extend(given(settings, "region"));
    regions.dedup();
    let [name] = regions.as_slice() else {
        let problem = if regions.is_empty() {
            "region: write na, eu or fe; the marketplaces are not known"
        } else {
            "marketplaces: all must be of one region; add an account for each"
        };
        return Err(configuration(problem));
    };
    let found = REGIONS.iter().find(|(known, _, _)| known == name);
    found.map(|(_, host, _)| *host).ok_or_else(|| configuration("region: write na, eu or fe"))
}

/// Checks settings and secrets for form.
pub(super) fn check(settings: &BTreeMap<String, String>, secrets: &Secrets) -> Result<(), Error> {
    check_secrets(secrets)?;
    let place = Place::of(settings)?;
    check_address("base_url", &place.base)?;
    check_address("token_url", &place.token)?;
    check_destinations(settings)
}

fn check_secrets(secrets: &Secrets) -> Result<(), Error> {
    for setting in SETTINGS.iter().filter(|setting| setting.secret) {
        let text = secrets.get(setting.name).map(Secret::reveal).unwrap_or_default();
        if text.is_empty() {
            return Err(configuration(format!("{}: fill it in. {}", setting.name, setting.help)));
        }
        if text.chars().any(char::is_control) || text.trim() != text {
            return Err(configuration(format!("{}: remove spaces and line breaks around it", setting.name)));
        }
    }
    Ok(())
}

fn check_address(field: &str, text: &str) -> Result<(), Error> {
    let address = Url::parse(text).map_err(|why| configuration(format!("{field}: {why}")))?;
    let local = matches!(address.host_str(), Some("localhost" | "127.0.0.1" | "[::1]"));
    if address.scheme() != "https" && !(address.scheme() == "http" && local) {
        return Err(configuration(format!("{field}: begin it with https://")));
    }
    let plain = address.username().is_empty() && address.password().is_none();
    if !plain || address.query().is_some() || address.fragment().is_some() {
        return Err(configuration(format!("{field}: give only the address, without user, password, ? and #")));
    }
    Ok(())
}

/// `arn:aws:sqs:{region}:{account}:{name}`; a FIFO queue is refused by Amazon,
/// <https://developer-docs.amazon.com/sp-api/docs/set-up-notifications-amazon-sqs-workflow>.
fn check_destinations(settings: &BTreeMap<String, String>) -> Result<(), Error> {
    if let Some(arn) = given(settings, "queue_arn") {
        let parts: Vec<&str> = arn.split(':').collect();
        let is_queue =
            matches!(parts.as_slice(), ["arn", _, "sqs", _, account, name] if is_account(account) && !name.is_empty());
        if !is_queue || arn.ends_with(".fifo") {
            return Err(configuration("queue_arn: give the ARN of a standard queue, arn:aws:sqs:region:account:name"));
        }
    }
    let account = given(settings, "eventbridge_account");
    if account.is_some_and(|account| !is_account(account)) {
        return Err(configuration("eventbridge_account: it has 12 digits"));
    }
    if account.is_some() != given(settings, "eventbridge_region").is_some() {
        return Err(configuration("eventbridge_region: fill in both the account and the region, or neither"));
    }
    Ok(())
}

fn is_account(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|digit| digit.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect()
    }

    #[test]
    fn the_region_follows_from_the_marketplaces() {
        let place = Place::of(&settings(&[("seller_id", "A1"), ("marketplaces", "A1F83G8C2ARO7P, A1PA6795UKMFR9")]));
        let place = place.expect("both are in Europe");
        assert_eq!(place.base, "https://sellingpartnerapi-eu.amazon.com");
        assert_eq!((place.home(), place.code.as_str()), ("A1F83G8C2ARO7P", "DEFAULT"));
    }

    #[test]
    fn two_regions_are_two_accounts() {
        for (marketplaces, region) in
            [("A1F83G8C2ARO7P,ATVPDKIKX0DER", ""), ("ANEW", ""), ("ATVPDKIKX0DER", "eu"), ("ANEW", "mars")]
        {
            let settings = settings(&[("seller_id", "A1"), ("marketplaces", marketplaces), ("region", region)]);
            assert_eq!(Place::of(&settings).expect_err("no one host").kind, ErrorKind::Configuration, "{marketplaces}");
        }
        let known = settings(&[("seller_id", "A1"), ("marketplaces", "ANEW"), ("region", "fe")]);
        assert_eq!(Place::of(&known).expect("the region says it").base, "https://sellingpartnerapi-fe.amazon.com");
    }
}
