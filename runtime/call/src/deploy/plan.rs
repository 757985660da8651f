//! What a deploy would make of a deployment. Nothing is changed here.

use vireo_store::Digest;
use vireo_store::deployments::{Canary, Deployment, Serving};

use super::DeployError;
use crate::route::Routes;

/// The share of a canary, and who gets it beside that share.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CanaryOrder {
    /// Its share of the calls that no route or list decides, 0 to 99 percent; 0 only with one of these.
    pub percent: u8,
    /// Routes whose calls all go to it.
    pub routes: Vec<String>,
    /// Caller lists whose callers all go to it.
    pub callers: Vec<String>,
}

impl CanaryOrder {
    /// Can there be such a canary, with these routes and caller lists?
    pub(super) fn check(&self, routes: &Routes) -> Result<(), DeployError> {
        if self.percent > 99 {
            return Err(DeployError::Canary(format!(
                "a canary of {} %: write 1 to 99, or leave it out to deploy for all calls",
                self.percent
            )));
        }
        if self.percent == 0 && self.routes.is_empty() && self.callers.is_empty() {
            return Err(DeployError::Canary(
                "a canary of 0 % that no route or caller list leads to: write 1 to 99 %".to_owned(),
            ));
        }
        for route in &self.routes {
            known("route", route, routes.names())?;
        }
        for list in &self.callers {
            known("caller list", list, routes.lists())?;
        }
        Ok(())
    }
}

fn known<'a>(
    what: &str,
    name: &str,
    all: impl Iterator<Item = &'a str>,
) -> Result<(), DeployError> {
    let mut all: Vec<&str> = all.collect();
    if all.contains(&name) {
        return Ok(());
    }
    all.sort_unstable();
    let there = match all.is_empty() {
        true => format!("there is no {what} at all"),
        false => format!("there are {}", all.join(", ")),
    };
    Err(DeployError::Canary(format!(
        "the configuration has no {what} {name:?}; {there}"
    )))
}

/// What shall serve.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Plan {
    pub version: Digest,
    /// The version on trial and its share, percent.
    pub canary: Option<(Canary, u8)>,
}

impl Plan {
    /// One version for all calls.
    fn whole(version: Digest) -> Self {
        Self {
            version,
            canary: None,
        }
    }

    /// The shares, that of the version first.
    pub fn serving(&self) -> Vec<Serving> {
        let canary = self.canary.as_ref().map(|(canary, percent)| Serving {
            digest: canary.digest,
            percent: *percent,
        });
        let version = Serving {
            digest: self.version,
            percent: 100 - canary.map_or(0, |canary| canary.percent.min(100)),
        };
        [version].into_iter().chain(canary).collect()
    }

    /// A component that is deployed onto what serves.
    pub fn deploy(
        flow: &str,
        before: Option<&Deployment>,
        digest: Digest,
        order: Option<&CanaryOrder>,
    ) -> Result<Self, DeployError> {
        let Some(order) = order else {
            return Ok(Self::whole(digest));
        };
        let version = before.and_then(Deployment::version);
        let (Some(before), Some(version)) = (before, version) else {
            return Err(DeployError::NothingBeside(flow.to_owned()));
        };
        if version == digest {
            return Err(DeployError::Canary(format!(
                "version {} serves already: it cannot be its own canary",
                digest.short()
            )));
        }
        let canary = Canary {
            digest,
            routes: order.routes.clone(),
            callers: order.callers.clone(),
        };
        let plan = Self {
            version,
            canary: Some((canary, order.percent)),
        };
        match &before.canary {
            // The same deploy once more is no error.
            Some(stands) if !plan.is(before) => Err(DeployError::CanaryStands {
                flow: flow.to_owned(),
                digest: stands.digest,
                percent: before.canary_percent(),
            }),
            _ => Ok(plan),
        }
    }

    /// The canary with a larger share, or, without one, as the version.
    pub fn promote(
        before: Option<&Deployment>,
        flow: &str,
        percent: Option<u8>,
    ) -> Result<Self, DeployError> {
        let none = || DeployError::NoCanary(flow.to_owned());
        let before = before.ok_or_else(none)?;
        let canary = before.canary.as_ref().ok_or_else(none)?;
        let now = before.canary_percent();
        let percent = match percent {
            None | Some(100) => return Ok(Self::whole(canary.digest)),
            Some(percent) => percent,
        };
        if percent > 100 || percent < now {
            return Err(DeployError::Canary(format!(
                "the canary of {flow:?} has {now} %, and promoting it to {percent} % is not possible: write {} to 100; `vireo flow rollback {flow}` takes it away",
                now.saturating_add(1)
            )));
        }
        Ok(Self {
            version: before.version().ok_or_else(none)?,
            canary: Some((canary.clone(), percent)),
        })
    }

