//! What was made of the last user agents: a log repeats them, and reading one costs more than recognising it.

use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed};

use crate::classify::{agent_note, without_session};
use crate::identify::IdentityKey;
use crate::model::{AgentHash, Word};

/// So many are remembered, each in the place its hash gives it; a power of two. Some thousands of agents are in use at a
/// time, and with few places to spare they would push each other out.
const PLACES: usize = 1 << 14;

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
    /// Without the id of a session.
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
        let (head, tail) = without_session(text);
        let hash = xxh3_64_with_seed(tail.as_bytes(), xxh3_64(head.as_bytes()));
        // The low bits of the hash always fit.
        let at = hash as usize & (PLACES - 1);
        let length = head.len() + tail.len();
        let place = self.places.get_mut(at).filter(|_| length <= AGENT_BYTES_MAX).unwrap_or(&mut self.long);
        let agent = place.get_or_insert_default();
        if length == 0 || agent.text.split_at_checked(head.len()) != Some((head, tail)) {
            agent.text.clear();
            agent.text.push_str(head);
            agent.text.push_str(tail);
            (agent.hash, agent.note) = (None, number(agent_note(&agent.text).as_bytes()));
        }
        agent
    }
}
