//! What requests and answers have to have: required parameters and models.

use std::collections::HashMap;
use std::sync::Arc;

use super::{ResponseValidationPlan, ValidationPlan};
use crate::json_schema::Schema;
use crate::model::{Method, Model, ResponseValidation, RestApi, Texts};

type ByMediaType = Vec<(Box<str>, Arc<Schema>)>;

/// The models of a deployment, each compiled when it is first used.
pub(super) struct Schemas<'a> {
    models: &'a [Model],
    compiled: HashMap<String, Arc<Schema>>,
}

impl<'a> Schemas<'a> {
    pub(super) fn new(models: &'a [Model]) -> Self {
        Schemas { models, compiled: HashMap::new() }
    }

    fn get(&mut self, name: &str) -> Result<Arc<Schema>, String> {
        if let Some(schema) = self.compiled.get(name) {
            return Ok(schema.clone());
        }
        let schema = Arc::new(Schema::compile(name, self.models)?);
        self.compiled.insert(name.to_owned(), schema.clone());
        Ok(schema)
    }

    fn all(&mut self, models: &Texts) -> Result<ByMediaType, String> {
        let compile = |(media_type, name): (&String, &String)| {
            Ok((media_type.to_ascii_lowercase().into(), self.get(name)?))
        };
        models.iter().map(compile).collect()
    }

    /// What the validator of a method asks of its requests; `None`: nothing.
    pub(super) fn request(
        &mut self,
        rest_api: &RestApi,
        method: &Method,
    ) -> Result<Option<Box<ValidationPlan>>, String> {
        let Some(name) = &method.request_validator else { return Ok(None) };
        let validator =
            rest_api.request_validator(name).ok_or("Invalid Request Validator identifier specified")?;
        let required = method.request_parameters.iter().filter(|(_, required)| **required);
        let parameters = match validator.validate_request_parameters {
            true => required.map(|(key, _)| (key.place, key.name.as_str().into())).collect(),
            false => Vec::new(),
        };
        let bodies = match validator.validate_request_body && !method.request_models.is_empty() {
            true => Some(self.all(&method.request_models)?),
            false => None,
        };
        let asks = !parameters.is_empty() || bodies.is_some();
        Ok(asks.then(|| Box::new(ValidationPlan { parameters, bodies })))
    }

    /// What a stage asks of the answers of a method.
    pub(super) fn response(
        &mut self,
        mode: ResponseValidation,
        method: &Method,
    ) -> Result<Option<Box<ResponseValidationPlan>>, String> {
        if mode == ResponseValidation::Off {
            return Ok(None);
        }
        let mut bodies = Vec::new();
        for (status, response) in &method.method_responses {
            let models = self.all(&response.response_models)?;
            bodies.extend(models.into_iter().map(|(media_type, schema)| (*status, media_type, schema)));
        }
        Ok((!bodies.is_empty()).then(|| Box::new(ResponseValidationPlan { mode, bodies })))
    }
}
