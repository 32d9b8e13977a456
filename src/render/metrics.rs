//! Prometheus' text format, version 0.0.4.

use std::fmt::{Display, Write as _};

/// What a metric is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Only grows, until the process starts anew.
    Counter,
    Gauge,
}

/// Metrics being written, each with its help and type before its first value.
#[derive(Default)]
pub struct Metrics(String);

impl Metrics {
    /// Begins a metric.
    pub fn metric(&mut self, name: &str, kind: Kind, help: &str) -> &mut Metrics {
        let kind = if kind == Kind::Counter { "counter" } else { "gauge" };
        let help = help.replace('\\', "\\\\").replace('\n', "\\n");
        let _ = write!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}\n");
        self
    }

    /// Adds a value.
    pub fn value(&mut self, name: &str, labels: &[(&str, &str)], value: impl Display) -> &mut Metrics {
        self.0.push_str(name);
        for (at, (label, text)) in labels.iter().enumerate() {
            let text = text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
            let _ = write!(self.0, "{}{label}=\"{text}\"", if at == 0 { "{" } else { "," });
        }
        if !labels.is_empty() {
            self.0.push('}');
        }
        let _ = writeln!(self.0, " {value}");
        self
    }

    /// Adds a metric of one value without labels.
    pub fn single(&mut self, name: &str, kind: Kind, help: &str, value: impl Display) -> &mut Metrics {
        self.metric(name, kind, help).value(name, &[], value)
    }

    /// What was written.
    #[must_use]
    pub fn into_text(self) -> String {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_escaped() {
        let mut metrics = Metrics::default();
        metrics.metric("a_total", Kind::Counter, "what\nit is").value("a_total", &[("x", "\"\\\n"), ("y", "z")], 7);
        metrics.single("b", Kind::Gauge, "more", 0.5);
        let text = "# HELP a_total what\\nit is\n# TYPE a_total counter\na_total{x=\"\\\"\\\\\\n\",y=\"z\"} 7\n\
                    # HELP b more\n# TYPE b gauge\nb 0.5\n";
        assert_eq!(metrics.into_text(), text);
    }
}
