use super::*;
use crate::decode::testing::{base64, named, place, read};
use crate::decode::{Decoder, Expectation, Limits, source};
use crate::model::Inventory;
use proptest::prelude::*;
use serde_json::json;
use zeroize::Zeroizing;

/// Made by openssl 3.0 and keytool of OpenJDK 17: a key with its certificate (`web`) and that of its CA, which is also trusted (`root`)
/// where keytool made it. The password is `changeit` in the first, `geheim` in the others.
const OPENSSL: &[u8] = include_bytes!("../../../certs-fixtures/keystores/openssl.p12");
const OPENSSL_LEGACY: &[u8] = include_bytes!("../../../certs-fixtures/keystores/openssl-legacy.p12");
const KEYTOOL: &[u8] = include_bytes!("../../../certs-fixtures/keystores/keytool.p12");
const KEYTOOL_LEGACY: &[u8] = include_bytes!("../../../certs-fixtures/keystores/keytool-legacy.p12");
const KEYTOOL_CLEAR: &[u8] = include_bytes!("../../../certs-fixtures/keystores/keytool-clear.p12");
const JKS: &[u8] = include_bytes!("../../../certs-fixtures/keystores/keytool.jks");
const JCEKS: &[u8] = include_bytes!("../../../certs-fixtures/keystores/keytool.jceks");
const SECRET: &[u8] = include_bytes!("../../../certs-fixtures/keystores/secret.jceks");
const ALL: [&[u8]; 8] = [OPENSSL, OPENSSL_LEGACY, KEYTOOL, KEYTOOL_LEGACY, KEYTOOL_CLEAR, JKS, JCEKS, SECRET];

/// SHA-256 of the certificates and of the key's public half, by openssl.
const LEAF: &str = "21ea055617ead3bd925ea17ec0ba30ae18ebef1d4406cbecf892db923d580e81";
const CA: &str = "bd118b2e6ac2e3fb33ac4378929144c5b5ee6bda42649c5ef8747a7d7793f1ee";
const SPKI: &str = "07779b6bd47567c26acf6b01e91b216b1555f1c828565811727294b11cbc366b";

fn decoder(passwords: &[&str]) -> Decoder {
    let passwords = passwords.iter().map(|password| Password::new(Zeroizing::new((*password).to_owned())));
    Decoder::with_passwords(Limits::default(), Passwords::new(passwords))
}

/// `field slot: contents`, one line a place.
fn lines(bytes: &[u8], passwords: &[&str]) -> Vec<String> {
    let mut inventory = Inventory::default();
    source::read(&decoder(passwords), &mut &*bytes, &place(Expectation::Named), &mut inventory);
    let content = |content: &Content| match content {
        Content::Certificate(certificate) => certificate.id.to_string(),
        Content::PrivateKey(key) => key.public().map_or("closed".to_owned(), |key| key.spki_sha256.to_string()),
        Content::Defect(defect) => defect.kind.to_string(),
        other => format!("{other:?}"),
    };
    let holdings = inventory.holdings.iter();
    let line = holdings.map(|holding| {
        let contents: Vec<_> = holding.contents.iter().map(content).collect();
        format!("{} {:?}: {}", holding.origin.field, holding.origin.slot, contents.join(" "))
    });
    line.collect()
}

fn web() -> String {
    format!("entries[web] Credential: {LEAF} {CA} {SPKI}")
}

fn root() -> String {
    format!("entries[root] Trust: {CA}")
}

#[test]
fn keystores_of_openssl_and_java_are_read() {
    assert_eq!(lines(OPENSSL, &[]), [web()], "changeit is always tried");
    assert_eq!(lines(OPENSSL_LEGACY, &["falsch", "geheim"]), [web()], "RC2 and Triple DES");
    assert_eq!(lines(KEYTOOL, &["geheim"]), [web(), root()]);
    assert_eq!(lines(KEYTOOL_LEGACY, &["geheim"]), [web()]);
    assert_eq!(lines(KEYTOOL_CLEAR, &[]), [root()], "neither password nor MAC");
    assert_eq!(lines(JKS, &["geheim"]), [web(), root()]);
}