    /// Does it serve already?
    pub fn is(&self, deployment: &Deployment) -> bool {
        let canary = deployment.canary.as_ref();
        deployment.version() == Some(self.version)
            && canary.map(|canary| (canary, deployment.canary_percent()))
                == self
                    .canary
                    .as_ref()
                    .map(|(canary, percent)| (canary, *percent))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digests() -> [Digest; 3] {
        ["a", "b", "c"].map(|text| Digest::of(text.as_bytes()))
    }

    fn deployment(plan: Plan) -> Deployment {
        Deployment {
            flow: "menu".into(),
            serving: plan.serving(),
            canary: plan.canary.map(|(canary, _)| canary),
            revision: 7,
        }
    }

    fn order(percent: u8) -> CanaryOrder {
        CanaryOrder {
            percent,
            ..CanaryOrder::default()
        }
    }

    fn text(result: Result<Plan, DeployError>) -> String {
        result.unwrap_err().to_string()
    }

    #[test]
    fn canaries_stand_beside_a_version_one_at_a_time() {
        let [a, b, c] = digests();
        let deploy = |before: Option<&Deployment>, digest, order: &CanaryOrder| {
            Plan::deploy("menu", before, digest, Some(order))
        };
        assert!(text(deploy(None, a, &order(5))).contains("serves nothing"));
        let whole = deployment(Plan::whole(a));
        assert!(text(deploy(Some(&whole), a, &order(5))).contains("serves already"));
        let plan = deploy(Some(&whole), b, &order(5)).unwrap();
        let shares: Vec<_> = (plan.serving().iter())
            .map(|serving| (serving.digest, serving.percent))
            .collect();
        assert_eq!(shares, [(a, 95), (b, 5)]);
        let stands = deployment(plan);
        // The same again is nothing new; another one, or another share, has to wait.
        assert!(deploy(Some(&stands), b, &order(5)).unwrap().is(&stands));
        for (digest, percent) in [(c, 5), (b, 6)] {
            let refused = text(deploy(Some(&stands), digest, &order(percent)));
            assert!(
                refused.contains("at 5 %: promote it or roll it back first"),
                "{refused}"
            );
        }
        // A deploy for all calls replaces both.
        let all = Plan::deploy("menu", Some(&stands), c, None).unwrap();
        assert_eq!(all, Plan::whole(c));
    }

    #[test]
    fn promoting_only_ever_raises_the_share() {
        let [a, b, _] = digests();
        let whole = deployment(Plan::whole(a));
        for before in [None, Some(&whole)] {
            assert!(matches!(
                Plan::promote(before, "menu", None),
                Err(DeployError::NoCanary(_))
            ));
        }
        let stands = deployment(Plan::deploy("menu", Some(&whole), b, Some(&order(20))).unwrap());
        let promote = |percent| Plan::promote(Some(&stands), "menu", percent);
        for percent in [None, Some(100)] {
            assert_eq!(promote(percent).unwrap(), Plan::whole(b));
        }
        assert!(promote(Some(20)).unwrap().is(&stands));
        assert_eq!(promote(Some(99)).unwrap().serving()[1].percent, 99);
        for percent in [0, 19, 101, 255] {
            assert!(text(promote(Some(percent))).contains("write 21 to 100"));
        }
    }

    #[test]
    fn what_cannot_be_a_canary_is_refused_with_what_can() {
        let config = serde_json::json!({
            "caller-lists": { "testers": ["+1"] },
            "routes": [{ "name": "office", "flow": "menu" }, { "name": "night", "flow": "menu" }],
        });
        let routes = Routes::compile(&serde_json::from_value(config).unwrap()).unwrap();
        let with = |percent, routes: &[&str], callers: &[&str]| CanaryOrder {
            percent,
            routes: routes.iter().map(ToString::to_string).collect(),
            callers: callers.iter().map(ToString::to_string).collect(),
        };
        for good in [
            with(1, &[], &[]),
            with(99, &["office"], &[]),
            with(0, &["office", "night"], &["testers"]),
        ] {
            assert!(good.check(&routes).is_ok());
        }
        for (bad, part) in [
            (with(0, &[], &[]), "write 1 to 99"),
            (with(100, &[], &[]), "write 1 to 99"),
            (with(5, &["offices"], &[]), "there are night, office"),
            (with(5, &[], &["tester"]), "there are testers"),
        ] {
            let refused = bad.check(&routes).unwrap_err().to_string();
            assert!(refused.contains(part), "{refused}");
        }
        let refused = with(5, &["a"], &[]).check(&Routes::default()).unwrap_err();
        assert!(refused.to_string().contains("there is no route at all"));
    }
}
