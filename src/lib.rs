//! kcert decodes whatever holds a certificate in a Kubernetes or Istio cluster, rebuilds who issued what, and says what will break.
//!
//! The house, bytes in at the top of the left column, words out at the bottom:
//!
//! ```text
//!              model              nouns; imports nothing of ours (der beside it reads DER)
//!             /     \
//!        decode      chain        bytes → nouns                | issuer graph, signatures
//!       /   |          |
//! gather  probe      verify       the disk and API, the wire   | one trust question, one verifier → verdict
//!       \   |          |    explain                             | a log → which handshake, who refused, why
//!      mint |        audit        certificates made            | every check → findings
//!        \  |          |
//!        demo        plan         a small cluster to try       | steps, rehearsed on a copy
//!           |        report       documents → text, json, jsonl, nagios, metrics
//!            \        /
//!               cli               the only place both columns meet
//! ```
//!
//! The spine: [`gather`] and [`probe`] fill an [`model::Inventory`]; [`chain::Graph`] links it; [`audit`] judges it at an instant;
//! [`report`] writes it down. `tests/architecture.rs` keeps the walls.

pub mod audit;
pub mod chain;
pub mod cli;
pub mod decode;
pub mod demo;
mod der;
pub mod explain;
pub mod gather;
pub mod mint;
pub mod model;
pub mod plan;
pub mod probe;
pub mod report;
pub mod verify;
