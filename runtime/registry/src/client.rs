//! Asking a registry (OCI distribution specification 1.1).

use std::time::Duration;

use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderMap, LOCATION, WWW_AUTHENTICATE};
use reqwest::{Client, Method, Response, StatusCode, Url, redirect};
use serde::Deserialize;

use crate::artifact::{Artifact, ArtifactError, check_digest, layer_of, unpack};
use crate::auth::{Challenge, Credentials};
use crate::manifest::{Descriptor, INDEX, MANIFEST, digest};
use crate::reference::{Reference, Version, is_loopback};

/// The largest manifest that registries have to take (distribution specification, "pushing
/// manifests"), bytes.
const LARGEST_MANIFEST: u64 = 4 << 20;
/// The largest answer with a token or with errors, bytes.
const LARGEST_ANSWER: u64 = 256 << 10;
const MOST_REDIRECTS: usize = 5;
const CONNECT: Duration = Duration::from_secs(10);
/// How long a registry may send nothing.
const SILENCE: Duration = Duration::from_secs(60);
/// How long one exchange may take.
const EXCHANGE: Duration = Duration::from_secs(600);

/// May a registry be asked without TLS?
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Insecure {
    /// Only on this machine.
    #[default]
    Loopback,
    /// Anywhere: whoever is in between can read the credentials and exchange what a tag stands for.
    Allowed,
}

/// Why something was not pulled or pushed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RegistryError {
    /// Nobody answers, or the connection broke.
    #[error("{registry} cannot be reached: {why}")]
    Unreachable {
        /// The registry, or where it sent us.
        registry: String,
        /// What happened.
        why: String,
    },
    /// It wants to know who asks, or does not allow it.
    #[error("{registry} does not allow it: {why}")]
    Denied {
        /// The registry.
        registry: String,
        /// In its words, or what is missing.
        why: String,
    },
    /// It has no such artifact.
    #[error("{registry} has no {what}")]
    NotFound {
        /// The registry.
        registry: String,
        /// What was asked for.
        what: String,
    },
    /// Another answer than those that are provided for.
    #[error("{registry} answers {status}{why}")]
    Refused {
        /// The registry.
        registry: String,
        /// The HTTP status.
        status: u16,
        /// In its words, after a colon; empty when it has none.
        why: String,
    },
    /// It sends us somewhere where we do not go.
    #[error("{registry} redirects to {to}: {why}")]
    Redirect {
        /// The registry.
        registry: String,
        /// Where to.
        to: String,
        /// Why not.
        why: &'static str,
    },
    /// What came is not what was named.
    #[error(transparent)]
    Artifact(#[from] ArtifactError),
    /// The HTTP client could not be set up.
    #[error("the HTTP client could not be set up: {0}")]
    Client(String),
}

/// What was pulled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pulled {
    /// The artifact.
    pub artifact: Artifact,
    /// The digest of its manifest: `REPOSITORY@DIGEST` names exactly this one for ever.
    pub manifest_digest: String,
}

/// A client of registries.
pub struct Registry {
    client: Client,
    insecure: Insecure,
    credentials: Credentials,
}

/// One artifact's registry, and what it has been told of us.
struct Session<'a> {
    registry: &'a Registry,
    reference: &'a Reference,
    base: Url,
    /// The scope to ask a token for, when the registry names none.
    scope: String,
    /// The Authorization header, once one was asked for.
    authorization: Option<String>,
}

struct Request<'a> {
    method: Method,
    url: Url,
    headers: HeaderMap,
    body: &'a [u8],
}

#[derive(Deserialize)]
struct Token {
    #[serde(default)]
    token: String,
    #[serde(default)]
    access_token: String,
}

#[derive(Deserialize)]
struct Errors {
    errors: Vec<OneError>,
}

#[derive(Deserialize)]
struct OneError {
    #[serde(default)]
    code: String,
    #[serde(default)]
    message: String,
}

