"""Methods, their responses and request validators (tables.md §8.3, §8.5)."""

from harness import call, refused, same, status
from support.wire import (
    CHECKED, OPS, bare, client, enum, hostile, no_api, patches, raw, refused_raw, together, unchanged, violation,
)

aws = client()
BAD, MISSING, CONFLICT, INVALID = "BadRequestException", "NotFoundException", "ConflictException", "ValidationException"
NO_RESOURCE, NO_METHOD = "Invalid Resource identifier specified", "Invalid Method identifier specified"
NO_VALIDATOR = "Invalid Request Validator identifier specified"
NO_CODE = "Invalid Response status code specified"
NO_AUTHORIZER = (
    "Invalid authorizer ID specified. Setting the authorization type to CUSTOM or COGNITO_USER_POOLS requires a valid authorizer."
)
CODE_PATTERN = r"Member must satisfy regular expression pattern: [1-5]\d\d"
USER_POOL = "arn:aws:cognito-idp:us-east-1:000000000000:userpool/us-east-1_abcdefghi"


def a_place(name, verb="GET"):
    api = aws.create_rest_api(name=name)
    return {"restApiId": api["id"], "resourceId": api["rootResourceId"], "httpMethod": verb}


def a_method(name, verb="GET"):
    place = a_place(name, verb)
    aws.put_method(**place, authorizationType="NONE")
    return place


def target(place, suffix=""):
    return f"/restapis/{place['restApiId']}/resources/{place['resourceId']}/methods/{place['httpMethod']}{suffix}"


def update(place, *operations):
    return aws.update_method(**place, patchOperations=patches(*operations))


def update_response(place, *operations, code="200"):
    return aws.update_method_response(**place, statusCode=code, patchOperations=patches(*operations))


def forget(place):
    aws.delete_rest_api(restApiId=place["restApiId"])


def test_a_method():
    place = a_place("method", "POST")
    bare_method = aws.put_method(**place, authorizationType="NONE")
    same((status(bare_method), bare(bare_method)), (201, {"httpMethod": "POST", "authorizationType": "NONE", "apiKeyRequired": False}))
    same(bare(aws.get_method(**place)), bare(bare_method))
    same(status(aws.delete_method(**place)), 204)
    api = place["restApiId"]
    validator = aws.create_request_validator(restApiId=api, name="v")["id"]
    pool = aws.create_authorizer(
        restApiId=api, name="a", type="COGNITO_USER_POOLS", providerARNs=[USER_POOL], identitySource="method.request.header.A"
    )["id"]
    members = {
        "authorizationType": "COGNITO_USER_POOLS", "authorizerId": pool, "apiKeyRequired": True, "operationName": "createPet",
        "requestParameters": {"method.request.querystring.q": True, "method.request.header.H": False},
        "requestModels": {"application/json": "Empty"}, "requestValidatorId": validator, "authorizationScopes": ["email"],
    }
    made = aws.put_method(**place, **members)
    same(bare(made), {"httpMethod": "POST", **members})
    same(bare(aws.get_method(**place)), bare(made))
    refused(lambda: aws.put_method(**place, **members), CONFLICT, "Method already exists for this resource", 409)
    for verb in ("GET", "PUT", "DELETE", "PATCH", "OPTIONS", "HEAD", "ANY"):
        same(aws.put_method(**{**place, "httpMethod": verb}, authorizationType="AWS_IAM")["httpMethod"], verb)
    forget(place)


def test_what_is_not_there():
    place = a_place("nothing")
    put = lambda place: aws.put_method(**place, authorizationType="NONE")
    for wrong in ({**place, "restApiId": "nowhere"}, {**place, "resourceId": "nobody"}):
        for function in (
            lambda: put(wrong), lambda: aws.get_method(**wrong), lambda: update(wrong), lambda: aws.delete_method(**wrong),
            lambda: aws.put_method_response(**wrong, statusCode="200"), lambda: aws.get_method_response(**wrong, statusCode="200"),
            lambda: update_response(wrong), lambda: aws.delete_method_response(**wrong, statusCode="200"),
        ):
            refused(function, MISSING, NO_RESOURCE, 404)
    for function in (
        lambda: aws.get_method(**place), lambda: update(place), lambda: aws.delete_method(**place),
        lambda: aws.put_method_response(**place, statusCode="200"), lambda: aws.get_method_response(**place, statusCode="200"),
        lambda: update_response(place), lambda: aws.delete_method_response(**place, statusCode="200"),
    ):
        refused(function, MISSING, NO_METHOD, 404)
    put(place)
    for function in (
        lambda: aws.get_method_response(**place, statusCode="200"), lambda: update_response(place),
        lambda: aws.delete_method_response(**place, statusCode="200"),
    ):
        refused(function, MISSING, NO_CODE, 404)
    forget(place)


