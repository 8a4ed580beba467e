//! What a line says beyond its kind: times, names, places. One table of what stands before and after each.

use super::moment;
use super::words::Present;
use crate::model::Evidence;
use std::borrow::Cow;

/// The facts of a line, under the keys of the JSON output.
pub(super) type Facts = Vec<(&'static str, Evidence)>;

/// What a piece of text is.
#[derive(Clone, Copy)]
enum Shape {
    Text,
    Time,
    /// Texts with commas between.
    List,
    Number,
    /// OpenSSL's eight hexadecimal digits, BoringSSL's decimal ones.
    Code,
}

/// A fact stands after these words and before one of these.
struct Extract {
    key: &'static str,
    after: &'static str,
    until: &'static [&'static str],
    shape: Shape,
}

const fn text(key: &'static str, after: &'static str, until: &'static [&'static str]) -> Extract {
    Extract { key, after, until, shape: Shape::Text }
}

const fn time(key: &'static str, after: &'static str) -> Extract {
    Extract { key, after, until: &["\"", "'", ")", ";", "]", ","], shape: Shape::Time }
}

const fn number(key: &'static str, after: &'static str, until: &'static [&'static str]) -> Extract {
    Extract { key, after, until, shape: Shape::Number }
}

const QUOTE: &[&str] = &["\""];
const WORD: &[&str] = &[" ", "\"", "'", ")", "]", ";", "}", ","];

/// Of several rows with a key the first that finds something has it. Words: Go crypto/x509/verify.go (`CertificateInvalidError`,
/// `HostnameError`, `UnknownAuthorityError`), apiserver pkg/authentication/request/x509, kubelet bootstrap.go, etcd config_logging.go,
/// OpenSSL apps/lib/s_cb.c, curl lib/vtls.
const EXTRACTS: &[Extract] = &[
    time("notAfter", " is after "),
    time("notAfter", "is expired: "),
    time("notAfter", "NotAfter: "),
    time("notBefore", " is before "),
    time("notBefore", "NotBefore: "),
    time("currentTime", "current time "),
    Extract { key: "validFor", after: "certificate is valid for ", until: &[", not ", "\""], shape: Shape::List },
    text("notFor", "cannot validate certificate for ", &[" because"]),
    text("notFor", "wanted to match ", WORD),
    text("notFor", "target host name '", &["'"]),
    text("notFor", "target hostname '", &["'"]),
    text("notFor", "certificate not valid for name \"", QUOTE),
    text("notFor", "matching IP address ", &[" found"]),
    text("notFor", "DNS name matching ", &[" found"]),
    text("candidateAuthority", "candidate authority certificate \"", QUOTE),
    text("candidateFailure", "(possibly because of \"", &["\" while"]),
    text("algorithm", "insecure algorithm ", WORD),
    text("serial", "certificate SN=", WORD),
    text("authorityKeyId", "AKID=", &[" ", "\"", "]", ","]),
    text("webhook", "failed calling webhook \"", QUOTE),
    text("webhook", "failed calling admission webhook \"", QUOTE),
    text("webhook", "conversion webhook for ", &[" failed", ":"]),
    text("from", "TLS handshake error from ", &[": "]),
    text("from", "rejected connection from \"", QUOTE),
    text("from", "\"remote-addr\":\"", QUOTE),
    text("serverName", "ServerName \"", QUOTE),
    text("serverName", "\"server-name\":\"", QUOTE),
    text("keyHash", "none of the public keys \"", QUOTE),
    text("keyHash", "public key sha256:", WORD),
    text("tokenId", "token ID \"", QUOTE),
    text("tokenId", "token id \"", QUOTE),
    text("alert", "remote error: tls: ", &["\"", "'", ")", ";", "]", ","]),
    text("alert", "fatal alert: ", WORD),
    text("certificateSubject", "certificate subject name '", &["'"]),
    number("verifyError", "verify error:num=", &[":"]),
    number("verifyError", "Verify return code: ", &[" "]),
    number("curlExit", "curl: (", &[")"]),
    Extract { key: "opensslError", after: " error:", until: &[":"], shape: Shape::Code },
    Extract { key: "opensslError", after: "error:", until: &[":"], shape: Shape::Code },
    Extract { key: "opensslError", after: "TLS error: ", until: &[":"], shape: Shape::Code },
    Extract { key: "opensslError", after: "TLS_error:|", until: &[":"], shape: Shape::Code },
];

