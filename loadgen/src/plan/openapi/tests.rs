use serde_json::json;

use super::super::message::Common;
use super::*;
use crate::random::SmallRandom;

/// Each request as its name, its message without `Host` and `User-Agent`, and its statuses; and the notes.
type Shown = (Vec<(String, String, Vec<u16>)>, Vec<String>);

fn mix(document: &str, options: &OpenApiOptions) -> Result<Shown, Vec<String>> {
    let file = Path::new("api");
    let text = |issues: Vec<PlanIssue>| issues.iter().map(ToString::to_string).collect::<Vec<_>>();
    let root = document::parse(document.as_bytes(), &Place::file(file)).map_err(|issue| text(vec![issue]))?;
    let content = read(&At::root(&root, file), options).map_err(text)?;
    let Drafts::Mix(drafts) = content.drafts else { panic!("no mix") };
    let shown = drafts.into_iter().map(|draft| {
        let request = draft.into_request(&Common::default());
        let message = String::from_utf8(request.message.fixed().unwrap().to_vec()).unwrap();
        (request.name, message, request.check.statuses)
    });
    Ok((shown.collect(), content.notes))
}

fn shown(name: &str, message: &str, statuses: &[u16]) -> (String, String, Vec<u16>) {
    (name.to_owned(), message.to_owned(), statuses.to_vec())
}

const PETSTORE: &str = r##"
openapi: 3.0.3
servers:
  - url: https://{host}/{base}/
    variables: { host: { default: example.com }, base: { default: v1 } }
security: [{ key: [] }]
paths:
  /pets/{petId}:
    parameters:
      - $ref: '#/components/parameters/petId'
      - { name: X-Trace, in: header, required: true, schema: { type: string } }
    get:
      security: [{}]
      parameters:
        - { name: X-Trace, in: header, schema: { type: string, example: own } }
        - { name: fields, in: query, schema: { type: array }, example: [id, a name] }
        - { name: unused, in: query, schema: { type: string, default: d } }
        - { name: session, in: cookie, example: s1 }
      responses: { '200': {}, '304': {}, '404': {} }
    x-internal: true
  /pets:
    summary: all of them
    post:
      requestBody:
        content:
          text/plain: { example: no }
          application/json: { schema: { $ref: '#/components/schemas/Pet' } }
      responses: { 2XX: {}, default: {} }
  /any/{proxy+}:
    x-amazon-apigateway-any-method:
      parameters: [{ name: proxy, in: path, required: true, schema: { type: string } }]
      responses: { default: {} }
components:
  parameters:
    petId: { name: petId, in: path, required: true, schema: { type: string, format: uuid } }
  schemas:
    Pet:
      type: object
      required: [name]
      properties:
        name: { type: string, example: Rex }
        age: { type: integer }
"##;

#[test]
fn openapi_3() {
    let (requests, notes) = mix(PETSTORE, &OpenApiOptions::default()).unwrap();
    assert_eq!(
        requests,
        [
            shown("GET /any/{proxy+}", "GET /v1/any/string HTTP/1.1\r\n\r\n", &[]),
            shown(
                "POST /pets",
                "POST /v1/pets HTTP/1.1\r\nContent-Type: application/json\r\nContent-Length: 22\r\n\r\n{\"age\":1,\"name\":\"Rex\"}",
                &(200..300).collect::<Vec<_>>()
            ),
            shown(
                "GET /pets/{petId}",
                "GET /v1/pets/3fa85f64-5717-4562-b3fc-2c963f66afa6?fields=id&fields=a%20name HTTP/1.1\r\nX-Trace: own\r\n\
                 Cookie: session=s1\r\n\r\n",
                &[200, 304]
            ),
        ]
    );
    assert_eq!(
        notes,
        [
            "1 operations for any method are sent as GET",
            "the document asks for key: credentials are sent only if the plan's headers have them"
        ]
    );
    let options = OpenApiOptions {
        methods: vec!["POST".to_owned()],
        base_path: Some("/dev".to_owned()),
        ..Default::default()
    };
    let (requests, _) = mix(PETSTORE, &options).unwrap();
    assert_eq!(requests.len(), 1);
    assert!(requests[0].1.starts_with("POST /dev/pets "), "{}", requests[0].1);
}

#[test]
fn swagger_2() {
    let document = json!({
        "swagger": "2.0", "basePath": "/v2/", "consumes": ["application/json"],
        "paths": {
            "/a": { "put": {
                "parameters": [{"name": "b", "in": "body", "schema": {"$ref": "#/definitions/B"}}],
                "responses": {"204": {}}
            } },
            "/f": { "post": {
                "consumes": ["application/x-www-form-urlencoded"],
                "parameters": [{"name": "n", "in": "formData", "required": true, "type": "string", "enum": ["x y"]}],
                "responses": {}
            } }
        },
        "definitions": {"B": {"type": "object", "properties": {"c": {"type": "boolean"}}}}
    });
    let (requests, notes) = mix(&document.to_string(), &OpenApiOptions::default()).unwrap();
    let body = "Content-Type: application/json\r\nContent-Length: 10\r\n\r\n{\"c\":true}";
    let form = "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 7\r\n\r\nn=x%20y";
    assert_eq!(
        requests,
        [
            shown("PUT /a", &format!("PUT /v2/a HTTP/1.1\r\n{body}"), &[204]),
            shown("POST /f", &format!("POST /v2/f HTTP/1.1\r\n{form}"), &[]),
        ]
    );
    assert!(notes.is_empty());
}

