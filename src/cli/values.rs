//! Values on the command line: instants, thresholds, verifiers.

use crate::audit::Threshold;
use crate::probe::{NotAProxy, Proxy, Sni};
use crate::verify::{KubernetesVersion, NotAKubernetesVersion, UnknownVerifier, Verifier};
use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;
use time::format_description::well_known::Rfc3339;
use time::macros::format_description;
use time::{Date, Duration, OffsetDateTime};

/// An instant, absolute or as a distance from now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Instant {
    /// RFC 3339, or midnight UTC of a date.
    Absolute(OffsetDateTime),
    /// `+30d`, `-12h`.
    FromNow(Duration),
}

impl Instant {
    /// The instant, given the present.
    #[must_use]
    pub fn resolve(self, now: OffsetDateTime) -> Option<OffsetDateTime> {
        match self {
            Self::Absolute(at) => Some(at),
            Self::FromNow(distance) => now.checked_add(distance),
        }
    }
}

/// Why a value was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// No instant.
    Instant,
    /// No threshold.
    Threshold,
    /// No time to wait.
    Wait,
    /// No name that can be asked for.
    ServerName,
    /// No host with an address.
    Resolved,
    /// No name of a namespace.
    Namespace,
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Instant => "expected RFC 3339 (2026-11-21T20:00:00Z), a date (2026-11-21) or a distance from now (+30d)",
            Self::Wait => "expected a time such as 3s, 500ms or 2m, above zero",
            Self::ServerName => "expected a DNS name, such as apiserver-loopback-client, or nothing",
            Self::Resolved => "expected HOST=ADDRESS, such as api.example=10.0.0.1",
            Self::Namespace => "expected a name of small letters, digits and hyphens, such as kube-system",
            Self::Threshold => "expected days (30d), hours (720h) or a share of the lifetime (33%)",
        })
    }
}

impl std::error::Error for Refused {}

impl FromStr for Instant {
    type Err = Refused;

    fn from_str(text: &str) -> Result<Self, Refused> {
        if let Some(distance) = text.strip_prefix('+') {
            return duration(distance).map(Self::FromNow).ok_or(Refused::Instant);
        }
        if let Some(distance) = text.strip_prefix('-') {
            return duration(distance).map(|distance| Self::FromNow(-distance)).ok_or(Refused::Instant);
        }
        let date = || Date::parse(text, format_description!("[year]-[month]-[day]")).map(|date| date.midnight().assume_utc());
        OffsetDateTime::parse(text, &Rfc3339).or_else(|_| date()).map(Self::Absolute).map_err(|_| Refused::Instant)
    }
}

/// How long before its end a certificate alarms.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Share(pub Threshold);

impl FromStr for Share {
    type Err = Refused;

    fn from_str(text: &str) -> Result<Self, Refused> {
        let percent = |digits: &str| digits.parse().ok().filter(|percent: &u8| *percent <= 100).map(Threshold::Share);
        let threshold = match text.strip_suffix('%') {
            Some(digits) => percent(digits),
            None => duration(text).map(Threshold::Before),
        };
        threshold.map(Self).ok_or(Refused::Threshold)
    }
}

/// How long to wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wait(pub std::time::Duration);

impl FromStr for Wait {
    type Err = Refused;

    fn from_str(text: &str) -> Result<Self, Refused> {
        let milliseconds = match text.strip_suffix("ms") {
            Some(digits) => digits.parse::<u32>().ok().map(u64::from),
            // Without a unit it is seconds, as curl and ping take it.
            None if text.bytes().all(|byte| byte.is_ascii_digit()) => {
                text.parse::<u32>().ok().map(|count| u64::from(count) * 1_000)
            }
            None => duration(text).and_then(|wait| u64::try_from(wait.whole_milliseconds()).ok()),
        };
        let wait = milliseconds.filter(|wait| *wait > 0).map(std::time::Duration::from_millis);
        wait.map(Self).ok_or(Refused::Wait)
    }
}

impl fmt::Display for Wait {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}ms", self.0.as_millis())
    }
}

/// An address that stands in for a resolver's answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resolved {
    /// The host.
    pub host: Box<str>,
    /// Its address.
    pub address: IpAddr,
}

impl FromStr for Resolved {
    type Err = Refused;

