//! What no single key can tell: names that must exist elsewhere, numbers that must fit each other.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};
use vireo_speech_remote::{Endpoint, Protocol, RemoteError};

use super::asr::{AsrEngine, BUILT_IN};
use super::diagnostic::Diagnostic;
use super::routing::{flows_of, trunks_of};
use super::text::{AdminListen, SipTransport};
use super::tts::TtsEngine;
use super::types::Config;
use super::validate::nearest;
use crate::explain::Code;

/// Every contradiction in `config`, which was read from `document`; paths are resolved already.
pub(super) fn check(config: &Config, document: &Spanned<DeTable<'_>>) -> Vec<Diagnostic> {
    let mut checks = Checks {
        config,
        document,
        found: Vec::new(),
    };
    checks.sip();
    checks.media();
    checks.admin();
    checks.prompts();
    checks.tts();
    checks.asr();
    checks.engines_elsewhere();
    checks.trunks();
    checks.flows();
    checks.fallbacks();
    checks.prefetched();
    checks.routes();
    checks.misfits();
    checks.found
}

struct Checks<'a> {
    config: &'a Config,
    document: &'a Spanned<DeTable<'a>>,
    found: Vec<Diagnostic>,
}

impl Checks<'_> {
    fn report(&mut self, path: &[&str], message: String, help: impl Into<String>) {
        let span = locate(self.document, path);
        self.found
            .push(Diagnostic::new(Code::ConfigContradiction, span, message).help(help));
    }

    fn sip(&mut self) {
        let mut seen = BTreeSet::new();
        for (index, listen) in self.config.sip.listen.iter().enumerate() {
            if !seen.insert(listen.to_string()) {
                self.report(
                    &["sip", "listen", &index.to_string()],
                    format!("\"{listen}\" is listed twice"),
                    "remove one of them",
                );
            }
        }
    }

    fn media(&mut self) {
        let media = &self.config.media;
        let (streams, calls) = (media.ports.streams(), self.config.sip.max_calls);
        if streams < calls {
            self.report(
                &["media", "ports"],
                format!("the ports {} are enough for {streams} calls, and max-calls in [sip] is {calls}", media.ports),
                format!("a call takes two ports: make the range at least {} long, or lower max-calls", calls * 2),
            );
        }
        if media.address.is_unspecified() {
            self.report(
                &["media", "address"],
                format!("callers cannot send audio to {}", media.address),
                "write the address of this machine that they reach",
            );
        }
        if media.jitter_min_ms > media.jitter_max_ms {
            self.report(
                &["media", "jitter-min-ms"],
                format!(
                    "jitter-min-ms, {}, is above jitter-max-ms, {}",
                    media.jitter_min_ms, media.jitter_max_ms
                ),
                "swap them",
            );
        }
        for (index, codec) in media.codecs.iter().enumerate() {
            if media
                .codecs
                .iter()
                .take(index)
                .any(|earlier| earlier == codec)
            {
                self.report(
                    &["media", "codecs", &index.to_string()],
                    format!("\"{}\" is listed twice", codec.name()),
                    "remove one of them",
                );
            }
        }
    }

    fn admin(&mut self) {
        let AdminListen::Tcp(address) = &self.config.admin.listen else {
            return;
        };
        if !address.ip().is_loopback() && !self.config.admin.allow_remote {
            self.report(
                &["admin", "listen"],
                format!("other machines reach {address}, and the admin API speaks plain HTTP"),
                "listen on 127.0.0.1 or a Unix socket; if the network is trusted, add `allow-remote = true`",
            );
        }
        let clash = self.config.sip.listen.iter().find(|listen| {
            listen.transport == SipTransport::Tcp
                && listen.address == *address
                && address.port() != 0
        });
        if let Some(listen) = clash {
            self.report(
                &["admin", "listen"],
                format!("{address} is taken by \"{listen}\" of [sip]"),
                "give one of them another port",
            );
        }
    }

    fn prompts(&mut self) {
        let directory = &self.config.prompts.directory;
        if !directory.is_dir() {
            self.report(
                &["prompts", "directory"],
                format!(
                    "the prompts directory {} does not exist",
                    directory.display()
                ),
                "make it, or name another; relative paths start at the directory of this file",
            );
        }
    }

    fn tts(&mut self) {
        let tts = &self.config.tts;
        for (index, voice) in tts.voices.iter().enumerate() {
            if tts.engine(&voice.engine).is_some() {
                continue;
            }
            let known = tts.engines.keys().map(String::as_str);
            let near = nearest(&voice.engine, known.chain(["espeak", "flite"]));
            self.report(
                &["tts", "voices", &index.to_string(), "engine"],
                format!("there is no engine `{}`", voice.engine),
                match near {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => format!(
                        "add [tts.engines.{}], or take `espeak` or `flite`",
                        voice.engine
                    ),
                },
            );
        }
    }

    fn asr(&mut self) {
        let asr = &self.config.asr;
        for (index, model) in asr.models.iter().enumerate() {
            let (index, engine) = (index.to_string(), &model.engine);
            if asr.engine(engine).is_none() {
                let known = asr.engines.keys().map(String::as_str);
                self.report(
                    &["asr", "models", &index, "engine"],
                    format!("there is no engine `{engine}`"),
                    match nearest(engine, known.chain([BUILT_IN])) {
                        Some(near) => format!("did you mean `{near}`?"),
                        None => format!("add [asr.engines.{engine}], or take `{BUILT_IN}`"),
                    },
                );
            }
            let needs_directory = matches!(asr.engine(engine), Some(AsrEngine::Vosk { .. }));
            if needs_directory && model.directory.is_none() {
                self.report(
                    &["asr", "models", &index],
                    format!("the model for `{}` has no `directory`", model.language),
                    "write the directory of a Vosk model for 8 or 16 kHz",
                );
            }
        }
    }

    fn engines_elsewhere(&mut self) {
        for (name, engine) in &self.config.tts.engines {
            if let TtsEngine::Http { url, headers, .. } = engine {
                self.endpoint("tts", name, Protocol::Http, url, headers);
            }
        }
        for (name, engine) in &self.config.asr.engines {
            if let AsrEngine::Websocket { url, headers, .. } = engine {
                self.endpoint("asr", name, Protocol::WebSocket, url, headers);
            }
        }
    }

    /// The address and the headers of an engine elsewhere.
    fn endpoint(
        &mut self,
        section: &str,
        name: &str,
        protocol: Protocol,
        url: &str,
        headers: &BTreeMap<String, String>,
    ) {
        let endpoint = Endpoint {
            url: url.to_owned(),
            token: None,
            headers: headers.clone().into_iter().collect(),
        };
        let (key, wrong) = match endpoint.check(name, protocol) {
            Ok(()) => return,
            Err(error @ RemoteError::Header { .. }) => ("headers", error.to_string()),
            Err(error) => ("url", error.to_string()),
        };
        self.report(
            &[section, "engines", name, key],
            wrong,
            "docs/speech-engines.md has an example",
        );
    }

    fn trunks(&mut self) {
        let trunks: Vec<_> = self.config.trunks.iter().collect();
        for (later, (name, trunk)) in trunks.iter().enumerate() {
            for (index, peer) in trunk.peers.iter().enumerate() {
                for (earlier_name, earlier) in &trunks[..later] {
                    for other in earlier.peers.iter().filter(|other| peer.overlaps(other)) {
                        self.report(
                            &["trunks", name, "peers", &index.to_string()],
                            format!("{peer} of trunk `{name}` overlaps {other} of trunk `{earlier_name}`"),
                            "a request belongs to one trunk: narrow one of the networks",
                        );
                    }
                }
            }
        }
    }

    fn prefetched(&mut self) {
        for (name, flow) in &self.config.flows {
            for (language, texts) in &flow.prefetch {
                for (index, text) in texts.iter().enumerate() {
                    if let Err(error) = vireo_speech::tts::spans(text, language) {
                        self.report(
                            &["flows", name, "prefetch", language, &index.to_string()],
                            format!("the text cannot be spoken: {error}"),
                            "docs/speech.md tells what SSML is understood",
                        );
                    }
                }
            }
        }
    }

    fn flows(&mut self) {
        for (name, flow) in &self.config.flows {
            for (index, secret) in flow.grants.secrets().iter().enumerate() {
                if !flow.secrets.contains_key(secret) {
                    let near = nearest(secret, flow.secrets.keys().map(String::as_str));
                    self.report(
                        &["flows", name, "grants", "secrets", &index.to_string()],
                        format!(
                            "flow `{name}` is granted the secret `{secret}`, which it does not have"
                        ),
                        suggestion(
                            near,
                            &format!("add `{secret} = \"file:PATH\"` to [flows.{name}.secrets]"),
                        ),
                    );
                }
            }
            for secret in flow.secrets.keys() {
                if !flow.grants.secrets().contains(secret) {
                    self.report(
                        &["flows", name, "secrets", secret],
                        format!("flow `{name}` has the secret `{secret}` and is not granted it"),
                        format!("add \"{secret}\" to `secrets` in [flows.{name}.grants], or remove it here"),
                    );
                }
            }
        }
    }

    fn fallbacks(&mut self) {
        for (name, flow) in &self.config.flows {
            let Some(fallback) = &flow.fallback else {
                continue;
            };
            let path = ["flows", name, "fallback"];
            if !self.config.flows.contains_key(fallback) {
                let help = self.no_such_flow(fallback);
                self.report(&path, format!("there is no flow `{fallback}`"), help);
                continue;
            }
            let mut visited = vec![name.as_str()];
            let mut next = Some(fallback.as_str());
            while let Some(flow) = next.filter(|flow| !visited.contains(flow)) {
                visited.push(flow);
                next = self
                    .config
                    .flows
                    .get(flow)
                    .and_then(|flow| flow.fallback.as_deref());
            }
            // Each circle is reported once, at the first of its names.
            if next == Some(name.as_str()) && visited.iter().min() == Some(&name.as_str()) {
                visited.push(name);
                self.report(
                    &path,
                    format!("the fallbacks go in a circle: {}", visited.join(" -> ")),
                    "the last one must have no fallback",
                );
            }
        }
    }

    fn routes(&mut self) {
        for (index, route) in self.config.routes.iter().enumerate() {
            let index = index.to_string();
            for flow in flows_of(route) {
                if !self.config.flows.contains_key(&flow.name) {
                    let help = self.no_such_flow(&flow.name);
                    let message = format!("there is no flow `{}`", flow.name);
                    self.report(&in_route(&index, &flow.path), message, help);
                }
            }
            for trunk in trunks_of(route) {
                if !self.config.trunks.contains_key(&trunk.name) {
                    let near = nearest(&trunk.name, self.config.trunks.keys().map(String::as_str));
                    let help = suggestion(near, &format!("add [trunks.{}]", trunk.name));
                    let message = format!("there is no trunk `{}`", trunk.name);
                    self.report(&in_route(&index, &trunk.path), message, help);
                }
            }
        }
    }

    fn misfits(&mut self) {
        for misfit in self.config.misfits() {
            let path: Vec<&str> = misfit.path.iter().map(String::as_str).collect();
            let span = locate(self.document, &path);
            self.found
                .push(Diagnostic::new(Code::ConfigValue, span, misfit.message));
        }
    }

    fn no_such_flow(&self, flow: &str) -> String {
        let near = nearest(flow, self.config.flows.keys().map(String::as_str));
        suggestion(near, &format!("add [flows.{flow}]"))
    }
}

