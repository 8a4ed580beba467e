//! What is listed: one row for each resource.
//!
//! Bulk is left out by the server wherever it can be told from outside. ConfigMaps have no type that could be selected by, so that those of
//! Helm are left out by the label that Helm's storage drivers put on every release (`owner=helm`, in Helm 2 `OWNER=TILLER`;
//! helm.sh/helm/v3 pkg/storage/driver/cfgmaps.go); any other rule would have to guess what is in them.

use super::Scope;

/// A resource, and how it is listed.
#[derive(Debug)]
pub(super) struct Resource {
    /// Its name in URLs.
    pub(super) name: &'static str,
    /// What it is called: with its group where the name alone would say too little.
    pub(super) shown: &'static str,
    /// Where it is served, the version to prefer first.
    pub(super) groups: &'static [&'static str],
    belongs: Belongs,
    /// Which of them are of no use, by their fields.
    pub(super) fields: Option<&'static str>,
    /// The same, by their labels.
    labels: Option<&'static str>,
    /// Objects on a page: as many as client-go asks for (tools/pager), fewer of those that are large.
    pub(super) page: u32,
    /// What it means that a cluster has none such.
    pub(super) absence: Absence,
}

/// What a resource belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Belongs {
    Namespace,
    Cluster,
}

/// What it means that a server does not know a resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Absence {
    /// It is too old, or an add-on is not installed.
    Usual,
    /// It is no Kubernetes API.
    Fault,
}

/// kubectl and client-go ask for so many at a time.
const PAGE: u32 = 500;

