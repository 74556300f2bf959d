//! Signing in through a provider, and every lie that must not let anybody in.

use super::fake_provider::{CLIENT, FakeProvider, SECRET, Signed};
use super::{Answer, Console, PASSWORD};
use axum::Router;
use channels::Secret;
use engine::people::UserRole;
use engine::trail::Wanted;
use http::{Request, StatusCode};
use serde_json::{Value, json};
use std::sync::Arc;
use web::App;
use web::access::provider::{Provider, Settings};
use web::access::users::{self, NewUser, UserPatch};
use web::client::NetHttp;

/// The moment at which the fake hub begins, seconds.
const NOW_S: i64 = 1_773_340_380;

/// A console beside a provider that knows ann.
struct Town {
    console: Console,
    provider: Arc<FakeProvider>,
}

impl Town {
    async fn open() -> Self {
        Self::with(|settings| settings).await
    }

    async fn with(adjust: impl FnOnce(Settings) -> Settings) -> Self {
        let mut console = Console::open(&[("MUG", 9)]).await;
        let now_s = console.shops.hub.clock.now().0 / 1000;
        assert!(now_s >= NOW_S);
        let provider = FakeProvider::open(now_s).await;
        let settings = adjust(provider.settings());
        console.router = console_router(&console, settings);
        Self { console, provider }
    }

    async fn ann(self) -> Self {
        let ann = NewUser {
            name: "ann".into(),
            role: UserRole::Operator,
            password: Some(PASSWORD.into()),
            provider: Some("ann@example.com".into()),
        };
        users::add(&self.console.shops.hub, ann).await.unwrap();
        self
    }

    /// A browser is sent to the provider: the address, and the cookie that it keeps.
    async fn go(&self) -> (String, String) {
        let answer = self.console.send(Request::get("/sign-in/provider?next=%2Fitems"), "").await;
        assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.text);
        (answer.location().to_owned(), answer.cookies().join("; "))
    }

    async fn back(&self, path: &str, cookie: &str) -> Answer {
        self.console.send(Request::get(path).header("cookie", cookie), "").await
    }

    /// The whole way there and back.
    async fn sign_in(&self) -> Answer {
        let (address, cookie) = self.go().await;
        self.back(&self.provider.sign_in(&address), &cookie).await
    }

    /// The same with claims of the provider laid over the right ones.
    async fn sign_in_as(&self, claims: Value) -> Answer {
        self.provider.ways().claims = claims;
        self.sign_in().await
    }
}

fn console_router(console: &Console, settings: Settings) -> Router {
    let provider = Provider::new(settings, Arc::new(NetHttp::new(true)));
    web::router(Arc::new(App::new(Arc::clone(&console.shops.hub)).with_provider(Some(provider))))
}

/// The session's cookie, if one was given.
fn session(answer: &Answer) -> Option<String> {
    answer.cookies().into_iter().find(|cookie| cookie.contains("evenstock=evc_"))
}

fn refused(answer: &Answer, status: StatusCode, said: &str) {
    assert_eq!(answer.status, status, "{}", answer.text);
    assert!(answer.text.contains(said), "{said}: {}", answer.text);
    assert_eq!(session(answer), None, "{said}");
    assert!(answer.text.contains("name=\"password\""), "the other ways in stand below");
}