def test_what_a_method_may_not_be():
    place = a_method("refusals", "PUT")
    other = {**place, "httpMethod": "GET"}
    put = lambda **members: lambda: aws.put_method(**{**other, "authorizationType": "NONE", **members})
    token = aws.create_authorizer(
        restApiId=place["restApiId"], name="t", type="TOKEN", identitySource="method.request.header.A",
        authorizerUri="arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/arn:aws:lambda:us-east-1:0:function:f/invocations",
    )["id"]
    verbs = "Invalid HttpMethod specified. Valid options are GET,PUT,POST,DELETE,PATCH,OPTIONS,HEAD,ANY"
    unique = "Parameter names must be unique across querystring, header and path"
    with unchanged(lambda: aws.get_resources(restApiId=place["restApiId"], embed=["methods"])):
        for verb in ("WRONG", "get", "CONNECT"):
            refused(put(httpMethod=verb), BAD, verbs, 400)
        for kind in ("CUSTOM", "COGNITO_USER_POOLS"):
            refused(put(authorizationType=kind), BAD, NO_AUTHORIZER, 400)
            refused(put(authorizationType=kind, authorizerId="nobody"), BAD, NO_AUTHORIZER, 400)
        refused(put(authorizationType="COGNITO_USER_POOLS", authorizerId=token), BAD, NO_AUTHORIZER, 400)
        refused(put(authorizationType="WRONG"), BAD, status=400)
        refused(put(requestValidatorId="nobody"), BAD, NO_VALIDATOR, 400)
        refused(put(requestModels={"application/json": "petModel"}), BAD, "Invalid model identifier specified: petModel", 400)
        for places in (("querystring", "header"), ("querystring", "path"), ("header", "path")):
            refused(put(requestParameters={f"method.request.{where}.a": True for where in places}), BAD, unique, 400)
        for name in ("a", "method.request.body.a", "method.request.header", "method.request.header.", "integration.request.header.a"):
            refused(put(requestParameters={name: True}), BAD, status=400)
        refused(put(authorizationScopes=["email"]), BAD, status=400)
        boolean = {"authorizationType": "NONE", "requestParameters": {"method.request.header.a": "true"}}
        refused_raw(raw("PUT", target(other), boolean), "SerializationException")
        assert raw("PUT", target(other), {}).status == 400
    forget(place)


def test_patches():
    place = a_method("patches")
    api = place["restApiId"]
    validator = aws.create_request_validator(restApiId=api, name="v")["id"]
    pool = aws.create_authorizer(
        restApiId=api, name="a", type="COGNITO_USER_POOLS", providerARNs=[USER_POOL], identitySource="method.request.header.A"
    )["id"]
    changed = update(
        place, ("replace", "/apiKeyRequired", "true"), ("replace", "/operationName", "getPet"),
        ("replace", "/requestValidatorId", validator), ("replace", "/authorizationType", "COGNITO_USER_POOLS"),
        ("replace", "/authorizerId", pool), ("add", "/authorizationScopes", "email"), ("add", "/authorizationScopes", "name"),
        ("add", "/requestParameters/method.request.querystring.q", "true"),
        ("add", "/requestParameters/method.request.header.h"), ("replace", "/requestParameters/method.request.header.h", "false"),
        ("add", "/requestModels/application~1json", "Empty"), ("replace", "/requestModels/application~1json", "Error"),
    )
    expected = {
        "httpMethod": "GET", "authorizationType": "COGNITO_USER_POOLS", "authorizerId": pool, "apiKeyRequired": True,
        "operationName": "getPet", "requestValidatorId": validator, "authorizationScopes": ["email", "name"],
        "requestParameters": {"method.request.querystring.q": True, "method.request.header.h": False},
        "requestModels": {"application/json": "Error"},
    }
    same((status(changed), bare(changed)), (200, expected))
    same(bare(aws.get_method(**place)), expected)
    changed = update(
        place, ("remove", "/authorizationScopes", "email"), ("remove", "/authorizationScopes", "name"),
        ("replace", "/authorizationType", "NONE"), ("replace", "/apiKeyRequired", "no boolean"),
        ("remove", "/requestParameters/method.request.querystring.q"), ("remove", "/requestParameters/method.request.header.h"),
        ("remove", "/requestModels/application~1json"), ("replace", "/operationName"), ("replace", "/requestValidatorId"),
    )
    same(bare(changed), {"httpMethod": "GET", "authorizationType": "NONE", "apiKeyRequired": False})
    # Nobody is asked who the authorizer is.
    same(status(update(place, ("replace", "/authorizerId", "nobody"))), 200)
    same("authorizerId" in aws.get_method(**place), False)
    forget(place)


