//! The server's metrics.

use vireo_call::Runtime;
use vireo_sip::endpoint::Counters;
use vireo_sip::stack::Stack;
use vireo_speech::asr::{Counters as Recognitions, DELAY_CLASSES_MS};

use crate::admin::{Metric, MetricKind};
use crate::speech::Voices;

/// Counts since the start that an operator looks at first, in words.
pub(super) fn counts(sip: &Counters) -> Vec<(&'static str, u64)> {
    vec![
        ("inbound calls", sip.inbound_calls),
        ("refused: trunk's calls", sip.refused_trunk_calls),
        ("refused: trunk's rate", sip.refused_trunk_rate),
        ("refused: server's calls", sip.refused_calls),
        ("refused: server is late", sip.refused_overload),
        ("refused: draining", sip.refused_draining),
        ("requests from unknown peers", sip.unknown_peer),
        ("malformed messages", sip.malformed),
        ("retransmissions sent", sip.retransmissions_sent),
        ("200 without ACK", sip.never_acknowledged),
    ]
}

/// All of them.
pub(super) fn all(runtime: &Runtime, stack: &Stack, voices: &Voices) -> Vec<Metric> {
    let mut metrics = sip(&stack.counters());
    metrics.extend(media(runtime));
    metrics.extend(flows(runtime));
    metrics.extend(speech(voices));
    if let Some(recognizers) = runtime.recognizers() {
        metrics.extend(recognitions(&recognizers.counters()));
        metrics.push(unknown_words(runtime));
    }
    metrics.extend(process());
    metrics
}

/// What a page of `/proc/self` says; empty where there is none.
fn of_process(page: &str) -> String {
    std::fs::read_to_string(format!("/proc/self/{page}")).unwrap_or_default()
}

/// User and system time (proc(5): fields 14 and 15 of `stat`, hundredths of a second). The name,
/// field 2, is in parentheses and may hold anything.
fn cpu_seconds(stat: &str) -> f64 {
    let after_name = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
    let of_cpu = after_name.split_ascii_whitespace().skip(11).take(2);
    of_cpu
        .filter_map(|ticks| ticks.parse::<f64>().ok())
        .sum::<f64>()
        / 100.0
}

/// The process as the kernel sees it, under the names that Prometheus' own clients use.
fn process() -> Vec<Metric> {
    let resident_kib = (of_process("status").lines()).find_map(|line| {
        line.strip_prefix("VmRSS:")?
            .trim()
            .strip_suffix(" kB")?
            .parse()
            .ok()
    });
    let open = std::fs::read_dir("/proc/self/fd").map_or(0, Iterator::count);
    let most = rustix::process::getrlimit(rustix::process::Resource::Nofile).current;
    vec![
        Metric::of(
            MetricKind::Counter,
            "process_cpu_seconds_total",
            "CPU time, user and system, seconds.",
        )
        .sample(Vec::new(), cpu_seconds(&of_process("stat"))),
        gauge(
            "process_resident_memory_bytes",
            "Memory that is resident, bytes.",
            resident_kib.unwrap_or(0_u64) * 1024,
        ),
        gauge(
            "process_open_fds",
            "Open files, this page's among them.",
            open as u64,
        ),
        gauge(
            "process_max_fds",
            "Open files that are allowed.",
            most.unwrap_or(u64::MAX),
        ),
    ]
}

#[allow(clippy::cast_precision_loss)]
fn gauge(name: &'static str, help: &'static str, value: u64) -> Metric {
    Metric::gauge(name, help, value as f64)
}

/// A counter with a sample for each value of a label.
#[allow(clippy::cast_precision_loss)]
fn counted<V: Into<String>>(
    name: &'static str,
    help: &'static str,
    label: &'static str,
    counts: impl IntoIterator<Item = (V, u64)>,
) -> Metric {
    let metric = Metric::of(MetricKind::Counter, name, help);
    counts.into_iter().fold(metric, |metric, (value, count)| {
        metric.sample(vec![(label, value.into())], count as f64)
    })
}

