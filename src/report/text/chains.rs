//! `chain`: who signed what, as a tree; who trusts which root; whether each kubeconfig's CA signed what it should.

use super::check;
use super::findings;
use super::index::{Index, common_name};
use super::line::{Text, join};
use super::page::{Page, fold, folded, thousands};
use super::table::{Column, Table};
use super::tree::Branch;
use super::trust;
use crate::chain::{Forest, NodeId, Tree};
use crate::report::style::{Mark, Style};
use std::io;

/// Certificates below one issuer, and roots, before the rest is folded.
const PER_ISSUER: usize = 12;
const TREES: usize = 40;
/// Levels that are drawn. Real chains have three or four; a screen has no room for more than this.
const DEPTH: usize = 24;

const COLUMNS: &[Column] = &[
    Column::name("NAME", 24),
    Column::whole("KIND"),
    Column::whole("UNTIL"),
    Column::whole("").or_nothing(2),
    Column::path("WHERE", 18).or_nothing(1),
];

/// The whole screen.
pub(super) fn render(page: &mut Page<'_>, index: &Index<'_>) -> io::Result<()> {
    let forest = Forest::of(index.report.graph);
    let mut drawing = Drawing { index, table: Table::new(COLUMNS) };
    let (trees, hidden) = page.fold_to(forest.trees.iter().collect(), TREES, |tree| drawing.is_trouble(tree));
    for tree in trees {
        drawing.tree(tree, Text::new(), &Text::new(), 0);
    }
    let table = drawing.table;
    page.table(&table)?;
    page.folded(0, hidden)?;
    trust::render(page, index)?;
    findings::below_facts(page, index)?;
    page.part()?;
    page.line(0, &check::examined(index).styled(Style::Dim))
}

struct Drawing<'a, 'r> {
    index: &'a Index<'r>,
    table: Table,
}

impl Drawing<'_, '_> {
    fn tree(&mut self, tree: &Tree, lead: Text, trunk: &Text, depth: usize) {
        match tree.node {
            Some(node) => self.certificate(node, tree, lead, trunk),
            None => self.missing(tree, lead),
        }
        let children: Vec<&Tree> = tree.issued.iter().collect();
        if depth >= DEPTH && !children.is_empty() {
            let text = Text::quoted(thousands(children.len())).say(" more below, deeper than is drawn").styled(Style::Dim);
            self.table.note(Branch::Last.lead(trunk), Branch::Last.trunk(trunk), text);
            return;
        }
        let most = if self.index.is_verbose() { usize::MAX } else { PER_ISSUER };
        let (shown, hidden) = fold(children, most, |child| self.is_trouble(child));
        let count = shown.len() + usize::from(hidden > 0);
        for (number, child) in shown.into_iter().enumerate() {
            let branch = Branch::of(number, count);
            self.tree(child, branch.lead(trunk), &branch.trunk(trunk), depth + 1);
        }
        if hidden > 0 {
            self.table.note(Branch::Last.lead(trunk), Branch::Last.trunk(trunk), folded(hidden));
        }
    }

    fn certificate(&mut self, node: NodeId, tree: &Tree, lead: Text, trunk: &Text) {
        let index = self.index;
        let certificate = index.certificate(node);
        let status = index.status(certificate);
        let name = common_name(certificate);
        let place = index.home(node).styled(Style::Dim);
        self.table.row(lead, [name, index.kind(certificate), status.short(), status.distance(), place]);
        let below = trunk.clone().say(if tree.issued.is_empty() { "   " } else { "│  " });
        let mut add = |text: Text| self.table.note(below.clone(), below.clone(), text.styled(Style::Dim));
        if let Some(issuer) = status.ender {
            add(Text::of("ends with its issuer, ").quote(index.certificate(issuer).display_name()));
        }
        if !tree.also_issued_by.is_empty() {
            let names = tree.also_issued_by.iter().map(|issuer| Text::quoted(index.certificate(*issuer).display_name()));
            add(Text::of("also issued by ").then(join(names, "; ")));
        }
    }

    fn missing(&mut self, tree: &Tree, lead: Text) {
        let graph = self.index.report.graph;
        let has_namesakes = |node| !graph.candidates(node).is_empty();
        let given_up = graph.is_exhausted() && tree.issued.iter().filter_map(|orphan| orphan.node).any(has_namesakes);
        let words =
            if given_up { "too many of this name to tell which: issuer of " } else { "not among the sources: issuer of " };
        let text = Text::of(words).quote(thousands(tree.issued.len()));
        let text = Text::new().mark(Mark::Unsure).then(text.styled(Mark::Unsure.style()));
        let name = if tree.name.is_empty() { Text::of("(issuer without a name)") } else { Text::quoted(&tree.name) };
        self.table.note(lead, Text::of("   "), name.say("  ").then(text));
    }

    fn is_trouble(&self, tree: &Tree) -> bool {
        tree.node.is_none_or(|node| self.index.status(self.index.certificate(node)).mark != Mark::Fine)
    }
}
