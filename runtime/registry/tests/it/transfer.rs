//! Pulling and pushing.

use vireo_registry::{
    Artifact, ArtifactError, Credentials, Insecure, Pulled, Registry, RegistryError,
};

use super::pretended::{Door, Fault, Pretended};
use super::{artifact, component};

const LIMIT: u64 = 1 << 20;

fn user() -> Credentials {
    Credentials::Basic {
        user: "user".to_owned(),
        password: "pass".to_owned(),
    }
}

fn client(credentials: Credentials) -> Registry {
    Registry::new(Insecure::Loopback, credentials).unwrap()
}

/// A registry with the artifact in it under the tag 1, and the digest of its manifest.
async fn filled() -> (Pretended, String) {
    let registry = Pretended::start(Door::Open).await;
    let digest = client(Credentials::Anonymous)
        .push(&registry.reference("flows/hotline:1"), &artifact())
        .await
        .unwrap();
    (registry, digest)
}

async fn pull(registry: &Pretended, rest: &str) -> Result<Pulled, RegistryError> {
    let reference = registry.reference(&format!("flows/hotline{rest}"));
    client(Credentials::Anonymous).pull(&reference, LIMIT).await
}

#[tokio::test]
async fn what_was_pushed_is_pulled_by_tag_and_by_digest() {
    let (registry, digest) = filled().await;
    let pulled = pull(&registry, ":1").await.unwrap();
    assert_eq!(pulled.artifact, artifact());
    assert_eq!(pulled.manifest_digest, digest);
    {
        let mut kept = registry.0.lock().unwrap();
        let manifest = kept.manifests["1"].clone();
        kept.manifests.insert(digest.clone(), manifest);
    }
    let by_digest = pull(&registry, &format!("@{digest}")).await.unwrap();
    assert_eq!(by_digest, pulled);
}

#[tokio::test]
async fn the_artifact_is_the_one_that_other_tools_know() {
    let (registry, _) = filled().await;
    let kept = registry.0.lock().unwrap();
    let manifest: serde_json::Value = serde_json::from_slice(&kept.manifests["1"]).unwrap();
    assert_eq!(manifest["schemaVersion"], 2);
    assert_eq!(
        manifest["mediaType"],
        "application/vnd.oci.image.manifest.v1+json"
    );
    assert_eq!(
        manifest["config"]["mediaType"],
        "application/vnd.wasm.config.v0+json"
    );
    assert_eq!(manifest["layers"][0]["mediaType"], "application/wasm");
    assert_eq!(manifest["layers"][0]["size"], component().len());
    let config = &kept.blobs[manifest["config"]["digest"].as_str().unwrap()];
    let config: serde_json::Value = serde_json::from_slice(config).unwrap();
    assert_eq!(config["architecture"], "wasm");
    assert_eq!(config["created"], "2026-11-22T20:00:00Z");
    assert_eq!(config["layerDigests"][0], artifact().digest());
    let own = serde_json::json!(["vireo:flow/log@0.1.0", "run"]);
    assert_eq!(
        config["component"]["imports"], own,
        "not those of what is inside"
    );
    assert_eq!(config["component"]["exports"][0], "run");
}

#[tokio::test]
async fn what_is_there_is_not_sent_again() {
    let (registry, _) = filled().await;
    let client = client(Credentials::Anonymous);
    let second = registry.reference("flows/hotline:2");
    client.push(&second, &artifact()).await.unwrap();
    let kept = registry.0.lock().unwrap();
    let uploads = kept
        .asked
        .iter()
        .filter(|(asked, _)| asked.starts_with("POST"));
    assert_eq!(uploads.count(), 2, "{:?}", kept.asked);
}

#[tokio::test]
async fn whoever_asks_is_told_as_the_registry_wants_it() {
    for door in [Door::Basic, Door::Bearer] {
        let registry = Pretended::start(door).await;
        let reference = registry.reference("flows/hotline:1");
        let client = client(user());
        client.push(&reference, &artifact()).await.unwrap();
        let pulled = client.pull(&reference, LIMIT).await.unwrap();
        assert_eq!(pulled.artifact, artifact(), "{door:?}");
        let kept = registry.0.lock().unwrap();
        assert_eq!(
            kept.asked[0].1, "",
            "{door:?}: nothing is shown before it is asked for"
        );
    }
    let registry = Pretended::start(Door::Bearer).await;
    let reference = registry.reference("flows/hotline:1");
    let token = client(Credentials::Token("let-me-in".to_owned()));
    token.push(&reference, &artifact()).await.unwrap();
}

#[tokio::test]
async fn who_may_not_is_told_so() {
    let wrong = Credentials::Basic {
        user: "user".to_owned(),
        password: "other".to_owned(),
    };
    for door in [Door::Basic, Door::Bearer] {
        for credentials in [Credentials::Anonymous, wrong.clone()] {
            let registry = Pretended::start(door).await;
            let reference = registry.reference("flows/hotline:1");
            let error = client(credentials)
                .pull(&reference, LIMIT)
                .await
                .unwrap_err();
            assert!(
                matches!(error, RegistryError::Denied { .. }),
                "{door:?}: {error}"
            );
        }
    }
    let registry = Pretended::start(Door::BearerElsewhere).await;
    let reference = registry.reference("flows/hotline:1");
    let error = client(user()).pull(&reference, LIMIT).await.unwrap_err();
    assert!(
        error.to_string().contains("is not asked without TLS"),
        "{error}"
    );
}

