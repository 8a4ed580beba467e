//! One list, page after page.
//!
//! No `resourceVersion` is asked for: with `limit`, servers before 1.34 answer `0` with the whole list in one piece, and without either one
//! they answer page by page, since 1.31 from their watch cache (kubernetes/enhancements KEP-2340). A token that is too old (410 Gone, after
//! five minutes by default) comes with another that goes on behind the last object from what is there now
//! (kubernetes/apiserver pkg/storage: `handleCompactedErrorForPaging`): for certificates that is as good.

use super::objects::Objects;
use super::page::Page;
use super::resources::{Absence, Resource};
use crate::decode::{Decoder, Place, source};
use crate::model::DefectKind;
use crate::model::defect::Phase;
use crate::model::peer::ServerVersion;
use serde::Deserialize;
use std::io::{self, Read};
use std::time::Duration;

/// A question: one page.
#[derive(Clone, Copy, Debug)]
pub(super) struct Question<'q> {
    pub(super) path: &'q str,
    pub(super) fields: Option<&'q str>,
    pub(super) labels: Option<&'q str>,
    /// Objects on the page at most.
    pub(super) limit: Option<u32>,
    /// The token of the page; of the first one none.
    pub(super) next: Option<&'q str>,
}

/// The answer to it.
pub(super) struct Answer<'a> {
    pub(super) status: u16,
    /// How long to wait before asking again.
    pub(super) retry_after: Option<Duration>,
    /// `Content-Type`.
    pub(super) media_type: Box<str>,
    pub(super) body: Box<dyn Read + Send + 'a>,
}

/// Who can be asked.
pub(super) trait Ask {
    /// Asks. A question that got no answer is a defect.
    fn get(&mut self, question: &Question<'_>) -> Result<Answer<'_>, DefectKind>;
    /// Lets time pass.
    fn wait(&mut self, time: Duration);
}

/// How reading a list ended.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum End {
    /// All of it was read, or what could not be is written down.
    Read,
    /// The server has no such thing, which is usual.
    Absent,
    /// It may not be read; whom the server refuses, as the end of a sentence.
    Forbidden(Box<str>),
    /// It could not be read (any further).
    Failed(DefectKind),
    /// The server was not reached.
    Silent(DefectKind),
}

/// The reason of a request that nothing came back for.
pub(super) const NO_ANSWER: &str = "timed out";

/// Pages of one list: ten million objects.
const MOST_PAGES: u32 = 20_000;
/// Tokens that were too old in one list.
const MOST_GONE: u32 = 100;
/// How long to wait where a busy server does not say.
const PAUSE: Duration = Duration::from_secs(1);
/// Bytes of a refusal that are read, and characters of it that are repeated.
const STATUS: u64 = 256 << 10;
const REASON: usize = 300;

/// Reads one list.
pub(super) struct Lister<'l> {
    pub(super) resource: &'l Resource,
    pub(super) namespace: Option<&'l str>,
    pub(super) labels: Option<&'l str>,
    pub(super) decoder: &'l Decoder,
    pub(super) place: &'l Place,
    /// How long a busy server is waited for, for one page.
    pub(super) timeout: Duration,
}