def test_bad_patches():
    place = a_method("bad patches")
    only = "Invalid patch operation specified. Must be one of: [replace]"
    good = ("replace", "/operationName", "changed")
    with unchanged(lambda: aws.get_method(**place)):
        for path in ("/authorizationType", "/authorizerId", "/apiKeyRequired", "/operationName", "/requestValidatorId"):
            for op in ("add", "remove"):
                refused(lambda: update(place, good, (op, path, "x")), BAD, only, 400)
        for path in ("/httpMethod", "/requestParameters", "/requestModels/application/json", "/wrong", "/"):
            for op in ("add", "replace", "remove"):
                refused(lambda: update(place, good, (op, path, "x")), BAD, f"Invalid patch path {path}", 400)
        refused(lambda: update(place, good, ("replace", "/requestValidatorId", "nobody")), BAD, NO_VALIDATOR, 400)
        for kind in ("CUSTOM", "COGNITO_USER_POOLS"):
            refused(lambda: update(place, good, ("replace", "/authorizationType", kind)), BAD, NO_AUTHORIZER, 400)
        model = "Invalid model identifier specified: m"
        refused(lambda: update(place, good, ("add", "/requestModels/application~1json", "m")), BAD, model, 400)
        wrong = enum("wrong", "updateMethodInput.patchOperations.2.member.op", OPS)
        refused(lambda: update(place, good, ("wrong", "/operationName", "x")), INVALID, wrong, 400)
        wrong = (
            "2 validation errors detected: Value 'a' at 'updateMethodInput.patchOperations.1.member.op' failed to satisfy constraint: "
            f"Member must satisfy enum value set: {OPS}; Value 'Replace' at 'updateMethodInput.patchOperations.3.member.op' failed to "
            f"satisfy constraint: Member must satisfy enum value set: {OPS}"
        )
        refused(lambda: update(place, ("a", "/x"), good, ("Replace", "/operationName", "x")), INVALID, wrong, 400)
    forget(place)


def test_a_method_response():
    place = a_method("responses")
    made = aws.put_method_response(**place, statusCode="200")
    same((status(made), bare(made)), (201, {"statusCode": "200"}))
    refused(lambda: aws.put_method_response(**place, statusCode="200"), CONFLICT, "Response already exists for this resource", 409)
    members = {"responseParameters": {"method.response.header.X-A": True}, "responseModels": {"application/json": "Error"}}
    made = aws.put_method_response(**place, statusCode="404", **members)
    same(bare(made), {"statusCode": "404", **members})
    same(bare(aws.get_method_response(**place, statusCode="404")), bare(made))
    same(aws.get_method(**place)["methodResponses"], {"200": {"statusCode": "200"}, "404": bare(made)})
    changed = update_response(
        place, ("add", "/responseParameters/method.response.header.X-B", "false"),
        ("replace", "/responseParameters/method.response.header.X-A", "false"),
        ("replace", "/responseModels/application~1json", "Empty"), ("add", "/responseModels/text~1plain", "Error"), code="404",
    )
    parameters = {"method.response.header.X-A": False, "method.response.header.X-B": False}
    models = {"application/json": "Empty", "text/plain": "Error"}
    same((status(changed), bare(changed)), (201, {"statusCode": "404", "responseParameters": parameters, "responseModels": models}))
    changed = update_response(
        place, ("remove", "/responseParameters/method.response.header.X-A"), ("remove", "/responseModels/text~1plain"),
        ("remove", "/responseParameters/method.response.header.X-B"), ("remove", "/responseModels/application~1json"), code="404",
    )
    same(bare(changed), {"statusCode": "404"})
    same(status(aws.delete_method_response(**place, statusCode="404")), 204)
    refused(lambda: aws.get_method_response(**place, statusCode="404"), MISSING, NO_CODE, 404)
    forget(place)


