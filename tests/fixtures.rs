//! The fixtures are what their recipes make, byte for byte.

#[path = "../examples/fixtures.rs"]
#[expect(dead_code, reason = "the example's main")]
mod generator;

use kcert::demo::Entry;
use std::path::Path;

#[test]
fn the_recipes_still_make_them() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("certs-fixtures");
    for entry in generator::fixtures(&directory).unwrap() {
        let path = directory.join(entry.path());
        match entry {
            Entry::File { contents, .. } => {
                assert!(
                    std::fs::read(&path).unwrap() == contents,
                    "{} is not what `cargo run --example fixtures` makes",
                    path.display()
                );
            }
            Entry::Link { target, .. } => assert_eq!(std::fs::read_link(&path).unwrap(), Path::new(&target)),
        }
    }
}
