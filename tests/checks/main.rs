//! Every check fails once and passes once: for each finding code an inventory in which it is found, and the nearest one in which it is
//! not.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod managed;
mod objects;
mod recipes;
mod served;
mod trust;
mod upgrade;

use kcert::audit::{CHECKS, Policy, audit};
use kcert::chain::{AwsLc, Graph};
use kcert::mint::{Identity, KeyKind, NOW, Pki, Recipe, pki};
use kcert::model::{Code, Inventory, KeyUsage, Role, Severity, Slot};
use recipes::{Place, inventory};
use std::collections::BTreeSet;
use time::Duration;

/// A code, an inventory in which it is found at a severity, and one in which it is not.
struct Case {
    code: Code,
    severity: Severity,
    fails: Inventory,
    passes: Inventory,
}

fn found(inventory: &Inventory) -> Vec<(Code, Severity)> {
    found_by(&Policy::at(NOW), inventory)
}

fn found_by(policy: &Policy, inventory: &Inventory) -> Vec<(Code, Severity)> {
    let graph = Graph::build(inventory, &AwsLc);
    audit(&graph, policy).findings.iter().map(|finding| (finding.code, finding.severity)).collect()
}

#[test]
fn every_check_fails_once_and_passes_once() {
    let mut tried = BTreeSet::new();
    let plain = cases().into_iter().map(|case| (Policy::at(NOW), case));
    for (policy, case) in plain.chain(upgrade::cases()) {
        let failing = found_by(&policy, &case.fails);
        assert!(failing.contains(&(case.code, case.severity)), "{} is not found at {:?}: {failing:?}", case.code, case.severity);
        let passing = found_by(&policy, &case.passes);
        assert!(
            !passing.iter().any(|(code, _)| *code == case.code),
            "{} is found where nothing is wrong: {passing:?}",
            case.code
        );
        tried.insert(case.code);
    }
    let untried: Vec<_> = CHECKS.iter().map(|check| check.code).filter(|code| !tried.contains(code)).collect();
    assert!(untried.is_empty(), "checks without a case: {untried:?}");
}

fn root() -> Identity {
    pki().ca("kubernetes").self_signed().unwrap()
}

fn leaf(issuer: &Identity, with: impl FnOnce(Recipe) -> Recipe) -> Identity {
    with(pki().leaf("server").server().dns("server")).issued_by(issuer).unwrap()
}

fn secret(name: &str, certificates: &str, key: &Identity) -> Vec<Place> {
    let certificate = Place::secret(name, "data[tls.crt]", Slot::Credential, certificates);
    vec![certificate, Place::secret(name, "data[tls.key]", Slot::Key, key.key_pem().as_str())]
}

fn file(path: &str, role: Role, slot: Slot, text: &str) -> Place {
    Place::file(path, Some(role), slot, text)
}

/// A certificate under a role, with its key, below the CA that it was issued by.
fn on_host(ca: &Identity, role: Role, ca_role: Role, identity: &Identity) -> Inventory {
    inventory(&[
        file("pki/ca.crt", ca_role, Slot::Credential, &ca.pem()),
        file("pki/ca.key", ca_role, Slot::Key, ca.key_pem().as_str()),
        file("pki/leaf.crt", role, Slot::Credential, &identity.pem()),
        file("pki/leaf.key", role, Slot::Key, identity.key_pem().as_str()),
    ])
}

fn single(text: &str) -> Inventory {
    inventory(&[Place::file("a.pem", None, Slot::Unknown, text)])
}

fn cases() -> Vec<Case> {
    let mut cases = dates();
    cases.extend(keys());
    cases.extend(chains());
    cases.extend(inputs());
    cases.extend(kubeconfigs());
    cases.extend(served::cases());
    cases.extend(trust::cases());
    cases.extend(objects::cases());
    cases
}

