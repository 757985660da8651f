//! How much of everything `max-calls` takes, so that nothing runs out in the middle of a call.
//!
//! The SIP stack admits `max-calls` calls and answers every further one with 503. What an admitted
//! call needs later is set aside here, before the first call: flow instances, media streams, open
//! files. A call that has ended on the wire holds them for some moments more (the flow hears of the
//! hang-up and comes to its end), so there are some spares of each.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::config::{Config, SipTransport};

/// For every so many calls one more instance and stream, for calls on their way out...
const CALLS_A_SPARE: u32 = 16;
/// ... and at least so many.
const LEAST_SPARES: u32 = 16;

/// Sockets for RTP and RTCP.
const FILES_A_STREAM: u64 = 2;
/// The store, the SIP and admin sockets, event queues, a prompt that is being read, the log.
const OTHER_FILES: u64 = 200;

/// What the limit on calls comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Capacity {
    /// Flow instances and media streams at the same time.
    pub calls: u32,
    /// Recordings that are written at the same time.
    pub recordings: u32,
    /// Open files at the same time.
    pub files: u64,
}

impl Capacity {
    pub(super) fn of(config: &Config) -> Self {
        let limit = config.sip.max_calls;
        let spares = (limit / CALLS_A_SPARE).max(LEAST_SPARES);
        // The ports may be exactly enough for the calls: then there are no spares.
        let calls = (limit + spares).min(config.media.ports.streams());
        let recordings = config.recordings.at_once(limit);
        let over_tcp = (config.sip.listen.iter()).any(|at| at.transport == SipTransport::Tcp);
        let tcp = if over_tcp {
            vireo_sip::transport::Limits::default().connections
        } else {
            0
        };
        // A flow waits for one answer at a time.
        let with_http = config
            .flows
            .values()
            .any(|flow| !flow.grants.http().is_empty());
        let http = if with_http { u64::from(calls) } else { 0 };
        let files = u64::from(calls) * FILES_A_STREAM
            + u64::from(recordings)
            + tcp as u64
            + http
            + crate::admin::MAX_CONNECTIONS as u64
            + OTHER_FILES;
        Capacity {
            calls,
            recordings,
            files,
        }
    }

    /// Raises the process's own limit of open files as far as this needs.
    ///
    /// # Errors
    /// The system does not allow so many.
    pub(super) fn reserve_files(&self, max_calls: u32) -> Result<(), TooFewFiles> {
        let allowed = getrlimit(Resource::Nofile);
        // No limit is none.
        if allowed.current.is_none_or(|current| current >= self.files) {
            return Ok(());
        }
        let raised = Rlimit {
            current: Some(self.files),
            maximum: allowed.maximum,
        };
        if allowed.maximum.is_none_or(|maximum| maximum >= self.files)
            && setrlimit(Resource::Nofile, raised).is_ok()
        {
            return Ok(());
        }
        Err(TooFewFiles {
            max_calls,
            needed: self.files,
            allowed: allowed.maximum.unwrap_or(u64::MAX),
            recordings: self.recordings,
        })
    }
}

/// The calls need more open files than the system allows.
#[derive(Debug, thiserror::Error)]
#[error(
    "`max-calls` {max_calls} in [sip] takes {needed} open files, and the system allows {allowed}: \
     raise the limit (LimitNOFILE= of the unit, `ulimit -Hn`), or lower max-calls, or `max-open` \
     in [recordings], of which {recordings} are set aside"
)]
pub struct TooFewFiles {
    max_calls: u32,
    needed: u64,
    allowed: u64,
    recordings: u32,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn capacity(more: &str) -> Capacity {
        Capacity::of(&toml::from_str(more).unwrap())
    }

    #[test]
    fn a_call_takes_two_sockets_and_its_recordings() {
        let udp = "listen = [\"udp:127.0.0.1:5060\"]";
        let [few, more] =
            [100, 101].map(|calls| capacity(&format!("[sip]\n{udp}\nmax-calls = {calls}")));
        assert_eq!((few.calls, few.recordings), (116, 200));
        assert_eq!(more.files - few.files, 2 + 2);
        let none = capacity(&format!(
            "[sip]\n{udp}\nmax-calls = 100\n[recordings]\nmax-open = 0"
        ));
        assert_eq!(few.files - none.files, 200);
    }
}
