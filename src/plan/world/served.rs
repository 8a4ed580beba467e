//! What stands behind that which servers were seen to present: files, which a process reads when it is started, and Secrets, whose
//! readers reload them or are restarted in the step that writes them.

use super::super::effect::Place;
use crate::audit::served::{self, Relation};
use crate::model::{Holding, Inventory, OriginKind, Sha256};
use std::collections::HashMap;

/// The files of what servers were seen to serve.
pub(super) fn files_of(inventory: &Inventory) -> HashMap<Place, Place> {
    let place = |wanted: &Holding| inventory.holdings.iter().position(|holding| std::ptr::eq(holding, wanted));
    let served = served::compare(inventory);
    let known = served.iter().filter(|served| served.relation != Relation::Newer);
    known.filter_map(|served| Some((place(served.peer)?, place(served.file)?))).collect()
}

/// The servers that present what a Secret holds, by its place.
pub(in super::super) fn servers_of(inventory: &Inventory) -> HashMap<Place, Vec<Place>> {
    let mut servers: HashMap<Sha256, Vec<Place>> = HashMap::new();
    for (leaf, place) in first(inventory, OriginKind::Peer) {
        servers.entry(leaf).or_default().push(place);
    }
    let secrets = first(inventory, OriginKind::Secret);
    secrets.filter_map(|(leaf, place)| Some((place, servers.get(&leaf)?.clone()))).collect()
}

/// The first certificate of each place of a kind.
fn first(inventory: &Inventory, kind: OriginKind) -> impl Iterator<Item = (Sha256, Place)> {
    let places = inventory.holdings.iter().enumerate().filter(move |(_, holding)| holding.origin.document.kind == kind);
    places.filter_map(|(place, holding)| Some((holding.certificates().next()?.1.id, place)))
}
