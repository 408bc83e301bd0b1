"""Gateway responses, and that a customised one is what callers get (tables.md §7, §8.6)."""

from harness import ACCOUNT, call, refused, same, status
from support.shape import mock_api, patch, refusal, wrong_type
from support.wire import bare, client

aws = client()
BAD, MISSING = "BadRequestException", "NotFoundException"
TEMPLATES = {"application/json": '{"message":$context.error.messageString}'}
STATUSES = {
    "ACCESS_DENIED": "403",
    "API_CONFIGURATION_ERROR": "500",
    "AUTHORIZER_CONFIGURATION_ERROR": "500",
    "AUTHORIZER_FAILURE": "500",
    "BAD_REQUEST_BODY": "400",
    "BAD_REQUEST_PARAMETERS": "400",
    "DEFAULT_4XX": None,
    "DEFAULT_5XX": None,
    "EXPIRED_TOKEN": "403",
    "INTEGRATION_FAILURE": "504",
    "INTEGRATION_TIMEOUT": "504",
    "INVALID_API_KEY": "403",
    "INVALID_SIGNATURE": "403",
    "MISSING_AUTHENTICATION_TOKEN": "403",
    "QUOTA_EXCEEDED": "429",
    "REQUEST_TOO_LARGE": "413",
    "RESOURCE_NOT_FOUND": "404",
    "THROTTLED": "429",
    "UNAUTHORIZED": "401",
    "UNSUPPORTED_MEDIA_TYPE": "415",
    "WAF_FILTERED": "403",
}
# As AWS lists them in its refusal.
TYPES = (
    "REQUEST_TOO_LARGE, RESOURCE_NOT_FOUND, AUTHORIZER_CONFIGURATION_ERROR, MISSING_AUTHENTICATION_TOKEN, BAD_REQUEST_BODY, "
    "INVALID_SIGNATURE, INVALID_API_KEY, BAD_REQUEST_PARAMETERS, AUTHORIZER_FAILURE, UNAUTHORIZED, INTEGRATION_TIMEOUT, "
    "ACCESS_DENIED, DEFAULT_4XX, DEFAULT_5XX, WAF_FILTERED, QUOTA_EXCEEDED, THROTTLED, API_CONFIGURATION_ERROR, "
    "UNSUPPORTED_MEDIA_TYPE, INTEGRATION_FAILURE, EXPIRED_TOKEN"
)


def built_in(kind):
    code = {"statusCode": STATUSES[kind]} if STATUSES[kind] else {}
    return {"responseType": kind, **code, "responseParameters": {}, "responseTemplates": TEMPLATES, "defaultResponse": True}


def put(api, kind, **arguments):
    return aws.put_gateway_response(restApiId=api, responseType=kind, **arguments)


def get(api, kind):
    return bare(aws.get_gateway_response(restApiId=api, responseType=kind))


def change(api, kind, *operations):
    operations = [operation for one in operations for operation in one]
    return aws.update_gateway_response(restApiId=api, responseType=kind, patchOperations=operations)


def new_api():
    return aws.create_rest_api(name="responses")["id"]


def clear():
    for api in aws.get_rest_apis(limit=500)["items"]:
        aws.delete_rest_api(restApiId=api["id"])


def test_all_types_are_there():
    api = new_api()
    same(aws.get_gateway_responses(restApiId=api)["items"], [built_in(kind) for kind in STATUSES])
    pages = aws.get_paginator("get_gateway_responses").paginate(restApiId=api, PaginationConfig={"PageSize": 8})
    pages = [page["items"] for page in pages]
    same([len(page) for page in pages], [8, 8, 5])
    same([item["responseType"] for page in pages for item in page], list(STATUSES))
    for kind in STATUSES:
        same(get(api, kind), built_in(kind))
    clear()


def test_what_is_not_given_is_that_of_aws():
    api = new_api()
    only_code = put(api, "RESOURCE_NOT_FOUND", statusCode="410")
    same(status(only_code), 201)
    same(bare(only_code), {**built_in("RESOURCE_NOT_FOUND"), "statusCode": "410", "defaultResponse": False})
    header = {"gatewayresponse.header.x": "'y'"}
    only_parameters = put(api, "MISSING_AUTHENTICATION_TOKEN", responseParameters=header)
    expected = {**built_in("MISSING_AUTHENTICATION_TOKEN"), "responseParameters": header, "defaultResponse": False}
    same(bare(only_parameters), expected)
    text = {"text/plain": "no"}
    only_templates = put(api, "MISSING_AUTHENTICATION_TOKEN", responseTemplates=text)
    expected = {**built_in("MISSING_AUTHENTICATION_TOKEN"), "responseTemplates": text, "defaultResponse": False}
    same(bare(only_templates), expected)
    same(get(api, "MISSING_AUTHENTICATION_TOKEN"), expected)
    clear()


