//! What can be typed about notifications.

use clap::Subcommand;
use tidegate_core::port::DeliveryState;

#[derive(Debug, Subcommand)]
pub(crate) enum NotificationCommand {
    /// List the notifications: what they tell, and through what.
    List,
    /// List messages, newest first: those that are to be sent, and what became of the others.
    History {
        /// Only those of this notification.
        notification: Option<String>,
        /// Only those that are pending, delivered or failed; more than once for several.
        #[arg(long, value_name = "STATE", value_parser = state)]
        state: Vec<DeliveryState>,
        /// Only those older than this one, by its number: the next page.
        #[arg(long, value_name = "NUMBER")]
        before: Option<i64>,
        /// So many at most.
        #[arg(long, default_value_t = 20)]
        limit: u32,
    },
    /// Send a message that says that it is a test, and show what the receiver answered.
    Test {
        /// Which.
        notification: String,
    },
}

fn state(text: &str) -> Result<DeliveryState, String> {
    DeliveryState::parse(text).ok_or_else(|| "the states are pending, delivered and failed".into())
}
