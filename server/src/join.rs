//! What files and the control plane have, as one configuration.

use std::collections::HashSet;
use std::sync::Arc;

use ringway_core::model::{ApiKey, ApiKeys, Configuration};

/// Both together; nothing may be in both.
pub(crate) fn join(
    files: &Configuration,
    serving: &Configuration,
    keys: &mut JoinedKeys,
) -> Result<Configuration, Vec<String>> {
    let mut conflicts = Vec::new();
    let in_both = |what: &str| format!("{what} is in a file and in the control plane");
    let mut joined = Configuration { api_keys: ApiKeys::default(), ..files.clone() };
    let ids: HashSet<&str> = files.apis.iter().map(|api| api.id.as_str()).collect();
    for api in &serving.apis {
        if ids.contains(api.id.as_str()) {
            conflicts.push(in_both(&format!("the API {}", api.id)));
        }
        joined.apis.push(api.clone());
    }
    let names: HashSet<&str> = files.domain_names.iter().map(|domain| domain.domain_name.as_str()).collect();
    for domain in &serving.domain_names {
        if names.contains(domain.domain_name.as_str()) {
            conflicts.push(in_both(&format!("the domain name {}", domain.domain_name)));
        }
        joined.domain_names.push(domain.clone());
    }
    let plans: HashSet<&str> = files.usage_plans.iter().map(|plan| plan.id.as_str()).collect();
    for plan in &serving.usage_plans {
        if plans.contains(plan.id.as_str()) {
            conflicts.push(in_both(&format!("the usage plan {}", plan.id)));
        }
        joined.usage_plans.push(plan.clone());
    }
    // Stages that the control plane's plans name may have been deleted, as on AWS; a file says what there is to be.
    conflicts.extend(ringway_controlplane::plan_problems(&files.usage_plans, &joined.apis));
    match keys.join(&files.api_keys, &serving.api_keys) {
        Ok(keys) => joined.api_keys = keys,
        Err(more) => conflicts.extend(more),
    }
    if conflicts.is_empty() { Ok(joined) } else { Err(conflicts) }
}

/// The API keys of the files and of the control plane, and both together: the parts of which neither has changed are not looked at again.
#[derive(Debug, Default)]
pub(crate) struct JoinedKeys {
    files: ApiKeys,
    serving: ApiKeys,
    joined: ApiKeys,
    /// Ids of the keys of files.
    ids: HashSet<String>,
}

type Part = Arc<Vec<Arc<ApiKey>>>;

impl JoinedKeys {
    fn join(&mut self, files: &ApiKeys, serving: &ApiKeys) -> Result<ApiKeys, Vec<String>> {
        let is_same = |(now, before): (&Part, &Part)| Arc::ptr_eq(now, before);
        let files_are_same = files.parts().iter().zip(self.files.parts()).all(is_same);
        if !files_are_same {
            self.ids = files.iter().map(|key| key.id.clone()).collect();
        }
        let mut conflicts = Vec::new();
        let mut joined = self.joined.clone();
        for (index, (file, served)) in files.parts().iter().zip(serving.parts()).enumerate() {
            let served_is_same = Arc::ptr_eq(served, &self.serving.parts()[index]);
            // An id may be that of a key with any value.
            if !(self.ids.is_empty() || served_is_same && files_are_same) {
                conflicts.extend(
                    served.iter().filter(|key| self.ids.contains(&key.id)).map(|key| &key.id).map(|id| {
                        format!("the id of the API key {id} is in a file and in the control plane")
                    }),
                );
            }
            if !(served_is_same && Arc::ptr_eq(file, &self.files.parts()[index])) {
                joined.set_part(index, merged(file, served, &mut conflicts));
            }
        }
        if !conflicts.is_empty() {
            // The ids are those of `files`, which are not kept.
            *self = JoinedKeys::default();
            return Err(conflicts);
        }
        self.files = files.clone();
        self.serving = serving.clone();
        self.joined = joined.clone();
        Ok(joined)
    }
}

fn merged(file: &Part, served: &Part, conflicts: &mut Vec<String>) -> Part {
    if served.is_empty() || file.is_empty() {
        return if served.is_empty() { file.clone() } else { served.clone() };
    }
    for key in served.iter() {
        if let Some(known) = file.iter().find(|known| known.value == key.value && known.id != key.id) {
            conflicts.push(format!(
                "the API key {} of a file and {} of the control plane have the same value",
                known.id, key.id
            ));
        }
    }
    Arc::new(file.iter().chain(served.iter()).cloned().collect())
}

