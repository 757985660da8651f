//! What can be typed behind `vireo replay`.

use std::path::PathBuf;
use std::str::FromStr;

use clap::Args;

use super::selector::Selector;

/// Arguments of `vireo replay`.
#[derive(Clone, Debug, Args)]
pub struct ReplayArgs {
    /// The version: a component (new.wasm), one that is to stand for a flow (demo=new.wasm), or the name
    /// of a flow: what the server serves under it now.
    #[arg(long, value_name = "FILE|NAME")]
    pub flow: Candidate,
    /// Which calls: "yesterday", "flow=demo,since=2h,outcome=completed,limit=100", ids of calls, "all", or
    /// files and directories that `vireo journal export` wrote. Terms are joined by commas; keys are flow,
    /// version, since, until, caller, called, trunk, outcome, limit. The newest 10,000 of a server at the
    /// most where no limit is given.
    #[arg(long, value_name = "SELECTOR")]
    pub calls: Selector,
    /// Values of secrets, which no journal holds: a TOML file of NAME = "VALUE". A secret that is not in it
    /// is stood in for.
    #[arg(long, value_name = "FILE")]
    pub secrets: Option<PathBuf>,
    /// Shows every call, not only those that part.
    #[arg(long, short)]
    pub verbose: bool,
    /// Calls at the same time; as many as there are cores when absent.
    #[arg(long, short, value_name = "COUNT")]
    pub jobs: Option<usize>,
}

/// The version that calls are replayed on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Candidate {
    /// A component, and the name of the flow that it is to be.
    File {
        /// None: the calls say it.
        flow: Option<String>,
        /// The component.
        file: PathBuf,
    },
    /// What a server serves under this name.
    Served(String),
}

impl FromStr for Candidate {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let is_file = |text: &str| {
            let path = std::path::Path::new(text);
            text.contains('/') || path.extension().is_some() || path.is_file()
        };
        match text.split_once('=') {
            Some((flow, file)) if !flow.is_empty() && !file.is_empty() && !flow.contains('/') => {
                Ok(Candidate::File {
                    flow: Some(flow.to_owned()),
                    file: file.into(),
                })
            }
            _ if text.is_empty() => Err("write FILE.wasm, NAME=FILE.wasm, or NAME".to_owned()),
            _ if is_file(text) => Ok(Candidate::File {
                flow: None,
                file: text.into(),
            }),
            _ => Ok(Candidate::Served(text.to_owned())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_a_file_or_what_is_served() {
        let file = |flow: Option<&str>, file: &str| Candidate::File {
            flow: flow.map(str::to_owned),
            file: file.into(),
        };
        for (text, expected) in [
            ("new.wasm", file(None, "new.wasm")),
            ("a=b/new.wasm", file(Some("a"), "b/new.wasm")),
            ("./odd=name.wasm", file(None, "./odd=name.wasm")),
            ("demo", Candidate::Served("demo".to_owned())),
        ] {
            assert_eq!(text.parse(), Ok(expected), "{text}");
        }
        assert!("".parse::<Candidate>().is_err());
    }
}
