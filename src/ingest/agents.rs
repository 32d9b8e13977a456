//! What was made of the last user agents: a log repeats them, and reading one costs more than recognising it.

use xxhash_rust::xxh3::xxh3_64;

use crate::classify::agent_note;
use crate::identify::IdentityKey;
use crate::model::{AgentHash, Word};

/// So many are remembered, each in the place its hash gives it; a power of two.
const PLACES: usize = 1 << 12;

/// The longest agent that is remembered; others take turns in one place.
const AGENT_BYTES_MAX: usize = 512;

/// The last agents of one thread.
#[derive(Default)]
pub struct Agents {
    places: Vec<Option<Agent>>,
    long: Option<Agent>,
}

/// An agent and what was made of it.
#[derive(Default)]
pub struct Agent {
    text: String,
    hash: Option<AgentHash>,
    /// The number of its note.
    pub note: Word,
}

impl Agent {
    /// The hash of what tells clients apart; made when it is asked for, which is not for all logs.
    pub fn hash(&mut self, key: &IdentityKey) -> AgentHash {
        *self.hash.get_or_insert_with(|| key.agent(&self.text))
    }
}

impl Agents {
    /// The agent of a text; `number` gives the number of its note.
    pub fn find(&mut self, text: &str, number: impl FnOnce(&[u8]) -> Word) -> &mut Agent {
        self.places.resize_with(PLACES, || None);
        // The low bits of the hash always fit.
        let at = xxh3_64(text.as_bytes()) as usize & (PLACES - 1);
        let long = text.len() > AGENT_BYTES_MAX;
        let place = self.places.get_mut(at).filter(|_| !long).unwrap_or(&mut self.long);
        let agent = place.get_or_insert_default();
        if agent.text != text || agent.text.is_empty() {
            agent.text.clear();
            agent.text.push_str(text);
            (agent.hash, agent.note) = (None, number(agent_note(text).as_bytes()));
        }
        agent
    }
}
