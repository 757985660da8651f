//! Metrics in the text format of Prometheus (0.0.4).
//!
//! Names begin with `vireo_` and end in their unit; labels have few values: never a call, a number
//! or an address.

use std::fmt::Write as _;

/// The media type of the text format.
pub const MEDIA_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// What kind of metric it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MetricKind {
    /// Goes up and down.
    Gauge,
    /// Goes up only, from 0 at the start of the server; its name ends in `_total`.
    Counter,
    /// Counts how often a value was at most so large, made by [`Metric::histogram`].
    Histogram,
}

/// A metric and its values now.
#[derive(Clone, Debug, PartialEq)]
pub struct Metric {
    /// As `vireo_calls_active`.
    pub name: &'static str,
    /// What it says, in one line.
    pub help: &'static str,
    /// What kind of values.
    pub kind: MetricKind,
    /// Its values; more than one differ in their labels.
    pub samples: Vec<Sample>,
}

/// One value of a metric.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    /// Of the metric's name: nothing, or as a histogram needs it.
    pub suffix: &'static str,
    /// Names and values.
    pub labels: Vec<(&'static str, String)>,
    /// The value, in base units: seconds, bytes.
    pub value: f64,
}

impl Metric {
    /// A gauge with one value.
    #[must_use]
    pub fn gauge(name: &'static str, help: &'static str, value: f64) -> Self {
        Metric {
            name,
            help,
            kind: MetricKind::Gauge,
            samples: Vec::new(),
        }
        .sample(Vec::new(), value)
    }

    /// A counter with one value.
    #[must_use]
    pub fn counter(name: &'static str, help: &'static str, value: u64) -> Self {
        // Counters lose their last digit past 2^53: after 28,000 years at 10,000 packets a second.
        #[allow(clippy::cast_precision_loss)]
        Metric {
            name,
            help,
            kind: MetricKind::Counter,
            samples: Vec::new(),
        }
        .sample(Vec::new(), value as f64)
    }

    /// A metric whose values are added by [`sample`](Self::sample).
    #[must_use]
    pub fn of(kind: MetricKind, name: &'static str, help: &'static str) -> Self {
        Metric {
            name,
            help,
            kind,
            samples: Vec::new(),
        }
    }

    /// The same with one more value.
    #[must_use]
    pub fn sample(mut self, labels: Vec<(&'static str, String)>, value: f64) -> Self {
        self.samples.push(Sample {
            suffix: "",
            labels,
            value,
        });
        self
    }

    /// A histogram: how many values there were up to each end, those above the last end behind them, and
    /// the sum of all values.
    #[must_use]
    #[allow(clippy::cast_precision_loss)]
    pub fn histogram(
        name: &'static str,
        help: &'static str,
        ends: &[f64],
        counts: &[u64],
        sum: f64,
    ) -> Self {
        let mut metric = Metric::of(MetricKind::Histogram, name, help);
        let mut add = |suffix, labels, value| {
            metric.samples.push(Sample {
                suffix,
                labels,
                value,
            });
        };
        let ends = ends.iter().map(ToString::to_string);
        let mut count = 0;
        for (end, own) in ends.chain(["+Inf".to_owned()]).zip(counts) {
            count += own;
            add("_bucket", vec![("le", end)], count as f64);
        }
        add("_sum", Vec::new(), sum);
        add("_count", Vec::new(), count as f64);
        metric
    }
}

/// The metrics as text.
#[must_use]
pub fn render(metrics: &[Metric]) -> String {
    let mut text = String::with_capacity(metrics.len() * 160);
    for metric in metrics {
        let kind = match metric.kind {
            MetricKind::Gauge => "gauge",
            MetricKind::Counter => "counter",
            MetricKind::Histogram => "histogram",
        };
        let name = metric.name;
        // Writing to a String cannot fail.
        let _ = writeln!(
            text,
            "# HELP {name} {}\n# TYPE {name} {kind}",
            escape(metric.help, false)
        );
        for sample in &metric.samples {
            text.push_str(name);
            text.push_str(sample.suffix);
            for (index, (label, value)) in sample.labels.iter().enumerate() {
                let open = if index == 0 { '{' } else { ',' };
                let _ = write!(text, "{open}{label}=\"{}\"", escape(value, true));
            }
            let close = if sample.labels.is_empty() { "" } else { "}" };
            let _ = writeln!(text, "{close} {}", sample.value);
        }
    }
    text
}

fn escape(text: &str, quotes: bool) -> String {
    let text = text.replace('\\', "\\\\").replace('\n', "\\n");
    if quotes {
        text.replace('"', "\\\"")
    } else {
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metrics_are_written_as_prometheus_reads_them() {
        let metrics = [
            Metric::gauge("vireo_calls_active", "Calls in progress.", 3.0),
            Metric::counter(
                "vireo_sip_unknown_peer_total",
                "Requests from addresses of no trunk.",
                12,
            ),
            Metric::of(
                MetricKind::Counter,
                "vireo_calls_total",
                "Calls by outcome.",
            )
            .sample(
                vec![
                    ("outcome", "completed".into()),
                    ("trunk", "a\"b\\c\n".into()),
                ],
                7.0,
            )
            .sample(vec![("outcome", "rejected".into())], 0.5),
            Metric::histogram(
                "vireo_answer_seconds",
                "How long it took.",
                &[0.005, 1.0],
                &[3, 0, 2],
                7.5,
            ),
        ];
        assert_eq!(
            render(&metrics),
            "# HELP vireo_calls_active Calls in progress.\n\
             # TYPE vireo_calls_active gauge\n\
             vireo_calls_active 3\n\
             # HELP vireo_sip_unknown_peer_total Requests from addresses of no trunk.\n\
             # TYPE vireo_sip_unknown_peer_total counter\n\
             vireo_sip_unknown_peer_total 12\n\
             # HELP vireo_calls_total Calls by outcome.\n\
             # TYPE vireo_calls_total counter\n\
             vireo_calls_total{outcome=\"completed\",trunk=\"a\\\"b\\\\c\\n\"} 7\n\
             vireo_calls_total{outcome=\"rejected\"} 0.5\n\
             # HELP vireo_answer_seconds How long it took.\n\
             # TYPE vireo_answer_seconds histogram\n\
             vireo_answer_seconds_bucket{le=\"0.005\"} 3\n\
             vireo_answer_seconds_bucket{le=\"1\"} 3\n\
             vireo_answer_seconds_bucket{le=\"+Inf\"} 5\n\
             vireo_answer_seconds_sum 7.5\n\
             vireo_answer_seconds_count 5\n"
        );
    }
}
