//! One source, whatever it is: sniffed by content, then decoded.

use super::keystore::Entry;
use super::packed::{self, Meter, Packing};
use super::stream::{self, Syntax, Window};
use super::{Decoded, Decoder, Keystore};
use crate::model::{Collect, Content, Defect, DefectKind, Document, Holding, Origin, OriginKind, Role, Slot};
use memchr::memmem;
use std::io::{self, Read};
use std::sync::Arc;
use zeroize::Zeroizing;

/// Whether somebody asked for just this source, or it was met on a walk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expectation {
    /// Named by the user, a layout, a flag or a kubeconfig: finding nothing in it is a defect.
    Named,
    /// Met in a directory: a file without certificates is of no interest.
    Met,
}

/// What is known of a source before it is opened.
#[derive(Clone, Debug)]
pub struct Place {
    /// The document if it turns out to be a plain file (`OriginKind::File` or `Stdin`); structured ones derive theirs from it.
    pub document: Document,
    /// The job that its path gives it.
    pub role: Option<Role>,
    /// What the place is for.
    pub slot: Slot,
    /// How it was come by.
    pub expectation: Expectation,
}

impl Place {
    /// The whole of the source, as a plain file.
    pub(super) fn origin(&self) -> Origin {
        Origin { role: self.role, slot: self.slot, ..Origin::whole(self.document.clone()) }
    }

    /// A member of the archive that stands here. Nobody asked for it, and who may read it here says nothing of where it is from.
    fn member(&self, name: &str) -> Self {
        let source = format!("{}!{name}", self.document.source);
        let document = Document { host: self.document.host.clone(), ..Document::new(OriginKind::File, source) };
        Self { document, role: None, slot: Slot::Unknown, expectation: Expectation::Met }
    }
}

/// A file that a source names: a path slot of a kubeconfig. `gather` opens it and adds a holding with this origin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reference {
    /// The place that names the file; its document's `file` is the kubeconfig until `gather` puts the resolved path there.
    pub origin: Origin,
    /// The path as written.
    pub path: Box<str>,
}

/// As much of a source as tells what it is.
const HEAD: usize = 64 << 10;

/// Reads a source that stands for itself: [`part`], then [`finish`].
pub fn read(decoder: &Decoder, reader: &mut dyn Read, place: &Place, out: &mut dyn Collect) -> Vec<Reference> {
    let references = part(decoder, reader, place, out);
    finish(decoder, out);
    references
}

/// Reads one source of several to its end and hands what it holds to `out`. Returns the files that it names.
///
/// Lists of objects are streamed; memory grows with what is different in them, not with their length. What is compressed is expanded
/// on its way, and each member of an archive is a source of its own, `ARCHIVE!MEMBER`. Keystores in Secrets that no password opens yet
/// wait for [`finish`].
pub fn part(decoder: &Decoder, reader: &mut dyn Read, place: &Place, out: &mut dyn Collect) -> Vec<Reference> {
    let meter = Meter::new(decoder.limits().expansion);
    layer(decoder, &mut meter.source(reader), place, Layer { meter: &meter, depth: 0 }, out)
}

/// Hands on the keystores that waited for a password that another source may have held.
pub fn finish(decoder: &Decoder, out: &mut dyn Collect) {
    decoder.open_waiting(out);
}

/// How deep in packings a source is.
#[derive(Clone, Copy)]
struct Layer<'m> {
    meter: &'m Meter,
    depth: usize,
}

