//! What must be refused: strangers, forms of other sites, stolen halves of a session, the wrong role.

use super::{Console, Person};
use domain::Sku;
use engine::people::UserRole;
use engine::trail::Wanted;
use http::{Request, StatusCode};

const EDIT: &str = "sku=MUG&how=set&quantity=4&reason=stock+take";

async fn level(console: &Console) -> i64 {
    console.shops.hub.show_item(&Sku::new("MUG").unwrap()).await.unwrap().level
}

#[tokio::test]
async fn strangers_are_led_to_the_door_and_back() {
    let console = Console::open(&[("MUG", 9)]).await;
    let answer = console.send(Request::get("/items?q=MU"), "").await;
    assert_eq!((answer.status, answer.location()), (StatusCode::SEE_OTHER, "/sign-in?next=%2Fitems%3Fq%3DMU"));
    let answer = console.send(Request::post("/item/stock").header("sec-fetch-site", "same-origin"), EDIT).await;
    assert_eq!(answer.location(), "/sign-in");
    let live = console.send(Request::get("/items").header("x-live", "1"), "").await;
    assert_eq!(live.status, StatusCode::UNAUTHORIZED, "a script must not follow to the door");
    let fields = format!("token={}&next=%2Fitems%3Fq%3DMU", console.token);
    let answer = console.send(Request::post("/sign-in").header("sec-fetch-site", "same-origin"), &fields).await;
    assert_eq!(answer.location(), "/items?q=MU");
    let fields = format!("token={}&next=https%3A%2F%2Fevil.example", console.token);
    let answer = console.send(Request::post("/sign-in").header("sec-fetch-site", "same-origin"), &fields).await;
    assert_eq!(answer.location(), "/", "nobody is led to another site");
    assert_eq!(level(&console).await, 9);
}

#[tokio::test]
async fn forms_without_the_token_or_from_elsewhere_change_nothing() {
    let console = Console::open(&[("MUG", 9)]).await;
    let owner = console.owner().await;
    let other = console.user("olga", UserRole::Operator).await;
    let asked =
        |site: &str| Request::post("/item/stock").header("cookie", &owner.cookie).header("sec-fetch-site", site);
    let with = |csrf: &str| format!("csrf={csrf}&{EDIT}");
    for (request, body) in [
        (asked("same-origin"), EDIT.to_owned()),
        (asked("same-origin"), with("")),
        (asked("same-origin"), with(&other.csrf)),
        (asked("cross-site"), with(&owner.csrf)),
        (asked("same-site"), with(&owner.csrf)),
        (
            Request::post("/item/stock").header("cookie", &owner.cookie).header("origin", "https://evil.example"),
            with(&owner.csrf),
        ),
    ] {
        let answer = console.send(request, &body).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{body}");
        assert!(answer.text.contains("Nothing was changed"), "{}", answer.text);
    }
    let door = console
        .send(Request::post("/sign-in").header("sec-fetch-site", "cross-site"), &format!("token={}", console.token))
        .await;
    assert_eq!((door.status, door.cookies()), (StatusCode::FORBIDDEN, vec![]), "nobody is signed in from elsewhere");
    assert_eq!(level(&console).await, 9);
    assert_eq!(console.post(&owner, "/item/stock", EDIT).await.status, StatusCode::SEE_OTHER);
    assert_eq!(level(&console).await, 4);
}

