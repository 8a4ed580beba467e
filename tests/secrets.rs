//! No secret leaves: whatever is put in, no output of any command in any format has a piece of a private key, token or password.

#[path = "../examples/fixtures.rs"]
#[expect(dead_code, reason = "the example's main")]
mod generator;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use kcert::demo::Entry;
use std::path::Path;
use std::process::Command;

/// Passwords and tokens that the sources below hold.
const PLANTED: &[&str] = &[
    "s3cr3t-bearer-token",
    "s3cr3t-password",
    "s3cr3t-exec-argument",
    "s3cr3t-exec-environment",
    "s3cr3t-provider-token",
    "s3cr3t-proxy-password",
    "s3cr3t-url-password",
    "s3cr3ttokensecret",
    "s3cr3t-registry",
    "c2lnbmF0dXJlLW9mLXRoZS1qd3Q",
    "s3cr3t-in-a-key",
    "s3cr3t-of-a-keystore",
    "s3cr3t-in-a-certificate",
    "s3cr3t-under-any-key",
    "s3cr3t-in-the-password-file",
    "s3cr3t-in-the-environment",
    KEYSTORE_PASSWORD,
];

/// What really opens the keystores of the fixtures.
const KEYSTORE_PASSWORD: &str = "geheim";

const KUBECONFIG: &str = r"
apiVersion: v1
kind: Config
clusters:
- name: c
  cluster:
    server: https://admin:s3cr3t-url-password@10.0.0.1:6443/?token=s3cr3t-url-password
    proxy-url: http://proxy:s3cr3t-proxy-password@proxy.example:3128
contexts:
- {name: a, context: {cluster: c, user: token}}
users:
- name: token
  user: {token: s3cr3t-bearer-token}
- name: jwt
  user: {token: eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJhIiwiZXhwIjoxfQ.c2lnbmF0dXJlLW9mLXRoZS1qd3Q}
- name: basic
  user: {username: admin, password: s3cr3t-password}
- name: exec
  user:
    exec:
      apiVersion: client.authentication.k8s.io/v1
      command: aws
      args: [eks, get-token, --secret, s3cr3t-exec-argument, s3cr3t-exec-argument]
      env: [{name: TOKEN, value: s3cr3t-exec-environment}]
- name: provider
  user: {auth-provider: {name: oidc, config: {id-token: s3cr3t-provider-token, client-secret: s3cr3t-provider-token}}}
";

