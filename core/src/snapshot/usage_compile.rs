//! Usage plans and keys to tables. What a key has used lives on in every table that it is in.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use super::compile::CompileSettings;
use super::usage::{
    ApiKeyPlan, ClientPlan, KEYS_OF_PART, KeyPart, KeyTable, MethodRate, PlanStage, RouteLimits, Throttle,
    UsagePlanTable, UsageTables,
};
use super::{Snapshot, StagePlan};
use crate::limit::{Bucket, Client, Quota, TokenRate, UnderWay};
use crate::model::{
    ApiKey, ApiKeys, ApiStage, Configuration, HttpMethod, MethodSettings, ThrottleSettings, UsagePlan,
    hash_of,
};

/// What of limits outlives a snapshot.
#[derive(Debug, Default)]
pub(super) struct LimitRegistry {
    buckets: u64,
    /// By API, stage and route; the account's under an empty one.
    throttles: HashMap<RouteName, Arc<Bucket>>,
    under_way: HashMap<RouteName, Arc<UnderWay>>,
    plan_slots: HashMap<String, u32>,
    free_plan_slots: BTreeSet<u32>,
    last: Option<Compiled>,
}

/// API, stage, `GET /pets`.
type RouteName = (String, String, String);

/// What a table was made of.
#[derive(Debug)]
struct Compiled {
    layout: Vec<Layout>,
    model: ApiKeys,
    parts: Vec<KeyPart>,
}

/// What the tables of keys depend on of a plan.
#[derive(Debug, Clone, PartialEq)]
struct Layout {
    id: String,
    slot: u32,
    methods: Vec<MethodName>,
}

/// API, stage, path and verb of a method throttle.
type MethodName = (String, String, String, HttpMethod);

impl LimitRegistry {
    fn bucket(&mut self) -> Bucket {
        self.buckets += 1;
        Bucket::new(self.buckets)
    }

    fn throttle(&mut self, name: RouteName, settings: ThrottleSettings, cores: usize) -> Throttle {
        let bucket = match self.throttles.get(&name) {
            Some(bucket) => bucket.clone(),
            None => {
                let bucket = Arc::new(self.bucket());
                self.throttles.insert(name, bucket.clone());
                bucket
            }
        };
        Throttle { rate: TokenRate::new(settings, cores), bucket }
    }

    /// The account's throttle.
    pub(super) fn account(&mut self, settings: &CompileSettings) -> Option<Throttle> {
        Some(self.throttle(RouteName::default(), settings.account_throttle?, settings.cores))
    }

    /// What limits a route; `None`: nothing.
    pub(super) fn route(
        &mut self,
        name: RouteName,
        api_key_required: bool,
        settings: &MethodSettings,
        cores: usize,
    ) -> Option<Box<RouteLimits>> {
        let MethodSettings { throttle, concurrency_limit, .. } = *settings;
        if !api_key_required && throttle.is_none() && concurrency_limit.is_none() {
            return None;
        }
        let concurrency =
            concurrency_limit.map(|limit| (limit, self.under_way.entry(name.clone()).or_default().clone()));
        let throttle = throttle.map(|settings| self.throttle(name, settings, cores));
        Some(Box::new(RouteLimits { api_key_required, throttle, concurrency }))
    }

    /// Forgets what no snapshot uses any more.
    pub(super) fn retire(&mut self) {
        self.throttles.retain(|_, bucket| Arc::strong_count(bucket) > 1);
        self.under_way.retain(|_, count| Arc::strong_count(count) > 1);
    }

    fn plan_slot(&mut self, id: &str) -> u32 {
        if let Some(slot) = self.plan_slots.get(id) {
            return *slot;
        }
        let next = self.plan_slots.len() as u32;
        let slot = self.free_plan_slots.pop_first().unwrap_or(next);
        self.plan_slots.insert(id.to_owned(), slot);
        slot
    }

    /// Compiles plans and keys for the stages of `snapshot`.
    pub(super) fn tables(
        &mut self,
        configuration: &Configuration,
        snapshot: &Snapshot,
        cores: usize,
    ) -> Result<UsageTables, Vec<String>> {
        let plans = &configuration.usage_plans;
        let kept: BTreeSet<&str> = plans.iter().map(|plan| plan.id.as_str()).collect();
        let free = &mut self.free_plan_slots;
        self.plan_slots.retain(|id, slot| kept.contains(id.as_str()) || !free.insert(*slot));
        let layout: Vec<Layout> = plans.iter().map(|plan| self.layout(plan)).collect();
        let stages = stages(snapshot);
        let mut tables = UsageTables::default();
        for (plan, layout) in plans.iter().zip(&layout) {
            let slot = layout.slot as usize;
            if tables.plans.len() <= slot {
                tables.plans.resize_with(slot + 1, || None);
            }
            tables.plans[slot] = Some(plan_table(plan, layout, snapshot, &stages, cores));
        }
        tables.keys = self.keys(&configuration.api_keys, layout)?;
        Ok(tables)
    }

    fn layout(&mut self, plan: &UsagePlan) -> Layout {
        let of_stage = |stage: &ApiStage| {
            let (api, name) = (stage.api_id.clone(), stage.stage.clone());
            let throttles = stage.throttles.clone().into_iter();
            throttles.map(move |method| (api.clone(), name.clone(), method.resource_path, method.http_method))
        };
        Layout {
            id: plan.id.clone(),
            slot: self.plan_slot(&plan.id),
            methods: plan.api_stages.iter().flat_map(of_stage).collect(),
        }
    }