def test_a_default_is_shown_for_what_is_not_customised():
    api = new_api()
    header = {"gatewayresponse.header.x": "'y'"}
    text = {"text/plain": "no"}
    given = {"statusCode": "599", "responseParameters": header, "responseTemplates": text}
    put(api, "DEFAULT_5XX", **given)
    for item in aws.get_gateway_responses(restApiId=api)["items"]:
        kind = item["responseType"]
        if kind == "DEFAULT_5XX":
            same(item, {**built_in(kind), **given, "defaultResponse": False})
        elif (STATUSES[kind] or "4").startswith("5"):
            same(item, {**built_in(kind), **given})
        else:
            same(item, built_in(kind))
    other = {"gatewayresponse.header.z": "'z'"}
    put(api, "AUTHORIZER_FAILURE", responseParameters=other)
    same(get(api, "AUTHORIZER_FAILURE"), {**built_in("AUTHORIZER_FAILURE"), "responseParameters": other, "defaultResponse": False})

    deleted = aws.delete_gateway_response(restApiId=api, responseType="DEFAULT_5XX")
    same((status(deleted), get(api, "INTEGRATION_FAILURE")), (202, built_in("INTEGRATION_FAILURE")))
    not_defined = "Gateway response type not defined on api"
    again = lambda: aws.delete_gateway_response(restApiId=api, responseType="DEFAULT_5XX")
    refused(again, MISSING, not_defined, 404)
    clear()


def test_what_is_no_gateway_response():
    api = new_api()
    unknown = f"Invalid API identifier specified {ACCOUNT}:none"
    constraint = f"failed to satisfy constraint: Member must satisfy enum value set: [{TYPES}]"
    no_type = f"1 validation error detected: Value 'FAKE_RESPONSE_TYPE' at 'responseType' {constraint}"
    for action, more in [
        (aws.get_gateway_response, {}),
        (aws.put_gateway_response, {"statusCode": "404"}),
        (aws.update_gateway_response, {"patchOperations": patch("replace", "/statusCode", "404")}),
        (aws.delete_gateway_response, {}),
    ]:
        refused(lambda: action(restApiId="none", responseType="THROTTLED", **more), MISSING, unknown, 404)
        fake = lambda: action(restApiId=api, responseType="FAKE_RESPONSE_TYPE", **more)
        refused(fake, "ValidationException", no_type, 400)
    refused(lambda: aws.get_gateway_responses(restApiId="none"), MISSING, unknown, 404)
    for code in ("42", "600", "x04", ""):
        refused(lambda: put(api, "THROTTLED", statusCode=code), "ValidationException", status=400)
    for parameters in ({"x": "'y'"}, {"gatewayresponse.header.x": "y"}, {"gatewayresponse.header.": "'y'"},
                       {"gatewayresponse.header.x": "integration.response.header.x"}):
        refused(lambda: put(api, "THROTTLED", responseParameters=parameters), BAD, status=400)
    refused(lambda: put(api, "THROTTLED", responseTemplates={"json": "x"}), BAD, status=400)
    path = f"/restapis/{api}/gatewayresponses/THROTTLED"
    same(refusal("PUT", path, {"statusCode": 404})[:2], (400, "SerializationException"))
    same(refusal("PUT", path, {"responseTemplates": "x"}), wrong_type("Map"))
    same(refusal("PUT", path, {"status": "404"})[:2], (400, "SerializationException"))
    same(get(api, "THROTTLED"), built_in("THROTTLED"))
    clear()


