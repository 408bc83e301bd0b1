"""Models (tables.md §8.5, §14.4)."""

import json

from harness import call, refused, same, status
from support.wire import CHECKED, OPS, bare, client, enum, hostile, no_api, patches, raw, together, unchanged

aws = client()
BAD, MISSING, CONFLICT, INVALID = "BadRequestException", "NotFoundException", "ConflictException", "ValidationException"
NO_SCHEMA = "Model schema must have at least 1 property or array items defined"
JSON = "application/json"
PET = json.dumps({"type": "object", "properties": {"name": {"type": "string"}, "age": {"type": "integer"}}, "required": ["name"]})


def an_api(name):
    return aws.create_rest_api(name=name)["id"]


def create(api, name, schema=PET, kind=JSON, **more):
    schema = schema if isinstance(schema, str) else json.dumps(schema)
    return aws.create_model(restApiId=api, name=name, contentType=kind, schema=schema, **more)


def get(api, name, **more):
    return aws.get_model(restApiId=api, modelName=name, **more)


def update(api, name, *operations):
    return aws.update_model(restApiId=api, modelName=name, patchOperations=patches(*operations))


def delete(api, name):
    return aws.delete_model(restApiId=api, modelName=name)


def url(api, name):
    return {"$ref": f"https://apigateway.amazonaws.com/restapis/{api}/models/{name}"}


def test_the_models_of_a_new_api():
    api = an_api("new")
    models = {model["name"]: model for model in aws.get_models(restApiId=api)["items"]}
    same(set(models), {"Empty", "Error"})
    empty, error = models["Empty"], models["Error"]
    same((empty["contentType"], empty["description"]), (JSON, "This is a default empty schema model"))
    same((error["contentType"], error["description"]), (JSON, "This is a default error schema model"))
    draft = "http://json-schema.org/draft-04/schema#"
    same(json.loads(empty["schema"]), {"$schema": draft, "title": "Empty Schema", "type": "object"})
    members = {"message": {"type": "string"}}
    same(json.loads(error["schema"]), {"$schema": draft, "title": "Error Schema", "type": "object", "properties": members})
    assert "\n" in empty["schema"], empty["schema"]
    aws.delete_rest_api(restApiId=api)