    fn keys(&mut self, model: &ApiKeys, layout: Vec<Layout>) -> Result<KeyTable, Vec<String>> {
        let last = self.last.take();
        let same_layout = last.as_ref().is_some_and(|last| last.layout == layout);
        let by_id: HashMap<&str, &Layout> = layout.iter().map(|plan| (plan.id.as_str(), plan)).collect();
        let mut errors = Vec::new();
        let mut parts = Vec::with_capacity(model.parts().len());
        for (index, part) in model.parts().iter().enumerate() {
            let before = last.as_ref().map(|last| (&last.parts[index], &last.model.parts()[index]));
            parts.push(match before {
                Some((table, known)) if same_layout && Arc::ptr_eq(known, part) => table.clone(),
                _ if part.len() > KEYS_OF_PART => {
                    errors.push(format!("{} API keys are more than one gateway holds", model.len()));
                    KeyPart::default()
                }
                before => {
                    let before = before.map(|(table, _)| table).zip(last.as_ref());
                    let before = before.map(|(table, last)| (table, last.layout.as_slice()));
                    let hash = |key: &ApiKey| hash_of(key.value.as_bytes());
                    let keys = part.iter().map(|key| (hash(key), self.key(key, &by_id, before)));
                    KeyPart::new(keys.collect())
                }
            });
        }
        if !errors.is_empty() {
            self.last = last;
            errors.truncate(1);
            return Err(errors);
        }
        self.last = Some(Compiled { layout, model: model.clone(), parts: parts.clone() });
        Ok(KeyTable::new(parts))
    }

    /// A key with its plans: what it has used before stays what it has used.
    fn key(
        &mut self,
        key: &ApiKey,
        plans: &HashMap<&str, &Layout>,
        before: Option<(&KeyPart, &[Layout])>,
    ) -> ApiKeyPlan {
        let value = key.value.as_bytes();
        let known = before.and_then(|(part, layout)| Some((part.find(hash_of(value), value)?, layout)));
        let known = known.filter(|(known, _)| *known.id() == *key.id);
        let mut clients = Vec::with_capacity(key.usage_plans.len());
        for id in &key.usage_plans {
            let Some(plan) = plans.get(id.as_str()) else { continue };
            let known = known.and_then(|(known, layout)| {
                let client = known.plans().find(|known| *known.client.usage_plan_id == **id)?;
                Some((client, layout.iter().find(|plan| plan.id == *id)?))
            });
            let client = match known {
                Some((known, _)) => known.client.clone(),
                None => Arc::new(Client {
                    usage_plan_id: id.as_str().into(),
                    api_key_id: key.id.as_str().into(),
                    throttle: self.bucket(),
                    quota: Quota::default(),
                    under_way: UnderWay::default(),
                }),
            };
            let methods = plan.methods.iter().map(|method| {
                let known = known.and_then(|(known, layout)| {
                    let index = layout.methods.iter().position(|known| known == method)?;
                    known.method(index as u32).cloned()
                });
                known.unwrap_or_else(|| Arc::new(self.bucket()))
            });
            let methods = methods.collect();
            clients.push(ClientPlan::new(plan.slot, client, methods));
        }
        ApiKeyPlan::new(&key.value, &key.id, key.enabled, clients)
    }
}

type Stages<'s> = HashMap<(&'s str, &'s str), Vec<u32>>;

/// Where a stage is in the snapshot, and where its canary.
fn stages(snapshot: &Snapshot) -> Stages<'_> {
    let mut stages: Stages<'_> = HashMap::with_capacity(snapshot.stages.len());
    for (index, stage) in snapshot.stages.iter().enumerate() {
        stages.entry((&stage.api_id, &stage.stage_name)).or_default().push(index as u32);
    }
    stages
}

fn plan_table(
    plan: &UsagePlan,
    layout: &Layout,
    snapshot: &Snapshot,
    stages: &Stages<'_>,
    cores: usize,
) -> UsagePlanTable {
    let mut table = UsagePlanTable {
        id: plan.id.as_str().into(),
        throttle: plan.throttle.map(|settings| TokenRate::new(settings, cores)),
        quota: plan.quota,
        concurrency_limit: plan.concurrency_limit,
        priority: plan.priority,
        stages: Vec::new(),
    };
    // In the order of the layout.
    let mut bucket = 0;
    for stage in &plan.api_stages {
        let places = stages.get(&(stage.api_id.as_str(), stage.stage.as_str()));
        for index in places.into_iter().flatten() {
            let routes = &snapshot.stages[*index as usize];
            let rates = stage.throttles.iter().enumerate().flat_map(|(i, throttle)| {
                let rate = TokenRate::new(throttle.throttle, cores);
                let found = route_of(routes, &throttle.resource_path, throttle.http_method);
                found.map(|route| MethodRate { route, bucket: bucket + i as u32, rate })
            });
            table.stages.push(PlanStage { stage: *index, methods: rates.collect() });
        }
        bucket += stage.throttles.len() as u32;
    }
    debug_assert_eq!(bucket as usize, layout.methods.len());
    table
}

fn route_of(stage: &StagePlan, path: &str, method: HttpMethod) -> Option<u32> {
    let is_it = |route: &super::RoutePlan| *route.resource_path == *path && route.http_method == method;
    stage.routes.iter().position(is_it).map(|index| index as u32)
}