def test_bad_method_responses():
    place = a_method("bad responses")
    aws.put_method_response(**place, statusCode="200")
    header, model = "/responseParameters/method.response.header.N", "/responseModels/application~1json"
    good = ("add", "/responseParameters/method.response.header.new", "true")
    with unchanged(lambda: aws.get_method(**place)):
        for code in ("wrong", "600", "99", "2000", "099"):
            wrong = violation(code, "statusCode", CODE_PATTERN)
            refused(lambda: aws.put_method_response(**place, statusCode=code), INVALID, wrong, 400)
            refused(lambda: aws.get_method_response(**place, statusCode=code), INVALID, wrong, 400)
            refused(lambda: aws.delete_method_response(**place, statusCode=code), INVALID, wrong, 400)
            refused(lambda: update_response(place, good, code=code), INVALID, wrong, 400)
        both = (
            "2 validation errors detected: Value 'wrong_op' at 'updateMethodResponseInput.patchOperations.1.member.op' failed to satisfy "
            f"constraint: Member must satisfy enum value set: {OPS}; Value 'wrong' at 'statusCode' failed to satisfy constraint: "
            f"{CODE_PATTERN}"
        )
        refused(lambda: update_response(place, ("wrong_op", header, "true"), code="wrong"), INVALID, both, 400)
        wrong = enum("wrong_op", "updateMethodResponseInput.patchOperations.1.member.op", OPS)
        refused(lambda: update_response(place, ("wrong_op", header, "true")), INVALID, wrong, 400)
        for op in ("replace", "remove"):
            refused(lambda: update_response(place, good, (op, header, "true")), MISSING, "Invalid parameter name specified", 404)
            refused(lambda: update_response(place, good, (op, model, "Empty")), MISSING, "Content-Type specified was not found", 404)
        path = "/wrong/method.response.header.my-header"
        for op in ("add", "replace", "remove"):
            refused(lambda: update_response(place, good, (op, path, "true")), BAD, f"Invalid patch path {path}", 400)
        unknown = "Invalid model identifier specified: m"
        refused(lambda: update_response(place, good, ("add", model, "m")), BAD, unknown, 400)
        put = lambda **members: lambda: aws.put_method_response(**place, statusCode="201", **members)
        refused(put(responseModels={"application/json": "m"}), BAD, unknown, 400)
        refused(put(responseParameters={"method.response.body.a": True}), BAD, status=400)
    forget(place)


def test_validators():
    api = aws.create_rest_api(name="validators")["id"]
    made = aws.create_request_validator(restApiId=api, name="body", validateRequestBody=True)
    expected = {"id": made["id"], "name": "body", "validateRequestBody": True, "validateRequestParameters": False}
    same((status(made), bare(made)), (201, expected))
    place = {"restApiId": api, "requestValidatorId": made["id"]}
    same(bare(aws.get_request_validator(**place)), expected)
    same(aws.get_request_validators(restApiId=api)["items"], [expected])
    change = lambda *operations: aws.update_request_validator(**place, patchOperations=patches(*operations))
    changed = change(
        ("replace", "/name", "all"), ("replace", "/validateRequestParameters", "true"), ("replace", "/validateRequestBody")
    )
    expected = {"id": made["id"], "name": "all", "validateRequestBody": False, "validateRequestParameters": True}
    same((status(changed), bare(changed)), (200, expected))
    good = ("replace", "/validateRequestBody", "true")
    with unchanged(lambda: aws.get_request_validator(**place)):
        paths = "[/name, /validateRequestParameters, /validateRequestBody]"
        path = f"Invalid patch path  '/x' specified for op 'replace'. Must be one of: {paths}"
        refused(lambda: change(good, ("replace", "/x", "y")), BAD, path, 400)
        for op in ("add", "remove"):
            path = f"Invalid patch path  '/name' specified for op '{op}'. Please choose supported operations"
            refused(lambda: change(good, (op, "/name", "y")), BAD, path, 400)
        for value in (" ", ""):
            refused(lambda: change(good, ("replace", "/name", value)), BAD, "Request Validator name cannot be blank", 400)
    same(status(aws.delete_request_validator(**place)), 202)
    for function in (
        lambda: aws.get_request_validator(**place), lambda: change(good), lambda: aws.delete_request_validator(**place),
        lambda: aws.get_request_validator(**{**place, "restApiId": "nowhere"}),
        lambda: aws.delete_request_validator(**{**place, "restApiId": "nowhere"}),
    ):
        refused(function, MISSING, NO_VALIDATOR, 404)
    nowhere = "Invalid REST API identifier specified"
    refused(lambda: aws.create_request_validator(restApiId="nowhere", name="a"), BAD, nowhere, 400)
    refused(lambda: aws.get_request_validators(restApiId="nowhere"), MISSING, no_api("nowhere"), 404)
    ids = {aws.create_request_validator(restApiId=api, name=f"v{index}")["id"] for index in range(5)}
    pages = list(aws.get_paginator("get_request_validators").paginate(restApiId=api, PaginationConfig={"PageSize": 2}))
    same((len(pages), {item["id"] for page in pages for item in page["items"]}), (3, ids))
    aws.delete_rest_api(restApiId=api)


