"""ImportRestApi, PutRestApi and GetExport (tables.md §10)."""

import json

from harness import Backend, call, refused, same, status
from support.wire import CHECKED, client, no_api, raw, together, unchanged

aws = client()
BAD, MISSING, INVALID = "BadRequestException", "NotFoundException", "ValidationException"
JSON = "application/json"


def operation(text="ok", **members):
    """An operation that answers a text."""
    responses = {"default": {"statusCode": "200", "responseTemplates": {JSON: json.dumps({"text": text})}}}
    integration = {"type": "mock", "requestTemplates": {JSON: '{"statusCode": 200}'}, "responses": responses}
    return {"responses": {"200": {"description": "ok"}}, "x-amazon-apigateway-integration": integration, **members}


def swagger(paths=None, title="pets", version="1.0.0", **members):
    paths = {"/test": {"get": operation()}} if paths is None else paths
    return {"swagger": "2.0", "info": {"title": title, "version": version}, "paths": paths, **members}


def oas30(paths=None, title="pets", version="1.0.0", **members):
    return {**swagger(paths, title, version, **members), "swagger": None, "openapi": "3.0.1"}


def body(document):
    if isinstance(document, dict):
        document = json.dumps({name: value for name, value in document.items() if value is not None})
    return document.encode() if isinstance(document, str) else document


def load(document, **more):
    return aws.import_rest_api(body=body(document), **more)


def put(api, document, **more):
    return aws.put_rest_api(restApiId=api, body=body(document), **more)


def paths_of(api):
    return sorted(item["path"] for item in aws.get_resources(restApiId=api)["items"])


def method(api, path, verb="GET"):
    items = aws.get_resources(restApiId=api, embed=["methods"], limit=500)["items"]
    return next(item for item in items if item["path"] == path)["resourceMethods"][verb]


def export(api, kind="oas30", accepts=JSON, **parameters):
    return aws.get_export(restApiId=api, stageName="dev", exportType=kind, accepts=accepts, parameters=parameters)


def exported(api, kind="oas30", **parameters):
    return json.loads(export(api, kind, **parameters)["body"].read())


def forget(api):
    aws.delete_rest_api(restApiId=api)


def test_an_import():
    made = load(swagger({"/a/{id}": {"get": operation(operationId="getA"), "post": operation()}, "/b": {}}))
    same((status(made), made["name"], made["version"]), (201, "pets", "1.0.0"))
    same(made["endpointConfiguration"], {"types": ["EDGE"], "ipAddressType": "ipv4"})
    api = made["id"]
    same({name: aws.get_rest_api(restApiId=api)[name] for name in ("name", "version")}, {"name": "pets", "version": "1.0.0"})
    same(paths_of(api), ["/", "/a", "/a/{id}", "/b"])
    said = method(api, "/a/{id}")
    same((said["operationName"], said["methodIntegration"]["type"]), ("getA", "MOCK"))
    same(said["methodIntegration"]["integrationResponses"]["200"]["statusCode"], "200")
    aws.create_deployment(restApiId=api, stageName="dev")
    same(call(api, "/dev/a/7").json(), {"text": "ok"})
    forget(api)
    for kind in ("REGIONAL", "PRIVATE", "EDGE"):
        made = load(swagger(), parameters={"endpointConfigurationTypes": kind})
        same(made["endpointConfiguration"]["types"], [kind])
        forget(made["id"])


def test_yaml_with_numbers_for_codes():
    text = """
openapi: 3.0.1
info: {title: yaml, version: "2"}
paths:
  /test:
    get:
      responses:
        200: {description: ok, headers: {X-A: {schema: {type: string}}}}
      x-amazon-apigateway-integration:
        type: MOCK
        requestTemplates: {application/json: '{"statusCode": 200}'}
        responses: {default: {statusCode: 200}}
"""
    api = load(text)["id"]
    said = method(api, "/test")
    same(said["methodResponses"], {"200": {"statusCode": "200", "responseParameters": {"method.response.header.X-A": False}}})
    same(said["methodIntegration"]["integrationResponses"], {"200": {"statusCode": "200"}})
    forget(api)


