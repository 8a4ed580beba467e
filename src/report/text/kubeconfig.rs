//! A kubeconfig as a tree: contexts, their cluster and the CA it is trusted by, their user and what it logs in with.

use super::credentials::{self, Child, Content, Field};
use super::index::{Index, field, identity};
use super::line::{Text, join};
use super::page::Page;
use super::signed;
use super::table::{Column, Table};
use super::tree::Branch;
use crate::chain::NodeId;
use crate::model::{Certificate, Cluster, Context, Kubeconfig, Material, User};
use crate::report::style::{Mark, Style};
use std::collections::{HashMap, HashSet};
use std::io;

const COLUMNS: &[Column] = &[Column::name("", 24), Column::whole(""), Column::whole("")];

/// One kubeconfig.
pub(super) fn render(page: &mut Page<'_>, index: &Index<'_>, kubeconfig: &Kubeconfig) -> io::Result<()> {
    page.part()?;
    page.beside(0, &name(index, kubeconfig), &current_context(kubeconfig))?;
    let current = kubeconfig.current_context.as_deref();
    let (contexts, hidden) = page.fold(kubeconfig.contexts.iter().collect(), |context| Some(&*context.name) == current);
    let mut sketch = Sketch::new(index, kubeconfig);
    for context in contexts {
        sketch.context(context);
    }
    if hidden == 0 {
        sketch.unused();
    }
    page.table(&sketch.table)?;
    page.folded(2, hidden)
}

fn name(index: &Index<'_>, kubeconfig: &Kubeconfig) -> Text {
    let mut text = index.document(&kubeconfig.document);
    if !kubeconfig.within.is_empty() {
        text = text.say(" ").then(field(&kubeconfig.within));
    }
    text = text.styled(Style::Strong);
    match kubeconfig.role {
        Some(role) => text.say("  ").then(Text::of(role.as_str()).styled(Style::Dim)),
        None => text,
    }
}

fn current_context(kubeconfig: &Kubeconfig) -> Text {
    let known = |name: &str| kubeconfig.contexts.iter().any(|context| &*context.name == name);
    match kubeconfig.current_context.as_deref().filter(|name| !name.is_empty()) {
        Some(name) if known(name) => Text::of("current context: ").quote(name),
        Some(name) => Text::new().mark(Mark::Caution).say("current context ").quote(name).say(" does not exist"),
        None => Text::of("no current context"),
    }
}

/// The tree of one kubeconfig while it grows.
struct Sketch<'a, 'r> {
    index: &'a Index<'r>,
    kubeconfig: &'a Kubeconfig,
    table: Table,
    clusters: HashMap<&'a str, &'a Cluster>,
    users: HashMap<&'a str, &'a User>,
    /// Clusters and users that were drawn already.
    drawn: HashSet<(&'static str, &'a str)>,
}

impl<'a, 'r> Sketch<'a, 'r> {
    fn new(index: &'a Index<'r>, kubeconfig: &'a Kubeconfig) -> Self {
        // Of several entries with one name client-go takes the first.
        let clusters = kubeconfig.clusters.iter().rev().map(|cluster| (&*cluster.name, cluster)).collect();
        let users = kubeconfig.users.iter().rev().map(|user| (&*user.name, user)).collect();
        Self { index, kubeconfig, table: Table::new(COLUMNS), clusters, users, drawn: HashSet::new() }
    }

    fn context(&mut self, context: &'a Context) {
        let mut name = Text::quoted(&context.name);
        if let Some(namespace) = context.namespace.as_deref().filter(|namespace| !namespace.is_empty()) {
            name = name.then(Text::of("  namespace ").quote(namespace).styled(Style::Dim));
        }
        let trunk = Text::of("  ");
        self.table.note(trunk.clone(), trunk.clone(), name);
        let cluster = self.clusters.get(&*context.cluster).copied();
        let user = self.users.get(&*context.user).copied();
        let anchors = cluster.map(|cluster| self.anchors(cluster)).unwrap_or_default();
        match cluster {
            Some(cluster) => self.cluster(cluster, Branch::More, &trunk),
            None => self.missing("cluster  ", &context.cluster, Branch::More, &trunk),
        }
        match user {
            Some(user) => self.user(user, Some(&anchors), Branch::Last, &trunk),
            None => self.missing("user     ", &context.user, Branch::Last, &trunk),
        }
    }

    /// What no context names.
    fn unused(&mut self) {
        let kubeconfig = self.kubeconfig;
        let clusters: Vec<&Cluster> =
            kubeconfig.clusters.iter().filter(|cluster| !self.is_drawn("cluster", &cluster.name)).collect();
        let users: Vec<&User> = kubeconfig.users.iter().filter(|user| !self.is_drawn("user", &user.name)).collect();
        let all = clusters.len() + users.len();
        if all == 0 {
            return;
        }
        let trunk = Text::of("  ");
        self.table.note(trunk.clone(), trunk.clone(), Text::of("(in no context)").styled(Style::Dim));
        for (number, cluster) in clusters.iter().enumerate() {
            self.cluster(cluster, Branch::of(number, all), &trunk);
        }
        for (number, user) in users.iter().enumerate() {
            self.user(user, None, Branch::of(clusters.len() + number, all), &trunk);
        }
    }

    fn is_drawn(&self, kind: &'static str, name: &str) -> bool {
        self.drawn.contains(&(kind, name))
    }

