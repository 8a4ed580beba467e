//! The instant at which things are judged, and how early they alarm.

use crate::model::{Certificate, Severity, Validity};
use crate::verify::KubernetesVersion;
use time::{Duration, OffsetDateTime};

/// How long before its end a certificate alarms.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Threshold {
    /// So long before the end.
    Before(Duration),
    /// When this many percent of the lifetime are left.
    Share(u8),
}

/// What a judgement depends on besides the inventory.
#[derive(Clone, Copy, Debug)]
pub struct Policy {
    /// The instant that dates are judged at.
    pub at: OffsetDateTime,
    /// When `expiring` is a warning.
    pub warn: Threshold,
    /// When it is critical.
    pub crit: Threshold,
    /// The Kubernetes version that the cluster is to be upgraded to.
    pub target: Option<KubernetesVersion>,
    /// The one that it has, where the user says so; else what was gathered tells.
    pub from: Option<KubernetesVersion>,
}

/// Certificates that live shorter than this get thresholds as shares, so that 24-hour workload certificates do not always alarm.
const SHORT_LIVED: Duration = Duration::days(90);
/// The shares that days become for them.
const SHORT_LIVED_WARN: u8 = 33;
const SHORT_LIVED_CRIT: u8 = 10;

/// How a certificate stands at the instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Valid, and for long enough.
    Valid,
    /// Valid, and its end is near: `Warning` or `Critical`.
    Expiring(Severity),
    /// Its time is over.
    Expired,
    /// Its time has not come.
    NotYetValid,
}

/// The thresholds for one lifetime, as times before its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Margins {
    /// Less than this left is a warning.
    pub warn: Duration,
    /// Less than this left is critical.
    pub crit: Duration,
}

impl Policy {
    /// Thirty and seven days.
    #[must_use]
    pub fn at(at: OffsetDateTime) -> Self {
        Self {
            at,
            warn: Threshold::Before(Duration::days(30)),
            crit: Threshold::Before(Duration::days(7)),
            target: None,
            from: None,
        }
    }

    /// How a certificate stands by its own dates.
    #[must_use]
    pub fn standing(&self, certificate: &Certificate) -> Standing {
        let validity = certificate.validity;
        if validity.is_over(self.at) {
            Standing::Expired
        } else if validity.is_to_come(self.at) {
            Standing::NotYetValid
        } else {
            self.nearing(validity, validity.not_after).map_or(Standing::Valid, Standing::Expiring)
        }
    }

    /// How bad it is that something with this lifetime ends at `end`: `None` while there is time.
    #[must_use]
    pub fn nearing(&self, validity: Validity, end: OffsetDateTime) -> Option<Severity> {
        let left = end - self.at;
        let margins = self.margins(validity);
        if left <= margins.crit {
            Some(Severity::Critical)
        } else if left <= margins.warn {
            Some(Severity::Warning)
        } else {
            None
        }
    }

    /// The thresholds for something with this lifetime.
    #[must_use]
    pub fn margins(&self, validity: Validity) -> Margins {
        let lifetime = validity.lifetime();
        Margins { warn: margin(self.warn, lifetime, SHORT_LIVED_WARN), crit: margin(self.crit, lifetime, SHORT_LIVED_CRIT) }
    }
}

fn margin(threshold: Threshold, lifetime: Duration, short_lived_share: u8) -> Duration {
    match threshold {
        Threshold::Share(percent) => lifetime * percent / 100_u8,
        Threshold::Before(_) if lifetime < SHORT_LIVED => lifetime * short_lived_share / 100_u8,
        Threshold::Before(before) => before,
    }
}
