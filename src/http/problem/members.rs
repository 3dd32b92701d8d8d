//! **Job:** what some problems say besides their sentence.
//! **Owns:** the members, and which problems have them.
//! **Never:** has a member that a buyer must not read.

use std::borrow::Cow;

use doorbuster_actors::cluster::NodeName;
use doorbuster_actors::entry::Status;
use doorbuster_actors::time::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use crate::fields::Wrong;
use crate::http::schemas;

/// One thing that is wrong with a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct FieldProblem {
    /// Which member or parameter.
    pub field: Cow<'static, str>,
    /// Where a member of the body is: a JSON pointer (RFC 6901) as a fragment.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub pointer: Option<String>,
    /// What is wrong with it, as a sentence.
    pub detail: String,
    /// What it must be: the sentence without the name.
    pub reason: Cow<'static, str>,
}

impl FieldProblem {
    /// Of a parameter of the query.
    #[must_use]
    pub fn parameter(wrong: Wrong) -> Self {
        Self { pointer: None, field: wrong.name, detail: wrong.sentence, reason: wrong.reason }
    }

    /// Of a member of the body that may stand in others: `data.object.id`.
    #[must_use]
    pub fn nested(wrong: Wrong) -> Self {
        let pointer = format!("#/{}", wrong.name.replace('.', "/"));
        Self { pointer: Some(pointer), ..Self::parameter(wrong) }
    }

    /// Of a member of the body.
    #[must_use]
    pub fn member(wrong: Wrong) -> Self {
        let pointer = format!("#/{}", wrong.name.replace('~', "~0").replace('/', "~1"));
        Self { pointer: Some(pointer), ..Self::parameter(wrong) }
    }
}

/// What some problems say besides their sentence.
#[derive(Debug, Clone, Default, Serialize, ToSchema)]
pub struct Members {
    /// With `validation`: all that is wrong, up to 16.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<FieldProblem>,
    /// With `sale-not-started`: when it begins.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = schemas::Time)]
    pub opens_at: Option<Timestamp>,
    /// With `sold-out`: units that are left.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = schemas::Units)]
    pub remaining: Option<u32>,
    /// With `limit-reached`: units that one buyer may hold.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = schemas::Quantity)]
    pub per_user_limit: Option<u32>,
    /// With `limit-reached`: units that this buyer holds.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = schemas::Units)]
    pub held: Option<u32>,
    /// With `throttled`: `address` if it is not the buyer alone who waits.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub scope: Option<Scope>,
    /// With `misdirected`: the node to ask.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String)]
    pub node: Option<NodeName>,
    /// With `invalid-transition`: where the order stands.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = schemas::OrderStatus)]
    pub order_status: Option<Status>,
}

/// Whom a limit counts together.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// All buyers of one address.
    Address,
}
