use std::fs;

use super::*;

/// Checks a text as `vireo.toml` in a directory with a `prompts` directory in it.
fn parse(text: &str) -> Result<Config, String> {
    let directory = tempfile::tempdir().unwrap();
    fs::create_dir(directory.path().join("prompts")).unwrap();
    let file = directory.path().join("vireo.toml");
    Config::parse(&file, text).map_err(|error| {
        let prefix = format!("{}/", directory.path().display());
        error.to_string().replace(&prefix, "")
    })
}

const WHOLE: &str = r#"
[server]
name = "hotline-1"
time-zone = "Asia/Shanghai"

[sip]
listen = ["udp:127.0.0.1:5060", "tcp:127.0.0.1:5060"]
unknown-peer = "forbid"
max-calls = 200

[media]
address = "127.0.0.1"
ports = "20000-20999"
codecs = ["PCMU", "PCMA"]
ptime-ms = 30

[admin]
listen = "unix:admin.sock"

[trunks.carrier]
peers = ["198.51.100.0/24"]
calls-per-second = 20
identity = "trusted"
numbers = { country-code = "86" }

[trunks.office]
peers = ["127.0.0.1"]

[flows.demo]
grants = { kv = true, http = ["api.example.com"], secrets = ["key"] }
settings = { greeting = "hello", tries = 3, factor = 0.5, loud = true }
secrets = { key = "env:DEMO_KEY" }
fallback = "sorry"
limits = { cpu-ms = 100 }

[flows.sorry]
grants = { kv = "shared" }

[[routes]]
name = "hotline"
trunk = ["carrier", "office"]
called = "96122"
flow = "demo"
parameters = { region = "north" }

[calendars.holidays]
holidays = ["2026-10-01"]
"#;

#[test]
fn a_whole_file_is_read() {
    let config = parse(WHOLE).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(config.server.name, "hotline-1");
    assert_eq!(config.sip.unknown_peer, UnknownPeer::Forbid);
    assert_eq!(config.media.ptime_ms, Ptime::Ms30);
    assert_eq!(config.trunks["carrier"].calls_per_second, Some(20.0));
    let demo = &config.flows["demo"];
    assert_eq!(demo.grants.namespace("demo").as_deref(), Some("demo"));
    assert_eq!(
        config.flows["sorry"].grants.namespace("sorry").as_deref(),
        Some("shared")
    );
    let settings: Vec<String> = demo.settings.values().map(ToString::to_string).collect();
    assert_eq!(settings, ["0.5", "hello", "true", "3"], "by key");
    let limits = demo.limits.over(&config.limits);
    assert_eq!((limits.cpu_ms, limits.host_calls), (100, 100_000));
    assert_eq!(config.routing().routes[0].name, "hotline");
}

#[test]
fn a_refused_grant_is_another_thing_than_an_absent_one() {
    let withheld = |grants: &str| {
        let config = parse(&format!("[flows.a.grants]\n{grants}\n"));
        let config = config.unwrap_or_else(|error| panic!("{error}"));
        let names = config.flows["a"].grants.withheld().into_iter();
        names.map(vireo_host::Grant::name).collect::<Vec<_>>()
    };
    assert_eq!(withheld(""), [""; 0]);
    assert_eq!(
        withheld("kv = false\nhttp = []\nsecrets = []"),
        ["kv", "http", "secrets"]
    );
    assert_eq!(withheld("kv = \"shared\"\nhttp = [\"a.example\"]"), [""; 0]);
}

#[test]
fn an_empty_file_is_a_loopback_server_without_trunks() {
    let config = parse("").unwrap_or_else(|error| panic!("{error}"));
    assert!(config.trunks.is_empty());
    assert!(
        matches!(&config.admin.listen, AdminListen::Tcp(address) if address.ip().is_loopback())
    );
}

#[test]
fn paths_are_relative_to_the_file() {
    let directory = tempfile::tempdir().unwrap();
    fs::create_dir(directory.path().join("prompts")).unwrap();
    let file = directory.path().join("vireo.toml");
    let text = "[admin]\nlisten = \"unix:run/a\"\n[recordings]\ndirectory = \"/var/rec\"\n\
                [flows.a]\ngrants.secrets = [\"k\"]\nsecrets.k = \"file:k\"\n";
    let config = Config::parse(&file, text).unwrap();
    assert_eq!(config.server.data_directory, directory.path().join("data"));
    assert_eq!(config.recordings.directory, Path::new("/var/rec"));
    assert_eq!(
        config.admin.listen,
        AdminListen::Unix(directory.path().join("run/a"))
    );
    assert_eq!(
        config.flows["a"].secrets["k"],
        SecretSource::File(directory.path().join("k"))
    );
    assert_eq!(
        config.token_file(),
        directory.path().join("data/admin-token")
    );
}

