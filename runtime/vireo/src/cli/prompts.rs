//! `vireo prompts`: the recorded words that numbers, dates and amounts are said with.

use std::path::{Path, PathBuf};
use std::str::FromStr;

use clap::{Args, Subcommand};
use serde_json::json;
use vireo_speech::say::Language;

use super::args::Global;
use super::error::CliError;
use super::output::{Output, Table};
use crate::config::Config;
use crate::explain::{Code, Coded};
use crate::speech::{Voices, espeak_voice};
use crate::wordset::{self, BuildError, Builder, Finding, Keep, Synthesizer};

/// `vireo prompts ...`
#[derive(Debug, Subcommand)]
pub enum PromptsCommand {
    /// Makes the words of a language; words that are there already stay. With --config, the voice of the
    /// language in `[[tts.voices]]` speaks them, without one espeak-ng does.
    Build(WordsArgs),
    /// Says which words of a prompts directory are missing, clipped, too loud or too faint, or
    /// begin or end in silence.
    Check {
        /// The prompts directory.
        #[arg(value_name = "DIRECTORY")]
        directory: PathBuf,
        /// Only this language; each that has words there when absent.
        #[arg(long, value_name = "TAG")]
        language: Option<Spoken>,
    },
    /// Lists the words of a language: what a speaker has to record.
    Words {
        /// The language.
        #[arg(long, value_name = "TAG")]
        language: Spoken,
    },
}

/// Arguments of `vireo prompts build`.
#[derive(Clone, Debug, Args)]
pub struct WordsArgs {
    /// The language: ar, de, en, es, fr, ja, ko, pt, ru, zh.
    #[arg(long, value_name = "TAG")]
    pub language: Spoken,
    /// The prompts directory; the words go to TAG/say below it.
    #[arg(long, value_name = "DIRECTORY")]
    pub out: PathBuf,
    /// A voice of espeak-ng (`espeak-ng --voices`) other than the language's usual one.
    #[arg(long, value_name = "NAME")]
    pub voice: Option<String>,
    /// Words a minute of espeak-ng; 150 when absent.
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u16).range(80..=450))]
    pub speed: Option<u16>,
    /// Makes the words again that are there.
    #[arg(long)]
    pub replace: bool,
    /// Where espeak-ng is.
    #[arg(long, value_name = "PROGRAM")]
    pub program: Option<String>,
}

/// Words a minute that are easy to understand on the telephone.
const USUAL_SPEED: u16 = 150;

/// A language with words, as it is typed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spoken(Language);

impl FromStr for Spoken {
    type Err = String;

    fn from_str(tag: &str) -> Result<Self, String> {
        let known = Language::of(tag).filter(|language| Language::ALL.contains(language));
        known.map(Spoken).ok_or_else(|| {
            let all = Language::ALL.map(Language::tag).join(", ");
            format!("there are no words of this language; there are of {all}")
        })
    }
}

/// Runs one command.
pub(super) fn run(
    command: &PromptsCommand,
    global: &Global,
    output: &Output,
) -> Result<(), CliError> {
    match command {
        PromptsCommand::Build(args) => build(args, global, output),
        PromptsCommand::Check {
            directory,
            language,
        } => check(directory, *language, output),
        PromptsCommand::Words { language } => words(language.0, output),
    }
}

/// The voices of the configuration, when it has any and the command line names nothing else.
fn synthesizer(
    args: &WordsArgs,
    language: Language,
    global: &Global,
) -> Result<Synthesizer, CliError> {
    let named = args.program.is_some() || args.voice.is_some() || args.speed.is_some();
    if let (false, Some(file)) = (named, &global.config) {
        let mut config = Config::load(file)?;
        // Words are files already.
        config.tts.cache_disk_mib = 0;
        if !config.tts.voices.is_empty() {
            let failed = |error: &dyn std::fmt::Display| {
                CliError::new(Code::SynthesizerFailed, error.to_string())
            };
            let runtime = tokio::runtime::Builder::new_multi_thread()
                .worker_threads(1)
                .enable_all()
                .build()
                .map_err(|error| failed(&error))?;
            let voices = {
                let _inside = runtime.enter();
                Voices::start(&config)
                    .map_err(|error| CliError::new(error.code(), error.to_string()))?
            };
            return Ok(Synthesizer::Voices(voices, runtime));
        }
    }
    let usual = || espeak_voice(language).to_owned();
    Ok(Synthesizer::Program {
        program: (args.program.clone()).unwrap_or_else(|| "espeak-ng".to_owned()),
        voice: args.voice.clone().unwrap_or_else(usual),
        speed: args.speed.unwrap_or(USUAL_SPEED),
    })
}