fn layer(decoder: &Decoder, reader: &mut dyn Read, place: &Place, at: Layer<'_>, out: &mut dyn Collect) -> Vec<Reference> {
    let mut head = Window::default();
    if let Err(error) = head.fill(reader, HEAD) {
        out.examined(1);
        broken(place, packed::defect(&error), out);
        return Vec::new();
    }
    let Some(packing) = Packing::of(&head) else {
        out.examined(1);
        return plain(decoder, head, reader, place, out);
    };
    let inner = Layer { depth: at.depth.saturating_add(1), ..at };
    if inner.depth > at.meter.limits().depth {
        defect(place, DefectKind::TooDeep(at.meter.limits().depth), out);
        return Vec::new();
    }
    let mut whole = (&*head).chain(reader);
    if packing != Packing::Tar {
        return layer(decoder, &mut packed::unpacked(packing, whole, at.meter), place, inner, out);
    }
    let ended = packed::members(&mut whole, at.meter, &mut |member| {
        // A path in a file of an archive is one on the machine that the archive is from.
        drop(layer(decoder, member.bytes, &place.member(member.name), inner, out));
    });
    if let Some(kind) = ended {
        broken(place, kind, out);
    }
    Vec::new()
}

/// What is not packed (any further).
fn plain(decoder: &Decoder, head: Window, reader: &mut dyn Read, place: &Place, out: &mut dyn Collect) -> Vec<Reference> {
    if head.is_empty() {
        missing(place, DefectKind::Empty, out);
        return Vec::new();
    }
    match sniff(&head) {
        Some(syntax) => structured(decoder, syntax, head, reader, place, out),
        None => blob(decoder, head, reader, place, out),
    }
}

fn structured(
    decoder: &Decoder,
    syntax: Syntax,
    head: Window,
    reader: &mut dyn Read,
    place: &Place,
    out: &mut dyn Collect,
) -> Vec<Reference> {
    let found = stream::read(decoder, place, syntax, head, reader, out);
    if !found.held && !found.recognised {
        missing(place, DefectKind::NothingFound, out);
    }
    found.references
}

/// What certificates and keys in DER begin with (X.690 section 8.9).
const DER_SEQUENCE: u8 = 0x30;

fn blob(decoder: &Decoder, mut bytes: Window, reader: &mut dyn Read, place: &Place, out: &mut dyn Collect) -> Vec<Reference> {
    let limit = decoder.limits().document_bytes;
    let most = usize::try_from(limit.saturating_add(1)).unwrap_or(usize::MAX);
    let read = bytes.fill(reader, most.saturating_sub(bytes.len()));
    let is_whole = read.is_ok();
    if let Err(error) = read {
        broken(place, packed::defect(&error), out);
    }
    if u64::try_from(bytes.len()).is_ok_and(|length| length > limit) {
        missing(place, DefectKind::TooLarge(limit), out);
        return Vec::new();
    }
    match decoder.bytes(&bytes) {
        Decoded::Contents(contents) if contents.is_empty() && !is_whole => {}
        Decoded::Contents(contents) if contents.is_empty() => missing(place, DefectKind::NothingFound, out),
        // Kubernetes, etcd and Istio read PEM and nothing else.
        Decoded::Contents(contents) if place.role.is_some() && bytes.first() == Some(&DER_SEQUENCE) => {
            let defect = Content::Defect(Arc::new(Defect { kind: DefectKind::DerNotPem, position: None }));
            out.holding(Holding { origin: place.origin(), contents: contents.iter().cloned().chain([defect]).collect() });
        }
        Decoded::Contents(contents) => out.holding(Holding { origin: place.origin(), contents }),
        Decoded::Keystore(keystore) => entries(&keystore, &place.origin()).for_each(|holding| out.holding(holding)),
        Decoded::Structured(text) => {
            return structured(decoder, Syntax::Yaml, Zeroizing::new(text).into(), &mut io::empty(), place, out);
        }
    }
    Vec::new()
}

