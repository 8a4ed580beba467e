//! Nodes that join: discovery by cluster-info and a bootstrap token.

use crate::explain::kind::{Kind, Rank, Refuser};
use crate::explain::scene::End;
use crate::model::Code;

pub(super) const KINDS: &[Kind] = &[
    Kind {
        id: "join-ca-hash",
        any: &["none of the public keys", "public key hash does not match", "ca cert hash"],
        also: &[&["are pinned", "not match", "mismatch", "invalid"]],
        never: &[],
        cause: "The cluster's CA is not the one whose hash was given to kubeadm join: the CA was made anew, the hash is from another \
                cluster, or somebody answers in the API server's place",
        refuser: Refuser::Always(End::Client),
        code: Some(Code::ClusterInfoCaStale),
        family: &[Code::ClusterInfoSignature, Code::CaDoesNotSignServer],
        look: &["kcert inspect /etc/kubernetes/pki/ca.crt", "kcert preflight --root /"],
        act: &[
            "On a control-plane node: kubeadm token create --print-join-command gives token and hash that belong together",
            "The hash found is another than that of /etc/kubernetes/pki/ca.crt: cluster-info holds an old CA, write it anew",
        ],
        rank: Rank::Refusal,
        follows: &[],
        cites: &["https://github.com/kubernetes/kubernetes/pull/49520", "kubernetes cmd/kubeadm/app/util/pubkeypin/pubkeypin.go"],
        examples: &[
            "error execution phase preflight: couldn't validate the identity of the API Server: cluster CA found in cluster-info ConfigMap is invalid: none of the public keys \"sha256:0d5f1b7dcd4c57d3f5d7e4c0a5a0ef7a4a8be6e0a8a1d9a1de0ce9b0eb1cdb72\" are pinned",
            "[discovery] Failed to connect to API Server \"10.0.0.1:6443\": cluster CA found in cluster-info configmap is invalid: public key sha256:aa0d7a9b0f3b4e5e8cf9f10dd30a0fb9f7d0bb55d5a0d0f4e3d2ab67f5cf8a11 not pinned, public key hash does not match",
            "error execution phase preflight: unable to fetch the kubeadm-config ConfigMap: the ca cert hash is invalid",
        ],
    },
    Kind {
        id: "join-jws",
        any: &["jws"],
        also: &[&["cluster-info", "cluster info", "token id", "api server", "discovery"]],
        never: &[],
        cause: "cluster-info carries no valid signature for this bootstrap token: the token has expired (24 hours by default), is from \
                another cluster, or cluster-info was changed without being signed again",
        refuser: Refuser::Always(End::Client),
        code: Some(Code::ClusterInfoSignature),
        family: &[Code::TokenExpired, Code::ClusterInfoCaStale],
        look: &["kubectl -n kube-public get configmap cluster-info -o yaml | kcert inspect -", "kcert preflight --root /"],
        act: &[
            "kubeadm token list; without a valid one: kubeadm token create --print-join-command",
            "The token is there: kube-controller-manager signs cluster-info (controllers bootstrapsigner and tokencleaner); see its log",
        ],
        rank: Rank::Refusal,
        follows: &["not-yet-valid"],
        cites: &[
            "https://github.com/kubernetes/kubeadm/issues/668",
            "https://github.com/kubernetes/kubeadm/issues/335",
            "kubernetes cmd/kubeadm/app/discovery/token/token.go",
        ],
        examples: &[
            "[discovery] Failed to connect to API Server \"10.0.0.1:6443\": there is no JWS signed token in the cluster-info ConfigMap. This token id \"aec65f\" is invalid for this cluster, can't connect",
            "error execution phase preflight: couldn't validate the identity of the API Server: could not find a JWS signature in the cluster-info ConfigMap for token ID \"abcdef\"",
            "failed to verify JWS signature of received cluster info object, can't trust this API Server",
            "error: <node/discovery> failed to parse response as JWS object [square/go-jose: compact JWS format must have three parts]",
        ],
    },
];