#[tokio::test]
async fn a_session_ends_when_its_owner_says_so() {
    let console = Console::open(&[("MUG", 9)]).await;
    let owner = console.owner().await;
    assert_eq!(console.get(&owner, "/items").await.status, StatusCode::OK);
    let out = console.post(&owner, "/sign-out", "").await;
    assert_eq!(out.location(), "/sign-in");
    assert_eq!(console.get(&owner, "/items").await.status, StatusCode::SEE_OTHER, "the cookie alone opens nothing");
    let made_up = Person { cookie: "evenstock=evc_0000".into(), csrf: String::new() };
    assert_eq!(console.get(&made_up, "/items").await.status, StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn a_role_allows_what_it_allows() {
    let console = Console::open(&[("MUG", 9)]).await;
    let viewer = console.user("vera", UserRole::Viewer).await;
    for page in ["/", "/items", "/item?sku=MUG", "/accounts", "/accounts/north", "/history", "/queue"] {
        assert_eq!(console.get(&viewer, page).await.status, StatusCode::OK, "{page}");
    }
    let page = console.get(&viewer, "/item?sku=MUG").await.text;
    assert!(!page.contains("action=\"/item/stock\""), "a form that would be refused is not shown");
    for (path, fields) in
        [("/item/stock", EDIT), ("/item/sync", "sku=MUG"), ("/accounts/north/do/pause", ""), ("/queue/redrive", "")]
    {
        assert_eq!(console.post(&viewer, path, fields).await.status, StatusCode::FORBIDDEN, "{path}");
    }
    let operator = console.user("olga", UserRole::Operator).await;
    assert_eq!(console.post(&operator, "/item/stock", EDIT).await.status, StatusCode::SEE_OTHER);
    for path in ["/accounts/new", "/accounts/north/remove"] {
        assert_eq!(console.get(&operator, path).await.status, StatusCode::FORBIDDEN, "{path}");
    }
    for path in ["/accounts/north/rotate", "/accounts/north/settings", "/accounts/north/remove", "/accounts/new"] {
        assert_eq!(console.post(&operator, path, "").await.status, StatusCode::FORBIDDEN, "{path}");
    }
    assert_eq!(level(&console).await, 4);
}

#[tokio::test]
async fn wrong_passwords_are_told_alike_and_then_have_to_wait() {
    let console = Console::open(&[("MUG", 9)]).await;
    console.user("vera", UserRole::Viewer).await;
    let attempt = |name: &'static str| {
        let request = Request::post("/sign-in").header("sec-fetch-site", "same-origin").header("x-forwarded-for", name);
        console.send(request, "name=NAME&password=wrong".replace("NAME", name).leak())
    };
    let (known, unknown) = (attempt("vera").await, attempt("nobody").await);
    assert_eq!((known.status, unknown.status), (StatusCode::UNAUTHORIZED, StatusCode::UNAUTHORIZED));
    assert_eq!(known.text.replace("vera", ""), unknown.text.replace("nobody", ""));
    let mut waits = false;
    for _ in 0..25 {
        waits |= attempt("nobody").await.status == StatusCode::TOO_MANY_REQUESTS;
    }
    assert!(waits, "twenty failures from one place are enough");
}

#[tokio::test]
async fn what_was_done_is_in_the_trail_and_no_secret_is() {
    let console = Console::open(&[("MUG", 9)]).await;
    let olga = console.user("olga", UserRole::Admin).await;
    console.post(&olga, "/item/stock", EDIT).await;
    console.post(&olga, "/accounts/north/rotate", "secret.api_key=hush-hush").await;
    let now = console.shops.hub.clock.now();
    let trail = console.shops.hub.trail_of_day(now, &Wanted { limit: 50, ..Wanted::default() }).await.unwrap();
    let text = serde_json::to_string(&trail.rows).unwrap();
    assert!(
        text.contains("console POST /item/stock") && text.contains("\"olga\"") && text.contains("stock take"),
        "{text}"
    );
    assert!(text.contains("console POST /accounts/{account}/rotate"), "{text}");
    assert!(!text.contains("hush-hush") && !text.contains(&olga.csrf), "{text}");
}

#[tokio::test]
async fn every_page_may_load_from_here_only_and_is_not_kept() {
    let console = Console::open(&[("MUG", 9)]).await;
    let owner = console.owner().await;
    for page in ["/sign-in", "/items", "/nothing-here"] {
        let request = Request::get(page).header("cookie", &owner.cookie).header("accept", "text/html,*/*");
        let answer = console.send(request, "").await;
        let header = |name: &str| answer.headers.get(name).map_or("", |value| value.to_str().unwrap());
        let policy = header("content-security-policy");
        assert!(policy.starts_with("default-src 'none'; script-src 'self'; style-src 'self'"), "{policy}");
        assert!(!policy.contains("unsafe") && !policy.contains("http"), "{policy}");
        assert_eq!((header("x-content-type-options"), header("cache-control")), ("nosniff", "no-store"));
        assert!(!answer.text.contains("style=") && !answer.text.contains("onclick="), "{page}");
    }
    let answer = console
        .send(Request::post("/sign-in").header("sec-fetch-site", "same-origin"), &format!("token={}", console.token))
        .await;
    let cookie = answer.headers["set-cookie"].to_str().unwrap();
    assert!(
        cookie.starts_with("__Host-evenstock=evc_") && cookie.ends_with("; HttpOnly; SameSite=Strict; Secure"),
        "{cookie}"
    );
}

#[tokio::test]
async fn a_session_of_a_former_user_of_the_same_name_stays_void() {
    let console = Console::open(&[("MUG", 9)]).await;
    let former = console.user("vera", UserRole::Admin).await;
    web::access::users::remove(&console.shops.hub, "vera").await.unwrap();
    assert_eq!(console.get(&former, "/items").await.status, StatusCode::SEE_OTHER);
    console.shops.clock.advance(std::time::Duration::from_millis(1));
    let present = console.user("vera", UserRole::Viewer).await;
    assert_eq!(console.get(&former, "/items").await.status, StatusCode::SEE_OTHER, "it is somebody else");
    assert_eq!(console.get(&present, "/items").await.status, StatusCode::OK);
}
