//! Keystores with a password that opens the fixtures: `cargo fuzz run keystore certs-fixtures/keystores`

#![no_main]

use kcert::decode::{Decoder, Limits, Password, Passwords};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let passwords = Passwords::new([Password::new(String::from("geheim").into())]);
    drop(Decoder::with_passwords(Limits::default(), passwords).bytes(bytes));
});
