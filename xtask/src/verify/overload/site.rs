//! The gateway under overload: what it works at, and for whom.

use serde_json::{Value, json};

use crate::Outcome;
use crate::bench::arms::{Gateway, Site, api_file};

/// What a request is for the gateway. Load and backend share a core: what is overloaded is the gateway only where a request costs it
/// several times as much as it costs them, hence the templates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Work {
    /// Answered by the gateway itself.
    Template,
    /// Passed on, and the answer mapped.
    Mapped,
}

/// Who calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Plans {
    /// Anybody.
    None,
    /// Keys of two usage plans, one of which goes first.
    Two,
}

/// Usage plans with their priority, and the share of the load that comes with a key of theirs: a fifth of three times the peak fits.
pub(super) const PLANS: [(&str, u8, u32); 2] = [("first", 200, 1), ("second", 10, 4)];

/// Turns of the loop of the template.
const STEPS: usize = 300;
/// Bytes of a right answer: each turn makes one.
pub(super) const ANSWER_BYTES: usize = STEPS;

impl Work {
    pub(super) const ALL: [Work; 2] = [Work::Template, Work::Mapped];

    pub(super) fn name(self) -> &'static str {
        match self {
            Work::Template => "template",
            Work::Mapped => "mapped",
        }
    }

    pub(super) fn about(self) -> &'static str {
        match self {
            Work::Template => "answers made by a mapping template",
            Work::Mapped => "answers of the backend, mapped by a template",
        }
    }

    pub(super) fn named(name: &str) -> Outcome<Self> {
        let found = Self::ALL.into_iter().find(|work| work.name() == name);
        found.ok_or_else(|| {
            format!("there is no work `{name}`; there are {}", Self::ALL.map(Work::name).join(", "))
        })
    }

    /// The request of the load.
    pub(super) fn path(self) -> &'static str {
        match self {
            Work::Template => "/template",
            Work::Mapped => "/mapped",
        }
    }
}

/// The value of the key of a plan.
pub(super) fn key(plan: &str) -> String {
    format!("ringway-overload-key-{plan}")
}

/// A gateway of one core with an API for each kind of work.
pub(super) fn start(site: &Site, work: Work, plans: Plans, upstream: usize) -> Outcome<Gateway> {
    let mut document: Value = serde_json::from_str(&site.openapi()).map_err(|error| error.to_string())?;
    let template = format!("#foreach($i in [1..{STEPS}])#if($i % 2 == 0)a#{{else}}b#end#end");
    let operation = |integration: Value| {
        let mut integration = integration;
        integration["responses"] = json!({
            "default": { "statusCode": "200", "responseTemplates": { "application/json": template } },
        });
        json!({
            "responses": { "200": { "description": "a text" } },
            "x-amazon-apigateway-integration": integration,
        })
    };
    document["paths"]["/template"]["get"] = operation(json!({
        "type": "mock",
        "requestTemplates": { "application/json": r#"{"statusCode": 200}"# },
    }));
    document["paths"]["/mapped"]["get"] = operation(json!({
        "type": "http",
        "httpMethod": "GET",
        "uri": format!("http://{}/pets/42", site.backend.address),
    }));
    let mut lines = String::new();
    if plans == Plans::Two {
        require_keys(&mut document);
        let usage = site.scratch.write("overload.usage.toml", &usage_file())?;
        lines = format!("usage = [{:?}]\n", usage.display().to_string());
    }
    site.scratch.write("overload.openapi.json", &document.to_string())?;
    let api = api_file("overload", "overload.openapi.json", "bench", "(none)");
    let api = site.scratch.write("overload.api.toml", &api)?;
    let gateway = site.start_gateway_with(&[&api], Some(site.proxy_core), &lines, upstream)?;
    println!("{} work: {}", work.name(), gateway.server.address);
    Ok(gateway)
}

fn require_keys(document: &mut Value) {
    document["components"] = json!({ "securitySchemes": { "api_key": { "type": "apiKey", "name": "x-api-key", "in": "header" } } });
    let paths = document["paths"].as_object_mut().into_iter().flat_map(|paths| paths.values_mut());
    for operation in paths.filter_map(Value::as_object_mut).flat_map(|path| path.values_mut()) {
        operation["security"] = json!([{ "api_key": [] }]);
    }
}

fn usage_file() -> String {
    let mut text = String::new();
    for (name, priority, _) in PLANS {
        let value = key(name);
        text.push_str(&format!(
            r#"[[usagePlans]]
id = "{name}"
name = "{name}"
priority = {priority}
apiStages = [{{ apiId = "overload", stage = "bench" }}]

[[apiKeys]]
id = "{name}"
name = "{name}"
value = "{value}"
enabled = true
usagePlanIds = ["{name}"]

"#
        ));
    }
    text
}