impl Lister<'_> {
    /// Reads it in the version of its group that the server has.
    pub(super) fn read(&self, ask: &mut dyn Ask, objects: &mut Objects<'_>, step: &mut dyn FnMut(u64)) -> End {
        for group in self.resource.groups {
            match self.read_group(group, ask, objects, step) {
                End::Absent => {}
                // Rights come before existence: nobody has a right to what the server does not know.
                End::Forbidden(_) if self.resource.absence == Absence::Usual && !self.is_served(group, ask) => {}
                end => return end,
            }
        }
        match self.resource.absence {
            Absence::Usual => End::Absent,
            Absence::Fault => {
                let what = format!("404 Not Found for {}: this is no Kubernetes API, or not at this URL", self.resource.name);
                End::Failed(DefectKind::UnexpectedReply(what.into()))
            }
        }
    }

    /// Whether the server has the resource in a version of its group, by what it tells everybody who is known (meta/v1 `APIResourceList`).
    /// Where it does not tell it may have.
    fn is_served(&self, group: &str, ask: &mut dyn Ask) -> bool {
        let question = Question { path: group, fields: None, labels: None, limit: None, next: None };
        let Ok(answer) = ask.get(&question) else { return true };
        if answer.status != 200 {
            return answer.status != 404;
        }
        let mut text = Vec::new();
        drop(answer.body.take(STATUS).read_to_end(&mut text));
        let list = serde_json::from_slice::<ResourceList>(&text);
        list.map_or(true, |list| list.resources.iter().any(|resource| resource.name == self.resource.name))
    }

    fn read_group(&self, group: &str, ask: &mut dyn Ask, objects: &mut Objects<'_>, step: &mut dyn FnMut(u64)) -> End {
        let path = self.resource.path(group, self.namespace);
        let mut next: Option<String> = None;
        let (mut pages, mut gone, mut waited, mut heard) = (0_u32, 0_u32, Duration::ZERO, false);
        loop {
            let limit = Some(self.resource.page);
            let (fields, labels) = (self.resource.fields, self.labels);
            let question = Question { path: &path, fields, labels, limit, next: next.as_deref() };
            let answer = match ask.get(&question) {
                Ok(answer) => answer,
                Err(defect) => return if heard { End::Failed(defect) } else { End::Silent(defect) },
            };
            heard = true;
            let (status, pause) = (answer.status, answer.retry_after);
            if status == 200 {
                if !is_json(&answer.media_type) {
                    let what = format!("{} where a list in JSON belongs", or_nothing(&answer.media_type));
                    return End::Failed(DefectKind::UnexpectedReply(what.into()));
                }
                let mut page = Page::new(answer.body);
                objects.page(page.is_cut());
                // Files that a page names are none of ours.
                drop(source::part(self.decoder, &mut page, self.place, objects));
                step(objects.seen());
                let token = match page.next() {
                    Ok(token) => token,
                    Err(fault) => return End::Failed(broken_off(&fault)),
                };
                pages = pages.saturating_add(1);
                waited = Duration::ZERO;
                match token {
                    None => return End::Read,
                    Some(token) if pages >= MOST_PAGES || next.as_ref() == Some(&token) => return endless(),
                    Some(token) => next = Some(token),
                }
                continue;
            }
            let refusal = Refusal::read(answer);
            match status {
                404 => return if pages == 0 { End::Absent } else { refusal.unexpected() },
                401 => return End::Failed(DefectKind::NotAdmitted(refusal.sentence().into())),
                403 => return End::Forbidden(refusal.whom()),
                410 if gone < MOST_GONE && refusal.next.is_some() => {
                    gone += 1;
                    next = refusal.next;
                }
                429 | 503 => {
                    let pause = pause.unwrap_or(PAUSE).max(Duration::from_millis(1));
                    waited = waited.saturating_add(pause);
                    if waited > self.timeout {
                        let reason = refusal.sentence().into();
                        return End::Failed(DefectKind::Unreachable { phase: Phase::Request, reason });
                    }
                    ask.wait(pause);
                }
                _ => return refusal.unexpected(),
            }
        }
    }
}

fn broken_off(fault: &io::Error) -> DefectKind {
    let reason = match fault.kind() {
        io::ErrorKind::TimedOut => NO_ANSWER.into(),
        _ => format!("the list broke off: {fault}").into(),
    };
    DefectKind::Unreachable { phase: Phase::Request, reason }
}

fn endless() -> End {
    End::Failed(DefectKind::UnexpectedReply("the list has no end".into()))
}

fn is_json(media_type: &str) -> bool {
    media_type.split(';').next().is_some_and(|essence| essence.trim().eq_ignore_ascii_case("application/json"))
}