fn objects() -> String {
    let data = |text: &str| STANDARD.encode(text);
    let garbled =
        format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n", data("s3cr3t-in-a-key s3cr3t-in-a-key"));
    format!(
        "apiVersion: v1\nkind: Secret\nmetadata: {{name: bootstrap-token-abcdef, namespace: kube-system}}\ntype: bootstrap.kubernetes.io/token\n\
         data: {{token-id: {}, token-secret: {}}}\n---\n\
         apiVersion: v1\nkind: Secret\nmetadata: {{name: registry, namespace: a}}\ntype: kubernetes.io/dockerconfigjson\n\
         data: {{.dockerconfigjson: {}}}\n---\n\
         apiVersion: v1\nkind: Secret\nmetadata: {{name: garbled, namespace: a}}\ntype: kubernetes.io/tls\n\
         data: {{tls.key: {}, tls.crt: {}}}\n---\n\
         apiVersion: v1\nkind: Secret\nmetadata: {{name: kubeconfig, namespace: a}}\ndata: {{kubeconfig: {}, password: {}}}\n---\n\
         apiVersion: v1\nkind: Secret\nmetadata: {{name: store, namespace: a}}\ndata: {{keystore.p12: {}, password: {}}}\n---\n\
         apiVersion: v1\nkind: Secret\nmetadata: {{name: store, namespace: b}}\ndata: {{keystore.jks: {}, jks-password: {}}}\n---\n\
         apiVersion: v1\nkind: Secret\nmetadata: {{name: misc, namespace: b}}\ndata: {{thing: {}}}\n---\n\
         apiVersion: cert-manager.io/v1\nkind: Certificate\nmetadata: {{name: store, namespace: b}}\nspec:\n  secretName: store\n  keystores:\n    \
         jks: {{create: true, password: s3cr3t-in-a-certificate}}\n    pkcs12: {{create: true, passwordSecretRef: {{name: misc, key: thing}}}}\n---\n\
         apiVersion: cert-manager.io/v1\nkind: Certificate\nmetadata: {{name: store, namespace: a}}\n\
         spec: {{secretName: store, keystores: {{pkcs12: {{create: true, password: {KEYSTORE_PASSWORD}}}}}}}\n",
        data("abcdef"),
        data("s3cr3ttokensecret"),
        data(r#"{"auths":{"r":{"auth":"s3cr3t-registry"}}}"#),
        data(&garbled),
        data(&garbled),
        data(KUBECONFIG),
        data("s3cr3t-password"),
        STANDARD.encode(include_bytes!("../certs-fixtures/keystores/keytool-legacy.p12")),
        data(KEYSTORE_PASSWORD),
        STANDARD.encode(include_bytes!("../certs-fixtures/keystores/keytool.jks")),
        data("s3cr3t-of-a-keystore"),
        data("s3cr3t-under-any-key"),
    )
}

/// Every line of every private key among the fixtures, and what it becomes in base64.
fn key_material(entries: &[Entry]) -> Vec<String> {
    let mut lines = Vec::new();
    for entry in entries {
        let Entry::File { contents, .. } = entry else { continue };
        let text = String::from_utf8_lossy(contents);
        for block in text.split("-----BEGIN ").skip(1).filter(|block| block.contains("PRIVATE KEY-----")) {
            let body = block.split_once("-----\n").map(|(_, rest)| rest.split("-----END").next().unwrap_or_default());
            // The first line of every RSA key is alike and public.
            lines.extend(body.unwrap_or_default().lines().skip(1).filter(|line| line.len() > 40).map(str::to_owned));
        }
    }
    lines
}

#[test]
fn no_secret_in_any_output() {
    let project = Path::new(env!("CARGO_MANIFEST_DIR"));
    let directory = tempfile::tempdir().unwrap();
    let entries = generator::fixtures(&project.join("certs-fixtures")).unwrap();
    kcert::demo::write(directory.path(), &entries).unwrap();
    std::fs::write(directory.path().join("planted.conf"), KUBECONFIG).unwrap();
    std::fs::write(directory.path().join("planted.yaml"), objects()).unwrap();
    std::fs::write(directory.path().join("passwords"), "s3cr3t-in-the-password-file\n").unwrap();
    let mut secrets: Vec<String> = PLANTED.iter().map(|secret| (*secret).to_owned()).collect();
    secrets.extend(PLANTED.iter().map(|secret| STANDARD.encode(secret).trim_end_matches('=').to_owned()));
    secrets.extend(key_material(&entries));
    assert!(secrets.len() > 200, "the fixtures hold keys");

    let sources = &[
        "--root",
        "ailing/node",
        "ailing/objects.json",
        "ailing/home",
        "bundles",
        "keys",
        "planted.conf",
        "planted.yaml",
        "keystores",
        "archives",
    ][..];
    let keys = &["--intermediates", "planted.yaml", "--trust", "bundles/key-and-certificate.pem", "trust/shop.csr"][..];
    let mut bytes = 0;
    for (verb, sources, formats) in [
        (&["inspect"][..], sources, &["text", "json", "jsonl"][..]),
        (&["inspect", "kubeconfig"], sources, &["text", "json", "jsonl"]),
        (&["chain"], sources, &["text", "json"]),
        (&["check"], sources, &["text", "json", "jsonl", "nagios", "prometheus"]),
        (&["preflight"], sources, &["text", "json", "markdown"]),
        (&["plan"], sources, &["text", "json", "markdown", "sh"]),
        (&["plan", "--csr-dir", "requests"], sources, &["text"]),
        (&["verify", "bundles/key-and-certificate.pem", "--as", "all"], keys, &["text", "json"]),
        (&["verify", "planted.conf"], keys, &["text", "json"]),
        (&["verify", "ailing/node/etc/kubernetes/pki/sa.key"], keys, &["text", "json"]),
    ] {
        for format in formats {
            let run = Command::new(env!("CARGO_BIN_EXE_kcert"))
                .args(verb)
                .args(["-v", "--at", "2026-11-21", "--password-file", "passwords", "-o", format])
                .env("KCERT_PASSWORD", "s3cr3t-in-the-environment")
                .args(sources)
                .current_dir(directory.path())
                .output()
                .unwrap();
            let text = [run.stdout, run.stderr].concat();
            let text = String::from_utf8(text).unwrap();
            bytes += text.len();
            let leaked: Vec<_> = secrets.iter().filter(|secret| text.contains(secret.as_str())).collect();
            assert!(leaked.is_empty(), "{verb:?} -o {format} prints {leaked:?}");
        }
    }
    assert!(bytes > 100_000, "the commands print something");
}
