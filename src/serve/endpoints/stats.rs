//! Figures of one repo: all time, and its recent days.

use crate::model::DayRange;
use crate::query::{Rule, View};
use crate::render::recent::recent_json;
use crate::serve::answer::{Answer, Outcome, X_COUNTING_RULE};
use crate::serve::call::Call;
use crate::serve::validation::Validation;

/// The rules that have figures ready: the default, and what another system reports.
const RULES: [(&str, Option<Rule>); 2] = [("session-30m", Some(Rule::Session)), ("reported", Some(Rule::Reported))];

/// `{"downloads","likes"}`.
pub fn stats(call: &Call) -> Outcome {
    let mut validation = Validation::new(&call.query);
    let rule = validation.word("rule", None, &RULES);
    validation.finish()?;
    let repo = call.repo()?;
    let view = View::of(call.engine())?;
    let number = call.visible(&view, &repo)?;
    let rule = rule.map_or_else(|| view.default_rule_of(number), Ok)?;
    let totals = if rule == Rule::Reported { view.reported_totals(number)? } else { view.totals(number)? };
    Ok(labelled(Answer::json(&totals), rule))
}

/// The last days, zeros included unless `fill=none`.
pub fn recent(call: &Call) -> Outcome {
    let mut validation = Validation::new(&call.query);
    let days = validation.number("days", 30, 1..=365);
    let zero_days = validation.word("fill", true, &[("zero", true), ("none", false)]);
    let uniques = validation.include_uniques();
    let rule = validation.word("rule", None, &RULES);
    validation.finish()?;
    if uniques && rule == Some(Rule::Reported) {
        return Err(Answer::bad_request("another system's figures tell no unique downloaders: ask for them without `rule`"));
    }
    let repo = call.repo()?;
    let view = View::of(call.engine())?;
    let number = call.visible(&view, &repo)?;
    let range = DayRange::ending(call.engine().today(), days);
    let rule = match rule {
        Some(rule) => rule,
        // Whoever asks for unique downloaders asks what was counted here.
        None if uniques => Rule::Session,
        None => view.default_rule_of(number)?,
    };
    let rows = match rule {
        Rule::Reported => view.reported_recent(number, range, zero_days)?,
        _ => view.recent(number, range, zero_days, uniques)?,
    };
    Ok(labelled(Answer::json_text(recent_json(&rows, range)), rule))
}

/// Says in a header that figures are another system's: the keys of these answers are not ours to change.
fn labelled(answer: Answer, rule: Rule) -> Answer {
    if rule == Rule::Session { answer } else { answer.with(X_COUNTING_RULE, rule.word()) }
}
