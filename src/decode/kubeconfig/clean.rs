//! What may be shown of texts that can carry secrets: URLs and plugin commands.

/// Credential plugins, and the sub-commands that they are called with. Whatever else stands on their command line (regions, cluster
/// names, but also client secrets) is left out.
const PLUGINS: &[(&str, &[&str])] = &[
    ("aws", &["eks", "get-token"]),
    ("aws-iam-authenticator", &["token"]),
    ("az", &["aks", "get-credentials"]),
    ("doctl", &["kubernetes", "cluster", "kubeconfig", "exec-credential"]),
    ("gcloud", &["config", "config-helper"]),
    ("gke-gcloud-auth-plugin", &[]),
    ("kubectl", &["oidc-login", "oidc_login", "get-token"]),
    ("kubectl-oidc_login", &["get-token"]),
    ("kubelogin", &["get-token"]),
    ("oci", &["ce", "cluster", "generate-token"]),
    ("tsh", &["kube", "credentials"]),
];

/// A URL without user, password, query, fragment and parameters.
///
/// A password may hold what ends the host part (`https://u:p/w@h`), and a scheme may be mistyped (`https:/u:pw@h`): whatever stands
/// before the last `@` is taken for one. A path with an `@` in it is lost with that; no API server has one.
pub(super) fn url(url: &str) -> String {
    let (scheme, rest) = url.split_once("://").map_or(("", url), |(scheme, rest)| (scheme, rest));
    let separator = if scheme.is_empty() { "" } else { "://" };
    let bare = rest.rsplit_once('@').map_or(rest, |(_, host)| host);
    let bare = bare.split(['?', '#', ';', '&', '=']).next().unwrap_or_default();
    format!("{scheme}{separator}{bare}")
}

/// Longer paths than this the kernel refuses (Linux `PATH_MAX`).
const LONGEST_PATH: usize = 4096;

/// What the base64 of `-----BEGIN` and of a JSON Web Token's `{"` begin with.
const NO_PATHS: &[&str] = &["LS0tLS1CRUdJ", "eyJ"];

/// A text that may be a path. A key or token where its file's name belongs, as when `-data` was forgotten, is none.
pub(super) fn path(text: &str) -> Option<&str> {
    let secret = text.contains("-----BEGIN") || NO_PATHS.iter().any(|begin| text.starts_with(begin));
    (text.len() < LONGEST_PATH && !secret && !text.contains(['\n', '\r', '\0'])).then_some(text)
}

/// A plugin's command with those of its arguments that are known sub-commands.
pub(super) fn command<'a>(command: &str, arguments: impl Iterator<Item = &'a str>) -> String {
    let name = command.rsplit(['/', '\\']).next().unwrap_or_default();
    let name = name.strip_suffix(".exe").unwrap_or(name);
    let known = PLUGINS.iter().find(|(plugin, _)| *plugin == name).map_or(&[][..], |(_, words)| *words);
    let words = arguments.filter(|argument| known.contains(argument));
    // A whole command line in the command's place: what follows its first word may be anything.
    let first = command.split_whitespace().next().unwrap_or_default();
    words.fold(first.to_owned(), |line, word| format!("{line} {word}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_lose_what_is_secret() {
        for (given, shown) in [
            ("https://10.0.0.1:6443", "https://10.0.0.1:6443"),
            ("https://user:pw@host:6443/k8s/clusters/c-1", "https://host:6443/k8s/clusters/c-1"),
            ("https://token@host", "https://host"),
            ("https://user:p@w@host/x", "https://host/x"),
            ("https://user:p/w@host", "https://host"),
            ("https://user:p?w@host/path?token=x", "https://host/path"),
            ("https://host:6443/a#frag", "https://host:6443/a"),
            ("https:/user:pw@host", "host"),
            ("//user:pw@host", "host"),
            ("HTTPS://a/b@pw:pw@host", "HTTPS://host"),
            ("https://host:443;token=x", "https://host:443"),
            ("https://[::1]:6443/?x", "https://[::1]:6443/"),
            ("https://[fe80::a]/a", "https://[fe80::a]/a"),
            ("user:pw@host:8080", "host:8080"),
            ("", ""),
        ] {
            assert_eq!(url(given), shown, "{given}");
        }
    }

    #[test]
    fn secrets_are_no_paths() {
        assert_eq!(path("/etc/kubernetes/pki/ca.crt"), Some("/etc/kubernetes/pki/ca.crt"));
        let long = "x".repeat(5000);
        for text in ["-----BEGIN PRIVATE KEY-----", "LS0tLS1CRUdJTiBQUklW", "eyJhbGciOiJSUzI1NiJ9.e30.x", "a\nb", &long] {
            assert_eq!(path(text), None);
        }
    }

    #[test]
    fn commands_keep_known_words_only() {
        assert_eq!(command("/x --pw=SECRET", std::iter::empty()), "/x");
        let aws = ["--region", "eu-1", "eks", "get-token", "--cluster-name", "SECRET"];
        assert_eq!(command("aws", aws.into_iter()), "aws eks get-token");
        let oidc = ["oidc-login", "get-token", "--oidc-client-secret=SECRET"];
        assert_eq!(command("/usr/bin/kubectl", oidc.into_iter()), "/usr/bin/kubectl oidc-login get-token");
        assert_eq!(command("C:\\bin\\kubelogin.exe", ["get-token", "SECRET"].into_iter()), "C:\\bin\\kubelogin.exe get-token");
        assert_eq!(command("own-plugin", ["get-token", "SECRET"].into_iter()), "own-plugin");
    }
}
