//! The identity key: turns users, addresses and identity agents into hashes nobody can turn back without it.
//!
//! ```text
//!  secret (256 bits) ──BLAKE2b, one label each──> who key, agent key (128 bits), key id (32 bits), fingerprint (256 bits)
//!  who   = SipHash-2-4(who key, one byte for the kind of identity, its bytes)
//!  agent = SipHash-2-4(agent key, identity agent), lower half
//! ```
//!
//! All of this is part of stored identities: a change of labels, kinds or bytes makes strangers of known downloaders.

use std::fmt::Write;
use std::hash::Hasher;
use std::net::{IpAddr, Ipv6Addr};

use blake2::Blake2bMac512;
use blake2::digest::common::KeyInit;
use blake2::digest::{FixedOutput, Update};
use siphasher::sip::SipHasher24;

use crate::classify::{AgentText, IDENTITY_BYTES_MAX, identity_agent};
use crate::model::{AgentHash, Who};
use crate::parse::Request;

/// What an exported hash begins with, before the key's id.
const EXPORT_PREFIX: &str = "ht1_";

/// Behind the hash of a downloader whose agent is no part of the identity.
const NO_AGENT: &str = "_0";

/// Identities up to so many bytes are hashed in one piece: any address, and hashes of 256 bits in hex.
const SHORT_BYTES: usize = 64;

/// The kind of an identity, hashed before its bytes so that a user called `192.0.2.1` is not that address.
#[derive(Clone, Copy)]
enum Kind {
    User = 0,
    Ipv4 = 1,
    Ipv6Network = 2,
    GivenUserHash = 3,
    GivenAddressHash = 4,
    AddressText = 5,
}

/// How a request calls who made it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NameKind {
    User,
    Address,
    /// Hashes that the source made.
    UserHash,
    AddressHash,
}

/// Who made a request, without what they are called.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Identity {
    pub who: Who,
    /// Whether `who` is a signed-in user.
    pub user: bool,
    /// The client; 0 if unknown, and for sources that hold hashes already.
    pub agent: AgentHash,
    /// Whether the request names anybody at all; if not, `who` is [`Who::NOBODY`].
    pub known: bool,
}

/// The keys derived from a store's secret. There is no `Debug` on purpose.
#[derive(Clone)]
pub struct IdentityKey {
    who: SipHasher24,
    agent: SipHasher24,
    id: String,
    fingerprint: [u8; 32],
}

impl IdentityKey {
    /// Derives the keys from the store's secret.
    #[must_use]
    pub fn new(secret: &[u8; 32]) -> IdentityKey {
        let [id0, id1, id2, id3] = derived(secret, "hubtally key id v1");
        IdentityKey {
            who: SipHasher24::new_with_key(&derived(secret, "hubtally who v1")),
            agent: SipHasher24::new_with_key(&derived(secret, "hubtally agent v1")),
            id: format!("{:08x}", u32::from_be_bytes([id0, id1, id2, id3])),
            fingerprint: derived(secret, "hubtally fingerprint v1"),
        }
    }

    /// The name of the key in exports: 8 hex digits.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// What a store keeps to know its key again.
    #[must_use]
    pub fn fingerprint(&self) -> [u8; 32] {
        self.fingerprint
    }

    /// Who made a request. A user wins over an address.
    #[must_use]
    pub fn identify(&self, request: &Request<'_>) -> Identity {
        self.identify_with(request, |agent| self.agent(agent), |kind, name| self.named(kind, name))
    }

    /// Who made a request, for those who know the hashes of agents and names: `agent` and `named` must give what
    /// [`IdentityKey::agent`] and [`IdentityKey::named`] give.
    pub fn identify_with(
        &self,
        request: &Request<'_>,
        agent: impl FnOnce(&str) -> AgentHash,
        named: impl FnOnce(NameKind, &str) -> Who,
    ) -> Identity {
        let present = |text: &Option<std::borrow::Cow<'_, str>>| text.as_deref().is_some_and(|text| !text.is_empty());
        let user = present(&request.user);
        let name = if user { &request.user } else { &request.address };
        // Hashes that the source made tell its downloaders apart by themselves; our own exports say which it was.
        let mut has_agent = !request.hashed;
        let who = match name.as_deref().filter(|text| !text.is_empty()) {
            None => Who::NOBODY,
            Some(text) => match self.own_export(text) {
                Some((exported, agent_counts)) => {
                    has_agent = agent_counts;
                    exported
                }
                None => {
                    let kind = match (user, request.hashed) {
                        (true, false) => NameKind::User,
                        (true, true) => NameKind::UserHash,
                        (false, true) => NameKind::AddressHash,
                        (false, false) => NameKind::Address,
                    };
                    named(kind, text)
                }
            },
        };
        let known = who != Who::NOBODY;
        let agent = match request.agent.as_deref() {
            Some(text) if has_agent && !text.is_empty() => agent(text),
            _ => AgentHash(0),
        };
        Identity { who, user: user && known, agent, known }
    }

