//! IVR-A: an 8 s prompt that a digit cuts short, a 4 s prompt, BYE by the server.

use std::time::Duration;

use serde_json::{Value, json};

use crate::bench::Bench;
use crate::error::Result;
use crate::floor::Scenario;
use crate::generator::{Generator, Load};
use crate::measure::{Window, percentiles, round};
use crate::probe::{IVR_A, Probes, Sizes};
use crate::subject::Subject;

/// Calls of the probes at the same time, at most.
const PROBES: u32 = 100;
/// A call's length until the probes have told it, s.
const LENGTH_S: f64 = 7.2;
/// The load at which the cost of a call is compared with the floor's.
const COST_AT: u32 = 1_000;
/// Steps of the search for the most calls at the same time, from the last step of the curve on.
const SEARCH_STEP: u32 = 500;

/// A measured step, and how many calls at the same time it was to have.
#[derive(Debug, Clone)]
pub struct Step {
    pub asked: u32,
    pub window: Window,
}

/// What the run returns beside its part of the report.
#[derive(Debug)]
pub struct Outcome {
    pub report: Value,
    pub steps: Vec<Step>,
    pub floor_steps: Vec<Step>,
}

/// Runs it.
pub fn run(bench: &mut Bench, sizes: Sizes) -> Result<Outcome> {
    let quick = bench.options.quick;
    let until = if quick {
        COST_AT
    } else {
        bench.options.max_concurrent
    };
    let only = |steps: &[u32], most: u32| -> Vec<u32> {
        let steps = steps.iter().copied();
        steps.filter(|step| *step <= most).collect()
    };
    let curve = only(&bench.options.steps, until);
    let floor_most = if quick { COST_AT } else { u32::MAX };
    let floor_curve = only(&bench.options.floor_steps, floor_most);
    bench.step("IVR-A: the server starts", 4);
    let server = Subject::server(&bench.machine, bench.limits())?;
    let idle = server.idle;
    let steps = ramp(bench, &server, "server", &curve, until)?;
    server.drained(Duration::from_secs(15));
    let instantiate = instantiate(&server);
    drop(server);

    let floor = Subject::floor(&bench.machine, Scenario::IvrA, sizes)?;
    let floor_steps = ramp(bench, &floor, "floor", &floor_curve, 0)?;
    drop(floor);
    let good = |step: &&Step| step.window.faults().is_empty() && step.window.failed <= 0.0;
    let best = (steps.iter()).filter(good).max_by_key(|step| step.asked);
    let report = Figures {
        steps: &steps,
        floor: &floor_steps,
        best,
        idle,
    }
    .report(&instantiate);
    Ok(Outcome {
        report,
        steps,
        floor_steps,
    })
}

struct Figures<'a> {
    steps: &'a [Step],
    floor: &'a [Step],
    best: Option<&'a Step>,
    idle: crate::subject::Idle,
}

