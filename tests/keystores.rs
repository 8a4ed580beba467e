//! Passwords on the command line and in the environment: which of them opens a keystore, and how a run ends that none opens.

#![expect(clippy::unwrap_used, reason = "a failed step is a failed test")]

use std::path::Path;
use std::process::Command;

/// The exit code and what was printed.
fn inspect(file: &str, arguments: &[&str], password: Option<&str>) -> (i32, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_kcert"));
    command.args(["inspect", "-o", "json", "--at", "2027-01-01"]).args(arguments).arg(file);
    command.current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("certs-fixtures/keystores")).env_remove("KCERT_PASSWORD");
    command.envs(password.map(|password| ("KCERT_PASSWORD", password)));
    let run = command.output().unwrap();
    (run.status.code().unwrap(), String::from_utf8([run.stdout, run.stderr].concat()).unwrap())
}

#[test]
fn either_way_of_giving_a_password_opens() {
    for file in ["keytool.p12", "keytool-legacy.p12", "openssl-legacy.p12", "keytool.jks", "keytool.jceks"] {
        for (arguments, password) in [
            (&[][..], Some("geheim")),
            (&["--password-file", "password"], None),
            (&["--password-file", "password"], Some("wrong")),
            (&["--password-file", "../README.md"], Some("geheim")),
        ] {
            let (exit, text) = inspect(file, arguments, password);
            assert_eq!(exit, 0, "{file} {arguments:?} {password:?}: {text}");
            assert!(
                text.contains("07779b6bd47567c26acf6b01e91b216b1555f1c828565811727294b11cbc366b"),
                "{file}: the key's public half"
            );
            assert!(!text.contains("every password"), "{file} {arguments:?} {password:?}: {text}");
        }
    }
}

#[test]
fn a_wrong_password_leaves_the_question_open() {
    for password in [None, Some("wrong")] {
        let (exit, text) = inspect("keytool.p12", &[], password);
        assert_eq!(exit, 3, "{text}");
        assert!(text.contains("is a PKCS#12 keystore, and every password tried is wrong"), "{text}");
        let (exit, text) = inspect("keytool.jks", &[], password);
        assert_eq!(exit, 0, "its certificates stand in the clear: {text}");
        assert!(text.contains("every password tried is wrong: its certificates were read all the same"), "{text}");
    }
    let (exit, text) = inspect("keytool.p12", &["--password-file", "nowhere"], None);
    assert_eq!(exit, 3);
    assert!(text.contains("nowhere cannot be read: no such file"), "{text}");
}
