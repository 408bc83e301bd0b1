//! An API file as text.

use std::fmt::Write as _;

use ringway_core::model::{self, MethodSetting, MethodSettings};

use crate::access_log;
use crate::aws::State;
use crate::aws::wire::{BasePathMapping, CanarySettings, RestApi, Stage, Texts};
use crate::stage_settings::strategy_name;
use crate::throttle::{MethodName, has_method};

/// Where the document of a deployment is, beside the API file.
pub(super) fn document_path(api: &str, deployment: &str) -> String {
    format!("{api}/{deployment}.json")
}

/// The API file of an API with stages. `main` is the deployment that stages serve where they do not name another.
pub(super) fn api_file(
    state: &State,
    api: &RestApi,
    served: &model::Api,
    main: &str,
    takes_idle: bool,
) -> String {
    let mut file = File(String::new());
    file.text("restApiId", &api.id);
    file.text("body", &document_path(&api.id, main));
    if takes_idle {
        file.line("takesIdle = true # the documents have members that do nothing, and AWS takes them");
    }
    for (_, stage) in state.stages.children(&api.id) {
        file.stage(api, stage, main);
        let served = served.stages.iter().filter(|served| served.stage_name == stage.stage_name);
        served.for_each(|served| file.method_settings(served));
    }
    for (key, domain) in state.domain_names.iter() {
        let mappings: Vec<_> = mappings(state, key, &api.id).collect();
        if !mappings.is_empty() {
            file.domain_name(&domain.domain_name, &mappings);
        }
    }
    file.0
}

/// The mappings of a domain name to one API: each API file has its own, and several may have the same domain name.
fn mappings<'s>(state: &'s State, domain: &str, api: &str) -> impl Iterator<Item = &'s BasePathMapping> {
    let rows = state.base_path_mappings.children(domain).map(|(_, mapping)| mapping);
    rows.filter(move |mapping| mapping.rest_api_id == api)
}

/// The access log format, without the line end that AWS allows, where a file can have it.
pub(super) fn access_log_format(stage: &Stage) -> Option<&str> {
    let format = stage.access_log_settings.as_ref()?.format.as_deref()?.trim_end();
    access_log::validate(format).is_ok().then_some(format)
}

/// Settings of methods that a file may have: it may name no method that the stage does not have.
pub(super) fn own_settings(stage: &model::Stage) -> impl Iterator<Item = &MethodSetting> {
    let is_there = |method: &MethodName| has_method(stage, method);
    stage.method_settings.iter().filter(move |setting| setting.method.as_ref().is_none_or(is_there))
}

struct File(String);

impl File {
    fn line(&mut self, line: &str) {
        self.0.push_str(line);
        self.0.push('\n');
    }

    fn text(&mut self, key: &str, text: &str) {
        let _ = writeln!(self.0, "{key} = {}", toml::Value::from(text));
    }

    fn texts(&mut self, table: &str, texts: &Texts) {
        if !texts.is_empty() {
            self.line(&format!("[{table}]"));
            // Names of stage variables are bare keys.
            texts.iter().for_each(|(name, value)| self.text(name, value));
        }
    }

    fn stage(&mut self, api: &RestApi, stage: &Stage, main: &str) {
        self.line("\n[[stages]]");
        self.text("stageName", &stage.stage_name);
        if let Some(description) = &stage.description {
            self.text("description", description);
        }
        if stage.deployment_id != main {
            self.text("body", &document_path(&api.id, &stage.deployment_id));
        }
        if let Some(size) = &stage.cache_cluster_size {
            self.line(&format!("cacheClusterEnabled = {}", stage.cache_cluster_enabled));
            self.text("cacheClusterSize", size);
        }
        self.texts("stages.variables", &stage.variables);
        if let Some(format) = access_log_format(stage) {
            self.line("[stages.accessLogSettings]");
            self.text("format", format);
        }
        if let Some(canary) = &stage.canary_settings {
            self.canary(api, canary, &stage.deployment_id);
        }
    }

    /// Settings of the methods that there are, without AWS's defaults.
    fn method_settings(&mut self, stage: &model::Stage) {
        for MethodSetting { method, settings } in own_settings(stage) {
            let key =
                method.as_ref().map_or("*/*".to_owned(), |(path, verb)| format!("{path}/{}", verb.as_str()));
            self.line(&format!("[stages.methodSettings.{}]", toml::Value::from(key)));
            let defaults = MethodSettings::default();
            if let Some(throttle) = settings.throttle {
                self.line(&format!("throttlingRateLimit = {:?}", throttle.rate_limit));
                self.line(&format!("throttlingBurstLimit = {}", throttle.burst_limit));
            }
            if let Some(enabled) = settings.caching_enabled {
                self.line(&format!("cachingEnabled = {enabled}"));
            }
            if settings.cache_ttl_seconds != defaults.cache_ttl_seconds {
                self.line(&format!("cacheTtlInSeconds = {}", settings.cache_ttl_seconds));
            }
            if !settings.require_authorization_for_cache_control {
                self.line("requireAuthorizationForCacheControl = false");
            }
            if settings.unauthorized_cache_control != defaults.unauthorized_cache_control {
                let name = strategy_name(settings.unauthorized_cache_control);
                self.text("unauthorizedCacheControlHeaderStrategy", name);
            }
        }
    }

    fn canary(&mut self, api: &RestApi, canary: &CanarySettings, of_stage: &str) {
        self.line("[stages.canarySettings]");
        self.line(&format!("percentTraffic = {}", canary.percent_traffic));
        if canary.deployment_id != of_stage {
            self.text("body", &document_path(&api.id, &canary.deployment_id));
        }
        if canary.use_stage_cache {
            self.line("useStageCache = true");
        }
        self.texts("stages.canarySettings.stageVariableOverrides", &canary.stage_variable_overrides);
    }

    fn domain_name(&mut self, name: &str, mappings: &[&BasePathMapping]) {
        self.line("\n[[domainNames]]");
        self.text("domainName", name);
        for mapping in mappings {
            self.line("[[domainNames.basePathMappings]]");
            self.text("basePath", &mapping.base_path);
            self.text("restApiId", &mapping.rest_api_id);
            if let Some(stage) = &mapping.stage {
                self.text("stage", stage);
            }
        }
    }
}