#[cfg(test)]
mod tests {
    use ringway_core::model::{Api, ApiStage, DomainName, UsagePlan};

    use super::*;

    fn key(id: &str, value: &str) -> ApiKey {
        ApiKey { id: id.into(), value: value.into(), enabled: true, usage_plans: Vec::new() }
    }

    fn keys(prefix: &str, count: usize) -> ApiKeys {
        let mut keys = ApiKeys::default();
        (0..count)
            .for_each(|i| keys.insert(key(&format!("{prefix}{i}"), &format!("{prefix}-value-{i:020}"))));
        keys
    }

    fn plan(id: &str, api: &str) -> Arc<UsagePlan> {
        let stage = ApiStage { api_id: api.into(), stage: "s".into(), throttles: Vec::new() };
        Arc::new(UsagePlan {
            id: id.into(),
            name: id.into(),
            api_stages: vec![stage],
            throttle: None,
            quota: None,
            concurrency_limit: None,
            priority: 0,
        })
    }

    #[test]
    fn nothing_is_in_a_file_and_in_the_control_plane() {
        let api = |id: &str| Arc::new(Api { id: id.into(), name: id.into(), stages: Vec::new() });
        let domain = |name: &str| DomainName { domain_name: name.into(), base_path_mappings: Vec::new() };
        let files = Configuration {
            apis: vec![api("a"), api("b")],
            domain_names: vec![domain("x.example")],
            ..Configuration::default()
        };
        let other = Configuration {
            apis: vec![api("c")],
            domain_names: vec![domain("y.example")],
            ..Configuration::default()
        };
        let joined = join(&files, &other, &mut JoinedKeys::default()).unwrap();
        assert_eq!((joined.apis.len(), joined.domain_names.len()), (3, 2));
        let same = Configuration {
            apis: vec![api("b")],
            domain_names: vec![domain("x.example")],
            ..Configuration::default()
        };
        assert_eq!(
            join(&files, &same, &mut JoinedKeys::default()).unwrap_err(),
            [
                "the API b is in a file and in the control plane",
                "the domain name x.example is in a file and in the control plane"
            ]
        );
    }

    #[test]
    fn a_changed_key_changes_a_part() {
        let (files, mut serving) = (keys("file", 5_000), keys("plane", 5_000));
        let mut memory = JoinedKeys::default();
        let before = memory.join(&files, &serving).unwrap();
        assert_eq!((before.len(), before.iter().count()), (10_000, 10_000));
        serving.insert(key("new", "a-value-of-the-control-plane"));
        serving.remove("plane-value-00000000000000000007");
        let after = memory.join(&files, &serving).unwrap();
        let changed = after.parts().iter().zip(before.parts()).filter(|(a, b)| !Arc::ptr_eq(a, b)).count();
        assert!((1..=2).contains(&changed), "{changed}");
        assert!(after.get("a-value-of-the-control-plane").is_some());
        assert!(after.get("plane-value-00000000000000000007").is_none());
        assert!(after.get("file-value-00000000000000000007").is_some());
    }

    #[test]
    fn keys_and_plans_are_in_one_place() {
        let configuration = |plan_id: &str, key_id: &str, value: &str| {
            let mut keys = ApiKeys::default();
            keys.insert(key(key_id, value));
            Configuration {
                usage_plans: vec![plan(plan_id, "a")],
                api_keys: keys,
                ..Configuration::default()
            }
        };
        let mut files = configuration("p", "k", "a-value-of-both-of-them");
        files.usage_plans.push(plan("q", "b"));
        let api = Api { id: "b".into(), name: "b".into(), stages: Vec::new() };
        files.apis.push(Arc::new(api));
        let serving = configuration("p", "l", "a-value-of-both-of-them");
        let mut memory = JoinedKeys::default();
        assert_eq!(
            join(&files, &serving, &mut memory).unwrap_err(),
            [
                "the usage plan p is in a file and in the control plane",
                "the usage plan `p`: there is no API `a`",
                "the usage plan `q`: the API `b` has no stage `s`",
                "the API key k of a file and l of the control plane have the same value",
            ]
        );
        let serving = configuration("r", "k", "another-value-of-the-plane");
        let told = join(&files, &serving, &mut memory).unwrap_err();
        assert_eq!(told[2], "the id of the API key k is in a file and in the control plane");
        // Nothing of what was refused is remembered.
        let other = keys("plane", 3);
        assert_eq!(memory.join(&files.api_keys, &other).unwrap().len(), 4);
    }
}
