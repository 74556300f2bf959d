//! The console, asked as a browser asks, over the embedded ports and fake stores: who may see and do what, what is refused,
//! and how heavy the pages are. What only a browser can tell is in `tests/browser`.

#![allow(clippy::unwrap_used, reason = "a test file: a panic is the report")]

mod acts;
mod attacks;
mod connecting;
mod fake_provider;
mod pages;
mod provider;

use axum::Router;
use axum::body::Body;
use engine::people::UserRole;
use http::{HeaderMap, Request, StatusCode};
use http_body_util::BodyExt;
use std::sync::Arc;
use tests::shops::Shops;
use tower::ServiceExt;
use web::App;
use web::access::users::{self, NewUser};

/// A hub with three stores behind its console.
struct Console {
    shops: Shops,
    router: Router,
    token: String,
}

/// A whole answer.
struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    text: String,
}

impl Answer {
    /// Where it leads on to.
    fn location(&self) -> &str {
        self.headers.get("location").map_or("", |value| value.to_str().unwrap())
    }

    /// The cookies that it sets, as a browser would send them back.
    fn cookies(&self) -> Vec<String> {
        let all = self.headers.get_all("set-cookie").iter();
        all.map(|value| value.to_str().unwrap().split(';').next().unwrap().to_owned()).collect()
    }
}

/// Somebody who has signed in.
#[derive(Clone)]
struct Person {
    cookie: String,
    csrf: String,
}

const PASSWORD: &str = "correct horse battery staple";

impl Console {
    async fn open(products: &[(&str, i64)]) -> Self {
        let shops = Shops::open(products).await;
        let token = web::tokens::bootstrap(&*shops.hub.vault, &*shops.clock).await.unwrap().unwrap();
        let router = web::router(Arc::new(App::new(Arc::clone(&shops.hub))));
        Self { shops, router, token: token.reveal().to_owned() }
    }

    async fn send(&self, request: http::request::Builder, body: &str) -> Answer {
        let request = request.body(Body::from(body.to_owned())).unwrap();
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let bytes = body.collect().await.unwrap().to_bytes();
        Answer { status: parts.status, headers: parts.headers, text: String::from_utf8(bytes.to_vec()).unwrap() }
    }

    /// Opens a page as somebody.
    async fn get(&self, person: &Person, path: &str) -> Answer {
        self.send(Request::get(path).header("cookie", &person.cookie), "").await
    }

    /// Sends a form as the page of our own that somebody looks at.
    async fn post(&self, person: &Person, path: &str, fields: &str) -> Answer {
        let request = Request::post(path).header("cookie", &person.cookie).header("sec-fetch-site", "same-origin");
        self.send(request, &format!("csrf={}&{fields}", person.csrf)).await
    }

    /// Sends a form that starts a run, and gives the run's page once it has ended.
    async fn run(&self, person: &Person, path: &str, fields: &str) -> String {
        let started = self.post(person, path, fields).await;
        assert!(started.location().starts_with("/runs/"), "{} {}", started.status, started.text);
        self.shops.settle().await;
        self.get(person, started.location()).await.text
    }

    /// Signs in with the first token.
    async fn owner(&self) -> Person {
        self.enter(&format!("token={}", self.token)).await
    }

    /// Adds a user with a role, who signs in.
    async fn user(&self, name: &str, role: UserRole) -> Person {
        let new = NewUser { name: name.into(), role, password: Some(PASSWORD.into()), provider: None };
        users::add(&self.shops.hub, new).await.unwrap();
        self.enter(&format!("name={name}&password={}", PASSWORD.replace(' ', "+"))).await
    }

    async fn enter(&self, fields: &str) -> Person {
        let answer = self.send(Request::post("/sign-in").header("sec-fetch-site", "same-origin"), fields).await;
        assert_eq!((answer.status, answer.location()), (StatusCode::SEE_OTHER, "/"), "{}", answer.text);
        let mut person = Person { cookie: answer.cookies().join("; "), csrf: String::new() };
        let page = self.get(&person, "/items").await;
        person.csrf = between(&page.text, "name=\"csrf\" value=\"", "\"").to_owned();
        person
    }
}

/// The first text between two others.
fn between<'a>(text: &'a str, before: &str, after: &str) -> &'a str {
    let rest = text.split_once(before).unwrap_or_else(|| panic!("no {before} in {text}")).1;
    rest.split_once(after).unwrap().0
}
