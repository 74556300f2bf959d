//! Signing in and out, and the cookies: the session's secret, the theme, and one message for the next page.

use super::form::{Fields, Wrong};
use super::gate::{self, Asked, Sent};
use super::icons::{Icon, icon};
use super::layout::{self, Viewer};
use super::ui::{self, Input, Tone};
use crate::App;
use crate::access::sessions::{self, SignIn};
use axum::extract::State;
use axum::response::{IntoResponse, Redirect, Response};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use maud::{Markup, html};
use percent_encoding::{NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// The session's cookie where the hub is reached over TLS: browsers keep such a name for one host and TLS only.
const SECURE: &str = "__Host-evenstock";
/// The same on this machine, where there is no TLS.
const LOCAL: &str = "evenstock";
/// The cookie of the message for the next page.
const SAID: &str = "said";
/// The cookie of the theme.
const THEME: &str = "theme";
/// A year, seconds.
const YEAR: u32 = 31_536_000;

/// When a browser sends a cookie.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Site {
    /// With what our own pages ask for.
    Strict,
    /// Also when somebody comes from another site by a link.
    Lax,
}

/// Attempts to sign in that failed, by where they came from, within the present window.
#[derive(Debug, Default)]
pub(crate) struct Attempts(Mutex<BTreeMap<String, (i64, u32)>>);

/// How long failures count, milliseconds.
const WINDOW_MS: i64 = 60_000;
/// Failures within a window after which the rest of it has to be waited for. A user's own failures make the hub wait too.
const FAILURES: u32 = 20;
/// Places remembered.
const PLACES: usize = 1_000;

impl Attempts {
    /// Seconds to wait before another attempt from there is looked at.
    fn wait(&self, from: &str, now: i64) -> Option<i64> {
        let attempts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (began, failures) = attempts.get(from)?;
        let left = began + WINDOW_MS - now;
        (*failures >= FAILURES && left > 0).then_some(left / 1000 + 1)
    }

    fn failed(&self, from: &str, now: i64) {
        let mut attempts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        attempts.retain(|_, (began, _)| *began + WINDOW_MS > now);
        if attempts.len() < PLACES {
            attempts.entry(from.to_owned()).or_insert((now, 0)).1 += 1;
        }
    }
}

/// A cookie of a request.
pub(super) fn cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let all = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut pairs = all.flat_map(|value| value.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(known, _)| *known == name).map(|(_, value)| value)
}

/// The session's secret.
pub(super) fn secret(headers: &HeaderMap) -> Option<String> {
    cookie(headers, SECURE).or_else(|| cookie(headers, LOCAL)).filter(|secret| !secret.is_empty()).map(str::to_owned)
}

/// The theme that the viewer has chosen.
pub(super) fn theme(headers: &HeaderMap) -> Option<&'static str> {
    match cookie(headers, THEME)? {
        "dark" => Some("dark"),
        "light" => Some("light"),
        _ => None,
    }
}

/// The message for this page.
pub(super) fn said(headers: &HeaderMap) -> Option<(Tone, String)> {
    let (tone, text) = cookie(headers, SAID)?.split_once('.')?;
    let tone = if tone == "good" { Tone::Good } else { Tone::Warn };
    Some((tone, percent_decode_str(text).decode_utf8().ok()?.into_owned()))
}

fn is_secure(app: &App) -> bool {
    app.hub.config.public_url.as_ref().is_some_and(|url| url.starts_with("https://"))
}

fn set(response: &mut Response, name: &str, value: &str, seconds: u32, secure: bool) {
    set_for(response, name, value, seconds, secure, Site::Strict);
}

fn set_for(response: &mut Response, name: &str, value: &str, seconds: u32, secure: bool, site: Site) {
    let secure = if secure { "; Secure" } else { "" };
    let text = format!("{name}={value}; Path=/; Max-Age={seconds}; HttpOnly; SameSite={site:?}{secure}");
    if let Ok(value) = HeaderValue::try_from(text) {
        response.headers_mut().append(header::SET_COOKIE, value);
    }
}

/// Keeps a cookie of two names, the first for TLS only.
pub(super) fn keep(app: &App, response: &mut Response, names: (&str, &str), value: &str, seconds: u32, site: Site) {
    let secure = is_secure(app);
    set_for(response, if secure { names.0 } else { names.1 }, value, seconds, secure, site);
}

