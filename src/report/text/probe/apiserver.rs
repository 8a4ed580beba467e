//! The API server as a kubeconfig sees it, step by step up to the first that fails.

use super::super::index::{Index, common_name, identity};
use super::super::line::{Text, join};
use super::super::page::Page;
use super::super::table::{Column, Table};
use super::{Talk, no_talk};
use crate::model::peer::{Alert, ClientAuth, End, LoginUsed, Peer, Reply, Session};
use crate::model::{Certificate, Code, Finding, Holding, Kubeconfig, Slot, when};
use crate::report::style::{Mark, Style};
use std::io;
use std::sync::Arc;
use time::Duration;

const STEPS: &[Column] = &[Column::whole(""), Column::words("", 30)];

/// Every address, step by step. Returns the codes that were said with that.
pub(super) fn render(page: &mut Page<'_>, index: &Index<'_>, talks: &[Talk<'_>]) -> io::Result<&'static [Code]> {
    page.line(0, &heading(index, talks))?;
    for talk in talks {
        if talks.len() > 1 {
            page.part()?;
        }
        let mut table = Table::new(STEPS);
        for (mark, step, words) in steps(index, talk) {
            table.row(Text::of("  "), [Text::new().mark(mark).say(step), words]);
        }
        page.table(&table)?;
    }
    Ok(&[])
}

/// `admin@prod: kubernetes-admin → https://10.0.0.11:6443`.
fn heading(index: &Index<'_>, talks: &[Talk<'_>]) -> Text {
    let kubeconfig = index.report.inventory.kubeconfigs.first();
    let context = kubeconfig.and_then(|it| it.contexts.first());
    let server = kubeconfig.and_then(|it| it.clusters.first()).map(|cluster| Text::quoted(&cluster.server));
    let server = server.or_else(|| talks.first().map(Talk::name)).unwrap_or_default();
    match context {
        Some(context) => Text::quoted(&context.name).styled(Style::Strong).say("  ").quote(&context.user).say(" → ").then(server),
        None => server,
    }
}

type Row = (Mark, &'static str, Text);

fn steps(index: &Index<'_>, talk: &Talk<'_>) -> Vec<Row> {
    let peer = talk.peer;
    let reached = match peer.address {
        Some(address) => (Mark::Fine, "connect", Text::quoted(address)),
        None => (Mark::Fine, "connect", Text::of("through the proxy")),
    };
    let Some(session) = &peer.session else { return vec![(Mark::Unsure, "connect", no_talk_words(talk))] };
    let mut rows = vec![reached, server(index, talk, session)];
    if session.end == End::Distrusted {
        rows.push((
            Mark::Note,
            "client",
            Text::of("no credential was sent, and nothing asked: this server is not the kubeconfig's"),
        ));
        return rows;
    }
    rows.push(client(index, peer, session));
    if let Some(reply) = &peer.reply {
        rows.push(version(reply));
        rows.extend(clock(reply));
    }
    if let Some(trouble) = talk.trouble() {
        rows.push((Mark::Unsure, "reply", trouble));
    }
    rows
}

fn no_talk_words(talk: &Talk<'_>) -> Text {
    let address = talk.peer.address.map(|address| Text::quoted(address).say("  ")).unwrap_or_default();
    address.then(no_talk(talk))
}

/// The server's certificate against the kubeconfig's CA and name.
fn server(index: &Index<'_>, talk: &Talk<'_>, session: &Session) -> Row {
    let Some((holding, leaf)) = talk.holding.and_then(|holding| holding.certificates().next().map(|(_, leaf)| (holding, leaf)))
    else {
        return (Mark::Unsure, "server", Text::of("presented nothing"));
    };
    let agreed =
        join([Text::quoted(session.version), session.cipher_suite.as_deref().map(Text::quoted).unwrap_or_default()], " ");
    let status = index.status(leaf);
    let name = common_name(leaf).say(", ").then(status.long()).say(" ").then(status.distance());
    let against: Vec<&Finding> = faults(index, holding);
    let unverified = index.report.inventory.kubeconfigs.iter().flat_map(|it| &it.clusters).any(|it| it.insecure_skip_tls_verify);
    let (mark, verdict) = match against.first() {
        Some(first) => (Mark::Bad, Text::quoted(&first.message).styled(Style::Bad)),
        None if session.end == End::Distrusted => (Mark::Bad, Text::of("not trusted now").styled(Style::Bad)),
        None if unverified => (Mark::Caution, Text::of("not verified (insecure-skip-tls-verify)")),
        None => (status.mark, Text::of("signed by the kubeconfig's CA, and for this name")),
    };
    (mark, "server", join([name, verdict, agreed.styled(Style::Dim)], "; "))
}

fn faults<'a>(index: &Index<'a>, holding: &Holding) -> Vec<&'a Finding> {
    const AGAINST: &[Code] = &[Code::CaDoesNotSignServer, Code::NameMismatch, Code::Untrusted];
    let concerns = |finding: &&Finding| finding.origins.iter().any(|(origin, _)| origin.place() == holding.origin.place());
    index.report.audit.findings.iter().filter(|finding| AGAINST.contains(&finding.code)).filter(concerns).collect()
}

