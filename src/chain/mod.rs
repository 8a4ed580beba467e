//! The relation of *issuance*: which key signed which certificate.
//!
//! Names find candidates, key identifiers order them, signatures decide; every signature is checked at most once, and only when
//! somebody asks.

mod ends;
pub mod forest;
pub mod graph;
pub mod paths;
pub mod signature;

pub use forest::{Forest, Tree};
pub use graph::{Graph, Link, NodeId};
pub use paths::{End, Path};
pub use signature::{AwsLc, SignatureCheck, SignatureOps, Signed, is_point_on_curve};

#[cfg(test)]
pub(crate) use tests::{inventory, inventory_of};

#[cfg(test)]
mod tests {
    //! What the tests of this room share: minted certificates as an inventory, and a checker that counts.

    use super::{AwsLc, SignatureCheck, SignatureOps};
    use crate::decode::{Decoded, Decoder, Limits};
    use crate::mint::Identity;
    use crate::model::{Certificate, Document, Holding, Inventory, Origin, OriginKind, Sha256};
    use std::sync::Mutex;

    /// Each in a place of its own.
    pub(crate) fn inventory(identities: &[&Identity]) -> Inventory {
        let encodings: Vec<&[u8]> = identities.iter().map(|identity| identity.der()).collect();
        inventory_of(&encodings)
    }

    /// DER or PEM, each in a place of its own.
    pub(crate) fn inventory_of(encodings: &[&[u8]]) -> Inventory {
        let decoder = Decoder::new(Limits::default());
        let mut inventory = Inventory::default();
        for (number, bytes) in encodings.iter().enumerate() {
            let Decoded::Contents(contents) = decoder.bytes(bytes) else { panic!("nothing decoded") };
            let origin = Origin::whole(Document::new(OriginKind::File, number.to_string()));
            inventory.holdings.push(Holding { origin, contents });
        }
        inventory
    }

    /// Checks for real, and remembers which pairs it was asked for.
    #[derive(Default)]
    pub(super) struct Counting(Mutex<Vec<(Sha256, Sha256)>>);

    impl Counting {
        pub(super) fn pairs(&self) -> Vec<(Sha256, Sha256)> {
            self.0.lock().unwrap().clone()
        }
    }

    impl SignatureOps for Counting {
        fn check(&self, certificate: &Certificate, issuer: &Certificate) -> SignatureCheck {
            self.0.lock().unwrap().push((certificate.id, issuer.id));
            AwsLc.check(certificate, issuer)
        }
    }
}