/// What such a cookie holds.
pub(super) fn kept<'a>(headers: &'a HeaderMap, names: (&str, &str)) -> Option<&'a str> {
    cookie(headers, names.0).or_else(|| cookie(headers, names.1))
}

/// Gives the next page something to say.
pub(super) fn remember_said(response: &mut Response, tone: Tone, text: &str) {
    let tone = if tone == Tone::Good { "good" } else { "warn" };
    let short: String = text.chars().take(300).collect();
    set(response, SAID, &format!("{tone}.{}", utf8_percent_encode(&short, NON_ALPHANUMERIC)), 30, false);
}

/// It was said.
pub(super) fn forget_said(response: &mut Response) {
    set(response, SAID, "", 0, false);
}

/// An address of ours to go on to; anything else leads to the first page.
pub(super) fn onward(next: &str) -> &str {
    // browsers leave tabs and line ends out of an address: what is behind them may make it another site's
    let is_plain = !next.contains(|letter: char| letter == '\\' || letter.is_control());
    if next.starts_with('/') && !next.starts_with("//") && is_plain { next } else { "/" }
}

/// The page to sign in.
pub(super) async fn page(State(app): State<Arc<App>>, Asked(asked): Asked, headers: HeaderMap) -> Markup {
    std::future::ready(sign_in_page(&app, &headers, asked.text("next"), "", None)).await
}

/// The answer to somebody from where too many attempts have failed.
pub(super) fn waits(app: &App, headers: &HeaderMap, next: &str) -> Option<Response> {
    let seconds = app.attempts.wait(&place(headers), app.hub.clock.now().0)?;
    let wrong = Wrong::at("", format!("Too many attempts. Try again in {seconds} s."));
    Some((StatusCode::TOO_MANY_REQUESTS, sign_in_page(app, headers, next, "", Some(&wrong))).into_response())
}

/// An attempt from there failed.
pub(super) fn failed(app: &App, headers: &HeaderMap) {
    app.attempts.failed(&place(headers), app.hub.clock.now().0);
}

/// Signs in with a name and a password, or with a token.
pub(super) async fn sign_in(State(app): State<Arc<App>>, headers: HeaderMap, body: Bytes) -> Response {
    let fields = Fields::parse(&body);
    let (next, name) = (onward(fields.text("next")).to_owned(), fields.text("name").to_owned());
    let refuse = |status: StatusCode, said: String| {
        let field = if fields.text("token").is_empty() { "password" } else { "token" };
        (status, sign_in_page(&app, &headers, &next, &name, Some(&Wrong::at(field, said)))).into_response()
    };
    if !gate::is_ours(&headers) {
        return refuse(StatusCode::FORBIDDEN, "That form came from another site. Send this one.".into());
    }
    let (from, now) = (place(&headers), app.hub.clock.now().0);
    if let Some(seconds) = app.attempts.wait(&from, now) {
        return refuse(StatusCode::TOO_MANY_REQUESTS, format!("Too many attempts. Try again in {seconds} s."));
    }
    let signed = match fields.text("token") {
        "" => sessions::sign_in(&app.hub, &name, fields.raw("password").to_owned()).await,
        token => sessions::sign_in_with_token(&app.hub, token).await,
    };
    match signed {
        Ok(SignIn::Opened(opened)) => welcome(&app, &next, opened.secret.reveal()),
        Ok(SignIn::Wrong) => {
            app.attempts.failed(&from, now);
            let what = if fields.text("token").is_empty() {
                "Name or password is wrong."
            } else {
                "This hub does not know that token."
            };
            refuse(StatusCode::UNAUTHORIZED, what.into())
        }
        Ok(SignIn::Wait(seconds)) => {
            refuse(StatusCode::TOO_MANY_REQUESTS, format!("Too many wrong passwords. Try again in {seconds} s."))
        }
        Err(error) => layout::plain_trouble(&error.into()),
    }
}

fn welcome(app: &App, next: &str, secret: &str) -> Response {
    enter(app, Redirect::to(next).into_response(), secret)
}

/// The same answer with the session's cookie.
pub(super) fn enter(app: &App, mut response: Response, secret: &str) -> Response {
    let seconds = u32::try_from(sessions::LONGEST_MS / 1000).unwrap_or(YEAR);
    keep(app, &mut response, (SECURE, LOCAL), secret, seconds, Site::Strict);
    response
}

/// Where a request comes from, as the last proxy before us says.
fn place(headers: &HeaderMap) -> String {
    let forwarded = headers.get("x-forwarded-for").and_then(|value| value.to_str().ok()).unwrap_or_default();
    forwarded.rsplit(',').next().unwrap_or_default().trim().chars().take(64).collect()
}