/// Whether the credential was taken.
fn client(index: &Index<'_>, peer: &Peer, session: &Session) -> Row {
    let refused = |alert: Alert| Text::of("refused with the alert ").quote(alert).styled(Style::Bad);
    let status = peer.reply.as_ref().map(|reply| reply.status);
    let who = match peer.login {
        LoginUsed::Certificate => client_certificate(index)
            .map_or_else(|| Text::of("client certificate"), |leaf| identity(&leaf).unwrap_or_else(|| common_name(&leaf))),
        LoginUsed::Token => Text::of("bearer token"),
        LoginUsed::Password => Text::of("user name and password"),
        LoginUsed::Anonymous => Text::of("no credential that kcert can show (none, or a plugin's)"),
    };
    match (&session.end, status) {
        (End::Refused(alert), _) => (Mark::Bad, "client", who.say(": ").then(refused(*alert))),
        (_, Some(401)) if peer.login == LoginUsed::Anonymous => {
            (Mark::Note, "client", who.say(": 401, the server wants to know who asks"))
        }
        (_, Some(401)) => (Mark::Bad, "client", who.say(": ").then(Text::of("refused, 401 Unauthorized").styled(Style::Bad))),
        (_, Some(_)) if peer.login == LoginUsed::Certificate && session.client_auth == ClientAuth::NotAsked => {
            (Mark::Caution, "client", who.say(": the server did not ask for it"))
        }
        (_, Some(_)) if peer.login == LoginUsed::Anonymous => (Mark::Note, "client", who),
        (_, Some(_)) => (Mark::Fine, "client", who.say(": accepted")),
        (_, None) => (Mark::Unsure, "client", who.say(": no answer")),
    }
}

fn client_certificate(index: &Index<'_>) -> Option<Arc<Certificate>> {
    let kubeconfig: &Kubeconfig = index.report.inventory.kubeconfigs.first()?;
    let user = kubeconfig.users.first()?;
    let field = format!("users[{}].client-certificate", user.name);
    let places = index.material(kubeconfig, &field);
    let credential = places.into_iter().find(|holding| holding.origin.slot == Slot::Credential)?;
    credential.certificates().next().map(|(_, leaf)| Arc::clone(leaf))
}

fn version(reply: &Reply) -> Row {
    if let Some(version) = &reply.version {
        let built = [version.go_version.as_deref(), version.platform.as_deref()].into_iter().flatten();
        let built = join(built.map(Text::quoted), ", ");
        return (Mark::Fine, "version", Text::of("Kubernetes ").quote(&version.git_version).say(" (").then(built).say(")"));
    }
    let reason = reply.reason.as_deref().map(|reason| Text::of(": ").quote(reason)).unwrap_or_default();
    (Mark::Unsure, "version", Text::of("HTTP ").quote(reply.status).then(reason))
}

/// The server's clock against ours.
fn clock(reply: &Reply) -> Option<Row> {
    let apart = (reply.date? - reply.received).abs();
    let theirs = Text::of("server ").quote(when::moment(reply.date?));
    Some(if apart > Duration::minutes(5) {
        (Mark::Caution, "clock", theirs.say(", ").quote(apart.whole_minutes()).say(" minutes from this machine's"))
    } else {
        (Mark::Fine, "clock", theirs.say(", as this machine's"))
    })
}