fn or_nothing(media_type: &str) -> &str {
    if media_type.is_empty() { "something without a type" } else { media_type }
}

/// What the server says of itself (`/version`, apimachinery `version.Info`), if it does.
pub(super) fn version(ask: &mut dyn Ask) -> Option<ServerVersion> {
    let question = Question { path: "/version", fields: None, labels: None, limit: None, next: None };
    let answer = ask.get(&question).ok().filter(|answer| answer.status == 200)?;
    let mut text = Vec::new();
    answer.body.take(STATUS).read_to_end(&mut text).ok()?;
    let info: Info = serde_json::from_slice(&text).ok()?;
    Some(ServerVersion {
        git_version: info.git_version.into(),
        go_version: info.go_version.map(Into::into),
        platform: info.platform.map(Into::into),
    })
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Info {
    git_version: String,
    go_version: Option<String>,
    platform: Option<String>,
}

/// What a server says that does not list (meta/v1 `Status`).
struct Refusal {
    status: u16,
    message: Option<String>,
    /// A token to go on with.
    next: Option<String>,
}

#[derive(Deserialize)]
struct ResourceList {
    resources: Vec<Named>,
}

#[derive(Deserialize)]
struct Named {
    name: String,
}

#[derive(Deserialize)]
struct Status {
    message: Option<String>,
    #[serde(default)]
    metadata: Option<Metadata>,
}

#[derive(Deserialize)]
struct Metadata {
    r#continue: Option<String>,
}

impl Refusal {
    fn read(answer: Answer<'_>) -> Self {
        let (status, mut text) = (answer.status, Vec::new());
        // What cannot be read of a refusal is not needed.
        drop(answer.body.take(STATUS).read_to_end(&mut text));
        let said: Option<Status> = serde_json::from_slice(&text).ok();
        let next = said.as_ref().and_then(|said| said.metadata.as_ref()?.r#continue.clone()).filter(|token| !token.is_empty());
        Self { status, message: said.and_then(|said| said.message).filter(|message| !message.is_empty()), next }
    }

    /// Who has no right, in the words of Kubernetes' own authorizers (`secrets is forbidden: User "jane" cannot list resource …`); else
    /// what the server says, if anything.
    fn whom(&self) -> Box<str> {
        let message = self.message.as_deref().unwrap_or_default();
        let user = message.split_once(" is forbidden: User \"").and_then(|(_, rest)| rest.split_once("\" cannot list"));
        match (user, message) {
            (Some((user, _)), _) => format!(", by {}", cut(user)).into(),
            (None, "") => Box::default(),
            (None, message) => format!(": {}", cut(message)).into(),
        }
    }

    /// `429 Too Many Requests: …`
    fn sentence(&self) -> String {
        let name = NAMES.iter().find(|(status, _)| *status == self.status).map(|(_, name)| format!(" {name}"));
        let name = name.unwrap_or_default();
        match &self.message {
            Some(message) if name.trim() != message => format!("{}{name}: {}", self.status, cut(message)),
            _ => format!("{}{name}", self.status),
        }
    }

    fn unexpected(&self) -> End {
        End::Failed(DefectKind::UnexpectedReply(self.sentence().into()))
    }
}

/// How a question that is none is refused.
pub(super) const BAD_REQUEST: &str = "400 Bad Request";

/// Statuses that API servers and what stands before them answer with (RFC 9110 section 15).
const NAMES: &[(u16, &str)] = &[
    (301, "Moved Permanently"),
    (302, "Found"),
    (400, "Bad Request"),
    (401, "Unauthorized"),
    (403, "Forbidden"),
    (404, "Not Found"),
    (410, "Gone"),
    (429, "Too Many Requests"),
    (500, "Internal Server Error"),
    (502, "Bad Gateway"),
    (503, "Service Unavailable"),
    (504, "Gateway Timeout"),
];

fn cut(message: &str) -> String {
    let mut short: String = message.chars().take(REASON).collect();
    if short.len() < message.len() {
        short.push('…');
    }
    short
}
