//! The program itself, as a process.

use std::process::{Command, Output};

use crate::fake::{Server, TOKEN};

pub struct Run {
    pub code: i32,
    pub out: String,
    pub err: String,
}

pub fn finish(output: &Output) -> Run {
    Run {
        code: output.status.code().unwrap(),
        out: String::from_utf8(output.stdout.clone()).unwrap(),
        err: String::from_utf8(output.stderr.clone()).unwrap(),
    }
}

/// Runs `vireo` with nothing of this environment that it would listen to.
pub fn command(words: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_vireo"));
    command.args(words).env("TZ", "UTC");
    for name in [
        "VIREO_CONFIG",
        "VIREO_ADMIN",
        "VIREO_TOKEN",
        "RUST_LOG",
        "VIREO_LOG_FORMAT",
    ] {
        command.env_remove(name);
    }
    command
}

fn vireo(words: &[&str]) -> Run {
    finish(&command(words).output().unwrap())
}

/// Runs it against a server, away from the thread on which the server runs.
pub async fn ask(server: &Server, line: &str) -> Run {
    let mut command = command(&line.split(' ').collect::<Vec<_>>());
    command
        .env("VIREO_ADMIN", server.address.to_string())
        .env("VIREO_TOKEN", TOKEN);
    let output = tokio::task::spawn_blocking(move || command.output().unwrap())
        .await
        .unwrap();
    finish(&output)
}

