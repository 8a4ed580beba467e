//! A whole source, from sniffing to the findings: `cargo fuzz run source certs-fixtures/bundles`

#![no_main]

use kcert::audit::{Policy, audit};
use kcert::chain::{AwsLc, Graph};
use kcert::decode::{Decoder, Expectation, Limits, Place, source};
use kcert::mint::NOW;
use kcert::model::{Document, Inventory, OriginKind, Slot};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let place = Place {
        document: Document::new(OriginKind::File, "fuzz"),
        role: None,
        slot: Slot::Unknown,
        expectation: Expectation::Named,
    };
    let mut inventory = Inventory::default();
    source::read(&Decoder::new(Limits::default()), &mut &*bytes, &place, &mut inventory);
    let graph = Graph::build(&inventory, &AwsLc);
    drop(audit(&graph, &Policy::at(NOW)));
});
