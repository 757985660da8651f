//! Error codes: every error that a user can meet has a stable code with a page of its own.
//!
//! A code is never given a second meaning, and a page is never removed: people find them in old
//! logs. The pages are `docs/errors/VRnnnn.md`; they are part of the binary, so that
//! `vireo explain VR0003` works on a machine without network.

use std::fmt;
use std::str::FromStr;

/// An error that carries a code.
pub trait Coded {
    /// The code under which `vireo explain` describes this error.
    fn code(&self) -> Code;
}

macro_rules! codes {
    ($($(#[$doc:meta])* $variant:ident = $name:literal,)+) => {
        /// A stable error code, printed as `VR0003`.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[non_exhaustive]
        pub enum Code {
            $($(#[$doc])* $variant,)+
        }

        impl Code {
            /// Every code, in numerical order.
            pub const ALL: &[Code] = &[$(Code::$variant,)+];

            /// The code as users see it: `VR0003`.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self { $(Code::$variant => $name,)+ }
            }

            /// The page of this code, as Markdown.
            #[must_use]
            pub fn page(self) -> &'static str {
                match self {
                    $(Code::$variant => include_str!(concat!(
                        env!("CARGO_MANIFEST_DIR"), "/../../docs/errors/", $name, ".md"
                    )),)+
                }
            }
        }

        #[cfg(test)]
        const VARIANTS: &[(&str, Code)] = &[$((stringify!($variant), Code::$variant),)+];
    };
}

codes! {
    /// The configuration file cannot be read.
    ConfigUnreadable = "VR0001",
    /// The configuration file is not TOML.
    ConfigSyntax = "VR0002",
    /// A key that does not exist.
    ConfigUnknownKey = "VR0003",
    /// A value of the wrong type, out of range or not understood.
    ConfigValue = "VR0004",
    /// A key that must be there is not.
    ConfigMissingKey = "VR0005",
    /// Two settings that contradict each other, or a name that nothing has.
    ConfigContradiction = "VR0006",
    /// A secret cannot be read.
    SecretUnreadable = "VR0007",
    /// No server answers at the admin address.
    ServerUnreachable = "VR0010",
    /// The command line has no token for the admin API.
    TokenMissing = "VR0011",
    /// The answer does not come from a Vireo server of a matching version.
    AnswerNotUnderstood = "VR0012",
    /// A file named on the command line cannot be read or written.
    FileUnusable = "VR0013",
    /// `vireo explain` was asked for a code that does not exist.
    CodeUnknown = "VR0014",
    /// The log filter is not understood.
    LogFilter = "VR0015",
    /// The admin API got no token, or a wrong one.
    Unauthorised = "VR0100",
    /// The admin API has no such path.
    PathUnknown = "VR0101",
    /// The admin API does not allow this method on this path.
    MethodNotAllowed = "VR0102",
    /// The upload is larger than 64 MiB.
    UploadTooLarge = "VR0103",
    /// A parameter or the body of a request is not understood.
    RequestInvalid = "VR0104",
    /// The upload was broken off or took too long.
    UploadBroken = "VR0105",
    /// No flow has that name.
    FlowUnknown = "VR0110",
    /// The component was refused; the version in service stays.
    ComponentRefused = "VR0111",
    /// There is no earlier version to roll back to.
    NothingToRollBack = "VR0112",
    /// Somebody else changed the deployment at the same time.
    DeploymentChanged = "VR0113",
    /// The flow has a canary already.
    CanaryStands = "VR0114",
    /// The flow has no canary.
    NoCanary = "VR0115",
    /// A canary has nothing to be compared with.
    NothingBeside = "VR0116",
    /// The process that compiles components failed; the component may be sound.
    CompilerFailed = "VR0117",
    /// The component did not pass its preflight; nothing was deployed.
    PreflightFailed = "VR0118",
    /// The server has no such version of a flow.
    VersionUnknown = "VR0119",
    /// No call in progress has that id.
    CallUnknown = "VR0120",
    /// No record has that call id.
    RecordUnknown = "VR0121",
    /// No flow has written that key.
    KeyUnknown = "VR0122",
    /// No flow has kept results of that name.
    ResultsUnknown = "VR0123",
    /// The new configuration was refused; the old one stays in force.
    ReloadRefused = "VR0130",
    /// The store failed.
    StoreFailed = "VR0140",
    /// A defect of Vireo itself.
    Internal = "VR0141",
    /// The server is starting or ending and cannot do that now.
    NotReady = "VR0142",
    /// The admin API cannot listen where it was told to.
    AdminListen = "VR0150",
    /// The token file of the admin API is unusable.
    TokenFile = "VR0151",
    /// A SIP socket cannot be opened.
    SipListen = "VR0152",
    /// The flow engine, the media engine, the recorder or the prompts cannot start.
    EngineStart = "VR0153",
    /// The system allows fewer open files than the calls take.
    TooFewFiles = "VR0154",
    /// An engine that voices belong to cannot speak.
    SpeechEngine = "VR0155",
    /// No voice speaks the language of a text.
    NoVoice = "VR0156",
    /// A call could not be placed or carried through.
    CallFailed = "VR0160",
    /// `vireo demo` heard something other than what the flow was meant to say.
    DemoFailed = "VR0161",
    /// Flow tests did not pass.
    TestsFailed = "VR0170",
    /// Recorded calls part from what happened.
    ReplayDiffers = "VR0171",
    /// A file of exported journals is not understood.
    JournalUnusable = "VR0172",
    /// Recorded words are missing, or cannot be used as they are.
    WordsFaulty = "VR0180",
    /// The synthesizer cannot be run, or refused to speak.
    SynthesizerFailed = "VR0181",
    /// An OCI registry did not do what was asked.
    RegistryFailed = "VR0190",
    /// What a registry or a file holds is not what it should be.
    ArtifactRefused = "VR0191",
    /// A text that names no artifact.
    ReferenceInvalid = "VR0192",
    /// As many callers are listened to as the recognizers take.
    RecognizerBusy = "VR0200",
    /// No speech model understands what a gather listens for.
    NoSpeechModel = "VR0201",
    /// A recognizer failed, or is too slow.
    RecognizerFailed = "VR0202",
}

impl Code {
    fn number(self) -> Option<u32> {
        self.name().trim_start_matches("VR").parse().ok()
    }

    /// The title of the page: its first line without the code.
    #[must_use]
    pub fn title(self) -> &'static str {
        let first = self.page().lines().next().unwrap_or_default();
        first.split_once(": ").map_or(first, |(_, title)| title)
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// There is no such code.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no error code {0:?}; `vireo explain` lists all of them")]
pub struct UnknownCode(pub String);

impl Coded for UnknownCode {
    fn code(&self) -> Code {
        Code::CodeUnknown
    }
}

impl FromStr for Code {
    type Err = UnknownCode;

    /// Accepts `VR0003`, `vr3` and `3`.
    fn from_str(text: &str) -> Result<Self, UnknownCode> {
        let digits = text.trim().trim_start_matches(['v', 'V', 'r', 'R']);
        let number: Option<u32> = digits.parse().ok();
        let found = Code::ALL
            .iter()
            .find(|code| number.is_some() && code.number() == number);
        found.copied().ok_or_else(|| UnknownCode(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;
    use std::path::Path;

    #[test]
    fn every_code_has_a_page_and_every_page_a_code() {
        let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/errors");
        let pages: BTreeSet<String> = std::fs::read_dir(directory)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        let codes: BTreeSet<String> = Code::ALL.iter().map(|code| format!("{code}.md")).collect();
        assert_eq!(pages, codes);
    }

    #[test]
    fn pages_are_titled_and_say_what_to_do() {
        for code in Code::ALL {
            let page = code.page();
            assert!(page.starts_with(&format!("# {code}: ")), "{code}: {page}");
            assert!(
                page.contains("## What to do"),
                "{code} does not say what to do"
            );
            assert!(code.title().len() > 10, "{code}");
        }
    }

    #[test]
    fn codes_are_in_order_and_used_once() {
        assert!(
            Code::ALL
                .windows(2)
                .all(|pair| pair[0].name() < pair[1].name())
        );
    }

    /// A page about an error that nothing reports misleads; so a code must be used somewhere.
    #[test]
    fn every_code_is_used_outside_this_module() {
        let mut sources = String::new();
        gather(
            &Path::new(env!("CARGO_MANIFEST_DIR")).join("src"),
            &mut sources,
        );
        let unused: Vec<_> = VARIANTS
            .iter()
            .filter(|(variant, _)| !sources.contains(&format!("Code::{variant}")))
            .map(|(variant, code)| format!("{code} {variant}"))
            .collect();
        assert!(unused.is_empty(), "codes that nothing reports: {unused:?}");
    }

    fn gather(directory: &Path, into: &mut String) {
        for entry in std::fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                if !path.ends_with("explain") {
                    gather(&path, into);
                }
            } else if path.extension().is_some_and(|suffix| suffix == "rs") {
                into.push_str(&std::fs::read_to_string(path).unwrap());
            }
        }
    }

    #[test]
    fn codes_are_found_however_they_are_typed() {
        for (typed, expected) in [
            ("VR0003", Some(Code::ConfigUnknownKey)),
            ("vr3", Some(Code::ConfigUnknownKey)),
            (" 0110 ", Some(Code::FlowUnknown)),
            ("VR9999", None),
            ("", None),
            ("flow", None),
        ] {
            assert_eq!(typed.parse::<Code>().ok(), expected, "{typed:?}");
        }
    }
}
