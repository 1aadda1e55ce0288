//! The roles, as arguments of handlers.

use axum::extract::FromRequestParts;
use chrono::Utc;
use http::request::Parts;
use http::{StatusCode, header};
use tidegate_core::port::Role;

use super::local::is_of_this_machine;
use super::{Access, Auth, token};
use crate::problem::Problem;
use crate::router::App;

/// Who asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Caller {
    /// The token's id, or who it is without one.
    pub(crate) name: String,
    /// What it may do.
    pub(crate) role: Role,
}

/// Whoever may look.
pub(crate) struct Viewer;

/// Whoever may launch and stop.
pub(crate) struct Operator(pub(crate) Caller);

impl FromRequestParts<App> for Viewer {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        app.access.let_in(parts, Role::Viewer).await.map(|_| Self)
    }
}

impl FromRequestParts<App> for Operator {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        app.access.let_in(parts, Role::Operator).await.map(Self)
    }
}

impl Access {
    /// Who asks, where that may do what the role may.
    async fn let_in(&self, parts: &Parts, role: Role) -> Result<Caller, Problem> {
        let caller = match self.auth {
            Auth::Local if is_of_this_machine(&parts.headers) => Caller::local(),
            Auth::Local => {
                let message = "the request is not one of this machine's own programs or pages";
                return Err(Problem::new(StatusCode::FORBIDDEN, "api.foreign", message)
                    .hint("ask for http://localhost, or serve with --auth token"));
            }
            Auth::Token => self.holder(parts).await?,
        };
        if caller.role < role {
            let message = format!(
                "the token is a {}'s, and this asks for a {}'s",
                caller.role.text(),
                role.text()
            );
            return Err(Problem::new(StatusCode::FORBIDDEN, "api.role", message));
        }
        Ok(caller)
    }

    async fn holder(&self, parts: &Parts) -> Result<Caller, Problem> {
        let header = parts.headers.get(header::AUTHORIZATION);
        let shown = header.and_then(|value| {
            let (scheme, token) = value.to_str().ok()?.split_once(' ')?;
            scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
        });
        let found = match shown {
            Some(text) => token::find(self.state.as_ref(), text, Utc::now()).await?,
            None => None,
        };
        // Why one opens nothing is not told: it would tell which ids there are.
        let Some(found) = found else {
            let message = if header.is_some() {
                "the token opens nothing: it is none, or was taken back, or has expired"
            } else {
                "the request shows no token"
            };
            return Err(Problem::new(StatusCode::UNAUTHORIZED, "api.token", message)
                .hint("send `Authorization: Bearer TOKEN`; `tidegate token create` makes one"));
        };
        Ok(Caller {
            name: found.id,
            role: found.role,
        })
    }
}
