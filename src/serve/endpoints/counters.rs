//! Counters of other hubs: told by admins, read by everybody.

use std::collections::BTreeMap;

use hyper::{StatusCode, header};
use serde::Deserialize;

use super::analytics::answer;
use super::json_body;
use crate::ingest::Engine;
use crate::model::{Counter, Day, is_counter_name};
use crate::query::{DEFAULT_TARGETS, View};
use crate::render::milestones::{CounterJson, Counters, MilestoneJson, csv as csv_of_milestones};
use crate::serve::answer::{Answer, Outcome};
use crate::serve::call::Call;
use crate::serve::intake::Held;
use crate::serve::limits;
use crate::serve::validation::Validation;

/// Texts of a counter are cut off by nobody, so they are bounded.
const TEXT_BYTES_MAX: usize = 2_000;
const CAVEATS_MAX: usize = 20;

/// A counter as it is told.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "an object with totals and what they are")]
struct Told {
    title: Option<String>,
    #[serde(default)]
    source: String,
    #[serde(default)]
    metric: String,
    #[serde(default)]
    scope: String,
    #[serde(default)]
    caveats: Vec<String>,
    #[serde(default)]
    totals: Vec<Dated>,
}

/// The total at the end of a day.
#[derive(Deserialize)]
#[serde(expecting = "an object with date and total")]
struct Dated {
    date: String,
    total: u64,
}

/// The targets asked for: `targets=1000000,5000000`.
pub fn targets(call: &Call) -> Result<Vec<u64>, Answer> {
    let mut validation = Validation::new(&call.query);
    let targets = validation.numbers("targets", &DEFAULT_TARGETS);
    validation.finish()?;
    Ok(targets)
}

/// All counters in short.
pub async fn list(call: Call) -> Outcome {
    let csv = call.csv;
    let ask = move |engine: &Engine| {
        let counters = View::of(engine)?.counters()?;
        let counters = counters.iter().map(|(name, counter)| CounterJson::new(name, counter)).collect();
        Ok(answer(&Counters { counters }, csv))
    };
    call.app.read(ask).await?
}

/// One counter with its totals and milestones.
pub async fn get(call: Call) -> Outcome {
    let targets = targets(&call)?;
    let (name, csv) = (call.params.get("name").to_owned(), call.csv);
    // Two tables are in it: as CSV its totals, or the milestones if they are asked for.
    let mut validation = Validation::new(&call.query);
    let of_milestones = validation.word("part", false, &[("totals", false), ("milestones", true)]) && csv;
    validation.finish()?;
    let ask = move |engine: &Engine| match View::of(engine)?.counter(&name, &targets)? {
        Some((_, milestones)) if of_milestones => {
            Ok(Answer::csv(csv_of_milestones(&milestones.iter().map(MilestoneJson::from).collect::<Vec<_>>())))
        }
        Some((counter, milestones)) => Ok(answer(&CounterJson::whole(&name, &counter, &milestones), csv)),
        None => Err(unknown()),
    };
    call.app.read(ask).await?
}

/// Puts a counter in the place of the one of that name; with CSV only its totals are replaced.
pub async fn put(mut call: Call) -> Outcome {
    let name = name(&call)?;
    if is_csv(&call) {
        let totals = csv_totals(&mut call).await?;
        let write = move |engine: &Engine| {
            let counter = engine.put_totals(&name, totals)?;
            Ok(Answer::json(&CounterJson::new(&name, &counter)))
        };
        return call.app.write(write).await?;
    }
    let told: Told = json_body::read(&mut call).await?;
    let texts = [&told.source, &told.metric, &told.scope].into_iter().chain(&told.title).chain(&told.caveats);
    if told.caveats.len() > CAVEATS_MAX || texts.into_iter().any(|text| text.len() > TEXT_BYTES_MAX) {
        let sentence = format!("texts of a counter have at most {TEXT_BYTES_MAX} bytes, and {CAVEATS_MAX} caveats will do");
        return Err(Answer::bad_request(&sentence));
    }
    let counter = Counter {
        title: told.title.unwrap_or_else(|| name.clone()),
        source: told.source,
        metric: told.metric,
        scope: told.scope,
        caveats: told.caveats,
        totals: totals_of(told.totals)?,
    };
    let write = move |engine: &Engine| {
        engine.put_counter(&name, counter.clone())?;
        Ok(Answer::json(&CounterJson::new(&name, &counter)))
    };
    call.app.write(write).await?
}

/// Adds totals: one object, a list of them, or CSV. Of two of one day the later told stands.
pub async fn add(mut call: Call) -> Outcome {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Added {
        One(Dated),
        Many(Vec<Dated>),
    }
    let name = name(&call)?;
    let totals = if is_csv(&call) {
        csv_totals(&mut call).await?
    } else {
        match json_body::read(&mut call).await? {
            Added::One(total) => totals_of(vec![total])?,
            Added::Many(totals) => totals_of(totals)?,
        }
    };
    let write = move |engine: &Engine| {
        let counter = engine.add_totals(&name, totals)?;
        Ok(Answer::json(&CounterJson::new(&name, &counter)))
    };
    call.app.write(write).await?
}

/// Removes a counter.
pub async fn remove(call: Call) -> Outcome {
    let name = call.params.get("name").to_owned();
    let write = move |engine: &Engine| {
        if engine.remove_counter(&name)? { Ok(Answer::empty(StatusCode::NO_CONTENT)) } else { Err(unknown()) }
    };
    call.app.write(write).await?
}

fn name(call: &Call) -> Result<String, Answer> {
    let name = call.params.get("name");
    let sentence = "the name of a counter is 1 to 64 lower-case letters, digits, '.', '_' and '-', like huggingface";
    if is_counter_name(name) { Ok(name.to_owned()) } else { Err(Answer::bad_request(sentence)) }
}

fn unknown() -> Answer {
    Answer::error(StatusCode::NOT_FOUND, "there is no counter of this name: GET /api/v1/counters lists all")
}

fn is_csv(call: &Call) -> bool {
    call.header(header::CONTENT_TYPE).is_some_and(|given| given.trim_start().to_ascii_lowercase().starts_with("text/csv"))
}

fn totals_of(dated: Vec<Dated>) -> Result<BTreeMap<Day, u64>, Answer> {
    let mut totals = BTreeMap::new();
    for Dated { date, total } in dated {
        let day = Day::parse(&date).ok_or_else(|| wrong_date(&date))?;
        totals.insert(day, total);
    }
    Ok(totals)
}

fn wrong_date(date: &str) -> Answer {
    Answer::bad_request(&format!("{date:?} is not a date like 2026-03-11; nothing was kept"))
}

/// `date,total` by line, with or without these words above.
async fn csv_totals(call: &mut Call) -> Result<BTreeMap<Day, u64>, Answer> {
    let (body, _share) = Held::read(call, limits::JSON_BYTES_MAX).await?.decoded()?;
    let text = std::str::from_utf8(&body).map_err(|_| Answer::bad_request("the CSV is not UTF-8"))?;
    let mut dated = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        let line = line.trim();
        if line.is_empty() || (number == 1 && line.eq_ignore_ascii_case("date,total")) {
            continue;
        }
        let wrong =
            || Answer::bad_request(&format!("line {number} is not `date,total` like 2026-03-11,933000000; nothing was kept"));
        let (date, total) = line.split_once(',').ok_or_else(wrong)?;
        let total = total.trim().parse().map_err(|_| wrong())?;
        dated.push(Dated { date: date.trim().to_owned(), total });
    }
    totals_of(dated)
}
