//! No secret leaves: what may be one is cut out of a line before anything is taken from it.
//!
//! The rules are crude on purpose. Words that announce a secret take what follows with them; blocks in PEM, tokens of known shape and long
//! runs of random letters go wherever they stand.

use super::words::Present;

/// What stands in a secret's place.
pub(super) const CUT: &str = "[cut]";

/// Words that announce a secret, lower case; what follows is cut up to one of the characters.
const ANNOUNCED: &[(&str, &str)] = &[
    ("authorization", "\"'],;"),
    ("cookie:", "\"'"),
    ("bearer ", " \"',;)]"),
    ("basic ", " \"',;)]"),
    ("token=", " \"'&,;)"),
    ("token\":", ",}"),
    ("token: ", " \"',"),
    ("--token ", " \"'"),
    ("token-secret", "\"',}"),
    ("password", "\"'&,;} "),
    ("passwd", "\"'&,;} "),
    ("secret=", " \"'&,;)"),
    ("api_key", "\"'&,;} "),
    ("apikey", "\"'&,;} "),
    ("key-data: ", " \"',}"),
    ("key-data\":", ",}"),
    ("certificate-key ", " \"'"),
];

/// Characters between a word and its value.
const BETWEEN: &[char] = &['"', '\'', ':', '=', '[', ' ', '\\', '\t'];

/// A run that is shorter is no token: a bootstrap token has 23 letters, a JWT more.
const SHORT: usize = 23;

/// A run of letters that is longer and mixed is a key or token, not a name.
const OPAQUE: usize = 32;

/// Every word that is looked for.
pub(super) fn words() -> impl Iterator<Item = &'static str> {
    ANNOUNCED.iter().map(|(word, _)| *word)
}

/// The line without what may be secret.
pub(super) fn redact(line: &str, present: &Present<'_>) -> String {
    let mut text = cut_blocks(line);
    for (word, ends) in ANNOUNCED.iter().filter(|(word, _)| present.has(word)) {
        text = cut_announced(&text, word, ends);
    }
    cut_userinfo(&cut_runs(&text))
}

/// PEM, as one line of JSON or YAML may hold it: from its first dash to the end of its last line, or of the text.
fn cut_blocks(line: &str) -> String {
    let mut text = String::with_capacity(line.len());
    let mut rest = line;
    while let Some(start) = rest.find("-----BEGIN ") {
        text.push_str(&rest[..start]);
        text.push_str(CUT);
        let block = &rest[start..];
        let end = block.find("-----END ").and_then(|at| block[at + 9..].find("-----").map(|close| at + 9 + close + 5));
        rest = end.map_or("", |end| &block[end..]);
    }
    text.push_str(rest);
    text
}

fn cut_announced(line: &str, word: &str, ends: &str) -> String {
    let lower = line.to_ascii_lowercase();
    let mut text = String::with_capacity(line.len());
    let mut from = 0;
    while let Some(at) = lower[from..].find(word).map(|at| from + at + word.len()) {
        text.push_str(&line[from..at]);
        let rest = &line[at..];
        let value = rest.trim_start_matches(BETWEEN);
        text.push_str(&rest[..rest.len() - value.len()]);
        let announced = rest.len() > value.len() || word.ends_with(BETWEEN);
        let length = if announced { value.find(|c| ends.contains(c)).unwrap_or(value.len()) } else { 0 };
        if length > 0 {
            text.push_str(CUT);
        }
        from = line.len() - value.len() + length;
    }
    text.push_str(&line[from..]);
    text
}

/// Runs of letters and digits that no name is made of, and bootstrap tokens.
fn cut_runs(line: &str) -> String {
    let in_run = |c: char| c.is_ascii_alphanumeric() || "+/=_-.".contains(c);
    let mut text = String::with_capacity(line.len());
    let mut rest = line;
    while let Some(start) = rest.find(in_run) {
        text.push_str(&rest[..start]);
        let run = &rest[start..];
        let length = run.find(|c| !in_run(c)).unwrap_or(run.len());
        text.push_str(if is_secret(&run[..length]) { CUT } else { &run[..length] });
        rest = &run[length..];
    }
    text.push_str(rest);
    text
}

fn is_secret(run: &str) -> bool {
    run.len() >= SHORT && (run.starts_with("eyJ") || is_bootstrap_token(run) || run.split(['.', '-']).any(is_opaque))
}