def test_base_paths():
    two = {"basePath": "/base"}
    long = {"basePath": "/a/b/c"}
    variable = {"servers": [{"url": "https://h/{basePath}", "variables": {"basePath": {"default": "base-var"}}}]}
    url = {"servers": [{"url": "https://h/base-url/part"}]}
    for make, members, mode, expected in (
        (swagger, two, None, "/ /test"), (swagger, two, "ignore", "/ /test"), (swagger, two, "split", "/ /test"),
        (swagger, two, "prepend", "/ /base /base/test"), (swagger, long, "ignore", "/ /test"),
        (swagger, long, "prepend", "/ /a /a/b /a/b/c /a/b/c/test"), (swagger, long, "split", "/ /b /b/c /b/c/test"),
        (oas30, variable, "prepend", "/ /base-var /base-var/test"), (oas30, variable, "split", "/ /test"),
        (oas30, variable, "ignore", "/ /test"), (oas30, url, "prepend", "/ /base-url /base-url/part /base-url/part/test"),
        (oas30, url, "split", "/ /part /part/test"), (oas30, url, "ignore", "/ /test"),
    ):
        parameters = {"parameters": {"basepath": mode}} if mode else {}
        api = load(make(**members), **parameters)["id"]
        same((mode, members, paths_of(api)), (mode, members, expected.split()))
        forget(api)
    refused(lambda: load(swagger(), parameters={"basepath": "wrong"}), BAD, status=400)


def test_modes_of_put():
    first = swagger(
        {"/old": {"get": operation("old")}, "/both": {"get": operation("old")}}, definitions={"Old": {"type": "object"}},
        **{"x-amazon-apigateway-binary-media-types": ["image/heif"]},
    )
    second = swagger(
        {"/new": {"get": operation("new")}, "/both": {"get": operation("new")}}, "cats", "2",
        definitions={"New": {"type": "object"}}, **{"x-amazon-apigateway-binary-media-types": ["image/png", "image/jpg"]},
    )
    text = lambda api: method(api, "/both")["methodIntegration"]["integrationResponses"]["200"]["responseTemplates"][JSON]
    models = lambda api: {model["name"] for model in aws.get_models(restApiId=api)["items"]}
    for mode, types, paths, names in (
        ("merge", ["image/heif", "image/png", "image/jpg"], ["/", "/both", "/new", "/old"], {"Old", "New"}),
        (None, ["image/heif", "image/png", "image/jpg"], ["/", "/both", "/new", "/old"], {"Old", "New"}),
        ("overwrite", ["image/png", "image/jpg"], ["/", "/both", "/new"], {"New"}),
    ):
        made = load(first, parameters={"endpointConfigurationTypes": "REGIONAL"})
        api = made["id"]
        aws.create_deployment(restApiId=api, stageName="dev")
        changed = put(api, second, **({"mode": mode} if mode else {}))
        same((status(changed), changed["id"], changed["name"], changed["version"]), (200, api, "cats", "2"))
        same((changed["binaryMediaTypes"], paths_of(api)), (types, paths))
        assert names <= models(api) and models(api) - names <= {"Empty", "Error"}, models(api)
        same(json.loads(text(api)), {"text": "new"})
        same((changed["endpointConfiguration"]["types"], changed["rootResourceId"]), (["REGIONAL"], made["rootResourceId"]))
        # Stages are untouched.
        same((call(api, "/dev/both").json(), call(api, "/dev/new").status), ({"text": "old"}, 403))
        aws.create_deployment(restApiId=api, stageName="dev")
        same((call(api, "/dev/both").json(), call(api, "/dev/new").status), ({"text": "new"}, 200))
        forget(api)


def test_documents_that_are_none():
    api = load(swagger())["id"]
    with unchanged(lambda: aws.get_resources(restApiId=api, embed=["methods"])):
        for text in (b"x", b"[]", b"{", b"1", b"{}", b'{"a": 1}', b"\xff\xfe", b"a: [", b'"text"', b"[" * 100_000):
            refused(lambda: put(api, text), BAD, "Invalid OpenAPI input.", 400)
            refused(lambda: load(text), BAD, "Invalid OpenAPI input.", 400)
        for document in (
            swagger({"/a": {"get": operation(), "nothing": 1}, "b": {}}),
            swagger({"/a": {"get": {"x-amazon-apigateway-integration": {"type": "wrong"}, "responses": {}}}}),
            swagger({"/a/{b}": {"get": operation()}, "/a/{c}": {"get": operation()}}),
        ):
            refused(lambda: put(api, document), BAD, status=400)
        wrong = lambda: raw("PUT", f"/restapis/{api}?mode=wrong", swagger())
        assert (wrong().status, wrong().headers["x-amzn-errortype"]) == (400, INVALID), wrong().text
        large = raw("PUT", f"/restapis/{api}", b" " * (7 * 1024 * 1024))
        assert large.status in (400, 413), large.status
    refused(lambda: put("nowhere", swagger()), MISSING, no_api("nowhere"), 404)
    forget(api)