#[test]
fn paths_that_leave_the_directory_are_shown_without_it() {
    let directory = tempfile::tempdir().unwrap();
    let inner = directory.path().join("etc");
    fs::create_dir_all(inner.join("prompts")).unwrap();
    let text = "[recordings]\ndirectory = \"../rec/../calls\"\n";
    let config = Config::parse(&inner.join("vireo.toml"), text).unwrap();
    assert_eq!(
        config.recordings.directory,
        directory.path().join("rec/../calls")
    );
}

#[test]
fn what_is_printed_is_read_again() {
    let config = parse(WHOLE).unwrap();
    let printed = config.to_toml().unwrap();
    let again = Config::parse(Path::new("/x/vireo.toml"), &printed)
        .unwrap_err()
        .to_string();
    assert!(
        again.contains("prompts directory"),
        "only the directory, which is gone, is missed: {again}"
    );
    assert!(!again.contains("errors in"), "{again}");
    assert!(!printed.contains("hunter2"));
}

/// One row: a file, and the lines that its report must be.
const REPORTS: &[(&str, &str)] = &[
    (
        "[sip]\nmax-cals = 10\n",
        "error[VR0003]: unknown key `max-cals` in [sip]\n --> vireo.toml:2:1\n  |\n2 | max-cals = 10\n  | ^^^^^^^^\n  = did you mean `max-calls`?",
    ),
    (
        "[spi]\n",
        "error[VR0003]: unknown section or key `spi`\n --> vireo.toml:1:2\n  |\n1 | [spi]\n  |  ^^^\n  = did you mean `sip`?",
    ),
    (
        "[server]\nmax-calls = 1\n",
        "error[VR0003]: unknown key `max-calls` in [server]\n --> vireo.toml:2:1\n  |\n2 | max-calls = 1\n  | ^^^^^^^^^\n  = `max-calls` belongs to [sip]",
    ),
    (
        "[sip]\nmax-calls = \"10\"\n",
        "error[VR0004]: `max-calls` in [sip] is a text; it must be a whole number\n --> vireo.toml:2:13\n  |\n2 | max-calls = \"10\"\n  |             ^^^^\n  = write it without quotes: 10",
    ),
    (
        "[sip]\nmax-calls = 0\n",
        "error[VR0004]: `max-calls` in [sip] is 0; it must be 1 to 100000\n --> vireo.toml:2:13\n  |\n2 | max-calls = 0\n  |             ^",
    ),
    (
        "[sip]\nunknown-peer = \"dorp\"\n",
        "error[VR0004]: `unknown-peer` in [sip] is not \"drop\" or \"forbid\"\n --> vireo.toml:2:16\n  |\n2 | unknown-peer = \"dorp\"\n  |                ^^^^^^\n  = did you mean \"drop\"?",
    ),
    (
        "[sip]\nlisten = [\"udp:127.0.0.1:5060\", \"127.0.0.1:5060\"]\n",
        "error[VR0004]: entry 2 of `listen` in [sip] is not understood\n --> vireo.toml:2:33\n  |\n2 | listen = [\"udp:127.0.0.1:5060\", \"127.0.0.1:5060\"]\n  |                                 ^^^^^^^^^^^^^^^^\n  = a SIP address starts with its transport: \"udp:127.0.0.1:5060\" or \"tcp:127.0.0.1:5060\"",
    ),
    (
        "[media]\nptime-ms = 25\n",
        "error[VR0004]: `ptime-ms` in [media] is not 10, 20, 30 or 40\n --> vireo.toml:2:12\n  |\n2 | ptime-ms = 25\n  |            ^^\n  = write 10, 20, 30 or 40",
    ),
    (
        "[trunks.carrier]\nmax-calls = 5\n",
        "error[VR0005]: [trunks.carrier] lacks `peers`\n --> vireo.toml:1:1\n  |\n1 | [trunks.carrier]\n  | ^^^^^^^^^^^^^^^^\n  = peers: The addresses that its requests come from.",
    ),
    (
        "[sip\nmax-calls = 1\n",
        "error[VR0002]: unclosed table, expected `]`\n --> vireo.toml:1:5\n  |\n1 | [sip\n  |     ^",
    ),
    (
        "[flows.demo]\nfallback = \"dmeo\"\n",
        "error[VR0006]: there is no flow `dmeo`\n --> vireo.toml:2:12\n  |\n2 | fallback = \"dmeo\"\n  |            ^^^^^^\n  = did you mean `demo`?",
    ),
    (
        "[[routes]]\nname = \"r\"\nflow = \"demo\"\n",
        "error[VR0006]: there is no flow `demo`\n --> vireo.toml:3:8\n  |\n3 | flow = \"demo\"\n  |        ^^^^^^\n  = add [flows.demo]",
    ),
    (
        "[admin]\nlisten = \"0.0.0.0:8089\"\n",
        "error[VR0006]: other machines reach 0.0.0.0:8089, and the admin API speaks plain HTTP\n --> vireo.toml:2:10\n  |\n2 | listen = \"0.0.0.0:8089\"\n  |          ^^^^^^^^^^^^^^\n  = listen on 127.0.0.1 or a Unix socket; if the network is trusted, add `allow-remote = true`",
    ),
    (
        "[flows.a]\nsecrets = { key = \"hunter2\" }\n",
        "error[VR0004]: `key` in [flows.a.secrets] is not understood\n --> vireo.toml:2:19\n  |\n2 | secrets = { key = \"hunter2\" }\n  |                   ^^^^^^^^^\n  = write where the secret is read from, \"file:PATH\" or \"env:NAME\", not the secret itself",
    ),
];