#[tokio::test]
async fn tables_and_timelines_for_people() {
    let server = Server::tcp().await;
    let version = "a".repeat(12);
    for (line, expected) in [
        ("flow list", format!("FLOW  SERVES        REVISION  CALLS  SINCE\ndemo  {version}         1      3  2023-11-14 22:13:20\n")),
        ("flow history demo", "REVISION  WHEN                 WHO        WHAT    SERVES        NOTE\n       1  2023-11-14 22:13:20  anna@ops?  deploy  not deployed  first\n".to_owned()),
        (
            "flow status demo",
            format!("\
demo, revision 1, since 2023-11-14 22:13:20
         VERSION       SHARE  NOW  ENDED      FAILED   APOLOGIES  EARLY HANG-UPS
version  {version}  100 %    3     90           0           0               0
canary   {0}    5 %    0     10  2 (20.0 %)  2 (20.0 %)               0
the canary gets all calls of the routes office
that it fails more often, by more than 0.5 points: evidence 2 of 300
at these rates it is withdrawn after about 17 more calls of it
it has hurt 3 of its 12 calls
", "d".repeat(12)),
        ),
        ("audit", "nothing was done\n".to_owned()),
        (
            "calls",
            format!("CALL    SINCE                STATE    TRUNK  CALLER  CALLED  FLOW  VERSION       DOING\nlive-1  2023-11-14 22:13:20  ringing  local  1000    96122   demo  {version}  gather\n"),
        ),
        ("calls hangup live-1", "live-1 is being ended\n".to_owned()),
        (
            "trace done-1",
            "call done-1: flow demo, caller withheld, called 96122 on trunk local, outcome hung-up-by-caller, ended by unknown\n        AT      TOOK  WHO     WHAT\n    +0.000            caller  INVITE 96122 from 1000, trunk local, from 127.0.0.1:5062\n    +0.005     3.250  flow    play demo/welcome: finished\n".to_owned(),
        ),
        (
            "cdr list --since 2h",
            "RECEIVED             CALLER    CALLED  FLOW  VERSION      TALK  SIP  OUTCOME            CALL\n2023-11-14 22:13:20  withheld  96122   demo           1:05 min       hung-up-by-caller  done-1\n".to_owned(),
        ),
        (
            "route test --to 96122 --from 1000 --at 2026-11-22T20:00",
            "96122 from 1000 on trunk local, 2026-11-22T20:00:00Z\nROUTE           WHY\nnight  -        time: 22:00-06:00\nline   matches  called: 96122\nline: flow demo, language en\n".to_owned(),
        ),
    ] {
        let run = ask(&server, line).await;
        assert_eq!((run.code, run.err.as_str()), (0, ""), "vireo {line}");
        assert_eq!(run.out, expected, "vireo {line}\n{}", run.out);
    }
    let shown = ask(&server, "cdr show done-1").await.out;
    for part in [
        "call done-1\n",
        "caller    withheld",
        "hung-up-by-caller, ended by unknown",
        "+0.005  flow    play",
    ] {
        assert!(shown.contains(part), "{part:?} in\n{shown}");
    }
    let live = ask(&server, "trace live-1").await;
    assert!(
        live.out.contains("INVITE"),
        "a call in progress has a timeline too: {}",
        live.err
    );
    let alias = ask(&server, "journal show done-1").await;
    assert_eq!(alias.out, ask(&server, "trace done-1").await.out);
    let unknown = ask(&server, "trace nope").await;
    assert!(
        unknown.code == 6 && unknown.err.contains("VR0121"),
        "{}",
        unknown.err
    );
    server.stop().await;
}

#[tokio::test]
async fn json_for_programs() {
    let server = Server::tcp().await;
    for line in [
        "flow list",
        "flow history demo",
        "flow status demo",
        "audit",
        "calls",
        "calls show live-1",
        "cdr list",
        "cdr show done-1",
        "trace done-1",
        "journal show done-1",
        "route test --to 1",
        "status",
        "drain off",
    ] {
        let run = ask(&server, &format!("{line} --json")).await;
        assert_eq!(run.code, 0, "vireo {line}: {}", run.err);
        assert!(
            serde_json::from_str::<serde_json::Value>(&run.out).is_ok(),
            "vireo {line}: {}",
            run.out
        );
    }
    let refused = ask(&server, "flow history nope --json").await;
    let problem: serde_json::Value = serde_json::from_str(&refused.err).unwrap();
    assert_eq!(
        (refused.code, problem["code"].as_str()),
        (6, Some("VR0110"))
    );
    server.stop().await;
}

#[tokio::test]
async fn flows_are_deployed() {
    let server = Server::tcp().await;
    let directory = tempfile::tempdir().unwrap();
    let good = directory.path().join("good.wasm");
    let bad = directory.path().join("bad.wasm");
    std::fs::write(&good, b"\0asm rest").unwrap();
    std::fs::write(&bad, b"text").unwrap();
    let run = ask(
        &server,
        &format!("flow deploy demo {} --note why", good.display()),
    )
    .await;
    assert_eq!(
        run.out,
        "demo: version bbbbbbbbbbbb serves new calls in place of aaaaaaaaaaaa, revision 2, after 12 ms\n3 calls go on with the version they began with\n"
    );
    assert_eq!(
        run.err,
        "warning: prompts: `menu` may be missing (record it)\n"
    );
    assert_eq!(server.fake.uploads.lock().unwrap()[0].by.note, "why");
    let run = ask(
        &server,
        &format!(
            "flow deploy demo {} --percent 5 --route office",
            good.display()
        ),
    )
    .await;
    assert!(
        run.out
            .starts_with("demo: canary dddddddddddd serves 5 % of the callers already"),
        "{}",
        run.out
    );
    {
        let uploads = server.fake.uploads.lock().unwrap();
        let who = &uploads[0].by.who;
        assert!(who.claimed && who.name.contains('@'), "{who:?}");
        let wish = uploads[1].canary.as_ref().unwrap();
        assert_eq!(
            (wish.percent, wish.routes.as_slice()),
            (5, &["office".to_owned()][..])
        );
    }
    let run = ask(&server, "flow promote demo --percent 20").await;
    assert!(run.code == 1 && run.err.contains("VR0115"), "{}", run.err);
    let run = ask(&server, &format!("flow deploy demo {}", bad.display())).await;
    assert_eq!(
        (run.code, run.err.as_str()),
        (
            1,
            "error[VR0111]: the component was refused; what served before still serves\n  - it is not WebAssembly: build it\n"
        )
    );
    let run = ask(&server, "flow deploy demo /no/such.wasm").await;
    assert!(
        run.code == 6 && run.err.contains("VR0013") && run.err.contains("/no/such.wasm"),
        "{}",
        run.err
    );
    let run = ask(&server, "flow rollback demo").await;
    assert!(run.code == 1 && run.err.contains("VR0112"), "{}", run.err);
    server.stop().await;
}

#[tokio::test]
async fn a_component_is_looked_at_before_it_is_deployed() {
    let server = Server::tcp().await;
    let directory = tempfile::tempdir().unwrap();
    let file = |name: &str, bytes: &[u8]| {
        let path = directory.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        path.display().to_string()
    };
    let (good, silent) = (file("good", b"\0asm rest"), file("silent", b"\0asm silent"));
    let run = ask(&server, &format!("flow preflight demo {good}")).await;
    assert_eq!(
        (run.code, run.out.as_str()),
        (
            0,
            "warning: prompts: `menu` may be missing (record it)\n\
             demo: abababababab can be deployed; 3 calls of its tests passed\n"
        )
    );
    let run = ask(&server, &format!("flow preflight demo {silent}")).await;
    assert!(
        run.code == 1 && run.err.contains("VR0118") && run.out.contains("failure: prompts: there"),
        "{}{}",
        run.out,
        run.err
    );
    let run = ask(&server, &format!("flow deploy demo {silent}")).await;
    assert!(
        run.code == 1 && run.err.contains("error[VR0118]") && run.err.contains("`welcome`"),
        "{}",
        run.err
    );
    assert!(server.fake.uploads.lock().unwrap().is_empty());
    let run = ask(
        &server,
        &format!("flow deploy demo {silent} --force --note new"),
    )
    .await;
    assert_eq!(run.code, 0, "{}", run.err);
    assert_eq!(
        server.fake.uploads.lock().unwrap()[0].by.note,
        "new [deployed although the preflight failed: 1 findings]"
    );
    let run = ask(&server, &format!("flow preflight nope {good}")).await;
    assert!(run.code == 6 && run.err.contains("VR0110"), "{}", run.err);
    server.stop().await;
}

#[tokio::test]
async fn the_configuration_leads_to_the_server() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("vireo.toml");
    std::fs::write(
        &file,
        "[admin]\nlisten = \"unix:admin.sock\"\ntoken-file = \"token\"\n",
    )
    .unwrap();
    vireo::admin::Token::read_or_create(&directory.path().join("token")).unwrap();
    let server = Server::start(&format!(
        "unix:{}",
        directory.path().join("admin.sock").display()
    ))
    .await;
    let run = |token: Option<&'static str>| {
        let mut command = command(&["status", "--config", file.to_str().unwrap()]);
        token.map(|token| command.env("VIREO_TOKEN", token));
        tokio::task::spawn_blocking(move || finish(&command.output().unwrap()))
    };
    let other = run(None).await.unwrap();
    assert!(
        other.code == 5 && other.err.contains("VR0100"),
        "its file holds another token: {}",
        other.err
    );
    let own = run(Some(TOKEN)).await.unwrap();
    assert!(
        own.code == 0 && own.out.contains("fake (Vireo 0.1.0), takes calls"),
        "{}",
        own.err
    );
    assert!(own.out.contains("warning: the disk is nearly full"));
    server.stop().await;
}

