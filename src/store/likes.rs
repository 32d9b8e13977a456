//! Likes, one by one and counted.

use std::collections::{BTreeMap, BTreeSet};

use bincode::{Decode, Encode};

use super::StoreError;
use super::codec::{decode, get_record, put_record};
use super::key::{Key, u32_at, u64_at};
use super::records::LikeRecord;
use super::table::{Read, Table, WriteTxn};
use crate::model::{Likes, Millis, Renames, RepoNumber, Who};

/// How many like a repo, kept beside the single likes; present once the first like or unlike came.
#[derive(Clone, Copy, Debug, Default, Encode, Decode)]
struct LikeCountRecord {
    likes: u64,
}

/// A repo and a who; the count of a repo has its number alone.
const LIKE_KEY_BYTES: usize = 12;

/// How many people like a repo; `None` before the first like event.
///
/// # Errors
/// When the store fails or the record is damaged.
pub fn like_count(txn: &(impl Read + ?Sized), repo: RepoNumber) -> Result<Option<Likes>, StoreError> {
    let record: Option<LikeCountRecord> = get_record(txn, Table::Likes, Key::default().repo(repo).bytes())?;
    Ok(record.map(|record| Likes(record.likes)))
}

/// How many people like a repo, likes that were told under its former names included; `None` before the first like event.
///
/// # Errors
/// When the store fails or a record is damaged.
pub fn likes_as_read(txn: &(impl Read + ?Sized), renames: &Renames, repo: RepoNumber) -> Result<Option<Likes>, StoreError> {
    let mut names: BTreeSet<RepoNumber> = renames.old_of(&BTreeSet::from([repo])).collect();
    if names.is_empty() && !renames.is_old(repo) {
        return like_count(txn, repo);
    }
    names.insert(repo);
    let mut latest: BTreeMap<u64, (i64, bool)> = BTreeMap::new();
    for name in names {
        for (key, value) in txn.with_prefix(Table::Likes, Key::default().repo(name).bytes())? {
            if key.len() < LIKE_KEY_BYTES {
                continue;
            }
            let who = u64_at(&key, 4);
            let like: LikeRecord = decode(Table::Likes, &key, &value)?;
            if renames.read_as(name, Millis(like.ts_ms)) == repo {
                // Of two of one instant the unlike wins.
                let told = (like.ts_ms, !like.liked);
                latest.entry(who).and_modify(|known| *known = told.max(*known)).or_insert(told);
            }
        }
    }
    let likes = latest.values().filter(|(_, withdrawn)| !withdrawn).count() as u64;
    Ok((!latest.is_empty()).then_some(Likes(likes)))
}

/// Takes in a like or unlike: per user the latest wins, and on a tie the unlike. Gives the new number of likes.
///
/// # Errors
/// When the store fails or a record is damaged.
pub fn put_like(txn: &WriteTxn, repo: RepoNumber, who: Who, ts: Millis, liked: bool) -> Result<Likes, StoreError> {
    let key = Key::default().repo(repo).u64(who.0);
    let known: Option<LikeRecord> = get_record(txn, Table::Likes, key.bytes())?;
    let mut likes = like_count(txn, repo)?.unwrap_or_default();
    let wins = known.is_none_or(|known| ts.0 > known.ts_ms || (ts.0 == known.ts_ms && known.liked && !liked));
    if wins {
        let before = known.is_some_and(|known| known.liked);
        likes.0 = (likes.0 + u64::from(liked)).saturating_sub(u64::from(before));
        put_record(txn, Table::Likes, key.bytes(), &LikeRecord { ts_ms: ts.0, liked })?;
    }
    put_record(txn, Table::Likes, Key::default().repo(repo).bytes(), &LikeCountRecord { likes: likes.0 })?;
    Ok(likes)
}

/// Removes the likes of some people, as if they had never come; gives how many.
///
/// # Errors
/// When the store fails or a record is damaged.
pub fn forget_likes(txn: &WriteTxn, forgotten: &BTreeSet<Who>) -> Result<u64, StoreError> {
    let mut theirs = Vec::new();
    // Per repo: likes that stay, told or withdrawn, and how many of them are likes.
    let mut left: BTreeMap<RepoNumber, (u64, u64)> = BTreeMap::new();
    txn.scan(Table::Likes, &[], &mut |key, value| {
        if key.len() < LIKE_KEY_BYTES {
            return Ok(true);
        }
        let of_repo = left.entry(RepoNumber(u32_at(key, 0))).or_default();
        if forgotten.contains(&Who(u64_at(key, 4))) {
            theirs.push(key.to_vec());
        } else {
            let like: LikeRecord = decode(Table::Likes, key, &value)?;
            *of_repo = (of_repo.0 + 1, of_repo.1 + u64::from(like.liked));
        }
        Ok(true)
    })?;
    for key in &theirs {
        txn.remove(Table::Likes, key)?;
        let repo = RepoNumber(u32_at(key, 0));
        let count = Key::default().repo(repo);
        match left.get(&repo) {
            Some((0, _)) | None => txn.remove(Table::Likes, count.bytes())?,
            Some((_, likes)) => put_record(txn, Table::Likes, count.bytes(), &LikeCountRecord { likes: *likes }).map(drop)?,
        }
    }
    Ok(theirs.len() as u64)
}