def test_one_is_changed():
    api = new_api()
    changed = change(api, "THROTTLED", patch("replace", "/statusCode", "420"),
                     patch("add", "/responseParameters/gatewayresponse.header.x", "'y'"),
                     patch("add", "/responseTemplates/text~1plain", "slow"))
    same(status(changed), 200)
    expected = {"responseType": "THROTTLED", "statusCode": "420", "defaultResponse": False,
                "responseParameters": {"gatewayresponse.header.x": "'y'"},
                "responseTemplates": {**TEMPLATES, "text/plain": "slow"}}
    same(bare(changed), expected)
    changed = change(api, "THROTTLED", patch("replace", "/responseParameters/gatewayresponse.header.x", "'z'"),
                     patch("replace", "/responseTemplates/text~1plain", "slower"),
                     patch("remove", "/responseTemplates/application~1json"))
    same(changed["responseParameters"], {"gatewayresponse.header.x": "'z'"})
    same(changed["responseTemplates"], {"text/plain": "slower"})
    changed = change(api, "THROTTLED", patch("remove", "/responseParameters/gatewayresponse.header.x"))
    same(changed["responseParameters"], {})
    clear()


def test_what_no_patch_may_do():
    api = new_api()
    put(api, "THROTTLED", statusCode="420")
    header, template = "/responseParameters/gatewayresponse.header.x", "/responseTemplates/application~1json"
    for operations, code, message in [
        (patch("add", "/statusCode", "404"), BAD, "Invalid patch path /statusCode"),
        (patch("remove", "/statusCode"), BAD, "Invalid patch path /statusCode"),
        (patch("replace", header, "'y'"), MISSING, "Invalid parameter name specified"),
        (patch("remove", header), MISSING, "Invalid parameter name specified"),
        ([{"op": "replace", "value": "x"}], BAD, "Invalid patch path null"),
        (patch("add", "/x", "y"), BAD, "Invalid patch path /x"),
        (patch("add", template), BAD, "Invalid null or empty value in responseTemplates"),
        (patch("replace", template, ""), BAD, "Invalid null or empty value in responseTemplates"),
        (patch("add", header), BAD, "Invalid null or empty value in responseParameters"),
        (patch("add", header, ""), BAD, "Invalid null or empty value in responseParameters"),
        (patch("replace", "/statusCode", "x"), "ValidationException", None),
    ]:
        refused(lambda: change(api, "THROTTLED", operations), code, message, 404 if code == MISSING else 400)
    ops = "Member must satisfy enum value set: [add, remove, move, test, replace, copy]"
    place = "'updateGatewayResponseInput.patchOperations.1.member.op'"
    message = f"1 validation error detected: Value 'wrong-op' at {place} failed to satisfy constraint: {ops}"
    refused(lambda: change(api, "THROTTLED", patch("wrong-op", "/statusCode", "404")), "ValidationException", message, 400)
    same(get(api, "THROTTLED")["statusCode"], "420")
    clear()


def test_callers_get_what_was_deployed():
    api, _ = mock_api(aws)
    path = "/dev/none"
    answer = call(api, path)
    same((answer.status, answer.json()), (403, {"message": "Missing Authentication Token"}))
    templates = {"application/json": '{"type":"$context.error.responseType","said":$context.error.messageString}'}
    parameters = {
        "gatewayresponse.header.x-fixed": "'one'",
        "gatewayresponse.header.x-shop": "method.request.querystring.shop",
        "gatewayresponse.header.x-stage": "context.stage",
    }
    put(api, "MISSING_AUTHENTICATION_TOKEN", statusCode="404", responseTemplates=templates, responseParameters=parameters)
    # A deployment is a frozen copy.
    same(call(api, path).status, 403)
    aws.create_deployment(restApiId=api, stageName="dev")
    answer = call(api, f"{path}?shop=north")
    same(answer.status, 404)
    same(answer.json(), {"type": "MISSING_AUTHENTICATION_TOKEN", "said": "Missing Authentication Token"})
    same([answer.headers[f"x-{name}"] for name in ("fixed", "shop", "stage")], ["one", "north", "dev"])
    same(answer.headers["x-amzn-errortype"], "MissingAuthenticationTokenException")

    # Without its own, what DEFAULT_4XX says.
    aws.delete_gateway_response(restApiId=api, responseType="MISSING_AUTHENTICATION_TOKEN")
    put(api, "DEFAULT_4XX", responseParameters={"gatewayresponse.header.x-fixed": "'all'"})
    aws.create_deployment(restApiId=api, stageName="dev")
    answer = call(api, path)
    same((answer.status, answer.headers["x-fixed"]), (403, "all"))
    same(answer.json(), {"message": "Missing Authentication Token"})
    same(call(api, "/dev").status, 200)
    clear()