#[test]
fn wrong_passwords_are_said_and_what_is_in_the_clear_is_read() {
    const CLOSED: &str = " Unknown: is a PKCS#12 keystore, and every password tried is wrong";
    for keystore in [OPENSSL_LEGACY, KEYTOOL, KEYTOOL_LEGACY] {
        let lines = lines(keystore, &["s3cr3t"]);
        assert_eq!(lines, [CLOSED, "entries[web] Key: closed"]);
    }
    let unproven = " Unknown: is a JKS keystore, and every password tried is wrong: its certificates were read all the same";
    let closed = format!("entries[web] Credential: {LEAF} {CA} closed");
    assert_eq!(lines(JKS, &["s3cr3t"]), [unproven, &closed, &root()]);
}

#[test]
fn jceks_is_read_up_to_a_secret_key() {
    assert_eq!(lines(JCEKS, &["geheim"]), [web(), root()]);
    let unproven = " Unknown: is a JCEKS keystore, and every password tried is wrong: its certificates were read all the same";
    let closed = format!("entries[web] Credential: {LEAF} {CA} closed");
    assert_eq!(lines(JCEKS, &["s3cr3t"]), [unproven, &closed, &root()]);
    let behind = " Unknown: not a valid JCEKS keystore: behind an entry with a secret key nothing can be read";
    assert_eq!(lines(SECRET, &["geheim"])[0], behind);
}

#[test]
fn other_encodings_are_the_same_keystore() {
    let changeit = lines(&indefinite(OPENSSL), &[]);
    assert_eq!(changeit, [web()], "BER");
    assert_eq!(lines(base64(OPENSSL).as_bytes(), &[]), [web()]);
    assert_eq!(lines(&indefinite(KEYTOOL), &["geheim"]), [web(), root()]);
}

/// The same with indefinite lengths, strings in pieces of 100 octets.
fn indefinite(der: &[u8]) -> Vec<u8> {
    let mut ber = Vec::new();
    let mut reader = crate::der::Reader::new(der);
    while let Ok(element) = reader.any("element") {
        if element.tag == crate::der::OCTET_STRING && element.contents.len() > 100 {
            ber.extend([0x24, 0x80]);
            for piece in element.contents.chunks(100) {
                ber.extend([0x04, u8::try_from(piece.len()).unwrap()]);
                ber.extend(piece);
            }
            ber.extend([0, 0]);
        } else if element.tag & 0x20 != 0 {
            ber.extend([element.tag, 0x80]);
            ber.extend(indefinite(element.contents));
            ber.extend([0, 0]);
        } else {
            ber.extend(element.raw);
        }
    }
    ber
}

fn secret(namespace: &str, name: &str, data: &[(&str, &[u8])]) -> serde_json::Value {
    let data: serde_json::Map<_, _> = data.iter().map(|(key, value)| ((*key).to_owned(), base64(value).into())).collect();
    json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"namespace": namespace, "name": name}, "type": "Opaque", "data": data})
}

#[test]
fn secrets_of_a_namespace_open_its_keystores() {
    let list = |items: &[serde_json::Value]| json!({"apiVersion": "v1", "kind": "List", "items": items}).to_string();
    let keystore = secret("a", "store", &[("keystore.p12", KEYTOOL_LEGACY)]);
    let opened = ["secret a/store data[keystore.p12].entries[web] Credential: certificate certificate key"];
    let password = |namespace| secret(namespace, "p12-access", &[("key", b"geheim\n")]);
    assert_eq!(named(list(&[keystore.clone(), password("a")])).lines(), opened);
    assert_eq!(named(list(&[password("a"), keystore.clone()])).lines(), opened, "in whatever order");
    let beside = secret("a", "store", &[("keystore.p12", KEYTOOL_LEGACY), ("user.password", b"geheim")]);
    assert_eq!(named(list(&[beside])).lines(), opened, "as Strimzi has it");
    let twice = secret("a", "store", &[("keystore.p12", base64(KEYTOOL_LEGACY).as_bytes())]);
    assert_eq!(named(list(&[twice, password("a")])).lines(), opened, "encoded twice");
    let closed = "secret a/store data[keystore.p12] Unknown: (is a PKCS#12 keystore, and every password tried is wrong)";
    assert_eq!(named(list(&[keystore.clone(), password("b")])).lines()[0], closed, "another namespace's is not tried");
    assert_eq!(named(list(&[keystore])).lines()[0], closed);
}

