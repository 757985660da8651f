//! Recorded calls: from a server's admin API, or from files that `vireo journal export` wrote.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::args::Global;
use super::client::{Client, path, with_query};
use super::connection;
use super::error::{CliError, Exit};
use super::selector::Selector;
use crate::admin::{CallRecordDetail, FlowStatus, JournalPage};
use crate::explain::Code;

/// Calls that are asked for, or read, at a time.
const PAGE: usize = 500;

/// What the files of a directory end with.
const SUFFIX: &str = "jsonl";

/// Recorded calls, a page at a time.
pub(crate) struct RecordedCalls {
    selector: Selector,
    left: usize,
    source: Source,
}

enum Source {
    Server(Client, Next),
    Files {
        files: VecDeque<PathBuf>,
        open: Option<Lines>,
        now: Timestamp,
        zone: TimeZone,
    },
}

/// What of a server comes next.
enum Next {
    /// The page before this place; none: the first.
    Page(Option<String>),
    /// These calls.
    Calls(VecDeque<String>),
    Nothing,
}

/// A file that is being read, and how far.
struct Lines {
    file: PathBuf,
    number: usize,
    lines: std::io::Lines<BufReader<File>>,
}

impl RecordedCalls {
    /// The calls that a selector wants.
    ///
    /// # Errors
    /// The server's address or a directory cannot be read.
    pub fn new(selector: Selector, global: &Global) -> Result<Self, CliError> {
        let source = if selector.paths.is_empty() {
            let next = match selector.calls.is_empty() {
                true => Next::Page(None),
                false => Next::Calls(selector.calls.iter().cloned().collect()),
            };
            Source::Server(connection::client(global)?, next)
        } else {
            Source::Files {
                files: find(&selector.paths)?,
                open: None,
                now: Timestamp::now(),
                zone: TimeZone::system(),
            }
        };
        Ok(RecordedCalls {
            left: selector.limit(),
            selector,
            source,
        })
    }

    /// The next calls, the newest first where a server has them; empty: there are no more.
    ///
    /// # Errors
    /// The server does not answer, or a file is not understood.
    pub async fn page(&mut self) -> Result<Vec<CallRecordDetail>, CliError> {
        let wanted = self.left.min(PAGE);
        if wanted == 0 {
            return Ok(Vec::new());
        }
        let page = match &mut self.source {
            Source::Server(client, next) => match next {
                Next::Nothing => Vec::new(),
                Next::Page(before) => {
                    let query = query(&self.selector, before.as_deref(), wanted);
                    let page: JournalPage = client.get(&query).await?.parse()?;
                    *next = match page.next {
                        Some(before) => Next::Page(Some(before)),
                        None => Next::Nothing,
                    };
                    page.calls
                }
                Next::Calls(calls) => {
                    let mut found = Vec::new();
                    while found.len() < wanted
                        && let Some(call) = calls.pop_front()
                    {
                        found.push(client.get(&path("/v1/cdrs/", &call, "")).await?.parse()?);
                    }
                    found
                }
            },
            Source::Files {
                files,
                open,
                now,
                zone,
            } => {
                let mut found = Vec::new();
                while found.len() < wanted {
                    let Some(call) = read(files, open)? else {
                        break;
                    };
                    if self.selector.wants(&call.record, *now, zone) {
                        found.push(call);
                    }
                }
                found
            }
        };
        self.left -= page.len().min(self.left);
        Ok(page)
    }
}

/// The component that a server serves most of a flow's calls with.
///
/// # Errors
/// The server does not answer, or serves no such flow.
pub(crate) async fn served_component(global: &Global, flow: &str) -> Result<Vec<u8>, CliError> {
    let client = connection::client(global)?;
    let flows: Vec<FlowStatus> = client.get("/v1/flows").await?.parse()?;
    let serving = flows.iter().filter(|status| status.flow == flow);
    let most = serving
        .flat_map(|status| &status.serving)
        .max_by_key(|serving| serving.percent);
    let Some(most) = most else {
        let message = format!("the server serves no flow {flow:?}");
        return Err(CliError::new(Code::FlowUnknown, message).details(vec![
            "for a file, write its path: ./NAME or NAME.wasm".to_owned(),
        ]));
    };
    let path = path("/v1/components/", &most.digest, "");
    Ok(client.get(&path).await?.body.to_vec())
}

fn query(selector: &Selector, before: Option<&str>, limit: usize) -> String {
    let limit = limit.to_string();
    with_query(
        "/v1/journals",
        &[
            ("since", selector.since.as_deref()),
            ("until", selector.until.as_deref()),
            ("caller", selector.caller.as_deref()),
            ("called", selector.called.as_deref()),
            ("flow", selector.flow.as_deref()),
            ("version", selector.version.as_deref()),
            ("trunk", selector.trunk.as_deref()),
            ("outcome", selector.outcome.as_deref()),
            ("before", before),
            ("limit", Some(&limit)),
        ],
    )
}

/// The files that are named, and those of the directories that are named.
fn find(paths: &[PathBuf]) -> Result<VecDeque<PathBuf>, CliError> {
    let mut files = VecDeque::new();
    for path in paths {
        if !path.is_dir() {
            files.push_back(path.clone());
            continue;
        }
        let entries =
            std::fs::read_dir(path).and_then(Iterator::collect::<std::io::Result<Vec<_>>>);
        let mut found: Vec<PathBuf> = entries
            .map_err(|error| unusable(path, &error))?
            .into_iter()
            .map(|entry| entry.path())
            .filter(|file| file.extension().is_some_and(|suffix| suffix == SUFFIX))
            .collect();
        if found.is_empty() {
            let message = format!("{}: there is no *.{SUFFIX} in it", path.display());
            return Err(CliError::new(Code::FileUnusable, message));
        }
        found.sort();
        files.extend(found);
    }
    Ok(files)
}

fn unusable(path: &Path, error: &std::io::Error) -> CliError {
    CliError::new(Code::FileUnusable, format!("{}: {error}", path.display()))
}

/// The next call of the files.
fn read(
    files: &mut VecDeque<PathBuf>,
    open: &mut Option<Lines>,
) -> Result<Option<CallRecordDetail>, CliError> {
    loop {
        let lines = match open {
            Some(lines) => lines,
            None => {
                let Some(file) = files.pop_front() else {
                    return Ok(None);
                };
                let opened = File::open(&file).map_err(|error| unusable(&file, &error))?;
                open.insert(Lines {
                    file,
                    number: 0,
                    lines: BufReader::new(opened).lines(),
                })
            }
        };
        lines.number += 1;
        match lines.lines.next() {
            None => *open = None,
            Some(Err(error)) => return Err(unusable(&lines.file, &error)),
            Some(Ok(line)) if line.trim().is_empty() => {}
            Some(Ok(line)) => {
                return serde_json::from_str(&line).map(Some).map_err(|error| {
                    let place = format!("{}:{}", lines.file.display(), lines.number);
                    CliError::new(Code::JournalUnusable, format!("{place}: {error}"))
                        .details(vec![
                            "a line is a call as `vireo journal export` writes it".to_owned(),
                        ])
                        .exits(Exit::Misunderstood)
                });
            }
        }
    }
}
