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

/// A URL without user, password, query and fragment.
///
/// A password may hold what ends the host part (`https://u:p/w@h`): what stands before an `@` and is no `host:port` goes too.
pub(super) fn url(url: &str) -> String {
    let (scheme, rest) = url.split_once("://").map_or(("", url), |(scheme, rest)| (scheme, rest));
    let separator = if scheme.is_empty() { "" } else { "://" };
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, _) = rest.split_at(end);
    let host_and_port = authority.rsplit_once(':').is_none_or(|(_, port)| port.bytes().all(|byte| byte.is_ascii_digit()));
    let bare = match authority.rfind('@') {
        Some(at) => rest.get(at + 1..).unwrap_or_default(),
        None if host_and_port || authority.ends_with(']') => rest,
        None => rest.rsplit_once('@').map_or(rest, |(_, host)| host),
    };
    let bare = bare.split(['?', '#']).next().unwrap_or_default();
    format!("{scheme}{separator}{bare}")
}

/// A plugin's command with those of its arguments that are known sub-commands.
pub(super) fn command<'a>(command: &str, arguments: impl Iterator<Item = &'a str>) -> String {
    let name = command.rsplit(['/', '\\']).next().unwrap_or_default();
    let name = name.strip_suffix(".exe").unwrap_or(name);
    let known = PLUGINS.iter().find(|(plugin, _)| *plugin == name).map_or(&[][..], |(_, words)| *words);
    let words = arguments.filter(|argument| known.contains(argument));
    words.fold(command.to_owned(), |line, word| format!("{line} {word}"))
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
            ("https://host/?email=a@b", "https://host/"),
            ("https://host:6443/a@b#frag", "https://host:6443/a@b"),
            ("https://[::1]:6443/?x", "https://[::1]:6443/"),
            ("https://[fe80::a]/a@b", "https://[fe80::a]/a@b"),
            ("user:pw@host:8080", "host:8080"),
            ("", ""),
        ] {
            assert_eq!(url(given), shown, "{given}");
        }
    }

    #[test]
    fn commands_keep_known_words_only() {
        let aws = ["--region", "eu-1", "eks", "get-token", "--cluster-name", "SECRET"];
        assert_eq!(command("aws", aws.into_iter()), "aws eks get-token");
        let oidc = ["oidc-login", "get-token", "--oidc-client-secret=SECRET"];
        assert_eq!(command("/usr/bin/kubectl", oidc.into_iter()), "/usr/bin/kubectl oidc-login get-token");
        assert_eq!(command("C:\\bin\\kubelogin.exe", ["get-token", "SECRET"].into_iter()), "C:\\bin\\kubelogin.exe get-token");
        assert_eq!(command("own-plugin", ["get-token", "SECRET"].into_iter()), "own-plugin");
    }
}
