//! What a certificate shall be: a builder that says only what differs from kubeadm's habits.

use super::words::{basic_constraints, is_ca, key_usages, purpose, san};
use super::{Error, Identity};
use crate::model::{ExtendedKeyUsage, KeyUsage};
use rcgen::{CertificateParams, CustomExtension, DnType, IsCa, KeyPair, SerialNumber, SignatureAlgorithm};
use std::net::IpAddr;
use std::sync::Arc;
use time::{Duration, OffsetDateTime};
use zeroize::Zeroize;

/// The kind of a key, and with it the signature algorithm of what it issues.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyKind {
    /// RSA of 2048 bits, signing with PKCS#1 v1.5 and SHA-256. Slow to make: about a tenth of a second.
    Rsa2048,
    /// ECDSA over P-256 with SHA-256.
    EcdsaP256,
    /// ECDSA over P-384 with SHA-384.
    EcdsaP384,
    /// Ed25519.
    Ed25519,
}

impl KeyKind {
    pub(super) fn algorithm(self) -> &'static SignatureAlgorithm {
        match self {
            Self::Rsa2048 => &rcgen::PKCS_RSA_SHA256,
            Self::EcdsaP256 => &rcgen::PKCS_ECDSA_P256_SHA256,
            Self::EcdsaP384 => &rcgen::PKCS_ECDSA_P384_SHA384,
            Self::Ed25519 => &rcgen::PKCS_ED25519,
        }
    }
}

/// A certificate to be made. Comes from [`Pki`](super::Pki), ends with [`self_signed`](Self::self_signed),
/// [`issued_by`](Self::issued_by) or [`request`](Self::request).
#[derive(Clone)]
pub struct Recipe {
    at: OffsetDateTime,
    pub(super) common_name: String,
    organizations: Vec<String>,
    unit: Option<String>,
    names: Vec<Name>,
    not_before: OffsetDateTime,
    not_after: OffsetDateTime,
    serial: Option<Vec<u8>>,
    constraints: Constraints,
    key_usage: KeyUsage,
    purposes: Vec<ExtendedKeyUsage>,
    subject_key_id: Identifier,
    authority_key_id: Identifier,
    extensions: Vec<(Vec<u64>, Vec<u8>)>,
    key: KeySource,
}

#[derive(Clone)]
pub(super) enum Name {
    Dns(String),
    Email(String),
    Uri(String),
    Ip(IpAddr),
}

#[derive(Clone, Copy)]
pub(super) enum Constraints {
    Absent,
    EndEntity,
    Authority(Option<u8>),
}

#[derive(Clone, Copy, PartialEq)]
enum Identifier {
    Present,
    Absent,
}

#[derive(Clone)]
enum KeySource {
    Fresh(KeyKind),
    Pem(Arc<str>),
    Shared(Arc<Key>),
}

/// A key pair that wipes its encoding when it goes.
pub(super) struct Key(pub(super) KeyPair);

impl Drop for Key {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

/// What kubeadm gives to end entities: digitalSignature, keyEncipherment.
const LEAF_USAGE: KeyUsage = KeyUsage(0b00_0101);
/// What kubeadm gives to CAs: the same and keyCertSign.
const CA_USAGE: KeyUsage = KeyUsage(0b10_0101);

impl Recipe {
    pub(super) fn new(at: OffsetDateTime, common_name: &str, keys: KeyKind) -> Self {
        Self {
            at,
            common_name: common_name.to_owned(),
            organizations: Vec::new(),
            unit: None,
            names: Vec::new(),
            not_before: at,
            not_after: at,
            serial: None,
            constraints: Constraints::EndEntity,
            key_usage: LEAF_USAGE,
            purposes: Vec::new(),
            subject_key_id: Identifier::Present,
            authority_key_id: Identifier::Present,
            extensions: Vec::new(),
            key: KeySource::Fresh(keys),
        }
    }

    pub(super) fn authority(self) -> Self {
        Self { constraints: Constraints::Authority(None), key_usage: CA_USAGE, ..self }
    }

    /// The common name, if it shall be another one.
    #[must_use]
    pub fn common_name(mut self, name: &str) -> Self {
        name.clone_into(&mut self.common_name);
        self
    }