def test_hostile_bodies():
    place = a_method("hostile")
    aws.put_method_response(**place, statusCode="200")
    api, other = place["restApiId"], {**place, "httpMethod": "POST"}
    show = lambda: aws.get_resources(restApiId=api, embed=["methods"])
    hostile("PUT", target(other), show, {"authorizationType": "NONE", "apiKeyRequired": "true"})
    hostile("PATCH", target(place), show, {"patchOperations": [{"op": "replace", "path": "/operationName", "value": 1}]})
    hostile("PUT", target(place, "/responses/201"), show, {"responseModels": ["Empty"]})
    hostile("PATCH", target(place, "/responses/200"), show, {"patchOperations": "x"})
    validators = lambda: aws.get_request_validators(restApiId=api)
    hostile("POST", f"/restapis/{api}/requestvalidators", validators, {"validateRequestBody": "true"})
    forget(place)


def test_two_writers_leave_one_of_two_states():
    place = a_method("writers")
    update(place, ("add", "/requestModels/application~1json", "Empty"))

    def write(name, model, key):
        def run():
            mine = client()
            operations = patches(
                ("replace", "/operationName", name), ("replace", "/requestModels/application~1json", model),
                ("replace", "/apiKeyRequired", key),
            )
            for _ in range(20):
                said = mine.update_method(**place, patchOperations=operations)
                same((said["operationName"], said["requestModels"]["application/json"]), (name, model))

        return run

    together(write("a", "Empty", "true"), write("b", "Error", "false"))
    said = aws.get_method(**place)
    state = (said["operationName"], said["requestModels"]["application/json"], said["apiKeyRequired"])
    assert state in (("a", "Empty", True), ("b", "Error", False)), state
    forget(place)


def test_what_is_missing_is_told_to_callers():
    place = a_method("served", "POST")
    api = place["restApiId"]
    schema = '{"type": "object", "required": ["name"], "properties": {"name": {"type": "string"}}}'
    aws.create_model(restApiId=api, name="Pet", contentType="application/json", schema=schema)
    validator = aws.create_request_validator(restApiId=api, validateRequestBody=True, validateRequestParameters=True)["id"]
    update(
        place, ("replace", "/requestValidatorId", validator), ("add", "/requestModels/application~1json", "Pet"),
        ("add", "/requestParameters/method.request.querystring.q", "true"),
        ("add", "/requestParameters/method.request.header.x-h", "true"),
        ("add", "/requestParameters/method.request.querystring.optional", "false"),
    )
    aws.put_integration(**place, type="MOCK", requestTemplates={"application/json": '{"statusCode": 200}'})
    aws.put_method_response(**place, statusCode="200")
    aws.put_integration_response(**place, statusCode="200", responseTemplates={"application/json": '{"ok": true}'})
    aws.create_deployment(restApiId=api, stageName="dev")
    post = lambda target, body, headers=None: call(api, target, "POST", headers, body)
    missing = post("/dev/", '{"name": "a"}')
    same((missing.status, missing.json()["message"]), (400, "Missing required request parameters: [x-h, q]"))
    missing = post("/dev/?q=", '{"name": "a"}', {"x-h": "1"})
    same((missing.status, missing.json()["message"]), (400, "Missing required request parameters: [q]"))
    for body in ("{}", "", "no", '{"name": 1}'):
        invalid = post("/dev/?q=1", body, {"x-h": "1", "Content-Type": "application/json"})
        same((invalid.status, invalid.json()["message"]), (400, "Invalid request body"))
    good = post("/dev/?q=1", '{"name": "a"}', {"x-h": "1"})
    same((good.status, good.json()), (200, {"ok": True}))
    # A type without a model.
    same(post("/dev/?q=1", "no json", {"x-h": "1", "Content-Type": "text/plain"}).status, 200)
    # The deployment stays as it was.
    update(place, ("replace", "/requestValidatorId"))
    same(post("/dev/", "{}").status, 400)
    aws.create_deployment(restApiId=api, stageName="dev")
    same(post("/dev/", "{}").status, 200)
    aws.delete_method(**place)
    forget(place)


def test_every_operation_was_called():
    verbs = ("Get", "Put", "Update", "Delete")
    names = {f"{verb}{what}" for verb in verbs for what in ("Method", "MethodResponse")}
    names |= {f"{verb}RequestValidator" for verb in ("Create", "Get", "Update", "Delete")} | {"GetRequestValidators"}
    assert names <= CHECKED, names - CHECKED
