use super::Expansion;
use crate::decode::testing::{CERTIFICATE, base64, named, place, read};
use crate::decode::{Expectation, Limits};
use flate2::Compression;
use flate2::write::GzEncoder;
use proptest::prelude::*;
use ruzstd::encoding::{CompressionLevel, compress_to_vec};
use std::io::Write;

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn zstd(bytes: &[u8]) -> Vec<u8> {
    compress_to_vec(bytes, CompressionLevel::Fastest)
}

fn archive(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for (name, bytes) in members {
        let mut header = tar::Header::new_gnu();
        header.set_size(u64::try_from(bytes.len()).unwrap());
        header.set_mode(0o644);
        builder.append_data(&mut header, name, *bytes).unwrap();
    }
    builder.into_inner().unwrap()
}

fn secret() -> String {
    format!(
        r#"{{"apiVersion":"v1","kind":"Secret","metadata":{{"namespace":"a","name":"b"}},"data":{{"tls.crt":"{}"}}}}"#,
        base64(CERTIFICATE)
    )
}

fn bounded(bytes: &[u8], expansion: Expansion) -> Vec<String> {
    read(bytes, &place(Expectation::Named), Limits::expanding(expansion)).lines()
}

#[test]
fn compressed_files_are_what_they_hold() {
    for pack in [gzip, zstd] {
        assert_eq!(named(pack(CERTIFICATE.as_bytes())).lines(), ["file F Unknown: certificate"]);
        let finds = named(pack(secret().as_bytes()));
        assert_eq!(finds.lines(), ["secret a/b data[tls.crt] Credential: certificate"]);
        assert_eq!(finds.inventory.examined, 2, "the file and the object");
        assert_eq!(named(pack(b"")).lines(), ["file F Unknown: (is empty)"]);
        assert_eq!(named(pack(b"x")).lines(), ["file F Unknown: (holds no certificate, key, request or kubeconfig)"]);
        let two = [pack(secret().as_bytes()), pack(secret().as_bytes())].concat();
        assert_eq!(named(two).lines().len(), 2, "one after the other");
        let list = format!("{{\"kind\":\"List\",\"apiVersion\":\"v1\",\"items\":[{}]}}", vec![secret(); 3000].join(","));
        assert!(list.len() > 2 << 20);
        assert_eq!(named(pack(list.as_bytes())).lines().len(), 3000, "a stream");
    }
    let skippable = [&[0x50, 0x2a, 0x4d, 0x18, 3, 0, 0, 0][..], b"abc"].concat();
    let frames =
        [zstd(b"{\"kind\":\"List\",\"apiVersion\":\"v1\",\"items\":["), skippable, zstd(format!("{}]}}", secret()).as_bytes())];
    assert_eq!(named(frames.concat()).lines().len(), 1, "a frame to be skipped");
}

#[test]
fn each_member_of_an_archive_is_a_source() {
    let (path, object) = (format!("{}/objects.json", "x".repeat(200)), secret());
    let (log, inner) = (gzip(b"a log"), zstd(&archive(&[("pki/ca.pem", CERTIFICATE.as_bytes())])));
    let members: &[(&str, &[u8])] = &[
        ("bundle/node/ca.crt", CERTIFICATE.as_bytes()),
        ("bundle/README", b"nothing"),
        (&path, object.as_bytes()),
        ("bundle/logs/api.log.gz", &log),
        ("bundle/inner.tar.zst", &inner),
    ];
    let archive = archive(members);
    for packed in [archive.clone(), gzip(&archive), zstd(&archive)] {
        let finds = named(packed);
        assert_eq!(
            finds.lines(),
            [
                "file F!bundle/node/ca.crt Unknown: certificate",
                "secret a/b data[tls.crt] Credential: certificate",
                "file F!bundle/inner.tar.zst!pki/ca.pem Unknown: certificate",
            ]
        );
        assert_eq!(finds.inventory.holdings[1].origin.document.path(), format!("F!{path}"));
        assert_eq!(finds.inventory.examined, 6, "five files and an object");
    }
}

#[test]
fn kubeconfigs_in_archives_name_no_files_here() {
    let kubeconfig = b"kind: Config\nusers:\n- name: a\n  user: {client-certificate: /etc/passwd}\n";
    assert!(!named(kubeconfig).references.is_empty());
    assert!(named(archive(&[("a.conf", kubeconfig)])).references.is_empty());
    assert!(!named(gzip(kubeconfig)).references.is_empty(), "what is compressed is still the file");
}