#[test]
fn errors_are_shown_where_they_are() {
    for (text, expected) in REPORTS {
        let report = parse(text).expect_err(text);
        assert_eq!(
            report, *expected,
            "\n--- got ---\n{report}\n--- for ---\n{text}"
        );
    }
}

/// One row: a file, and a part of the message it must get.
const CONTRADICTIONS: &[(&str, &str)] = &[
    (
        "[media]\nports = \"20000-20099\"\n",
        "enough for 50 calls, and max-calls in [sip] is 1000",
    ),
    (
        "[media]\naddress = \"0.0.0.0\"\n",
        "callers cannot send audio to 0.0.0.0",
    ),
    (
        "[media]\njitter-min-ms = 200\njitter-max-ms = 100\n",
        "above jitter-max-ms",
    ),
    (
        "[media]\ncodecs = [\"PCMU\", \"PCMU\"]\n",
        "\"PCMU\" is listed twice",
    ),
    (
        "[sip]\nlisten = [\"udp:[::1]:5060\", \"udp:[::1]:5060\"]\n",
        "listed twice",
    ),
    (
        "[admin]\nlisten = \"127.0.0.1:5060\"\n",
        "is taken by \"tcp:127.0.0.1:5060\"",
    ),
    (
        "[prompts]\ndirectory = \"missing\"\n",
        "missing does not exist",
    ),
    (
        "[trunks.a]\npeers = [\"10.0.0.0/8\"]\n[trunks.b]\npeers = [\"192.0.2.1\", \"10.1.0.0/16\"]\n",
        "10.1.0.0/16 of trunk `b` overlaps 10.0.0.0/8 of trunk `a`",
    ),
    (
        "[flows.a]\nfallback = \"b\"\n[flows.b]\nfallback = \"a\"\n",
        "a -> b -> a",
    ),
    ("[flows.a]\nfallback = \"a\"\n", "a -> a"),
    (
        "[flows.a.grants]\nsecrets = [\"k\"]\n",
        "is granted the secret `k`, which it does not have",
    ),
    (
        "[flows.a.secrets]\nk = \"env:K\"\n",
        "has the secret `k` and is not granted it",
    ),
    (
        "[flows.a]\n[[routes]]\nname = \"r\"\nflow = \"a\"\ntrunk = \"x\"\n",
        "there is no trunk `x`",
    ),
    (
        "[flows.a]\n[trunks.b]\npeers = [\"::1\"]\n[[routes]]\nname = \"r\"\nflow = \"a\"\ntrunk = [\"b\", \"x\"]\n",
        "there is no trunk `x`\n --> vireo.toml:7:15",
    ),
    (
        "[flows.a]\n[[routes]]\nname = \"r\"\nflow = \"a\"\ncaller = { deny = [\"1\"], refused = { flow = \"b\" } }\n",
        "there is no flow `b`\n --> vireo.toml:5:45",
    ),
    (
        "[flows.a]\n[[routes]]\nname = \"r\"\nflow = \"a\"\ncalled = [\"1\", \"/[/\"]\n",
        "called: ",
    ),
    (
        "[flows.a]\n[[routes]]\nname = \"r\"\nflow = \"a\"\nwhen.times = \"9-5 o'clock\"\n",
        " --> vireo.toml:5:14",
    ),
    (
        "[flows.a]\n[[routes]]\nname = \"r\"\nflow = \"a\"\nwhne = {}\n",
        "unknown key `whne` in [[routes]] number 1",
    ),
    (
        "[[routes]]\nname = \"r\"\nreject = 200\n",
        "`reject` in [[routes]] number 1 is 200; it must be 400 to 699",
    ),
    (
        "[trunks.a]\npeers = [\"::1\"]\nnumbers = { country-code = \"+49\" }\n",
        "country-code: ",
    ),
];

