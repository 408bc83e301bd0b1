//! Writes to one API without end, and what it is known to be after each answer.

use std::net::SocketAddr;

use serde_json::{Value, json};

use super::client::{Client, id};
use super::picture::{MOCK, Picture, SERVED, STAGE, UNKNOWN, deployment, model, resource};
use crate::Outcome;
use crate::statistics::Random;

/// Where the writer begins to delete: pages of collections stay one page, and pictures small.
const TREES: usize = 8;
const CHILDREN: usize = 6;
const MODELS: usize = 12;
const DEPLOYMENTS: usize = 6;

/// A writer and its API.
pub(super) struct Writer {
    pub(super) api: String,
    root: String,
    /// What the answers have said.
    pub(super) answered: Picture,
    /// What the write that has no answer would make of that.
    pub(super) unanswered: Option<Picture>,
    /// Writes that were answered.
    pub(super) count: u64,
    next: u64,
    random: Random,
}

/// One write, and what is there after it.
struct Step {
    method: &'static str,
    path: String,
    body: Value,
    after: Picture,
    /// What of it gets its id by the answer.
    created: Option<String>,
}

impl Writer {
    /// Makes an API that answers a number on its stage.
    pub(super) fn new(client: &mut Client, name: &str, random: Random) -> Outcome<Self> {
        let answer = client.good("POST", "/restapis", &json!({ "name": name }))?;
        let (api, root) = (id(&answer, "id")?, id(&answer, "rootResourceId")?);
        let resources = format!("/restapis/{api}/resources");
        let number = client.good("POST", &format!("{resources}/{root}"), &json!({ "pathPart": "number" }))?;
        let method = format!("{resources}/{}/methods/GET", id(&number, "id")?);
        let templates = |text: &str| json!({ "application/json": text });
        let calls = [
            ("", json!({ "authorizationType": "NONE" })),
            ("/responses/200", json!({})),
            (
                "/integration",
                json!({ "type": "MOCK", "requestTemplates": templates("{\"statusCode\": 200}") }),
            ),
            ("/integration/responses/200", json!({ "responseTemplates": templates("0") })),
        ];
        for (place, body) in calls {
            client.good("PUT", &format!("{method}{place}"), &body)?;
        }
        let live = json!({ "stageName": "live", "description": "0" });
        client.good("POST", &format!("/restapis/{api}/deployments"), &live)?;
        Ok(Writer { api, root, answered: Picture::new(), unanswered: None, count: 0, next: 1, random })
    }

    /// Writes until the connection ends.
    pub(super) fn write(&mut self, control: SocketAddr) -> Outcome<()> {
        let Ok(mut client) = Client::connect(control) else { return Ok(()) };
        loop {
            let Step { method, path, body, mut after, created } = self.step();
            self.unanswered = Some(after.clone());
            let Ok((status, answer)) = client.call(method, &path, &body) else { return Ok(()) };
            if !(200..300).contains(&status) {
                return Err(format!("{method} {path} {body} was answered {status}: {answer}"));
            }
            if let Some(name) = created {
                after.insert(name, id(&answer, "id")?);
            }
            self.answered = after;
            self.unanswered = None;
            self.count += 1;
        }
    }

    fn step(&mut self) -> Step {
        match self.random.below(10) {
            0 => self.create_tree(),
            1 | 2 => self.create_child(),
            3 => self.rename_tree(),
            4 => self.write_model(),
            5 => self.change_model(),
            6..=8 => self.deploy(),
            _ => self.delete(),
        }
    }

    fn new_name(&mut self, kind: &str) -> String {
        self.next += 1;
        format!("{kind}{}", self.next)
    }

    /// Paths below the root that the writer may change, and the resources' ids.
    fn trees(&self) -> Vec<(String, String)> {
        let is_tree = |path: &str| path.starts_with("/tree") && path.matches('/').count() == 1;
        let all = self.answered.iter();
        let paths = all.filter_map(|(name, id)| Some((name.strip_prefix("resource ")?, id)));
        paths.filter(|(path, _)| is_tree(path)).map(|(path, id)| (path.to_owned(), id.clone())).collect()
    }

    fn any_tree(&mut self) -> Option<(String, String)> {
        let mut trees = self.trees();
        (!trees.is_empty()).then(|| trees.swap_remove(self.random.below(trees.len())))
    }

    fn count_of(&self, prefix: &str) -> usize {
        self.answered.keys().filter(|name| name.starts_with(prefix)).count()
    }

    fn create(&self, parent: &str, parent_path: &str, part: &str) -> Step {
        let name = resource(&format!("{parent_path}/{part}"));
        let mut after = self.answered.clone();
        after.insert(name.clone(), UNKNOWN.to_owned());
        Step {
            method: "POST",
            path: format!("/restapis/{}/resources/{parent}", self.api),
            body: json!({ "pathPart": part }),
            after,
            created: Some(name),
        }
    }

    fn create_tree(&mut self) -> Step {
        if self.trees().len() >= TREES {
            return self.delete_tree();
        }
        let part = self.new_name("tree");
        self.create(&self.root, "", &part)
    }

