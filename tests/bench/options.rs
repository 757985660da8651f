//! The command line.

use std::path::{Path, PathBuf};

use clap::{Parser, Subcommand, ValueEnum};

/// Measures what calls cost, with SIPp and probe calls on one core and the server on another.
#[derive(Debug, Parser)]
#[command(name = "vireo-bench", arg_required_else_help = false)]
pub struct Options {
    #[command(subcommand)]
    pub command: Option<Command>,
    /// Only these runs.
    #[arg(long, value_delimiter = ',')]
    pub only: Vec<Run>,
    /// Shorter runs and fewer steps: for a look, not for figures.
    #[arg(long)]
    pub quick: bool,
    /// Fail when a figure is not as docs/SPECIFICATION.md promises.
    #[arg(long)]
    pub check: bool,
    /// Ordinary priorities.
    #[arg(long)]
    pub plain: bool,
    /// The cores of the server and the floor, as `taskset -c` takes them.
    #[arg(long, default_value = "0")]
    pub server_cores: String,
    /// The core of SIPp and the probes.
    #[arg(long, default_value_t = 1)]
    pub generator_core: usize,
    /// Media threads of the server.
    #[arg(long, default_value_t = 1)]
    pub media_threads: u32,
    /// Steps of IVR-A's curve, calls at the same time; the search goes on from the last.
    #[arg(long, value_delimiter = ',', default_values_t = [10, 100, 500, 1_000, 2_000, 2_500, 3_000, 3_500, 4_000])]
    pub steps: Vec<u32>,
    /// The same for the floor.
    #[arg(long, value_delimiter = ',', default_values_t = [100, 1_000, 2_000, 4_000])]
    pub floor_steps: Vec<u32>,
    /// The most calls at the same time that are tried.
    #[arg(long, default_value_t = 6000)]
    pub max_concurrent: u32,
    /// A model for speech recognition in place of the repository's, as `en=/srv/models/en`.
    #[arg(long = "model", value_name = "LANGUAGE=DIRECTORY", value_parser = model)]
    pub models: Vec<(String, PathBuf)>,
    /// Where the report and the plots go.
    #[arg(long, default_value = "target/bench")]
    pub out: PathBuf,
}

#[derive(Debug, Clone, Subcommand)]
pub enum Command {
    /// Half of the load for a long time; then nothing may be left.
    Soak {
        /// Minutes of load.
        #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..))]
        minutes: u32,
        /// Calls at the same time: half of what the machine carries.
        #[arg(long, default_value_t = 2000)]
        concurrent: u32,
    },
    /// The bare program that SIPp calls in place of the server.
    #[command(hide = true)]
    Floor {
        scenario: String,
        ok: usize,
        bye: usize,
        bye_ok: usize,
    },
}

/// A part of the bench.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Run {
    /// INVITE/200/ACK, 1 s, BYE.
    Signalling,
    /// Two prompts and a digit.
    IvrA,
    /// A menu three deep, a recording, the key-value store.
    IvrB,
    /// Twice the limit.
    Overload,
    /// Texts that are spoken.
    Tts,
    /// Speech recognition.
    Asr,
}

/// A language, and the directory of its model.
fn model(text: &str) -> Result<(String, PathBuf), String> {
    match text.split_once('=') {
        Some((language @ ("en" | "zh"), directory)) => Ok((language.to_owned(), directory.into())),
        _ => Err("write en=DIRECTORY or zh=DIRECTORY".to_owned()),
    }
}

impl Options {
    /// Where the model of a language is.
    pub fn model(&self, language: &str) -> PathBuf {
        let named = self.models.iter().find(|(of, _)| of == language);
        named.map_or_else(
            || Path::new("media/speech/models").join(language),
            |(_, directory)| directory.clone(),
        )
    }

    /// Is this part to be run?
    pub fn runs(&self, run: Run) -> bool {
        self.only.is_empty() || self.only.contains(&run)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_model_may_stand_in_for_the_repository_s() {
        let options = Options::try_parse_from(["bench", "--model", "en=/srv/other"]).unwrap();
        assert_eq!(options.model("en"), Path::new("/srv/other"));
        assert_eq!(options.model("zh"), Path::new("media/speech/models/zh"));
        for wrong in ["/srv/other", "xx=/srv/other"] {
            assert!(Options::try_parse_from(["bench", "--model", wrong]).is_err());
        }
    }
}