fn sip(sip: &Counters) -> Vec<Metric> {
    let refused = [
        ("trunk-calls", sip.refused_trunk_calls),
        ("trunk-rate", sip.refused_trunk_rate),
        ("server-calls", sip.refused_calls),
        ("transactions", sip.refused_transactions),
        ("unacknowledged", sip.refused_unacknowledged),
        ("queue", sip.refused_queue),
        ("overload", sip.refused_overload),
        ("draining", sip.refused_draining),
    ];
    let refusals = counted(
        "vireo_sip_refused_total",
        "Calls refused past a limit.",
        "reason",
        refused,
    );
    vec![
        Metric::gauge(
            "vireo_sip_shed_ratio",
            "The part of new calls that is refused because the server is late, 0 to 1.",
            sip.shed_thousandths as f64 / 1_000.0,
        ),
        gauge("vireo_sip_calls", "Legs that have not ended.", sip.calls),
        gauge(
            "vireo_sip_legs",
            "Legs held, those included that wait for a last message.",
            sip.legs,
        ),
        gauge("vireo_sip_dialogs", "Confirmed dialogs.", sip.dialogs),
        gauge(
            "vireo_sip_server_transactions",
            "Server transactions, finished ones included.",
            sip.server_transactions,
        ),
        gauge(
            "vireo_sip_client_transactions",
            "Client transactions, finished ones included.",
            sip.client_transactions,
        ),
        gauge(
            "vireo_sip_finished_transactions",
            "Transactions of both kinds that only absorb retransmissions.",
            sip.finished_transactions,
        ),
        gauge(
            "vireo_sip_remembered_refusals",
            "Refused calls that are remembered for copies of their INVITE.",
            sip.remembered_refusals,
        ),
        gauge(
            "vireo_sip_unacknowledged",
            "200 responses that wait for their ACK.",
            sip.unacknowledged,
        ),
        Metric::counter(
            "vireo_sip_inbound_calls_total",
            "Inbound calls begun.",
            sip.inbound_calls,
        ),
        Metric::counter(
            "vireo_sip_requests_total",
            "Requests received, retransmissions included.",
            sip.requests,
        ),
        Metric::counter(
            "vireo_sip_malformed_total",
            "Messages that could not be read.",
            sip.malformed,
        ),
        Metric::counter(
            "vireo_sip_unknown_peer_total",
            "Requests from addresses of no trunk.",
            sip.unknown_peer,
        ),
        Metric::counter(
            "vireo_sip_retransmissions_received_total",
            "Retransmissions received.",
            sip.retransmissions_received,
        ),
        Metric::counter(
            "vireo_sip_retransmissions_sent_total",
            "Retransmissions sent.",
            sip.retransmissions_sent,
        ),
        Metric::counter(
            "vireo_sip_strays_total",
            "Responses and ACKs that belong to nothing.",
            sip.strays,
        ),
        Metric::counter(
            "vireo_sip_never_acknowledged_total",
            "200 that no ACK came for.",
            sip.never_acknowledged,
        ),
        Metric::counter(
            "vireo_sip_timeouts_total",
            "Requests that no final response came for.",
            sip.timeouts,
        ),
        refusals,
    ]
}

/// What became of what callers said.
#[allow(clippy::cast_precision_loss)]
fn recognitions(recognitions: &Recognitions) -> [Metric; 3] {
    let ends = counted(
        "vireo_asr_recognitions_total",
        "Recognitions that came to an end, by which; busy: not begun.",
        "end",
        [
            ("matched", recognitions.matched),
            ("unmatched", recognitions.unmatched),
            ("failed", recognitions.failed),
            ("busy", recognitions.busy),
        ],
    );
    let passed_on = Metric::counter(
        "vireo_asr_fallbacks_total",
        "Times that an engine failed in a recognition and the next one of the language took over.",
        recognitions.passed_on,
    );
    let delays = &recognitions.delays;
    let answers = Metric::histogram(
        "vireo_asr_answer_seconds",
        "From the silence that ends what a caller says to what was understood.",
        &DELAY_CLASSES_MS.map(|ms| ms as f64 / 1_000.0),
        &delays.classes,
        delays.sum.as_secs_f64(),
    );
    [ends, passed_on, answers]
}

fn unknown_words(runtime: &Runtime) -> Metric {
    counted(
        "vireo_asr_unknown_words_total",
        "Gathers that could not listen because no model knows their words, by flow.",
        "flow",
        runtime.unknown_words(),
    )
}