    /// Every who under which somebody of this name may have come in: a text may have been a user id, an address, or a hash of
    /// either that the source made. `None` for an export of another key, and for nobody.
    #[must_use]
    pub fn all_of(&self, text: &str) -> Option<Vec<Who>> {
        if text.starts_with(EXPORT_PREFIX) {
            let (who, _) = self.own_export(text)?;
            return (who != Who::NOBODY).then(|| vec![who]);
        }
        if text.is_empty() {
            return None;
        }
        let kinds = [NameKind::User, NameKind::Address, NameKind::UserHash, NameKind::AddressHash];
        Some(kinds.map(|kind| self.named(kind, text)).to_vec())
    }

    /// A who as exports write it, `ht1_KEYID_HEX16`, with `_0` behind it if the agent beside it is no part of the
    /// identity. A store with the same key takes it back as it is.
    #[must_use]
    pub fn export(&self, who: Who, agent_counts: bool) -> String {
        let mut text = String::with_capacity(EXPORT_PREFIX.len() + 8 + 1 + 16 + NO_AGENT.len());
        text.push_str(EXPORT_PREFIX);
        text.push_str(&self.id);
        // Writing to a String cannot fail.
        let _ = write!(text, "_{:016x}", who.0);
        if !agent_counts {
            text.push_str(NO_AGENT);
        }
        text
    }

    /// The who behind an export of this very key, and whether its agent counts; of another key it is a text like any other.
    fn own_export(&self, text: &str) -> Option<(Who, bool)> {
        let hex = text.strip_prefix(EXPORT_PREFIX)?.strip_prefix(self.id.as_str())?.strip_prefix('_')?;
        let (hex, agent_counts) = hex.strip_suffix(NO_AGENT).map_or((hex, true), |hex| (hex, false));
        let valid = hex.len() == 16 && hex.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        valid.then(|| u64::from_str_radix(hex, 16).ok().map(|who| (Who(who), agent_counts))).flatten()
    }

    /// The who of a name.
    #[must_use]
    pub fn named(&self, kind: NameKind, name: &str) -> Who {
        match kind {
            NameKind::User => self.who(Kind::User, name.as_bytes()),
            NameKind::Address => self.address(name),
            NameKind::UserHash => self.who(Kind::GivenUserHash, name.as_bytes()),
            NameKind::AddressHash => self.who(Kind::GivenAddressHash, name.as_bytes()),
        }
    }

    fn address(&self, text: &str) -> Who {
        let text = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(text);
        match text.parse().map(|address: IpAddr| address.to_canonical()) {
            Ok(IpAddr::V4(address)) => self.who(Kind::Ipv4, &address.octets()),
            Ok(IpAddr::V6(address)) => self.who(Kind::Ipv6Network, &network(address)),
            Err(_) => self.who(Kind::AddressText, text.as_bytes()),
        }
    }

    fn who(&self, kind: Kind, bytes: &[u8]) -> Who {
        // In one piece, as long as it is short: the hasher is slow to put pieces together.
        let mut piece = [kind as u8; 1 + SHORT_BYTES];
        let hash = match piece.get_mut(1..=bytes.len()) {
            Some(place) => {
                place.copy_from_slice(bytes);
                self.who.hash(piece.get(..=bytes.len()).unwrap_or(&piece))
            }
            None => {
                let mut hasher = self.who;
                hasher.write(&[kind as u8]);
                hasher.write(bytes);
                hasher.finish()
            }
        };
        Who(hash.max(1))
    }

    /// The hash of what of an agent tells clients apart.
    #[must_use]
    pub fn agent(&self, agent: &str) -> AgentHash {
        self.identity_agent(&identity_agent(agent))
    }

    /// The hash of what tells clients apart.
    #[must_use]
    pub fn identity_agent(&self, agent: &AgentText<IDENTITY_BYTES_MAX>) -> AgentHash {
        let hash = self.agent.hash(agent.as_bytes());
        AgentHash(u32::try_from(hash & u64::from(u32::MAX)).unwrap_or_default().max(1))
    }
}

/// The /64 of an address: what one household or server gets, of which it may use any address it likes.
fn network(address: Ipv6Addr) -> [u8; 8] {
    let [a, b, c, d, e, f, g, h, ..] = address.octets();
    [a, b, c, d, e, f, g, h]
}

/// The first bytes of keyed BLAKE2b over a label. The secret fills the first half of the key.
fn derived<const N: usize>(secret: &[u8; 32], label: &str) -> [u8; N] {
    let mut key = [0; 64];
    key.iter_mut().zip(secret).for_each(|(byte, &from)| *byte = from);
    let mut mac = Blake2bMac512::new(&key.into());
    mac.update(label.as_bytes());
    let mut bytes = [0; N];
    bytes.iter_mut().zip(&mac.finalize_fixed()).for_each(|(byte, &from)| *byte = from);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_identity_is_hashed_alike_in_one_piece_and_in_two() {
        let key = IdentityKey::new(&[7; 32]);
        for length in 0..3 * SHORT_BYTES {
            let bytes: Vec<u8> = (0..length).map(|at| u8::try_from(at).unwrap()).collect();
            let mut pieces = key.who;
            pieces.write(&[Kind::GivenAddressHash as u8]);
            pieces.write(&bytes);
            assert_eq!(key.who(Kind::GivenAddressHash, &bytes), Who(pieces.finish().max(1)), "{length} bytes");
        }
    }
}