#[tokio::test]
async fn somebody_whom_an_admin_has_named_signs_in_through_the_provider() {
    let town = Town::open().await.ann().await;
    let door = town.console.send(Request::get("/sign-in?next=%2Fitems"), "").await;
    assert!(door.text.contains("Sign in with Acme") && door.text.contains("/sign-in/provider?next=%2Fitems"));
    let (address, cookie) = town.go().await;
    assert!(address.starts_with(&format!("{}/authorize?", town.provider.address)), "{address}");
    assert!(cookie.starts_with("__Host-evenstock-attempt="), "{cookie}");
    let answer = town.back(&town.provider.sign_in(&address), &cookie).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
    assert!(answer.text.contains("content=\"0; url=/items\""), "a redirect would leave the cookie behind");
    let session = session(&answer).expect("a session");
    let page = town.console.send(Request::get("/items").header("cookie", &session), "").await;
    assert!(page.status == StatusCode::OK && page.text.contains("ann"), "{}", page.text);
    let hub = &town.console.shops.hub;
    assert!(users::show(hub, "ann").await.unwrap().signed_in.is_some());
    users::change(hub, "ann", UserPatch { disabled: Some(true), ..UserPatch::default() }).await.unwrap();
    let page = town.console.send(Request::get("/items").header("cookie", &session), "").await;
    assert_eq!(page.status, StatusCode::SEE_OTHER, "whoever is shut out is out");
    refused(&town.sign_in().await, StatusCode::FORBIDDEN, "shut this user out");
}

#[tokio::test]
async fn a_user_may_be_named_by_the_providers_own_id() {
    let town = Town::open().await.ann().await;
    let hub = &town.console.shops.hub;
    let named = |who: &str| UserPatch { provider: Some(who.into()), ..UserPatch::default() };
    users::change(hub, "ann", named("sub:248289761001")).await.unwrap();
    assert!(session(&town.sign_in_as(json!({"sub": "248289761001"})).await).is_some());
    refused(&town.sign_in_as(json!({"sub": "2"})).await, StatusCode::FORBIDDEN, "You are sub:2 there, and nobody here");
    let other = NewUser {
        name: "olga".into(),
        role: UserRole::Viewer,
        password: None,
        provider: Some("sub:248289761001".into()),
    };
    let error = users::add(hub, other).await.expect_err("one person, one user").to_string();
    assert!(error.contains("is the user ann already"), "{error}");
    let error = users::change(hub, "ann", named("ann")).await.expect_err("neither").to_string();
    assert!(error.starts_with("provider: \"ann\" is neither"), "{error}");
    users::change(hub, "ann", named("")).await.unwrap();
    assert_eq!(users::show(hub, "ann").await.unwrap().provider, None);
}

#[tokio::test]
async fn an_answer_fits_only_the_browser_and_the_attempt_that_asked_for_it() {
    let town = Town::open().await.ann().await;
    let stranger = "was not begun in this browser";
    let (address, cookie) = town.go().await;
    let back = town.provider.sign_in(&address);
    let (_, other) = town.go().await;
    refused(&town.back(&back, &other).await, StatusCode::BAD_REQUEST, stranger);
    refused(&town.back(&back, "").await, StatusCode::BAD_REQUEST, stranger);
    refused(&town.back(&back.replace("state=", "state=0"), &cookie).await, StatusCode::BAD_REQUEST, stranger);
    assert!(session(&town.back(&back, &cookie).await).is_some(), "none of that has used it up");
    refused(&town.back(&back, &cookie).await, StatusCode::UNAUTHORIZED, "proves nothing");
    town.provider.ways().takes_codes_twice = true;
    let (address, cookie) = town.go().await;
    let back = town.provider.sign_in(&address);
    assert!(session(&town.back(&back, &cookie).await).is_some());
    refused(&town.back(&back, &cookie).await, StatusCode::BAD_REQUEST, "was used before");
    let (address, cookie) = town.go().await;
    town.console.shops.clock.advance(std::time::Duration::from_secs(601));
    refused(&town.back(&town.provider.sign_in(&address), &cookie).await, StatusCode::BAD_REQUEST, stranger);
}

#[tokio::test]
async fn a_code_of_another_attempt_is_refused() {
    let town = Town::open().await.ann().await;
    let (first, _) = town.go().await;
    let (second, cookie) = town.go().await;
    let (stolen, own) = (town.provider.sign_in(&first), town.provider.sign_in(&second));
    let code = stolen.split_once("code=").unwrap().1.split('&').next().unwrap();
    let state = own.split_once("state=").unwrap().1;
    let back = format!("/sign-in/provider/back?code={code}&state={state}");
    refused(&town.back(&back, &cookie).await, StatusCode::UNAUTHORIZED, "proves nothing");
    let denied = format!("/sign-in/provider/back?error=access_denied%3Cb%3E&state={state}");
    refused(&town.back(&denied, &cookie).await, StatusCode::UNAUTHORIZED, "let nobody in: access_deniedb.");
}