const fn of_cluster(name: &'static str, groups: &'static [&'static str]) -> Resource {
    Resource {
        name,
        shown: name,
        groups,
        belongs: Belongs::Cluster,
        fields: None,
        labels: None,
        page: PAGE,
        absence: Absence::Usual,
    }
}

const ADMISSION: &[&str] = &["/apis/admissionregistration.k8s.io/v1", "/apis/admissionregistration.k8s.io/v1beta1"];

/// In the order in which they are read.
pub(super) const RESOURCES: &[Resource] = &[
    // Before the Secrets, for they name the keys that the passwords of keystores are in.
    Resource {
        name: "certificates",
        shown: "certificates.cert-manager.io",
        groups: &["/apis/cert-manager.io/v1"],
        belongs: Belongs::Namespace,
        fields: None,
        labels: None,
        page: PAGE,
        absence: Absence::Usual,
    },
    Resource {
        name: "secrets",
        shown: "secrets",
        groups: &["/api/v1"],
        belongs: Belongs::Namespace,
        // The types that the decoder passes over (decode::manifest::data): releases of Helm, passwords of registries.
        fields: Some("type!=helm.sh/release.v1,type!=kubernetes.io/dockerconfigjson,type!=kubernetes.io/dockercfg"),
        labels: None,
        page: PAGE,
        absence: Absence::Fault,
    },
    Resource {
        name: "configmaps",
        shown: "configmaps",
        groups: &["/api/v1"],
        belongs: Belongs::Namespace,
        fields: None,
        labels: Some("owner!=helm,OWNER!=TILLER"),
        page: PAGE,
        absence: Absence::Fault,
    },
    of_cluster("validatingwebhookconfigurations", ADMISSION),
    of_cluster("mutatingwebhookconfigurations", ADMISSION),
    // With their schemas they are the largest objects of a cluster.
    Resource {
        page: 50,
        ..of_cluster("customresourcedefinitions", &["/apis/apiextensions.k8s.io/v1", "/apis/apiextensions.k8s.io/v1beta1"])
    },
    of_cluster("apiservices", &["/apis/apiregistration.k8s.io/v1", "/apis/apiregistration.k8s.io/v1beta1"]),
    of_cluster("certificatesigningrequests", &["/apis/certificates.k8s.io/v1", "/apis/certificates.k8s.io/v1beta1"]),
    of_cluster(
        "clustertrustbundles",
        &["/apis/certificates.k8s.io/v1", "/apis/certificates.k8s.io/v1beta1", "/apis/certificates.k8s.io/v1alpha1"],
    ),
    of_cluster("clusterrolebindings", &["/apis/rbac.authorization.k8s.io/v1", "/apis/rbac.authorization.k8s.io/v1beta1"]),
    of_cluster("nodes", &["/api/v1"]),
];

/// Read after them, in the namespaces of the Services that they call, and nowhere else: whatever labels those have.
pub(super) const CALLED: &[Resource] = &[
    Resource { belongs: Belongs::Namespace, ..of_cluster(SERVICES, &["/api/v1"]) },
    Resource {
        belongs: Belongs::Namespace,
        ..of_cluster("endpointslices", &["/apis/discovery.k8s.io/v1", "/apis/discovery.k8s.io/v1beta1"])
    },
];

/// Those of which it is worth knowing that there are no others.
pub(super) const SERVICES: &str = "services";

impl Resource {
    /// Whether anything of it can be in there.
    pub(super) fn is_in(&self, scope: &Scope) -> bool {
        *scope == Scope::Everything || self.is_namespaced()
    }

    /// Whether its objects belong to namespaces.
    pub(super) fn is_namespaced(&self) -> bool {
        self.belongs == Belongs::Namespace
    }

    /// The lists that make up the scope: one for all, or one for each namespace.
    pub(super) fn namespaces<'s>(&self, scope: &'s Scope) -> Vec<Option<&'s str>> {
        match scope {
            Scope::Namespaces(names) if self.is_namespaced() => names.iter().map(|name| Some(name.as_str())).collect(),
            _ => vec![None],
        }
    }

    /// Its own label selector and the user's.
    pub(super) fn labels(&self, users: Option<&str>) -> Option<String> {
        let both: Vec<&str> = [users, self.labels].into_iter().flatten().collect();
        Some(both.join(",")).filter(|labels| !labels.is_empty())
    }

    /// The path of its list.
    pub(super) fn path(&self, group: &str, namespace: Option<&str>) -> String {
        match namespace {
            Some(namespace) => format!("{group}/namespaces/{namespace}/{}", self.name),
            None => format!("{group}/{}", self.name),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(name: &str) -> &'static Resource {
        RESOURCES.iter().find(|resource| resource.name == name).unwrap()
    }

    #[test]
    fn namespaces_narrow_what_belongs_to_them() {
        let scope = Scope::Namespaces(vec!["a".into(), "b".into()]);
        assert_eq!(named("secrets").namespaces(&scope), [Some("a"), Some("b")]);
        assert_eq!(named("secrets").namespaces(&Scope::Everything), [None]);
        assert!(!named("apiservices").is_in(&scope) && named("apiservices").is_in(&Scope::Everything));
        assert_eq!(named("secrets").path("/api/v1", Some("a")), "/api/v1/namespaces/a/secrets");
        assert_eq!(named("secrets").path("/api/v1", None), "/api/v1/secrets");
    }

    #[test]
    fn selectors_add_up() {
        assert_eq!(named("configmaps").labels(Some("app in (a,b)")).unwrap(), "app in (a,b),owner!=helm,OWNER!=TILLER");
        assert_eq!(named("secrets").labels(Some("x=y")).unwrap(), "x=y");
        assert_eq!(named("secrets").labels(None), None);
    }

    #[test]
    fn the_role_to_deploy_gives_the_right_to_list_these_and_no_more() {
        use crate::decode::Limits;
        use crate::decode::node::Node;
        let text = include_str!("../../../deploy/rbac.yaml");
        let role = text.split("\n---\n").find(|document| document.contains("kind: ClusterRole\n")).unwrap();
        let role = Node::yaml(role.as_bytes(), &Limits::default()).unwrap();
        let texts = |node: &Node<'_>, field: &str| -> Vec<String> {
            node.field(field).map_or(&[][..], Node::items).iter().filter_map(Node::str).map(str::to_owned).collect()
        };
        let mut granted = Vec::new();
        for rule in role.field("rules").unwrap().items() {
            assert_eq!(texts(rule, "verbs"), ["list"]);
            for group in texts(rule, "apiGroups") {
                granted.extend(texts(rule, "resources").into_iter().map(|resource| format!("{group}/{resource}")));
            }
        }
        let group = |path: &str| path.strip_prefix("/apis/").map(|path| path.split('/').next().unwrap_or_default().to_owned());
        let needed: Vec<String> = RESOURCES
            .iter()
            .chain(CALLED)
            .map(|resource| format!("{}/{}", group(resource.groups[0]).unwrap_or_default(), resource.name))
            .collect();
        assert_eq!(granted, needed);
    }
}
