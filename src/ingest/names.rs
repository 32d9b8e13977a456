//! Names that stand in lines, repos and texts, numbered once for all who read one log, or the bodies that come one after
//! the other.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::model::{RepoKey, RepoNumber, Row, Word, Words};

/// So many repos and texts of one log are remembered; with more the numbering begins anew.
pub const NAMES_OF_LOG_MAX: usize = 1 << 17;

/// And so many bytes of texts for each of them.
const WORD_BYTES_EACH: usize = 64;

/// Repos by place and texts by number, in order of first appearance on any thread. Only grows.
#[derive(Debug, Default)]
pub struct Names {
    lists: Mutex<Lists>,
    /// Stands for the list of texts.
    words_list: Arc<()>,
}

#[derive(Debug, Default)]
struct Lists {
    repos: Vec<Arc<RepoKey>>,
    places: HashMap<Arc<RepoKey>, u32>,
    words: Words,
    word_bytes: usize,
}

impl Names {
    fn lists(&self) -> MutexGuard<'_, Lists> {
        self.lists.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The place of a repo, known or new; `None` if there are more than can be numbered.
    pub fn place(&self, repo: RepoKey) -> Option<u32> {
        let mut lists = self.lists();
        if let Some(place) = lists.places.get(&repo) {
            return Some(*place);
        }
        let place = u32::try_from(lists.repos.len()).ok()?;
        let repo = Arc::new(repo);
        lists.repos.push(Arc::clone(&repo));
        lists.places.insert(repo, place);
        Some(place)
    }

    /// The number of a text, known or new.
    pub fn word(&self, text: &[u8]) -> Word {
        let mut lists = self.lists();
        let before = lists.words.len();
        let word = lists.words.number(text);
        if lists.words.len() > before {
            lists.word_bytes += text.len();
        }
        word
    }

    fn is_full(&self, names_max: usize) -> bool {
        let lists = self.lists();
        lists.repos.len() + lists.words.len() >= names_max || lists.word_bytes >= names_max.saturating_mul(WORD_BYTES_EACH)
    }
}

/// The names in use, begun anew when there are too many: a log may hold any number of them.
#[derive(Debug, Default)]
pub struct CurrentNames {
    names: Arc<Names>,
}

impl CurrentNames {
    /// The names for the next lines: others from `names_max` on.
    pub fn get(&mut self, names_max: usize) -> Arc<Names> {
        if self.names.is_full(names_max) {
            self.names = Arc::default();
        }
        Arc::clone(&self.names)
    }
}

/// What names are in the store, as far as rows that use them were committed.
#[derive(Debug, Default)]
pub struct Numbered {
    names: Arc<Names>,
    /// The catalog's numbers by place.
    repos: Vec<Option<RepoNumber>>,
    /// A copy of the texts, which others go on adding to.
    words: Words,
}

impl Numbered {
    /// Goes on with names, or begins anew with others, and takes over their texts.
    pub fn follow(&mut self, names: &Arc<Names>) {
        if !Arc::ptr_eq(&self.names, names) {
            *self = Numbered { names: Arc::clone(names), ..Numbered::default() };
        }
        let lists = names.lists();
        for text in lists.words.texts_behind(self.words.len()) {
            self.words.number(text);
        }
    }

    /// Whether others will be used soon.
    pub fn is_full(&self, names_max: usize) -> bool {
        self.names.is_full(names_max)
    }

    /// Of some places those without a number, in the order of their repos, which does not depend on who met them first.
    pub fn missing(&self, places: impl Iterator<Item = u32>) -> Vec<(Arc<RepoKey>, u32)> {
        let unknown: BTreeSet<u32> = places.filter(|place| self.number(*place).is_none()).collect();
        let lists = self.names.lists();
        let repo = |place: u32| Some((Arc::clone(lists.repos.get(place as usize)?), place));
        let mut named: Vec<(Arc<RepoKey>, u32)> = unknown.into_iter().filter_map(repo).collect();
        drop(lists);
        named.sort_unstable();
        named
    }

    /// Notes the number of the repo at a place.
    pub fn set(&mut self, place: u32, number: RepoNumber) {
        let at = place as usize;
        if self.repos.len() <= at {
            self.repos.resize(at + 1, None);
        }
        if let Some(known) = self.repos.get_mut(at) {
            *known = Some(number);
        }
    }

    /// Puts the number of its repo into a row, which names it by place.
    pub fn number_row(&self, row: &mut Row) {
        row.repo = self.number(row.repo.0).unwrap_or_default();
    }

    /// The catalog's number of the repo at a place, if that was noted.
    pub fn number(&self, place: u32) -> Option<RepoNumber> {
        self.repos.get(place as usize).copied().flatten()
    }

    /// The texts that rows are numbered by.
    pub fn words(&self) -> &Words {
        &self.words
    }

    /// Which list of texts that is.
    pub fn words_list(&self) -> &Arc<()> {
        &self.names.words_list
    }
}
