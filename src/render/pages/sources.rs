//! Deliveries: what came in, what became of its lines, what is silent, and what changed numbers of closed days.

use askama::Template;

use super::filters;
use super::frame::{Frame, Instant};
use super::hours::Hours;
use super::overview::Foot;
use crate::model::DayRange;
use crate::query::{Delivery, Reason, Restated};
use crate::render::number::{Change, Grouped};

/// The page of deliveries.
#[derive(Template)]
#[template(path = "sources.html")]
pub struct SourcesPage {
    pub frame: Frame,
    /// A part of all deliveries, the newest first.
    pub deliveries: Vec<Delivery>,
    /// How many there are.
    pub total: u64,
    /// The page of older ones.
    pub older: Option<String>,
    /// The latest arrival.
    pub latest: Option<Instant>,
    /// Made only when it is asked for, since it reads the events themselves.
    pub hours: Option<Hours>,
    pub silent: Vec<DayRange>,
    pub silent_foot: Foot,
    pub restated: Vec<Restated>,
    pub restated_foot: Foot,
    pub foot: Foot,
}

impl SourcesPage {
    fn lines(&self, reasons: &[Reason]) -> Grouped {
        Grouped(reasons.iter().map(|reason| reason.lines).sum())
    }

    fn hours_part(&self) -> String {
        self.frame.links.to("/sources?part=hours")
    }

    fn hours_page(&self) -> String {
        self.frame.links.to("/sources?days=7#hours")
    }

    fn retract(&self, delivery: &Delivery) -> String {
        self.frame.links.to(format_args!("/sources/{}/retract", delivery.serial))
    }

    fn instant(&self, at: &crate::model::Millis) -> Instant {
        Instant(*at)
    }

    fn change(&self, restated: &Restated) -> Change {
        Change { now: restated.after.0, before: restated.before.0 }
    }
}

/// The question before a delivery is taken back.
#[derive(Template)]
#[template(path = "retract.html")]
pub struct RetractPage {
    pub frame: Frame,
    pub delivery: Delivery,
}

impl RetractPage {
    fn action(&self) -> String {
        self.frame.links.to(format_args!("/sources/{}/retract", self.delivery.serial))
    }
}