    /// One more organization: to the API server a group (`system:masters`). Two at most.
    #[must_use]
    pub fn organization(mut self, name: &str) -> Self {
        self.organizations.push(name.to_owned());
        self
    }

    /// The organizational unit.
    #[must_use]
    pub fn unit(mut self, name: &str) -> Self {
        self.unit = Some(name.to_owned());
        self
    }

    /// One more dNSName.
    #[must_use]
    pub fn dns(mut self, name: &str) -> Self {
        self.names.push(Name::Dns(name.to_owned()));
        self
    }

    /// One more iPAddress.
    #[must_use]
    pub fn ip(mut self, address: impl Into<IpAddr>) -> Self {
        self.names.push(Name::Ip(address.into()));
        self
    }

    /// One more uniformResourceIdentifier (`spiffe://…`).
    #[must_use]
    pub fn uri(mut self, uri: &str) -> Self {
        self.names.push(Name::Uri(uri.to_owned()));
        self
    }

    /// One more rfc822Name.
    #[must_use]
    pub fn email(mut self, address: &str) -> Self {
        self.names.push(Name::Email(address.to_owned()));
        self
    }

    /// May be a TLS server.
    #[must_use]
    pub fn server(self) -> Self {
        self.purpose(ExtendedKeyUsage::ServerAuth)
    }

    /// May be a TLS client.
    #[must_use]
    pub fn client(self) -> Self {
        self.purpose(ExtendedKeyUsage::ClientAuth)
    }

    /// One more extended key usage.
    #[must_use]
    pub fn purpose(mut self, purpose: ExtendedKeyUsage) -> Self {
        self.purposes.push(purpose);
        self
    }

    /// The key usage, instead of kubeadm's; no bits: no extension.
    #[must_use]
    pub fn key_usage(self, key_usage: KeyUsage) -> Self {
        Self { key_usage, ..self }
    }

    /// The path length constraint; makes it a CA.
    #[must_use]
    pub fn path_len(self, most: u8) -> Self {
        Self { constraints: Constraints::Authority(Some(most)), ..self }
    }

    /// No basic constraints at all, as certificates made by scripts often have it.
    #[must_use]
    pub fn without_basic_constraints(self) -> Self {
        Self { constraints: Constraints::Absent, ..self }
    }

    /// No subject key identifier; what it issues will have no authority key identifier.
    #[must_use]
    pub fn without_subject_key_id(self) -> Self {
        Self { subject_key_id: Identifier::Absent, ..self }
    }

    /// No authority key identifier.
    #[must_use]
    pub fn without_authority_key_id(self) -> Self {
        Self { authority_key_id: Identifier::Absent, ..self }
    }

    /// One more extension, not critical: OID as numbers, contents in DER.
    #[must_use]
    pub fn extension(mut self, oid: &[u64], contents: &[u8]) -> Self {
        self.extensions.push((oid.to_vec(), contents.to_vec()));
        self
    }

    /// First and last second.
    #[must_use]
    pub fn valid(self, not_before: OffsetDateTime, not_after: OffsetDateTime) -> Self {
        Self { not_before, not_after, ..self }
    }

    /// Ends so long after the instant, a negative duration so long before it, and lives as long as before: a certificate of a year
    /// that ends in twenty days began 345 days ago.
    #[must_use]
    pub fn ends_in(self, left: Duration) -> Self {
        let not_after = self.at + left;
        let not_before = not_after - (self.not_after - self.not_before);
        self.valid(not_before, not_after)
    }

    /// Ended a day before the instant.
    #[must_use]
    pub fn expired(self) -> Self {
        self.ends_in(Duration::days(-1))
    }

    /// Begins a day after the instant.
    #[must_use]
    pub fn not_yet_valid(self) -> Self {
        let not_before = self.at + Duration::days(1);
        let not_after = not_before + (self.not_after - self.not_before);
        self.valid(not_before, not_after)
    }

    /// The serial number, big-endian and positive; otherwise derived from key and end.
    #[must_use]
    pub fn serial(mut self, number: &[u8]) -> Self {
        self.serial = Some(number.to_vec());
        self
    }

    /// A fresh key of this kind.
    #[must_use]
    pub fn key(self, kind: KeyKind) -> Self {
        Self { key: KeySource::Fresh(kind), ..self }
    }

