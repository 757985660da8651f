//! The log of the call. [`info!`](crate::info) and its siblings are the usual way to it.

use crate::host::log as wit;

pub use wit::Level;

/// Writes a line, cut at 4 KiB. The server limits how much a call may log, and ends a flow that
/// logs more.
pub fn write(level: Level, message: &str) {
    wit::write(level, message);
}

/// Logs a line for whoever works on the flow: `debug!("tried {n} times")`.
#[macro_export]
macro_rules! debug {
    ($($text:tt)+) => { $crate::log::write($crate::log::Level::Debug, &::std::format!($($text)+)) };
}

/// Logs a line for whoever runs the flow: `info!("{} chose {digit}", call.caller())`.
#[macro_export]
macro_rules! info {
    ($($text:tt)+) => { $crate::log::write($crate::log::Level::Info, &::std::format!($($text)+)) };
}

/// Logs something that is not as it should be.
#[macro_export]
macro_rules! warn {
    ($($text:tt)+) => { $crate::log::write($crate::log::Level::Warn, &::std::format!($($text)+)) };
}

/// Logs something that went wrong and that the flow goes on after. To end the flow with an error,
/// return it.
#[macro_export]
macro_rules! error {
    ($($text:tt)+) => { $crate::log::write($crate::log::Level::Error, &::std::format!($($text)+)) };
}