fn in_route<'p>(index: &'p str, path: &'p [String]) -> Vec<&'p str> {
    ["routes", index]
        .into_iter()
        .chain(path.iter().map(String::as_str))
        .collect()
}

fn suggestion(near: Option<&str>, otherwise: &str) -> String {
    match near {
        Some(near) => format!("did you mean `{near}`?"),
        None => otherwise.to_owned(),
    }
}

/// The place of the value at `path`, or of the nearest table above it that is there: defaults
/// have no place of their own.
pub(crate) fn locate(document: &Spanned<DeTable<'_>>, path: &[&str]) -> Range<usize> {
    let Some((first, rest)) = path.split_first() else {
        return document.span();
    };
    let entry = document
        .get_ref()
        .iter()
        .find(|(key, _)| key.get_ref() == first);
    let Some((_, mut value)) = entry else {
        return 0..0;
    };
    for step in rest {
        let next = match value.get_ref() {
            DeValue::Table(table) => table
                .iter()
                .find(|(key, _)| key.get_ref() == step)
                .map(|(_, value)| value),
            DeValue::Array(items) => step
                .parse::<usize>()
                .ok()
                .and_then(|index| items.get(index)),
            _ => None,
        };
        match next {
            Some(next) => value = next,
            None => break,
        }
    }
    value.span()
}