def test_a_model():
    api = an_api("model")
    made = create(api, "Pet", description="a pet")
    expected = {"id": made["id"], "name": "Pet", "description": "a pet", "contentType": JSON, "schema": PET}
    same((status(made), bare(made)), (201, expected))
    same(bare(get(api, "Pet")), expected)
    changed = update(api, "Pet", ("replace", "/description", "other"), ("replace", "/schema", '{"type": "object"}'))
    same((status(changed), bare(changed)), (200, {**expected, "description": "other", "schema": '{"type": "object"}'}))
    xml = create(api, "Xml", "<schema/>", "application/xml")
    same((xml["schema"], xml["contentType"]), ("<schema/>", "application/xml"))
    same(status(delete(api, "Pet")), 202)
    refused(lambda: get(api, "Pet"), MISSING, "Invalid model name specified: Pet", 404)
    made = {"Xml", "Empty", "Error"} | {create(api, f"M{index}")["name"] for index in range(4)}
    for size in (1, 3, 7):
        pages = list(aws.get_paginator("get_models").paginate(restApiId=api, PaginationConfig={"PageSize": size}))
        names = [model["name"] for page in pages for model in page["items"]]
        same((len(names), set(names), len(pages)), (7, made, -(-7 // size)))
    aws.delete_rest_api(restApiId=api)


def test_what_a_model_may_not_be():
    api = an_api("refusals")
    create(api, "Pet")
    with unchanged(lambda: aws.get_models(restApiId=api)):
        refused(lambda: create(api, "Pet"), CONFLICT, "Model name already exists for this REST API", 409)
        refused(lambda: create(api, "Empty"), CONFLICT, "Model name already exists for this REST API", 409)
        refused(lambda: create(api, ""), BAD, "Model name must be non-empty", 400)
        for kind in (JSON, "application/xml"):
            refused(lambda: create(api, "New", "", kind), BAD, NO_SCHEMA, 400)
            refused(lambda: aws.create_model(restApiId=api, name="New", contentType=kind), BAD, NO_SCHEMA, 400)
        for name in ("a-b", "a b", "a/b", "ä"):
            refused(lambda: create(api, name), BAD, status=400)
        for schema in ("no json", "[]", '{"type": "nothing"}', json.dumps(url(api, "Nobody"))):
            refused(lambda: create(api, "New", schema), BAD, status=400)
        refused(lambda: create("nowhere", "New"), MISSING, no_api("nowhere"), 404)
        refused(lambda: aws.get_models(restApiId="nowhere"), MISSING, no_api("nowhere"), 404)
        for where in (api, "nowhere"):
            for function in (
                lambda: get(where, "MySchema"), lambda: delete(where, "MySchema"),
                lambda: update(where, "MySchema", ("replace", "/description", "x")),
                lambda: aws.get_model_template(restApiId=where, modelName="MySchema"),
            ):
                refused(function, MISSING, "Invalid model name specified: MySchema", 404)
    aws.delete_rest_api(restApiId=api)


def test_bad_patches():
    api = an_api("patches")
    create(api, "Pet")
    good = ("replace", "/description", "changed")
    with unchanged(lambda: get(api, "Pet")):
        path = "Invalid patch path  '/wrong-path' specified for op 'add'. Please choose supported operations"
        refused(lambda: update(api, "Pet", good, ("add", "/wrong-path", "x")), BAD, path, 400)
        for name in ("/name", "/wrong-path"):
            path = f"Invalid patch path  '{name}' specified for op 'replace'. Must be one of: [/description, /schema]"
            refused(lambda: update(api, "Pet", good, ("replace", name, "x")), BAD, path, 400)
        refused(lambda: update(api, "Pet", good, ("replace", "/schema", "")), BAD, NO_SCHEMA, 400)
        refused(lambda: update(api, "Pet", good, ("replace", "/schema")), BAD, NO_SCHEMA, 400)
        refused(lambda: update(api, "Pet", good, ("replace", "/schema", "no json")), BAD, status=400)
        wrong = enum("x", "updateModelInput.patchOperations.2.member.op", OPS)
        refused(lambda: update(api, "Pet", good, ("x", "/schema", "x")), INVALID, wrong, 400)
    aws.delete_rest_api(restApiId=api)


def test_what_is_used_stays():
    api = aws.create_rest_api(name="used")
    api, root = api["id"], api["rootResourceId"]
    create(api, "M")
    test = aws.create_resource(restApiId=api, parentId=root, pathPart="test")["id"]
    for resource, name in ((root, "//ANY"), (test, "/test/ANY")):
        place = {"restApiId": api, "resourceId": resource, "httpMethod": "ANY"}
        aws.put_method(**place, authorizationType="NONE", requestModels={JSON: "M"})
        refused(lambda: delete(api, "M"), CONFLICT, f"Cannot delete model 'M', is referenced in method request: {name}", 409)
        aws.delete_method(**place)
        aws.put_method(**place, authorizationType="NONE")
        aws.put_method_response(**place, statusCode="200", responseModels={JSON: "M"})
        refused(lambda: delete(api, "M"), CONFLICT, status=409)
        aws.delete_method(**place)
    create(api, "User", {"type": "array", "items": url(api, "M")})
    refused(lambda: delete(api, "M"), CONFLICT, status=409)
    same((status(delete(api, "User")), status(delete(api, "M"))), (202, 202))
    aws.delete_rest_api(restApiId=api)


def test_references_are_flattened():
    api = an_api("flatten")
    create(api, "Pet")
    create(api, "Pets", {"type": "array", "items": url(api, "Pet")})
    plain = get(api, "Pets", flatten=False)
    same(json.loads(plain["schema"])["items"], url(api, "Pet"))
    flat = get(api, "Pets", flatten=True)["schema"]
    assert "apigateway.amazonaws.com" not in flat and '"age"' in flat, flat
    create(api, "Node", {"type": "object", "properties": {"next": url(api, "Node")}})
    assert "apigateway.amazonaws.com" not in get(api, "Node", flatten=True)["schema"]
    aws.delete_rest_api(restApiId=api)


def test_templates():
    api = aws.create_rest_api(name="templates")
    api, root = api["id"], api["rootResourceId"]
    create(api, "Pet")
    create(api, "Pets", {"type": "array", "items": url(api, "Pet")})
    for name in ("Pet", "Pets"):
        text = aws.get_model_template(restApiId=api, modelName=name)["value"]
        assert text.startswith("#set($inputRoot = $input.path('$'))\n"), text
        assert '"name"' in text and '"age"' in text, text
    # It is a template that works.
    place = {"restApiId": api, "resourceId": root, "httpMethod": "GET"}
    aws.put_method(**place, authorizationType="NONE")
    aws.put_integration(**place, type="MOCK", requestTemplates={JSON: '{"statusCode": 200}'})
    aws.put_method_response(**place, statusCode="200")
    text = aws.get_model_template(restApiId=api, modelName="Pet")["value"]
    aws.put_integration_response(**place, statusCode="200", responseTemplates={JSON: text})
    aws.create_deployment(restApiId=api, stageName="dev")
    same(call(api, "/dev/").json(), {"name": "foo", "age": 42})
    aws.delete_rest_api(restApiId=api)


def test_hostile_bodies():
    api = an_api("hostile")
    create(api, "Pet")
    show = lambda: aws.get_models(restApiId=api)
    hostile("POST", f"/restapis/{api}/models", show, {"name": "A", "contentType": JSON, "schema": {}})
    hostile("PATCH", f"/restapis/{api}/models/Pet", show, {"patchOperations": {"op": "replace"}})
    with unchanged(show):
        same(raw("POST", f"/restapis/{api}/models", {"name": "A", "schema": PET}).status, 400)
        same(raw("POST", f"/restapis/{api}/models", {"contentType": JSON, "schema": PET}).status, 400)
        deep = '{"properties": {"a": ' * 3_000 + "{}" + "}}" * 3_000
        same(raw("POST", f"/restapis/{api}/models", {"name": "A", "contentType": JSON, "schema": deep}).status, 400)
    aws.delete_rest_api(restApiId=api)


def test_two_writers_leave_one_of_two_states():
    api = an_api("writers")
    create(api, "Pet")

    def write(text):
        def run():
            mine = client()
            for _ in range(20):
                operations = patches(("replace", "/description", text), ("replace", "/schema", json.dumps({"title": text})))
                mine.update_model(restApiId=api, modelName="Pet", patchOperations=operations)

        return run

    def watch():
        mine = client()
        for _ in range(20):
            said = mine.get_model(restApiId=api, modelName="Pet")
            assert "description" not in said or json.loads(said["schema"])["title"] == said["description"], said

    together(write("a"), write("b"), watch)
    said = get(api, "Pet")
    same(json.loads(said["schema"])["title"], said["description"])
    aws.delete_rest_api(restApiId=api)


def test_bodies_are_validated():
    api = aws.create_rest_api(name="validated")
    api, root = api["id"], api["rootResourceId"]
    create(api, "Pet")
    create(api, "Pets", {"type": "array", "items": url(api, "Pet")})
    place = {"restApiId": api, "resourceId": root, "httpMethod": "POST"}
    validator = aws.create_request_validator(restApiId=api, name="body", validateRequestBody=True)["id"]
    aws.put_method(**place, authorizationType="NONE", requestModels={JSON: "Pets"}, requestValidatorId=validator)
    aws.put_integration(**place, type="MOCK", requestTemplates={JSON: '{"statusCode": 200}'})
    aws.put_method_response(**place, statusCode="200")
    aws.put_integration_response(**place, statusCode="200")
    aws.create_deployment(restApiId=api, stageName="dev")
    post = lambda body: call(api, "/dev/", "POST", {"Content-Type": JSON}, body).status
    same([post(body) for body in ('[{"name": "a"}]', "[]", '[{"age": 1}]', "{}", "")], [200, 200, 400, 400, 400])
    # The model of the deployment stays as it was.
    update(api, "Pet", ("replace", "/schema", '{"type": "object"}'))
    same(post('[{"age": 1}]'), 400)
    aws.create_deployment(restApiId=api, stageName="dev")
    same(post('[{"age": 1}]'), 200)
    aws.delete_rest_api(restApiId=api)


def test_every_operation_was_called():
    names = {"CreateModel", "DeleteModel", "GetModel", "GetModels", "GetModelTemplate", "UpdateModel"}
    assert names <= CHECKED, names - CHECKED