#[test]
fn contradictions_are_found() {
    for (text, expected) in CONTRADICTIONS {
        let report = parse(text).expect_err(text);
        assert!(report.contains(expected), "{text}\n{report}");
        assert!(
            !report.contains("errors in"),
            "one error only for\n{text}\n{report}"
        );
    }
}

#[test]
fn all_errors_come_in_one_run_and_in_order() {
    let text = "[sip]\nmax-cals = 1\nunknown-peer = 5\n[media]\nports = \"x\"\nthreads = -1\n\
                [trunks.a]\n[flows.a]\ngrants = { kvs = true, http = \"x\" }\n[limits]\ncpu-ms = 1\n";
    let error = Config::parse(Path::new("vireo.toml"), text).unwrap_err();
    let found: Vec<(usize, &str)> = error
        .located()
        .iter()
        .map(|one| (one.line, one.code))
        .collect();
    assert_eq!(
        found,
        [
            (2, "VR0003"),
            (3, "VR0004"),
            (5, "VR0004"),
            (6, "VR0004"),
            (7, "VR0005"),
            (9, "VR0003"),
            (9, "VR0004"),
            (11, "VR0004"),
        ],
        "{error}"
    );
    assert!(error.to_string().ends_with("8 errors in vireo.toml"));
}

/// The schema is what errors are found by: whatever serde refuses, it must refuse first.
#[test]
fn the_schema_finds_what_serde_would() {
    for text in [
        "[sip]\nmax-calls = 5000000000\n",
        "[sip]\nmax-calls = 1.5\n",
        "[media]\nthreads = 70000\n",
        "[media]\naddress = \"x\"\n",
        "[flows.a.grants]\nkv = 1\n",
        "[flows.a.settings]\nx = [1]\n",
        "[server]\nname = 1979-05-27\n",
        "routes = 1\n",
        "[sip]\nlisten = []\n",
        "trunks = []\n",
    ] {
        let document = DeTable::parse(text).unwrap();
        assert!(
            !validate::validate(schema(), text::check, &document).is_empty(),
            "{text}"
        );
    }
}

#[test]
fn a_missing_file_is_named() {
    let error = Config::load(Path::new("/no/such/vireo.toml"))
        .unwrap_err()
        .to_string();
    assert!(
        error.starts_with("error[VR0001]: cannot read the configuration file /no/such/vireo.toml"),
        "{error}"
    );
}

#[test]
fn the_committed_reference_is_current() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/configuration.md");
    let committed = fs::read_to_string(file).unwrap();
    assert!(
        committed == reference(),
        "run `vireo config reference > docs/configuration.md`"
    );
}

#[test]
fn every_key_is_described() {
    fn check(path: &str, schema: &Value) {
        for (key, value) in schema["properties"].as_object().into_iter().flatten() {
            assert!(
                value["description"].is_string(),
                "{path}.{key} has no description: {value}"
            );
        }
    }
    check("", schema());
    for (name, definition) in schema()["$defs"].as_object().unwrap() {
        check(name, definition);
    }
}

/// The examples in the repository are read without a complaint but that their prompts were not made yet.
#[test]
fn the_examples_are_right() {
    for name in ["demo.toml", "hotline.toml"] {
        let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples");
        if let Err(error) = Config::load(&examples.join(name)) {
            let others: Vec<_> = error
                .diagnostics
                .iter()
                .filter(|one| !one.message.contains("prompts directory"))
                .collect();
            assert!(others.is_empty(), "{name}: {error}");
        }
    }
}