def test_warnings():
    form = {"in": "formData", "name": "f", "type": "string"}
    document = swagger({"/a": {"get": operation(parameters=[form])}, "/b": {"get": operation()}}, "warned")
    names = lambda: [api["name"] for api in aws.get_rest_apis(limit=500)["items"]]
    refused(lambda: load(document, failOnWarnings=True), BAD, status=400)
    same("warned" in names(), False)
    made = load(document)
    same(len(made["warnings"]), 1)
    api = made["id"]
    with unchanged(lambda: aws.get_resources(restApiId=api)):
        message = "Warnings found during import:\n\t" + made["warnings"][0]
        for mode in ("merge", "overwrite"):
            refused(lambda: put(api, document, mode=mode, failOnWarnings=True), BAD, message, 400)
    # They are of the import, and no one else is told.
    same("warnings" in aws.get_rest_api(restApiId=api), False)
    same(put(api, document)["warnings"], made["warnings"])
    forget(api)
    good = load(swagger(), failOnWarnings=True)
    same("warnings" in good, False)
    forget(good["id"])


def test_paths_with_thousands_of_parts():
    api = load(swagger({"/a" * 1000: {"get": operation()}}))["id"]
    items = list(aws.get_paginator("get_resources").paginate(restApiId=api, PaginationConfig={"PageSize": 500}).search("items"))
    same(len(items), 1001)
    # Small documents cannot name more than what could be deployed.
    with unchanged(lambda: aws.get_resources(restApiId=api)):
        refused(lambda: put(api, swagger({"/b" * 5000: {"get": operation()}})), BAD, status=400)
        refused(lambda: put(api, swagger({"/b" * 6000: {"get": operation()}})), BAD, status=400)
    forget(api)


def test_security():
    pool = "arn:aws:cognito-idp:us-east-1:000000000000:userpool/us-east-1_abcdefghi"
    scheme = {
        "type": "apiKey", "name": "Authorization", "in": "header", "x-amazon-apigateway-authtype": "cognito_user_pools",
        "x-amazon-apigateway-authorizer": {"type": "cognito_user_pools", "providerARNs": [pool]},
    }
    paths = {"/root": {"get": operation()}, "/own": {"get": operation(security=[{"auth": ["name"]}])}}
    for security, scopes in (([{"auth": []}], None), ([{"auth": ["email"]}], ["email"])):
        api = load(swagger(paths, securityDefinitions={"auth": scheme}, security=security))["id"]
        authorizer = aws.get_authorizers(restApiId=api)["items"][0]
        same((authorizer["identitySource"], authorizer["providerARNs"]), ("method.request.header.Authorization", [pool]))
        said = method(api, "/root")
        same((said["authorizationType"], said["authorizerId"]), ("COGNITO_USER_POOLS", authorizer["id"]))
        same(said.get("authorizationScopes"), scopes)
        same(method(api, "/own")["authorizationScopes"], ["name"])
        forget(api)
    uri = "arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/arn:aws:lambda:us-east-1:0:function:f/invocations"
    custom = {"type": "request", "authorizerUri": uri, "identitySource": "method.request.header.Custom-Authorization"}
    scheme = {
        "type": "apiKey", "name": "Unused", "in": "header", "x-amazon-apigateway-authtype": "custom",
        "x-amazon-apigateway-authorizer": custom,
    }
    source = {"x-amazon-apigateway-api-key-source": "AUTHORIZER"}
    document = swagger(securityDefinitions={"auth": scheme}, security=[{"auth": []}], **source)
    made = load(document)
    api = made["id"]
    authorizer = aws.get_authorizers(restApiId=api)["items"][0]
    same((made["apiKeySource"], method(api, "/test")["authorizationType"]), ("AUTHORIZER", "CUSTOM"))
    same((authorizer["authorizerResultTtlInSeconds"], authorizer["authType"]), (300, "custom"))
    same((authorizer["type"], authorizer["identitySource"]), ("REQUEST", "method.request.header.Custom-Authorization"))
    forget(api)


