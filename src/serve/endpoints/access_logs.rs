//! The publisher's access log of an organization: one CSV row per stored event, streamed.

use std::collections::VecDeque;
use std::sync::Arc;

use super::exports;
use super::streamed::{self, Pieces};
use crate::ingest::Engine;
use crate::model::{Day, Millis, RepoKey, RepoNumber};
use crate::query::{AccessColumns, QueryError, View};
use crate::render::csv;
use crate::serve::answer::Outcome;
use crate::serve::call::Call;
use crate::serve::limits;
use crate::serve::validation::Validation;

/// All stored events of a range of days, by day, repo and time; all time unless told otherwise.
pub async fn access_logs(call: Call) -> Outcome {
    let mut validation = Validation::new(&call.query);
    let range = validation.range(call.engine().today(), |_| Millis::EARLIEST.day());
    let all = [("all", AccessColumns::All), ("ten", AccessColumns::Ten)];
    let columns = validation.word("columns", AccessColumns::Ten, &all);
    validation.finish()?;
    let repos = exports::repos(&call).await?;
    let days = call.app.read(move |engine: &Engine| View::of(engine)?.days_with_events(range)).await??;
    let name = format!("access-logs-{}.csv", call.params.get("org"));
    let log = AccessLog { repos: Arc::new(repos), days: days.into_iter().collect(), next_repo: 0, columns };
    Ok(streamed::csv(call, &name, csv::access_log_header(columns), log))
}

struct AccessLog {
    repos: Arc<Vec<(RepoKey, RepoNumber)>>,
    days: VecDeque<Day>,
    next_repo: usize,
    columns: AccessColumns,
}

impl Pieces for AccessLog {
    fn next(mut self, engine: &Engine) -> Result<(String, Option<AccessLog>), QueryError> {
        let view = View::of(engine)?;
        let repos = Arc::clone(&self.repos);
        let mut text = String::new();
        while let Some(day) = self.days.front() {
            while let Some((repo, number)) = repos.get(self.next_repo) {
                self.next_repo += 1;
                let rows = view.access_log(*number, *day, self.columns)?;
                let exported = |row: &crate::query::AccessRow| engine.exported(row.who, row.agent_counts);
                text.push_str(&csv::access_log(repo, &rows, self.columns, exported));
                if text.len() >= limits::CHUNK_BYTES {
                    return Ok((text, Some(self)));
                }
            }
            self.next_repo = 0;
            self.days.pop_front();
        }
        Ok((text, None))
    }
}
