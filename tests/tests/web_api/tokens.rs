//! Who may use the admin API.

use crate::Api;
use web::tokens;

#[tokio::test(flavor = "multi_thread")]
async fn only_a_known_token_opens_the_api() {
    let api = Api::open(&[]).await;
    assert_eq!(api.get("/api/accounts").await.as_array().unwrap().len(), 3);
    let token = api.token.clone();
    for header in
        ["", "Bearer", "Bearer ", "Bearer evs_0", &format!("Basic {token}"), &token, &format!("Bearer {token}0")]
    {
        let request = http::Request::builder().uri("/api/accounts").header("authorization", header);
        let answer = api.send(request, "").await;
        assert_eq!(
            (answer.status.as_u16(), answer.json()["error"]["kind"].as_str()),
            (401, Some("unauthorized")),
            "{header}"
        );
        assert_eq!(answer.headers["www-authenticate"], "Bearer");
    }
    let lower = http::Request::builder().uri("/api/accounts").header("authorization", format!("bearer {token}"));
    assert_eq!(api.send(lower, "").await.status, 200, "the scheme has no case");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_token_is_given_once_and_kept_as_a_hash() {
    let api = Api::open(&[]).await;
    let (vault, clock) = (&*api.shops.hub.vault, &*api.shops.clock);
    assert!(tokens::bootstrap(vault, clock).await.unwrap().is_none(), "there is one already");
    let kept = vault.get(tokens::VAULT_NAME, true).await.unwrap().unwrap();
    assert!(kept.values().all(|secret| !secret.reveal().contains(&api.token[4..])));
    assert_eq!((api.token.len(), &api.token[..4]), (68, "evs_"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revoked_token_opens_nothing() {
    let api = Api::open(&[]).await;
    let (vault, clock) = (&*api.shops.hub.vault, &*api.shops.clock);
    let ann = tokens::issue(vault, clock, "ann").await.unwrap();
    assert_eq!(tokens::verify(vault, ann.reveal()).await.unwrap().as_deref(), Some("ann"));
    tokens::revoke(vault, "ann").await.unwrap();
    assert_eq!(tokens::verify(vault, ann.reveal()).await.unwrap(), None);
    assert_eq!(tokens::verify(vault, &api.token).await.unwrap().as_deref(), Some(tokens::FIRST_HOLDER));
}
