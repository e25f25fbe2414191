//! What a key file holds: keys, who may open it, and the owner and writer that sign.

use crate::base::entropy::{Entropy, draw};
use crate::base::ids::RepositoryId;
use crate::base::secret::Secret;
use crate::crypto::hierarchy::{Domain, Master, NamesKey, TenantPrefix};
use crate::crypto::identity::{FingerprintKey, IdsKey, ProofKey};
use crate::crypto::passphrase::Cost;
use crate::crypto::sign::{SignPublic, SignSecret};
use crate::crypto::wrap::{WrapPublic, WrapSecret};
use crate::format::FormatError;
use crate::format::bytes::{Reader, Writer};
use crate::format::certificate::{CERTIFICATE_BYTES_MAX, Certificate, Rights, Signer};
use crate::format::limits::{KEY_SLOTS_MAX, KINDS_MAX, TEXT_BYTES_MAX};

const PAYLOAD_VERSION: u8 = 1;
/// Enough for nearly every payload and its padding, so that keys are not copied while it grows.
const PAYLOAD_ROOM: usize = 64 << 10;
const ACCESS_FULL: u8 = 1;
const ACCESS_GRANTS: u8 = 2;

/// How a passphrase becomes a key.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Stretch {
    /// What a guess costs.
    pub cost: Cost,
    /// Makes equal passphrases different.
    pub salt: [u8; 16],
}

/// Somebody who can open the key file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Recipient {
    /// Names the slot.
    pub id: [u8; 8],
    /// A name for people.
    pub label: String,
    /// To whom the file key is wrapped.
    pub public: WrapPublic,
    /// Set where the key pair comes from a passphrase.
    pub stretch: Option<Stretch>,
}

/// The keys of one tenant for a holder who has no more.
#[derive(Clone)]
pub struct Grant {
    /// The tenant's configured name.
    pub name: String,
    /// Its keys, as far as they were given.
    pub domain: Domain,
}

/// How far the holder's keys go.
#[derive(Clone)]
pub enum Access {
    /// Everything: all tenants, all epochs.
    Full {
        /// Makes prefixes.
        names: NamesKey,
        /// One for each epoch, in ascending order; never empty.
        masters: Vec<Master>,
    },
    /// Some tenants.
    Grants(Vec<Grant>),
}

/// The opened content of a key file.
#[derive(Clone)]
pub struct KeyRing {
    /// Which repository.
    pub repository: RepositoryId,
    /// Whose certificates count.
    pub owner: SignPublic,
    /// The owner's key, where the holder is the owner.
    pub owner_secret: Option<SignSecret>,
    /// Who signs records for this holder; `None` for one who only reads.
    pub signer: Option<Signer>,
    /// Who can open the file.
    pub recipients: Vec<Recipient>,
    /// The keys.
    pub access: Access,
}

impl KeyRing {
    /// The keys of a new repository: everything random, epoch 1, the owner certifies himself a writer.
    ///
    /// # Errors
    /// The system gave no randomness.
    pub fn init(writer_name: &str, now_ms: i64, entropy: &dyn Entropy) -> Result<Self, FormatError> {
        let repository = RepositoryId(draw(entropy)?);
        let owner = SignSecret::random(entropy)?;
        let names = NamesKey::random(entropy)?;
        let masters = vec![Master::random(1, entropy)?];
        let mut ring = Self {
            repository,
            owner: owner.public(),
            owner_secret: Some(owner),
            signer: None,
            recipients: Vec::new(),
            access: Access::Full { names, masters },
        };
        ring.signer = Some(ring.certify(writer_name, Rights::ALL, Vec::new(), now_ms, entropy)?);
        Ok(ring)
    }

    /// Makes a new writer with a certificate.
    ///
    /// # Errors
    /// The holder is not the owner, or no randomness.
    pub fn certify(
        &self,
        name: &str,
        rights: Rights,
        tenants: Vec<TenantPrefix>,
        now_ms: i64,
        entropy: &dyn Entropy,
    ) -> Result<Signer, FormatError> {
        let owner = self.owner_secret.as_ref().ok_or(FormatError::NoKey("the owner's signature"))?;
        let secret = SignSecret::random(entropy)?;
        let public = secret.public();
        let certificate = Certificate::issue(owner, &self.repository, public, name, rights, tenants, now_ms);
        Ok(Signer { secret, certificate: Some(certificate) })
    }

    /// The owner as the writer of a record about keys.
    ///
    /// # Errors
    /// The holder is not the owner.
    pub fn owner_signer(&self) -> Result<Signer, FormatError> {
        let secret = self.owner_secret.clone().ok_or(FormatError::NoKey("the owner's signature"))?;
        Ok(Signer { secret, certificate: None })
    }

    /// Lets a passphrase open the next key file; gives the slot's id.
    ///
    /// # Errors
    /// The cost is out of range, or no randomness.
    pub fn add_passphrase(
        &mut self,
        label: &str,
        words: &Secret<Vec<u8>>,
        cost: Cost,
        entropy: &dyn Entropy,
    ) -> Result<[u8; 8], FormatError> {
        let stretch = Stretch::fresh(cost, entropy)?;
        let public = stretch.public(words)?;
        self.add(label, public, Some(stretch), entropy)
    }