#[test]
fn pax_names_are_read() {
    let mut builder = tar::Builder::new(Vec::new());
    builder.append_pax_extensions([("mtime", &b"1.5"[..]), ("path", "é/ca.crt".as_bytes())]).unwrap();
    let mut header = tar::Header::new_ustar();
    header.set_size(u64::try_from(CERTIFICATE.len()).unwrap());
    header.set_cksum();
    builder.append(&header, CERTIFICATE.as_bytes()).unwrap();
    assert_eq!(named(builder.into_inner().unwrap()).lines(), ["file F!é/ca.crt Unknown: certificate"]);
}

#[test]
fn bombs_are_stopped() {
    let zeros = vec![0; 4 << 20];
    for pack in [gzip, zstd] {
        let all = Expansion { bytes: 1 << 20, ..Expansion::default() };
        assert_eq!(bounded(&pack(&zeros), all), ["file F Unknown: (expands to more than 1 MiB; the rest was not read)"]);
        let ratio = Expansion { free: 1 << 20, ratio: 20, ..Expansion::default() };
        let lines = bounded(&pack(&zeros), ratio);
        assert!(lines[0].contains("expands to more than"), "{lines:?}");
        let nested = pack(&pack(&pack(&zeros)));
        assert!(bounded(&nested, ratio)[0].contains("expands to more than"), "within each other");
        let deep = Expansion { depth: 2, ..Expansion::default() };
        assert_eq!(bounded(&nested, deep), ["file F Unknown: (is nested deeper than 2 levels)"]);
        let objects = pack(format!("{} {}", secret(), " ".repeat(4 << 20)).as_bytes());
        let lines = bounded(&objects, all);
        assert_eq!(lines[0], "secret a/b data[tls.crt] Credential: certificate", "what came before stands");
        assert!(lines[1].contains("expands to more than 1 MiB"));
    }
    let many = archive(&[("a", &b"x"[..]); 12]);
    let few = Expansion { members: 10, ..Expansion::default() };
    assert_eq!(bounded(&many, few), ["file F Unknown: (has more than 10 members; the rest was not read)"]);
    let large = gzip(&archive(&[("ca.crt", CERTIFICATE.as_bytes()), ("zeros", &zeros), ("late.crt", CERTIFICATE.as_bytes())]));
    let lines = bounded(&large, Expansion { bytes: 1 << 20, ..Expansion::default() });
    assert_eq!(lines[0], "file F!ca.crt Unknown: certificate");
    assert!(lines[1..].iter().all(|line| line.contains("expands to more than 1 MiB")), "{lines:?}");
}

#[test]
fn damage_is_said_where_somebody_asked() {
    let packed = gzip(secret().as_bytes());
    let cut = &packed[..packed.len() - 9];
    assert!(named(cut).lines().iter().any(|line| line.contains("not a valid gzip stream")), "{:?}", named(cut).lines());
    let mut wrong = zstd(CERTIFICATE.as_bytes());
    let last = wrong.len() - 1;
    wrong[last] ^= 1;
    assert!(named(&wrong).lines()[0].contains("not a valid zstd stream"), "{:?}", named(&wrong).lines());
    let tar = archive(&[("a.crt", CERTIFICATE.as_bytes()), ("b.crt", CERTIFICATE.as_bytes())]);
    let lines = named(&tar[..1800]).lines();
    assert_eq!((lines[0].as_str(), lines.len()), ("file F!a.crt Unknown: certificate", 2));
    assert!(lines[1].contains("not a valid tar archive"), "{lines:?}");
    let met = read(&gzip(b"a log")[..12], &place(Expectation::Met), Limits::default());
    assert!(met.lines().is_empty(), "a log that was cut");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_change_is_survived(
        which in 0..4_usize,
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        cut in any::<prop::sample::Index>(),
    ) {
        let tar = archive(&[("a.crt", CERTIFICATE.as_bytes()), ("b.json", secret().as_bytes())]);
        let mut bytes = match which {
            0 => gzip(CERTIFICATE.as_bytes()),
            1 => zstd(CERTIFICATE.as_bytes()),
            2 => gzip(&tar),
            _ => tar,
        };
        for (at, value) in changes {
            *at.get_mut(&mut bytes) = value;
        }
        named(&bytes);
        bytes.truncate(cut.index(bytes.len()));
        named(&bytes);
    }
}
