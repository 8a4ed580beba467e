//! What differs from release to release without being a rule of its own: how Go reads something, not whether it refuses it.

use super::super::Verifier;
use super::super::rule::Enforcer;

/// The releases that have a habit.
pub(super) struct Habit(&'static [Enforcer]);

impl Habit {
    /// Whether the verifier has it.
    pub(super) fn of(&self, verifier: Verifier) -> bool {
        self.0.iter().any(|enforcer| enforcer.is(verifier))
    }
}

/// Certificates are read by `encoding/asn1` (Go 1.17 replaced it by `cryptobyte`, golang.org/cl/274234).
pub(super) const ENCODING_ASN1: Habit = Habit(&[Enforcer::go_until((15, 0), (17, 0))]);

/// A unique identifier is looked for with the tag of a constructed element, so that one that is there hides the extensions
/// (golang/go#51754).
pub(super) const UNIQUE_IDS_HIDE_EXTENSIONS: Habit =
    Habit(&[Enforcer::go_until((17, 0), (17, 9)), Enforcer::go_until((18, 0), (18, 1))]);

/// ML-DSA keys are known (Go 1.27 release notes).
pub(super) const ML_DSA: Habit = Habit(&[Enforcer::go(27, 0)]);

/// A URL may have anything between brackets (until CVE-2025-47912).
pub(super) const BRACKETS_HOLD_ANYTHING: Habit =
    Habit(&[Enforcer::go_until((15, 0), (24, 8)), Enforcer::go_until((25, 0), (25, 2))]);

/// A URL may have something before a bracketed host.
pub(super) const BRACKETS_ANYWHERE: Habit = Habit(&[Enforcer::go_until((24, 8), (25, 0)), Enforcer::go_until((25, 2), (26, 0))]);

/// The port of an http or https URL begins at its first colon (golang/go#75223, GODEBUG urlstrictcolons).
pub(super) const STRICT_COLONS: Habit = Habit(&[Enforcer::go_unless(26, 0, "urlstrictcolons=0")]);

/// Issuers are looked for by key identifier first, by name only if there is none of that key (until golang.org/cl/232993).
pub(super) const ISSUERS_BY_KEY_ID: Habit = Habit(&[Enforcer::go_until((15, 0), (16, 0))]);

/// A certificate is met again when the very same is on the path, not when subject, key and names agree, and what was found above an
/// intermediate once is not looked for again (until golang/go#48869).
pub(super) const SAME_ENCODING_REPEATS: Habit = Habit(&[Enforcer::go_until((15, 0), (19, 0))]);

/// Candidates that are on the path already count as signature checks (golang/go#78282).
pub(super) const REPEATS_COUNT: Habit = Habit(&[Enforcer::go_until((25, 9), (26, 0)), Enforcer::go(26, 2)]);

/// IP addresses may be written with leading zeros (until CVE-2021-29923).
pub(super) const LEADING_ZEROS: Habit = Habit(&[Enforcer::go_until((15, 0), (17, 0))]);

/// Host names that are IPv6 addresses may have a zone (Go 1.27, `netip.ParseAddr` in VerifyHostname).
pub(super) const ZONES_IN_NAMES: Habit = Habit(&[Enforcer::go(27, 0)]);

/// A URI whose host is an IPv6 address with a zone has an IP address for a host (CVE-2024-45341).
pub(super) const ZONES_IN_URIS: Habit = Habit(&[Enforcer::go_until((22, 11), (23, 0)), Enforcer::go(23, 5)]);

/// A certificate may hold `*` as the pattern of all names of one label (until Go 1.23).
pub(super) const BARE_WILDCARD: Habit = Habit(&[Enforcer::go_until((15, 0), (23, 0))]);

/// A dNSName or a host of a URI may begin with a dot (until Go 1.23).
pub(super) const LEADING_DOTS: Habit = Habit(&[Enforcer::go_until((15, 0), (23, 0))]);

/// Domains with odd characters are let in, and fail when they are compared (Go 1.24.8 and 1.25.2).
pub(super) const ODD_DOMAINS_FAIL_LATE: Habit =
    Habit(&[Enforcer::go_until((24, 8), (24, 9)), Enforcer::go_until((25, 2), (25, 3))]);

/// Server gated crypto counts as serverAuth.
pub(super) const SERVER_GATED_CRYPTO: Habit = Habit(&[Enforcer::go_until((15, 0), (17, 0))]);

/// Excluded names are held against wildcards with the first label of both cut off (CVE-2025-61727; it hits others too, golang/go#76935).
pub(super) const WILDCARDS_EXCLUDED: Habit = Habit(&[Enforcer::go_until((24, 11), (25, 0)), Enforcer::go(25, 5)]);

/// They are held against the excluded names' parents alone (Go 1.26 `constraints.go`).
pub(super) const WILDCARDS_LOOKED_UP: Habit = Habit(&[Enforcer::go(26, 0)]);

/// Of a chain only the end entity's names are held against constraints (until Go 1.19).
pub(super) const CONSTRAINTS_ON_END_ENTITY: Habit = Habit(&[Enforcer::go_until((15, 0), (19, 0))]);

/// The names of the end entity and of the constraining certificate itself are held against constraints (Go 1.19 alone).
pub(super) const CONSTRAINTS_ON_BOTH_ENDS: Habit = Habit(&[Enforcer::go_until((19, 0), (20, 0))]);

/// Excluded names are looked up for wildcards with the case of their letters (Go 1.26.0 and 1.26.1, CVE-2026-33810).
pub(super) const WILDCARDS_BY_CASE: Habit = Habit(&[Enforcer::go_until((26, 0), (26, 2))]);

/// Of several mailboxes with one local part the last constraint counts (Go 1.26.0, CVE-2026-27137).
pub(super) const LAST_MAILBOX_COUNTS: Habit = Habit(&[Enforcer::go_until((26, 0), (26, 1))]);

/// An empty name held against excluded names ends the program (Go 1.26.0, CVE-2026-27138).
pub(super) const EMPTY_NAME_PANICS: Habit = Habit(&[Enforcer::go_until((26, 0), (26, 1))]);

/// Subtrees of addresses are sorted with their host bits, which hides some (until Go 1.27).
pub(super) const HOST_BITS_KEPT: Habit = Habit(&[Enforcer::go_until((26, 0), (27, 0))]);

/// The domain of a mailbox holds no `@` (Go 1.27).
pub(super) const MAILBOXES_HAVE_ONE_AT: Habit = Habit(&[Enforcer::go(27, 0)]);
