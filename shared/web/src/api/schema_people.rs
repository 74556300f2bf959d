//! The shapes of users and the audit trail, for the document; see [`super::schema`].
#![expect(dead_code, reason = "they describe; the engine's own types are what is sent")]

use utoipa::ToSchema;

/// What a user may do. Each role may do what the ones before it may.
#[derive(ToSchema)]
#[schema(rename_all = "kebab-case")]
pub enum UserRole {
    Viewer,
    Operator,
    Admin,
}

/// How an act ended.
#[derive(ToSchema)]
#[schema(rename_all = "kebab-case")]
pub(crate) enum AuditOutcome {
    /// Nobody knows whether it was done: the hub died in between.
    Begun,
    Done,
    /// With this HTTP status.
    Refused(u16),
}

/// One act of somebody.
#[derive(ToSchema)]
pub(crate) struct AuditEntry {
    id: String,
    /// When it began.
    at: i64,
    /// Who: a user, the holder of a bootstrap token, or `hub` for what the hub did by itself.
    actor: String,
    /// A route such as `PATCH /api/accounts/{account}`, or what the hub did, such as `quarantine`.
    action: String,
    /// To what: an account, a SKU, a user; the address with its parameters where nothing else is known.
    subject: String,
    outcome: AuditOutcome,
    /// What was there before, as far as it changed.
    #[schema(required = false, value_type = Value)]
    before: (),
    /// What is there since, as far as it changed.
    #[schema(required = false, value_type = Value)]
    after: (),
}