fn build(args: &WordsArgs, global: &Global, output: &Output) -> Result<(), CliError> {
    let Spoken(language) = args.language;
    let builder = Builder {
        synthesizer: synthesizer(args, language, global)?,
        keep: match args.replace {
            true => Keep::Nothing,
            false => Keep::Existing,
        },
    };
    let built = builder.build(language, &args.out).map_err(|error| {
        let code = match error {
            BuildError::File(_) | BuildError::Directory { .. } => Code::FileUnusable,
            _ => Code::SynthesizerFailed,
        };
        CliError::new(code, error.to_string())
    })?;
    let directory = args.out.join(language.tag()).join("say");
    if output.is_json() {
        return output.json(&json!({
            "directory": directory,
            "made": built.made,
            "kept": built.kept,
        }));
    }
    output.line(&format!(
        "{}: {} words made, {} kept",
        directory.display(),
        built.made,
        built.kept
    ));
    Ok(())
}

fn check(directory: &Path, language: Option<Spoken>, output: &Output) -> Result<(), CliError> {
    let has_words = |language: &Language| directory.join(language.tag()).join("say").is_dir();
    let languages: Vec<Language> = match language {
        Some(Spoken(language)) => vec![language],
        None => Language::ALL.into_iter().filter(has_words).collect(),
    };
    if languages.is_empty() {
        let message = format!("{} has no words of any language", directory.display());
        let advice = "`vireo prompts build --language en --out DIRECTORY` makes them".to_owned();
        return Err(CliError::new(Code::FileUnusable, message).details(vec![advice]));
    }
    let count: usize = languages
        .iter()
        .map(|one| one.lexicon().words().count())
        .sum();
    let checked = languages.iter().map(|one| wordset::check(*one, directory));
    let findings: Vec<Finding> = checked.flatten().collect();
    show(&findings, output)?;
    if findings.is_empty() {
        if !output.is_json() {
            output.line(&format!("{count} words are good"));
        }
        return Ok(());
    }
    let message = format!(
        "{} faults in the {count} words of {}",
        findings.len(),
        directory.display()
    );
    Err(CliError::new(Code::WordsFaulty, message))
}

fn show(findings: &[Finding], output: &Output) -> Result<(), CliError> {
    if output.is_json() {
        let all = findings.iter().map(|finding| {
            json!({
                "word": finding.word.name,
                "text": finding.word.text,
                "file": finding.file,
                "fault": finding.fault.name(),
                "detail": finding.fault.to_string(),
            })
        });
        return output.json(&all.collect::<Vec<_>>());
    }
    if findings.is_empty() {
        return Ok(());
    }
    let mut table = Table::new(&["FILE", "WORD", "FAULT"]);
    for finding in findings {
        table.row([
            finding.file.display().to_string(),
            finding.word.text.to_owned(),
            finding.fault.to_string(),
        ]);
    }
    output.table(&table, "");
    Ok(())
}

/// A table of file and text, as examples/prompts.tsv: for a speaker, or for another synthesizer.
fn words(language: Language, output: &Output) -> Result<(), CliError> {
    let words = language.lexicon().words();
    if output.is_json() {
        let all =
            words.map(|word| json!({ "file": format!("say/{}", word.name), "text": word.text }));
        return output.json(&all.collect::<Vec<_>>());
    }
    for word in words {
        output.line(&format!(
            "{}\tsay/{}\t-\t{}",
            language.tag(),
            word.name,
            word.text
        ));
    }
    Ok(())
}
