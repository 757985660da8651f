//! Deploying flows: which versions new calls get, since when, by whom, and for how long.

mod error;
mod plan;
mod status;
mod table;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arc_swap::ArcSwap;
use serde::Serialize;
use vireo_host::{Host, Inspection, Version};
use vireo_store::audit::{Act, Audit, Entry as AuditEntry, Who};
use vireo_store::deployments::{Action, Canary, Change, Deploy, Deployment, Reason};
use vireo_store::{Deployments, Digest, Store};

use crate::canary::Candidate;
use crate::services::unix_ms;
use crate::settings::Settings;

pub use error::DeployError;
pub use plan::CanaryOrder;
use plan::Plan;
pub use status::{CanaryStatus, FlowStatus, LastCanary};
use table::{Entry, Table};
pub(crate) use table::{Pick, Verdict};

/// A deploy that somebody wants.
#[derive(Debug, Clone)]
pub struct Order {
    /// The flow's name.
    pub flow: String,
    /// For some calls only, beside the version that serves; none: for all.
    pub canary: Option<CanaryOrder>,
    /// Who wants it.
    pub who: Who,
    /// Why, in words; may be empty.
    pub note: String,
}

/// A change of a deployment that was made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Deployed {
    /// The flow.
    pub flow: String,
    /// What serves new calls now, those apart that get the canary.
    pub version: String,
    /// What served until then; none for the first deploy.
    pub previous: Option<String>,
    /// The version on trial and its share, percent.
    pub canary: Option<(String, u8)>,
    /// Counts the changes of this flow.
    pub revision: u64,
    /// Nothing changed: it served like this already.
    pub unchanged: bool,
}

/// Deploys flows, and says which version a call gets.
pub struct Deployer {
    host: Host,
    settings: Arc<ArcSwap<Settings>>,
    deployments: Deployments,
    audit: Audit,
    table: Table,
    /// One change at a time: what the store and the table say must not cross.
    one_at_a_time: tokio::sync::Mutex<()>,
    automatic_rollbacks: AtomicU64,
}

impl Deployer {
    /// A deployer with what the store says is deployed. Blocks: it reads and compiles that. A flow that
    /// cannot be put into service is reported and left out: the others must not suffer.
    pub(crate) fn start(
        host: Host,
        settings: Arc<ArcSwap<Settings>>,
        store: Arc<dyn Store>,
    ) -> Result<Arc<Self>, vireo_store::deployments::DeployError> {
        let deployer = Self {
            host,
            settings,
            audit: Audit::new(Arc::clone(&store)),
            deployments: Deployments::new(store),
            table: Table::default(),
            one_at_a_time: tokio::sync::Mutex::new(()),
            automatic_rollbacks: AtomicU64::new(0),
        };
        for deployment in deployer.deployments.list()? {
            match deployer.bring_back(&deployment) {
                Ok(()) => tracing::info!(
                    flow = deployment.flow,
                    revision = deployment.revision,
                    "flow is in service"
                ),
                Err(error) => {
                    tracing::error!(flow = deployment.flow, %error, "flow cannot be put into service")
                }
            }
        }
        Ok(Arc::new(deployer))
    }

    fn bring_back(&self, deployment: &Deployment) -> Result<(), DeployError> {
        let compiled = |digest| Ok::<_, DeployError>(self.host.compile(&self.stored(digest)?)?);
        let digest = deployment.version().ok_or(DeployError::Aborted)?;
        let version = compiled(digest)?;
        let canary = match &deployment.canary {
            None => None,
            Some(canary) => match compiled(canary.digest) {
                Ok(version) => Some(version),
                Err(error) => {
                    tracing::error!(flow = deployment.flow, %error, "the canary cannot be put into service; the version beside it takes all calls");
                    None
                }
            },
        };
        self.put_into_service(deployment, version, canary);
        Ok(())
    }

    fn stored(&self, digest: Digest) -> Result<Vec<u8>, DeployError> {
        let wasm = self.deployments.components().get(digest)?;
        wasm.ok_or(DeployError::Missing(digest))
    }

