//! CHECKS: one row for every finding code. The audit runs from it, `kcert checks` and the man page print from it.

mod certificates;
mod cluster;
mod objects;

use super::{Context, Findings};
use crate::model::Code;
use std::sync::LazyLock;

/// What a code is about: the first column of the contract's table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Area {
    /// When certificates begin and end.
    Dates,
    /// Keys and signatures.
    Keys,
    /// Who issued what, and bundles.
    Chain,
    /// Names in certificates.
    Names,
    /// What could not be read.
    Input,
    /// kubeconfigs.
    Kubeconfig,
    /// The control plane's own files.
    ControlPlane,
    /// What processes serve.
    Served,
    /// Objects of the API.
    Objects,
    /// Istio.
    Istio,
    /// What an upgrade brings.
    Upgrade,
}

impl Area {
    /// The words for people.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Dates => "dates",
            Self::Keys => "keys",
            Self::Chain => "chain",
            Self::Names => "names and usage",
            Self::Input => "input",
            Self::Kubeconfig => "kubeconfig",
            Self::ControlPlane => "control plane",
            Self::Served => "served",
            Self::Objects => "API objects",
            Self::Istio => "Istio",
            Self::Upgrade => "upgrade",
        }
    }
}

/// A row of the table.
pub struct Check {
    /// The code.
    pub code: Code,
    /// What it is about.
    pub area: Area,
    /// The severities it can have, in words.
    pub severity: &'static str,
    /// What the finding means.
    pub meaning: &'static str,
    /// What to do about it.
    pub action: &'static str,
    /// Where the rule comes from.
    pub cites: &'static [&'static str],
    /// Looks for it.
    pub(super) run: fn(&Context<'_>, &mut Findings),
}

/// The row of a code.
#[must_use]
pub fn check(code: Code) -> Option<&'static Check> {
    CHECKS.iter().copied().find(|check| check.code == code)
}

/// Every check, in the order of the contract: what is wrong with certificates themselves, then what is wrong between them.
pub static CHECKS: LazyLock<Vec<&'static Check>> =
    LazyLock::new(|| certificates::ROWS.iter().chain(cluster::ROWS).chain(objects::ROWS).collect());

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_has_exactly_one_row_in_order() {
        let rows: Vec<_> = CHECKS.iter().map(|check| check.code).collect();
        assert_eq!(rows, Code::ALL);
    }

    #[test]
    fn every_row_says_something() {
        for check in CHECKS.iter() {
            assert!(!check.meaning.is_empty() && !check.action.is_empty() && !check.severity.is_empty(), "{}", check.code);
        }
    }
}
