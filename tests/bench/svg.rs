//! Plots, written by hand: lines with their points, axes with labels, a line for a limit.

use std::fmt::Write as _;

const WIDTH: f64 = 760.0;
const HEIGHT: f64 = 420.0;
const LEFT: f64 = 70.0;
const RIGHT: f64 = 20.0;
const TOP: f64 = 46.0;
const BOTTOM: f64 = 56.0;
const TICKS: f64 = 5.0;
/// Colours that are told apart in print and by people who see few colours.
const COLOURS: [&str; 4] = ["#0072b2", "#d55e00", "#009e73", "#555555"];

/// A plot.
#[derive(Debug, Default)]
pub struct Plot {
    pub title: String,
    pub x: String,
    pub y: String,
    pub lines: Vec<Line>,
    /// A horizontal line, and what it says.
    pub limit: Option<(f64, String)>,
}

/// A line of a plot.
#[derive(Debug)]
pub struct Line {
    pub name: String,
    pub points: Vec<(f64, f64)>,
}

impl Plot {
    /// As an SVG file.
    pub fn svg(&self) -> String {
        let points = || self.lines.iter().flat_map(|line| &line.points);
        let x_step = nice(points().map(|point| point.0).fold(0.0, f64::max));
        let limit = self.limit.as_ref().map_or(0.0, |(value, _)| *value);
        let y_step = nice(points().map(|point| point.1).fold(limit, f64::max));
        let x = |value: f64| LEFT + value / (x_step * TICKS) * (WIDTH - LEFT - RIGHT);
        let y = |value: f64| HEIGHT - BOTTOM - value / (y_step * TICKS) * (HEIGHT - TOP - BOTTOM);
        let mut svg = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" \
             font-family=\"sans-serif\" font-size=\"12\">\n<rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n\
             <text x=\"{LEFT}\" y=\"18\" font-size=\"15\">{}</text>\n",
            escape(&self.title)
        );
        for tick in 0..=5_u8 {
            let (at_x, at_y) = (f64::from(tick) * x_step, f64::from(tick) * y_step);
            let (px, py) = (x(at_x), y(at_y));
            let (right, bottom) = (WIDTH - RIGHT, HEIGHT - BOTTOM);
            let _ = writeln!(
                svg,
                "<path d=\"M{px:.1} {TOP}V{bottom}M{LEFT} {py:.1}H{right}\" stroke=\"#ddd\"/>\n\
                 <text x=\"{px:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{}</text>\n\
                 <text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>",
                bottom + 18.0,
                number(at_x),
                LEFT - 8.0,
                py + 4.0,
                number(at_y)
            );
        }
        let _ = writeln!(
            svg,
            "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{}</text>\n\
             <text transform=\"translate(16 {:.1}) rotate(-90)\" text-anchor=\"middle\">{}</text>",
            f64::midpoint(LEFT, WIDTH - RIGHT),
            HEIGHT - 14.0,
            escape(&self.x),
            f64::midpoint(TOP, HEIGHT - BOTTOM),
            escape(&self.y)
        );
        if let Some((value, text)) = &self.limit {
            let (py, right) = (y(*value), WIDTH - RIGHT);
            let _ = writeln!(
                svg,
                "<path d=\"M{LEFT} {py:.1}H{right}\" stroke=\"#b00\" stroke-dasharray=\"6 4\"/>\n\
                 <text x=\"{right}\" y=\"{:.1}\" text-anchor=\"end\" fill=\"#b00\">{}</text>",
                py - 5.0,
                escape(text)
            );
        }
        for (index, line) in self.lines.iter().enumerate() {
            self.line(&mut svg, index, line, &x, &y);
        }
        svg.push_str("</svg>\n");
        svg
    }

    #[allow(clippy::cast_precision_loss)]
    fn line(
        &self,
        svg: &mut String,
        index: usize,
        line: &Line,
        x: &dyn Fn(f64) -> f64,
        y: &dyn Fn(f64) -> f64,
    ) {
        let colour = COLOURS[index % COLOURS.len()];
        let place: Vec<(f64, f64)> = (line.points.iter()).map(|(a, b)| (x(*a), y(*b))).collect();
        let path: Vec<String> = (place.iter())
            .map(|(a, b)| format!("{a:.1},{b:.1}"))
            .collect();
        let _ = writeln!(
            svg,
            "<polyline points=\"{}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\"/>",
            path.join(" ")
        );
        for (a, b) in place {
            let _ = writeln!(
                svg,
                "<circle cx=\"{a:.1}\" cy=\"{b:.1}\" r=\"3\" fill=\"{colour}\"/>"
            );
        }
        let share = (WIDTH - LEFT - RIGHT) / self.lines.len().max(1) as f64;
        let _ = writeln!(
            svg,
            "<text x=\"{:.1}\" y=\"36\" fill=\"{colour}\">\u{25cf} {}</text>",
            LEFT + index as f64 * share,
            escape(&line.name)
        );
    }
}

/// A step of 1, 2, 2.5 or 5 times a power of ten, five of which reach a value.
fn nice(value: f64) -> f64 {
    let least = (value / TICKS).max(1e-6);
    let power = 10_f64.powf(least.log10().floor());
    [1.0, 2.0, 2.5, 5.0, 10.0]
        .into_iter()
        .map(|factor| factor * power)
        .find(|step| *step >= least * 0.999_999)
        .unwrap_or(10.0 * power)
}

fn number(value: f64) -> String {
    let text = format!("{value:.2}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn axes_have_round_numbers() {
        assert_eq!(nice(6_000.0), 2_000.0);
        assert_eq!(nice(5_000.0), 1_000.0);
        assert_eq!(nice(0.0), 1e-6);
        assert_eq!(number(2_500.0), "2500");
        assert_eq!(number(0.5), "0.5");
    }

    #[test]
    fn every_point_is_drawn_within_the_plot() {
        let plot = Plot {
            title: "a < b".into(),
            lines: vec![Line {
                name: "server".into(),
                points: vec![(10.0, 1.0), (4_000.0, 80.0)],
            }],
            limit: Some((100.0, "one core".into())),
            ..Plot::default()
        };
        let svg = plot.svg();
        assert_eq!(svg.matches("<circle").count(), 2);
        assert!(svg.contains("a &lt; b") && svg.contains("one core"));
        assert!(!svg.contains("NaN"));
    }
}