#[tokio::test]
async fn what_is_not_what_was_named_is_refused() {
    let (registry, digest) = filled().await;
    let of = |fault| {
        registry.0.lock().unwrap().fault = fault;
        pull(&registry, ":1")
    };
    let artifact = |result: Result<Pulled, RegistryError>| match result {
        Err(RegistryError::Artifact(error)) => error,
        other => panic!("{other:?}"),
    };
    assert!(matches!(
        artifact(of(Fault::Changed).await),
        ArtifactError::Digest { .. }
    ));
    assert!(matches!(
        artifact(of(Fault::Short).await),
        ArtifactError::Size { .. }
    ));
    assert!(matches!(
        artifact(of(Fault::Long).await),
        ArtifactError::TooLarge { .. }
    ));
    let failing = of(Fault::Failing).await.unwrap_err().to_string();
    assert!(
        failing.ends_with("answers 429: TOOMANYREQUESTS wait [31m"),
        "{failing}"
    );

    let other = format!(
        "sha256:{}",
        digest[7..].replace(|c: char| c.is_ascii_digit(), "f")
    );
    {
        let mut kept = registry.0.lock().unwrap();
        let manifest = kept.manifests["1"].clone();
        kept.manifests.insert(other.clone(), manifest);
    }
    let named = artifact(pull(&registry, &format!("@{other}")).await);
    assert!(
        matches!(
            named,
            ArtifactError::Digest {
                what: "the manifest",
                ..
            }
        ),
        "{named}"
    );
}

#[tokio::test]
async fn redirects_are_followed_where_it_is_safe_and_without_credentials() {
    let (registry, _) = filled().await;
    let of = |fault| {
        {
            let mut kept = registry.0.lock().unwrap();
            (kept.fault, kept.door) = (fault, Door::Basic);
        }
        let reference = registry.reference("flows/hotline:1");
        async move { client(user()).pull(&reference, LIMIT).await }
    };
    assert_eq!(of(Fault::Redirected).await.unwrap().artifact, artifact());
    for fault in [Fault::RedirectedAway, Fault::Circle] {
        let error = of(fault).await.unwrap_err();
        assert!(matches!(error, RegistryError::Redirect { .. }), "{error}");
    }
}

#[tokio::test]
async fn what_is_too_large_is_not_fetched() {
    let (registry, _) = filled().await;
    let reference = registry.reference("flows/hotline:1");
    let error = client(Credentials::Anonymous)
        .pull(&reference, 10)
        .await
        .unwrap_err();
    let RegistryError::Artifact(ArtifactError::TooLarge { limit: 10, .. }) = error else {
        panic!("{error}")
    };
    let kept = registry.0.lock().unwrap();
    let fetched = kept
        .asked
        .iter()
        .filter(|(asked, _)| asked.starts_with("GET") && asked.contains("/blobs/"));
    assert_eq!(fetched.count(), 0);
}

#[tokio::test]
async fn something_else_than_a_component_is_refused_in_words() {
    let (registry, _) = filled().await;
    let told = |manifest: &str| {
        let manifest = manifest.as_bytes().to_vec();
        registry
            .0
            .lock()
            .unwrap()
            .manifests
            .insert("1".to_owned(), manifest);
        let answer = pull(&registry, ":1");
        async move { answer.await.unwrap_err().to_string() }
    };
    let config = r#""config":{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"sha256:0","size":1}"#;
    let image = format!(
        r#"{{"schemaVersion":2,{config},"layers":[{{"mediaType":"application/vnd.oci.image.layer.v1.tar+gzip","digest":"sha256:0","size":1}}]}}"#
    );
    assert!(
        told(&image)
            .await
            .contains("its layer is application/vnd.oci.image.layer.v1.tar+gzip")
    );
    let bare = format!(r#"{{"schemaVersion":2,{config},"layers":[]}}"#);
    assert!(told(&bare).await.contains("it has 0 layers"));
    let index = r#"{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[]}"#;
    assert!(told(index).await.contains("index of several artifacts"));
    assert!(
        told("<html>")
            .await
            .contains("the manifest is not understood")
    );

    let missing = pull(&registry, ":9").await.unwrap_err();
    assert!(
        matches!(missing, RegistryError::NotFound { .. }),
        "{missing}"
    );
    let module = Artifact::new(wat::parse_str("(module)").unwrap(), "");
    let reference = registry.reference("flows/hotline:m");
    let error = client(Credentials::Anonymous)
        .push(&reference, &module)
        .await
        .unwrap_err();
    assert!(error.to_string().contains("core module"), "{error}");
}

#[tokio::test]
async fn a_registry_that_is_not_there_is_an_error() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let reference = format!("{address}/flows/hotline").parse().unwrap();
    let error = client(Credentials::Anonymous)
        .pull(&reference, LIMIT)
        .await
        .unwrap_err();
    assert!(
        matches!(error, RegistryError::Unreachable { .. }),
        "{error}"
    );
}
