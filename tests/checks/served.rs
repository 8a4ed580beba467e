//! What servers presented and said, put together without a wire.

use super::recipes::{Place, inventory, join, kubeconfig, kubeconfig_text, read, token};
use super::{Case, found, root};
use kcert::decode::{Decoded, Decoder, Limits};
use kcert::mint::{Identity, NOW, Recipe, pki};
use kcert::model::defect::Phase;
use kcert::model::peer::{Alert, ClientAuth, End, LoginUsed, ProtocolVersion, Reply, ServerVersion, Session};
use kcert::model::{
    Code, Content, Defect, DefectKind, Document, Holding, Inventory, LOOPBACK_NAME, Origin, OriginKind, Peer, Role, Severity,
    Slot,
};
use std::sync::Arc;
use time::Duration;

/// A server that presented this chain, over a handshake that was completed.
fn served(endpoint: &str, chain: &[&Identity]) -> Inventory {
    let decoder = Decoder::new(Limits::default());
    let contents = chain.iter().flat_map(|identity| match decoder.bytes(identity.der()) {
        Decoded::Contents(contents) => contents.to_vec(),
        _ => Vec::new(),
    });
    conversation(endpoint, contents.collect(), Some(session()))
}

fn conversation(endpoint: &str, contents: Vec<Content>, session: Option<Session>) -> Inventory {
    let document = Arc::new(Document::new(OriginKind::Peer, endpoint));
    let origin = Origin { document, field: "".into(), role: None, slot: Slot::Credential };
    let peer = Peer {
        origin: origin.clone(),
        address: None,
        server_name: None,
        session,
        request: None,
        reply: None,
        login: LoginUsed::Anonymous,
        took: Duration::ZERO,
    };
    Inventory { holdings: vec![Holding { origin, contents: contents.into() }], peers: vec![peer], ..Inventory::default() }
}

fn session() -> Session {
    Session {
        version: ProtocolVersion::TLS13,
        cipher_suite: Some("TLS_AES_128_GCM_SHA256".into()),
        key_exchange: Some("X25519".into()),
        alpn: None,
        ocsp_staple: false,
        client_auth: ClientAuth::NotAsked,
        end: End::Completed,
    }
}

/// The same conversation with something changed.
fn but(mut inventory: Inventory, change: impl FnOnce(&mut Peer)) -> Inventory {
    change(&mut inventory.peers[0]);
    inventory
}

fn reply(status: u16, apart: Duration) -> Reply {
    let version = ServerVersion { git_version: "v1.32.4".into(), go_version: None, platform: None };
    Reply { status, date: Some(NOW + apart), received: NOW, version: Some(version), reason: None }
}

fn trouble(kind: DefectKind) -> Inventory {
    conversation("10.0.0.11:6443", vec![Content::Defect(Arc::new(Defect { kind, position: None }))], None)
}

fn api_server(with: impl FnOnce(Recipe) -> Recipe, ca: &Identity) -> Identity {
    let recipe = pki().leaf("kube-apiserver").server().dns("kubernetes").dns("kubernetes.default.svc").ip([10, 0, 0, 11]);
    with(recipe).issued_by(ca).unwrap()
}

/// A loopback certificate of a process that was started so many days ago.
fn loopback(days: i64) -> Inventory {
    let from = NOW - Duration::days(days) - Duration::HOUR;
    let valid = |recipe: Recipe| recipe.valid(from, from + Duration::days(365));
    let ca = valid(pki().ca("apiserver-loopback-client-ca@1700000000")).self_signed().unwrap();
    let leaf = pki().leaf("apiserver-loopback-client@1700000000").server().dns(LOOPBACK_NAME);
    let leaf = valid(leaf).issued_by(&ca).unwrap();
    asked_for_loopback(served("10.0.0.11:6443", &[&leaf, &ca]))
}

fn asked_for_loopback(inventory: Inventory) -> Inventory {
    but(inventory, |peer| peer.server_name = Some(LOOPBACK_NAME.into()))
}

