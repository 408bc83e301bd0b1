//! Models (tables.md §8.5, §14.4).

use serde_json::{json, to_value};

use super::model_schema;
use super::parameters::check_content_types;
use crate::aws::call::Call;
use crate::aws::exception::{Exception, Violation};
use crate::aws::operation::{Body, Operation, Support};
use crate::aws::page::page;
use crate::aws::patch::Op;
use crate::aws::table::key;
use crate::aws::wire::{Model, Texts};
use crate::aws::{Answer, State};
use crate::openapi::is_model_name;

/// The operations.
pub(super) const OPERATIONS: &[Operation] = &[
    Operation {
        name: "CreateModel",
        method: "POST",
        uri: "/restapis/{restapi_id}/models",
        status: 201,
        body: Body::Members(&["name", "description", "schema", "contentType"]),
        query: &[],
        support: Support::Supported(create),
    },
    Operation {
        name: "DeleteModel",
        method: "DELETE",
        uri: "/restapis/{restapi_id}/models/{model_name}",
        status: 202,
        body: Body::Members(&[]),
        query: &[],
        support: Support::Supported(delete),
    },
    Operation {
        name: "GetModel",
        method: "GET",
        uri: "/restapis/{restapi_id}/models/{model_name}",
        status: 200,
        body: Body::Members(&[]),
        query: &["flatten"],
        support: Support::Supported(get),
    },
    Operation {
        name: "GetModelTemplate",
        method: "GET",
        uri: "/restapis/{restapi_id}/models/{model_name}/default_template",
        status: 200,
        body: Body::Members(&[]),
        query: &[],
        support: Support::Supported(template),
    },
    Operation {
        name: "GetModels",
        method: "GET",
        uri: "/restapis/{restapi_id}/models",
        status: 200,
        body: Body::Members(&[]),
        query: &["position", "limit"],
        support: Support::Supported(list),
    },
    Operation {
        name: "UpdateModel",
        method: "PATCH",
        uri: "/restapis/{restapi_id}/models/{model_name}",
        status: 200,
        body: Body::Members(&["patchOperations"]),
        query: &[],
        support: Support::Supported(update),
    },
];

/// The model that a call names, or AWS's words for that it or its API is not there (tables.md §8.5).
fn find<'s>(state: &'s State, call: &Call<'_>) -> Result<&'s Model, Exception> {
    let name = call.path("model_name");
    let found = state.models.child(call.path("restapi_id"), name);
    found.ok_or_else(|| Exception::not_found(format!("Invalid model name specified: {name}")))
}

fn create(state: &mut State, call: &Call<'_>) -> Result<Answer, Exception> {
    let api = call.path("restapi_id");
    let members = call.members();
    let missing: Vec<Violation> = ["name", "contentType"]
        .into_iter()
        .filter(|name| members.get(name).is_none())
        .map(|name| Violation::missing(format!("createModelInput.{name}")))
        .collect();
    if !missing.is_empty() {
        return Err(Exception::validation(&missing));
    }
    let mut model = Model {
        id: String::new(),
        name: members.owned("name")?.unwrap_or_default(),
        description: members.owned("description")?.filter(|text| !text.is_empty()),
        schema: members.owned("schema")?,
        content_type: members.owned("contentType")?.unwrap_or_default(),
    };
    state.rest_api(api)?;
    if model.name.is_empty() {
        return Err(Exception::bad_request("Model name must be non-empty"));
    }
    if !is_model_name(&model.name) {
        return Err(Exception::bad_request(format!("Model name must be alphanumeric: {}", model.name)));
    }
    if state.models.child(api, &model.name).is_some() {
        return Err(Exception::conflict("Model name already exists for this REST API"));
    }
    check_content_types([&model.content_type].into_iter())?;
    model_schema::check(state, api, &model)?;
    model.id = state.ids.short();
    let answer = Answer::of(&model);
    state.models.put(key(api, &model.name), model);
    Ok(answer)
}

fn get(state: &mut State, call: &Call<'_>) -> Result<Answer, Exception> {
    let mut model = find(state, call)?.clone();
    if call.query_flag("flatten") {
        model.schema = model_schema::flatten(state, call.path("restapi_id"), &model);
    }
    Ok(Answer::of(&model))
}

fn template(state: &mut State, call: &Call<'_>) -> Result<Answer, Exception> {
    let model = find(state, call)?;
    let value = model_schema::template(state, call.path("restapi_id"), model);
    Ok(Answer::Json(json!({ "value": value })))
}

fn list(state: &mut State, call: &Call<'_>) -> Result<Answer, Exception> {
    let api = state.rest_api(call.path("restapi_id"))?;
    page(call, state.models.children(&api.id), |model| to_value(model).unwrap_or_default())
}

