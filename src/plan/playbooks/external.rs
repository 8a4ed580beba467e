//! An external CA: its key is elsewhere, so requests go there and certificates come back.
//!
//! Source: web:tasks/administer-cluster/kubeadm/kubeadm-certs.md, "External CA mode".

use super::super::effect::{Authority, Effect, NewKey};
use super::super::step::{Command, Step};
use super::kubeadm::{credentials, name};
use super::{KUBEADM_LIFETIME, Site, Task, quoted};
use crate::model::{OriginKind, Role};

/// Where requests and what comes back for them lie.
const DIRECTORY: &str = "@/etc/kubernetes/kcert-csr";

/// Requests, and what is done with what comes back.
pub(super) fn steps(site: &Site<'_>, host: Option<&str>, roles: &[Role], tasks: &[Task<'_>]) -> Vec<Step> {
    let mut places: Vec<_> = roles.iter().flat_map(|role| credentials(site, *role, host)).collect();
    places.dedup();
    let names: Vec<&str> = roles.iter().filter_map(|role| name(*role)).map(|(name, _)| name).collect();
    let request = Step::new("request", host, "write the requests for the external CA")
        .on(DIRECTORY.trim_start_matches('@'))
        .because(site.reasons(tasks).into_iter().map(|reason| super::Reason { places: Vec::new(), ..reason }))
        .run(Command::files(format!("kcert plan --root @/ --within {}d --csr-dir {DIRECTORY}", site.within_days())))
        .run(Command::hand_on_files(format!(
            "Have the CA sign each request in {} and put what comes back beside it: {}.",
            DIRECTORY.trim_start_matches('@'),
            names.iter().map(|name| format!("{name}.crt")).collect::<Vec<_>>().join(", ")
        )))
        .needs("the CA's key, which is not on this host", false)
        .undo(Command::files(format!("rm -rf {DIRECTORY}")));
    let mut install = Step::new("install", host, "put the signed certificates in place").because(site.reasons(tasks));
    for place in &places {
        let Some((name, purpose)) = site.role(*place).and_then(name) else { continue };
        let Some(ca) = site.role(*place).and_then(|role| site.ca_of(role, host)) else { continue };
        let Some(certificate) = site.leaf(ca) else { continue };
        let (path, signed) = (site.path(*place), format!("{DIRECTORY}/{name}.crt"));
        let checked = site.check_of(&signed, ca, purpose);
        let put = match site.holding(*place).origin.document.kind {
            OriginKind::Kubeconfig => format!(
                "kubectl config --kubeconfig={path} set-credentials {} --client-certificate={signed} --embed-certs=true",
                user(&site.holding(*place).origin.field)
            ),
            _ => format!("install -m 644 {signed} {path}"),
        };
        install = install
            .on(path.trim_start_matches('@'))
            .run(checked)
            .run(Command::files(put))
            .check(site.check_of(&path, ca, purpose), "trusted, and still so when the alarm would come")
            .effect(Effect::Issue {
                at: *place,
                key_at: None,
                by: Authority::Elsewhere(std::sync::Arc::clone(certificate)),
                key: NewKey::Kept,
                lifetime: KUBEADM_LIFETIME,
            });
    }
    let install = install.needs("every request signed by the CA", false);
    vec![request, install]
}

/// The user of a kubeconfig's field, quoted for a shell: `users[NAME].client-certificate-data`.
pub(super) fn user(field: &str) -> String {
    let name = field.split_once("users[").and_then(|(_, rest)| rest.rsplit_once(']')).map_or(field, |(name, _)| name);
    quoted(name)
}