/// What a keystore holds, each entry at a place of its own: `entries[alias]`, below the field that the keystore stands in.
pub(super) fn entries(keystore: &Keystore, whole: &Origin) -> impl Iterator<Item = Holding> {
    let below = if whole.field.is_empty() { String::new() } else { format!("{}.", whole.field) };
    let outer = whole.clone();
    let entry = move |entry: &Entry| {
        let field = format!("{below}entries[{}]", entry.alias);
        let origin = Origin { field: field.into(), slot: entry.slot, ..outer.clone() };
        Holding { origin, contents: Arc::clone(&entry.contents) }
    };
    let faults: Arc<[Content]> = keystore.faults().collect();
    let whole = (!faults.is_empty()).then(|| Holding { origin: whole.clone(), contents: faults });
    whole.into_iter().chain(keystore.entries.iter().map(entry))
}

/// Keys that Kubernetes objects, kubeconfigs, Envoy and ztunnel dumps have at the left edge of their YAML.
const YAML_KEYS: &[&[u8]] = &[
    b"apiVersion:",
    b"kind:",
    b"items:",
    b"metadata:",
    b"clusters:",
    b"contexts:",
    b"users:",
    b"current-context:",
    b"configs:",
    b"dynamicActiveSecrets:",
    b"dynamic_active_secrets:",
    b"certificates:",
    b"- certChain:",
    b"- identity:",
];

/// The notation of a text by its beginning, if it is a structured one. PEM with text before it is not.
pub(super) fn sniff(head: &[u8]) -> Option<Syntax> {
    let text = super::node::without_bom(head).trim_ascii_start();
    let second = || text.get(1..).map(<[u8]>::trim_ascii_start).and_then(|rest| rest.first());
    match text.first()? {
        b'{' if matches!(second(), None | Some(b'"' | b'}')) => return Some(Syntax::Json),
        b'[' if matches!(second(), None | Some(b'{' | b'[' | b']' | b'"')) => return Some(Syntax::Json),
        _ => {}
    }
    let mut lines = text.split(|byte| *byte == b'\n').take_while(|line| !line.starts_with(b"-----BEGIN "));
    let known = lines.any(|line| YAML_KEYS.iter().any(|key| line.starts_with(key)));
    known.then_some(Syntax::Yaml)
}

/// Whether a text that does not parse is one that should have been read: else it is somebody's template or prose.
pub(super) fn speaks_of_certificates(text: &[u8]) -> bool {
    // The third is base64 of the first.
    const MARKS: [&[u8]; 5] = [b"-----BEGIN", b"certificate", b"LS0tLS1CRUdJTi", b"caBundle", b"tls.crt"];
    MARKS.iter().any(|mark| memmem::find(text, mark).is_some())
}

/// What is a defect in a source that somebody asked for, and nothing in another one.
fn missing(place: &Place, kind: DefectKind, out: &mut dyn Collect) {
    if place.expectation == Expectation::Named {
        defect(place, kind, out);
    }
}

/// What kept a source from being read to its end. A log that was compressed by half is nothing to speak of unless somebody asked for it.
fn broken(place: &Place, kind: DefectKind, out: &mut dyn Collect) {
    match kind {
        DefectKind::Der { .. } => missing(place, kind, out),
        _ => defect(place, kind, out),
    }
}