fn media(runtime: &Runtime) -> Vec<Metric> {
    let media = runtime.engine().counters();
    let recorder = runtime.recorder().counters();
    let streams: usize = media.streams.iter().sum();
    vec![
        gauge(
            "vireo_media_streams",
            "Media streams that are open.",
            streams as u64,
        ),
        gauge(
            "vireo_media_sockets",
            "RTP and RTCP sockets that are open, those that wait for a stream included.",
            media.sockets as u64,
        ),
        gauge(
            "vireo_media_idle_socket_pairs",
            "Pairs of an RTP and an RTCP socket that wait for a stream.",
            media.idle_pairs as u64,
        ),
        Metric::counter(
            "vireo_media_packets_sent_total",
            "RTP packets sent.",
            media.packets_out,
        ),
        Metric::counter(
            "vireo_media_packets_sent_together_total",
            "RTP packets sent many at a time by a raw socket.",
            media.packets_together,
        ),
        Metric::counter(
            "vireo_media_packets_received_total",
            "RTP packets taken.",
            media.packets_in,
        ),
        Metric::counter(
            "vireo_media_send_failures_total",
            "RTP packets the kernel did not take.",
            media.send_failures,
        ),
        Metric::counter(
            "vireo_media_skipped_packets_total",
            "RTP packets left out because a media thread was late.",
            media.skipped_packets,
        ),
        Metric::counter(
            "vireo_media_late_slots_total",
            "Slots of 1 ms begun more than 5 ms late.",
            media.late_slots,
        ),
        Metric::counter(
            "vireo_media_plays_with_gap_total",
            "Prompts in whose middle a spoken sentence came late.",
            media.plays_with_gap,
        ),
        Metric::counter(
            "vireo_media_strays_total",
            "Datagrams from strangers.",
            media.strays,
        ),
        Metric::counter(
            "vireo_media_malformed_total",
            "Datagrams that are no RTP or RTCP.",
            media.malformed,
        ),
        Metric::counter(
            "vireo_media_events_dropped_total",
            "Media events nobody read in time.",
            media.events_dropped,
        ),
        Metric::counter(
            "vireo_recordings_total",
            "Recordings opened.",
            recorder.opened,
        ),
        Metric::counter(
            "vireo_recordings_failed_total",
            "Recordings that failed.",
            recorder.failed,
        ),
    ]
}

fn speech(voices: &Voices) -> Vec<Metric> {
    let origins = voices.speech.counters();
    let sentences = counted(
        "vireo_tts_sentences_total",
        "Sentences that prompts asked for, by where their sound came from; failed: nowhere.",
        "origin",
        [
            ("memory", origins.from_memory),
            ("disk", origins.from_disk),
            ("engine", origins.spoken),
            ("failed", origins.failed),
        ],
    );
    let mut spoken = Metric::of(
        MetricKind::Counter,
        "vireo_tts_engine_sentences_total",
        "Sentences that an engine was asked for, by whether it spoke them.",
    );
    #[allow(clippy::cast_precision_loss)]
    for engine in voices.speech.engines() {
        for (end, count) in [("spoken", engine.spoken), ("failed", engine.failed)] {
            let labels = vec![("engine", engine.engine.clone()), ("end", end.to_owned())];
            spoken = spoken.sample(labels, count as f64);
        }
    }
    let mut metrics = vec![sentences, spoken];
    metrics.extend(workers(voices));
    metrics
}

/// The processes of the engines.
#[allow(clippy::cast_precision_loss)]
fn workers(voices: &Voices) -> [Metric; 3] {
    let mut requests = Metric::of(
        MetricKind::Counter,
        "vireo_tts_worker_requests_total",
        "Sentences that the processes of an engine were asked for, by how that ended.",
    );
    let mut starts = Metric::of(
        MetricKind::Counter,
        "vireo_tts_worker_starts_total",
        "Processes of an engine that were started.",
    );
    let mut open = Metric::of(
        MetricKind::Gauge,
        "vireo_tts_worker_requests_open",
        "Sentences that an engine makes now, and those that wait for it.",
    );
    for workers in voices.workers() {
        let name = || ("engine", workers.engine.to_owned());
        let counters = workers.counters;
        for (end, count) in [
            ("answered", counters.answered),
            ("refused", counters.refused),
            ("timed-out", counters.timed_out),
            ("cancelled", counters.cancelled),
            ("busy", counters.busy),
            ("lost", counters.lost),
        ] {
            requests = requests.sample(vec![name(), ("end", end.to_owned())], count as f64);
        }
        starts = starts.sample(vec![name()], counters.started as f64);
        open = open.sample(vec![name()], workers.open as f64);
    }
    [requests, starts, open]
}

