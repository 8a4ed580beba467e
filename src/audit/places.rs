//! Where a program's certificates are: at the path that its flag names, else where its layout keeps them.

use super::Context;
use crate::model::{Component, Holding, Inventory, Role, Slot};

/// What a program holds or believes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Files {
    /// The program that has the flag.
    pub(super) program: &'static str,
    /// The flag that names the file.
    pub(super) flag: &'static str,
    /// Without the flag: the jobs that do, the first of which something is there.
    pub(super) roles: &'static [&'static [Role]],
    /// The slots that do then.
    pub(super) slots: &'static [Slot],
}

/// A credential.
pub(super) const fn credential(program: &'static str, flag: &'static str, roles: &'static [&'static [Role]]) -> Files {
    Files { program, flag, roles, slots: &[Slot::Credential] }
}

/// Anchors: a CA's own file, or a bundle.
pub(super) const fn anchors(program: &'static str, flag: &'static str, roles: &'static [&'static [Role]]) -> Files {
    Files { program, flag, roles, slots: &[Slot::Credential, Slot::Trust] }
}

/// What an API server takes client certificates from. Several distributions part the cluster CA in two.
pub(super) const CLIENT_CA: Files = anchors("kube-apiserver", "--client-ca-file", &[&[Role::ClusterCa, Role::ClientCa]]);

/// A bundle of kube-system/extension-apiserver-authentication, by which an API server tells extension servers whom it believes.
pub(super) fn authentication<'a>(context: &Context<'a>, key: &str) -> Vec<&'a Holding> {
    let field = format!("data[{key}]");
    context.authentication().iter().copied().filter(|holding| *holding.origin.field == *field).collect()
}

impl Files {
    /// The places on a host. A flag that names a file which could not be read leaves none.
    pub(super) fn on<'a>(&self, context: &Context<'a>, host: Option<&str>) -> Vec<&'a Holding> {
        let named: Vec<&str> =
            components(context.inventory, self.program, host).flat_map(|component| component.values(self.flag)).collect();
        if !named.is_empty() {
            let is_named = |holding: &&Holding| named.contains(&holding.origin.document.path());
            return context.on(host).iter().copied().filter(is_named).filter(|holding| self.is_filled(holding)).collect();
        }
        let of = |roles: &&[Role]| -> Vec<&'a Holding> {
            let fits = |holding: &&Holding| {
                holding.origin.role.is_some_and(|role| roles.contains(&role)) && self.slots.contains(&holding.origin.slot)
            };
            context.on(host).iter().copied().filter(fits).filter(|holding| self.is_filled(holding)).collect()
        };
        self.roles.iter().map(of).find(|found| !found.is_empty()).unwrap_or_default()
    }

    /// Whether there is a certificate; or a key in a certificate's place, which is worth a word.
    fn is_filled(&self, holding: &Holding) -> bool {
        let is_mixed_up = || holding.origin.slot == Slot::Credential && holding.private_keys().next().is_some();
        holding.certificates().next().is_some() || (!self.slots.contains(&Slot::Trust) && is_mixed_up())
    }
}

/// How a program is started on a host: its command line, and its configuration files.
pub(super) fn components<'a>(inventory: &'a Inventory, program: &str, host: Option<&str>) -> impl Iterator<Item = &'a Component> {
    inventory.facts.components.iter().filter(move |component| component.program == program && component.host.as_deref() == host)
}

/// The hosts in URLs that a flag lists, without repetition: those dialled with TLS.
pub(super) fn hosts_in(values: &[&str]) -> Vec<String> {
    let mut hosts: Vec<String> = Vec::new();
    for url in values.iter().flat_map(|list| list.split(',')).map(str::trim).filter(|url| url.starts_with("https://")) {
        let host = super::trust::host_of(url).to_owned();
        let is_any = matches!(host.as_str(), "0.0.0.0" | "::" | "");
        if !is_any && !hosts.contains(&host) {
            hosts.push(host);
        }
    }
    hosts
}

#[cfg(test)]
mod tests {
    use super::hosts_in;

    #[test]
    fn urls_have_hosts() {
        let values = [
            "https://127.0.0.1:2379,https://[fd00::1]:2379",
            "http://10.0.0.1:2379",
            "https://0.0.0.0:2379",
            "https://127.0.0.1:1",
        ];
        assert_eq!(hosts_in(&values), ["127.0.0.1", "fd00::1"]);
    }
}