    fn create_child(&mut self) -> Step {
        let Some((path, tree)) = self.any_tree() else { return self.create_tree() };
        if self.count_of(&resource(&format!("{path}/"))) >= CHILDREN {
            return self.rename_tree();
        }
        let part = self.new_name("child");
        self.create(&tree, &path, &part)
    }

    /// Changes the row of every resource below it.
    fn rename_tree(&mut self) -> Step {
        let Some((path, tree)) = self.any_tree() else { return self.create_tree() };
        let part = self.new_name("tree");
        let (old, new) = (resource(&path), resource(&format!("/{part}")));
        let is_below = |name: &str| name.strip_prefix(&old).is_some_and(|rest| rest.starts_with('/'));
        let renamed = |(name, id): (&String, &String)| {
            let name = if *name == old || is_below(name) {
                format!("{new}{}", &name[old.len()..])
            } else {
                name.clone()
            };
            (name, id.clone())
        };
        Step {
            method: "PATCH",
            path: format!("/restapis/{}/resources/{tree}", self.api),
            body: replace("/pathPart", &part),
            after: self.answered.iter().map(renamed).collect(),
            created: None,
        }
    }

    /// Removes the row of every resource below it.
    fn delete_tree(&mut self) -> Step {
        let Some((path, tree)) = self.any_tree() else { return self.create_tree() };
        let old = resource(&path);
        let mut after = self.answered.clone();
        after.retain(|name, _| *name != old && !name.starts_with(&format!("{old}/")));
        self.remove(format!("resources/{tree}"), after)
    }

    fn remove(&self, path: String, after: Picture) -> Step {
        let path = format!("/restapis/{}/{path}", self.api);
        Step { method: "DELETE", path, body: Value::Null, after, created: None }
    }

    fn any_model(&mut self) -> Option<String> {
        let models = self.answered.keys().filter_map(|name| name.strip_prefix("model made"));
        let mut models: Vec<String> = models.map(|rest| format!("made{rest}")).collect();
        (!models.is_empty()).then(|| models.swap_remove(self.random.below(models.len())))
    }

    fn write_model(&mut self) -> Step {
        if self.count_of("model made") >= MODELS {
            return self.change_model();
        }
        let name = self.new_name("made");
        let mut after = self.answered.clone();
        after.insert(model(&name), "first".to_owned());
        let schema = json!({ "type": "object", "properties": { "of": { "type": "string" } } }).to_string();
        Step {
            method: "POST",
            path: format!("/restapis/{}/models", self.api),
            body: json!({ "name": name, "description": "first", "contentType": "application/json", "schema": schema }),
            after,
            created: None,
        }
    }

    fn change_model(&mut self) -> Step {
        let Some(name) = self.any_model() else { return self.write_model() };
        let text = self.new_name("text");
        let mut after = self.answered.clone();
        after.insert(model(&name), text.clone());
        Step {
            method: "PATCH",
            path: format!("/restapis/{}/models/{name}", self.api),
            body: replace("/description", &text),
            after,
            created: None,
        }
    }

    /// Gives the API another number to answer, and then deploys it.
    fn deploy(&mut self) -> Step {
        let (mock, stage) = (self.answered[MOCK].clone(), self.answered[STAGE].clone());
        let mut after = self.answered.clone();
        if mock == stage {
            let number = self.new_name("");
            after.insert(MOCK.to_owned(), number.clone());
            let id = &self.answered[&resource("/number")];
            return Step {
                method: "PATCH",
                path: format!("/restapis/{}/resources/{id}/methods/GET/integration/responses/200", self.api),
                body: replace("/responseTemplates/application~1json", &number),
                after,
                created: None,
            };
        }
        let name = deployment(&mock);
        after.insert(name.clone(), UNKNOWN.to_owned());
        after.insert(STAGE.to_owned(), mock.clone());
        after.insert(SERVED.to_owned(), mock.clone());
        Step {
            method: "POST",
            path: format!("/restapis/{}/deployments", self.api),
            body: json!({ "stageName": "live", "description": mock }),
            after,
            created: Some(name),
        }
    }

    fn delete(&mut self) -> Step {
        let old = deployment(&self.answered[STAGE]);
        let unused = |name: &&String| name.starts_with("deployment ") && **name != old;
        if self.count_of("deployment ") >= DEPLOYMENTS
            && let Some(name) = self.answered.keys().find(unused).cloned()
        {
            let mut after = self.answered.clone();
            let id = after.remove(&name).unwrap_or_default();
            return self.remove(format!("deployments/{id}"), after);
        }
        if self.count_of("model made") > MODELS / 2
            && let Some(name) = self.any_model()
        {
            let mut after = self.answered.clone();
            after.remove(&model(&name));
            return self.remove(format!("models/{name}"), after);
        }
        self.delete_tree()
    }
}

fn replace(path: &str, value: &str) -> Value {
    json!({ "patchOperations": [{ "op": "replace", "path": path, "value": value }] })
}
