//! Passwords to try, and how much trying a run may cost.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use zeroize::Zeroizing;

/// A password. Wiped when let go, never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Password(Zeroizing<String>);

impl Password {
    /// Takes a text; whoever copied it wipes the copies.
    #[must_use]
    pub fn new(text: Zeroizing<String>) -> Self {
        Self(text)
    }

    /// The text, to be tried.
    pub(in crate::decode) fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(password)")
    }
}

/// What is tried on keystores, in order: what was given, then none, then the one that Java's own keystore has.
pub struct Passwords(Vec<Password>);

impl Passwords {
    /// The ones given, and the two that are always tried.
    #[must_use]
    pub fn new(given: impl IntoIterator<Item = Password>) -> Self {
        let always = ["", "changeit"].map(|password| Password::new(Zeroizing::new(password.to_owned())));
        let mut passwords: Vec<Password> = Vec::new();
        for password in given.into_iter().chain(always) {
            if !passwords.contains(&password) {
                passwords.push(password);
            }
        }
        Self(passwords)
    }

    /// The passwords, in the order in which they are tried.
    pub(in crate::decode) fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(Password::as_str)
    }
}

impl Default for Passwords {
    fn default() -> Self {
        Self::new([])
    }
}

impl fmt::Debug for Passwords {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(passwords)")
    }
}

/// Rounds of one derivation beyond which a keystore is not real. Java takes 10,000, openssl 2,048; OWASP asks for 1,300,000.
pub(super) const MOST_ROUNDS: u32 = 5_000_000;

/// Rounds that all derivations of a run may take together, about a minute's worth: files that ask for more are out to waste time.
const BUDGET: u64 = 300_000_000;

/// What is left of the work. Shared by threads.
#[derive(Debug)]
pub(in crate::decode) struct Budget(AtomicU64);

impl Budget {
    /// A run's whole budget.
    pub(in crate::decode) fn new() -> Self {
        Self(AtomicU64::new(BUDGET))
    }

    /// Takes so many rounds from it; `false` where so many are not left.
    pub(super) fn spend(&self, rounds: u64) -> bool {
        self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(rounds)).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_passwords_are_always_tried_and_none_is_shown() {
        let given = ["s3cr3t", "changeit", "s3cr3t"].map(|password| Password::new(Zeroizing::new(password.to_owned())));
        let passwords = Passwords::new(given);
        assert_eq!(passwords.iter().collect::<Vec<_>>(), ["s3cr3t", "changeit", ""]);
        assert!(!format!("{passwords:?}").contains("s3cr3t"));
    }

    #[test]
    fn a_budget_ends() {
        let budget = Budget::new();
        assert!(budget.spend(BUDGET - 1));
        assert!(!budget.spend(2), "what is left is kept");
        assert!(budget.spend(1));
        assert!(!budget.spend(1));
    }
}