fn delete(state: &mut State, call: &Call<'_>) -> Result<Answer, Exception> {
    let api = call.path("restapi_id");
    let name = find(state, call)?.name.clone();
    if let Some(user) = user(state, api, &name) {
        return Err(Exception::conflict(format!("Cannot delete model '{name}', is referenced in {user}")));
    }
    state.models.remove(&key(api, &name));
    Ok(Answer::Empty)
}

/// What uses the model, as AWS names it: `method request: //ANY` (tables.md §8.5).
fn user(state: &State, api: &str, name: &str) -> Option<String> {
    let uses = |models: &Texts| models.values().any(|model| model == name);
    for (_, resource) in state.resources.children(api) {
        for (verb, method) in &resource.resource_methods {
            let place = format!("{}/{verb}", resource.path);
            if uses(&method.request_models) {
                return Some(format!("method request: {place}"));
            }
            if method.method_responses.values().any(|response| uses(&response.response_models)) {
                return Some(format!("method response: {place}"));
            }
        }
    }
    let refers = |model: &Model| {
        let schema = model.schema.as_deref().and_then(|schema| serde_json::from_str(schema).ok());
        schema.is_some_and(|schema| model_schema::references(&schema).iter().any(|other| other == name))
    };
    let mut others = state.models.children(api).filter(|(other, _)| *other != name);
    others.find(|(_, model)| refers(model)).map(|(other, _)| format!("model: {other}"))
}

