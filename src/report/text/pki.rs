//! A host's PKI, file by file: CAs first, then what each of them issued, then keys of their own.

use super::index::{Index, Item, short_name};
use super::line::{Text, join};
use super::listing;
use super::page::Page;
use super::status::footnote;
use super::table::{Column, Table};
use crate::chain::NodeId;
use crate::model::inventory::Host;
use crate::model::{Certificate, Content, Holding, Origin, OriginKind, Role, Slot};
use crate::report::style::Style;
use std::collections::{HashMap, HashSet};
use std::io;
use std::sync::Arc;

const COLUMNS: &[Column] = &[
    Column::name("NAME", 26),
    Column::name("SUBJECT", 14),
    Column::whole("USE").or_nothing(1),
    Column::whole("UNTIL"),
    Column::whole(""),
    Column::whole("KEY"),
    Column::path("FILE", 24).or_nothing(2),
];

/// Certificates at their places.
type Rows<'a> = Vec<(Item<'a>, &'a Arc<Certificate>)>;

/// The host's name and layouts, its table, and what else was in its files.
pub(super) fn render(page: &mut Page<'_>, index: &Index<'_>, host: &Host, holdings: &[&Holding]) -> io::Result<()> {
    page.part()?;
    let directory = common_directory(holdings);
    page.line(0, &title(index, host, directory))?;
    let mut groups = Groups::of(index, holdings);
    let mut table = Table::new(COLUMNS);
    let (authorities, hidden) = page.fold(std::mem::take(&mut groups.authorities), |(item, _)| index.is_trouble(item));
    let mut starred = authorities.iter().any(|(item, _)| listing::has_star(index, item));
    add_rows(&mut table, index, directory, &authorities);
    fold_note(&mut table, hidden);
    for (issuer, rows) in groups.issued {
        let (rows, hidden) = page.fold(rows, |(item, _)| index.is_trouble(item));
        starred |= rows.iter().any(|(item, _)| listing::has_star(index, item));
        heading(&mut table, group_heading(index, &issuer, &groups.roles));
        add_rows(&mut table, index, directory, &rows);
        fold_note(&mut table, hidden);
    }
    let others = groups.others.into_iter().filter(|item| page.verbose() || !listing::is_beside_its_certificate(index, item));
    let (others, hidden) = page.fold(others.collect(), |item| index.is_trouble(item));
    if !others.is_empty() {
        heading(&mut table, Text::of("also there"));
    }
    for (holding, number) in others {
        if let Some(content) = holding.contents.get(number) {
            let [name, usage, until, distance, key] = listing::cells(index, holding, content);
            let file = file(index, directory, &holding.origin);
            table.row(Text::of("  "), [role(index, holding), name, usage, until, distance, key, file]);
        }
    }
    fold_note(&mut table, hidden);
    if table.is_empty() {
        return Ok(());
    }
    page.table(&table)?;
    if starred { page.line(2, &footnote()) } else { Ok(()) }
}

fn title(index: &Index<'_>, host: &Host, directory: &str) -> Text {
    let layouts = join(host.layouts.iter().map(|layout| Text::of(layout.as_str())), ", ");
    let name = host.name.as_deref().map(|name| Text::quoted(name).say("  ")).unwrap_or_default();
    let path = index.path(if directory.is_empty() { &host.directory } else { directory });
    name.then(path).styled(Style::Strong).say("  ").then(layouts.styled(Style::Dim))
}

fn heading(table: &mut Table, text: Text) {
    if !table.is_empty() {
        table.note(Text::new(), Text::new(), Text::of(" "));
    }
    table.note(Text::of("  "), Text::of("    "), text);
}

fn role(index: &Index<'_>, holding: &Holding) -> Text {
    holding.origin.role.map_or_else(|| index.place(&holding.origin), |role| Text::of(role.as_str()))
}

fn fold_note(table: &mut Table, hidden: usize) {
    if hidden > 0 {
        table.note(Text::of("  "), Text::of("  "), super::page::folded(hidden));
    }
}

fn add_rows(table: &mut Table, index: &Index<'_>, directory: &str, rows: &Rows<'_>) {
    for ((holding, _), certificate) in rows {
        let status = index.status(certificate);
        let key = index.key(certificate, &holding.origin).text();
        let file = file(index, directory, &holding.origin);
        let cells = [
            role(index, holding),
            short_name(certificate),
            index.kind(certificate),
            status.short(),
            status.distance(),
            key,
            file,
        ];
        table.row(Text::of("  "), cells);
    }
}