pub(super) fn cases() -> Vec<Case> {
    let ca = root();
    let usual = api_server(|recipe| recipe, &ca);
    let sound = || served("10.0.0.11:6443", &[&usual]);
    let case = |code, severity, fails, passes| Case { code, severity, fails, passes };
    let unreachable = DefectKind::Unreachable { phase: Phase::Connect, reason: "connection refused".into() };
    let answered = |status, login| {
        but(sound(), |peer| {
            peer.reply = Some(reply(status, Duration::ZERO));
            peer.login = login;
        })
    };
    vec![
        case(Code::Unreachable, Severity::Unknown, trouble(unreachable), sound()),
        case(Code::NotTls, Severity::Unknown, trouble(DefectKind::NotTls("plain HTTP".into())), sound()),
        case(Code::Forbidden, Severity::Unknown, trouble(DefectKind::Forbidden("403".into())), sound()),
        case(Code::UnexpectedReply, Severity::Unknown, trouble(DefectKind::UnexpectedReply("HTTP 503".into())), sound()),
        case(Code::LoopbackExpired, Severity::Critical, loopback(366), loopback(10)),
        case(Code::LoopbackExpiring, Severity::Warning, loopback(345), loopback(10)),
        case(Code::LoopbackExpiring, Severity::Critical, loopback(360), loopback(366)),
        case(Code::LoopbackNotServed, Severity::Warning, asked_for_loopback(sound()), loopback(10)),
        case(
            Code::ClockSkew,
            Severity::Warning,
            but(sound(), |peer| peer.reply = Some(reply(200, Duration::minutes(-6)))),
            but(sound(), |peer| peer.reply = Some(reply(200, Duration::minutes(4)))),
        ),
        case(Code::ProtocolOld, Severity::Warning, speaks(sound(), 0x0302, "TLS_RSA_WITH_AES_128_CBC_SHA"), sound()),
        case(
            Code::ProtocolOld,
            Severity::Warning,
            speaks(sound(), 0x0303, "TLS_RSA_WITH_AES_128_CBC_SHA"),
            speaks(sound(), 0x0303, "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"),
        ),
        case(Code::TokenRefused, Severity::Critical, answered(401, LoginUsed::Token), answered(200, LoginUsed::Token)),
        case(
            Code::TokenRefused,
            Severity::Critical,
            answered(401, LoginUsed::Password),
            with_ended_token(answered(401, LoginUsed::Token)),
        ),
        case(
            Code::ClientUntrusted,
            Severity::Critical,
            answered(401, LoginUsed::Certificate),
            answered(200, LoginUsed::Certificate),
        ),
        case(Code::ClientUntrusted, Severity::Critical, refused(sound(), 48, LoginUsed::Certificate), sound()),
        case(Code::ClientUntrusted, Severity::Info, refused(sound(), 116, LoginUsed::Anonymous), sound()),
        case(Code::NameMismatch, Severity::Critical, dialled(&ca, &ca, "10.0.0.12"), dialled(&ca, &ca, "10.0.0.11")),
        case(Code::CaDoesNotSignServer, Severity::Critical, dialled(&root(), &ca, "10.0.0.11"), dialled(&ca, &ca, "10.0.0.11")),
        case(
            Code::ServedDiffers,
            Severity::Warning,
            beside_file(&api_server(|recipe| recipe.ends_in(Duration::days(20)), &ca), &usual),
            beside_file(&usual, &usual),
        ),
    ]
}

fn speaks(inventory: Inventory, version: u16, suite: &str) -> Inventory {
    let old = Session { version: ProtocolVersion(version), cipher_suite: Some(suite.into()), end: End::ChainOnly, ..session() };
    but(inventory, |peer| peer.session = Some(old))
}

fn refused(inventory: Inventory, alert: u8, login: LoginUsed) -> Inventory {
    but(inventory, |peer| {
        let asked = ClientAuth::Asked(Vec::new());
        peer.session = Some(Session { client_auth: asked, end: End::Refused(Alert(alert)), ..session() });
        peer.login = login;
    })
}