    fn from_str(text: &str) -> Result<Self, Refused> {
        let (host, address) = text.split_once('=').ok_or(Refused::Resolved)?;
        let address = address.trim_start_matches('[').trim_end_matches(']').parse().map_err(|_| Refused::Resolved)?;
        if host.is_empty() { Err(Refused::Resolved) } else { Ok(Self { host: host.into(), address }) }
    }
}

/// A name to ask a server for; empty for none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerName(pub Sni);

impl FromStr for ServerName {
    type Err = Refused;

    fn from_str(text: &str) -> Result<Self, Refused> {
        Sni::named(text).map(Self).ok_or(Refused::ServerName)
    }
}

/// The URL of a proxy, read later: clap repeats what it cannot read, and this may hold a password. It has no Debug.
#[derive(Clone)]
pub struct ProxyUrl(String);

impl ProxyUrl {
    /// The proxy.
    ///
    /// # Errors
    /// A URL that is none's.
    pub fn proxy(&self) -> Result<Proxy, NotAProxy> {
        Proxy::parse(&self.0)
    }
}

impl fmt::Debug for ProxyUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProxyUrl").finish_non_exhaustive()
    }
}

impl From<String> for ProxyUrl {
    fn from(text: String) -> Self {
        Self(text)
    }
}

/// A Kubernetes release of which it is known what it is built with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Release(pub KubernetesVersion);

/// Text that names no such release.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NotARelease {
    /// No version at all.
    Malformed(NotAKubernetesVersion),
    /// A version that is not known.
    Unknown(KubernetesVersion),
}

impl FromStr for Release {
    type Err = NotARelease;

    fn from_str(text: &str) -> Result<Self, NotARelease> {
        let version: KubernetesVersion = text.parse().map_err(NotARelease::Malformed)?;
        if version.go().is_some() { Ok(Self(version)) } else { Err(NotARelease::Unknown(version)) }
    }
}

impl fmt::Display for NotARelease {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (oldest, newest) = KubernetesVersion::known();
        match self {
            Self::Malformed(cause) => cause.fmt(f),
            Self::Unknown(version) => {
                write!(f, "it is not known what Kubernetes {version} is built with; known are {oldest} to {newest}")
            }
        }
    }
}

impl std::error::Error for NotARelease {}

/// Whom to ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Judge {
    /// One verifier.
    One(Verifier),
    /// `all`.
    All,
}

impl Judge {
    /// Everybody who was named, once each and in the order given; the newest Go when nobody was.
    #[must_use]
    pub fn verifiers(judges: &[Self]) -> Vec<Verifier> {
        let mut verifiers: Vec<Verifier> = Vec::new();
        for judge in judges {
            let named = match judge {
                Self::One(verifier) => vec![*verifier],
                Self::All => Verifier::all(),
            };
            for verifier in named {
                if !verifiers.contains(&verifier) {
                    verifiers.push(verifier);
                }
            }
        }
        if verifiers.is_empty() { vec![Verifier::newest_go()] } else { verifiers }
    }
}

impl FromStr for Judge {
    type Err = UnknownVerifier;

    fn from_str(text: &str) -> Result<Self, UnknownVerifier> {
        if text == "all" { Ok(Self::All) } else { text.parse().map(Self::One) }
    }
}

/// Seconds in a unit.
const UNITS: &[(char, i64)] = &[('w', 7 * 86_400), ('d', 86_400), ('h', 3_600), ('m', 60), ('s', 1)];

/// The longest distance that is understood: a thousand years.
const LONGEST: i64 = 1_000 * 365 * 86_400;

/// A number and a unit: `30d`, `720h`, `90m`. A bare number is days, as Nagios plugins take it.
fn duration(text: &str) -> Option<Duration> {
    let (digits, size) = match UNITS.iter().find(|(unit, _)| text.ends_with(*unit)) {
        Some((unit, size)) => (text.strip_suffix(*unit)?, *size),
        None => (text, 86_400),
    };
    let count = digits.parse::<u32>().ok().filter(|_| !digits.starts_with('+'))?;
    let seconds = i64::from(count).checked_mul(size).filter(|seconds| *seconds <= LONGEST)?;
    Some(Duration::seconds(seconds))
}

/// A namespace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Namespace(pub String);

impl FromStr for Namespace {
    type Err = Refused;