#[tokio::test]
async fn a_token_that_proves_nothing_lets_nobody_in() {
    let town = Town::open().await.ann().await;
    let ann = || json!({"sub": "1", "email": "ann@example.com", "email_verified": true});
    let now_s = town.provider.ways().now_s;
    for (name, value) in [
        ("nonce", json!("another")),
        ("nonce", Value::Null),
        ("aud", json!("another hub")),
        ("aud", json!([])),
        ("iss", json!("https://evil.example")),
        ("azp", json!("another hub")),
        ("exp", json!(now_s - 61)),
        ("exp", Value::Null),
        ("iat", json!(now_s + 3_600)),
        ("sub", json!("")),
    ] {
        let mut claims = ann();
        claims[name] = value;
        refused(&town.sign_in_as(claims.clone()).await, StatusCode::UNAUTHORIZED, "proves nothing");
    }
    for signed in [Signed::ByAnother, Signed::None, Signed::Hmac, Signed::Torn] {
        town.provider.ways().signed = signed;
        refused(&town.sign_in_as(ann()).await, StatusCode::UNAUTHORIZED, "proves nothing");
    }
    town.provider.ways().signed = Signed::Well;
    let mut several = ann();
    several["aud"] = json!(["another hub", "the hub"]);
    several["azp"] = json!("the hub");
    assert!(session(&town.sign_in_as(several).await).is_some(), "one of several audiences is enough");
}

#[tokio::test]
async fn only_a_verified_address_says_who_somebody_is() {
    let town = Town::open().await.ann().await;
    for verified in [json!(false), Value::Null, json!(1), json!("false")] {
        let claims = json!({"sub": "evil", "email": "ann@example.com", "email_verified": verified});
        refused(
            &town.sign_in_as(claims).await,
            StatusCode::FORBIDDEN,
            "has not verified that ann@example.com is yours",
        );
    }
    let claims = json!({"sub": "ann", "email": "eve@example.com", "email_verified": true, "groups": ["staff"]});
    refused(&town.sign_in_as(claims).await, StatusCode::FORBIDDEN, "You are eve@example.com there, and nobody here");
    assert_eq!(users::list(&town.console.shops.hub).await.unwrap().len(), 1, "nobody is added");
}

#[tokio::test]
async fn groups_add_people_and_say_what_they_may_do() {
    let staff = [("staff".to_owned(), UserRole::Operator), ("chiefs".to_owned(), UserRole::Admin)];
    let town =
        Town::with(|settings| Settings { groups: staff.into(), groups_claim: "my:groups".into(), ..settings }).await;
    let hub = &town.console.shops.hub;
    let eve = |groups: Value, verified: bool| json!({"sub": "7", "email": "eve@example.com", "email_verified": verified, "my:groups": groups});
    refused(&town.sign_in_as(eve(json!(["guests"]), true)).await, StatusCode::FORBIDDEN, "nobody here");
    refused(&town.sign_in_as(eve(json!(["staff"]), false)).await, StatusCode::FORBIDDEN, "has not verified");
    assert!(session(&town.sign_in_as(eve(json!(["guests", "staff"]), true)).await).is_some());
    let added = users::show(hub, "eve@example.com").await.unwrap();
    assert_eq!((added.role, added.by_groups, added.password), (UserRole::Operator, true, false));
    assert!(session(&town.sign_in_as(eve(json!(["chiefs", "staff"]), true)).await).is_some());
    assert_eq!(users::show(hub, "eve@example.com").await.unwrap().role, UserRole::Admin, "the group grew");
    refused(&town.sign_in_as(eve(json!([]), true)).await, StatusCode::FORBIDDEN, "nobody here");
    let patch = UserPatch { role: Some(UserRole::Viewer), ..UserPatch::default() };
    users::change(hub, "eve@example.com", patch).await.unwrap();
    assert!(session(&town.sign_in_as(eve(json!([]), true)).await).is_some(), "what an admin gave stays");
    assert_eq!(users::show(hub, "eve@example.com").await.unwrap().role, UserRole::Viewer);
    let trail = hub.trail_of_day(hub.clock.now(), &Wanted { limit: 50, ..Wanted::default() }).await.unwrap();
    assert!(
        trail
            .rows
            .iter()
            .any(|entry| entry.action == "users add by the sign-in provider" && entry.subject == "eve@example.com")
    );
}

