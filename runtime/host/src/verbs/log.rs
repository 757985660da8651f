//! `vireo:flow/log`.

use super::takes;
use crate::contract::{Level, log};
use crate::request::{Reply, Request};
use crate::state::{State, Stop};

/// A longer line is cut.
const LINE_BYTES: usize = 4 << 10;

impl log::Host for State {
    async fn write(&mut self, level: Level, message: String) -> wasmtime::Result<()> {
        self.count()?;
        let message = self.secrets.redact(tidy(message));
        self.usage.log_lines += 1;
        self.usage.log_bytes += message.len() as u64;
        if self.usage.log_bytes > self.limits.log_bytes {
            return Err(Stop::Log {
                limit: self.limits.log_bytes,
                unit: "bytes",
            }
            .into());
        }
        if self.usage.log_lines > self.limits.log_lines {
            return Err(Stop::Log {
                limit: self.limits.log_lines,
                unit: "lines",
            }
            .into());
        }
        if level == Level::Error {
            self.last_error = Some((self.usage.host_calls, message.clone()));
        }
        self.ask_surely(Request::Log { level, message }, takes!(Reply::Done => ()))
            .await
    }
}

/// At most one line's length, and nothing that moves a terminal's cursor or forges a log line;
/// line breaks and tabs stay, for backtraces and tables.
fn tidy(mut message: String) -> String {
    message.truncate(message.floor_char_boundary(LINE_BYTES));
    let is_bad = |c: char| c.is_control() && c != '\n' && c != '\t';
    match message.contains(is_bad) {
        true => message.replace(is_bad, "\u{fffd}"),
        false => message,
    }
}