    /// This key, PKCS#8 in PEM: for bytes that do not change from run to run.
    #[must_use]
    pub fn key_pem(self, pem: &str) -> Self {
        Self { key: KeySource::Pem(pem.into()), ..self }
    }

    /// The key of another certificate.
    #[must_use]
    pub fn key_of(self, other: &Identity) -> Self {
        Self { key: KeySource::Shared(Arc::clone(&other.key)), ..self }
    }

    /// Makes the certificate, signed by its own key.
    ///
    /// # Errors
    /// If a name, the key or the dates cannot be encoded.
    pub fn self_signed(self) -> Result<Identity, Error> {
        let key = self.make_key()?;
        let mut parameters = self.parameters()?;
        parameters.serial_number = Some(self.serial_number(&key));
        let certificate = parameters.self_signed(&key.0).map_err(|cause| self.mint_error(cause))?;
        Ok(Identity { certificate, recipe: self, key })
    }

    /// Makes the certificate, signed by `issuer` whatever that is: whether it is a CA, or valid, is not looked at.
    ///
    /// # Errors
    /// If a name, the key or the dates cannot be encoded.
    pub fn issued_by(self, issuer: &Identity) -> Result<Identity, Error> {
        let key = self.make_key()?;
        let mut parameters = self.parameters()?;
        parameters.serial_number = Some(self.serial_number(&key));
        parameters.use_authority_key_identifier_extension =
            self.authority_key_id == Identifier::Present && issuer.recipe.subject_key_id == Identifier::Present;
        let signer = rcgen::Issuer::new(issuer.recipe.parameters()?, &issuer.key.0);
        let certificate = parameters.signed_by(&key.0, &signer).map_err(|cause| self.mint_error(cause))?;
        Ok(Identity { certificate, recipe: self, key })
    }

    /// Makes a certification request (RFC 2986) instead of a certificate, in PEM. Dates, serial and issuer do not matter.
    ///
    /// # Errors
    /// If a name or the key cannot be encoded.
    pub fn request(self) -> Result<String, Error> {
        let key = self.make_key()?;
        let mut parameters = self.parameters()?;
        parameters.is_ca = IsCa::NoCa;
        let request = parameters.serialize_request(&key.0);
        request.and_then(|request| request.pem()).map_err(|cause| self.mint_error(cause))
    }

    /// The serial number of a certificate by this recipe with this key: unless it is given, 20 octets of the key's digest, mixed with
    /// the end, so that it is the same in every run and differs between a certificate and its renewal.
    pub(super) fn serial_number(&self, key: &Key) -> SerialNumber {
        if let Some(serial) = &self.serial {
            return SerialNumber::from_slice(serial);
        }
        let mut serial = CertificateParams::default().key_identifier(&key.0);
        let end = self.not_after.unix_timestamp().to_be_bytes();
        serial.iter_mut().rev().zip(end.iter().rev()).for_each(|(octet, end)| *octet ^= end);
        if let Some(first) = serial.first_mut() {
            *first &= 0x7f;
        }
        SerialNumber::from(serial)
    }

    pub(super) fn mint_error(&self, cause: rcgen::Error) -> Error {
        Error::Mint { subject: self.common_name.as_str().into(), cause }
    }

    /// The recipe in rcgen's words, without what depends on the issuer.
    pub(super) fn parameters(&self) -> Result<CertificateParams, Error> {
        let mut parameters = CertificateParams::default();
        parameters.not_before = self.not_before;
        parameters.not_after = self.not_after;
        parameters.distinguished_name = self.subject()?;
        parameters.subject_alt_names = self.names.iter().map(san).collect::<Result<_, _>>()?;
        parameters.key_usages = key_usages(self.key_usage);
        parameters.extended_key_usages = self.purposes.iter().map(purpose).collect::<Result<_, _>>()?;
        parameters.custom_extensions =
            self.extensions.iter().map(|(oid, contents)| CustomExtension::from_oid_content(oid, contents.clone())).collect();
        match self.subject_key_id {
            Identifier::Present => parameters.is_ca = is_ca(self.constraints),
            Identifier::Absent => parameters.custom_extensions.extend(basic_constraints(self.constraints)),
        }
        Ok(parameters)
    }

