//! The chart of figures over time: one area, a line of the period before, and the table that holds the same numbers.
//!
//! Widths are in percent and heights in pixels: the picture stretches, its labels never do.

use askama::Template;

use super::number::{Grouped, Short};
use crate::model::Day;
use crate::query::Interval;

/// Where the plot begins and ends below the upper edge, in pixels.
const TOP_PX: u32 = 14;
const PLOT_PX: u32 = 210;
/// The labels of dates, in pixels below the upper edge.
const DATES_PX: u32 = TOP_PX + PLOT_PX + 20;
/// The width of the stretched part, in its own units.
const WIDTH: u64 = 2_000;
/// Labels of dates on a wide screen; every second one is left out on a narrow one.
const DATES_MAX: usize = 7;

/// One figure over the chart's intervals.
#[derive(Clone, Debug)]
pub struct Column {
    pub name: &'static str,
    pub values: Vec<u64>,
}

/// What a chart shows.
#[derive(Clone, Debug)]
pub struct Figures {
    pub interval: Interval,
    /// The first day of each interval, ascending.
    pub days: Vec<Day>,
    /// The columns of the table.
    pub columns: Vec<Column>,
    /// Which of them is drawn.
    pub drawn: usize,
    /// A column that is a part of the drawn one, filled from the ground up.
    pub part: Option<usize>,
    /// The drawn figure in the period before, interval by interval; empty if it is not compared.
    pub before: Vec<u64>,
    /// Whether the last interval is not over yet.
    pub open_end: bool,
}

/// A label beside the plot.
struct Mark {
    /// Percent of the width, or pixels from the upper edge.
    at: String,
    text: String,
    /// `start`, `middle` or `end`; on narrow screens `minor` ones are hidden.
    class: &'static str,
}

/// The only interval, in pixels from the upper edge.
struct Bar {
    y: u32,
    height: u32,
}

/// A row of the table under the chart.
struct Line {
    label: String,
    values: Vec<Grouped>,
}

/// A chart, ready to be written.
#[derive(Template)]
#[template(path = "chart.html")]
pub struct Chart {
    name: &'static str,
    unit: &'static str,
    drawn: usize,
    summary: String,
    area: String,
    line: String,
    /// The part of the line that is not over yet.
    open_line: String,
    before_line: String,
    part: String,
    /// A single interval is a bar: a line needs two.
    single: Option<Bar>,
    levels: Vec<Mark>,
    dates: Vec<Mark>,
    columns: Vec<&'static str>,
    lines: Vec<Line>,
    top: u64,
    height_px: u32,
    bottom_px: u32,
}

impl askama::filters::HtmlSafe for Chart {}

impl Chart {
    /// Draws figures; `None` when there is nothing to draw.
    #[must_use]
    pub fn new(figures: &Figures) -> Option<Chart> {
        let drawn = figures.columns.get(figures.drawn)?;
        if drawn.values.is_empty() || figures.days.is_empty() {
            return None;
        }
        let highest = drawn.values.iter().chain(&figures.before).copied().max().unwrap_or(0);
        let (step, steps) = scale(highest);
        let top = step.saturating_mul(steps);
        let points = points(&drawn.values, top);
        let closed = if figures.open_end && points.len() > 2 { points.len() - 1 } else { points.len() };
        let line = path(points.get(..closed).unwrap_or_default());
        let part = figures.part.and_then(|part| figures.columns.get(part));
        let part = part.map_or_else(Vec::new, |part| self::points(&part.values, top));
        let mut columns: Vec<&'static str> = figures.columns.iter().map(|column| column.name).collect();
        if !figures.before.is_empty() {
            columns.push("Period before");
        }
        Some(Chart {
            name: drawn.name,
            unit: unit(figures.interval),
            drawn: figures.drawn,
            summary: summary(figures, drawn),
            area: area(&points),
            part: area(&part),
            line,
            open_line: points.get(closed.saturating_sub(1)..).filter(|_| closed < points.len()).map(path).unwrap_or_default(),
            before_line: path(&self::points(&figures.before, top)),
            single: points
                .first()
                .filter(|_| points.len() == 1)
                .map(|point| Bar { y: point.1 + TOP_PX, height: PLOT_PX - point.1 }),
            levels: levels(step, steps),
            dates: dates(&figures.days),
            columns,
            lines: lines(figures),
            top,
            height_px: DATES_PX + 8,
            bottom_px: TOP_PX + PLOT_PX,
        })
    }
}

