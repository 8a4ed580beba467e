//! What stands on one host, by role: the places that belong together.

use super::Context;
use crate::model::{Holding, Role, Slot};
use std::collections::BTreeSet;

/// Every place with this role and slot on the host; on every host, for something that belongs to none: a kubeconfig given beside
/// several roots is one that could be used with each of them.
pub(super) fn places<'c, 'a>(
    context: &'c Context<'a>,
    host: Option<&'c str>,
    role: Role,
    slots: &'c [Slot],
) -> impl Iterator<Item = &'a Holding> + use<'c, 'a> {
    // Of the host's own places there are fewer than of those with the job on all hosts, and the other way round.
    let candidates = if host.is_some() { context.on(host) } else { context.with_role(role) };
    candidates.iter().copied().filter(move |holding| holding.origin.role == Some(role) && slots.contains(&holding.origin.slot))
}

/// The host that a place belongs to.
pub(super) fn host(holding: &Holding) -> Option<&str> {
    holding.origin.document.host.as_deref()
}

/// Every host that something with a role stands on; `None` for what belongs to none.
pub(super) fn all<'a>(context: &Context<'a>) -> BTreeSet<Option<&'a str>> {
    let places = context.by_host().keys().copied();
    let components = context.inventory.facts.components.iter().map(|component| component.host.as_deref());
    places.chain(components).collect()
}
