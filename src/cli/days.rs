//! The arguments `--from` and `--to`: the first and the last day of a question.

use clap::Args;

use super::arguments::day;
use super::failure::Failure;
use crate::model::Day;

/// Days that may be open at either end; what that means each command says.
#[derive(Args, Debug)]
pub struct DaysArguments {
    /// First day
    #[arg(long, value_name = "YYYY-MM-DD", value_parser = day)]
    pub from: Option<Day>,
    /// Last day
    #[arg(long, value_name = "YYYY-MM-DD", value_parser = day)]
    pub to: Option<Day>,
}

impl DaysArguments {
    /// Refuses days in the wrong order.
    pub fn check(&self) -> Result<(), Failure> {
        match self.from.zip(self.to) {
            Some((from, to)) if from > to => Err(Failure::Usage("--from is after --to".to_owned())),
            _ => Ok(()),
        }
    }
}

/// The days as parameters of a request.
pub fn parameters(from: Option<Day>, to: Option<Day>) -> String {
    let given = [("from", from), ("to", to)].into_iter().filter_map(|(name, day)| Some(format!("{name}={}", day?)));
    given.collect::<Vec<_>>().join("&")
}