    /// A version of a flow: the one in service, or compiled again, beside the calls.
    async fn version(
        self: &Arc<Self>,
        flow: &str,
        digest: Digest,
    ) -> Result<Arc<Version>, DeployError> {
        let entry = self.table.get(flow);
        if let Some(version) = entry.and_then(|entry| entry.version(digest)) {
            return Ok(version);
        }
        let wasm = self.blocking(move |this| this.stored(digest)).await?;
        Ok(self.host.compile_in_background(wasm).await?)
    }

    /// Runs what waits for the disk where it holds up nobody.
    async fn blocking<T: Send + 'static>(
        self: &Arc<Self>,
        work: impl FnOnce(&Self) -> Result<T, DeployError> + Send + 'static,
    ) -> Result<T, DeployError> {
        let this = Arc::clone(self);
        tokio::task::spawn_blocking(move || work(&this))
            .await
            .map_err(|_| DeployError::Aborted)?
    }

    /// The version for a new call; none: its flow serves nothing.
    pub(crate) fn pick(&self, call: &Candidate<'_>, settings: &Settings) -> Option<Pick> {
        self.table.pick(call, &settings.routes)
    }

    /// Says what a component needs and what is wrong with it.
    ///
    /// # Errors
    /// It cannot be read at all.
    pub async fn inspect(self: &Arc<Self>, wasm: Vec<u8>) -> Result<Inspection, DeployError> {
        self.blocking(move |this| Ok(this.host.inspect(&wasm)?))
            .await
    }

    /// Puts a component into service for all new calls of a flow, or for some as a canary; calls under
    /// way end on the version they began with. Returns when that would survive a crash.
    ///
    /// # Errors
    /// See [`DeployError`]; what served goes on serving.
    pub async fn deploy(
        self: &Arc<Self>,
        order: Order,
        wasm: Vec<u8>,
    ) -> Result<Deployed, DeployError> {
        let flow = order.flow.as_str();
        let settings = self.settings.load_full();
        let Some(flow_settings) = settings.flows.get(flow) else {
            return Err(DeployError::UnknownFlow(order.flow));
        };
        if let Some(canary) = &order.canary {
            canary.check(&settings.routes)?;
        }
        let version = self.host.compile_in_background(wasm.clone()).await?;
        let missing = version.check_grants(&flow_settings.grants);
        if !missing.is_empty() {
            return Err(DeployError::Grants {
                flow: order.flow,
                missing,
            });
        }
        let _one_at_a_time = self.one_at_a_time.lock().await;
        let before = self.deployments.current(flow)?;
        let digest = Digest::of(&wasm);
        let plan = Plan::deploy(flow, before.as_ref(), digest, order.canary.as_ref())?;
        // What could not be put into service at the start is, by deploying it again.
        let entry = self.table.get(flow);
        let in_service = entry.is_some_and(|entry| entry.version(digest).is_some());
        if let Some(before) = before
            .as_ref()
            .filter(|before| in_service && plan.is(before))
        {
            return Ok(deployed(before, before.version(), Unchanged::Yes));
        }
        let stored = move |this: &Self| Ok(this.deployments.components().put(&wasm, unix_ms())?);
        self.blocking(stored).await?;
        let versions = match plan.canary {
            None => (version, None),
            Some(_) => (self.version(flow, plan.version).await?, Some(version)),
        };
        self.commit(before, plan, order, Action::Deploy, versions)
            .await
    }

    /// Gives a flow's canary a larger share, or, without a percentage, makes it the version for all
    /// calls.
    ///
    /// # Errors
    /// See [`DeployError`]; what served goes on serving.
    pub async fn promote(
        self: &Arc<Self>,
        flow: &str,
        percent: Option<u8>,
        who: Who,
        note: &str,
    ) -> Result<Deployed, DeployError> {
        self.known(flow)?;
        let _one_at_a_time = self.one_at_a_time.lock().await;
        let before = self.deployments.current(flow)?;
        let plan = Plan::promote(before.as_ref(), flow, percent)?;
        if let Some(before) = before.as_ref().filter(|before| plan.is(before)) {
            return Ok(deployed(before, before.version(), Unchanged::Yes));
        }
        let version = self.version(flow, plan.version).await?;
        let canary = match &plan.canary {
            None => None,
            Some((canary, _)) => Some(self.version(flow, canary.digest).await?),
        };
        let order = Order {
            flow: flow.to_owned(),
            canary: None,
            who,
            note: note.to_owned(),
        };
        self.commit(before, plan, order, Action::Promote, (version, canary))
            .await
    }

    /// Stores a change, then puts it into service.
    async fn commit(
        self: &Arc<Self>,
        before: Option<Deployment>,
        plan: Plan,
        order: Order,
        action: Action,
        (version, canary): (Arc<Version>, Option<Arc<Version>>),
    ) -> Result<Deployed, DeployError> {
        let act = match action {
            Action::Promote => Act::Promote,
            _ => Act::Deploy,
        };
        let reason = Reason {
            who: order.who,
            note: order.note,
            at_ms: unix_ms(),
        };
        let deploy = Deploy {
            flow: order.flow,
            replaces: before.as_ref().map_or(0, |before| before.revision),
            serving: plan.serving(),
            canary: plan.canary.map(|(canary, _)| canary),
            action,
            reason: reason.clone(),
        };
        let now = self
            .blocking(move |this| Ok(this.deployments.deploy(deploy)?))
            .await?;
        self.put_into_service(&now, version, canary);
        self.record(act, &now, reason).await;
        let previous = before.as_ref().and_then(Deployment::version);
        Ok(deployed(&now, previous, Unchanged::No))
    }

    /// Takes a flow's canary away, or returns to what served before the last deploy.
    ///
    /// # Errors
    /// See [`DeployError`]; what served goes on serving.
    pub async fn rollback(
        self: &Arc<Self>,
        flow: &str,
        who: Who,
        note: &str,
    ) -> Result<Deployed, DeployError> {
        self.known(flow)?;
        let _one_at_a_time = self.one_at_a_time.lock().await;
        let reason = Reason {
            who,
            note: note.to_owned(),
            at_ms: unix_ms(),
        };
        self.restore(flow, Act::Rollback, reason).await
    }

    async fn restore(
        self: &Arc<Self>,
        flow: &str,
        act: Act,
        reason: Reason,
    ) -> Result<Deployed, DeployError> {
        let previous = self.deployments.current(flow)?;
        let earlier = self.deployments.earlier(flow)?;
        // Compiled before it is stored: what cannot run must not be what the store says.
        let digest = (earlier.serving().first())
            .ok_or(DeployError::Aborted)?
            .digest;
        let version = self.version(flow, digest).await?;
        let action = match act {
            Act::AutomaticRollback => Action::AutomaticRollback,
            _ => Action::Rollback,
        };
        let why = reason.clone();
        let now = self
            .blocking(move |this| Ok(this.deployments.restore(earlier, action, why)?))
            .await?;
        self.put_into_service(&now, version, None);
        self.record(act, &now, reason).await;
        let previous = previous.as_ref().and_then(Deployment::version);
        Ok(deployed(&now, previous, Unchanged::No))
    }

    /// Takes a canary out of its deployment that was condemned by its calls: they get it no more since
    /// then.
    pub(crate) async fn withdraw(self: Arc<Self>, verdict: Verdict) {
        let Verdict {
            flow,
            revision,
            comparison,
            total,
        } = verdict;
        let _one_at_a_time = self.one_at_a_time.lock().await;
        match self.deployments.current(&flow) {
            Ok(Some(now)) if now.revision == revision => {}
            // Somebody has decided otherwise while this was on its way.
            Ok(_) => return,
            Err(error) => tracing::error!(flow, %error, "the deployment cannot be read"),
        }
        let note = format!(
            "{comparison}; {} of {} calls of the canary hurt",
            total.hurt(),
            total.calls
        );
        let reason = Reason {
            who: Who::server(),
            note: note.clone(),
            at_ms: unix_ms(),
        };
        self.automatic_rollbacks.fetch_add(1, Ordering::Relaxed);
        tracing::error!(flow, revision, why = note, "the canary is withdrawn");
        if let Err(error) = self.restore(&flow, Act::AutomaticRollback, reason).await {
            tracing::error!(
                flow,
                %error,
                "no call gets the canary, but a restart would bring it back: run `vireo flow rollback`"
            );
        }
    }

    fn known(&self, flow: &str) -> Result<(), DeployError> {
        match self.settings.load().flows.contains_key(flow) {
            true => Ok(()),
            false => Err(DeployError::UnknownFlow(flow.to_owned())),
        }
    }

    /// From now on, new calls get these.
    fn put_into_service(
        &self,
        deployment: &Deployment,
        version: Arc<Version>,
        canary: Option<Arc<Version>>,
    ) {
        let on_trial = canary.zip(deployment.canary.clone());
        let on_trial =
            on_trial.map(|(version, canary)| (version, canary, deployment.canary_percent()));
        let before = self.table.get(&deployment.flow);
        self.table.set(Entry::new(
            &deployment.flow,
            deployment.revision,
            version,
            on_trial,
            before.as_deref(),
        ));
    }

    /// Writes a change into the audit log. That it cannot be written undoes nothing.
    async fn record(self: &Arc<Self>, act: Act, now: &Deployment, reason: Reason) {
        let entry = AuditEntry {
            at_ms: reason.at_ms,
            who: reason.who,
            act,
            subject: now.flow.clone(),
            detail: describe(now, &reason.note),
        };
        let added = self
            .blocking(move |this| {
                Ok(this
                    .audit
                    .add(entry)
                    .map_err(vireo_store::deployments::DeployError::from)?)
            })
            .await;
        if let Err(error) = added {
            tracing::error!(flow = now.flow, %error, "the audit log cannot be written");
        }
    }

    /// The changes of a flow, newest first.
    ///
    /// # Errors
    /// The store failed, or the configuration has no such flow.
    pub fn history(&self, flow: &str, limit: usize) -> Result<Vec<Change>, DeployError> {
        self.known(flow)?;
        Ok(self.deployments.history(flow, limit)?)
    }

    /// A component that was deployed; none: no such was.
    ///
    /// # Errors
    /// The store failed.
    pub fn component(&self, digest: Digest) -> Result<Option<Vec<u8>>, DeployError> {
        Ok(self.deployments.components().get(digest)?)
    }

    /// The audit log.
    pub fn audit(&self) -> &Audit {
        &self.audit
    }

    /// Canaries that the server has withdrawn by itself since its start.
    pub fn automatic_rollbacks(&self) -> u64 {
        self.automatic_rollbacks.load(Ordering::Relaxed)
    }
}