fn unit(interval: Interval) -> &'static str {
    match interval {
        Interval::Day => "day",
        Interval::Week => "week",
        Interval::Month => "month",
    }
}

/// A round step and how many of them reach the highest value: two to four lines across the plot.
fn scale(highest: u64) -> (u64, u64) {
    let rough = highest.div_ceil(4).max(1);
    let mut power = 1u64;
    while power.saturating_mul(10) <= rough {
        power *= 10;
    }
    let rounds = [1, 2, 5, 10].map(|factor| power.saturating_mul(factor));
    let step = rounds.into_iter().find(|step| *step >= rough).unwrap_or(rough);
    (step, highest.div_ceil(step).max(1))
}

/// Places in the stretched part: units of its width, pixels of its height.
fn points(values: &[u64], top: u64) -> Vec<(u64, u32)> {
    let gaps = (values.len() as u64).saturating_sub(1).max(1);
    let place = |(index, value): (usize, &u64)| {
        // 128 bits: a height of pixels times a count of downloads.
        let height = u128::from(*value) * u128::from(PLOT_PX) / u128::from(top.max(1));
        (index as u64 * WIDTH / gaps, PLOT_PX.saturating_sub(u32::try_from(height).unwrap_or(PLOT_PX)))
    };
    values.iter().enumerate().map(place).collect()
}

fn path(points: &[(u64, u32)]) -> String {
    use std::fmt::Write as _;
    let mut path = String::with_capacity(points.len() * 8);
    for (index, (x, y)) in points.iter().enumerate() {
        let _ = write!(path, "{}{x} {y}", if index == 0 { 'M' } else { 'L' });
    }
    path
}

/// What lies between a line and the ground.
fn area(points: &[(u64, u32)]) -> String {
    match (points.first(), points.last()) {
        (Some(first), Some(last)) if points.len() > 1 => format!("{}L{} {PLOT_PX}H{}Z", path(points), last.0, first.0),
        _ => String::new(),
    }
}

fn levels(step: u64, steps: u64) -> Vec<Mark> {
    let at = |index: u64| TOP_PX + PLOT_PX - u32::try_from(index * u64::from(PLOT_PX) / steps).unwrap_or(0);
    (0..=steps)
        .map(|index| Mark { at: at(index).to_string(), text: Short(index.saturating_mul(step)).to_string(), class: "" })
        .collect()
}

/// Labels at even distances, the first and the last day among them.
fn dates(days: &[Day]) -> Vec<Mark> {
    let last = days.len() - 1;
    if last == 0 {
        return days.iter().map(|day| Mark { at: "50".to_owned(), text: day.to_string(), class: "middle" }).collect();
    }
    let labels = days.len().min(DATES_MAX);
    let mark = |label: usize| {
        let index = label * last / (labels - 1);
        let at = (index * 1_000).checked_div(last).unwrap_or(0);
        let class = match label {
            0 => "start",
            label if label == labels - 1 => "end",
            label if label * 2 == labels - 1 => "middle",
            _ => "middle minor",
        };
        let text = days.get(index).map(Day::to_string).unwrap_or_default();
        Mark { at: format!("{}.{}", at / 10, at % 10), text, class }
    };
    (0..labels).map(mark).collect()
}

fn lines(figures: &Figures) -> Vec<Line> {
    let line = |(index, day): (usize, &Day)| {
        let value = |values: &Vec<u64>| Grouped(values.get(index).copied().unwrap_or(0));
        let mut values: Vec<Grouped> = figures.columns.iter().map(|column| value(&column.values)).collect();
        if !figures.before.is_empty() {
            values.push(value(&figures.before));
        }
        Line { label: day.to_string(), values }
    };
    figures.days.iter().enumerate().map(line).collect()
}