impl Figures<'_> {
    fn report(&self, instantiate: &Value) -> Value {
        let empty = Window::default();
        let best = self.best.map_or(&empty, |step| &step.window);
        let half = nearest(self.steps, self.best.map_or(0, |step| step.asked / 2));
        let half_window = half.map_or(&empty, |step| &step.window);
        let cost = nearest(self.steps, COST_AT);
        let floor = cost.and_then(|step| nearest(self.floor, step.asked));
        let cpu = |step: Option<&Step>| step.map(|step| round(step.window.cpu_ms_per_call()));
        let keys = &half_window.probes.key_ms;
        json!({
            "cpu_ms_per_call": cpu(cost),
            "floor_cpu_ms_per_call": cpu(floor),
            "floor_ratio": cost.zip(floor).map(|(a, b)| round(a.window.cpu_ms_per_call() / b.window.cpu_ms_per_call())),
            "at_concurrent": cost.map(|step| step.asked),
            "max_concurrent": self.best.map_or(0, |step| step.asked),
            "max_concurrent_limited_by": self.limit(),
            "calls_per_second": round(best.rate()),
            "failed": round(best.failed),
            "retransmissions": round(best.retransmissions),
            "rss_kib_per_call": round(best.rss_kib_per_call(self.idle.rss_kib)),
            "gap_p99_ms": best.probes.gap_ms.at(0.99).map(round),
            "gap_p999_ms": best.probes.gap_ms.at(0.999).map(round),
            "lost_packets": best.probes.lost,
            "packets": best.probes.packets,
            "digit_to_prompt_p50_ms": keys.at(0.5).map(round),
            "digit_to_prompt_p99_ms": keys.at(0.99).map(round),
            "digit_to_prompt_ms": percentiles(keys),
            "digit_to_prompt_at_concurrent": half.map(|step| step.asked),
            "invite_to_200_ms": percentiles(&half_window.probes.invite_ms),
            "instantiate_us": instantiate,
            "idle_core_percent": round(self.idle.core_percent),
            "steps": steps_json(self.steps, self.idle.rss_kib),
            "floor_steps": steps_json(self.floor, 0),
        })
    }

    /// What kept it from more: `server`, `generator`, or `search` when the last step was the best.
    fn limit(&self) -> &'static str {
        match self.steps.last() {
            Some(last) if self.best.is_none_or(|best| best.asked < last.asked) => {
                if last.window.generator_was_the_limit() {
                    "generator"
                } else {
                    "server"
                }
            }
            _ => "search",
        }
    }
}

/// Cost of a call at each step, with the floor's where it was measured at the same load.
pub fn curve(steps: &[Step], floor: &[Step]) -> Value {
    let points = steps.iter().map(|step| {
        let floor = floor.iter().find(|floor| floor.asked == step.asked);
        let cpu = step.window.cpu_ms_per_call();
        let floor_cpu = floor.map(|floor| floor.window.cpu_ms_per_call());
        json!({
            "asked": step.asked,
            "concurrent": round(step.window.concurrent),
            "cpu_ms_per_call": round(cpu),
            "floor_cpu_ms_per_call": floor_cpu.map(round),
            "floor_ratio": floor_cpu.map(|floor| round(cpu / floor)),
            "core_percent": round(step.window.core_percent()),
            "gap_p99_ms": step.window.probes.gap_ms.at(0.99).map(round),
            "rss_mib": step.window.rss_kib / 1024,
            "faults": step.window.faults(),
        })
    });
    points.collect()
}

/// The curve for people.
pub fn curve_table(curve: &Value) -> String {
    let mut text = "IVR-A    calls  CPU a call      floor  core    gap p99".to_owned();
    for point in curve.as_array().into_iter().flatten() {
        let value = |key: &str| point[key].as_f64();
        let ms = |key: &str| value(key).map_or(String::new(), |value| format!("{value:.3} ms"));
        text.push_str(&format!(
            "\n      {:>8}  {:>10}  {:>9}  {:>3.0} %  {:>8}",
            point["asked"],
            ms("cpu_ms_per_call"),
            ms("floor_cpu_ms_per_call"),
            value("core_percent").unwrap_or(0.0),
            ms("gap_p99_ms"),
        ));
    }
    text
}

fn steps_json(steps: &[Step], idle_kib: u64) -> Vec<Value> {
    (steps.iter())
        .map(|step| step.window.json(idle_kib))
        .collect()
}

/// The good step nearest to a load.
fn nearest(steps: &[Step], asked: u32) -> Option<&Step> {
    (steps.iter())
        .filter(|step| step.window.faults().is_empty())
        .min_by_key(|step| step.asked.abs_diff(asked))
        .or(steps.first())
}

/// The time that making an instance takes, as the server's own metric has it.
fn instantiate(server: &Subject) -> Value {
    let quantile = |quantile: &str| {
        let name = format!("vireo_flow_instantiate_seconds{{quantile=\"{quantile}\"}}");
        server.metric(&name).map(|seconds| round(seconds * 1e6))
    };
    match (quantile("0.5"), quantile("0.99")) {
        (Some(p50), Some(p99)) => json!({ "p50": p50, "p99": p99 }),
        _ => Value::Null,
    }
}