fn instantiation(runtime: &Runtime) -> Metric {
    let metric = Metric::of(
        MetricKind::Gauge,
        "vireo_flow_instantiate_seconds",
        "What making a flow's instance took, at the most, in that share of all cases.",
    );
    [(0.5, "0.5"), (0.99, "0.99")]
        .into_iter()
        .fold(metric, |metric, (share, name)| {
            match runtime.host().instantiation(share) {
                Some(time) => {
                    metric.sample(vec![("quantile", name.to_owned())], time.as_secs_f64())
                }
                None => metric,
            }
        })
}

fn components(runtime: &Runtime) -> Metric {
    let origins = runtime.host().origins();
    counted(
        "vireo_components_total",
        "Components made ready to run, by where their code came from; unusable: kept code that was \
         damaged or not of this server.",
        "origin",
        [
            ("compiled", origins.compiled),
            ("kept", origins.kept),
            ("unusable", origins.unusable),
        ],
    )
}

fn flows(runtime: &Runtime) -> Vec<Metric> {
    let host = runtime.host().in_use();
    let mut metrics = canaries(runtime);
    metrics.extend([
        Metric::counter(
            "vireo_automatic_rollbacks_total",
            "Canaries that were withdrawn because they were worse than the version beside them.",
            runtime.deployer().automatic_rollbacks(),
        ),
        instantiation(runtime),
        components(runtime),
        gauge(
            "vireo_calls_active",
            "Calls in progress.",
            runtime.live().len() as u64,
        ),
        gauge(
            "vireo_flow_instances",
            "Flow instances that run.",
            host.instances,
        ),
        gauge(
            "vireo_flow_instances_max",
            "Flow instances at the most.",
            host.max_instances,
        ),
        Metric::counter(
            "vireo_journal_entries_dropped_total",
            "Journal entries that found no room.",
            runtime.journal_entries_dropped(),
        ),
        gauge(
            "vireo_calls_lost_in_crash",
            "Calls that the last process took with it.",
            runtime.lost_in_crash() as u64,
        ),
    ]);
    metrics
}

/// Versions on trial; nothing while there is none.
fn canaries(runtime: &Runtime) -> Vec<Metric> {
    let flows = runtime.deployer().flows(&[]).unwrap_or_default();
    let mut percent = Metric::of(
        MetricKind::Gauge,
        "vireo_canary_percent",
        "A canary's share of its flow's calls.",
    );
    let mut calls = Metric::of(
        MetricKind::Gauge,
        "vireo_canary_trial_calls",
        "Calls ended since the last change of a flow that has a canary, its own and the version's.",
    );
    for flow in &flows {
        let Some(canary) = &flow.canary else { continue };
        let name = || ("flow", flow.flow.clone());
        percent = percent.sample(vec![name()], canary.percent.into());
        for (side, counts) in [("canary", canary.counts), ("version", flow.counts)] {
            for (end, count) in [
                ("all", counts.calls),
                ("failed", counts.failed),
                ("apology", counts.apologies),
                (
                    "early-hangup",
                    counts.early_hangups + counts.early_hangups_chosen,
                ),
            ] {
                let labels = vec![name(), ("side", side.to_owned()), ("end", end.to_owned())];
                #[allow(clippy::cast_precision_loss)]
                let value = count as f64;
                calls = calls.sample(labels, value);
            }
        }
    }
    [percent, calls]
        .into_iter()
        .filter(|metric| !metric.samples.is_empty())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::cpu_seconds;

    #[test]
    fn the_cpu_time_is_user_and_system_time() {
        let stat = "7 (a (b) c) S 1 7 7 0 -1 4194560 500 0 0 0 1234 66 0 0 20 0 9 0 100 1 2";
        assert!((cpu_seconds(stat) - 13.0).abs() < 1e-9);
        assert!(cpu_seconds("").abs() < 1e-9);
    }
}
