//! The stored events of a repo, as the access-log export lists them.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::{QueryError, View};
use crate::block::{Merge, Wanted};
use crate::classify::GitPost;
use crate::model::{Country, Day, DayRange, Method, Millis, RangeFlag, RepoNumber, Row, Status, Who};
use crate::store::{self, DayQuestion, RepoChoice};

/// Which columns an export has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AccessColumns {
    /// The ten of Hugging Face's export. Nothing in them tells a probe of the first byte from a download, or a fetch by git
    /// from a look, so these are left out.
    Ten,
    /// With path and range: everything that counts.
    All,
}

/// One line of the export.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccessRow {
    pub time: Millis,
    pub method: Method,
    pub status: Status,
    pub range: RangeFlag,
    pub who: Who,
    pub user: bool,
    /// Whether the agent is a part of who the downloader is.
    pub agent_counts: bool,
    pub country: Country,
    pub region: String,
    /// The canonical agent; the raw one was never kept.
    pub agent: String,
    pub path: String,
}

impl View<'_> {
    /// The days of a range that have stored events.
    ///
    /// # Errors
    /// When the store fails.
    pub fn days_with_events(&self, range: DayRange) -> Result<BTreeSet<Day>, QueryError> {
        let manifests = store::manifests(&self.txn)?;
        Ok(manifests.into_iter().map(|(day, _)| day).filter(|day| range.contains(*day)).collect())
    }

    /// The events of a repo on a day, in order of time; an event that happened twice is there twice.
    ///
    /// # Errors
    /// When the store fails or a block is damaged.
    pub fn access_log(&self, repo: RepoNumber, day: Day, columns: AccessColumns) -> Result<Vec<AccessRow>, QueryError> {
        let manifest = store::manifest(&self.txn, day)?;
        let published = manifest.segments.into_iter().filter(|segment| segment.unpublished.is_none());
        let only = RepoChoice::These(Arc::new(BTreeSet::from([repo])));
        let renames = Arc::clone(&self.published.renames);
        let question = DayQuestion { day, repos: only, sought: None, renames, wanted: Wanted::All };
        let inputs = store::day_rows(&self.txn, &question, published)?;
        let mut events = Merge::new(inputs.into_iter().map(|(_, rows)| rows))?.joined()?;
        let mut rows = Vec::new();
        while let Some(event) = events.next_event(|_| false)? {
            let unclear = event.row.range == RangeFlag::FirstByte || event.row.method == Method::Post;
            if columns == AccessColumns::Ten && unclear {
                continue;
            }
            let text = |word| String::from_utf8_lossy(events.words().text(word)).into_owned();
            let row = access_row(&event.row, text);
            rows.extend(std::iter::repeat_n(row, event.count as usize));
        }
        rows.sort_by_key(|row| row.time);
        Ok(rows)
    }
}

fn access_row(row: &Row, text: impl Fn(crate::model::Word) -> String) -> AccessRow {
    AccessRow {
        time: row.time,
        method: row.method,
        status: row.status,
        range: row.range,
        who: row.who,
        user: row.user,
        agent_counts: row.agent.0 != 0,
        country: row.country,
        region: text(row.region),
        agent: text(row.agent_note),
        path: GitPost::of(row).map_or_else(|| text(row.path_name), |post| post.exported().to_owned()),
    }
}