def test_models_and_validators():
    pet = {"type": "object", "required": ["name"], "properties": {"name": {"type": "string"}, "child": {"$ref": "#/definitions/Pet"}}}
    pets = {"type": "array", "items": {"$ref": "#/definitions/Pet"}}
    parameter = {"name": "pets", "in": "body", "required": True, "schema": {"$ref": "#/definitions/Pets"}}
    document = swagger(
        {"/pets": {"post": operation(consumes=[JSON], parameters=[parameter])}}, definitions={"Pet": pet, "Pets": pets},
        **{
            "x-amazon-apigateway-request-validators": {"body": {"validateRequestBody": True, "validateRequestParameters": False}},
            "x-amazon-apigateway-request-validator": "body",
        },
    )
    api = load(document)["id"]
    same(method(api, "/pets", "POST")["requestModels"], {JSON: "Pets"})
    schema = json.loads(aws.get_model(restApiId=api, modelName="Pets")["schema"])
    same(schema["items"]["$ref"], f"https://apigateway.amazonaws.com/restapis/{api}/models/Pet")
    validator = aws.get_request_validators(restApiId=api)["items"][0]
    same((validator["name"], validator["validateRequestBody"]), ("body", True))
    same(method(api, "/pets", "POST")["requestValidatorId"], validator["id"])
    aws.create_deployment(restApiId=api, stageName="dev")
    post = lambda text: call(api, "/dev/pets", "POST", {"Content-Type": JSON}, text)
    same(post('[{"name": "a", "child": {"name": "b"}}]').status, 200)
    invalid = post('[{"name": "a", "child": {}}]')
    same((invalid.status, invalid.json()), (400, {"message": "Invalid request body"}))
    forget(api)


def test_variables_of_aws():
    function = "arn:aws:lambda:${AWS::Region}:${AWS::AccountId}:function:f"
    uri = f"arn:${{AWS::Partition}}:apigateway:${{AWS::Region}}:lambda:path/2015-03-31/functions/{function}/invocations"
    integration = {"type": "AWS_PROXY", "httpMethod": "POST", "uri": uri}
    document = swagger({"/a": {"get": {"responses": {}, "x-amazon-apigateway-integration": integration}}})
    api = load(document)["id"]
    said = method(api, "/a")["methodIntegration"]["uri"]
    function = "arn:aws:lambda:us-east-1:000000000000:function:f"
    same(said, f"arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/{function}/invocations")
    forget(api)


