//! Compressed files and archives, within tight bounds: `cargo fuzz run packed`

#![no_main]

use kcert::decode::packed::Expansion;
use kcert::decode::{Decoder, Expectation, Limits, Place, source};
use kcert::model::{Document, Inventory, OriginKind, Slot};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let place = Place {
        document: Document::new(OriginKind::File, "fuzz"),
        role: None,
        slot: Slot::Unknown,
        expectation: Expectation::Named,
    };
    let expansion = Expansion { bytes: 16 << 20, ratio: 100, free: 1 << 20, members: 1000, depth: 4 };
    let decoder = Decoder::new(Limits { expansion, ..Limits::default() });
    source::read(&decoder, &mut &*bytes, &place, &mut Inventory::default());
});