#[tokio::test]
async fn a_new_key_is_found_and_a_provider_that_is_down_shuts_nobody_out() {
    let town = Town::open().await.ann().await;
    assert!(session(&town.sign_in().await).is_some());
    town.provider.ways().kid = "k2".into();
    refused(&town.sign_in().await, StatusCode::UNAUTHORIZED, "proves nothing");
    town.console.shops.clock.advance(std::time::Duration::from_secs(60));
    assert!(session(&town.sign_in().await).is_some(), "asked again, at most once a minute");
    let (address, cookie) = town.go().await;
    town.provider.ways().is_down = true;
    let down = town.back(&town.provider.sign_in(&address), &cookie).await;
    refused(&down, StatusCode::BAD_GATEWAY, "Acme cannot be used at the moment");
    town.console.shops.clock.advance(std::time::Duration::from_secs(10));
    let down = town.console.send(Request::get("/sign-in/provider"), "").await;
    refused(&down, StatusCode::BAD_GATEWAY, "its discovery document: it answered with 503");
    assert!(down.text.contains("Try again in a minute, or sign in below"), "nobody is sent to where nobody answers");
    let person = town.console.enter(&format!("name=ann&password={}", PASSWORD.replace(' ', "+"))).await;
    assert_eq!(town.console.get(&person, "/items").await.status, StatusCode::OK, "the password still opens");
    assert_eq!(town.console.get(&town.console.owner().await, "/items").await.status, StatusCode::OK, "and the token");
}

#[tokio::test]
async fn what_the_hub_is_at_its_provider_may_stand_in_the_vault() {
    let silent = |settings| Settings { client_id: None, client_secret: None, console_url: None, ..settings };
    let town = Town::with(silent).await.ann().await;
    let none = town.console.send(Request::get("/sign-in/provider"), "").await;
    refused(&none, StatusCode::BAD_GATEWAY, "this hub has no client id there");
    let kept = [("client_id", CLIENT), ("client_secret", SECRET), ("console_url", "https://console.example/")];
    let kept = kept.map(|(name, text)| (name.to_owned(), Secret::new(text.to_owned()))).into();
    town.console.shops.hub.vault.put("oidc", &kept).await.unwrap();
    let (address, cookie) = town.go().await;
    let back = "redirect_uri=https%3A%2F%2Fconsole.example%2Fsign-in%2Fprovider%2Fback";
    assert!(address.contains(back), "{address}");
    let answer = town.back(&town.provider.sign_in(&address), &cookie).await;
    assert!(session(&answer).is_some(), "{}", answer.text);
}

#[tokio::test]
async fn a_provider_under_another_name_is_none_and_many_failures_wait() {
    let town = Town::open().await.ann().await;
    town.provider.ways().issuer = "https://other.example".into();
    let answer = town.console.send(Request::get("/sign-in/provider"), "").await;
    refused(&answer, StatusCode::BAD_GATEWAY, "it calls itself");
    let mut last = StatusCode::OK;
    for _ in 0..25 {
        last = town.console.send(Request::get("/sign-in/provider/back?code=x&state=y"), "").await.status;
    }
    assert_eq!(last, StatusCode::TOO_MANY_REQUESTS);
    let plain = Console::open(&[]).await;
    let answer = plain.send(Request::get("/sign-in/provider"), "").await;
    assert_eq!(answer.location(), "/sign-in", "without a provider there is no way to it");
}
