//! The manual pages under `man/` are what the command line says of itself.
//! `KCERT_MANUAL=overwrite cargo test --test manual` writes them anew.

use std::collections::BTreeSet;
use std::path::Path;

#[test]
fn pages_are_current() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("man");
    let overwrite = std::env::var_os("KCERT_MANUAL").is_some_and(|value| value == "overwrite");
    let mut names = BTreeSet::new();
    for (name, text) in kcert::cli::manual::pages().unwrap() {
        let file = format!("{name}.1");
        let path = folder.join(&file);
        if overwrite {
            std::fs::write(&path, &text).unwrap();
        }
        assert!(std::fs::read(&path).unwrap_or_default() == text, "man/{file} is not current");
        names.insert(file);
    }
    let present = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    assert_eq!(present.collect::<BTreeSet<_>>(), names, "pages of commands that are gone, or missing ones");
}