#[test]
fn version_3_1_and_media_types() {
    let document = json!({
        "openapi": "3.1.0", "servers": [{"url": "/"}],
        "paths": {
            "/form": {"post": {"requestBody": {"content": {"application/x-www-form-urlencoded": {"example": {"a": [1, 2], "b": "é"}}}}}},
            "/ref": {"$ref": "#/components/pathItems/P"},
            "/text": {"put": {"requestBody": {"$ref": "#/components/requestBodies/T"}}}
        },
        "components": {
            "pathItems": {"P": {"get": {"parameters": [
                {"name": "n", "in": "query", "required": true, "schema": {"type": ["null", "integer"], "examples": [4]}}
            ]}}},
            "requestBodies": {"T": {"content": {"text/plain": {"examples": {"one": {"$ref": "#/components/examples/E"}}}}}},
            "examples": {"E": {"value": "hello"}}
        }
    });
    let (requests, _) = mix(&document.to_string(), &OpenApiOptions::default()).unwrap();
    let tail = |index: usize| requests[index].1.split("\r\n").last().unwrap().to_owned();
    assert_eq!(tail(0), "a=1&a=2&b=%C3%A9");
    assert!(requests[1].1.starts_with("GET /ref?n=4 "), "{}", requests[1].1);
    assert_eq!(tail(2), "hello");
}

#[test]
fn what_cannot_be_filled_has_its_pointer() {
    let document = json!({
        "openapi": "3.0.0",
        "paths": {
            "/a/{x}": {"get": {}},
            "/b": {"post": {"requestBody": {"content": {"multipart/form-data": {"schema": {"type": "object"}}}}}},
            "/c": {"get": {"parameters": [{"$ref": "#/nowhere"}]}},
            "/d": {"get": {"parameters": [{"name": "p", "in": "query", "required": true, "schema": {"type": "string", "pattern": "x"}}]}},
            "/e": {"get": {"parameters": [{"name": "H\n", "in": "header", "example": "x"}]}},
            "/ok": {"get": {}}
        }
    });
    let skip = "`skip_unfillable = true` leaves the operation out";
    assert_eq!(
        mix(&document.to_string(), &OpenApiOptions::default()).unwrap_err(),
        [
            format!("api: /paths/~1a~1{{x}}/get: the path parameter `x` is not described\n  help: {skip}"),
            format!(
                "api: /paths/~1b/post/requestBody/content/multipart~1form-data: a body of the type `multipart/form-data` is not \
                 written from a value\n  help: give an `example` that is a text; {skip}"
            ),
            format!(
                "api: /paths/~1c/get/parameters/0: the reference `#/nowhere` leads nowhere\n  help: {skip}"
            ),
            format!(
                "api: /paths/~1d/get/parameters/0/schema: a text with a `pattern` is not made up\n  help: give an `example`; {skip}"
            ),
            format!("api: /paths/~1e/get: `H\\n` is no header name\n  help: {skip}"),
        ]
    );
    let options = OpenApiOptions { skip_unfillable: true, ..Default::default() };
    let (requests, notes) = mix(&document.to_string(), &options).unwrap();
    assert_eq!(requests.len(), 1);
    assert_eq!(notes.len(), 5);
    assert_eq!(notes[0], "GET /a/{x} was left out: the path parameter `x` is not described");
}

#[test]
fn what_is_no_document() {
    let message = |text: &str| mix(text, &OpenApiOptions::default()).unwrap_err().join("\n");
    assert_eq!(message("{}"), "api: no OpenAPI document: there is neither `openapi` nor `swagger`");
    assert_eq!(message("openapi: 3.2.0"), "api: the version `3.2.0` is not read; 2.0, 3.0 and 3.1 are");
    assert_eq!(message("swagger: 1.2"), "api: the version `1.2` is not read; 2.0, 3.0 and 3.1 are");
    assert_eq!(
        message("openapi: 3.0.0\npaths: {}"),
        "api: /paths: no operation to send (0 could not be filled)"
    );
    let server = "openapi: 3.0.0\nservers: [{url: '{x}'}]\npaths: {/a: {get: {}}}";
    assert!(
        message(server)
            .starts_with("api: /servers/0: the server `{x}` has no path that requests could begin with")
    );
}

#[test]
fn random_documents_never_panic() {
    let mut random = SmallRandom::new(9);
    for _ in 0..5_000 {
        let mut bytes = PETSTORE.as_bytes().to_vec();
        for _ in 0..=random.below(4) {
            let place = random.below(bytes.len() as u64) as usize;
            match random.below(3) {
                0 => bytes[place] = b"{}[]:,-'\"#$/ \n&*!x"[random.below(18) as usize],
                1 => drop(bytes.remove(place)),
                _ => bytes.truncate(place.max(1)),
            }
        }
        let _ = mix(&String::from_utf8_lossy(&bytes), &OpenApiOptions::default());
    }
}
