//! What a call's journal holds for a replay.

use serde::Deserialize;
use vireo_host::contract::Error;
use vireo_host::{Answer, Reply, Request};
use vireo_store::journal::{Entry, Json, Kind};

/// A flow's run in a call, as the journal has it.
#[derive(Clone, Debug)]
pub struct Recorded {
    pub(crate) flow: String,
    pub(crate) version: String,
    pub(crate) asked: Vec<Asked>,
    /// None: the journal stops before the flow did.
    pub(crate) ended: Option<Ended>,
}

/// What the flow asked, and what it was told.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    /// Number of the entry.
    pub seq: u32,
    /// Since the INVITE.
    pub at_ms: u64,
    pub request: Request,
    pub answer: Answer,
}

/// How the flow ended.
#[derive(Clone, Debug)]
pub(crate) struct Ended {
    pub seq: u32,
    pub at_ms: u64,
    /// As the outcome shows itself.
    pub outcome: String,
}

/// Why a journal cannot be replayed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum JournalError {
    /// Nothing is in it.
    #[error("there is no journal: the call reached no flow, or its retention time is over")]
    Empty,
    /// No run of the wanted flow is in it.
    #[error("the flow {0:?} did not run in this call")]
    OtherFlow(String),
    /// It does not say which flow ran.
    #[error("the journal does not say which flow ran: it has no `route` entry")]
    NoFlow,
    /// The flow never ran.
    #[error("the flow did not run: {0}")]
    NotStarted(String),
    /// Entries are missing.
    #[error("{} missing in the journal", missing(*first, *last))]
    Gap {
        /// The first that is missing.
        first: u32,
        /// The last.
        last: u32,
    },
    /// Entries do not come in the order of their numbers.
    #[error("entry {seq} of the journal is out of order")]
    OutOfOrder {
        /// Number of the entry.
        seq: u32,
    },
    /// An entry is not what this version writes.
    #[error("entry {seq} of the journal ({name}) is not understood: {why}")]
    Entry {
        /// Number of the entry.
        seq: u32,
        /// The verb's or event's name.
        name: String,
        /// What is wrong with it.
        why: String,
    },
    /// A recorded answer is not one that the verb can have.
    #[error("an answer in the journal does not belong to what was asked: {0}")]
    Answer(String),
}

/// The details of `route` and `fallback`.
#[derive(Deserialize)]
struct Began {
    flow: String,
    version: String,
}

/// The detail of `flow-ended`.
#[derive(Deserialize)]
struct FlowEnded {
    outcome: String,
}

/// A verb's reply: its answer, and how long it took.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct VerbReply {
    ok: Option<Reply>,
    err: Option<Error>,
}

impl Recorded {
    /// Reads the journal of a call: the first run of `flow` in it, or the first run of all. (A call
    /// whose flow failed may have gone on with a fallback flow.)
    ///
    /// # Errors
    /// [`JournalError`] says what is wrong with the journal, and where.
    pub fn read(entries: &[Entry], flow: Option<&str>) -> Result<Recorded, JournalError> {
        if entries.is_empty() {
            return Err(JournalError::Empty);
        }
        let mut run: Option<Recorded> = None;
        let mut other_flow = false;
        for (expected, entry) in (0..).zip(entries) {
            in_order(expected, entry.seq)?;
            match &entry.kind {
                Kind::Verb {
                    name,
                    request,
                    reply,
                } => {
                    if let Some(run) = &mut run {
                        run.asked.push(asked(entry, name, request, reply)?);
                    }
                }
                Kind::Event { name, detail } => match name.as_str() {
                    "route" | "fallback" => {
                        if run.is_some() {
                            // The run before has no end of its own; what follows is another's.
                            break;
                        }
                        let began: Began = parse(entry, name, detail)?;
                        match flow {
                            Some(flow) if flow != began.flow => other_flow = true,
                            _ => run = Some(Recorded::new(began)),
                        }
                    }
                    "flow-ended" => {
                        if let Some(run) = &mut run {
                            let FlowEnded { outcome } = parse(entry, name, detail)?;
                            run.end(entry, outcome)?;
                            break;
                        }
                    }
                    _ => {}
                },
                // What a newer version notes beside the verbs is not a flow's.
                _ => {}
            }
        }
        match (run, flow) {
            (Some(run), _) => Ok(run),
            (None, Some(flow)) if other_flow => Err(JournalError::OtherFlow(flow.to_owned())),
            (None, _) => Err(JournalError::NoFlow),
        }
    }

    fn new(began: Began) -> Self {
        Recorded {
            flow: began.flow,
            version: began.version,
            asked: Vec::new(),
            ended: None,
        }
    }

    fn end(&mut self, entry: &Entry, outcome: String) -> Result<(), JournalError> {
        if let Some(why) = outcome.strip_prefix("not started: ") {
            return Err(JournalError::NotStarted(why.to_owned()));
        }
        self.ended = Some(Ended {
            seq: entry.seq,
            at_ms: entry.at_ms,
            outcome,
        });
        Ok(())
    }

    /// The flow that ran.
    #[must_use]
    pub fn flow(&self) -> &str {
        &self.flow
    }

    /// The version that ran, a SHA-256 digest.
    #[must_use]
    pub fn version(&self) -> &str {
        &self.version
    }

    /// How many of the flow's questions the journal holds.
    #[must_use]
    pub fn len(&self) -> usize {
        self.asked.len()
    }

    /// Did the flow ask nothing?
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.asked.is_empty()
    }
}

fn missing(first: u32, last: u32) -> String {
    match first == last {
        true => format!("entry {first} is"),
        false => format!("entries {first} to {last} are"),
    }
}

fn in_order(expected: u32, seq: u32) -> Result<(), JournalError> {
    match seq.cmp(&expected) {
        std::cmp::Ordering::Equal => Ok(()),
        std::cmp::Ordering::Greater => Err(JournalError::Gap {
            first: expected,
            last: seq - 1,
        }),
        std::cmp::Ordering::Less => Err(JournalError::OutOfOrder { seq }),
    }
}

fn asked(entry: &Entry, name: &str, request: &Json, reply: &Json) -> Result<Asked, JournalError> {
    let request: Request = parse(entry, name, request)?;
    let wrong = |why: &str| JournalError::Entry {
        seq: entry.seq,
        name: name.to_owned(),
        why: why.to_owned(),
    };
    if request.verb() != name {
        return Err(wrong(&format!(
            "its arguments are those of {}",
            request.verb()
        )));
    }
    let VerbReply { ok, err } = parse(entry, name, reply)?;
    let answer = match (ok, err) {
        (Some(reply), None) => Ok(reply),
        (None, Some(error)) => Err(error),
        _ => return Err(wrong("it has no answer")),
    };
    Ok(Asked {
        seq: entry.seq,
        at_ms: entry.at_ms,
        request,
        answer,
    })
}

fn parse<T: for<'de> Deserialize<'de>>(
    entry: &Entry,
    name: &str,
    text: &Json,
) -> Result<T, JournalError> {
    serde_json::from_str(text.get()).map_err(|error| JournalError::Entry {
        seq: entry.seq,
        name: name.to_owned(),
        why: error.to_string(),
    })
}
