//! The stages of an API file (tables.md §9.2–9.4).

use std::collections::BTreeMap;
use std::rc::Rc;

use ringway_core::model::{
    CanarySettings, ResponseValidation, Stage, is_stage_variable_name, is_stage_variable_value,
};

use crate::api_file::{ApiReader, is_stage_name};
use crate::body::Body;
use crate::cursor::Cursor;
use crate::issue::quoted;

const KEYS: [&str; 11] = [
    "stageName",
    "body",
    "variables",
    "accessLogSettings",
    "canarySettings",
    "responseValidation",
    "description",
    "methodSettings",
    "cacheClusterEnabled",
    "cacheClusterSize",
    "cache",
];
/// Properties of a Stage (tables.md §9.2) that are not built.
const NOT_BUILT: [&str; 5] =
    ["clientCertificateId", "deploymentId", "documentationVersion", "tracingEnabled", "webAclArn"];
const CANARY_KEYS: [&str; 4] = ["percentTraffic", "body", "stageVariableOverrides", "useStageCache"];

/// Most variables of a stage (tables.md §9.3).
const VARIABLES_MAX: usize = 100;

/// A body, where one is named; `Some(None)` when it has issues.
type Named<'b> = Option<Option<&'b Rc<Body>>>;

impl<'a> ApiReader<'_, '_, 'a> {
    pub(crate) fn stages(&mut self, root: &Cursor<'a>, main_body: Named<'_>) -> Vec<Stage> {
        let Some(cursor) = self.issues.required(root, "stages") else { return Vec::new() };
        let items = self.issues.sequence(&cursor).unwrap_or_default();
        if items.is_empty() {
            self.issues.at(&cursor, "an API needs at least one stage");
        }
        let mut stages: Vec<Stage> = Vec::new();
        for item in items {
            let Some(stage) = self.stage(&item, main_body) else { continue };
            if stages.iter().any(|other| other.stage_name == stage.stage_name) {
                let message = format!("the stage {} is there twice", quoted(&stage.stage_name));
                self.issues.at(&item.get("stageName").unwrap_or(item), message);
                continue;
            }
            stages.push(stage);
        }
        stages
    }

    fn stage(&mut self, cursor: &Cursor<'a>, main_body: Named<'_>) -> Option<Stage> {
        self.issues.mapping(cursor)?;
        self.stage_keys(cursor, &KEYS, &NOT_BUILT);
        if let Some(description) = cursor.get("description") {
            self.issues.string(&description);
        }
        let stage_name = self.issues.required(cursor, "stageName").and_then(|name| self.stage_name(&name));
        let variables = self.variables(cursor, "variables");
        let access_log_format = self.access_log_format(cursor);
        let response_validation = self.response_validation(cursor);
        let own_body = cursor.get("body").map(|body| self.bodies.body(self.issues, &body));
        let body = match (&own_body, main_body) {
            (Some(body), _) => body.as_ref(),
            (None, Some(body)) => body,
            (None, None) => {
                self.issues
                    .at(cursor, "neither the stage nor the API has a `body`: there is nothing to serve");
                None
            }
        };
        let canary = match (cursor.get("canarySettings"), body, &variables) {
            (Some(settings), Some(body), Some(variables)) => Some(self.canary(&settings, body, variables)),
            _ => None,
        };
        let body = body?;
        let variables = variables?;
        self.check_variables(cursor, "variables", body, &variables);
        let mut stage = Stage {
            variables,
            access_log_format,
            canary: canary.flatten(),
            response_validation,
            ..Stage::new(stage_name.clone().unwrap_or_default(), body.deployment.clone())
        };
        self.stage_settings(cursor, &mut stage);
        stage_name.map(|_| stage)
    }

    /// Reports what the document of a stage or canary needs and its variables do not give.
    fn check_variables(
        &mut self,
        cursor: &Cursor<'a>,
        key: &str,
        body: &Body,
        variables: &BTreeMap<String, String>,
    ) {
        let place = cursor.get(key).unwrap_or_else(|| cursor.clone());
        for problem in body.stage_problems(variables) {
            self.issues.at(&place, problem);
        }
    }