    /// Organizations, unit, common name: the order in which Go's `pkix.Name` writes them.
    fn subject(&self) -> Result<rcgen::DistinguishedName, Error> {
        // rcgen keeps one value for a type. Its two spellings of the same type make room for two.
        let spellings = [DnType::OrganizationName, DnType::CustomDnType(vec![2, 5, 4, 10])];
        if self.organizations.len() > spellings.len() {
            return Err(Error::Organizations(self.organizations.len()));
        }
        let mut subject = rcgen::DistinguishedName::new();
        for (spelling, organization) in spellings.into_iter().zip(&self.organizations) {
            subject.push(spelling, organization);
        }
        if let Some(unit) = &self.unit {
            subject.push(DnType::OrganizationalUnitName, unit);
        }
        if !self.common_name.is_empty() {
            subject.push(DnType::CommonName, &self.common_name);
        }
        Ok(subject)
    }

    fn make_key(&self) -> Result<Arc<Key>, Error> {
        let pair = match &self.key {
            KeySource::Shared(key) => return Ok(Arc::clone(key)),
            KeySource::Fresh(kind) => KeyPair::generate_for(kind.algorithm()),
            KeySource::Pem(pem) => KeyPair::from_pem(pem),
        };
        Ok(Arc::new(Key(pair.map_err(Error::Key)?)))
    }
}

#[cfg(test)]
mod tests {
    use super::super::{NOW, Pki, pki};
    use super::*;
    use crate::decode::{Decoded, Decoder, Limits};
    use crate::model::{Certificate, Content, GeneralName, PrivateKey};

    fn contents(text: &[u8]) -> Arc<[Content]> {
        match Decoder::new(Limits::default()).bytes(text) {
            Decoded::Contents(contents) => contents,
            _ => panic!("no certificate"),
        }
    }

    fn certificate(identity: &Identity) -> Arc<Certificate> {
        match &*contents(identity.der()) {
            [Content::Certificate(certificate)] => Arc::clone(certificate),
            other => panic!("no certificate: {other:?}"),
        }
    }

    #[test]
    fn what_the_recipe_says_is_in_the_certificate() {
        let root = pki().ca("kubernetes").path_len(1).self_signed().unwrap();
        let recipe = pki().leaf("kube-apiserver").organization("a").organization("b").unit("c").server().client();
        let recipe = recipe.dns("kubernetes").ip([10, 96, 0, 1]).uri("spiffe://x/y").email("a@b.c").serial(&[0x12, 0x34]);
        let leaf = certificate(&recipe.issued_by(&root).unwrap());
        let root = certificate(&root);
        assert_eq!(leaf.subject.to_string(), "CN=kube-apiserver,OU=c,O=b,O=a");
        assert_eq!(leaf.issuer, root.subject);
        assert_eq!(leaf.serial.hex(), "1234");
        let names = [
            GeneralName::Dns("kubernetes".into()),
            GeneralName::Ip([10, 96, 0, 1].into()),
            GeneralName::Uri("spiffe://x/y".into()),
            GeneralName::Email("a@b.c".into()),
        ];
        assert_eq!(leaf.sans, names);
        assert_eq!(leaf.extended_key_usage.as_deref(), Some(&[ExtendedKeyUsage::ServerAuth, ExtendedKeyUsage::ClientAuth][..]));
        assert_eq!(leaf.key_usage, Some(LEAF_USAGE));
        assert_eq!(root.key_usage, Some(CA_USAGE));
        assert_eq!(leaf.authority_key_id, root.subject_key_id);
        assert!(root.is_ca() && !leaf.is_ca());
        assert_eq!(root.basic_constraints.as_ref().and_then(|constraints| constraints.path_len), Some(1));
        assert_eq!((leaf.validity.not_before, leaf.validity.lifetime()), (NOW - Duration::days(30), Duration::days(365)));
    }

    #[test]
    fn what_the_recipe_leaves_out_is_not() {
        let root = pki().ca("ca").path_len(200).without_subject_key_id().self_signed().unwrap();
        let leaf = pki().leaf("").dns("x").without_basic_constraints().key_usage(KeyUsage(0)).issued_by(&root).unwrap();
        let (root, leaf) = (certificate(&root), certificate(&leaf));
        assert_eq!((&root.subject_key_id, &leaf.authority_key_id), (&None, &None));
        assert_eq!(root.basic_constraints.as_ref().and_then(|constraints| constraints.path_len), Some(200));
        assert!(leaf.subject.is_empty());
        assert_eq!((&leaf.basic_constraints, leaf.key_usage, &leaf.extended_key_usage), (&None, None, &None));
    }

