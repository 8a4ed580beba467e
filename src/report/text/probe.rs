//! `probe`: what servers presented and said, one screen for each question that they can be asked.

mod apiserver;
mod loopback;
mod tls;

use super::findings;
use super::index::Index;
use super::line::Text;
use super::page::Page;
use crate::audit::served::{self, Served};
use crate::model::peer::Peer;
use crate::model::{Code, Holding, Origin};
use crate::report::style::{Mark, Style};
use crate::report::{Probed, Verification};
use std::cmp::Reverse;
use std::collections::HashMap;
use std::io;
use std::net::IpAddr;

/// The whole screen.
pub(super) fn render(page: &mut Page<'_>, index: &Index<'_>, asked: Probed) -> io::Result<()> {
    let talks = talks(index);
    let said = match asked {
        Probed::Loopback => loopback::render(page, index, &talks)?,
        Probed::Tls => tls::render(page, index, &talks)?,
        Probed::ApiServer => apiserver::render(page, index, &talks)?,
    };
    findings::below_others(page, index, said)
}

/// A conversation with everything that belongs to it.
struct Talk<'a> {
    peer: &'a Peer,
    /// What was presented, and what went wrong.
    holding: Option<&'a Holding>,
    /// The file that the certificate should be.
    file: Option<Served<'a>>,
    /// What came of judging it.
    verification: Option<&'a Verification<'a>>,
}

impl Talk<'_> {
    /// `10.0.0.11:6443`, with the address where a name has several.
    fn name(&self) -> Text {
        let name = Text::quoted(&self.peer.origin.document.source);
        let several = self.peer.origin.field.contains("address=");
        match self.peer.address.filter(|_| several) {
            Some(address) => name.say(" at ").quote(address.ip()),
            None => name,
        }
    }

    /// What went wrong, if something did.
    fn trouble(&self) -> Option<Text> {
        let (_, defect) = self.holding?.defects().next()?;
        Some(Text::quoted(&defect.kind))
    }
}

/// Every conversation in the order of the endpoints: by address, else by name.
fn talks<'a>(index: &Index<'a>) -> Vec<Talk<'a>> {
    let report = index.report;
    let holdings: HashMap<_, _> = report.inventory.holdings.iter().map(|holding| (holding.origin.place(), holding)).collect();
    let files: HashMap<_, _> =
        served::compare(report.inventory).into_iter().map(|served| (served.peer.origin.place(), served)).collect();
    let verdicts: HashMap<_, _> =
        report.verifications.iter().filter_map(|verification| Some((verification.peer?.place(), verification))).collect();
    let talk = |peer: &'a Peer| {
        let place = peer.origin.place();
        Talk {
            peer,
            holding: holdings.get(&place).copied(),
            file: files.get(&place).copied(),
            verification: verdicts.get(&place).copied(),
        }
    };
    let mut talks: Vec<Talk<'_>> = report.inventory.peers.iter().map(talk).collect();
    talks.sort_by_cached_key(|talk| order(&talk.peer.origin));
    talks
}

/// Addresses before names, both in their own order; ports as numbers. Addresses of one name stay as they were resolved.
fn order(origin: &Origin) -> (Reverse<bool>, Option<IpAddr>, String, u16) {
    let source = &*origin.document.source;
    let (host, port) = source.rsplit_once(':').unwrap_or((source, ""));
    let address = host.trim_matches(['[', ']']).parse().ok();
    (Reverse(address.is_some()), address, host.to_owned(), port.parse().unwrap_or(0))
}

/// The codes of conversations that did not come about: where the screen shows each with its reason.
const NO_TALK: &[Code] = &[Code::Unreachable, Code::NotTls];

/// A row's words for a conversation that did not come about.
fn no_talk(talk: &Talk<'_>) -> Text {
    let reason = talk.trouble().unwrap_or_else(|| Text::of("nothing was presented"));
    Text::new().mark(Mark::Unsure).then(reason.styled(Style::Caution))
}