    pub(crate) fn stage_keys(&mut self, cursor: &Cursor<'a>, known: &[&str], not_built: &[&str]) {
        for (key, member) in cursor.entries() {
            if not_built.contains(&key) {
                self.issues.at_key(&member, format!("`{key}` is not built yet"), None);
            } else if !known.contains(&key) {
                self.issues.unknown_key(&member, key, known.iter().copied());
            }
        }
    }

    fn stage_name(&mut self, cursor: &Cursor<'a>) -> Option<String> {
        let name = self.issues.string(cursor)?;
        if is_stage_name(name) {
            return Some(name.to_owned());
        }
        let message = format!("{} is not valid: 1 to 128 characters of `[A-Za-z0-9_-]`", quoted(name));
        self.issues.at(cursor, message);
        None
    }

    /// The variables as far as they are valid; `None` when they are no table.
    fn variables(&mut self, stage: &Cursor<'a>, key: &str) -> Option<BTreeMap<String, String>> {
        let Some(cursor) = stage.get(key) else { return Some(BTreeMap::new()) };
        let members = self.issues.mapping(&cursor)?;
        if members.len() > VARIABLES_MAX {
            let message = format!("{} variables; a stage has at most {VARIABLES_MAX}", members.len());
            self.issues.at(&cursor, message);
        }
        let mut variables = BTreeMap::new();
        for (name, member) in members {
            if !is_stage_variable_name(name) {
                let message =
                    format!("{} is not valid: 1 to 64 letters, digits and underscores", quoted(name));
                self.issues.at_key(&member, message, None);
            }
            // Kept even where it is wrong: it is defined, and one fault is one issue.
            let value = self.issues.string(&member).unwrap_or("1");
            if !is_stage_variable_value(value) {
                let rule = "1 to 512 characters of `[A-Za-z0-9-._~:/?#&=,]`";
                self.issues.at(&member, format!("the value {} is not valid: {rule}", quoted(value)));
            }
            variables.insert(name.to_owned(), value.to_owned());
        }
        Some(variables)
    }

    fn access_log_format(&mut self, stage: &Cursor<'a>) -> Option<String> {
        let settings = stage.get("accessLogSettings")?;
        self.issues.mapping(&settings)?;
        self.stage_keys(&settings, &["format"], &["destinationArn"]);
        let format = self.issues.required(&settings, "format")?;
        self.issues.access_log_format(&format).map(str::to_owned)
    }

    /// Ours, not AWS's.
    fn response_validation(&mut self, stage: &Cursor<'a>) -> ResponseValidation {
        let Some(cursor) = stage.get("responseValidation") else { return ResponseValidation::Off };
        match self.issues.string(&cursor) {
            None | Some("off") => ResponseValidation::Off,
            Some("observe") => ResponseValidation::Observe,
            Some("enforce") => ResponseValidation::Enforce,
            Some(other) => {
                self.issues
                    .at(&cursor, format!("{} is not valid: `off`, `observe` or `enforce`", quoted(other)));
                ResponseValidation::Off
            }
        }
    }

    /// A canary without a body of its own serves that of the stage, with other variables (tables.md §9.4).
    fn canary(
        &mut self,
        cursor: &Cursor<'a>,
        stage_body: &Rc<Body>,
        variables: &BTreeMap<String, String>,
    ) -> Option<CanarySettings> {
        self.issues.mapping(cursor)?;
        self.stage_keys(cursor, &CANARY_KEYS, &["deploymentId"]);
        let percent_traffic = cursor
            .get("percentTraffic")
            .map_or(Some(0.0), |percent| self.issues.number(&percent, 0.0, 100.0));
        let stage_variable_overrides = self.variables(cursor, "stageVariableOverrides");
        let use_stage_cache =
            cursor.get("useStageCache").map_or(Some(false), |flag| self.issues.boolean(&flag));
        let body = match cursor.get("body") {
            Some(body) => self.bodies.body(self.issues, &body)?,
            None => stage_body.clone(),
        };
        let stage_variable_overrides = stage_variable_overrides?;
        let mut all = variables.clone();
        all.extend(stage_variable_overrides.clone());
        self.check_variables(cursor, "stageVariableOverrides", &body, &all);
        Some(CanarySettings {
            percent_traffic: percent_traffic?,
            deployment: body.deployment.clone(),
            stage_variable_overrides,
            use_stage_cache: use_stage_cache?,
        })
    }
}
