//! What stands on one host, by role: the places that belong together.

use super::Context;
use crate::model::{Holding, Role, Slot};

/// Every place with this role and slot on the host; on every host, for something that belongs to none: a kubeconfig given beside
/// several roots is one that could be used with each of them.
pub(super) fn places<'a>(
    context: &'a Context<'_>,
    host: Option<&'a str>,
    role: Role,
    slots: &'a [Slot],
) -> impl Iterator<Item = &'a Holding> {
    context.inventory.holdings.iter().filter(move |holding| {
        let origin = &holding.origin;
        let here = origin.document.host.as_deref();
        origin.role == Some(role) && slots.contains(&origin.slot) && (host.is_none() || here == host)
    })
}

/// The host that a place belongs to.
pub(super) fn host(holding: &Holding) -> Option<&str> {
    holding.origin.document.host.as_deref()
}