fn dates() -> Vec<Case> {
    let ca = root();
    let sound = || single(&leaf(&ca, |recipe| recipe).pem());
    let of = |code, severity, fails: String| Case { code, severity, fails: single(&fails), passes: sound() };
    let short_ca = pki().ca("short").ends_in(Duration::days(100)).self_signed().unwrap();
    let below_short = |recipe: Recipe| recipe.issued_by(&short_ca).unwrap().pem();
    let middle = pki().ca("middle").issued_by(&short_ca).unwrap();
    let workload = || pki().leaf("").uri("spiffe://cluster.local/ns/a/sa/b").server().client();
    vec![
        of(Code::Expired, Severity::Critical, leaf(&ca, Recipe::expired).pem()),
        of(Code::Expiring, Severity::Warning, leaf(&ca, |recipe| recipe.ends_in(Duration::days(20))).pem()),
        of(Code::Expiring, Severity::Critical, leaf(&ca, |recipe| recipe.ends_in(Duration::days(5))).pem()),
        of(Code::NotYetValid, Severity::Critical, leaf(&ca, Recipe::not_yet_valid).pem()),
        of(Code::CaExpiring, Severity::Warning, pki().ca("ca").ends_in(Duration::days(20)).self_signed().unwrap().pem()),
        Case {
            code: Code::OutlivesIssuer,
            severity: Severity::Warning,
            fails: single(&format!("{}{}", below_short(pki().leaf("long")), short_ca.pem())),
            passes: single(&format!("{}{}", below_short(pki().leaf("short").ends_in(Duration::days(90))), short_ca.pem())),
        },
        Case {
            code: Code::IssuerExpiresFirst,
            severity: Severity::Warning,
            fails: single(&format!("{}{}{}", pki().leaf("far").issued_by(&middle).unwrap().pem(), middle.pem(), short_ca.pem())),
            passes: single(&format!("{}{}", pki().leaf("far").issued_by(&ca).unwrap().pem(), ca.pem())),
        },
        Case {
            code: Code::IstioLeafOutlivesCa,
            severity: Severity::Warning,
            fails: single(&format!("{}{}", below_short(workload()), short_ca.pem())),
            passes: single(&format!("{}{}", below_short(workload().ends_in(Duration::days(50))), short_ca.pem())),
        },
    ]
}

fn keys() -> Vec<Case> {
    let ca = root();
    let (one, other) = (leaf(&ca, |recipe| recipe), leaf(&ca, |recipe| recipe));
    let pair = || inventory(&secret("a", &one.pem(), &one));
    let lone = Place::secret("b", "data[tls.crt]", Slot::Credential, &other.pem());
    let with_lone: Vec<Place> = secret("a", &one.pem(), &one).into_iter().chain([lone]).collect();
    let key_file = |mode| inventory(&[Place::file("a.key", None, Slot::Key, one.key_pem().as_str()).mode(mode)]);
    let service_account = |public: &Identity| {
        inventory(&[
            file("sa.key", Role::ServiceAccountKey, Slot::Key, one.key_pem().as_str()),
            file("sa.pub", Role::ServiceAccountPublicKey, Slot::Trust, &public.public_key_pem()),
        ])
    };
    let without_ca_key = inventory(&[
        file("pki/ca.crt", Role::ClusterCa, Slot::Credential, &ca.pem()),
        file("pki/leaf.key", Role::Apiserver, Slot::Key, one.key_pem().as_str()),
    ]);
    vec![
        Case {
            code: Code::KeyMismatch,
            severity: Severity::Critical,
            fails: inventory(&secret("a", &one.pem(), &other)),
            passes: pair(),
        },
        Case { code: Code::KeyMissing, severity: Severity::Warning, fails: inventory(&with_lone), passes: pair() },
        Case { code: Code::KeyExposed, severity: Severity::Warning, fails: key_file(0o644), passes: key_file(0o600) },
        Case { code: Code::WeakKey, severity: Severity::Warning, fails: single(recipes::RSA_1024), passes: pair() },
        Case {
            code: Code::WeakSignature,
            severity: Severity::Warning,
            fails: single(recipes::SHA1_SIGNED),
            passes: single(&ca.pem()),
        },
        Case {
            code: Code::ServiceAccountKeyMismatch,
            severity: Severity::Critical,
            fails: service_account(&other),
            passes: service_account(&one),
        },
        Case {
            code: Code::ExternalCa,
            severity: Severity::Info,
            fails: without_ca_key,
            passes: on_host(&ca, Role::Apiserver, Role::ClusterCa, &one),
        },
    ]
}

