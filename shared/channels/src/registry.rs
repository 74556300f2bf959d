//! The channels there are. Adding one is a folder and a line here.

use crate::Channel;

/// Every channel.
pub static CHANNELS: &[&dyn Channel] =
    &[&crate::shopwired::ShopWired, &crate::shopify::Shopify, &crate::amazon::Amazon];

/// The channel of that name.
#[must_use]
pub fn find(name: &str) -> Option<&'static dyn Channel> {
    CHANNELS.iter().copied().find(|channel| channel.info().name == name)
}
