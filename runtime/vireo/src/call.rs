//! `vireo call`: a caller by script, for people and for `vireo demo`.

use std::time::Duration;

use vireo_call::client::{self, ClientError, Order, Report, Step, TelephoneEvent};
use vireo_sip::transport::Protocol;

use crate::cli::{CallArgs, CliError, Output};
use crate::config::SipTransport;
use crate::explain::Code;

/// Runs the command.
pub(crate) fn run(args: &CallArgs, output: &Output) -> Result<(), CliError> {
    let order = order(args)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .map_err(|error| CliError::internal(format!("the call cannot start: {error}")))?;
    // Progress goes to standard error, so that the JSON of standard output stays clean.
    let progress = |at: Duration, text: &str| {
        output.error(&format!(
            "{:>10}  {text}",
            format!("+{}.{:03}", at.as_secs(), at.subsec_millis())
        ));
    };
    let report = runtime
        .block_on(client::place(order, progress))
        .map_err(failed)?;
    if output.is_json() {
        output.json(&report)?;
    } else {
        show(&report, output);
    }
    match report.status {
        200 => Ok(()),
        // 408 is also what the stack says when no answer came at all (RFC 3261, 8.1.3.1).
        408 => Err(CliError::new(
            Code::CallFailed,
            format!(
                "nobody answered at {}: no server is there, or it does not know this address",
                args.to.next_hop
            ),
        )),
        status => Err(CliError::new(
            Code::CallFailed,
            format!("the call was refused with {status}"),
        )),
    }
}

fn failed(error: ClientError) -> CliError {
    CliError::new(Code::CallFailed, error.to_string())
}

fn order(args: &CallArgs) -> Result<Order, CliError> {
    let invalid = |error: String| CliError::new(Code::CallFailed, error);
    let steps = (args.steps.iter()).map(|step| {
        step.parse::<Step>()
            .map_err(|error| invalid(error.to_string()))
    });
    let codecs = args.codecs.iter().map(|name| {
        vireo_audio::Codec::from_rtpmap(name, 8000).ok_or_else(|| {
            invalid(format!(
                "{name:?} is no codec of this client; it has PCMA and PCMU"
            ))
        })
    });
    Ok(Order {
        to: args.to.to.clone(),
        destination: args.to.next_hop.address,
        protocol: match args.to.next_hop.transport {
            SipTransport::Udp => Protocol::Udp,
            SipTransport::Tcp => Protocol::Tcp,
        },
        from: args.from.clone(),
        codecs: codecs.collect::<Result<_, _>>()?,
        telephone_event: if args.inband_keys {
            TelephoneEvent::Absent
        } else {
            TelephoneEvent::Offered
        },
        steps: steps.collect::<Result<_, _>>()?,
        directory: args.out.clone(),
        longest: args.longest,
    })
}

fn show(report: &Report, output: &Output) {
    if report.status != 200 {
        return;
    }
    output.line(&format!(
        "answered after {} ms, {:.1} s long, ended by {}; {} packets received, {} lost, {} sent",
        report.setup_ms,
        report.talk_ms as f64 / 1000.0,
        report.ended_by,
        report.received,
        report.lost,
        report.sent
    ));
    if let Some(recording) = &report.recording {
        output.line(&format!(
            "all of it (left: heard, right: sent): {}",
            recording.display()
        ));
    }
}