fn chains() -> Vec<Case> {
    let (ca, stranger) = (root(), root());
    let own = leaf(&ca, |recipe| recipe);
    let foreign = leaf(&stranger, |recipe| recipe);
    let sound = || on_host(&ca, Role::Apiserver, Role::ClusterCa, &own);
    let middle = pki().ca("middle").path_len(0).issued_by(&ca).unwrap();
    let deeper = pki().ca("deeper").issued_by(&middle).unwrap();
    let end = |issuer: &Identity| pki().leaf("end").issued_by(issuer).unwrap();
    let below = |issuer: &Identity| format!("{}{}{}", end(issuer).pem(), middle.pem(), ca.pem());
    let twice = format!("{}{}", own.pem(), own.pem());
    let cas = format!("{}{}", ca.pem(), stranger.pem());
    let signing = |text: &str| inventory(&[file("ca.crt", Role::ClusterCa, Slot::Credential, text)]);
    let no_ca = pki().leaf("no ca").self_signed().unwrap();
    let odd_ip = [0x30, 0x05, 0x87, 0x03, 1, 2, 3];
    let odd = pki().leaf("odd").extension(&[2, 5, 29, 17], &odd_ip).issued_by(&ca).unwrap();
    let (chain_end, chain_middle) = (end(&middle), &middle);
    let ordered = format!("{}{}", chain_end.pem(), chain_middle.pem());
    let reversed = format!("{}{}", chain_middle.pem(), chain_end.pem());
    vec![
        Case {
            code: Code::IssuerMissing,
            severity: Severity::Info,
            fails: single(&own.pem()),
            passes: single(&format!("{}{}", own.pem(), ca.pem())),
        },
        Case {
            code: Code::Untrusted,
            severity: Severity::Critical,
            fails: on_host(&ca, Role::Apiserver, Role::ClusterCa, &foreign),
            passes: sound(),
        },
        Case {
            code: Code::FrontProxyUntrusted,
            severity: Severity::Critical,
            fails: on_host(&ca, Role::FrontProxyClient, Role::FrontProxyCa, &foreign),
            passes: on_host(&ca, Role::FrontProxyClient, Role::FrontProxyCa, &own),
        },
        Case {
            code: Code::NotACa,
            severity: Severity::Critical,
            fails: single(&format!("{}{}", pki().leaf("x").issued_by(&no_ca).unwrap().pem(), no_ca.pem())),
            passes: single(&format!("{}{}", own.pem(), ca.pem())),
        },
        Case {
            code: Code::NotACa,
            severity: Severity::Warning,
            fails: inventory(&[Place::file("trust.pem", None, Slot::Trust, &own.pem())]),
            passes: inventory(&[Place::file("trust.pem", None, Slot::Trust, &ca.pem())]),
        },
        Case {
            code: Code::PathTooLong,
            severity: Severity::Critical,
            fails: single(&format!("{}{}", below(&deeper), deeper.pem())),
            passes: single(&below(&middle)),
        },
        Case {
            code: Code::BundleOrder,
            severity: Severity::Warning,
            fails: inventory(&secret("a", &reversed, &chain_end)),
            passes: inventory(&secret("a", &ordered, &chain_end)),
        },
        Case { code: Code::BundleDuplicate, severity: Severity::Info, fails: single(&twice), passes: single(&own.pem()) },
        Case { code: Code::SeveralCertificates, severity: Severity::Warning, fails: signing(&cas), passes: signing(&ca.pem()) },
        Case { code: Code::SanMalformed, severity: Severity::Warning, fails: single(&odd.pem()), passes: single(&own.pem()) },
    ]
}