/// Endings of files that hold certificates or keys.
const FILES: &[&str] = &[".crt", ".pem", ".key", ".cert", ".conf", ".kubeconfig", ".p12", ".jks", ".csr"];

/// Bytes of one fact.
const LONGEST: usize = 1024;
/// Entries of one list.
const ENTRIES: usize = 64;

/// Every word that is looked for. Quotation marks may stand in the line as `\"`: what ends with one is looked for without.
pub(super) fn words() -> impl Iterator<Item = &'static str> {
    EXTRACTS.iter().map(Extract::word)
}

/// The facts of a line with these words, quotation marks within quotation marks opened.
pub(super) fn facts(line: &str, present: &Present<'_>) -> Facts {
    let line = &opened(line);
    let mut facts = Facts::new();
    for extract in EXTRACTS.iter().filter(|extract| present.has(extract.word())) {
        if facts.iter().all(|(key, _)| *key != extract.key) {
            facts.extend(extract.find(line).map(|value| (extract.key, value)));
        }
    }
    facts.extend(not_for(line).filter(|_| !has(&facts, "notFor")).map(|name| ("notFor", Evidence::Text(name.to_owned()))));
    if let Some((url, endpoint)) = url(line) {
        facts.push(("url", Evidence::Text(url)));
        facts.push(("endpoint", Evidence::Text(endpoint)));
    } else if let Some(endpoint) = dialled(line) {
        facts.push(("endpoint", Evidence::Text(endpoint.to_owned())));
    }
    facts.extend(file(line).map(|path| ("file", Evidence::Text(path.to_owned()))));
    facts.extend(moment::apart(&facts).map(|seconds| ("secondsApart", Evidence::Number(seconds))));
    facts
}

fn opened(line: &str) -> Cow<'_, str> {
    if line.contains('\\') { Cow::Owned(line.replace("\\\\\\\"", "\"").replace("\\\"", "\"")) } else { Cow::Borrowed(line) }
}

impl Extract {
    fn word(&self) -> &'static str {
        self.after.trim_matches('"').trim_end_matches("\":")
    }

    fn find(&self, line: &str) -> Option<Evidence> {
        let rest = &line[line.find(self.after)? + self.after.len()..];
        let end = self.until.iter().filter_map(|until| rest.find(until)).min().unwrap_or(rest.len());
        let value = rest[..end].trim();
        if value.is_empty() || value.len() > LONGEST {
            return None;
        }
        match self.shape {
            Shape::Text => Some(Evidence::Text(value.to_owned())),
            Shape::Code => Some(value)
                .filter(|code| code.len() >= 8 && code.bytes().all(|byte| byte.is_ascii_hexdigit()))
                .map(|code| Evidence::Text(code.to_owned())),
            Shape::Number => value.parse().ok().map(Evidence::Number),
            Shape::Time => moment::parse(value).map(Evidence::Time),
            Shape::List => Some(Evidence::List(value.split(", ").take(ENTRIES).map(str::to_owned).collect())),
        }
    }
}

fn has(facts: &Facts, wanted: &str) -> bool {
    facts.iter().any(|(key, _)| *key == wanted)
}

/// Go ends its list with what was asked for: `certificate is valid for A, B, not C`.
fn not_for(line: &str) -> Option<&str> {
    let rest = &line[line.find("certificate is valid for ")?..];
    let name = &rest[rest.find(", not ")? + 6..];
    let end = name.find(|c: char| c.is_whitespace() || "\"',;)]".contains(c)).unwrap_or(name.len());
    Some(&name[..end]).filter(|name| !name.is_empty() && name.len() <= LONGEST)
}

/// The first URL without user and query, and the server in it.
fn url(line: &str) -> Option<(String, String)> {
    let start = line.find("https://")?;
    let rest = &line[start + 8..];
    let end = rest.find(|c: char| c.is_whitespace() || "\"'?#,;)>".contains(c)).unwrap_or(rest.len());
    let (authority, path) = rest[..end].split_at(rest[..end].find('/').unwrap_or(end));
    let server = authority.rsplit('@').next().unwrap_or_default().trim_end_matches(':');
    let path = path.trim_end_matches(':');
    if server.is_empty() || end > LONGEST {
        return None;
    }
    let has_port = server.rsplit_once(':').is_some_and(|(host, port)| {
        port.bytes().all(|byte| byte.is_ascii_digit()) && (!host.contains(':') || host.ends_with(']'))
    });
    let endpoint = if has_port { server.to_owned() } else { format!("{server}:443") };
    Some((format!("https://{server}{path}"), endpoint))
}

