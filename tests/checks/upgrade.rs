//! What the version refuses that a cluster is upgraded to.

use super::trust::case;
use super::{Case, found_by, single};
use kcert::audit::Policy;
use kcert::mint::{NOW, pki};
use kcert::model::{Code, Severity};

fn upgrade(from: &str, target: &str) -> Policy {
    Policy { from: Some(from.parse().unwrap()), target: Some(target.parse().unwrap()), ..Policy::at(NOW) }
}

pub(super) fn cases() -> Vec<(Policy, Case)> {
    let sound = || single(&pki().leaf("old").server().dns("old").self_signed().unwrap().pem());
    let refused = |fails: &str| case(Code::RejectedByTarget, Severity::Critical, single(fails), sound());
    vec![
        (upgrade("1.31", "1.32"), refused(NEGATIVE_SERIAL)),
        (upgrade("1.32", "1.33"), refused(RSA_1000)),
        (upgrade("1.23", "1.24"), refused(BY_SHA1)),
    ]
}

#[test]
fn a_rule_is_told_at_the_upgrade_that_brings_it_and_at_no_other() {
    for (text, from, target, is_told) in [
        // Go 1.23 refuses it; 1.31.7 is built with it and keeps the settings of 1.31.0.
        (NEGATIVE_SERIAL, "1.31.7", "1.32", true),
        (NEGATIVE_SERIAL, "1.30", "1.31.7", false),
        (NEGATIVE_SERIAL, "1.32", "1.36", false),
        (RSA_1000, "1.28", "1.36", true),
        (RSA_1000, "1.30", "1.32.12", false),
        (RSA_1000, "1.33", "1.34", false),
        (BY_SHA1, "1.22", "1.30", true),
        (BY_SHA1, "1.24", "1.30", false),
    ] {
        let found = found_by(&upgrade(from, target), &single(text));
        assert_eq!(found.iter().any(|(code, _)| *code == Code::RejectedByTarget), is_told, "{from} → {target}: {found:?}");
    }
}

/// A certificate with the serial number -123.
const NEGATIVE_SERIAL: &str = "-----BEGIN CERTIFICATE-----
MIIBUTCB96ADAgECAgGFMAoGCCqGSM49BAMCMA4xDDAKBgNVBAMMA29sZDAeFw0y
NTAxMDEwMDAwMDBaFw0zNTAxMDEwMDAwMDBaMA4xDDAKBgNVBAMMA29sZDBZMBMG
ByqGSM49AgEGCCqGSM49AwEHA0IABFPnqvAPF4yCrm5AEI/ixBX5VVGwTz9Mgoqm
XOouo+DPw8YTJaSNSJw3ltmGx/ABrFPJlnLTqy//Yl1P0YVLTMGjRjBEMBMGA1Ud
JQQMMAoGCCsGAQUFBwMBMA4GA1UdEQQHMAWCA29sZDAdBgNVHQ4EFgQUN4tiSE/E
aRquQjf2gF2keNKmD74wCgYIKoZIzj0EAwIDSQAwRgIhAJxV7Pt/1rqVtQhEEhHP
UfaRd54X/G5go20/FVsZ1jFJAiEAqcbZwJDPXPNqAf0cdP21oAgVJls8iQLB/Olz
6R3Nouk=
-----END CERTIFICATE-----
";

/// A certificate with an RSA key of 1000 bits.
const RSA_1000: &str = "-----BEGIN CERTIFICATE-----
MIIB0DCCAT2gAwIBAgIBAzANBgkqhkiG9w0BAQsFADAOMQwwCgYDVQQDDANvbGQw
HhcNMjUwMTAxMDAwMDAwWhcNMzUwMTAxMDAwMDAwWjAOMQwwCgYDVQQDDANvbGQw
gZswDQYJKoZIhvcNAQEBBQADgYkAMIGFAn4ApmpEXdU376/h2Jx3TZujyPt1qMa7
TsUGA/UkfDSO4drJz/5NW6sPci/fHQs7dXtUXmcn/tUvyvY+tri37P/jQzIIXF/a
X045cRTvTJwHDYhfKWQogX6uRwyUkeSDM3yj+e1XKWqDV1ixdWECrF9sz+8DFekn
s8FFJeEmQycCAwEAAaNGMEQwEwYDVR0lBAwwCgYIKwYBBQUHAwEwDgYDVR0RBAcw
BYIDb2xkMB0GA1UdDgQWBBTTpobQXZiMfHV6e5FRfuZ5D7JKbDANBgkqhkiG9w0B
AQsFAAN+AE4lQXV7HsSL2yj4gOTeAZYxH/VKEudlapfjJ1PajbItR8dzuFrfjq0e
1iy0F1a/t8wjDnGynTmNHOKGnktS4mlruNVn6rHnFi/hixqzRfRtK51NYOrpxATJ
C8tPE8B6W9n0OB5hZgYU7zbwyUSIeONO1o/0YARIoUvWnLBi
-----END CERTIFICATE-----
";

/// A certificate that its issuer signed with SHA-1, and the issuer.
const BY_SHA1: &str = "-----BEGIN CERTIFICATE-----
MIIBcjCCARqgAwIBAgIBAjAJBgcqhkjOPQQBMBExDzANBgNVBAMMBk9sZCBDQTAe
Fw0yNTAxMDEwMDAwMDBaFw0zNTAxMDEwMDAwMDBaMA4xDDAKBgNVBAMMA29sZDBZ
MBMGByqGSM49AgEGCCqGSM49AwEHA0IABFPnqvAPF4yCrm5AEI/ixBX5VVGwTz9M
goqmXOouo+DPw8YTJaSNSJw3ltmGx/ABrFPJlnLTqy//Yl1P0YVLTMGjZzBlMBMG
A1UdJQQMMAoGCCsGAQUFBwMBMA4GA1UdEQQHMAWCA29sZDAdBgNVHQ4EFgQUN4ti
SE/EaRquQjf2gF2keNKmD74wHwYDVR0jBBgwFoAURn3nUVOPSJ8idDoK6Nuk4nFR
WHYwCQYHKoZIzj0EAQNHADBEAiBGt9zEixNo3dog/LtQNm5SRucbgkugxPwcgfc4
25RbSgIgXnBCiTGNHiJY5ta0tVfFatku3OIaSr9+CsrXzSqoy7w=
-----END CERTIFICATE-----
-----BEGIN CERTIFICATE-----
MIIBUTCB+aADAgECAgEBMAoGCCqGSM49BAMCMBExDzANBgNVBAMMBk9sZCBDQTAe
Fw0yNTAxMDEwMDAwMDBaFw0zNTAxMDEwMDAwMDBaMBExDzANBgNVBAMMBk9sZCBD
QTBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABD4A0LMQ6fX+yMIXlkvW2Z025kFo
ZIwWJ36rk8EHFo7DcOyAa7ZkMzODJJujY97hYtFhGnFvoJxQYmXUa2jcQ/+jQjBA
MA8GA1UdEwEB/wQFMAMBAf8wDgYDVR0PAQH/BAQDAgIEMB0GA1UdDgQWBBRGfedR
U49InyJ0Ogro26TicVFYdjAKBggqhkjOPQQDAgNHADBEAiBj/z4MAWu5HACQ75Vq
lzxZHLS3AICwNkmKa4zAHyjwUwIgLSRLSeLw8tt7LdJtOF4vgvtOUqiJ7uSA2K2B
FHj5ttY=
-----END CERTIFICATE-----
";