fn inputs() -> Vec<Case> {
    let ca = root().pem();
    let truncated = ca.get(..ca.len() / 2).unwrap_or_default();
    let garbled = ca.replace("MII", "!!!");
    let sound = || single(&ca);
    vec![
        Case { code: Code::BundleTruncated, severity: Severity::Unknown, fails: single(truncated), passes: sound() },
        Case { code: Code::Malformed, severity: Severity::Unknown, fails: single(&garbled), passes: sound() },
        Case {
            code: Code::EmptyBundle,
            severity: Severity::Warning,
            fails: inventory(&[Place::empty("empty.pem")]),
            passes: sound(),
        },
        Case {
            code: Code::Unreadable,
            severity: Severity::Unknown,
            fails: inventory(&[Place::missing("gone.pem")]),
            passes: sound(),
        },
    ]
}

fn kubeconfigs() -> Vec<Case> {
    let (ca, stranger) = (root(), root());
    let server = leaf(&ca, |recipe| recipe.ip([10, 0, 0, 11]));
    let admin = |issuer: &Identity, left: i64| {
        pki()
            .leaf("kubernetes-admin")
            .organization("system:masters")
            .client()
            .ends_in(Duration::days(left))
            .issued_by(issuer)
            .unwrap()
    };
    let host = |trusted: &Identity, user: &Identity| {
        let mut inventory = on_host(&ca, Role::Apiserver, Role::ClusterCa, &server);
        recipes::join(&mut inventory, recipes::kubeconfig("admin.conf", Some(Role::Admin), trusted, user));
        inventory
    };
    let sound = || host(&ca, &admin(&ca, 300));
    let with_copy = |left| {
        let mut inventory = host(&ca, &admin(&ca, 300));
        recipes::join(&mut inventory, recipes::kubeconfig("copy.conf", None, &ca, &admin(&ca, left)));
        inventory
    };
    let text = |user: &str, cluster: &str| recipes::kubeconfig_text(&format!("    {user}\n"), &format!("    {cluster}\n"));
    let plain = |user: &str, cluster: &str| recipes::read("a.conf", None, &text(user, cluster));
    let ended = recipes::token(NOW - Duration::days(1));
    let lasting = recipes::token(NOW + Duration::days(1));
    let kubelet = |credential: &str| {
        recipes::read("kubelet.conf", Some(Role::Kubelet), &text(credential, "server: https://10.0.0.11:6443"))
    };
    let embedded = format!("client-certificate-data: {}", recipes::base64(&admin(&ca, 300).pem()));
    vec![
        Case {
            code: Code::CaDoesNotSignServer,
            severity: Severity::Critical,
            fails: host(&stranger, &admin(&ca, 300)),
            passes: sound(),
        },
        Case {
            code: Code::ClientUntrusted,
            severity: Severity::Critical,
            fails: host(&ca, &admin(&stranger, 300)),
            passes: sound(),
        },
        Case { code: Code::StaleCopy, severity: Severity::Warning, fails: with_copy(100), passes: sound() },
        Case {
            code: Code::SkipTlsVerify,
            severity: Severity::Warning,
            fails: plain("token: x", "insecure-skip-tls-verify: true"),
            passes: plain("token: x", "server: https://10.0.0.11:6443"),
        },
        Case {
            code: Code::TokenExpired,
            severity: Severity::Critical,
            fails: plain(&format!("token: {ended}"), "server: https://10.0.0.11:6443"),
            passes: plain(&format!("token: {lasting}"), "server: https://10.0.0.11:6443"),
        },
        Case {
            code: Code::KubeletConfEmbedded,
            severity: Severity::Info,
            fails: kubelet(&embedded),
            passes: kubelet("client-certificate: /var/lib/kubelet/pki/kubelet-client-current.pem"),
        },
    ]
}

