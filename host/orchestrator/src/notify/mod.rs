//! Notifications: what ended well or not is told to those who asked.
//!
//! The leader looks at outcomes ([`follow`]): each notification says which it watches ([`rule`]), a failure opens an incident and a
//! success ends it ([`incident`]), and what is told of them is kept as deliveries. Those are sent ([`Notifications`]) through a
//! channel ([`channel`]): a signed request ([`webhook`]), Slack ([`slack`]) or mail ([`email`]).

mod channel;
mod duty;
mod email;
mod follow;
mod happening;
mod incident;
mod message;
mod post;
mod rule;
mod slack;
mod webhook;

pub use channel::Sent;
pub use duty::Notifications;
pub use message::test_notification;
