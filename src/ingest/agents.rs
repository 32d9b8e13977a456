//! User agents of a log, each reduced to what is kept of it once.

use super::fingerprint::Fingerprints;
use super::remembered::Remembered;
use crate::classify::AgentReader;
use crate::identify::IdentityKey;
use crate::model::{AgentHash, Word};

/// So many are remembered.
const AGENTS_MAX: usize = 1 << 12;

/// What is kept of an agent.
#[derive(Clone, Copy, Debug, Default)]
pub struct Agent {
    /// The number of its note.
    pub note: Word,
    /// The hash of what tells clients apart, if it was asked for.
    pub hash: Option<AgentHash>,
}

/// The last agents of one reader.
#[derive(Debug)]
pub struct Agents {
    fingerprints: Fingerprints,
    known: Remembered<Agent>,
}

impl Agents {
    /// No agent yet.
    pub fn new(fingerprints: Fingerprints) -> Agents {
        Agents { fingerprints, known: Remembered::new(AGENTS_MAX) }
    }

    /// The agent of a text, its hash made at once if there is a key; `number` gives the number of its note.
    pub fn find(&mut self, text: &str, key: Option<&IdentityKey>, number: impl FnOnce(&[u8]) -> Word) -> Agent {
        let fingerprint = self.fingerprints.of([text]);
        if let Some(agent) = self.known.get(fingerprint).filter(|agent| agent.hash.is_some() || key.is_none()) {
            return agent;
        }
        let reader = AgentReader::new(text);
        let hash = key.map(|key| key.identity_agent(&reader.identity()));
        let agent = Agent { note: number(reader.note().as_bytes()), hash };
        self.known.put(fingerprint, agent);
        agent
    }
}