#[test]
fn short_lived_certificates_alarm_by_share_of_their_lifetime() {
    let at = |left: Duration| {
        let day = Pki::at(NOW).leaf("workload").valid(NOW + left - Duration::hours(24), NOW + left).self_signed().unwrap();
        found(&single(&day.pem())).into_iter().filter(|(code, _)| *code == Code::Expiring).map(|(_, severity)| severity).next()
    };
    assert_eq!(at(Duration::hours(12)), None);
    assert_eq!(at(Duration::hours(7)), Some(Severity::Warning));
    assert_eq!(at(Duration::hours(2)), Some(Severity::Critical));
}

#[test]
fn a_cross_sign_that_lives_longer_silences_the_shorter_one() {
    let (old, new) = (pki().ca("old").ends_in(Duration::days(60)).self_signed().unwrap(), pki().ca("new").self_signed().unwrap());
    let middle = pki().ca("middle").issued_by(&new).unwrap();
    let crossed = middle.recipe().ends_in(Duration::days(60)).issued_by(&old).unwrap();
    let leaf = pki().leaf("leaf").issued_by(&middle).unwrap();
    let short_only = single(&[leaf.pem(), crossed.pem(), old.pem()].concat());
    let both = single(&[leaf.pem(), crossed.pem(), old.pem(), middle.pem(), new.pem()].concat());
    let outlives = |inventory: &Inventory| found(inventory).iter().any(|(code, _)| *code == Code::OutlivesIssuer);
    assert!(outlives(&short_only));
    assert!(!outlives(&both));
}

#[test]
fn an_old_root_beside_its_successor_is_worth_a_word_only() {
    let old = pki().ca("kubernetes").expired().self_signed().unwrap();
    let new = root();
    let bundle = |text: &str| inventory(&[Place::file("ca.pem", None, Slot::Trust, text)]);
    assert!(found(&bundle(&old.pem())).contains(&(Code::Expired, Severity::Critical)));
    assert!(found(&bundle(&format!("{}{}", old.pem(), new.pem()))).contains(&(Code::Expired, Severity::Info)));
}

#[test]
fn a_leaf_without_the_intermediate_that_is_known_elsewhere() {
    let ca = root();
    let middle = pki().ca("middle").issued_by(&ca).unwrap();
    let one = pki().leaf("one").issued_by(&middle).unwrap();
    let two = pki().leaf("two").issued_by(&middle).unwrap();
    let whole = secret("a/whole", &format!("{}{}", one.pem(), middle.pem()), &one);
    let bare = secret("a/bare", &two.pem(), &two);
    let places: Vec<Place> = whole.into_iter().chain(bare).collect();
    assert!(found(&inventory(&places)).contains(&(Code::IssuerMissing, Severity::Warning)));
}

#[test]
fn rsa_keys_match_too() {
    let identity = pki().leaf("rsa").key(KeyKind::Rsa2048).key_usage(KeyUsage(1)).self_signed().unwrap();
    assert_eq!(found(&inventory(&secret("a", &identity.pem(), &identity))), []);
}

#[test]
fn a_key_in_the_certificates_place_is_seen() {
    let identity = leaf(&root(), |recipe| recipe);
    let swapped = [
        Place::secret("a", "data[tls.crt]", Slot::Credential, identity.key_pem().as_str()),
        Place::secret("a", "data[tls.key]", Slot::Key, &identity.pem()),
    ];
    assert!(found(&inventory(&swapped)).contains(&(Code::EmptyBundle, Severity::Critical)));
}

#[test]
fn a_key_for_a_later_certificate_is_a_mismatch_unless_the_chain_is_out_of_order() {
    let ca = root();
    let (one, other) = (leaf(&ca, |recipe| recipe), leaf(&ca, |recipe| recipe));
    let both = format!("{}{}", one.pem(), other.pem());
    assert!(found(&inventory(&secret("a", &both, &other))).contains(&(Code::KeyMismatch, Severity::Critical)));
    let reversed = found(&inventory(&secret("a", &format!("{}{}", ca.pem(), one.pem()), &one)));
    assert!(reversed.contains(&(Code::BundleOrder, Severity::Warning)), "{reversed:?}");
    assert!(!reversed.iter().any(|(code, _)| *code == Code::KeyMismatch));
}

