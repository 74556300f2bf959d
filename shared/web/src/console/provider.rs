//! Signing in through the provider: to it, and back from it.

use super::form::{Wrong, capital};
use super::gate::Asked;
use super::layout;
use super::session::{self, Site};
use crate::App;
use crate::access::provider::{Attempt, LONGEST_MS, Provider, Refusal};
use axum::extract::State;
use axum::response::{IntoResponse, Redirect, Response};
use engine::Error;
use http::{HeaderMap, StatusCode};
use maud::html;
use std::sync::Arc;

/// The cookie of an attempt, where the hub is reached over TLS and where it is not.
const ATTEMPT: (&str, &str) = ("__Host-evenstock-attempt", "evenstock-attempt");

/// Sends somebody to the provider.
pub(super) async fn go(State(app): State<Arc<App>>, Asked(asked): Asked, headers: HeaderMap) -> Response {
    let next = session::onward(asked.text("next"));
    let Some(provider) = &app.provider else { return Redirect::to("/sign-in").into_response() };
    if let Some(refused) = session::waits(&app, &headers, next) {
        return refused;
    }
    match provider.begin(&app.hub, next).await {
        Ok((address, attempt)) => {
            let mut response = Redirect::to(&address).into_response();
            let seconds = u32::try_from(LONGEST_MS / 1000).unwrap_or(u32::MAX);
            // the way back begins on the provider's site
            session::keep(&app, &mut response, ATTEMPT, &attempt.cookie, seconds, Site::Lax);
            response
        }
        Err(refusal) => refused(&app, &headers, next, &refusal),
    }
}

/// Takes the provider's answer.
pub(super) async fn back(State(app): State<Arc<App>>, Asked(asked): Asked, headers: HeaderMap) -> Response {
    let Some(provider) = &app.provider else { return Redirect::to("/sign-in").into_response() };
    if let Some(refused) = session::waits(&app, &headers, "/") {
        return refused;
    }
    let cookie = session::kept(&headers, ATTEMPT).unwrap_or_default();
    let attempt = Attempt::read(cookie, app.hub.clock.now());
    let next = attempt.as_ref().map_or("/", |attempt| session::onward(&attempt.next)).to_owned();
    let code = match (asked.filled("error"), asked.filled("code")) {
        (None, Some(code)) => Ok(code),
        (error, _) => Err(error.unwrap_or("it sent no code")),
    };
    let finished = match &attempt {
        Some(attempt) => provider.finish(&app.hub, attempt, asked.raw("state"), code).await,
        None => Err(Refusal::Stranger),
    };
    let mut response = match finished {
        Ok(opened) => session::enter(&app, onward_page(&headers, &next), opened.secret.reveal()),
        Err(refusal) => refused(&app, &headers, &next, &refusal),
    };
    session::keep(&app, &mut response, ATTEMPT, "", 0, Site::Lax);
    response
}

/// The page after which the browser counts as ours again: a redirect would still come from the provider's site, and the
/// session's cookie would stay behind.
fn onward_page(headers: &HeaderMap, next: &str) -> Response {
    let body = html! { h1 { "You are signed in" } p.lead { "If nothing happens, " a href=(next) { "go on" } "." } };
    layout::passing(session::theme(headers), "You are signed in", next, &body).into_response()
}

fn refused(app: &App, headers: &HeaderMap, next: &str, refusal: &Refusal) -> Response {
    let name = capital(app.provider.as_ref().map_or("the sign-in provider", Provider::name));
    let (status, said) = told(refusal, &name);
    session::failed(app, headers);
    match refusal {
        Refusal::Unavailable(why) | Refusal::Unproven(why) => {
            tracing::warn!(why, "nobody was signed in by the provider")
        }
        Refusal::Failed(error) => tracing::warn!(%error, "nobody was signed in by the provider"),
        Refusal::Stranger | Refusal::Denied(_) | Refusal::Nobody(_) | Refusal::Unverified(_) | Refusal::ShutOut => {}
    }
    (status, session::sign_in_page(app, headers, next, "", Some(&Wrong::at("", said)))).into_response()
}

fn told(refusal: &Refusal, name: &str) -> (StatusCode, String) {
    match refusal {
        Refusal::Unavailable(why) => (
            StatusCode::BAD_GATEWAY,
            format!("{name} cannot be used at the moment: {why}. Try again in a minute, or sign in below."),
        ),
        Refusal::Stranger => (
            StatusCode::BAD_REQUEST,
            "That sign-in was not begun in this browser, took more than ten minutes, or was used before. Begin again."
                .into(),
        ),
        Refusal::Denied(word) => {
            (StatusCode::UNAUTHORIZED, format!("The sign-in provider let nobody in: {}.", plain(word)))
        }
        Refusal::Unproven(_) => (
            StatusCode::UNAUTHORIZED,
            "What the sign-in provider sent proves nothing; the hub’s log says why. Begin again, or sign in below."
                .into(),
        ),
        Refusal::Nobody(who) => (
            StatusCode::FORBIDDEN,
            format!("You are {who} there, and nobody here. Ask an admin of this hub to enter that at your user."),
        ),
        Refusal::Unverified(email) => (
            StatusCode::FORBIDDEN,
            format!("The sign-in provider has not verified that {email} is yours. Verify it there, then begin again."),
        ),
        Refusal::ShutOut => (StatusCode::FORBIDDEN, "An admin of this hub has shut this user out.".into()),
        Refusal::Failed(error @ (Error::Invalid(_) | Error::Conflict(_))) => {
            (StatusCode::FORBIDDEN, format!("You cannot be added: {error}. Ask an admin of this hub to add you."))
        }
        Refusal::Failed(error) => (StatusCode::SERVICE_UNAVAILABLE, capital(&error.to_string())),
    }
}

/// A word of an address that anybody may have written.
fn plain(word: &str) -> String {
    word.chars().filter(|letter| letter.is_ascii_alphanumeric() || " _-".contains(*letter)).take(60).collect()
}
