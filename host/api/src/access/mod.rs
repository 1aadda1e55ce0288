//! Who may ask for what.
//!
//! A handler names the role that it asks for among its arguments ([`Viewer`], [`Operator`]); a test asks every operation
//! of the document without a token, and is let into none.

mod guard;
mod local;
mod token;

use std::sync::Arc;

use tidegate_core::port::{Role, StateStore};

pub(crate) use guard::{Caller, Operator, Viewer};
pub use token::NewToken;

/// Who is let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Auth {
    /// Whoever shows a token.
    Token,
    /// Everyone on this machine, as an admin: for one person on a machine of one's own.
    Local,
}

/// Lets in.
#[derive(Clone)]
pub(crate) struct Access {
    state: Arc<dyn StateStore>,
    auth: Auth,
}

impl Access {
    pub(crate) fn new(state: Arc<dyn StateStore>, auth: Auth) -> Self {
        Self { state, auth }
    }
}

/// What [`Auth::Local`] calls everyone.
const LOCAL: &str = "local";

impl Caller {
    /// Everyone, on this machine.
    fn local() -> Self {
        Self {
            name: LOCAL.to_owned(),
            role: Role::Admin,
        }
    }
}
