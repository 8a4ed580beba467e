//! Bytes that hold certificates and keys: PEM, DER, base64 of either. `cargo fuzz run blob certs-fixtures/bundles`

#![no_main]

use kcert::decode::{Decoder, Limits};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let decoder = Decoder::new(Limits::default());
    drop(decoder.bytes(bytes));
    if let Ok(text) = std::str::from_utf8(bytes) {
        drop(decoder.base64(text));
    }
});
