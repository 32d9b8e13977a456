//! The view of a day while its parts are written: chunks, sets and facets, repo by repo.

use std::io;

use crate::model::{DayCounts, Downloads, RepoNumber, Uniques};
use crate::rollup::{
    ChunkWriter, DayFold, DownloaderNumber, DownloaderSet, Edge, FacetBook, FacetChunkWriter, FacetCount, RepoDay,
    SET_INLINE_MAX, encode_edges,
};
use crate::sessionize::KindFiles;
use crate::store::{DayViewParts, DayViewRecord, RepoSets};

/// What there is so far, of the repos up to the last one that was added.
#[derive(Default)]
pub(super) struct OpenView {
    writer: ChunkWriter,
    parts: DayViewParts,
    record: DayViewRecord,
    /// Of every repo, ascending.
    downloads: Vec<(RepoNumber, Downloads)>,
}

impl OpenView {
    /// Adds the repos of a part, which come after those before, with the numbers of its downloaders; gives what their
    /// histories are to know.
    ///
    /// # Errors
    /// When zstd fails, which it does only for want of memory.
    pub fn add(
        &mut self,
        fold: &DayFold,
        numbers: &[DownloaderNumber],
        sets: &RepoSets,
    ) -> io::Result<Vec<(RepoNumber, RepoDay)>> {
        let of_repos = fold.repos_with_facets().map(|(of_repo, facets)| (of_repo.repo, facets, of_repo.kinds));
        self.add_facets(facet_chunks(&fold.book, of_repos)?);
        self.add_tails(&fold.tails);
        let mut days = Vec::with_capacity(fold.repos.len());
        let mut rest = numbers.iter().copied();
        let mut numbers: Vec<DownloaderNumber> = Vec::new();
        for (of_repo, downloaders) in fold.repos_with_downloaders() {
            numbers.clear();
            numbers.extend(rest.by_ref().take(downloaders.len()));
            numbers.sort_unstable();
            let uniques = Uniques(downloaders.len() as u64);
            let day = RepoDay { counts: of_repo.counts, uniques, evidence: of_repo.evidence };
            self.add_repo(of_repo.repo, &day, &numbers, sets);
            days.push((of_repo.repo, day));
        }
        Ok(days)
    }

    /// Adds a repo that comes after those before, with the numbers of its downloaders, ascending.
    pub fn add_repo(&mut self, repo: RepoNumber, day: &RepoDay, numbers: &[DownloaderNumber], sets: &RepoSets) {
        self.parts.chunks.extend(self.writer.add(repo, day, numbers));
        if numbers.len() > SET_INLINE_MAX {
            let mut set = DownloaderSet::default();
            set.add(numbers.iter().copied());
            self.parts.sets.push((repo, set));
        }
        self.count(repo, day.counts, sets);
    }

    /// Adds the facets of repos that come after those before, as [`facet_chunks`] gives them.
    pub fn add_facets(&mut self, chunks: Vec<(RepoNumber, Vec<u8>)>) {
        self.parts.facets.extend(chunks);
    }

    /// Adds the last events of repos that come after those before, sorted.
    pub fn add_tails(&mut self, tails: &[Edge]) {
        self.parts.tail.extend(encode_edges(tails));
    }

    fn count(&mut self, repo: RepoNumber, counts: DayCounts, sets: &RepoSets) {
        let sums = [counts.authenticated.0, counts.anonymous.0, counts.files.0];
        let record = &mut self.record;
        for (sum, more) in [&mut record.authenticated, &mut record.anonymous, &mut record.files].into_iter().zip(sums) {
            *sum += more;
        }
        record.repos += 1;
        let mut kinds = sets.kinds.iter().zip(&mut record.kinds);
        if let Some((_, of_kind)) = kinds.find(|(repos, _)| repos.contains(repo)) {
            of_kind.iter_mut().zip(sums).for_each(|(sum, more)| *sum += more);
        }
        self.downloads.push((repo, counts.downloads()));
    }

    /// The downloads of a repo, if anything of it was counted.
    pub fn downloads(&self, repo: RepoNumber) -> Option<Downloads> {
        let at = self.downloads.binary_search_by_key(&repo, |(known, _)| *known).ok()?;
        self.downloads.get(at).map(|(_, downloads)| *downloads)
    }

    /// The downloads of all repos.
    pub fn all_downloads(&self) -> Downloads {
        Downloads(self.record.authenticated + self.record.anonymous)
    }

    /// All of it, for segments with this checksum.
    pub fn finish(mut self, covers: u64) -> (DayViewRecord, DayViewParts) {
        self.parts.chunks.extend(self.writer.take());
        (DayViewRecord { covers, ..self.record }, self.parts)
    }
}

/// What sessions took from their first events, and files by kind, of repos in order: in chunks, each with its first repo.
///
/// # Errors
/// When zstd fails, which it does only for want of memory.
pub(super) fn facet_chunks<'f>(
    book: &FacetBook,
    repos: impl Iterator<Item = (RepoNumber, &'f [FacetCount], KindFiles)>,
) -> io::Result<Vec<(RepoNumber, Vec<u8>)>> {
    let mut writer = FacetChunkWriter::new(book);
    let mut chunks = Vec::new();
    for (repo, facets, kinds) in repos {
        if writer.is_full() {
            chunks.extend(writer.take()?);
        }
        writer.add(repo, facets, kinds);
    }
    chunks.extend(writer.take()?);
    Ok(chunks)
}