def test_an_export():
    backend = Backend()
    parameters = [{"name": "q", "in": "query", "required": True, "type": "string"}]
    proxy = {"type": "http_proxy", "httpMethod": "GET", "uri": backend.url + "/", "passthroughBehavior": "when_no_match"}
    document = swagger(
        {
            "/a": {"get": operation(operationId="getA", parameters=parameters)},
            "/b": {"get": {"responses": {"200": {"description": "ok"}}, "x-amazon-apigateway-integration": proxy}},
        },
        definitions={"Pet": {"type": "object", "properties": {"name": {"type": "string"}}}},
        **{"x-amazon-apigateway-binary-media-types": ["image/png"]},
    )
    api = load(document)["id"]
    aws.create_deployment(restApiId=api, stageName="dev")
    host = f"{api}.execute-api.us-east-1.amazonaws.com"
    answer = export(api, "swagger")
    same((status(answer), answer["contentType"]), (200, "application/octet-stream"))
    same(answer["contentDisposition"], 'attachment; filename="swagger_1.0.0.json"')
    two = json.loads(answer["body"].read())
    same((two["swagger"], two["info"]), ("2.0", {"version": "1.0.0", "title": "pets"}))
    same((two["host"], two["basePath"], two["schemes"]), (host, "/dev", ["https"]))
    get = two["paths"]["/a"]["get"]
    same((get["operationId"], get["parameters"]), ("getA", [{"name": "q", "in": "query", "required": True, "type": "string"}]))
    same(get["responses"], {"200": {"description": "200 response"}})
    assert "Pet" in two["definitions"] and "x-amazon-apigateway" not in json.dumps(two), two
    answer = export(api)
    same(answer["contentDisposition"], 'attachment; filename="oas30_1.0.0.json"')
    three = json.loads(answer["body"].read())
    same((three["openapi"], three["info"]), ("3.0.1", {"title": "pets", "version": "1.0.0"}))
    same(three["servers"], [{"url": f"https://{host}/{{basePath}}", "variables": {"basePath": {"default": "dev"}}}])
    get = three["paths"]["/a"]["get"]
    same(get["parameters"], [{"name": "q", "in": "query", "required": True, "schema": {"type": "string"}}])
    same(get["responses"], {"200": {"description": "200 response", "content": {}}})
    for kind in ("swagger", "oas30"):
        whole = exported(api, kind, extensions="integrations")
        integration = whole["paths"]["/b"]["get"]["x-amazon-apigateway-integration"]
        same({name: integration[name] for name in proxy}, proxy)
        same(whole["x-amazon-apigateway-binary-media-types"], ["image/png"])
        whole = exported(api, kind, extensions="apigateway")
        same(whole["paths"]["/b"]["get"]["x-amazon-apigateway-integration"]["type"], "http_proxy")
        same("x-amazon-apigateway-integration" in json.dumps(exported(api, kind, extensions="authorizers")), False)
        assert exported(api, kind, extensions="integrations,authorizers")["x-amazon-apigateway-binary-media-types"]
        yaml = export(api, kind, "application/yaml")
        same(yaml["contentDisposition"], f'attachment; filename="{kind}_1.0.0.yaml"')
        text = yaml["body"].read().decode()
        assert ("swagger:" in text or "openapi:" in text) and not text.startswith("{"), text
    forget(api)


def test_an_export_is_of_the_deployment():
    api = load(swagger())["id"]
    aws.create_deployment(restApiId=api, stageName="dev")
    put(api, swagger({"/new": {"get": operation()}}), mode="overwrite")
    same(list(exported(api)["paths"]), ["/test"])
    aws.create_deployment(restApiId=api, stageName="dev")
    same(list(exported(api)["paths"]), ["/new"])
    forget(api)


def test_what_was_exported_is_imported():
    for kind in ("swagger", "oas30"):
        first = load(swagger({"/a/{id}": {"get": operation("again"), "x-amazon-apigateway-any-method": operation("any")}}))["id"]
        aws.create_deployment(restApiId=first, stageName="dev")
        text = export(first, kind, extensions="apigateway")["body"].read()
        second = load(text)["id"]
        aws.create_deployment(restApiId=second, stageName="dev")
        same(exported(second, kind, extensions="apigateway")["paths"], json.loads(text)["paths"])
        same(call(second, "/dev/a/1").json(), {"text": "again"})
        same(call(second, "/dev/a/1", "POST").json(), {"text": "any"})
        forget(first)
        forget(second)


def test_exports_that_are_none():
    api = load(swagger())["id"]
    refused(lambda: export(api), MISSING, "Invalid stage identifier specified", 404)
    refused(lambda: export("nowhere"), MISSING, no_api("nowhere"), 404)
    aws.create_deployment(restApiId=api, stageName="dev")
    refused(lambda: export(api, "oas31"), BAD, status=400)
    refused(lambda: export(api, extensions="wrong"), BAD, status=400)
    refused(lambda: export(api, accepts="text/html"), BAD, status=400)
    forget(api)


def test_two_writers_leave_one_of_two_states():
    api = load(swagger())["id"]

    def write(name):
        def run():
            mine = client()
            for _ in range(5):
                text = body(swagger({f"/{name}/{name}": {"get": operation(name)}}, name))
                mine.put_rest_api(restApiId=api, mode="overwrite", body=text)

        return run

    together(write("a"), write("b"))
    name = aws.get_rest_api(restApiId=api)["name"]
    same(paths_of(api), ["/", f"/{name}", f"/{name}/{name}"])
    forget(api)


def test_every_operation_was_called():
    assert {"ImportRestApi", "PutRestApi", "GetExport"} <= CHECKED, CHECKED