/// The chart in a sentence, for those who do not see it.
fn summary(figures: &Figures, drawn: &Column) -> String {
    let (first, last) = (figures.days.first(), figures.days.last());
    let (first, last) = (first.copied().unwrap_or_default(), last.copied().unwrap_or_default());
    let highest = drawn.values.iter().zip(&figures.days).max_by_key(|(value, _)| **value);
    let (peak, at) = highest.map_or((0, first), |(value, day)| (*value, *day));
    let unit = unit(figures.interval);
    format!(
        "{} per {unit} from {first} to {last}; the most, {}, on {at}. The table below holds every number.",
        drawn.name,
        Grouped(peak)
    )
}

/// A line without axes, a few dozen pixels wide, for a row of a table: the `d` of a path in a box of 100 by 24.
#[must_use]
pub fn sparkline(values: &[u64]) -> String {
    const HEIGHT: u64 = 22;
    let highest = values.iter().copied().max().unwrap_or(0).max(1);
    let gaps = (values.len() as u64).saturating_sub(1).max(1);
    let place = |(index, value): (usize, &u64)| {
        let height = u128::from(*value) * u128::from(HEIGHT) / u128::from(highest);
        (index as u64 * 100 / gaps, 23 - u32::try_from(height).unwrap_or(0))
    };
    match values {
        // A line needs two points; a single one is a bar.
        [] | [0] => String::new(),
        [_] => "M100 23V1".to_owned(),
        _ => path(&values.iter().enumerate().map(place).collect::<Vec<_>>()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figures(values: Vec<u64>) -> Figures {
        let first = Day::parse("2026-01-01").unwrap();
        let days = (0..values.len()).map(|index| Day(first.0 + index as u16)).collect();
        let columns = vec![Column { name: "Downloads", values }];
        Figures { interval: Interval::Day, days, columns, drawn: 0, part: None, before: Vec::new(), open_end: false }
    }

    #[test]
    fn scales_are_round_and_reach_the_highest_value() {
        for highest in [0, 1, 3, 4, 5, 9, 10, 11, 99, 100, 101, 4_321, 999_999, 1_000_000_007, u64::MAX / 4, u64::MAX] {
            let (step, steps) = scale(highest);
            assert!(step.saturating_mul(steps) >= highest && steps <= 4, "{highest}: {steps} of {step}");
            assert!(highest == 0 || step * (steps - 1) < highest, "{highest}: {steps} of {step}");
        }
        assert_eq!(scale(4_321), (2_000, 3));
    }

    #[test]
    fn the_line_ends_at_both_edges_and_stays_in_the_plot() {
        let chart = Chart::new(&figures(vec![0, 10, 5])).unwrap();
        assert_eq!(chart.line, "M0 210L1000 0L2000 105");
        assert_eq!(chart.dates.iter().map(|mark| mark.at.as_str()).collect::<Vec<_>>(), ["0.0", "50.0", "100.0"]);
    }

    #[test]
    fn one_day_none_and_a_huge_day_are_drawn_too() {
        assert!(Chart::new(&figures(Vec::new())).is_none());
        let one = Chart::new(&figures(vec![7])).unwrap();
        assert!(one.single.is_some() && one.area.is_empty());
        assert!(Chart::new(&figures(vec![u64::MAX / 8, 1, 0])).unwrap().line.starts_with("M0 "));
    }

    #[test]
    fn the_table_holds_every_number() {
        let mut figures = figures(vec![1_000, 2]);
        figures.before = vec![5, 6];
        let text = Chart::new(&figures).unwrap().to_string();
        for cell in ["2026-01-01", "1,000", "Period before", "<td>6"] {
            assert!(text.contains(cell), "{cell} in {text}");
        }
        assert!(!text.contains("style="), "the policy forbids styles in attributes");
    }

    #[test]
    fn a_sparkline_fits_its_box() {
        assert_eq!(sparkline(&[0, 10, 5]), "M0 23L50 1L100 12");
        assert_eq!([sparkline(&[]), sparkline(&[0]), sparkline(&[7])], ["", "", "M100 23V1"]);
    }
}