/// A Certificate of cert-manager whose Secret is `a/store`.
fn certificate(namespace: &str, keystores: &serde_json::Value) -> serde_json::Value {
    json!({"apiVersion": "cert-manager.io/v1", "kind": "Certificate", "metadata": {"namespace": namespace, "name": "web"},
        "spec": {"secretName": "store", "keystores": keystores}})
}

fn by_reference(secret: &str, key: &str) -> serde_json::Value {
    json!({"pkcs12": {"create": true, "passwordSecretRef": {"name": secret, "key": key}}})
}

#[test]
fn a_certificate_names_the_very_key_whatever_it_is_called() {
    let list = |items: &[serde_json::Value]| json!({"apiVersion": "v1", "kind": "List", "items": items}).to_string();
    let opened = ["secret a/store data[keystore.p12].entries[web] Credential: certificate certificate key"];
    let closed = "secret a/store data[keystore.p12] Unknown: (is a PKCS#12 keystore, and every password tried is wrong)";
    let store = secret("a", "store", &[("keystore.p12", KEYTOOL_LEGACY)]);
    let other = secret("a", "misc", &[("value", b"geheim\n"), ("user", b"web")]);
    let named = |items: &[serde_json::Value]| named(list(items)).lines();
    let certificate = |keystores: &serde_json::Value| certificate("a", keystores);
    let [first, second, third] = [store.clone(), other.clone(), certificate(&by_reference("misc", "value"))];
    for order in [
        [&first, &second, &third],
        [&first, &third, &second],
        [&second, &first, &third],
        [&second, &third, &first],
        [&third, &first, &second],
        [&third, &second, &first],
    ] {
        assert_eq!(named(&order.map(Clone::clone)), opened);
    }
    for wrong in [
        by_reference("misc", "user"),
        by_reference("misc", "gone"),
        by_reference("gone", "value"),
        by_reference("", ""),
        json!({"pkcs12": {"create": true}}),
    ] {
        let lines = named(&[store.clone(), other.clone(), certificate(&wrong)]);
        assert_eq!(lines[0], closed, "{wrong}");
        assert!(!lines.concat().contains("geheim"));
    }
    let elsewhere = self::certificate("b", &by_reference("misc", "value"));
    assert_eq!(named(&[store.clone(), other.clone(), elsewhere])[0], closed, "another namespace's Certificate is not heard");
    let mut not_ours = third;
    not_ours["apiVersion"] = "networking.internal.knative.dev/v1alpha1".into();
    assert_eq!(named(&[store.clone(), other, not_ours])[0], closed);
    let literal = |password: &str| certificate(&json!({"pkcs12": {"create": true, "password": password}}));
    assert_eq!(named(&[store.clone(), literal("geheim")]), opened);
    assert_eq!(named(&[literal("geheim"), store.clone()]), opened);
    let lines = named(&[store.clone(), literal("s3cr3t")]);
    assert!(lines[0] == closed && !lines.concat().contains("s3cr3t"));
}

#[test]
fn what_a_certificate_names_is_tried_before_what_is_called_a_password() {
    let list = |items: &[serde_json::Value]| json!({"apiVersion": "v1", "kind": "List", "items": items}).to_string();
    let store = secret("a", "store", &[("keystore.p12", KEYTOOL_LEGACY)]);
    let names: Vec<String> = (0..40).map(|number| format!("p12-password-{number}")).collect();
    let values: Vec<String> = (0..40).map(|number| format!("wrong {number}")).collect();
    let many: Vec<(&str, &[u8])> = names.iter().zip(&values).map(|(name, value)| (&**name, value.as_bytes())).collect();
    let (many, right) = (secret("a", "many", &many), secret("a", "misc", &[("value", b"geheim")]));
    let with = certificate("a", &by_reference("misc", "value"));
    assert_eq!(named(list(&[store.clone(), many.clone(), right.clone(), with])).lines().len(), 1, "opened");
    let wrong = certificate("a", &by_reference("many", "p12-password-1"));
    assert_eq!(named(list(&[store, many, right, wrong])).lines().len(), 2, "closed");
}

