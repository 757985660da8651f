//! A worker that does what it is told, however bad: the child of the tests.
#![allow(clippy::expect_used)] // It is a test's other half.

use std::io::Write;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;

use vireo_worker::child::{Replies, Wish, connect};

fn main() {
    if let Ok(code) = std::env::var("PROBE_EXIT") {
        std::process::exit(code.parse().expect("a code"));
    }
    let name = std::env::var("PROBE_NAME").unwrap_or_else(|_| "probe".to_owned());
    let (wishes, replies) = connect(&name).expect("a server");
    let mut collected = Vec::new();
    let mut asleep = Vec::new();
    for wish in wishes {
        match wish {
            Wish::Open(id, body) => {
                let text = String::from_utf8(body).expect("text");
                let (verb, rest) = text.split_once(' ').unwrap_or((&text, ""));
                if verb == "sleep" {
                    replies.part(id, "asleep");
                    asleep.push(id);
                } else {
                    obey(&replies, id, verb, rest);
                }
            }
            Wish::Input(_, body) => collected.extend(body),
            Wish::Finish(id) => replies.end(id, std::mem::take(&mut collected)),
            Wish::Cancel(id) => {
                asleep.retain(|sleeper| *sleeper != id);
                replies.failed(id, "cancelled");
            }
        }
    }
}

fn obey(replies: &Replies, id: u64, verb: &str, rest: &str) {
    match verb {
        "echo" => replies.end(id, rest),
        "parts" => {
            for at in 0..rest.parse::<u8>().expect("a number") {
                replies.part(id, [at]);
            }
            replies.end(id, []);
        }
        "pid" => replies.end(id, std::process::id().to_string()),
        "refuse" => replies.failed(id, rest),
        "collect" => {}
        "abort" => std::process::abort(),
        "exit" => std::process::exit(rest.parse().expect("a code")),
        "stuck" => loop {
            std::thread::park();
        },
        "garbage" => {
            let stdin = std::io::stdin();
            let socket = stdin.as_fd().try_clone_to_owned().expect("a socket");
            UnixStream::from(socket)
                .write_all(&[255; 64])
                .expect("a server");
        }
        "policy" => replies.end(id, policy()),
        _ => replies.failed(id, "unknown"),
    }
}

/// The scheduling policy of this process.
fn policy() -> String {
    let stat = std::fs::read_to_string("/proc/self/stat").expect("Linux");
    let fields = stat.rsplit(')').next().expect("fields");
    fields
        .split_whitespace()
        .nth(38)
        .expect("a policy")
        .to_owned()
}