/// The file as seen from the common directory.
fn file(index: &Index<'_>, directory: &str, origin: &Origin) -> Text {
    let path = &*origin.document.source;
    let below = path.strip_prefix(directory).and_then(|rest| rest.strip_prefix('/'));
    let text = below.map_or_else(|| index.path(path), Text::quoted);
    let mode = origin.document.access.filter(|_| index.is_verbose()).map(|access| format!("{:04o}", access.mode & 0o7777));
    mode.map_or(text.clone(), |mode| text.say("  ").quote(mode))
}

/// The directory that all these files are in, however deep.
fn common_directory<'a>(holdings: &[&'a Holding]) -> &'a str {
    let mut directories = holdings.iter().map(|holding| holding.origin.document.source.rsplit_once('/').map_or("", |(it, _)| it));
    let first = directories.next().unwrap_or_default();
    directories.fold(first, |common, directory| {
        let mut end = 0;
        for (mine, theirs) in common.split('/').zip(directory.split('/')) {
            if mine != theirs {
                break;
            }
            end += mine.len() + 1;
        }
        common.get(..end.saturating_sub(1)).unwrap_or_default()
    })
}

/// Who issued a group.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Issuer {
    /// A certificate at hand.
    Known(NodeId),
    /// Its own key.
    Itself,
    /// A name that nothing at hand has, or has with another key.
    Missing(String),
}

fn group_heading(index: &Index<'_>, issuer: &Issuer, roles: &HashMap<NodeId, Role>) -> Text {
    match issuer {
        Issuer::Known(node) => {
            let name = Text::quoted(index.certificate(*node).display_name());
            match roles.get(node) {
                Some(role) => Text::of("signed by ").say(role.as_str()).then(Text::of(" · ").then(name).styled(Style::Dim)),
                None => Text::of("signed by ").then(name),
            }
        }
        Issuer::Itself => Text::of("signed by itself"),
        Issuer::Missing(name) => Text::of("issuer not among the sources: ").quote(name),
    }
}

#[derive(Default)]
struct Groups<'a> {
    authorities: Rows<'a>,
    /// By issuer, in the order of first appearance.
    issued: Vec<(Issuer, Rows<'a>)>,
    /// The role of each CA.
    roles: HashMap<NodeId, Role>,
    /// Keys, defects and the like.
    others: Vec<Item<'a>>,
}

impl<'a> Groups<'a> {
    fn of(index: &Index<'_>, holdings: &[&'a Holding]) -> Self {
        let mut groups = Self::default();
        let mut places = HashMap::new();
        let mut seen = HashSet::new();
        for (holding, number) in
            holdings.iter().flat_map(|holding| (0..holding.contents.len()).map(move |number| (*holding, number)))
        {
            let Some(Content::Certificate(certificate)) = holding.contents.get(number) else {
                groups.others.push((holding, number));
                continue;
            };
            let first = seen.insert((holding.origin.role, certificate.id, &*holding.origin.document.source));
            if !index.is_verbose() && (!first || is_carried(holding, number, certificate)) {
                continue;
            }
            let row = ((holding, number), certificate);
            let node = index.report.graph.node(&certificate.id);
            match holding.origin.role.filter(|role| role.is_ca()) {
                Some(role) => {
                    if let Some(node) = node {
                        groups.roles.entry(node).or_insert(role);
                    }
                    groups.authorities.push(row);
                }
                None => groups.add_issued(&mut places, issuer(index, node, certificate), row),
            }
        }
        groups
    }

    fn add_issued(&mut self, places: &mut HashMap<Issuer, usize>, issuer: Issuer, row: (Item<'a>, &'a Arc<Certificate>)) {
        let place = *places.entry(issuer.clone()).or_insert(self.issued.len());
        match self.issued.get_mut(place) {
            Some((_, rows)) => rows.push(row),
            None => self.issued.push((issuer, vec![row])),
        }
    }
}

/// A CA that a kubeconfig or a leaf's file carries along has a row of its own where it is at home.
fn is_carried(holding: &Holding, number: usize, certificate: &Certificate) -> bool {
    let origin = &holding.origin;
    let in_kubeconfig = origin.document.kind == OriginKind::Kubeconfig && origin.slot == Slot::Trust;
    let in_chain = !origin.role.is_some_and(Role::is_ca) && number > 0 && certificate.is_ca();
    in_kubeconfig || in_chain
}

fn issuer(index: &Index<'_>, node: Option<NodeId>, certificate: &Certificate) -> Issuer {
    let graph = index.report.graph;
    match node {
        Some(node) if graph.is_self_signed(node) => Issuer::Itself,
        Some(node) => {
            graph.issuers(node).first().map_or_else(|| Issuer::Missing(certificate.issuer.to_string()), |it| Issuer::Known(*it))
        }
        None => Issuer::Missing(certificate.issuer.to_string()),
    }
}
