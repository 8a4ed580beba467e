//! The nouns: what a certificate is, where it was found, who holds it, what is wrong with it.
//!
//! Nothing here reads, verifies or prints; nothing here imports another room. Everything that was read from a certificate is an
//! attacker's text until `report::escape` has seen it.

pub mod backend;
pub mod certificate;
pub mod cluster;
pub mod defect;
pub mod digest;
pub mod finding;
pub mod handshake;
pub mod inventory;
pub mod key;
pub mod kubeconfig;
pub mod managed;
pub mod name;
pub mod origin;
pub mod peer;
pub mod request;
pub mod role;
pub mod when;

pub use backend::{ClusterNode, EndpointPort, EndpointSlice, Service, ServicePort, TargetPort};
pub use certificate::{BasicConstraints, Certificate, ExtendedKeyUsage, KeyUsage, Serial, SignatureAlgorithm, Validity};
pub use cluster::{Binding, BootstrapToken, Call, Component, Destination, Discovery, Fact, Facts, FrontProxy, Mesh, SigningKey};
pub use defect::{Defect, DefectKind, Position};
pub use digest::Sha256;
pub use finding::{Code, Evidence, Finding, Severity};
pub use handshake::{Handshake, Participant, Party, Side, Standing, State};
pub use inventory::{Collect, Content, Credential, Holding, Inventory};
pub use key::{KeyAlgorithm, KeyFormat, PrivateKey, PublicKey};
pub use kubeconfig::{Cluster, Context, Kubeconfig, Login, Material, User};
pub use managed::{Condition, Managed, ManagedCertificate, ManagedStatus, Told};
pub use name::{AttributeType, DistinguishedName, GeneralName};
pub use origin::{Document, Origin, OriginKind, Slot};
pub use peer::{LOOPBACK_NAME, Peer};
pub use request::{ApprovalState, CertificateList, CertificationRequest, SigningRequest};
pub use role::{Distribution, Role};
