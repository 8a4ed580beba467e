//! What stands on one host, by role: the places that belong together.

use super::Context;
use crate::model::{Holding, Role, Slot};

/// Every place with this role and slot on the host.
pub(super) fn places<'a>(
    context: &'a Context<'_>,
    host: Option<&'a str>,
    role: Role,
    slots: &'a [Slot],
) -> impl Iterator<Item = &'a Holding> {
    context.inventory.holdings.iter().filter(move |holding| {
        let origin = &holding.origin;
        origin.role == Some(role) && slots.contains(&origin.slot) && origin.document.host.as_deref() == host
    })
}

/// The host that a place belongs to.
pub(super) fn host(holding: &Holding) -> Option<&str> {
    holding.origin.document.host.as_deref()
}
