//! What a rotation changes besides the files of hosts: objects, and kubeconfigs that somebody copied.

use super::super::super::effect::{Authority as Issuer, Effect, Place};
use super::super::super::step::{Command, Reason, Step};
use super::super::{KUBEADM_LIFETIME, issue, quoted};
use super::phases::Trusting;
use super::{Rotation, is_of_host};
use crate::model::{OriginKind, Role};
use std::collections::BTreeSet;

/// What the components write by themselves.
const FOLLOWS: &str = "kube-root-ca.crt and extension-apiserver-authentication follow by themselves once kube-controller-manager and kube-apiserver were restarted: look at them.";

/// Nodes join by the CA in it; the controller-manager signs it anew.
fn cluster_info(ca: &str) -> Command {
    Command::objects(format!(
        "kubectl -n kube-public get configmap cluster-info -o yaml | sed \"s#certificate-authority-data: .*#certificate-authority-data: $(base64 -w0 < {ca})#\" | kubectl replace -f -"
    ))
}

impl Rotation<'_, '_> {
    /// Client certificates in kubeconfigs elsewhere: copies of admin.conf, and users of their own.
    pub(super) fn users(&self) -> Option<Step> {
        let site = self.site;
        let places: Vec<Place> = self.issued.iter().copied().filter(|place| site.role(*place).is_none()).collect();
        let first = *places.first()?;
        let step = Step::new(&self.id("users"), None, "bring new client certificates to kubeconfigs elsewhere")
            .because([Reason::wanted("what the old CA issued is refused once it is dropped")])
            .run(Command::hand_on_files(
                "Copies of admin.conf are copied again; users ask for a certificate of their own by a CertificateSigningRequest of signer kubernetes.io/kube-apiserver-client (kcert plan KUBECONFIG --csr-dir DIR writes the requests).",
            ))
            .check(
                Command::files(format!("kcert check -q {}", site.path(first))),
                "nothing to say of it; the same for the others",
            );
        Some(places.iter().fold(step, |step, place| {
            step.on(site.holding(*place).origin.document.path().to_owned()).effect(issue(
                *place,
                site.key(*place),
                Issuer::Made(self.authority.name),
                KUBEADM_LIFETIME,
            ))
        }))
    }

    /// What every cluster has, seen or not.
    fn everywhere(mut step: Step, ca: &str, told: &mut BTreeSet<String>) -> Step {
        let always = [
            cluster_info(ca),
            Command::hand(FOLLOWS),
            Command::hand(
                "Look for the old CA in webhooks, APIServices and Secrets (kcert check on kubectl get -A -o yaml), and restart pods that read ca.crt at their start (kubectl rollout restart).",
            ),
        ];
        for command in always {
            if told.insert(command.line()) {
                step = step.run(command);
            }
        }
        step
    }

    /// Objects and kubeconfigs elsewhere that carry the CA.
    pub(super) fn objects(&self, phase: &str, why: &str, trusting: Trusting) -> Option<Step> {
        let site = self.site;
        let places: Vec<Place> = self.trusting.iter().copied().filter(|place| !is_of_host(site, *place)).collect();
        let is_cluster_ca = self.authority.role == Role::ClusterCa;
        if places.is_empty() && !is_cluster_ca {
            return None;
        }
        let (directory, base, name) = (self.directory(), self.authority.stem, self.authority.name);
        let ca = format!("{directory}/{base}.crt");
        let mut step =
            Step::new(&self.id(phase), None, "bring the CA to objects and kubeconfigs elsewhere").because([Reason::wanted(why)]);
        let mut told = BTreeSet::new();
        for place in &places {
            let origin = &site.holding(*place).origin;
            step = step.on(origin.to_string());
            let source = &*origin.document.source;
            let command = match origin.document.kind {
                OriginKind::Kubeconfig => {
                    let cluster = origin
                        .field
                        .strip_prefix("clusters[")
                        .and_then(|rest| rest.rsplit_once(']'))
                        .map_or("kubernetes", |(name, _)| name);
                    Command::files(format!(
                        "kubectl config --kubeconfig={} set-cluster {} --certificate-authority={ca} --embed-certs=true",
                        site.path(*place),
                        quoted(cluster)
                    ))
                }
                OriginKind::ConfigMap if source == "kube-public/cluster-info" => cluster_info(&ca),
                OriginKind::ConfigMap
                    if source.ends_with("/kube-root-ca.crt") || source.ends_with("/extension-apiserver-authentication") =>
                {
                    Command::hand(FOLLOWS)
                }
                OriginKind::Secret => Command::hand(
                    "ca.crt of service account token Secrets follows by itself once kube-controller-manager was restarted; pods that read it at their start are restarted (kubectl rollout restart).",
                ),
                _ => Command::hand(format!("Put the contents of {} into {origin}, in base64.", ca.trim_start_matches('@'))),
            };
            if told.insert(command.line()) {
                step = step.run(command);
            }
        }
        if is_cluster_ca {
            step = Self::everywhere(step, &ca, &mut told);
        }
        let effect = match trusting {
            Trusting::Both => Effect::Trust { name, at: places },
            Trusting::NewAlone => Effect::TrustOnly { name, at: places },
        };
        Some(step.effect(effect))
    }
}
