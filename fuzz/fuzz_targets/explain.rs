//! A log in two pieces, and everything that is written about it: `cargo fuzz run explain certs-fixtures/logs`

#![no_main]

use kcert::explain::Explainer;
use kcert::mint::NOW;
use kcert::report::explanation::Explanations;
use kcert::report::{Detail, Format, Look};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let mut explainer = Explainer::new(NOW);
    let (first, second) = bytes.split_at(bytes.len() / 2);
    explainer.feed(first);
    explainer.feed(second);
    let explained = explainer.finish();
    let look = Look { colour: false, unicode: false, width: 40, detail: Detail::Verbose, home: None };
    let explanations = Explanations { explained: &explained, at: NOW, look: &look, sources: None };
    for format in [Format::Text, Format::Json] {
        explanations.render(format, &mut Vec::new()).expect("memory takes everything");
    }
});