#[test]
fn a_leaf_in_a_cas_own_file_is_no_ca() {
    let proxy = pki().leaf("front-proxy-client").client().issued_by(&root()).unwrap();
    let host = on_host(&proxy, Role::FrontProxyClient, Role::FrontProxyCa, &proxy);
    assert!(found(&host).contains(&(Code::NotACa, Severity::Critical)), "{:?}", found(&host));
}

#[test]
fn a_certificate_for_other_names_may_come_from_another_ca() {
    let sni = leaf(&root(), |recipe| recipe);
    let host = on_host(&root(), Role::ApiserverSni, Role::ClusterCa, &sni);
    assert!(found(&host).iter().all(|(_, severity)| *severity == Severity::Info), "{:?}", found(&host));
}

#[test]
fn hosts_of_one_cluster_share_the_service_account_key() {
    let (one, other) = (root(), root());
    let key = |host: &str, identity: &Identity| {
        file(&format!("{host}/sa.key"), Role::ServiceAccountKey, Slot::Key, identity.key_pem().as_str()).host(host)
    };
    let differing = inventory(&[key("a", &one), key("b", &other)]);
    assert!(found(&differing).contains(&(Code::ServiceAccountKeyMismatch, Severity::Critical)));
    assert_eq!(found(&inventory(&[key("a", &one), key("b", &one)])), []);
}

#[test]
fn an_old_root_that_nobody_needs_is_worth_a_word_only() {
    let (old, new) = (pki().ca("old").expired().self_signed().unwrap(), pki().ca("new").self_signed().unwrap());
    let bundle = format!("{}{}", old.pem(), new.pem());
    let trust = || Place::file("ca.pem", None, Slot::Trust, &bundle);
    assert!(found(&inventory(&[trust()])).contains(&(Code::Expired, Severity::Info)));
    let needed = pki().leaf("leaf").issued_by(&old).unwrap();
    let with_leaf = inventory(&[trust(), Place::file("leaf.pem", None, Slot::Unknown, &needed.pem())]);
    assert!(found(&with_leaf).contains(&(Code::Expired, Severity::Critical)));
}

#[test]
fn a_kubeconfig_is_held_against_a_server_certificate_given_beside_it() {
    let (ca, other) = (root(), root());
    let server = pki().leaf("kube-apiserver").server().dns("kubernetes").dns("kubernetes.default.svc").ip([10, 0, 0, 11]);
    let server = server.issued_by(&ca).unwrap();
    let user = |issuer: &Identity| pki().leaf("jane").client().issued_by(issuer).unwrap();
    let beside = |trusted: &Identity| {
        let mut inventory = recipes::kubeconfig("jane.conf", None, trusted, &user(trusted));
        recipes::join(&mut inventory, inventory_of_server(&server));
        found(&inventory)
    };
    assert!(beside(&other).contains(&(Code::CaDoesNotSignServer, Severity::Critical)), "{:?}", beside(&other));
    assert!(!beside(&ca).iter().any(|(code, _)| *code == Code::CaDoesNotSignServer));
}

fn inventory_of_server(server: &Identity) -> Inventory {
    inventory(&[Place::file("apiserver.crt", None, Slot::Unknown, &server.pem())])
}

#[test]
fn a_crowd_of_namesakes_ends_in_words() {
    let crowd: Vec<Identity> = (0..150).map(|_| pki().ca("CA").without_subject_key_id().self_signed().unwrap()).collect();
    let stranger = pki().ca("CA").without_subject_key_id().self_signed().unwrap();
    let leaves = (0..200).map(|number| pki().leaf(&format!("leaf{number}")).issued_by(&stranger).unwrap().pem());
    let mut places: Vec<Place> = leaves.map(|pem| Place::file("leaf.pem", None, Slot::Unknown, &pem)).collect();
    places.extend(crowd.iter().map(|ca| Place::file("ca.pem", None, Slot::Trust, &ca.pem())));
    let findings = found(&inventory(&places));
    assert!(findings.contains(&(Code::IssuerMissing, Severity::Unknown)), "{findings:?}");
}
