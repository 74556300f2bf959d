//! Users, their personal tokens, and whoever asks.

use super::error::{Answer, Failures};
use super::extract::{Body, Params};
use super::schema_people as schema;
use super::token::{Asking, Trail};
use crate::App;
use crate::access::{passwords, tokens, users};
use axum::Json;
use axum::extract::{Path, State};
use engine::people::UserRole;
use http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::sync::Arc;
use tokens::{Issued, NewToken, TokenView};
use users::{NewUser, UserPatch, UserView};

/// Whoever asks.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(super) struct Me {
    /// The name that audit and history show.
    name: String,
    /// What they may do with this token.
    #[schema(value_type = schema::UserRole)]
    role: UserRole,
    /// Whether this is a user, who may have a password and personal tokens; else the holder of a bootstrap token.
    is_user: bool,
}

/// Who asks, and what they may do.
#[utoipa::path(get, path = "/api/me", tag = "users", responses((status = 200, description = "You.", body = Me), Failures))]
pub(super) async fn me(Asking(caller): Asking) -> Json<Me> {
    std::future::ready(Json(Me { name: caller.name, role: caller.role, is_user: caller.is_user })).await
}

/// A new password.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Password {
    /// The password until now.
    current: String,
    /// At least 15 characters.
    new: String,
}

/// Replaces your own password; your sessions end.
#[utoipa::path(post, path = "/api/me/password", tag = "users", request_body = Password,
    responses((status = 204, description = "Replaced."), Failures))]
pub(super) async fn password(
    State(app): State<Arc<App>>,
    Asking(caller): Asking,
    trail: Trail,
    Body(given): Body<Password>,
) -> Answer<StatusCode> {
    trail.changed(&caller.name, &Value::Null, &json!({"password": "replaced"}));
    passwords::accept(&given.new)?;
    users::change_password(&app.hub, &caller.name, given.current, given.new).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// All users.
#[utoipa::path(get, path = "/api/users", tag = "users",
    responses((status = 200, description = "By name.", body = [UserView]), Failures))]
pub(super) async fn list(State(app): State<Arc<App>>) -> Answer<Json<Vec<UserView>>> {
    Ok(Json(users::list(&app.hub).await?))
}

/// Adds a user.
#[utoipa::path(post, path = "/api/users", tag = "users", request_body = NewUser,
    responses((status = 201, description = "Added.", body = UserView), Failures))]
pub(super) async fn add(
    State(app): State<Arc<App>>,
    trail: Trail,
    Body(new): Body<NewUser>,
) -> Answer<(StatusCode, Json<UserView>)> {
    let added = users::add(&app.hub, new).await?;
    trail.changed(&added.name, &Value::Null, &added);
    Ok((StatusCode::CREATED, Json(added)))
}

/// Changes a user: role, password, shut out or let in. What is absent stays.
#[utoipa::path(patch, path = "/api/users/{user}", tag = "users", params(("user" = String, Path)), request_body = UserPatch,
    responses((status = 200, description = "As they are now.", body = UserView), Failures))]
pub(super) async fn change(
    State(app): State<Arc<App>>,
    trail: Trail,
    Path(name): Path<String>,
    Body(patch): Body<UserPatch>,
) -> Answer<Json<UserView>> {
    let before = users::show(&app.hub, &name).await?;
    let new_password = patch.password.is_some();
    let after = users::change(&app.hub, &name, patch).await?;
    let mut told = serde_json::to_value(&after).unwrap_or_default();
    if new_password {
        told["password"] = "replaced".into();
    }
    trail.changed(&name, &before, &told);
    Ok(Json(after))
}

/// Removes a user with their tokens; their sessions end. What they did stays in the audit trail.
#[utoipa::path(delete, path = "/api/users/{user}", tag = "users", params(("user" = String, Path)),
    responses((status = 204, description = "Removed."), Failures))]
pub(super) async fn remove(State(app): State<Arc<App>>, trail: Trail, Path(name): Path<String>) -> Answer<StatusCode> {
    let before = users::show(&app.hub, &name).await?;
    users::remove(&app.hub, &name).await?;
    trail.changed(&name, &before, &Value::Null);
    Ok(StatusCode::NO_CONTENT)
}

/// Whose tokens.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Whose {
    /// Those of everybody, not only your own. Needs the role admin.
    #[serde(default)]
    all: bool,
}

/// Your personal tokens, or those of everybody. Bootstrap tokens are not among them.
#[utoipa::path(get, path = "/api/tokens", tag = "users", params(Whose),
    responses((status = 200, description = "By user, the oldest first.", body = [TokenView]), Failures))]
pub(super) async fn list_tokens(
    State(app): State<Arc<App>>,
    asking: Asking,
    Params(whose): Params<Whose>,
) -> Answer<Json<Vec<TokenView>>> {
    if whose.all {
        asking.needs(UserRole::Admin)?;
    }
    let of = (!whose.all).then_some(asking.0.name.as_str());
    Ok(Json(tokens::list(&app.hub, of).await?))
}

/// Makes a personal token, for yourself, or as an admin for another user. It is shown this once.
#[utoipa::path(post, path = "/api/tokens", tag = "users", request_body = NewToken,
    responses((status = 201, description = "The token.", body = Issued), Failures))]
pub(super) async fn issue(
    State(app): State<Arc<App>>,
    asking: Asking,
    trail: Trail,
    Body(mut new): Body<NewToken>,
) -> Answer<(StatusCode, Json<Issued>)> {
    let name = new.user.clone().unwrap_or_else(|| asking.0.name.clone());
    if name != asking.0.name {
        asking.needs(UserRole::Admin)?;
    } else {
        // a token that is limited makes none that is less so
        new.role = new.role.map_or(Some(asking.0.role), |role| Some(role.min(asking.0.role)));
    }
    let issued = tokens::issue(&app.hub, &name, &new).await?;
    trail.changed(&name, &Value::Null, &issued.view);
    Ok((StatusCode::CREATED, Json(issued)))
}

/// Revokes a personal token of yours, or as an admin of anybody's; sessions that were opened with it end.
#[utoipa::path(delete, path = "/api/tokens/{token}", tag = "users", params(("token" = String, Path)),
    responses((status = 204, description = "Revoked."), Failures))]
pub(super) async fn revoke(
    State(app): State<Arc<App>>,
    Asking(caller): Asking,
    trail: Trail,
    Path(id): Path<String>,
) -> Answer<StatusCode> {
    let of = (!caller.may(UserRole::Admin)).then_some(caller.name.as_str());
    let revoked = tokens::revoke(&app.hub, &id, of).await?;
    trail.changed(&revoked.user, &revoked, &Value::Null);
    Ok(StatusCode::NO_CONTENT)
}