fn update(state: &mut State, call: &Call<'_>) -> Result<Answer, Exception> {
    let api = call.path("restapi_id");
    let operations = call.patch_operations()?;
    let mut model = find(state, call)?.clone();
    for operation in &operations {
        match (operation.segments().as_slice(), operation.op) {
            (["description"], Op::Replace) => model.description = operation.text(),
            (["schema"], Op::Replace) => model.schema = operation.text(),
            _ => return Err(operation.refused_path("/description, /schema")),
        }
    }
    if operations.iter().any(|operation| operation.path == "/schema") {
        model_schema::check(state, api, &model)?;
    }
    let answer = Answer::of(&model);
    state.models.put(key(api, &model.name), model);
    Ok(answer)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::aws::testing::{ACCOUNT, a_method, call, control_plane, good, refused};

    const NO_SCHEMA: &str = "Model schema must have at least 1 property or array items defined";

    fn model(name: &str, schema: &Value) -> Value {
        json!({"name": name, "contentType": "application/json", "schema": schema.to_string()})
    }

    #[test]
    fn a_life() {
        let mut plane = control_plane();
        let method = a_method(&mut plane);
        let models = method.split("/resources").next().unwrap().to_owned() + "/models";
        let listed = good(&mut plane, "GET", &models, json!(null));
        assert_eq!(listed["item"][0]["name"], "Empty");
        assert_eq!(listed["item"].as_array().unwrap().len(), 2);
        let body = model("Pet", &json!({"type": "object", "properties": {"name": {"type": "string"}}}));
        let made = good(&mut plane, "POST", &models, body.clone());
        assert_eq!((&made["schema"], &made["name"]), (&body["schema"], &json!("Pet")));
        assert!(made["id"].is_string() && made.get("description").is_none());
        let pet = format!("{models}/Pet");
        assert_eq!(good(&mut plane, "GET", &pet, json!(null)), made);
        let operations = json!([
            {"op": "replace", "path": "/description", "value": "a pet"},
            {"op": "replace", "path": "/schema", "value": "{\"type\":\"object\"}"},
        ]);
        let patched = good(&mut plane, "PATCH", &pet, json!({"patchOperations": operations}));
        assert_eq!(
            (&patched["description"], &patched["schema"]),
            (&json!("a pet"), &json!("{\"type\":\"object\"}"))
        );
        let operations = json!([{"op": "add", "path": "/requestModels/application~1json", "value": "Pet"}]);
        good(&mut plane, "PATCH", &method, json!({"patchOperations": operations}));
        assert_eq!(
            refused(&mut plane, "DELETE", &pet, json!(null)),
            (
                "ConflictException".to_owned(),
                "Cannot delete model 'Pet', is referenced in method request: //GET".to_owned()
            )
        );
        good(&mut plane, "DELETE", &method, json!(null));
        assert_eq!(call(&mut plane, "DELETE", &pet, json!(null)).0, 202);
        assert_eq!(refused(&mut plane, "DELETE", &pet, json!(null)).1, "Invalid model name specified: Pet");
    }

    #[test]
    fn refuses_in_aws_words() {
        let mut plane = control_plane();
        let method = a_method(&mut plane);
        let models = method.split("/resources").next().unwrap().to_owned() + "/models";
        let invalid = |error: &str| {
            format!("Invalid model specified: Validation Result: warnings : [], errors : [{error}]")
        };
        let unknown = json!({"$ref": "https://apigateway.amazonaws.com/restapis/x/models/Nobody"});
        for (body, expected) in [
            (model("Empty", &json!({})), "Model name already exists for this REST API".to_owned()),
            (model("", &json!({})), "Model name must be non-empty".to_owned()),
            (model("a-b", &json!({})), "Model name must be alphanumeric: a-b".to_owned()),
            (json!({"name": "a", "contentType": "application/json"}), NO_SCHEMA.to_owned()),
            (json!({"name": "a", "contentType": "application/xml", "schema": ""}), NO_SCHEMA.to_owned()),
            (
                json!({"name": "a", "contentType": "application/json", "schema": "no"}),
                invalid("Invalid model schema specified"),
            ),
            (model("a", &unknown), invalid("Invalid model specified: Nobody")),
            (
                json!({"name": "a", "contentType": "123", "schema": "x"}),
                "Validation Result: warnings : [], errors : [Invalid content type specified: 123]".to_owned(),
            ),
        ] {
            assert_eq!(refused(&mut plane, "POST", &models, body).1, expected);
        }
        let (_, message) = refused(&mut plane, "POST", &models, model("a", &json!({"type": "nothing"})));
        let place = "Invalid model specified: Validation Result: warnings : [], errors : [Invalid model schema specified: ";
        assert!(message.starts_with(place), "{message}");
        assert!(
            refused(&mut plane, "POST", &models, json!({"name": "a"}))
                .1
                .contains("'createModelInput.contentType'")
        );
        assert_eq!(
            refused(&mut plane, "POST", "/restapis/abcde0/models", model("a", &json!({}))).1,
            format!("Invalid API identifier specified {ACCOUNT}:abcde0")
        );
        for (op, path, expected) in [
            (
                "add",
                "/wrong-path",
                "Invalid patch path  '/wrong-path' specified for op 'add'. Please choose supported operations",
            ),
            (
                "replace",
                "/name",
                "Invalid patch path  '/name' specified for op 'replace'. Must be one of: [/description, /schema]",
            ),
            ("replace", "/schema", NO_SCHEMA),
        ] {
            let body = json!({"patchOperations": [{"op": op, "path": path, "value": ""}]});
            assert_eq!(refused(&mut plane, "PATCH", &format!("{models}/Empty"), body).1, expected);
        }
        let nowhere = "/restapis/nobody/models/MySchema";
        assert_eq!(
            refused(&mut plane, "GET", nowhere, json!(null)).1,
            "Invalid model name specified: MySchema"
        );
    }

    #[test]
    fn references_templates_and_circles() {
        let mut plane = control_plane();
        let method = a_method(&mut plane);
        let models = method.split("/resources").next().unwrap().to_owned() + "/models";
        let url = |name: &str| format!("https://apigateway.amazonaws.com{models}/{name}");
        let pet = json!({"type": "object", "properties": {"age": {"type": "integer"}, "parent": {"$ref": url("Pet")}}});
        good(&mut plane, "POST", &models, model("Pet", &pet));
        let flat =
            json!({"type": "object", "properties": {"a": {"type": "string"}, "b": {"type": "boolean"}}});
        good(&mut plane, "POST", &models, model("Flat", &flat));
        good(
            &mut plane,
            "POST",
            &models,
            model("Flats", &json!({"type": "array", "items": {"$ref": url("Flat")}})),
        );
        let (exception, message) = refused(&mut plane, "DELETE", &format!("{models}/Flat"), json!(null));
        assert_eq!(exception, "ConflictException");
        assert_eq!(message, "Cannot delete model 'Flat', is referenced in model: Flats");

        let mut schema = |name: &str| {
            let shown = good(&mut plane, "GET", &format!("{models}/{name}?flatten=true"), json!(null));
            serde_json::from_str::<Value>(shown["schema"].as_str().unwrap()).unwrap()
        };
        assert_eq!(schema("Flat"), flat);
        assert_eq!(
            schema("Flats"),
            json!({"type": "array", "items": {"$ref": "#/definitions/Flat"}, "definitions": {"Flat": flat}})
        );
        let circle = schema("Pet");
        assert_eq!(circle["properties"]["parent"]["$ref"], "#/definitions/Pet");
        assert_eq!(circle["definitions"]["Pet"]["properties"]["parent"]["$ref"], "#/definitions/Pet");

        let mut template = |name: &str| {
            let shown = good(&mut plane, "GET", &format!("{models}/{name}/default_template"), json!(null));
            let text = shown["value"].as_str().unwrap().to_owned();
            assert!(ringway_core::vtl::Template::compile(&text).is_ok(), "{text}");
            text
        };
        assert_eq!(
            template("Flat"),
            "#set($inputRoot = $input.path('$'))\n{\n  \"a\" : \"foo\",\n  \"b\" : true\n}"
        );
        assert!(template("Flats").contains("#foreach($elem in $inputRoot)\n"));
        assert!(template("Pet").contains("\"age\" : 42"));
        assert_eq!(template("Empty"), "#set($inputRoot = $input.path('$'))\n{ }");
    }
}
