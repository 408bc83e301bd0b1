//! Swagger 2.0 and OpenAPI 3: which is it, and which keys does it know where.

use crate::cursor::Cursor;
use crate::issue::{Issues, quoted};

/// The formats differ in where things stand.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    Swagger2,
    /// 3.0 and 3.1: what 3.1 has more (`webhooks`, `jsonSchemaDialect`, lists of types in schemas) serves no request.
    OpenApi3,
}

/// The format of a document.
pub(super) fn of(errors: &mut Issues<'_>, root: &Cursor<'_>) -> Option<Format> {
    errors.mapping(root)?;
    let is_3 = |text: &str| {
        ["3.0", "3.1"].iter().any(|known| text == *known || text.starts_with(&format!("{known}.")))
    };
    match (root.get("openapi"), root.get("swagger")) {
        (Some(version), None) => match version.scalar_text() {
            Some(text) if is_3(text) => return Some(Format::OpenApi3),
            Some(text) if text.starts_with("3.") => {
                errors.at(&version, format!("OpenAPI {} is not built yet; 3.0 and 3.1 are", quoted(text)));
            }
            Some(_) => errors.at(&version, "not valid: `openapi` has to be `\"3.0.x\"` or `\"3.1.x\"`"),
            None => errors.wrong_type(&version, "a version")?,
        },
        (None, Some(version)) => match version.scalar_text() {
            // YAML writes the number 2.0 also as `2`.
            Some("2.0" | "2") => return Some(Format::Swagger2),
            Some(_) => errors.at(&version, "not valid: `swagger` has to be `\"2.0\"`"),
            None => errors.wrong_type(&version, "a version")?,
        },
        (Some(_), Some(version)) => {
            errors.at_key(&version, "a document has either `openapi` or `swagger`, not both", None);
        }
        (None, None) => errors.at_with_help(
            root,
            "Invalid OpenAPI input. Neither `openapi` nor `swagger` is there",
            "begin with `openapi: \"3.0.1\"` or `swagger: \"2.0\"`",
        ),
    }
    None
}

impl Format {
    pub(super) fn root_keys(self) -> &'static [&'static str] {
        match self {
            Self::Swagger2 => &[
                "swagger",
                "info",
                "host",
                "basePath",
                "schemes",
                "consumes",
                "produces",
                "paths",
                "definitions",
                "parameters",
                "responses",
                "securityDefinitions",
                "security",
                "tags",
                "externalDocs",
            ],
            Self::OpenApi3 => &[
                "openapi",
                "info",
                "servers",
                "paths",
                "components",
                "security",
                "tags",
                "externalDocs",
                "webhooks",
                "jsonSchemaDialect",
                // AWS's own tools write these two into OpenAPI 3 as well, where they mean nothing.
                "schemes",
                "basePath",
            ],
        }
    }

    pub(super) fn path_item_keys(self) -> &'static [&'static str] {
        match self {
            Self::Swagger2 => &["parameters"],
            Self::OpenApi3 => &["parameters", "summary", "description", "servers"],
        }
    }

    pub(super) fn operation_keys(self) -> &'static [&'static str] {
        match self {
            Self::Swagger2 => &[
                "tags",
                "summary",
                "description",
                "externalDocs",
                "operationId",
                "consumes",
                "produces",
                "parameters",
                "responses",
                "schemes",
                "deprecated",
                "security",
            ],
            Self::OpenApi3 => &[
                "tags",
                "summary",
                "description",
                "externalDocs",
                "operationId",
                "parameters",
                "requestBody",
                "responses",
                "callbacks",
                "deprecated",
                "security",
                "servers",
            ],
        }
    }

    /// Where the schemas with a name are.
    pub(super) fn schemas(self) -> &'static str {
        match self {
            Self::Swagger2 => "/definitions",
            Self::OpenApi3 => "/components/schemas",
        }
    }

    /// Where the security schemes are.
    pub(super) fn security_schemes(self) -> &'static str {
        match self {
            Self::Swagger2 => "/securityDefinitions",
            Self::OpenApi3 => "/components/securitySchemes",
        }
    }
}