fn defect(place: &Place, kind: DefectKind, out: &mut dyn Collect) {
    let contents = Arc::from([Content::Defect(Arc::new(Defect { kind, position: None }))]);
    out.holding(Holding { origin: place.origin(), contents });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decode::Limits;
    use crate::decode::testing::{CERTIFICATE, KEY, base64, met, named, place, read as read_with};
    use proptest::prelude::*;
    use serde_json::{Value, json};
    use std::fmt::Write;

    const NOTHING: &str = "file F Unknown: (holds no certificate, key, request or kubeconfig)";

    #[test]
    fn plain_files_are_decoded_as_they_are() {
        let place = Place { role: Some(Role::Apiserver), slot: Slot::Credential, ..place(Expectation::Named) };
        let finds = read_with(format!("kind of text\n{CERTIFICATE}{KEY}").as_bytes(), &place, Limits::default());
        assert_eq!(finds.lines(), ["file F Credential apiserver: certificate key"]);
        assert_eq!(finds.inventory.examined, 1);
        assert_eq!(
            named("\nCONNECTED\n---\nCertificate chain\n".to_owned() + CERTIFICATE).lines(),
            ["file F Unknown: certificate"]
        );
        assert_eq!(named(format!("-----BEGIN X-----\n-----END X-----\nkind: x\n{CERTIFICATE}")).lines().len(), 1);
    }

    #[test]
    fn finding_nothing_is_a_defect_if_somebody_asked() {
        assert_eq!(named("").lines(), ["file F Unknown: (is empty)"]);
        for text in ["hello", "\0\u{1}\u{2}", "{\"a\":1}", "[1,2]", "[]", "{}", "metadata: x\n"] {
            assert_eq!(named(text).lines(), [NOTHING], "{text}");
            assert_eq!(met(text).lines().len(), 0, "{text}");
        }
        let recognised = [
            "{\"kind\":\"List\",\"apiVersion\":\"v1\",\"items\":[]}",
            "apiVersion: v1\nkind: Pod\n",
            "kind: Config\n",
            "apiVersion: v1\nitems:\n- kind: Pod\n  apiVersion: v1\nkind: List\n",
        ];
        for text in recognised {
            assert_eq!(named(text).lines().len(), 0, "{text}");
        }
    }

    #[test]
    fn broken_texts_are_reported_where_they_matter() {
        assert_eq!(met("apiVersion: v1\nkind: {{ .Values.kind }}\n").lines().len(), 0, "a template");
        assert_eq!(named("apiVersion: v1\nkind: {{ .Values.kind }}\n").lines().len(), 1);
        let truncated = format!("{{\"items\":[{{\"data\":{{\"tls.crt\":\"{}", base64(CERTIFICATE));
        assert_eq!(
            met(&truncated).lines(),
            ["file F Unknown: (not valid JSON: the text ends within the value that begins here)"]
        );
        let one_bad = "apiVersion: v1\nitems:\n- kind: Pod\n- a: [\n- kind: ConfigMap\n  apiVersion: v1\n  metadata: {name: m}\n  data: {k: \"";
        let finds = named(format!("{one_bad}{}\"}}\n", CERTIFICATE.replace('\n', "\\n")));
        assert_eq!(finds.lines().len(), 2);
        assert_eq!(finds.lines()[1], "configMap m data[k] Trust: certificate");
        let position = finds.inventory.holdings[0].defects().next().and_then(|(_, defect)| defect.position);
        assert!(position.is_some_and(|position| (4..=5).contains(&position.line)), "{position:?}");
    }

    #[test]
    fn sources_have_a_size_and_may_fail() {
        let limits = Limits { document_bytes: 100_000, ..Limits::default() };
        let large = vec![b'x'; 100_001];
        assert_eq!(read_with(&large, &place(Expectation::Named), limits).lines(), ["file F Unknown: (is larger than 0 MiB)"]);
        assert_eq!(read_with(&large, &place(Expectation::Met), limits).lines().len(), 0);
        let mut failing = b"{\"kind\":\"List\",".chain(Failing);
        let mut inventory = crate::model::Inventory::default();
        read(&Decoder::new(limits), &mut failing, &place(Expectation::Met), &mut inventory);
        assert!(
            matches!(&inventory.holdings[0].contents[0], Content::Defect(defect) if matches!(defect.kind, DefectKind::Io(_)))
        );
    }

    struct Failing;

    impl Read for Failing {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(io::Error::other("cable cut"))
        }
    }

    /// JSON → block YAML, as kubectl writes it.
    fn block(value: &Value, indent: usize, out: &mut String) {
        match value {
            Value::Object(map) if !map.is_empty() => {
                for (number, (key, value)) in map.iter().enumerate() {
                    let margin = if number == 0 { 0 } else { indent };
                    let key = if key == "true" { "\"true\"" } else { key };
                    write!(out, "{:margin$}{key}:", "").unwrap();
                    match value {
                        Value::Object(map) if !map.is_empty() => {
                            write!(out, "\n{:1$}", "", indent + 2).unwrap();
                            block(value, indent + 2, out);
                        }
                        Value::Array(items) if !items.is_empty() => {
                            write!(out, "\n{:indent$}", "").unwrap();
                            block(value, indent, out);
                        }
                        Value::String(text) if text.ends_with('\n') && !text.starts_with([' ', '\n']) => {
                            out.push_str(" |+\n");
                            text.lines().for_each(|line| writeln!(out, "{:1$}{line}", "", indent + 4).unwrap());
                        }
                        _ => writeln!(out, " {value}").unwrap(),
                    }
                }
            }
            Value::Array(items) if !items.is_empty() => {
                for (number, item) in items.iter().enumerate() {
                    let margin = if number == 0 { 0 } else { indent };
                    write!(out, "{:margin$}- ", "").unwrap();
                    block(item, indent + 2, out);
                }
            }
            _ => writeln!(out, "{value}").unwrap(),
        }
    }

    fn value() -> impl Strategy<Value = Value> {
        let pem = prop_oneof![Just(CERTIFICATE.to_owned()), Just(base64(CERTIFICATE)), Just(base64(KEY))];
        let leaf = prop_oneof![
            pem.prop_map(Value::from),
            "[a-z#:&*!|> -]{0,6}\n?".prop_map(Value::from),
            any::<bool>().prop_map(Value::from),
            any::<i32>().prop_map(Value::from),
            Just(Value::Null),
        ];
        leaf.prop_recursive(3, 24, 4, |inner| {
            let key = prop_oneof![
                Just("tls.crt"),
                Just("caBundle"),
                Just("clientConfig"),
                Just("items"),
                Just("name"),
                Just("x y"),
                Just("true")
            ];
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::btree_map(key, inner, 0..4)
                    .prop_map(|map| Value::Object(map.into_iter().map(|(key, value)| (key.to_owned(), value)).collect())),
            ]
        })
    }

    fn object() -> impl Strategy<Value = Value> {
        let kind = prop_oneof![Just("Secret"), Just("ConfigMap"), Just("ValidatingWebhookConfiguration"), Just("Pod")];
        (kind, value(), value(), value()).prop_map(|(kind, data, webhooks, rest)| {
            let group = if kind.starts_with('V') { "admissionregistration.k8s.io/v1" } else { "v1" };
            json!({"apiVersion": group, "kind": kind, "metadata": {"name": "n"}, "data": data, "webhooks": webhooks, "rest": rest})
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(128))]

        #[test]
        fn json_and_yaml_of_the_same_objects_give_the_same(items in prop::collection::vec(object(), 0..5)) {
            let list = json!({"apiVersion": "v1", "items": items, "kind": "List", "metadata": {"resourceVersion": ""}});
            let mut yaml = String::new();
            block(&list, 0, &mut yaml);
            let parsed = crate::decode::node::Node::yaml(yaml.as_bytes(), &Limits::default());
            let text = list.to_string();
            prop_assert_eq!(parsed.unwrap(), crate::decode::node::Node::json(text.as_bytes(), &Limits::default()).unwrap(), "{}", yaml);
            let (json, yaml) = (named(&text), named(&yaml));
            prop_assert_eq!(json.lines(), yaml.lines());
            prop_assert_eq!(json.inventory.examined, yaml.inventory.examined);
        }

        #[test]
        fn arbitrary_bytes_do_no_harm(start in prop_oneof![Just("{\""), Just("kind:"), Just("apiVersion: v1\nitems:\n- "), Just("")], rest in prop::collection::vec(any::<u8>(), 0..400)) {
            named([start.as_bytes(), &rest].concat());
        }
    }
}
