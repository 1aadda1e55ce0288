//! Tokens of the API.

use chrono::Duration;
use tidegate_core::plan::Digest;
use tidegate_core::port::{Role, TokenRecord, TokenStore};

use crate::support::{Place, at};

on_both![a_token_is_kept_seen_and_taken_back];

async fn a_token_is_kept_seen_and_taken_back(place: &Place) {
    let store = &place.store;
    let token = TokenRecord {
        id: "a1".into(),
        name: "nightly".into(),
        role: Role::Operator,
        digest: Digest::of(b"secret"),
        created_at: at(0),
        expires_at: Some(at(0) + Duration::days(1)),
        revoked_at: None,
        last_used_at: None,
    };
    store.insert_token(&token).await.unwrap();
    assert_eq!(store.token("a1").await.unwrap().as_ref(), Some(&token));
    assert_eq!(store.token("a2").await.unwrap(), None);
    // The id is taken: nobody's token is put over another's.
    let other = TokenRecord {
        role: Role::Admin,
        ..token.clone()
    };
    store.insert_token(&other).await.unwrap_err();

    store.use_token("a1", at(5)).await.unwrap();
    assert!(store.revoke_token("a1", at(9)).await.unwrap());
    assert!(!store.revoke_token("a1", at(10)).await.unwrap(), "twice");
    assert!(!store.revoke_token("a2", at(10)).await.unwrap(), "none");
    let kept = TokenRecord {
        last_used_at: Some(at(5)),
        revoked_at: Some(at(9)),
        ..token.clone()
    };
    assert_eq!(store.tokens().await.unwrap(), [kept.clone()]);
    assert!(token.valid_at(at(3)) && !token.valid_at(at(0) + Duration::days(1)) && !kept.valid_at(at(3)));
}
