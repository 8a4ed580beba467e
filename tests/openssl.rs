//! Asks the system's openssl: what it makes, kcert reads, and both say the same of it. Fails where openssl is missing.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a failed step is a failed test")]

use kcert::decode::{Decoded, Decoder, Limits, Password, Passwords};
use kcert::mint::{Anew, By, Signer};
use kcert::model::digest::Hex;
use kcert::model::{Certificate, Content, GeneralName, KeyFormat, PrivateKey, Serial};
use std::collections::BTreeSet;
use std::fs;
use std::net::IpAddr;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use time::Duration;
use time::macros::format_description;

/// A kind of certificate: what it is called, its key, and further arguments of `openssl req -x509`.
type Shape = (&'static str, &'static [&'static str], &'static [&'static str]);

const RSA: &[&str] = &["-newkey", "rsa:2048"];
const P256: &[&str] = &["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"];
const P384: &[&str] = &["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-384"];
const P521: &[&str] = &["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-521"];
const K1: &[&str] = &["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:secp256k1"];
const LONG_SERIAL: &str = "0xfedcba9876543210fedcba9876543210fedcba9876543210fedcba9876543210";

const SHAPES: &[Shape] = &[
    ("rsa", RSA, &["-subj", "/O=system:masters/CN=kubernetes-admin", "-extensions", "leaf"]),
    ("p256", P256, &["-subj", "/CN=p256", "-extensions", "leaf"]),
    ("p384", P384, &["-subj", "/CN=p384", "-sha384"]),
    ("p521", P521, &["-subj", "/CN=p521", "-sha512"]),
    ("secp256k1", K1, &["-subj", "/CN=secp256k1"]),
    ("ed25519", &["-newkey", "ed25519"], &["-subj", "/CN=ed25519"]),
    ("ed448", &["-newkey", "ed448"], &["-subj", "/CN=ed448"]),
    ("pss", RSA, &["-subj", "/CN=pss", "-sigopt", "rsa_padding_mode:pss", "-sha384"]),
    ("pss-key", &["-newkey", "rsa-pss", "-pkeyopt", "rsa_keygen_bits:2048"], &["-subj", "/CN=pss-key"]),
    ("sha1", &["-newkey", "rsa:1024"], &["-subj", "/CN=sha1", "-sha1"]),
    ("serial-0", P256, &["-subj", "/CN=zero", "-set_serial", "0"]),
    ("serial-negative", P256, &["-subj", "/CN=negative", "-set_serial", "-255"]),
    ("serial-long", P256, &["-subj", "/CN=long", "-set_serial", LONG_SERIAL]),
    ("names", P256, &["-subj", "/CN=names", "-extensions", "names"]),
    ("spiffe", P256, &["-subj", "/", "-extensions", "spiffe"]),
    ("utf8", P256, &["-utf8", "-subj", "/C=CN/ST=浙江/O=Zoë, \"Ünï\" <x>;#=/CN= système "]),
    ("ia5", P256, &["-subj", "/DC=org/DC=example/emailAddress=a@b.c/serialNumber=7/title=X"]),
    ("multi", P256, &["-subj", "/O=a+OU=b/CN=c+UID=d"]),
    ("ca", P256, &["-subj", "/CN=ca", "-extensions", "ca"]),
    ("long-lived", P256, &["-subj", "/CN=long-lived", "-days", "20000"]),
];

/// The sections that `-extensions` picks; `bare` adds nothing.
const CONFIG: &str = "
[req]
distinguished_name = name
x509_extensions = bare
prompt = no
[name]
CN = directory
[bare]
[ca]
basicConstraints = critical,CA:TRUE,pathlen:3
keyUsage = critical,keyCertSign,cRLSign,digitalSignature
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid:always
[leaf]
basicConstraints = CA:FALSE
keyUsage = digitalSignature,nonRepudiation,keyEncipherment,dataEncipherment,keyAgreement,encipherOnly,decipherOnly
extendedKeyUsage = serverAuth,clientAuth,codeSigning,emailProtection,timeStamping,OCSPSigning,anyExtendedKeyUsage,1.2.3.4
[names]
subjectAltName = critical,DNS:kubernetes.default.svc,DNS:*.example.com,IP:10.96.0.1,IP:fd00::1,\
email:ops@example.com,URI:spiffe://cluster.local/ns/a/sa/b,RID:1.2.3.4,otherName:1.2.3.4;UTF8:other,dirName:name
[spiffe]
subjectAltName = critical,URI:spiffe://cluster.local/ns/foo/sa/bar
[authority]
database = index
crlnumber = number
default_md = sha256
";

#[test]
fn certificates_agree_with_openssl() {
    let folder = workshop();
    for shape in SHAPES {
        make(folder.path(), shape);
        let certificate = certificates(folder.path(), &format!("{}.crt", shape.0)).pop().unwrap();
        compare(&certificate);
        match private_key(folder.path(), &format!("{}.key", shape.0)) {
            Some(key) => assert_eq!(key.public(), Some(&certificate.public_key), "{}", shape.0),
            // Its public half is not in the file and cannot be computed here.
            None => assert_eq!(shape.0, "ed448"),
        }
    }
}

#[test]
fn elliptic_keys_are_read_in_every_structure() {
    let folder = workshop();
    let folder = folder.path();
    for shape in SHAPES.iter().filter(|shape| matches!(shape.0, "p256" | "p384" | "p521")) {
        make(folder, shape);
        let source = format!("{}.key", shape.0);
        let expected = private_key(folder, &source).unwrap();
        assert!(matches!(expected, PrivateKey::Plain { format: KeyFormat::Pkcs8, .. }));
        for arguments in [&[][..], &["-no_public"], &["-outform", "DER"]] {
            openssl(folder, &[&["ec", "-in", &source, "-out", "out"], arguments].concat());
            let key = private_key(folder, "out").unwrap();
            assert!(matches!(key, PrivateKey::Plain { format: KeyFormat::Sec1, .. }), "{source} {arguments:?}");
            assert_eq!(key.public(), expected.public(), "{source} {arguments:?}");
        }
        openssl(folder, &["ec", "-in", &source, "-no_public", "-out", "short"]);
        openssl(folder, &["pkcs8", "-topk8", "-nocrypt", "-in", "short", "-out", "out"]);
        assert_eq!(private_key(folder, "out"), Some(expected), "{source} in PKCS#8 without its public half");
        openssl(folder, &["ecparam", "-name", "prime256v1", "-genkey", "-out", "out"]);
        assert_eq!(contents(folder, "out").len(), 1, "the parameters before the key are no content");
    }
}

#[test]
fn rsa_keys_are_read_in_every_structure() {
    let folder = workshop();
    let folder = folder.path();
    openssl(folder, &["genrsa", "-out", "rsa.key", "2048"]);
    let expected = private_key(folder, "rsa.key").unwrap();
    openssl(folder, &["rsa", "-in", "rsa.key", "-traditional", "-out", "out"]);
    let traditional = private_key(folder, "out").unwrap();
    assert!(matches!(traditional, PrivateKey::Plain { format: KeyFormat::Pkcs1, .. }));
    assert_eq!(traditional.public(), expected.public());
    for arguments in [&["-pubout"][..], &["-RSAPublicKey_out"], &["-pubout", "-outform", "DER"]] {
        openssl(folder, &[&["rsa", "-in", "rsa.key", "-out", "out"], arguments].concat());
        let contents = contents(folder, "out");
        assert!(matches!(&*contents, [Content::PublicKey(key)] if Some(&**key) == expected.public()), "{arguments:?}");
    }
    openssl(folder, &["rsa", "-in", "rsa.key", "-traditional", "-aes128", "-passout", "pass:secret", "-out", "out"]);
    assert_eq!(private_key(folder, "out"), Some(PrivateKey::Encrypted));
    for form in ["PEM", "DER"] {
        openssl(folder, &["pkcs8", "-topk8", "-in", "rsa.key", "-passout", "pass:secret", "-outform", form, "-out", "out"]);
        assert_eq!(private_key(folder, "out"), Some(PrivateKey::Encrypted), "{form}");
    }
}

#[test]
fn containers_are_read() {
    let folder = workshop();
    let folder = folder.path();
    let expected = ["ca", "names"].map(|name| {
        make(folder, SHAPES.iter().find(|shape| shape.0 == name).unwrap());
        certificates(folder, &format!("{name}.crt")).pop().unwrap().id
    });
    for form in ["PEM", "DER"] {
        let files = ["-certfile", "ca.crt", "-certfile", "names.crt"];
        openssl(folder, &[&["crl2pkcs7", "-nocrl", "-outform", form, "-out", "out"], &files[..]].concat());
        let found: BTreeSet<_> = certificates(folder, "out").iter().map(|certificate| certificate.id).collect();
        assert_eq!(found, BTreeSet::from(expected), "PKCS#7 {form}");
    }
    for form in ["PEM", "DER"] {
        let signer = ["-in", "ca.crt", "-signer", "ca.crt", "-inkey", "ca.key", "-certfile", "names.crt"];
        openssl(folder, &[&["smime", "-sign", "-stream", "-nodetach", "-outform", form, "-out", "out"], &signer[..]].concat());
        let found: BTreeSet<_> = certificates(folder, "out").iter().map(|certificate| certificate.id).collect();
        assert_eq!(found, BTreeSet::from(expected), "PKCS#7 {form} as BER");
    }
    openssl(folder, &["x509", "-in", "ca.crt", "-trustout", "-addtrust", "serverAuth", "-out", "out"]);
    assert_eq!(certificates(folder, "out").pop().map(|certificate| certificate.id), Some(expected[0]));
}

/// Arguments of `openssl pkcs12 -export`.
const KEYSTORES: &[&[&str]] = &[
    &[],
    &["-macalg", "sha1"],
    &["-macalg", "sha384"],
    &["-macalg", "sha512", "-iter", "10000"],
    &["-certpbe", "AES-128-CBC", "-keypbe", "AES-192-CBC"],
    &["-certpbe", "PBE-SHA1-3DES", "-keypbe", "PBE-SHA1-3DES", "-macalg", "sha1"],
    &["-certpbe", "PBE-SHA1-2DES", "-keypbe", "DES-EDE3-CBC"],
    &["-certpbe", "NONE"],
    &["-nomac"],
    &["-certpbe", "NONE", "-keypbe", "NONE", "-nomac"],
];

#[test]
fn keystores_of_every_scheme_are_read() {
    let folder = workshop();
    let folder = folder.path();
    make(folder, &("web", P256, &["-subj", "/CN=web"]));
    for arguments in KEYSTORES {
        for password in ["geheim", "grüße", ""] {
            let given = format!("pass:{password}");
            let export = ["pkcs12", "-export", "-inkey", "web.key", "-in", "web.crt", "-out", "web.p12", "-passout", &given];
            openssl(folder, &[&export[..], arguments].concat());
            let bytes = fs::read(folder.join("web.p12")).unwrap();
            let passwords = Passwords::new([Password::new(password.to_owned().into())]);
            let Decoded::Keystore(keystore) = Decoder::with_passwords(Limits::default(), passwords).bytes(&bytes) else {
                panic!("{arguments:?} makes no keystore")
            };
            assert!(!keystore.is_locked && keystore.defects.is_empty(), "{arguments:?} {password}: {keystore:?}");
            let [Content::Certificate(certificate), Content::PrivateKey(key)] = &*keystore.contents() else {
                panic!("{arguments:?} {password}: {keystore:?}")
            };
            assert_eq!(certificate.id, certificates(folder, "web.crt")[0].id);
            assert_eq!(key.public(), Some(&certificate.public_key));
        }
    }
}

#[test]
fn requests_are_read() {
    let folder = workshop();
    let folder = folder.path();
    make(folder, SHAPES.iter().find(|shape| shape.0 == "names").unwrap());
    let leaf = certificates(folder, "names.crt").pop().unwrap();
    for form in ["PEM", "DER"] {
        let names = ["-reqexts", "names", "-subj", "/O=o/CN=c", "-outform", form];
        openssl(folder, &[&["req", "-new", "-key", "names.key", "-config", "openssl.cnf", "-out", "out"], &names[..]].concat());
        let contents = contents(folder, "out");
        let [Content::Request(request)] = &*contents else { panic!("{contents:?}") };
        assert_eq!(request.subject.to_string(), "CN=c,O=o");
        assert_eq!((&request.sans, &request.public_key), (&leaf.sans, &leaf.public_key));
    }
}

/// Shapes whose keys kcert signs requests with.
const SIGNING: &[&str] = &["rsa", "p256", "p384", "p521", "ed25519", "names", "spiffe", "utf8", "multi", "ca"];

#[test]
fn requests_are_signed_by_the_key_that_is_there() {
    let folder = workshop();
    let folder = folder.path();
    for shape in SHAPES.iter().filter(|(name, _, _)| SIGNING.contains(name)) {
        make(folder, shape);
        let name = shape.0;
        let certificate = certificates(folder, &format!("{name}.crt")).remove(0);
        let key = Signer::read(&fs::read(folder.join(format!("{name}.key"))).unwrap()).unwrap();
        fs::write(folder.join("out.csr"), kcert::mint::request(&certificate, &key).unwrap()).unwrap();
        openssl(folder, &["req", "-in", "out.csr", "-verify", "-noout"]);
        let subject = |kind: &str, file: &str| openssl(folder, &[kind, "-in", file, "-noout", "-subject", "-nameopt", "RFC2253"]);
        assert_eq!(subject("req", "out.csr"), subject("x509", &format!("{name}.crt")), "{name}");
        let names = |text: &str| {
            text.lines().find(|line| line.contains("DNS:") || line.contains("URI:")).map(|line| line.trim().to_owned())
        };
        let text = |kind: &str, file: &str| openssl(folder, &[kind, "-in", file, "-noout", "-text"]);
        assert_eq!(names(&text("req", "out.csr")), names(&text("x509", &format!("{name}.crt"))), "{name}");
        let other = Signer::fresh().unwrap();
        assert!(kcert::mint::request(&certificate, &other).is_err(), "{name}: another key is no key of it");
    }
}

#[test]
fn what_is_issued_anew_is_trusted() {
    let folder = workshop();
    let folder = folder.path();
    for shape in SHAPES.iter().filter(|(name, _, _)| ["ca", "rsa", "utf8", "multi"].contains(name)) {
        make(folder, shape);
    }
    let der = |file: &str, certificate: &[u8]| fs::write(folder.join(file), certificate).unwrap();
    let ca = certificates(folder, "ca.crt").remove(0);
    let key = Signer::fresh().unwrap();
    let new = Anew { like: &ca, validity: ca.validity, by: By::Itself(&key) }.issue().unwrap();
    der("new-ca.der", &new);
    openssl(folder, &["x509", "-inform", "der", "-in", "new-ca.der", "-out", "new-ca.crt"]);
    let new = certificates(folder, "new-ca.crt").remove(0);
    for name in ["rsa", "utf8", "multi"] {
        let old = certificates(folder, &format!("{name}.crt")).remove(0);
        let by = By::Ca { certificate: &new, signer: &key, key: None };
        der("leaf.der", &Anew { like: &old, validity: old.validity, by }.issue().unwrap());
        openssl(folder, &["x509", "-inform", "der", "-in", "leaf.der", "-out", "leaf.crt"]);
        openssl(folder, &["verify", "-x509_strict", "-CAfile", "new-ca.crt", "leaf.crt"]);
    }
}

#[test]
fn revocation_lists_are_read() {
    let folder = workshop();
    let folder = folder.path();
    make(folder, SHAPES.iter().find(|shape| shape.0 == "ca").unwrap());
    let entry = |serial: &str| format!("R\t491231235959Z\t260101000000Z\t{serial}\tunknown\t/CN=x\n");
    fs::write(folder.join("index"), entry("01") + &entry("02")).unwrap();
    fs::write(folder.join("number"), "1f\n").unwrap();
    let authority = ["-config", "openssl.cnf", "-name", "authority", "-cert", "ca.crt", "-keyfile", "ca.key"];
    openssl(folder, &[&["ca", "-gencrl", "-crldays", "7", "-out", "crl"], &authority[..]].concat());
    for form in ["PEM", "DER"] {
        openssl(folder, &["crl", "-in", "crl", "-outform", form, "-out", "out"]);
        let contents = contents(folder, "out");
        let [Content::Crl(list)] = &*contents else { panic!("{contents:?}") };
        assert_eq!((list.revoked, list.issuer.to_string().as_str()), (2, "CN=ca"));
        assert_eq!(list.number.as_ref().map(Serial::hex).as_deref(), Some("1f"));
        assert_eq!(list.next_update.map(|next| next - list.this_update), Some(Duration::days(7)));
    }
}

/// A folder with the configuration.
fn workshop() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("openssl.cnf"), CONFIG).unwrap();
    folder
}

/// Makes `NAME.key` and `NAME.crt`.
fn make(folder: &Path, (name, key, arguments): &Shape) {
    let files = [format!("{name}.key"), format!("{name}.crt")];
    let days: &[&str] = if arguments.contains(&"-days") { &[] } else { &["-days", "30"] };
    let first = ["req", "-x509", "-nodes", "-config", "openssl.cnf", "-keyout", &files[0], "-out", &files[1]];
    openssl(folder, &[&first, *key, *arguments, days].concat());
}

/// Runs openssl in the folder; what it prints.
fn openssl(folder: &Path, arguments: &[&str]) -> String {
    let output = Command::new("openssl").args(arguments).current_dir(folder).output().expect("the system has openssl");
    assert!(output.status.success(), "openssl {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn contents(folder: &Path, file: &str) -> Arc<[Content]> {
    match Decoder::new(Limits::default()).bytes(&fs::read(folder.join(file)).unwrap()) {
        Decoded::Contents(contents) => contents,
        _ => panic!("{file} is taken for text with structure"),
    }
}

fn certificates(folder: &Path, file: &str) -> Vec<Arc<Certificate>> {
    let certificate = |content: &Content| match content {
        Content::Certificate(certificate) => Arc::clone(certificate),
        other => panic!("{other:?} in {file}"),
    };
    contents(folder, file).iter().map(certificate).collect()
}

fn private_key(folder: &Path, file: &str) -> Option<PrivateKey> {
    contents(folder, file).iter().find_map(|content| match content {
        Content::PrivateKey(key) => Some((**key).clone()),
        _ => None,
    })
}

/// Compares a certificate with what openssl says of its DER.
fn compare(certificate: &Certificate) {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    fs::write(folder.join("x.der"), &certificate.der.bytes).unwrap();
    let x509 = |arguments: &[&str]| openssl(folder, &[&["x509", "-inform", "DER", "-in", "x.der", "-noout"], arguments].concat());
    let field =
        |arguments: &[&str]| x509(arguments).trim_end_matches('\n').split_once('=').map(|(_, value)| value.to_owned()).unwrap();

    let name = |which: &str| field(&[which, "-nameopt", "RFC2253,-esc_msb,utf8"]);
    assert_eq!(rdns(&certificate.subject.to_string()), rdns(&name("-subject")));
    assert_eq!(rdns(&certificate.issuer.to_string()), rdns(&name("-issuer")));
    assert_eq!(certificate.serial.hex(), field(&["-serial"]).to_lowercase());
    let date = format_description!("[year]-[month]-[day] [hour]:[minute]:[second]Z");
    assert_eq!(certificate.validity.not_before.format(date).unwrap(), field(&["-startdate", "-dateopt", "iso_8601"]));
    assert_eq!(certificate.validity.not_after.format(date).unwrap(), field(&["-enddate", "-dateopt", "iso_8601"]));
    assert_eq!(certificate.id.to_string(), field(&["-fingerprint", "-sha256"]).replace(':', "").to_lowercase());

    fs::write(folder.join("x.pub"), x509(&["-pubkey"])).unwrap();
    openssl(folder, &["pkey", "-pubin", "-in", "x.pub", "-outform", "DER", "-out", "x.spki"]);
    assert_eq!(fs::read(folder.join("x.spki")).unwrap(), certificate.der.bytes[certificate.der.spki.clone()]);
    let digest = openssl(folder, &["dgst", "-sha256", "-r", "x.spki"]);
    assert_eq!(digest.split(' ').next(), Some(certificate.public_key.spki_sha256.to_string().as_str()));

    let text = x509(&["-text", "-certopt", "no_header,no_version,no_serial,no_validity,no_subject,no_issuer"]);
    let value = |prefix: &str| text.lines().find_map(|line| line.trim().strip_prefix(prefix));
    let algorithm = value("Signature Algorithm: ").map(str::to_lowercase);
    assert_eq!(Some(certificate.signature_algorithm.name.to_lowercase()), algorithm);
    if let Some(bits) = value("Public-Key: (").and_then(|bits| bits.strip_suffix(" bit)")) {
        assert_eq!(certificate.public_key.bits.to_string(), bits);
    }
    let parts = openssl(folder, &["asn1parse", "-inform", "DER", "-in", "x.der"]);
    let tops: Vec<_> = parts.lines().filter(|line| line.contains(":d=1 ")).map(element_range).collect();
    let der = &certificate.der;
    let signature = der.signature.start - 1..der.signature.end;
    assert_eq!(tops[..2], [der.tbs.clone(), der.signature_algorithm.clone()]);
    assert_eq!((tops[2].end, tops[2].end - signature.len() > tops[2].start), (signature.end, true));
    compare_extensions(certificate, &text);
}

/// `  4:d=1  hl=4 l= 292 cons: SEQUENCE` → 4..300.
fn element_range(line: &str) -> std::ops::Range<usize> {
    let number = |text: &str| -> usize { text.trim_start().split([' ', ':']).next().unwrap().parse().unwrap() };
    let after = |mark: &str| number(line.split_once(mark).unwrap().1);
    let start = number(line);
    start..start + after("hl=") + after(" l=")
}

fn compare_extensions(certificate: &Certificate, text: &str) {
    let extension = |name: &str| {
        let mut lines = text.lines().skip_while(|line| !line.trim().starts_with(&format!("X509v3 {name}:")));
        lines.nth(1).map(|line| line.trim().to_owned())
    };
    let list = |name| -> Vec<String> { extension(name).iter().flat_map(|list| list.split(", ")).map(str::to_owned).collect() };

    let sans: Vec<String> = certificate.sans.iter().map(general_name).collect();
    let expected: Vec<String> = list("Subject Alternative Name").iter().map(|name| normal_name(name)).collect();
    assert_eq!(sans, expected);
    let usages: Vec<_> = certificate.key_usage.iter().flat_map(|usage| usage.names()).map(str::to_lowercase).collect();
    let expected: Vec<_> = list("Key Usage").iter().map(|name| key_usage(name)).collect();
    assert_eq!(usages, expected);
    let purposes: Vec<_> = certificate.extended_key_usage.iter().flatten().map(ToString::to_string).collect();
    let expected = list("Extended Key Usage");
    assert_eq!(purposes, expected.iter().map(|name| purpose(name)).collect::<Vec<_>>());
    let constraints = certificate.basic_constraints.as_ref().map(|constraints| match constraints.path_len {
        Some(length) => format!("CA:TRUE, pathlen:{length}"),
        None => format!("CA:{}", constraints.ca.to_string().to_uppercase()),
    });
    assert_eq!(constraints, extension("Basic Constraints"));
    let identifier = |name| extension(name).map(|id| id.replace("keyid:", "").replace(':', "").to_lowercase());
    assert_eq!(certificate.subject_key_id.as_deref().map(|id| Hex(id).to_string()), identifier("Subject Key Identifier"));
    assert_eq!(certificate.authority_key_id.as_deref().map(|id| Hex(id).to_string()), identifier("Authority Key Identifier"));
    assert!(certificate.malformed_extensions.is_empty(), "{:?}", certificate.malformed_extensions);
}

/// The RDNs of a name, the attributes of one in any order: they are a set, and openssl turns them round with the rest.
fn rdns(name: &str) -> Vec<BTreeSet<&str>> {
    name.split(',').map(|rdn| rdn.split('+').collect()).collect()
}

/// A name as openssl prints it.
fn general_name(name: &GeneralName) -> String {
    match name {
        GeneralName::Dns(name) => format!("DNS:{name}"),
        GeneralName::Ip(address) => format!("IP Address:{address}"),
        GeneralName::Email(address) => format!("email:{address}"),
        GeneralName::Uri(uri) => format!("URI:{uri}"),
        GeneralName::Directory(name) => format!("DirName:{name}"),
        GeneralName::Other(0) => "othername: 1.2.3.4::other".to_owned(),
        GeneralName::Other(8) => "Registered ID:1.2.3.4".to_owned(),
        other => format!("{other:?}"),
    }
}

/// openssl writes IPv6 addresses in full, and directory names with blanks or slashes as its version likes.
fn normal_name(name: &str) -> String {
    if let Some(directory) = name.strip_prefix("DirName:") {
        return format!("DirName:{}", directory.trim_start_matches('/').replace(" = ", "="));
    }
    let address = name.strip_prefix("IP Address:").and_then(|address| address.parse::<IpAddr>().ok());
    address.map_or_else(|| name.to_owned(), |address| format!("IP Address:{address}"))
}

/// openssl's long name → the RFC's, in lower case.
fn key_usage(name: &str) -> String {
    match name {
        "Certificate Sign" => "keycertsign".to_owned(),
        _ => name.replace(' ', "").to_lowercase(),
    }
}

/// openssl's long name → the RFC's.
fn purpose(name: &str) -> &str {
    match name {
        "TLS Web Server Authentication" => "serverAuth",
        "TLS Web Client Authentication" => "clientAuth",
        "Code Signing" => "codeSigning",
        "E-mail Protection" => "emailProtection",
        "Time Stamping" => "timeStamping",
        "OCSP Signing" => "OCSPSigning",
        "Any Extended Key Usage" => "anyExtendedKeyUsage",
        other => other,
    }
}