#[test]
fn a_server_that_is_not_there_is_said_so() {
    // Port 1 needs root to be listened on, and is tcpmux, which nobody runs.
    let run = vireo(&["status", "--admin", "127.0.0.1:1"]);
    assert_eq!(run.code, 4);
    assert!(
        run.err
            .starts_with("error[VR0010]: no server answers at 127.0.0.1:1: "),
        "{}",
        run.err
    );
    assert!(run.err.contains("vireo serve --config FILE"), "{}", run.err);
    let run = vireo(&["status", "--admin", "unix:/no/such.sock"]);
    assert!(
        run.code == 4 && run.err.contains("unix:/no/such.sock"),
        "{}",
        run.err
    );
    let run = vireo(&["status", "--admin", "nonsense"]);
    assert!(run.code == 3 && run.err.contains("VR0004"), "{}", run.err);
}

#[test]
fn the_configuration_is_checked_without_a_server() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::create_dir(directory.path().join("prompts")).unwrap();
    let file = directory.path().join("vireo.toml");
    let path = file.to_str().unwrap();
    std::fs::write(&file, "[sip]\nmax-calls = 10\n").unwrap();
    let right = vireo(&["config", "check", path]);
    assert_eq!((right.code, right.err.as_str()), (0, ""));
    let printed = vireo(&["config", "print", path]);
    assert!(
        printed.out.contains("max-calls = 10") && printed.out.contains("host-calls = 100000"),
        "{}",
        printed.out
    );
    std::fs::write(&file, "[sip]\nmax-cals = 10\n").unwrap();
    let wrong = vireo(&["config", "check", path]);
    assert_eq!(wrong.code, 3);
    assert!(
        wrong.err.contains("did you mean `max-calls`?"),
        "{}",
        wrong.err
    );
    let wrong: serde_json::Value =
        serde_json::from_str(&vireo(&["config", "check", path, "--json"]).out).unwrap();
    assert_eq!(
        (&wrong["errors"][0]["line"], &wrong["errors"][0]["code"]),
        (&2.into(), &"VR0003".into())
    );
    let none = vireo(&["config", "check"]);
    assert!(
        none.code == 3 && none.err.contains("which file?"),
        "{}",
        none.err
    );
    let schema: serde_json::Value =
        serde_json::from_str(&vireo(&["config", "schema"]).out).unwrap();
    assert_eq!(schema["properties"]["sip"]["default"]["max-calls"], 1000);
}

#[test]
fn codes_are_explained() {
    assert!(vireo(&["explain", "vr3"]).out.starts_with("# VR0003: "));
    assert!(vireo(&["explain"]).out.lines().count() > 20);
    let unknown = vireo(&["explain", "VR9999"]);
    assert!(
        unknown.code == 6 && unknown.err.contains("VR0014"),
        "{}",
        unknown.err
    );
    let filter = vireo(&["status", "--log", "a=b=c"]);
    assert!(
        filter.code == 3 && filter.err.contains("VR0015"),
        "{}",
        filter.err
    );
}