impl Registry {
    /// A client that trusts what the operating system trusts, and uses no proxy.
    ///
    /// # Errors
    /// [`RegistryError::Client`].
    pub fn new(insecure: Insecure, credentials: Credentials) -> Result<Self, RegistryError> {
        // The second call of a process finds the provider installed, which is what it wants.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = Client::builder()
            // Followed here, so that credentials stay where they belong.
            .redirect(redirect::Policy::none())
            .no_proxy()
            .connect_timeout(CONNECT)
            .read_timeout(SILENCE)
            .timeout(EXCHANGE)
            .user_agent(concat!("vireo/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|error| RegistryError::Client(error.to_string()))?;
        Ok(Registry {
            client,
            insecure,
            credentials,
        })
    }

    /// Fetches an artifact whose component has `limit` bytes at the most.
    ///
    /// # Errors
    /// See [`RegistryError`].
    pub async fn pull(&self, reference: &Reference, limit: u64) -> Result<Pulled, RegistryError> {
        let mut session = self.session(reference, "pull")?;
        let manifest = session.manifest().await?;
        let manifest_digest = digest(&manifest);
        if let Version::Digest(named) = &reference.version {
            check_digest(&manifest, named, "the manifest")?;
        }
        let (manifest, layer) = layer_of(&manifest, limit)?;
        let component = session.blob(&layer).await?;
        Ok(Pulled {
            artifact: unpack(manifest, &layer, component)?,
            manifest_digest,
        })
    }

    /// Puts an artifact into a registry; returns the digest of its manifest.
    ///
    /// # Errors
    /// See [`RegistryError`].
    pub async fn push(
        &self,
        reference: &Reference,
        artifact: &Artifact,
    ) -> Result<String, RegistryError> {
        let packed = artifact.pack()?;
        let manifest_digest = digest(&packed.manifest);
        if let Version::Digest(named) = &reference.version {
            check_digest(&packed.manifest, named, "the manifest")?;
        }
        let mut session = self.session(reference, "pull,push")?;
        for (descriptor, bytes) in [
            (&packed.described.config, packed.config.as_slice()),
            (&packed.described.layers[0], artifact.component.as_slice()),
        ] {
            session.put_blob(descriptor, bytes).await?;
        }
        let url = session.url(&["manifests", reference.version()])?;
        let headers = header(CONTENT_TYPE, MANIFEST);
        let answer = session
            .send(Request {
                method: Method::PUT,
                url,
                headers,
                body: &packed.manifest,
            })
            .await?;
        session
            .expect(answer, &[StatusCode::CREATED, StatusCode::OK])
            .await?;
        Ok(manifest_digest)
    }

    fn session<'a>(
        &'a self,
        reference: &'a Reference,
        actions: &str,
    ) -> Result<Session<'a>, RegistryError> {
        let plain = reference.is_loopback() || self.insecure == Insecure::Allowed;
        let scheme = if plain { "http" } else { "https" };
        let base = Url::parse(&format!("{scheme}://{}/", reference.registry));
        Ok(Session {
            registry: self,
            base: base.map_err(|error| RegistryError::Unreachable {
                registry: reference.registry.clone(),
                why: error.to_string(),
            })?,
            scope: format!("repository:{}:{actions}", reference.repository),
            reference,
            authorization: None,
        })
    }

    /// Is this an address that we go to without giving anything away?
    fn may_ask(&self, url: &Url) -> bool {
        match url.scheme() {
            "https" => true,
            "http" => self.insecure == Insecure::Allowed || url.host_str().is_some_and(is_loopback),
            _ => false,
        }
    }
}