/// More and more calls at the same time through one SIPp: the steps of the curve, then
/// [`SEARCH_STEP`] more each time up to `until`, as long as they are carried.
pub fn ramp(
    bench: &mut Bench,
    subject: &Subject,
    who: &str,
    curve: &[u32],
    until: u32,
) -> Result<Vec<Step>> {
    let load = Load {
        scenario: "ivr-a",
        service: "ivra",
        rate: 0.1,
        calls: None,
    };
    let mut generator = Generator::start(&bench.machine, subject.udp, &load)?;
    let probes = Probes::start(&bench.machine, subject.udp, &IVR_A, 0, 1.0)?;
    let last = curve.last().copied().unwrap_or(0);
    let search = (1..).map(|step| last + step * SEARCH_STEP);
    let mut steps: Vec<Step> = Vec::new();
    let mut length_s = LENGTH_S;
    for asked in curve
        .iter()
        .copied()
        .chain(search.take_while(|asked| *asked <= until))
    {
        let step = Ramp {
            subject,
            generator: &generator,
            probes: &probes,
            who,
        }
        .step(bench, asked, &mut length_s)?;
        let good = step.window.faults().is_empty();
        steps.push(step);
        if !good {
            break;
        }
    }
    generator.finish(Duration::from_secs(25))?;
    Ok(steps)
}

struct Ramp<'a> {
    subject: &'a Subject,
    generator: &'a Generator,
    probes: &'a Probes,
    who: &'a str,
}

impl Ramp<'_> {
    /// One step; measured once more when it goes wrong, for the machine may have been busy.
    fn step(&self, bench: &mut Bench, asked: u32, length_s: &mut f64) -> Result<Step> {
        let probes = PROBES.min(asked / 2);
        // Begun evenly over a call's length, so that each second sees as many of them as another.
        (self.probes).set(probes, f64::from(probes) / *length_s);
        self.generator
            .set_rate(f64::from(asked - probes) / *length_s)?;
        let seconds = bench.seconds(12, 6);
        let text = format!("IVR-A: {}, {asked} calls at the same time", self.who);
        bench.step(&text, seconds + 9);
        // Longer than a call, so that those of the step before have ended.
        std::thread::sleep(Duration::from_millis(8_500));
        let measure = || {
            let length = Duration::from_secs(seconds);
            let asked = f64::from(asked);
            Window::measure(self.subject, self.generator, self.probes, asked, length)
        };
        let mut window = measure()?;
        if !window.faults().is_empty() {
            bench.note(&format!("{}; measured again", window.faults().join(", ")));
            window = measure()?;
        }
        #[allow(clippy::cast_precision_loss)]
        if window.probes.completed.len() >= 10 {
            *length_s = window.probes.completed.sum() / window.probes.completed.len() as f64;
        }
        self.tell(bench, &window);
        Ok(Step { asked, window })
    }

    fn tell(&self, bench: &Bench, window: &Window) {
        let ms = |value: Option<f64>| value.map_or("-".to_owned(), |value| format!("{value:.1}"));
        let faults = window.faults();
        let faults = if faults.is_empty() {
            String::new()
        } else {
            format!("; {}", faults.join(", "))
        };
        bench.note(&format!(
            "{:.3} ms CPU a call, {:.0} % of the core, gap p99 {} ms, digit to prompt p50 {} p99 {} ms, {:.0} KiB a call{faults}{}",
            window.cpu_ms_per_call(),
            window.core_percent(),
            ms(window.probes.gap_ms.at(0.99)),
            ms(window.probes.key_ms.at(0.5)),
            ms(window.probes.key_ms.at(0.99)),
            window.rss_kib_per_call(self.subject.idle.rss_kib),
            bench.generator_note(window),
        ));
    }
}
