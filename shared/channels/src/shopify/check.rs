//! Settings and secrets, checked for form before anything is sent.

use super::{API_VERSIONS, SETTINGS};
use crate::{Error, ErrorKind, Secret, Secrets};
use std::collections::BTreeMap;

/// What is wrong with an account's settings and secrets, if anything is.
pub(super) fn check(settings: &BTreeMap<String, String>, secrets: &Secrets) -> Result<(), Error> {
    let setting = |name: &str| settings.get(name).map(String::as_str).filter(|text| !text.is_empty());
    check_secrets(secrets)?;
    check_shop(setting("shop").unwrap_or_default())?;
    let token = secrets.get("access_token").is_some_and(|token| !token.reveal().is_empty());
    match setting("client_id") {
        None if !token => return Err(wrong("client_id: fill it in, or give an access_token")),
        Some(id) if id.chars().any(|letter| !letter.is_ascii_graphic()) => {
            return Err(wrong("client_id: remove spaces and line breaks"));
        }
        None | Some(_) => {}
    }
    if setting("api_version").is_some_and(|version| !API_VERSIONS.contains(&version)) {
        return Err(wrong(format!("api_version: use one of {}", API_VERSIONS.join(", "))));
    }
    for option in ["activate", "tracking"] {
        if setting(option).is_some_and(|text| !matches!(text, "yes" | "no")) {
            return Err(wrong(format!("{option}: write yes or no")));
        }
    }
    setting("base_url").map_or(Ok(()), check_base_url)
}

fn wrong(problem: impl Into<String>) -> Error {
    Error::new(ErrorKind::Configuration, problem)
}

/// No prefix is looked at: tokens have had several (docs.md, "Access").
fn check_secrets(secrets: &Secrets) -> Result<(), Error> {
    for setting in SETTINGS.iter().filter(|setting| setting.secret) {
        let given = secrets.get(setting.name).map(Secret::reveal);
        if setting.required && given.is_none_or(|text| text.trim().is_empty()) {
            return Err(wrong(format!("{}: fill it in. {}", setting.name, setting.help)));
        }
        if given.is_some_and(|text| !text.chars().all(|letter| letter.is_ascii_graphic())) {
            return Err(wrong(format!("{}: remove spaces, line breaks and what is not ASCII", setting.name)));
        }
    }
    Ok(())
}

/// The host is fixed to the platform's own domain: a merchant cannot point the credentials elsewhere.
fn check_shop(shop: &str) -> Result<(), Error> {
    let name = shop.strip_suffix(".myshopify.com").unwrap_or_default();
    let letters = name.bytes().all(|letter| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == b'-');
    if name.is_empty() || !letters || name.starts_with('-') {
        return Err(wrong("shop: write it as name.myshopify.com, in small letters and without https://"));
    }
    Ok(())
}

fn check_base_url(text: &str) -> Result<(), Error> {
    let address = url::Url::parse(text).map_err(|why| wrong(format!("base_url: {why}")))?;
    let local = matches!(address.host_str(), Some("localhost" | "127.0.0.1" | "[::1]"));
    let plain = address.username().is_empty() && address.password().is_none();
    let bare = plain && address.query().is_none() && address.fragment().is_none();
    let secure = address.scheme() == "https" || (address.scheme() == "http" && local);
    if secure && bare { Ok(()) } else { Err(wrong("base_url: begin it with https:// and give only the address")) }
}