#[test]
fn engines_of_speech_are_told_apart_by_their_kind() {
    let config = parse(
        "[[tts.voices]]\nlanguage = \"en\"\nengine = \"quick\"\nvoice = \"en-us\"\n\
         [tts.engines.quick]\nkind = \"espeak\"\nprocesses = 4\n\
         [flows.demo.prefetch]\nen = [\"Hello.\"]\n",
    );
    let config = config.unwrap_or_else(|error| panic!("{error}"));
    let quick = config.tts.engine("quick");
    assert_eq!(quick, Some(TtsEngine::Espeak { processes: 4 }));
    for (text, told) in [
        (
            "[tts.engines.a]\nkind = \"espaek\"\n",
            "did you mean \"espeak\"?",
        ),
        (
            "[tts.engines.a]\nprocesses = 4\n",
            "[tts.engines.a] lacks `kind`",
        ),
        (
            "[tts.engines.a]\nkind = \"flite\"\nproceses = 4\n",
            "did you mean `processes`?",
        ),
        (
            "[tts.engines.a]\nkind = \"flite\"\nprocesses = 0\n",
            "`processes` in [tts.engines.a] is 0; it must be 1 to 64",
        ),
        (
            "[[tts.voices]]\nlanguage = \"en\"\nengine = \"espeack\"\nvoice = \"en\"\n",
            "there is no engine `espeack`",
        ),
        (
            "[flows.demo.prefetch]\nen = [\"<speak><audio/></speak>\"]\n",
            "the text cannot be spoken: character 8: <audio> is not understood",
        ),
    ] {
        let error = parse(text).unwrap_err();
        assert!(error.contains(told), "{text}: {error}");
    }
}

#[test]
fn engines_of_speech_are_of_a_kind() {
    let config = parse(
        r#"
[tts.engines.cloud]
kind = "http"
url = "https://speech.example.com/v1/speak"
token = "env:SPEECH_TOKEN"
headers = { "x-tenant" = "seven" }
secret-headers = { "x-api-key" = "file:/etc/vireo/speech-key" }

[tts.engines.neural]
kind = "piper"
directory = "voices"
noise-scale = 0.5
"#,
    )
    .unwrap();
    assert_eq!(config.tts.engines.len(), 2);
    let text = toml::to_string(&config.tts).unwrap();
    assert_eq!(toml::from_str::<Tts>(&text).unwrap(), config.tts, "{text}");
    for (text, expected) in [
        (
            "kind = \"http\"\nurl = \"ftp://a/\"",
            "engine cloud: the url \"ftp://a/\": it has to begin with http:// or https://",
        ),
        (
            "kind = \"http\"\nurl = \"http://a/\"\nheaders = { \"a b\" = \"c\" }",
            "engine cloud: the header \"a b\" cannot be sent: invalid HTTP header name",
        ),
        ("kind = \"http\"", "lacks `url`"),
        ("kind = \"piper\"\nurl = \"http://a/\"", "url"),
    ] {
        let error = parse(&format!("[tts.engines.cloud]\n{text}\n")).unwrap_err();
        assert!(error.contains(expected), "{error}");
    }
    let listening = |url: &str| {
        parse(&format!(
            "[asr.engines.far]\nkind = \"websocket\"\nurl = {url:?}\n\
             [[asr.models]]\nlanguage = \"en\"\nengine = \"far\"\n"
        ))
    };
    assert!(listening("wss://speech.example.com/v1/listen").is_ok());
    let error = listening("https://a/").unwrap_err();
    assert!(
        error.contains("it has to begin with ws:// or wss://"),
        "{error}"
    );
}

#[test]
fn paths_of_engines_are_those_of_the_file() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("vireo.toml");
    let text = "[tts.engines.neural]\nkind = \"piper\"\ndirectory = \"voices\"\n";
    fs::write(&file, text).unwrap();
    fs::create_dir(directory.path().join("prompts")).unwrap();
    let mut config = Config::load(&file).unwrap();
    let engine = config.tts.engines.remove("neural").unwrap();
    let Some(TtsEngine::Piper {
        directory: voices, ..
    }) = Some(engine)
    else {
        unreachable!()
    };
    let directory = directory.path().canonicalize().unwrap();
    assert_eq!(voices, directory.join("voices"));
}
