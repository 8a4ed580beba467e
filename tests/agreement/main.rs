//! Asks other implementations: on chains minted at random, kcert's verdicts are those of the system's `openssl verify` and of
//! rustls-webpki called by itself. Fails where openssl is missing.

#![expect(clippy::unwrap_used, reason = "a failed step is a failed test")]

mod chains;

use chains::{Chain, Question, chain};
use kcert::mint::Identity;
use kcert::verify::{Outcome, Purpose, Verifier};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};
use std::process::Command;
use std::time::Duration;
use webpki::{ALL_VERIFICATION_ALGS, EndEntityCert, ExtendedKeyUsageValidator, KeyPurposeIdIter, KeyUsage};

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(192) })]

    #[test]
    fn verdicts_are_those_of_other_implementations(chain in chain()) {
        let question = chain.mint();
        let answers = |verifier| match question.ask(verifier).outcome {
            Outcome::Trusted => true,
            Outcome::NotTrusted => false,
            Outcome::CouldNotTell => panic!("{verifier} could not tell"),
        };
        prop_assert_eq!(answers(Verifier::OpenSsl), openssl(&question), "openssl: {:?}", question.ask(Verifier::OpenSsl).headline);
        prop_assert_eq!(answers(Verifier::Rustls), rustls(&question), "rustls: {:?}", question.ask(Verifier::Rustls).headline);
    }
}

/// Random chains are no test if all of them fail: some of each kind must come out.
#[test]
fn random_chains_are_trusted_and_refused() {
    const ROUNDS: usize = 64;
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let mut trusted = 0;
    for _ in 0..ROUNDS {
        let drawn: Chain = chain().new_tree(&mut runner).unwrap().current();
        trusted += usize::from(drawn.mint().ask(Verifier::newest_go()).outcome == Outcome::Trusted);
    }
    assert!((ROUNDS / 8..ROUNDS * 7 / 8).contains(&trusted), "{trusted} of {ROUNDS} are trusted");
}

/// What `openssl verify` says.
fn openssl(question: &Question) -> bool {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    write("leaf", &question.leaf.pem());
    write("untrusted", &question.intermediates.iter().map(Identity::pem).collect::<String>());
    write("trust", &question.anchors.iter().map(Identity::pem).collect::<String>());
    let mut command = Command::new("openssl");
    command.current_dir(folder.path()).args(["verify", "-no-CApath", "-no-CAstore", "-CAfile", "trust"]);
    command.args(["-attime", &question.at.unix_timestamp().to_string()]);
    if !question.intermediates.is_empty() {
        command.args(["-untrusted", "untrusted"]);
    }
    match question.purpose {
        Purpose::Server => command.args(["-purpose", "sslserver"]),
        Purpose::Client => command.args(["-purpose", "sslclient"]),
        Purpose::Any => &mut command,
    };
    match question.name {
        Some(name) if name.parse::<std::net::IpAddr>().is_ok() => command.args(["-verify_ip", name]),
        Some(name) => command.args(["-verify_hostname", name]),
        None => &mut command,
    };
    command.arg("leaf").output().unwrap().status.success()
}

/// What rustls-webpki says.
fn rustls(question: &Question) -> bool {
    let der = |identity: &Identity| CertificateDer::from(identity.der().to_vec());
    let leaf = der(&question.leaf);
    let intermediates: Vec<_> = question.intermediates.iter().map(der).collect();
    let roots: Vec<_> = question.anchors.iter().map(der).collect();
    let anchors: Vec<_> = roots.iter().filter_map(|root| webpki::anchor_from_trusted_cert(root).ok()).collect();
    let time = UnixTime::since_unix_epoch(Duration::from_secs(question.at.unix_timestamp().try_into().unwrap()));
    let Ok(end_entity) = EndEntityCert::try_from(&leaf) else { return false };
    let usage = Usage(question.purpose);
    let path = end_entity.verify_for_usage(ALL_VERIFICATION_ALGS, &anchors, &intermediates, time, usage, None, None);
    let name = question.name.map(|name| ServerName::try_from(name).unwrap());
    path.is_ok() && name.is_none_or(|name| end_entity.verify_is_valid_for_subject_name(&name).is_ok())
}

struct Usage(Purpose);

impl ExtendedKeyUsageValidator for Usage {
    fn validate(&self, purposes: KeyPurposeIdIter<'_, '_>) -> Result<(), webpki::Error> {
        match self.0 {
            Purpose::Any => Ok(()),
            Purpose::Server => KeyUsage::server_auth().validate(purposes),
            Purpose::Client => KeyUsage::client_auth().validate(purposes),
        }
    }
}