    #[test]
    fn dates_are_around_the_instant() {
        let at = time::macros::datetime!(2031-05-06 07:08:09 UTC);
        let ends = |recipe: Recipe| certificate(&recipe.self_signed().unwrap()).validity;
        let leaf = || Pki::at(at).leaf("x");
        assert_eq!(ends(leaf().expired()).not_after, at - Duration::days(1));
        assert_eq!(ends(leaf().ends_in(Duration::days(20))).not_after, at + Duration::days(20));
        assert_eq!(ends(leaf().not_yet_valid()).not_before, at + Duration::days(1));
        let long_over = ends(leaf().ends_in(Duration::days(-40)));
        assert_eq!((long_over.not_after, long_over.lifetime()), (at - Duration::days(40), Duration::days(365)));
    }

    #[test]
    fn given_keys_make_the_same_bytes() {
        for kind in [KeyKind::Rsa2048, KeyKind::Ed25519] {
            let key = pki().keys(kind).ca("x").self_signed().unwrap().key_pem();
            let mint = || pki().ca("x").key_pem(key.as_str()).self_signed().unwrap();
            assert_eq!(mint().pem(), mint().pem());
        }
    }

    #[test]
    fn keys_belong_to_their_certificates() {
        for kind in [KeyKind::Rsa2048, KeyKind::EcdsaP256, KeyKind::EcdsaP384, KeyKind::Ed25519] {
            let minted = pki().keys(kind).leaf("x").self_signed().unwrap();
            let contents = contents(minted.key_pem().as_str().as_bytes());
            let [Content::PrivateKey(key)] = &*contents else { panic!("no key: {contents:?}") };
            assert_eq!(PrivateKey::public(key), Some(&certificate(&minted).public_key));
        }
    }

    #[test]
    fn a_cross_certificate_has_name_and_key_and_another_issuer() {
        let (old, new) = (pki().ca("old").self_signed().unwrap(), pki().ca("new").self_signed().unwrap());
        let cross = new.recipe().ends_in(Duration::days(90)).issued_by(&old).unwrap();
        assert!(cross.shares_key_with(&new));
        let (cross, new) = (certificate(&cross), certificate(&new));
        assert_eq!((&cross.subject, &cross.subject_key_id), (&new.subject, &new.subject_key_id));
        assert_ne!((&cross.issuer, &cross.serial), (&new.issuer, &new.serial));
    }

    #[test]
    fn requests_and_lists_are_what_they_are_called() {
        let root = pki().ca("ca").self_signed().unwrap();
        let leaf = pki().leaf("node").organization("system:nodes").dns("n1");
        let request = contents(leaf.clone().request().unwrap().as_bytes());
        let [Content::Request(request)] = &*request else { panic!("no request: {request:?}") };
        assert_eq!(request.subject.to_string(), "CN=node,O=system:nodes");
        let revoked = leaf.issued_by(&root).unwrap();
        let list = contents(root.crl(NOW, NOW + Duration::days(7), &[&revoked]).unwrap().as_bytes());
        let [Content::Crl(list)] = &*list else { panic!("no list: {list:?}") };
        assert_eq!((list.issuer.to_string().as_str(), list.revoked), ("CN=ca", 1));
        assert!(root.crl(NOW, NOW, &[]).is_err());
    }

    #[test]
    fn what_cannot_be_made_is_an_error_with_its_cause() {
        let three = pki().leaf("x").organization("a").organization("b").organization("c").self_signed();
        assert!(matches!(three, Err(Error::Organizations(3))));
        let name = pki().leaf("x").dns("ü").self_signed().unwrap_err();
        assert!(std::error::Error::source(&name).is_some());
        assert!(matches!(pki().leaf("x").key_pem("junk").self_signed(), Err(Error::Key(_))));
        assert!(matches!(pki().leaf("x").purpose(ExtendedKeyUsage::Other("1.x".into())).self_signed(), Err(Error::Oid(_))));
    }

    #[test]
    fn debug_shows_no_key() {
        let minted = pki().ca("ca").self_signed().unwrap();
        assert_eq!(format!("{minted:?}"), "Identity { common_name: \"ca\", .. }");
    }
}