/// Did a change change anything?
#[derive(Clone, Copy, PartialEq, Eq)]
enum Unchanged {
    Yes,
    No,
}

fn deployed(now: &Deployment, previous: Option<Digest>, unchanged: Unchanged) -> Deployed {
    let canary = now.canary.as_ref();
    Deployed {
        flow: now.flow.clone(),
        version: now
            .version()
            .map(|digest| digest.to_string())
            .unwrap_or_default(),
        previous: previous.map(|digest| digest.to_string()),
        canary: canary.map(|canary| (canary.digest.to_string(), now.canary_percent())),
        revision: now.revision,
        unchanged: unchanged == Unchanged::Yes,
    }
}

/// A deployment in one line, as the audit log has it.
fn describe(now: &Deployment, note: &str) -> String {
    let mut text = format!("revision {}", now.revision);
    if let Some(version) = now.version() {
        text.push_str(&format!(", version {}", version.short()));
    }
    if let Some(Canary {
        digest,
        routes,
        callers,
    }) = &now.canary
    {
        let share = now.canary_percent();
        text.push_str(&format!(", canary {} at {share} %", digest.short()));
        for (what, names) in [("routes", routes), ("callers", callers)] {
            if !names.is_empty() {
                text.push_str(&format!(", {what} {}", names.join(" ")));
            }
        }
    }
    if !note.is_empty() {
        text.push_str(": ");
        text.push_str(note);
    }
    text
}