    /// RFC 1123 labels are what namespaces are called; anything else would only be refused by the server, or lead somewhere else there.
    fn from_str(text: &str) -> Result<Self, Refused> {
        let inner = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        let is_one = (1..=63).contains(&text.len()) && text.bytes().all(inner) && !text.starts_with('-') && !text.ends_with('-');
        if is_one { Ok(Self(text.to_owned())) } else { Err(Refused::Namespace) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn releases_are_known_ones() {
        let release = |text: &str| text.parse::<Release>().map_err(|error| error.to_string());
        assert_eq!(release("v1.34.2"), Ok(Release(KubernetesVersion { minor: 34, patch: 2 })));
        let (oldest, newest) = KubernetesVersion::known();
        let wanted = format!("it is not known what Kubernetes 1.99 is built with; known are {oldest} to {newest}");
        assert_eq!(release("1.99"), Err(wanted));
        assert!(release("newest").is_err());
    }
    use time::macros::datetime;

    #[test]
    fn instants() {
        let now = datetime!(2026-11-21 20:00 UTC);
        for (text, at) in [
            ("2026-11-21T20:00:00Z", datetime!(2026-11-21 20:00 UTC)),
            ("2026-11-21T21:00:00+01:00", datetime!(2026-11-21 20:00 UTC)),
            ("2026-12-01", datetime!(2026-12-01 0:00 UTC)),
            ("+30d", datetime!(2026-12-21 20:00 UTC)),
            ("-1h", datetime!(2026-11-21 19:00 UTC)),
        ] {
            assert_eq!(text.parse::<Instant>().ok().and_then(|at| at.resolve(now)), Some(at), "{text}");
        }
        for text in ["", "tomorrow", "2026-13-01", "+", "+d", "+-3d", "+99999999999d", "++3d", "+4000000000w"] {
            assert_eq!(text.parse::<Instant>(), Err(Refused::Instant), "{text}");
        }
    }

    #[test]
    fn verifiers_are_asked_once_in_the_order_given() {
        let asked = |names: &[&str]| {
            let judges: Vec<Judge> = names.iter().map(|name| name.parse().unwrap()).collect();
            Judge::verifiers(&judges).iter().map(ToString::to_string).collect::<Vec<_>>()
        };
        assert_eq!(asked(&["openssl", "go1.24", "openssl", "rustls"]), ["openssl", "go1.24", "rustls"]);
        assert_eq!(asked(&[]), [Verifier::newest_go().to_string()]);
        assert_eq!(asked(&["rustls", "all"]).len(), Verifier::all().len());
        assert_eq!(asked(&["rustls", "all"])[..2], ["rustls", "rfc5280"]);
        assert!("everybody".parse::<Judge>().is_err());
    }

    #[test]
    fn waits_and_addresses() {
        for (text, milliseconds) in [("3s", 3_000), ("500ms", 500), ("2m", 120_000), ("5", 5_000)] {
            assert_eq!(text.parse(), Ok(Wait(std::time::Duration::from_millis(milliseconds))), "{text}");
        }
        for text in ["", "0s", "0", "-1s", "x", "ms", "1.5s"] {
            assert_eq!(text.parse::<Wait>(), Err(Refused::Wait), "{text}");
        }
        let resolved: Resolved = "api.example=[::1]".parse().unwrap();
        assert_eq!((&*resolved.host, resolved.address.to_string().as_str()), ("api.example", "::1"));
        for text in ["", "a", "=::1", "a=b"] {
            assert_eq!(text.parse::<Resolved>(), Err(Refused::Resolved), "{text}");
        }
    }

    #[test]
    fn thresholds() {
        assert_eq!("30d".parse(), Ok(Share(Threshold::Before(Duration::days(30)))));
        assert_eq!("720h".parse(), Ok(Share(Threshold::Before(Duration::days(30)))));
        assert_eq!("14".parse(), Ok(Share(Threshold::Before(Duration::days(14)))));
        assert_eq!("33%".parse(), Ok(Share(Threshold::Share(33))));
        for text in ["", "x", "101%", "-3d", "%", "3y"] {
            assert_eq!(text.parse::<Share>(), Err(Refused::Threshold), "{text}");
        }
    }

    #[test]
    fn namespaces_are_labels() {
        for name in ["a", "kube-system", "0x"] {
            assert_eq!(name.parse(), Ok(Namespace(name.to_owned())));
        }
        for name in ["", "A", "-a", "a-", "a/b", "a.b", "../x", &"x".repeat(64)] {
            assert_eq!(name.parse::<Namespace>(), Err(Refused::Namespace), "{name}");
        }
    }
}