/// Signs out.
pub(super) async fn sign_out(State(app): State<Arc<App>>, headers: HeaderMap) -> Response {
    if let Some(secret) = secret(&headers)
        && let Err(error) = sessions::sign_out(&app.hub, &secret).await
    {
        return layout::plain_trouble(&error.into());
    }
    let mut response = Redirect::to("/sign-in").into_response();
    set(&mut response, LOCAL, "", 0, false);
    set(&mut response, SECURE, "", 0, true);
    response
}

/// Keeps the theme.
pub(super) async fn set_theme(State(app): State<Arc<App>>, _viewer: Viewer, Sent(sent): Sent) -> Response {
    let mut response = Redirect::to(onward(sent.text("back"))).into_response();
    let theme = if sent.text("to") == "dark" { "dark" } else { "light" };
    set(&mut response, THEME, theme, YEAR, is_secure(&app));
    std::future::ready(response).await
}

/// The page to sign in, with what went wrong before.
pub(super) fn sign_in_page(app: &App, headers: &HeaderMap, next: &str, name: &str, wrong: Option<&Wrong>) -> Markup {
    let with_token = wrong.is_some_and(|wrong| wrong.field == "token");
    let people = html! {
        h1 { "Sign in" }
        p.lead { "Keep one number true in every store." }
        @if let Some(said) = Wrong::above(wrong, &["password", "token"]) { (ui::say(Tone::Bad, "", said)) }
        @if let Some(provider) = &app.provider {
            a.btn href=(super::form::link("/sign-in/provider", &[("next", next)])) { (icon(Icon::Key)) "Sign in with " (provider.name()) }
            p.or { span { "or" } }
        }
        form method="post" action="/sign-in" {
            input type="hidden" name="next" value=(next);
            (Input::text("name", "Name").value(name).complete("username").field(None))
            (Input::text("password", "Password").kind("password").complete("current-password")
                .field(wrong.filter(|_| !with_token)))
            (ui::submit("Sign in"))
        }
    };
    let program = html! {
        form method="post" action="/sign-in" data-sign-in {
            input type="hidden" name="next" value=(next);
            (Input::text("token", "Access token").kind("password")
                .help("The first start of a hub prints one; evenstock token makes another. It begins with evs_ or evp_.")
                .field(wrong.filter(|_| with_token)))
            button.btn type="submit" { span.spin {} "Sign in with a token" }
        }
    };
    layout::gate_page(theme(headers), "Sign in", &people, &program)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cookies_are_found_by_their_whole_name() {
        let mut headers = HeaderMap::new();
        headers.append(header::COOKIE, HeaderValue::from_static("xevenstock=no; evenstock=evc_1; theme=dark"));
        assert_eq!((secret(&headers).as_deref(), theme(&headers)), (Some("evc_1"), Some("dark")));
        headers.append(header::COOKIE, HeaderValue::from_static("__Host-evenstock=evc_2"));
        assert_eq!(secret(&headers).as_deref(), Some("evc_2"));
    }

    #[test]
    fn nobody_is_led_to_another_site() {
        assert_eq!(onward("/items?q=x"), "/items?q=x");
        for away in
            ["https://evil.example", "//evil.example", "/\\evil.example", "/\t/evil.example", "/\n/evil.example", ""]
        {
            assert_eq!(onward(away), "/", "{away}");
        }
    }

    #[test]
    fn many_failures_make_one_place_wait_and_no_other() {
        let attempts = Attempts::default();
        (0..FAILURES).for_each(|_| attempts.failed("1.2.3.4", 0));
        assert_eq!((attempts.wait("1.2.3.4", 1_000), attempts.wait("5.6.7.8", 1_000)), (Some(60), None));
        assert_eq!(attempts.wait("1.2.3.4", WINDOW_MS), None);
    }

    #[test]
    fn a_message_survives_its_cookie() {
        let mut response = StatusCode::OK.into_response();
        remember_said(&mut response, Tone::Good, "MUG “RED”: 5; 6, 7");
        let cookie = response.headers()[header::SET_COOKIE].to_str().expect("text").split(';').next().expect("a pair");
        let headers = HeaderMap::from_iter([(header::COOKIE, HeaderValue::from_str(cookie).expect("a header"))]);
        assert_eq!(said(&headers), Some((Tone::Good, "MUG “RED”: 5; 6, 7".into())));
    }
}