impl Session<'_> {
    fn name(&self) -> String {
        self.reference.registry.clone()
    }

    fn url(&self, path: &[&str]) -> Result<Url, RegistryError> {
        let path = path.join("/");
        let path = format!("v2/{}/{path}", self.reference.repository);
        self.base
            .join(&path)
            .map_err(|error| RegistryError::Unreachable {
                registry: self.name(),
                why: error.to_string(),
            })
    }

    async fn manifest(&mut self) -> Result<Vec<u8>, RegistryError> {
        let url = self.url(&["manifests", self.reference.version()])?;
        let headers = header(ACCEPT, &format!("{MANIFEST}, {INDEX}"));
        let answer = self.get(url, headers).await?;
        let answer = self.expect(answer, &[StatusCode::OK]).await?;
        self.read(answer, LARGEST_MANIFEST, "the manifest").await
    }

    async fn blob(&mut self, layer: &Descriptor) -> Result<Vec<u8>, RegistryError> {
        let url = self.url(&["blobs", &layer.digest])?;
        let answer = self.get(url, HeaderMap::new()).await?;
        let answer = self.expect(answer, &[StatusCode::OK]).await?;
        self.read(answer, layer.size, "the component").await
    }

    async fn put_blob(
        &mut self,
        descriptor: &Descriptor,
        bytes: &[u8],
    ) -> Result<(), RegistryError> {
        let url = self.url(&["blobs", &descriptor.digest])?;
        let there = self
            .send(Request {
                method: Method::HEAD,
                url,
                headers: HeaderMap::new(),
                body: &[],
            })
            .await?;
        if there.status() == StatusCode::OK {
            return Ok(());
        }
        let url = self.url(&["blobs", "uploads", ""])?;
        let begun = self
            .send(Request {
                method: Method::POST,
                url,
                headers: HeaderMap::new(),
                body: &[],
            })
            .await?;
        let begun = self.expect(begun, &[StatusCode::ACCEPTED]).await?;
        let mut target = self.location(&begun)?;
        target
            .query_pairs_mut()
            .append_pair("digest", &descriptor.digest);
        let headers = header(CONTENT_TYPE, "application/octet-stream");
        let done = self
            .send(Request {
                method: Method::PUT,
                url: target,
                headers,
                body: bytes,
            })
            .await?;
        self.expect(done, &[StatusCode::CREATED]).await.map(drop)
    }

    /// Asks, and follows where it is sent.
    async fn get(&mut self, url: Url, headers: HeaderMap) -> Result<Response, RegistryError> {
        let mut request = Request {
            method: Method::GET,
            url,
            headers,
            body: &[],
        };
        for _ in 0..=MOST_REDIRECTS {
            let answer = self.send(request).await?;
            if !answer.status().is_redirection() {
                return Ok(answer);
            }
            let url = self.location(&answer)?;
            request = Request {
                method: Method::GET,
                url,
                headers: HeaderMap::new(),
                body: &[],
            };
        }
        Err(RegistryError::Redirect {
            registry: self.name(),
            to: request.url.to_string(),
            why: "it is one redirect too many",
        })
    }

    fn location(&self, answer: &Response) -> Result<Url, RegistryError> {
        let text = answer.headers().get(LOCATION);
        let text = text.and_then(|text| text.to_str().ok()).unwrap_or_default();
        let redirect = |why| RegistryError::Redirect {
            registry: self.name(),
            to: text.chars().take(200).collect(),
            why,
        };
        if text.is_empty() {
            return Err(redirect("no address is given"));
        }
        let url = answer
            .url()
            .join(text)
            .map_err(|_| redirect("that is no address"))?;
        match self.registry.may_ask(&url) {
            true => Ok(url),
            false => Err(redirect("only https is followed")),
        }
    }

    /// One request; a second time with what the registry wants to know, when it asks.
    async fn send(&mut self, request: Request<'_>) -> Result<Response, RegistryError> {
        let answer = self.once(&request).await?;
        if answer.status() != StatusCode::UNAUTHORIZED || !self.is_own(&request.url) {
            return Ok(answer);
        }
        let challenge = answer.headers().get(WWW_AUTHENTICATE);
        let challenge = challenge.and_then(|value| Challenge::parse(value.to_str().ok()?));
        let authorization = match (challenge, &self.registry.credentials) {
            (None, _) => None,
            (Some(_), Credentials::Token(token)) => Some(format!("Bearer {token}")),
            (Some(Challenge::Basic), Credentials::Basic { user, password }) => {
                Some(basic(user, password))
            }
            (Some(Challenge::Basic), Credentials::Anonymous) => None,
            (Some(challenge @ Challenge::Bearer { .. }), _) => {
                Some(format!("Bearer {}", self.token(challenge).await?))
            }
        };
        if authorization.is_none() || authorization == self.authorization {
            // Nothing more can be said; the registry's answer says why.
            return Ok(answer);
        }
        self.authorization = authorization;
        self.once(&request).await
    }

    async fn once(&self, request: &Request<'_>) -> Result<Response, RegistryError> {
        let client = &self.registry.client;
        let mut building = client
            .request(request.method.clone(), request.url.clone())
            .headers(request.headers.clone())
            .body(request.body.to_vec());
        // What belongs to the registry is not shown to where it sends us.
        if let (Some(authorization), true) = (&self.authorization, self.is_own(&request.url)) {
            building = building.header(AUTHORIZATION, authorization);
        }
        building
            .send()
            .await
            .map_err(|error| unreachable(&request.url, error))
    }

    fn is_own(&self, url: &Url) -> bool {
        url.origin() == self.base.origin()
    }

    /// Fetches a token from the server that a challenge names.
    async fn token(&self, challenge: Challenge) -> Result<String, RegistryError> {
        let denied = |why: String| RegistryError::Denied {
            registry: self.name(),
            why,
        };
        let Challenge::Bearer {
            realm,
            service,
            scope,
        } = challenge
        else {
            return Err(denied("it wants a user and a password".to_owned()));
        };
        let mut url = Url::parse(&realm)
            .map_err(|_| denied(format!("its token server {realm:?} is no address")))?;
        if !self.registry.may_ask(&url) {
            return Err(denied(format!(
                "its token server {url} is not asked without TLS"
            )));
        }
        let scope = scope.unwrap_or_else(|| self.scope.clone());
        url.query_pairs_mut().append_pair("scope", &scope);
        if let Some(service) = service {
            url.query_pairs_mut().append_pair("service", &service);
        }
        let mut asking = self.registry.client.get(url.clone());
        if let Credentials::Basic { user, password } = &self.registry.credentials {
            asking = asking.header(AUTHORIZATION, basic(user, password));
        }
        let answer = asking
            .send()
            .await
            .map_err(|error| unreachable(&url, error))?;
        let answer = self.expect(answer, &[StatusCode::OK]).await?;
        let body = self.read(answer, LARGEST_ANSWER, "the token").await?;
        // The error may quote the answer.
        let token: Token = serde_json::from_slice(&body)
            .map_err(|_| denied("its token server's answer is not understood".to_owned()))?;
        match (token.token, token.access_token) {
            (token, _) if !token.is_empty() => Ok(token),
            (_, token) if !token.is_empty() => Ok(token),
            _ => Err(denied("its token server gave no token".to_owned())),
        }
    }

    /// The answer when it has one of these statuses, or what the registry says instead.
    async fn expect(
        &self,
        answer: Response,
        wanted: &[StatusCode],
    ) -> Result<Response, RegistryError> {
        let status = answer.status();
        if wanted.contains(&status) {
            return Ok(answer);
        }
        let body = self
            .read(answer, LARGEST_ANSWER, "the answer")
            .await
            .unwrap_or_default();
        let said = serde_json::from_slice::<Errors>(&body).map_or(String::new(), |said| {
            let parts = said.errors.iter().take(3);
            let parts = parts.map(|one| printable(&format!("{} {}", one.code, one.message)));
            parts.collect::<Vec<_>>().join("; ")
        });
        let registry = self.name();
        Err(match status {
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => RegistryError::Denied {
                registry,
                why: match (said.is_empty(), &self.registry.credentials) {
                    (true, Credentials::Anonymous) => "it wants to know who asks".to_owned(),
                    (true, _) => "the credentials do not allow this".to_owned(),
                    (false, _) => said,
                },
            },
            StatusCode::NOT_FOUND => RegistryError::NotFound {
                registry,
                what: self.reference.to_string(),
            },
            _ => RegistryError::Refused {
                registry,
                status: status.as_u16(),
                why: match said.as_str() {
                    "" => String::new(),
                    said => format!(": {said}"),
                },
            },
        })
    }

    /// Reads a body of `limit` bytes at the most.
    async fn read(
        &self,
        mut answer: Response,
        limit: u64,
        what: &'static str,
    ) -> Result<Vec<u8>, RegistryError> {
        let url = answer.url().clone();
        let mut body = Vec::new();
        while let Some(piece) = answer
            .chunk()
            .await
            .map_err(|error| unreachable(&url, error))?
        {
            let size = body.len() as u64 + piece.len() as u64;
            if size > limit {
                return Err(ArtifactError::TooLarge { what, size, limit }.into());
            }
            body.extend_from_slice(&piece);
        }
        Ok(body)
    }
}

fn header(name: reqwest::header::HeaderName, value: &str) -> HeaderMap {
    let value = reqwest::header::HeaderValue::from_str(value);
    value.map(|value| (name, value)).into_iter().collect()
}

fn basic(user: &str, password: &str) -> String {
    use base64::Engine as _;
    let pair = format!("{user}:{password}");
    format!(
        "Basic {}",
        base64::engine::general_purpose::STANDARD.encode(pair)
    )
}

/// One line of bounded length, without what a terminal would obey.
fn printable(text: &str) -> String {
    let line = text.chars().map(|c| if c.is_control() { ' ' } else { c });
    line.take(300).collect::<String>().trim().to_owned()
}

/// The whole chain of causes, without the URL: it may carry a key in its query.
fn unreachable(url: &Url, error: reqwest::Error) -> RegistryError {
    let error = error.without_url();
    let mut why = error.to_string();
    let mut cause = std::error::Error::source(&error);
    while let Some(inner) = cause {
        why.push_str(&format!(": {inner}"));
        cause = inner.source();
    }
    RegistryError::Unreachable {
        registry: url.host_str().unwrap_or_default().to_owned(),
        why,
    }
}
