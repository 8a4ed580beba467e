//! The API server as a kubeconfig sees it, step by step up to the first that fails.

use super::super::index::{Index, common_name, identity};
use super::super::line::{Text, join};
use super::super::page::Page;
use super::super::table::{Column, Table};
use super::Talk;
use crate::model::peer::{Alert, ClientAuth, End, LoginUsed, Peer, Reply, Session};
use crate::model::{Certificate, Code, Finding, Holding, Kubeconfig, Login, Slot, when};
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

/// `admin@prod  kubernetes-admin → https://10.0.0.11:6443`. Context, cluster and user may stand in different files of a merge list.
fn heading(index: &Index<'_>, talks: &[Talk<'_>]) -> Text {
    let all = &index.report.inventory.kubeconfigs;
    let context = all.iter().flat_map(|it| &it.contexts).next();
    let server = all.iter().flat_map(|it| &it.clusters).next().map(|cluster| Text::quoted(&cluster.server));
    let server = server.or_else(|| talks.first().map(Talk::name)).unwrap_or_default();
    match context {
        Some(context) => Text::quoted(&context.name).styled(Style::Strong).say("  ").quote(&context.user).say(" → ").then(server),
        None => server,
    }
}

type Row = (Mark, &'static str, Text);

fn steps(index: &Index<'_>, talk: &Talk<'_>) -> Vec<Row> {
    let peer = talk.peer;
    let address = peer.address.map_or_else(|| Text::of("through the proxy"), Text::quoted);
    let trouble = talk.trouble();
    let Some(session) = &peer.session else {
        return vec![(Mark::Unsure, "connect", join([address, trouble.unwrap_or_default()], "  "))];
    };
    let agreed = [Some(Text::quoted(session.version)), session.cipher_suite.as_deref().map(Text::quoted)];
    let agreed = join(agreed.into_iter().flatten(), " ").styled(Style::Dim);
    let mut rows = vec![(Mark::Fine, "connect", join([address, agreed], "  ")), server(index, talk, session)];
    match &peer.reply {
        _ if session.end == End::Distrusted => {
            let words = "nothing was sent and nothing asked: the kubeconfig does not vouch for this server";
            rows.push((Mark::Note, "client", Text::of(words)));
        }
        None => {
            rows.push(client(index, peer, session));
            rows.extend(trouble.map(|trouble| (Mark::Unsure, "reply", trouble)));
        }
        Some(reply) => rows.extend([client(index, peer, session), version(reply, trouble), clock(reply)]),
    }
    rows
}

/// The server's certificate against the kubeconfig's CA and name.
fn server(index: &Index<'_>, talk: &Talk<'_>, session: &Session) -> Row {
    let Some((holding, leaf)) = talk.holding.and_then(|holding| holding.certificates().next().map(|(_, leaf)| (holding, leaf)))
    else {
        return (Mark::Unsure, "server", Text::of("presented no certificate that can be read"));
    };
    let is_proven = matches!(session.end, End::Completed | End::Refused(_));
    let status = index.status(leaf);
    let name = common_name(leaf).say(", ").then(status.long()).say(" ").then(status.distance());
    let against: Vec<&Finding> = faults(index, holding);
    let (mark, verdict) = match against.first() {
        Some(first) => (Mark::Bad, Text::quoted(&first.message).styled(Style::Bad)),
        None if session.end == End::Distrusted => (Mark::Bad, Text::of("not trusted now").styled(Style::Bad)),
        None if !is_proven => (Mark::Unsure, Text::of("shown, and not proven: there was no handshake")),
        None if skips_verification(index) => (Mark::Caution, Text::of("not verified (insecure-skip-tls-verify)")),
        None => (status.mark, Text::of("signed by the kubeconfig's CA, and for this name")),
    };
    (mark, "server", join([name, verdict], "; "))
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
        LoginUsed::Anonymous => Text::of(anonymous(index)),
    };
    match (&session.end, status) {
        (End::Refused(alert), _) => (Mark::Bad, "client", who.say(": ").then(refused(*alert))),
        (_, Some(401)) if peer.login == LoginUsed::Anonymous => (Mark::Unsure, "client", who.say(": 401 Unauthorized")),
        (_, Some(401)) => (Mark::Bad, "client", who.say(": ").then(Text::of("refused, 401 Unauthorized").styled(Style::Bad))),
        (_, Some(200..=399 | 403)) if peer.login == LoginUsed::Certificate && session.client_auth == ClientAuth::NotAsked => {
            (Mark::Note, "client", who.say(": the server did not ask for it"))
        }
        (_, Some(200..=399 | 403)) if peer.login == LoginUsed::Anonymous => (Mark::Note, "client", who),
        (_, Some(200..=399 | 403)) => (Mark::Fine, "client", who.say(": accepted")),
        (_, Some(_)) => (Mark::Unsure, "client", who.say(": not known")),
        (_, None) => (Mark::Unsure, "client", who.say(": no answer")),
    }
}

/// Why nobody was named.
fn anonymous(index: &Index<'_>) -> &'static str {
    let kubeconfigs = &index.report.inventory.kubeconfigs;
    let mut logins = kubeconfigs.iter().flat_map(|it| &it.users).flat_map(|user| &user.logins);
    if skips_verification(index) {
        "asked anonymously: no credential goes to a server that nobody verifies (insecure-skip-tls-verify)"
    } else if logins.any(|login| matches!(login, Login::Exec(_) | Login::AuthProvider(_))) {
        "asked anonymously: the user logs in by a plugin, which kcert does not run"
    } else {
        "asked anonymously: the user has no credential that can be used"
    }
}

fn skips_verification(index: &Index<'_>) -> bool {
    let mut clusters = index.report.inventory.kubeconfigs.iter().flat_map(|kubeconfig| &kubeconfig.clusters);
    clusters.any(|cluster| cluster.insecure_skip_tls_verify)
}

fn client_certificate(index: &Index<'_>) -> Option<Arc<Certificate>> {
    let all = &index.report.inventory.kubeconfigs;
    let kubeconfig: &Kubeconfig = all.iter().find(|kubeconfig| !kubeconfig.users.is_empty())?;
    let user = kubeconfig.users.first()?;
    let field = format!("users[{}].client-certificate", user.name);
    let places = index.material(kubeconfig, &field);
    let credential = places.into_iter().find(|holding| holding.origin.slot == Slot::Credential)?;
    credential.certificates().next().map(|(_, leaf)| Arc::clone(leaf))
}

fn version(reply: &Reply, trouble: Option<Text>) -> Row {
    if let Some(version) = &reply.version {
        let built = [version.go_version.as_deref(), version.platform.as_deref()].into_iter().flatten();
        let built = join(built.map(Text::quoted), ", ");
        let built = if built.is_empty() { built } else { Text::of(" (").then(built).say(")") };
        return (Mark::Fine, "version", Text::of("Kubernetes ").quote(&version.git_version).then(built));
    }
    (Mark::Unsure, "version", trouble.unwrap_or_else(|| Text::of("HTTP ").quote(reply.status)))
}

/// The server's clock against ours.
fn clock(reply: &Reply) -> Row {
    let Some(theirs) = reply.date else { return (Mark::Unsure, "clock", Text::of("the server gave no readable Date")) };
    let apart = (theirs - reply.received).abs();
    let theirs = Text::of("server ").quote(when::moment(theirs));
    if apart > Duration::minutes(5) {
        (Mark::Caution, "clock", theirs.say(", ").quote(apart.whole_minutes()).say(" minutes from this machine's"))
    } else {
        (Mark::Fine, "clock", theirs.say(", as this machine's"))
    }
}