    /// Lets the holder of a key pair open the next key file; gives the slot's id.
    ///
    /// # Errors
    /// No randomness.
    pub fn add_recipient(
        &mut self,
        label: &str,
        public: WrapPublic,
        entropy: &dyn Entropy,
    ) -> Result<[u8; 8], FormatError> {
        self.add(label, public, None, entropy)
    }

    fn add(
        &mut self,
        label: &str,
        public: WrapPublic,
        stretch: Option<Stretch>,
        entropy: &dyn Entropy,
    ) -> Result<[u8; 8], FormatError> {
        let id = draw(entropy)?;
        self.recipients.push(Recipient { id, label: label.to_owned(), public, stretch });
        Ok(id)
    }

    /// Takes a recipient out; whether there was one.
    pub fn remove(&mut self, id: &[u8; 8]) -> bool {
        let before = self.recipients.len();
        self.recipients.retain(|recipient| recipient.id != *id);
        self.recipients.len() < before
    }

    /// Begins a new key epoch; what is written from then on is shut to whoever has only older keys.
    ///
    /// # Errors
    /// The holder does not have everything, or no randomness.
    pub fn begin_epoch(&mut self, entropy: &dyn Entropy) -> Result<u32, FormatError> {
        let Access::Full { masters, .. } = &mut self.access else {
            return Err(FormatError::NoKey("a new key epoch"));
        };
        let epoch = masters.last().map_or(1, |master| master.epoch + 1);
        masters.push(Master::random(epoch, entropy)?);
        Ok(epoch)
    }

    /// The prefix of a tenant, by its configured name.
    ///
    /// # Errors
    /// The holder has no keys for it.
    pub fn prefix(&self, tenant: &str) -> Result<TenantPrefix, FormatError> {
        match &self.access {
            Access::Full { names, .. } => Ok(names.prefix(tenant)),
            Access::Grants(grants) => {
                let grant = grants.iter().find(|grant| grant.name == tenant);
                Ok(grant.ok_or(FormatError::NoKey("this tenant"))?.domain.prefix)
            }
        }
    }

    /// The keys of a tenant, newest epoch first; never empty.
    ///
    /// # Errors
    /// The holder has no keys for it.
    pub fn domains(&self, prefix: TenantPrefix) -> Result<Vec<Domain>, FormatError> {
        let mut domains = match &self.access {
            Access::Full { masters, .. } => {
                masters.iter().map(|master| master.domain(prefix)).collect::<Result<Vec<_>, _>>()?
            }
            Access::Grants(grants) => {
                let own = grants.iter().filter(|grant| grant.domain.prefix == prefix);
                own.map(|grant| grant.domain.clone()).collect()
            }
        };
        domains.sort_by_key(|domain| std::cmp::Reverse(domain.epoch));
        if domains.is_empty() { Err(FormatError::NoKey("this tenant")) } else { Ok(domains) }
    }

    /// A key ring for a machine that only writes these tenants, in the newest epoch.
    ///
    /// # Errors
    /// The holder is not the owner, has no keys for one of them, or no randomness.
    pub fn put_only(
        &self,
        name: &str,
        tenants: &[&str],
        now_ms: i64,
        entropy: &dyn Entropy,
    ) -> Result<Self, FormatError> {
        let mut grants = Vec::new();
        for tenant in tenants {
            let domains = self.domains(self.prefix(tenant)?)?;
            let newest = domains.first().ok_or(FormatError::NoKey("this tenant"))?;
            grants.push(Grant { name: (*tenant).to_owned(), domain: newest.put_only() });
        }
        let prefixes = grants.iter().map(|grant| grant.domain.prefix).collect();
        let signer = self.certify(name, Rights::COLLECT, prefixes, now_ms, entropy)?;
        Ok(Self {
            repository: self.repository,
            owner: self.owner,
            owner_secret: None,
            signer: Some(signer),
            recipients: Vec::new(),
            access: Access::Grants(grants),
        })
    }