/// The server of a line without a URL: Go's `dial tcp HOST:PORT`, etcd's and kubeadm's ways to say it.
fn dialled(line: &str) -> Option<&str> {
    let after = ["dial tcp ", "Failed to dial ", "API Server \"", "{Addr: \"", "connect to "];
    after.iter().find_map(|after| {
        let rest = &line[line.find(after)? + after.len()..];
        let word =
            rest[..rest.find(|c: char| c.is_whitespace() || "\",;)".contains(c)).unwrap_or(rest.len())].trim_end_matches(':');
        let (host, port) = word.rsplit_once(':')?;
        let is_one = !host.is_empty() && port.parse::<u16>().is_ok() && word.len() <= LONGEST;
        is_one.then_some(word)
    })
}

/// The first absolute path of a file that may hold a certificate or key.
fn file(line: &str) -> Option<&str> {
    let words =
        line.split(|c: char| c.is_whitespace() || "\"'(),;=[]<>".contains(c)).map(|word| word.trim_end_matches([':', '.']));
    words
        .filter(|word| word.starts_with('/') && word.len() <= LONGEST)
        .find(|word| FILES.iter().any(|ending| word.ends_with(ending)))
}

#[cfg(test)]
mod tests {
    use super::super::words::Words;
    use super::*;

    fn fact(line: &str, wanted: &str) -> Option<String> {
        let words = Words::new().unwrap();
        facts(line, &words.present(line)).into_iter().find(|(key, _)| *key == wanted).map(|(_, value)| match value {
            Evidence::Text(text) => text,
            Evidence::Number(number) => number.to_string(),
            Evidence::Time(at) => crate::model::when::to_the_second(at),
            Evidence::List(list) => list.join(" "),
        })
    }

    #[test]
    fn facts_are_found_where_they_stand() {
        let cases = [
            ("x509: certificate is valid for a, b, not c\"", "validFor", "a b"),
            ("x509: certificate is valid for a, b, not c\"", "notFor", "c"),
            ("Get \\\"https://u:p@[::1]:6443/api?x=y\\\": x509", "url", "https://[::1]:6443/api"),
            ("Get https://h/api: x509", "endpoint", "h:443"),
            ("Get https://[::1]/api: x509", "endpoint", "[::1]:443"),
            ("Failed to dial 10.0.0.1:2379: connection", "endpoint", "10.0.0.1:2379"),
            ("is expired: 2018-07-06 12:32:00 +0000 UTC", "notAfter", "2018-07-06 12:32:00"),
            ("in /etc/kubernetes/kubelet.conf is expired: 2022-05-17 04:45:09 +0000 UTC", "file", "/etc/kubernetes/kubelet.conf"),
            ("current time 2021-03-04T10:11:12Z is before 2021-03-04T10:18:40Z", "secondsApart", "448"),
            ("NotAfter: Sat Jan 02 10:00:00 UTC 2021", "notAfter", "2021-01-02 10:00:00"),
            ("verifying certificate SN=77, SKID=, AKID=1A:2B failed", "serial", "77"),
            ("verifying certificate SN=77, SKID=, AKID=1A:2B failed", "authorityKeyId", "1A:2B"),
            ("verify error:num=20:unable", "verifyError", "20"),
            ("curl: (60) SSL", "curlExit", "60"),
            ("(35) error:1408F10B:SSL routines", "opensslError", "1408F10B"),
            ("TLS error: 268435581:SSL routines", "opensslError", "268435581"),
            ("candidate authority certificate \\\"kubernetes\\\")", "candidateAuthority", "kubernetes"),
        ];
        for (line, key, value) in cases {
            assert_eq!(fact(line, key).as_deref(), Some(value), "{key} in {line}");
        }
        assert_eq!(fact("certificate is valid for , not ", "notFor"), None);
        assert_eq!(fact("remote error: tls: bad certificate", "opensslError"), None);
    }
}