    fn missing(&mut self, label: &'static str, name: &str, branch: Branch, trunk: &Text) {
        let text = Text::new().mark(Mark::Bad).quote(name).say(" is not in this kubeconfig");
        self.table.note(branch.lead(trunk).say(label), branch.trunk(trunk), text);
    }

    fn cluster(&mut self, cluster: &'a Cluster, branch: Branch, trunk: &Text) {
        let first = self.drawn.insert(("cluster", &cluster.name));
        let mut line = Text::quoted(&cluster.name).say("  ").quote(&cluster.server);
        if !first {
            line = line.then(Text::of("  (as above)").styled(Style::Dim));
        }
        self.table.note(branch.lead(trunk).say("cluster  "), branch.trunk(trunk).say("         "), line);
        if !first {
            return;
        }
        let inner = branch.trunk(trunk);
        let mut children: Vec<Child> = Vec::new();
        if let Some(name) = &cluster.tls_server_name {
            children.push(Child::line("name  ", Text::quoted(name).say(" is expected of the server (tls-server-name)")));
        }
        if let Some(proxy) = &cluster.proxy_url {
            children.push(Child::line("proxy ", Text::quoted(proxy)));
        }
        if cluster.insecure_skip_tls_verify {
            let text = Text::new().mark(Mark::Caution).say("nobody checks who answers (insecure-skip-tls-verify)");
            children.push(Child::line("CA    ", text.styled(Style::Caution)));
        }
        let field = self.field("clusters", &cluster.name, "certificate-authority");
        if cluster.certificate_authority == Material::Absent && !cluster.insecure_skip_tls_verify {
            children.push(Child::line("CA    ", Text::of("none given: the client's own roots count")));
        }
        children.extend(field.certificate_rows(self.index, "CA    "));
        self.children(children, &inner);
    }

    fn user(&mut self, user: &'a User, anchors: Option<&[NodeId]>, branch: Branch, trunk: &Text) {
        let first = self.drawn.insert(("user", &user.name));
        let mut line = Text::quoted(&user.name);
        if !first {
            line = line.then(Text::of("  (as above)").styled(Style::Dim));
        }
        self.table.note(branch.lead(trunk).say("user     "), branch.trunk(trunk).say("         "), line);
        let inner = branch.trunk(trunk);
        let field = self.field("users", &user.name, "client-certificate");
        let credential = field.certificates.first().map(|(_, certificate)| *certificate);
        let signature = credential.zip(anchors).and_then(|(certificate, anchors)| self.signature(certificate, anchors));
        if !first {
            self.children(signature.map(|text| Child::line("cert  ", text)).into_iter().collect(), &inner);
            return;
        }
        let mut children = field.certificate_rows(self.index, "cert  ");
        if let (Some(certificate), Some(child)) = (credential, children.first_mut()) {
            child.below.extend(identity(certificate));
            let key = Text::quoted(&certificate.public_key);
            child.below.push(join([signature.unwrap_or_default(), short_serial(certificate), key], " · "));
        }
        let key = self.field("users", &user.name, "client-key");
        children.extend(key.key_rows(user, credential));
        children.extend(user.logins.iter().map(|login| credentials::login(self.index, login)));
        if children.is_empty() {
            children.push(Child::line("", Text::of("no credential: the server sees system:anonymous")));
        }
        self.children(children, &inner);
    }

    fn signature(&self, certificate: &Certificate, anchors: &[NodeId]) -> Option<Text> {
        if anchors.is_empty() {
            return None;
        }
        let node = self.index.report.graph.node(&certificate.id)?;
        let signature = signed::judge(self.index, node, anchors);
        let text = signature.words(self.index, node, "the CA above");
        let mark = signature.mark();
        Some(if mark <= Mark::Note { text } else { Text::new().mark(mark).then(text.styled(mark.style())) })
    }

    fn children(&mut self, children: Vec<Child>, trunk: &Text) {
        let all = children.len();
        for (number, child) in children.into_iter().enumerate() {
            let branch = Branch::of(number, all);
            let (lead, rest) = (branch.lead(trunk).say(child.label), branch.trunk(trunk).say("      "));
            match child.content {
                Content::Cells(cells) => self.table.row(lead, cells),
                Content::Line(text) => self.table.note(lead, rest.clone(), text),
            }
            for below in child.below {
                self.table.note(rest.clone(), rest.clone(), below);
            }
        }
    }

    fn anchors(&self, cluster: &Cluster) -> Vec<NodeId> {
        let field = self.field("clusters", &cluster.name, "certificate-authority");
        field.certificates.iter().filter_map(|(_, certificate)| self.index.report.graph.node(&certificate.id)).collect()
    }

    fn field(&self, list: &str, name: &str, field: &str) -> Field<'a> {
        Field::of(self.index.material(self.kubeconfig, &format!("{list}[{name}].{field}")))
    }
}

/// The first digits of a serial number tell certificates apart as well as all of them.
fn short_serial(certificate: &Certificate) -> Text {
    let hex = certificate.serial.hex();
    let text = Text::of("serial ");
    if hex.len() <= 10 { text.quote(hex) } else { text.quote(hex.get(..8).unwrap_or_default()).say("…") }
}

/// How many kubeconfigs are shown before the rest is folded: each is a screenful.
pub(super) const KUBECONFIGS: usize = 10;