/// A token that says of itself that it has ended needs no other word.
fn with_ended_token(mut inventory: Inventory) -> Inventory {
    let user = format!("    token: {}\n", token(NOW - Duration::days(1)));
    join(&mut inventory, read("config", None, &kubeconfig_text(&user, "    server: https://10.0.0.11:6443\n")));
    inventory
}

/// A kubeconfig that trusts one CA and dials a host, beside what that host presented.
fn dialled(trusted: &Identity, issuer: &Identity, host: &str) -> Inventory {
    let user = pki().leaf("jane").client().issued_by(trusted).unwrap();
    let server = api_server(|recipe| recipe, issuer);
    let mut inventory = kubeconfig("jane.conf", None, trusted, &user);
    for cluster in &mut inventory.kubeconfigs[0].clusters {
        cluster.server = format!("https://{host}:6443").into();
    }
    join(&mut inventory, served(&format!("{host}:6443"), &[&server]));
    inventory
}

fn beside_file(presented: &Identity, held: &Identity) -> Inventory {
    let mut inventory = inventory(&[
        Place::file("pki/apiserver.crt", Some(Role::Apiserver), Slot::Credential, &held.pem()),
        Place::file("pki/apiserver.key", Some(Role::Apiserver), Slot::Key, held.key_pem().as_str()),
    ]);
    join(&mut inventory, served("10.0.0.11:6443", &[presented]));
    inventory
}

#[test]
fn one_address_of_a_name_is_enough() {
    let usual = api_server(|recipe| recipe, &root());
    let mut inventory = served("api.example:6443", &[&usual]);
    let kind = DefectKind::Unreachable { phase: Phase::Connect, reason: "connection refused".into() };
    let refused = conversation("api.example:6443", vec![Content::Defect(Arc::new(Defect { kind, position: None }))], None);
    join(&mut inventory, refused);
    assert!(found(&inventory).contains(&(Code::Unreachable, Severity::Info)), "{:?}", found(&inventory));
}

#[test]
fn a_loopback_pair_has_codes_of_its_own() {
    for days in [345, 366] {
        let codes: Vec<Code> = found(&loopback(days)).into_iter().map(|(code, _)| code).collect();
        assert!(!codes.iter().any(|code| matches!(code, Code::Expired | Code::Expiring | Code::CaExpiring)), "{codes:?}");
    }
}

#[test]
fn members_of_one_control_plane_are_not_taken_for_each_other() {
    let ca = root();
    let of = |host: &str, address: u8| {
        let recipe = pki().leaf("kube-apiserver").server().dns("kubernetes").dns("kubernetes.default.svc").dns(host);
        recipe.ip([10, 0, 0, address]).issued_by(&ca).unwrap()
    };
    let (one, two) = (of("cp-1", 11), of("cp-2", 12));
    assert!(!found(&beside_file(&two, &one)).iter().any(|(code, _)| *code == Code::ServedDiffers));
    assert!(found(&beside_file(&of("cp-1", 11), &one)).iter().any(|(code, _)| *code == Code::ServedDiffers));
}

#[test]
fn a_port_decides_between_files_that_say_the_same() {
    let ca = pki().ca("etcd-ca").self_signed().unwrap();
    let member = || pki().leaf("cp-1").server().client().dns("cp-1").issued_by(&ca).unwrap();
    let (server, peer) = (member(), member());
    let old = pki().leaf("cp-1").server().client().dns("cp-1").ends_in(Duration::days(5)).issued_by(&ca).unwrap();
    for (port, file) in [(2379, "pki/etcd/server.crt"), (2380, "pki/etcd/peer.crt")] {
        let mut inventory = inventory(&[
            Place::file("pki/etcd/server.crt", Some(Role::EtcdServer), Slot::Credential, &server.pem()),
            Place::file("pki/etcd/peer.crt", Some(Role::EtcdPeer), Slot::Credential, &peer.pem()),
        ]);
        join(&mut inventory, served(&format!("10.0.0.11:{port}"), &[&old]));
        let compared = kcert::audit::served::compare(&inventory);
        assert_eq!(compared.iter().map(|served| &*served.file.origin.document.source).collect::<Vec<_>>(), [file]);
    }
}