#[test]
fn short_values_are_put_aside_up_to_a_number_and_named_ones_beyond_it() {
    let many = |count: usize| -> Vec<serde_json::Value> {
        let one = |number: usize| secret("a", &format!("s{number}"), &[("token", b"x"), ("user", b"y")]);
        (0..count / 2).map(one).collect()
    };
    let list = |items: Vec<serde_json::Value>| json!({"apiVersion": "v1", "kind": "List", "items": items}).to_string();
    let store = secret("a", "store", &[("keystore.p12", KEYTOOL_LEGACY)]);
    let other = secret("a", "misc", &[("value", b"geheim")]);
    let with = certificate("a", &by_reference("misc", "value"));
    let lines = |items: Vec<serde_json::Value>| named(list(items)).lines().len();
    let (closed, opened) = (2, 1);
    assert_eq!(lines([many(19_998), vec![other.clone(), with.clone(), store.clone()]].concat()), opened);
    let beyond = [many(20_000), vec![other.clone()], many(20_000), vec![with.clone(), store.clone()]];
    assert_eq!(lines(beyond.concat()), closed, "long before its Certificate");
    assert_eq!(lines([vec![with], many(20_000), vec![other, store]].concat()), opened, "read before: kept");
}

#[test]
fn keystores_that_take_too_much_room_go_on_without_waiting() {
    let padding = vec![b'x'; 1 << 20];
    let large = [KEYTOOL_LEGACY, &padding].concat();
    let store = |number: usize| secret("a", &format!("store-{number}"), &[("keystore.p12", &large)]);
    let items: Vec<serde_json::Value> = (0..40).map(store).collect();
    let password = secret("a", "access", &[("p12", b"geheim")]);
    let opened = |items: &[serde_json::Value]| {
        let list = json!({"apiVersion": "v1", "kind": "List", "items": items}).to_string();
        let lines = named(list).lines();
        lines.iter().filter(|line| line.contains("Credential: certificate certificate key")).count()
    };
    let first = [std::slice::from_ref(&password), &items].concat();
    assert_eq!(opened(&first), 40, "its password was there before it had to go");
    let last = opened(&[&items[..], &[password]].concat());
    assert!((1..40).contains(&last), "{last}");
}

#[test]
fn a_secret_in_the_way_of_cert_manager_is_read_at_once() {
    let data: &[(&str, &[u8])] = &[("keystore.p12", OPENSSL), ("truststore.p12", KEYTOOL_CLEAR)];
    assert_eq!(
        named(secret("a", "web", data).to_string()).lines(),
        [
            "secret a/web data[keystore.p12].entries[web] Credential: certificate certificate key",
            "secret a/web data[truststore.p12].entries[root] Trust: certificate"
        ]
    );
}

#[test]
fn work_and_entries_are_bounded() {
    // A MAC of 2^31 rounds: version, contents without a bag, the digest, a salt.
    let mac = b"\x30\x31\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x01\x05\x00\x04\x20";
    let mac = tlv(0x30, &[&mac[..], &[7; 32], b"\x04\x01s\x02\x04\x7f\xff\xff\xff"].concat());
    let safe = b"\x30\x11\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x01\xa0\x04\x04\x02\x30\x00";
    let costly = tlv(0x30, &[&b"\x02\x01\x03"[..], safe, &mac].concat());
    assert_eq!(
        lines(&costly, &[]),
        [" Unknown: is a PKCS#12 keystore that takes more work to try a password on than kcert does"]
    );
    let limits = Limits { keystore_entries: 1, ..Limits::default() };
    let finds = read(OPENSSL, &place(Expectation::Named), limits);
    assert_eq!(finds.lines()[0], "file F Unknown: (has more than 1 entries; the rest was not read)");
}

fn tlv(tag: u8, contents: &[u8]) -> Vec<u8> {
    [&[tag, u8::try_from(contents.len()).unwrap()], contents].concat()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_change_is_survived(
        which in 0..ALL.len(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        cut in any::<prop::sample::Index>(),
    ) {
        let mut bytes = ALL[which].to_vec();
        for (at, value) in changes {
            *at.get_mut(&mut bytes) = value;
        }
        lines(&bytes, &["geheim"]);
        bytes.truncate(cut.index(bytes.len()));
        lines(&bytes, &["geheim"]);
    }

    #[test]
    fn anything_that_begins_like_a_keystore_is_survived(
        head in prop_oneof![Just(&b"\x30\x80\x02\x01\x03\x30"[..]), Just(&b"\xfe\xed\xfe\xed\0\0\0\x02"[..]), Just(&b"\xce\xce\xce\xce\0\0\0\x02"[..])],
        rest in prop::collection::vec(any::<u8>(), 0..200),
    ) {
        lines(&[head, &rest].concat(), &[]);
    }
}
