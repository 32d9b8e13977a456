//! What the downloaders of two scopes have in common.

use askama::Template;

use super::filters;
use super::frame::Frame;
use super::overview::{Foot, Pick};
use crate::model::{Day, DayRange};
use crate::query::Overlap;
use crate::render::links::State;
use crate::render::number::Share;

/// One of the two sides.
pub struct Side {
    /// What was asked, such as `orgs/acme`.
    pub text: String,
    /// Its page, if it is there for this reader.
    pub href: Option<String>,
}

/// The answer for two sides.
pub struct Found {
    pub overlap: Overlap,
    pub range: DayRange,
    pub foot: Foot,
}

/// The page of two scopes.
#[derive(Template)]
#[template(path = "overlap.html")]
pub struct OverlapPage {
    pub frame: Frame,
    pub a: Side,
    pub b: Side,
    /// What the two fields offer, as it is typed.
    pub offered: Vec<String>,
    /// Comparisons of the one side there is with others.
    pub with: Vec<Pick>,
    pub windows: Vec<Pick>,
    /// What the form must not lose.
    pub kept: State,
    pub today: Day,
    /// Why there is no answer; empty if there is one, or nothing was asked yet.
    pub sentence: String,
    pub found: Option<Found>,
}

/// A part of the bar: where it begins and how wide it is, in percent.
struct Part {
    x: String,
    width: String,
    class: &'static str,
    name: String,
    count: u64,
    share: Share,
}

impl OverlapPage {
    fn action(&self) -> String {
        self.frame.links.to("/overlap")
    }

    /// Only one, both, only the other: they add up to the union.
    fn parts(&self, found: &Found) -> Vec<Part> {
        let Overlap { union, intersection, only_a, only_b, .. } = found.overlap;
        let named = [
            ("a", format!("Only {}", self.a.text), only_a),
            ("both", "Both".to_owned(), intersection),
            ("b", format!("Only {}", self.b.text), only_b),
        ];
        let mut left = 0;
        let part = |(class, name, uniques): (&'static str, String, crate::model::Uniques)| {
            let share = Share { part: uniques.0, whole: union.0 };
            let wide = share.per_mille();
            let part = Part { x: tenths(left), width: tenths(wide), class, name, count: uniques.0, share };
            left += wide;
            part
        };
        named.into_iter().map(part).collect()
    }

    fn share(&self, found: &Found, whole: &crate::model::Uniques) -> Share {
        Share { part: found.overlap.intersection.0, whole: whole.0 }
    }
}

fn tenths(per_mille: u64) -> String {
    format!("{}.{}", per_mille / 10, per_mille % 10)
}