    /// The payload's bytes; as secret as the keys in it.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut w = Writer::with_room(PAYLOAD_ROOM);
        w.u8(PAYLOAD_VERSION).raw(&self.owner.0);
        optional(self.owner_secret.as_ref().map(SignSecret::secret), &mut w);
        optional(self.signer.as_ref().map(|signer| signer.secret.secret()), &mut w);
        if let Some(signer) = &self.signer {
            w.vb(&signer.certificate.as_ref().map(Certificate::encode).unwrap_or_default());
        }
        w.size(self.recipients.len());
        for recipient in &self.recipients {
            write_recipient(recipient, &mut w);
        }
        match &self.access {
            Access::Full { names, masters } => {
                w.u8(ACCESS_FULL).raw(names.expose()).size(masters.len());
                for master in masters {
                    w.u32(master.epoch).raw(master.secret().expose());
                }
            }
            Access::Grants(grants) => {
                w.u8(ACCESS_GRANTS).size(grants.len());
                for grant in grants {
                    write_grant(grant, &mut w);
                }
            }
        }
        w.finish()
    }

    /// Reads what [`Self::encode`] wrote, and the zeros after it.
    pub(crate) fn decode(repository: RepositoryId, payload: &[u8]) -> Result<Self, FormatError> {
        let mut r = Reader::new(payload, "content of the key file");
        let version = r.u8()?;
        if version != PAYLOAD_VERSION {
            return Err(FormatError::Newer { what: "content of the key file", version, suite: 0 });
        }
        let owner = SignPublic(r.array()?);
        let owner_secret = read_optional(&mut r)?.map(SignSecret::from_secret);
        let signer = match read_optional(&mut r)? {
            None => None,
            Some(secret) => {
                let certificate = match r.vb(CERTIFICATE_BYTES_MAX)? {
                    [] => None,
                    bytes => Some(Certificate::decode(bytes)?),
                };
                Some(Signer { secret: SignSecret::from_secret(secret), certificate })
            }
        };
        let count = r.count(KEY_SLOTS_MAX, 42)?;
        let recipients = (0..count).map(|_| read_recipient(&mut r)).collect::<Result<_, _>>()?;
        let access = read_access(&mut r)?;
        if r.take(r.left())?.iter().any(|byte| *byte != 0) {
            return Err(r.damaged("its padding is not zeros"));
        }
        Ok(Self { repository, owner, owner_secret, signer, recipients, access })
    }
}

fn read_access(r: &mut Reader<'_>) -> Result<Access, FormatError> {
    match r.u8()? {
        ACCESS_FULL => {
            let names = NamesKey::new(Secret::new(r.array()?));
            let count = r.count(KINDS_MAX, 36)?;
            let mut masters: Vec<Master> = Vec::with_capacity(count);
            for _ in 0..count {
                let master = Master::from_secret(r.u32()?, Secret::new(r.array()?));
                if masters.last().is_some_and(|last| last.epoch >= master.epoch) {
                    return Err(r.damaged("its epochs are not sorted"));
                }
                masters.push(master);
            }
            if masters.is_empty() {
                Err(r.damaged("it has no master"))
            } else {
                Ok(Access::Full { names, masters })
            }
        }
        ACCESS_GRANTS => {
            let count = r.count(KINDS_MAX, 183)?;
            Ok(Access::Grants((0..count).map(|_| read_grant(r)).collect::<Result<_, _>>()?))
        }
        _ => Err(r.damaged("its access is unknown")),
    }
}

fn optional(secret: Option<&Secret<[u8; 32]>>, w: &mut Writer) {
    match secret {
        None => w.u8(0),
        Some(secret) => w.u8(1).raw(secret.expose()),
    };
}

fn read_optional(r: &mut Reader<'_>) -> Result<Option<Secret<[u8; 32]>>, FormatError> {
    Ok(if r.flag()? { Some(Secret::new(r.array()?)) } else { None })
}

fn write_recipient(recipient: &Recipient, w: &mut Writer) {
    w.raw(&recipient.id).text(&recipient.label).raw(&recipient.public.0);
    match &recipient.stretch {
        None => w.u8(0),
        Some(Stretch { cost, salt }) => {
            w.u8(1).u32(cost.memory_kib).u32(cost.passes).u32(cost.lanes).raw(salt)
        }
    };
}

fn read_recipient(r: &mut Reader<'_>) -> Result<Recipient, FormatError> {
    let (id, label) = (r.array()?, r.text(TEXT_BYTES_MAX)?.to_owned());
    let public = WrapPublic(r.array()?);
    let stretch = if r.flag()? {
        let cost = Cost { memory_kib: r.u32()?, passes: r.u32()?, lanes: r.u32()? };
        Some(Stretch { cost, salt: r.array()? })
    } else {
        None
    };
    Ok(Recipient { id, label, public, stretch })
}

fn write_grant(grant: &Grant, w: &mut Writer) {
    let domain = &grant.domain;
    w.text(&grant.name).raw(&domain.prefix.0).u32(domain.epoch);
    w.raw(domain.ids.expose()).raw(domain.proof.expose()).raw(domain.fingerprints.expose());
    w.raw(&domain.data_public.0).raw(&domain.secrets_public.0);
    optional(domain.data_secret.as_ref().map(WrapSecret::secret), w);
    optional(domain.secrets_secret.as_ref().map(WrapSecret::secret), w);
}

fn read_grant(r: &mut Reader<'_>) -> Result<Grant, FormatError> {
    let name = r.text(TEXT_BYTES_MAX)?.to_owned();
    let domain = Domain {
        prefix: TenantPrefix(r.array()?),
        epoch: r.u32()?,
        ids: IdsKey::new(Secret::new(r.array()?)),
        proof: ProofKey::new(Secret::new(r.array()?)),
        fingerprints: FingerprintKey::new(Secret::new(r.array()?)),
        data_public: WrapPublic(r.array()?),
        secrets_public: WrapPublic(r.array()?),
        data_secret: read_optional(r)?.map(WrapSecret::from_secret),
        secrets_secret: read_optional(r)?.map(WrapSecret::from_secret),
    };
    Ok(Grant { name, domain })
}
