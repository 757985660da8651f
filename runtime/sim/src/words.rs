//! What the values of a script are called.

use std::fmt;

use vireo_host::HttpRequest;
use vireo_host::contract;

use crate::case::Asked;
use crate::script::{End, RecordEnd, Value};

impl End {
    /// As the call's record says it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            End::Completed => "completed",
            End::HungUpByCaller => "hung-up-by-caller",
            End::AbandonedBeforeAnswer => "abandoned-before-answer",
            End::Rejected => "rejected",
            End::FailedFlow => "failed-flow",
        }
    }
}

impl RecordEnd {
    /// As the contract says it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            RecordEnd::Terminator => "terminator",
            RecordEnd::Silence => "silence",
            RecordEnd::MaxDuration => "max-duration",
            RecordEnd::HungUp => "hung-up",
        }
    }

    /// The same of the contract; none for a recording that failed, which a simulated one never does.
    #[must_use]
    pub fn of(end: contract::RecordEnd) -> Option<Self> {
        Some(match end {
            contract::RecordEnd::Terminator => RecordEnd::Terminator,
            contract::RecordEnd::Silence => RecordEnd::Silence,
            contract::RecordEnd::MaxDuration => RecordEnd::MaxDuration,
            contract::RecordEnd::HungUp => RecordEnd::HungUp,
            contract::RecordEnd::Failed => return None,
        })
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::Text(text) => write!(f, "{text:?}"),
            Value::Count(number) => write!(f, "{number}"),
            Value::Absent(_) => f.write_str("absent"),
        }
    }
}

impl Asked {
    /// Is this request meant?
    #[must_use]
    pub fn fits(&self, request: &HttpRequest) -> bool {
        let method = self.method.as_ref();
        let body = || String::from_utf8_lossy(&request.body.0);
        method.is_none_or(|method| *method == request.method)
            && self.url.as_ref().is_none_or(|url| *url == request.url)
            && (self.url_matches.as_ref()).is_none_or(|pattern| pattern.is_match(&request.url))
            && (self.body_matches.as_ref()).is_none_or(|pattern| pattern.is_match(&body()))
    }
}

impl fmt::Display for Asked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.method.as_deref().unwrap_or("any method"))?;
        if let Some(url) = &self.url {
            write!(f, " {url}")?;
        }
        if let Some(pattern) = &self.url_matches {
            write!(f, " /{pattern}/")?;
        }
        if let Some(pattern) = &self.body_matches {
            write!(f, ", body /{pattern}/")?;
        }
        Ok(())
    }
}
