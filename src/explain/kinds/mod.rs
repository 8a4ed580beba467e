//! The table: every kind of error that is known, a file for each subject. Order decides: rows that say more come before those that say
//! less, and the subjects are read in the order of `TABLES`.

mod alerts;
mod dates;
mod files;
mod istio;
mod join;
mod names;
mod node;
mod protocol;
mod trust;

use super::kind::Kind;

/// What servers say when it is a client's certificate that they refused.
const REFUSED_A_CLIENT: &[&str] =
    &["unable to authenticate the request", "failed to verify client", "tls handshake error from", "rejected connection"];

/// The subjects. What belongs to one program comes before what every program may say.
const TABLES: &[&[Kind]] = &[
    istio::KINDS,
    join::KINDS,
    node::KINDS,
    dates::KINDS,
    names::KINDS,
    files::KINDS,
    trust::KINDS,
    alerts::KINDS,
    protocol::KINDS,
];

/// Every row, in the order in which they are asked.
pub fn all() -> impl Iterator<Item = &'static Kind> {
    TABLES.iter().flat_map(|table| table.iter())
}
