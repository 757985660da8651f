//! The flow guide, as a newcomer follows it: every command and every file of it, in order.
//!
//! A block of the guide says by its info string what it is: ```` ```sh ```` is typed, ```` ```sh &
//! ```` runs in another terminal, ```` ```toml vireo.toml ```` is a file of that name. Other blocks
//! are for the eye.

use std::fmt::Write as _;
use std::net::TcpListener;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use vireo_tests::root;
use vireo_tests::server::binary;
use vireo_tests::sipp::free_port;

/// A compiler runs in it, on a machine that may be busy.
const PATIENCE: Duration = Duration::from_secs(900);

/// Where the guide has the checkout.
const CHECKOUT: &str = "~/vireo";

/// The guide's blocks as one script.
fn script(guide: &str) -> String {
    let mut script = String::from("set -euo pipefail\ntrap 'kill $(jobs -p)' EXIT\n");
    let mut rest = guide;
    while let Some((_, block)) = rest.split_once("\n```") {
        let (info, block) = block.split_once('\n').unwrap();
        let (text, after) = block.split_once("\n```").unwrap();
        rest = after;
        match info.split_once(' ') {
            None if info == "sh" => script.push_str(&typed(text)),
            None => continue,
            Some(("sh", "&")) => {
                // The next step needs what listens there.
                write!(script, "( {text}\n) &\n{}", wait_for(text)).unwrap();
            }
            Some((_, file)) => {
                let made = "mkdir -p \"$(dirname \"$file\")\"";
                write!(
                    script,
                    "file={file}; {made}\ncat > \"$file\" <<'END'\n{text}\nEND"
                )
                .unwrap();
            }
        }
        script.push('\n');
    }
    script
}

/// A block as somebody types it: by the next command, a call has left its record.
fn typed(block: &str) -> String {
    let ended = "until vireo calls --json | grep -q '^\\[\\]'; do sleep 0.1; done";
    let lines = block
        .lines()
        .map(|line| match line.starts_with("vireo call ") {
            true => format!("{line}\n{ended}\n"),
            false => format!("{line}\n"),
        });
    lines.collect()
}

fn wait_for(command: &str) -> &'static str {
    match command.contains("vireo serve") {
        true => "until vireo status --config vireo.toml >/dev/null 2>&1; do sleep 0.1; done",
        false => "until (: < /dev/tcp/127.0.0.1/8099) 2>/dev/null; do sleep 0.1; done",
    }
}

/// The shell and all that it started.
struct Group(Child);

impl Drop for Group {
    fn drop(&mut self) {
        let group = i32::try_from(self.0.id()).unwrap();
        // SAFETY: a signal to the process group of a child that was made its leader; it has not been
        // waited for, or has just ended with nobody left in it.
        unsafe { libc::kill(-group, libc::SIGKILL) };
        let _ = self.0.wait();
    }
}

#[test]
fn every_command_of_the_guide_does_what_it_says() {
    let guide = std::fs::read_to_string(root().join("docs/flow-guide.md")).unwrap();
    let web = TcpListener::bind("127.0.0.1:0").unwrap();
    let admin = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = |listener: &TcpListener| listener.local_addr().unwrap().port().to_string();
    let ports = [
        ("5070", free_port(1).to_string()),
        ("8089", port(&admin)),
        ("8099", port(&web)),
    ];
    drop((web, admin));
    let mut text = script(&guide).replace(CHECKOUT, &root().to_string_lossy());
    for (written, port) in ports {
        assert!(text.contains(written), "the guide uses port {written}");
        text = text.replace(written, &port);
    }
    // What the other flows have compiled need not be compiled again.
    let build = root().join("target/flow-build");
    std::fs::create_dir_all(&build).unwrap();
    let new = "vireo new balance\n";
    assert!(text.contains(new), "the guide makes a project");
    let shared = format!("{new}ln -s '{}' balance/target\n", build.display());
    let text = text.replace(new, &shared);
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name);
    std::fs::write(path("guide.sh"), text).unwrap();
    let output = std::fs::File::create(path("output")).unwrap();
    let tools = binary().parent().unwrap().to_owned();
    let paths = std::env::var("PATH").unwrap();
    let mut shell = Group(
        Command::new("bash")
            .arg("-x")
            .arg(path("guide.sh"))
            .current_dir(directory.path())
            .env("PATH", format!("{}:{paths}", tools.display()))
            // What the compiler needs has been fetched for the other flows.
            .env("CARGO_NET_OFFLINE", "true")
            // The guide names the directory that cargo builds into by itself.
            .env_remove("CARGO_TARGET_DIR")
            .env_remove("VIREO_CONFIG")
            .env_remove("VIREO_TOKEN")
            .process_group(0)
            .stdin(Stdio::null())
            .stdout(output.try_clone().unwrap())
            .stderr(output)
            .spawn()
            .unwrap(),
    );
    let deadline = Instant::now() + PATIENCE;
    let status = loop {
        if let Some(status) = shell.0.try_wait().unwrap() {
            break Some(status);
        }
        if Instant::now() > deadline {
            break None;
        }
        std::thread::sleep(Duration::from_millis(50));
    };
    let output = std::fs::read_to_string(path("output")).unwrap();
    assert!(
        status.is_some_and(|status| status.success()),
        "{status:?}\n{output}"
    );
    println!("{output}");
}