fn is_opaque(piece: &str) -> bool {
    let has = |test: fn(&char) -> bool| piece.chars().filter(test).count();
    let turns = piece.as_bytes().windows(2).filter(|pair| pair[0].is_ascii_uppercase() != pair[1].is_ascii_uppercase()).count();
    piece.len() >= OPAQUE
        && has(char::is_ascii_uppercase) > 2
        && has(char::is_ascii_lowercase) > 2
        && has(char::is_ascii_digit) > 0
        && turns * 6 > piece.len()
}

/// `[a-z0-9]{6}.[a-z0-9]{16}` (kubernetes cluster-bootstrap token/api).
fn is_bootstrap_token(run: &str) -> bool {
    let small = |part: &str| part.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
    run.split_once('.').is_some_and(|(id, secret)| id.len() == 6 && secret.len() == 16 && small(id) && small(secret))
}

/// `https://user:password@host` without the user.
fn cut_userinfo(line: &str) -> String {
    let mut text = String::with_capacity(line.len());
    let mut rest = line;
    while let Some(at) = rest.find("://").map(|at| at + 3) {
        text.push_str(&rest[..at]);
        rest = &rest[at..];
        let authority = rest.find(|c: char| c.is_whitespace() || "/?#\"'".contains(c)).unwrap_or(rest.len());
        if let Some(user) = rest[..authority].rfind('@') {
            text.push_str(CUT);
            rest = &rest[user..];
        }
    }
    text.push_str(rest);
    text
}

#[cfg(test)]
mod tests {
    use super::super::words::Words;
    use super::*;

    fn redacted(line: &str) -> String {
        redact(line, &Words::new().unwrap().present(line))
    }

    #[test]
    fn secrets_are_cut() {
        for (line, secret) in [
            ("Authorization: Bearer abc.def, x509: y", "abc.def"),
            (r#"{"Authorization":["Basic dXNlcjpwYXNz"],"x":1}"#, "dXNlcjpwYXNz"),
            ("-H 'authorization: Token s3cr3t'", "s3cr3t"),
            ("curl https://u:s3cr3t@h/x", "s3cr3t"),
            ("https://h/?access_token=s3cr3t&x=1", "s3cr3t"),
            ("kubeadm join --token abcdef.0123456789abcdef x", "0123456789abcdef"),
            ("got abcdef.0123456789abcdef", "0123456789abcdef"),
            ("-----BEGIN RSA PRIVATE KEY-----\\nMIIs3cr3t\\n-----END RSA PRIVATE KEY-----\\nx", "MIIs3cr3t"),
            ("-----BEGIN PRIVATE KEY-----\\nMIIs3cr3t", "MIIs3cr3t"),
            ("jwt eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJhIn0.c2ln!", "eyJzdWIi"),
            ("client-key-data: LS0tLS1CRUdJTiBSU0E", "LS0tLS1CRUdJTiBSU0E"),
            ("password=s3cr3t x", "s3cr3t"),
            ("\"password\": \"s3cr3t\"", "s3cr3t"),
            ("blob Zm9vYmFyYmF6cXV4Zm9vYmFyYmF6cXV4Zm9vYmFyYmF6cXV4 end", "Zm9vYmFy"),
        ] {
            let shown = redacted(line);
            assert!(!shown.contains(secret) && shown.contains(CUT), "{line} → {shown}");
        }
    }

    #[test]
    fn what_is_no_secret_stays() {
        for line in [
            "Failed to watch *v1.Secret: failed to list *v1.Secret: Get \"https://127.0.0.1:18443/api/v1/secrets?resourceVersion=307\"",
            "/var/lib/kubelet/pki/kubelet-client-2021-03-04-10-11-12.pem",
            "none of the public keys \"sha256:0d5f1b7dcd4c57d3f5d7e4c0a5a0ef7a4a8be6e0a8a1d9a1de0ce9b0eb1cdb72\" are pinned",
            "for token ID \"abcdef\"",
            "https://istio-galley.istio-system.svc:443/admitpilot?timeout=30s",
            "validatingwebhookconfigurations.admissionregistration.k8s.io istio-ingressgateway-7d4b9f6c5-abcde",
        ] {
            assert_eq!(redacted(line), line);
        }
    }
}
