"""Integrations and integration responses (tables.md §8.4)."""

from harness import Backend, call, refused, same, status
from support.wire import (
    CHECKED, OPS, bare, client, enum, hostile, patches, raw, refused_raw, together, unchanged, violation,
)

aws = client()
BAD, MISSING, CONFLICT, INVALID = "BadRequestException", "NotFoundException", "ConflictException", "ValidationException"
NO_RESOURCE, NO_METHOD = "Invalid Resource identifier specified", "Invalid Method identifier specified"
NO_INTEGRATION, NO_CODE = "Invalid Integration identifier specified", "Invalid Response status code specified"
CODE_PATTERN = r"Member must satisfy regular expression pattern: [1-5]\d\d"
TYPES = "[HTTP, MOCK, AWS_PROXY, HTTP_PROXY, AWS]"
FUNCTION = "arn:aws:lambda:us-east-1:000000000000:function:f"
LAMBDA = f"arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/{FUNCTION}/invocations"
ROLE = "arn:aws:iam::000000000000:role/r"
HEADER = "/responseParameters/method.response.header.X-A"


def a_method(name, verb="GET", **members):
    api = aws.create_rest_api(name=name)
    place = {"restApiId": api["id"], "resourceId": api["rootResourceId"], "httpMethod": verb}
    aws.put_method(**place, authorizationType="NONE", **members)
    return place


def a_mock(name):
    """With the responses 200, which has the header X-A, and 404."""
    place = a_method(name)
    put(place, type="MOCK", requestTemplates={"application/json": '{"statusCode": 200}'})
    aws.put_method_response(**place, statusCode="200", responseParameters={"method.response.header.X-A": False})
    aws.put_method_response(**place, statusCode="404")
    return place


def put(place, **members):
    return aws.put_integration(**place, **members)


def get(place):
    return bare(aws.get_integration(**place))


def update(place, *operations):
    return aws.update_integration(**place, patchOperations=patches(*operations))


def put_response(place, code="200", **members):
    return aws.put_integration_response(**place, statusCode=code, **members)


def update_response(place, *operations, code="200"):
    return aws.update_integration_response(**place, statusCode=code, patchOperations=patches(*operations))


def target(place, suffix=""):
    base = f"/restapis/{place['restApiId']}/resources/{place['resourceId']}/methods/{place['httpMethod']}"
    return f"{base}/integration{suffix}"


def forget(place):
    aws.delete_rest_api(restApiId=place["restApiId"])


def test_what_every_type_is_stored_as():
    place = a_method("types")
    defaults = {
        "passthroughBehavior": "WHEN_NO_MATCH", "timeoutInMillis": 29000, "cacheNamespace": place["resourceId"],
        "cacheKeyParameters": [],
    }
    made = put(place, type="MOCK")
    same((status(made), bare(made)), (201, {"type": "MOCK", **defaults}))
    for members in (
        {"type": "HTTP", "uri": "http://example.com/a"}, {"type": "HTTP_PROXY", "uri": "https://example.com/{proxy}?a=b"},
        {"type": "AWS", "uri": LAMBDA}, {"type": "AWS_PROXY", "uri": LAMBDA},
        {"type": "AWS", "uri": "arn:aws:apigateway:us-east-1:dynamodb:action/PutItem", "credentials": ROLE},
        {"type": "AWS", "uri": "arn:aws:apigateway:us-east-1:s3:path/bucket/key", "credentials": ROLE},
    ):
        made = bare(put(place, **members, integrationHttpMethod="POST"))
        internet = {"connectionType": "INTERNET"} if members["type"].startswith("HTTP") else {}
        same(made, {**members, "httpMethod": "POST", **defaults, **internet})
        same(get(place), made)
    same(aws.get_method(**place)["methodIntegration"], get(place))
    same(status(aws.delete_integration(**place)), 204)
    refused(lambda: aws.get_integration(**place), MISSING, NO_INTEGRATION, 404)
    same("methodIntegration" in aws.get_method(**place), False)
    forget(place)


def test_every_member():
    place = a_method("members", requestParameters={"method.request.querystring.q": True})
    members = {
        "type": "HTTP", "uri": "https://example.com/{id}", "connectionType": "INTERNET", "credentials": ROLE,
        "requestParameters": {
            "integration.request.path.id": "method.request.querystring.q", "integration.request.header.X": "'a'",
            "integration.request.querystring.s": "stageVariables.s", "integration.request.header.R": "context.requestId",
        },
        "requestTemplates": {"application/json": "$input.json('$')", "text/plain": "x"}, "passthroughBehavior": "NEVER",
        "cacheNamespace": "space", "cacheKeyParameters": ["method.request.querystring.q"], "contentHandling": "CONVERT_TO_TEXT",
        "timeoutInMillis": 50, "tlsConfig": {"insecureSkipVerification": True},
    }
    made = bare(put(place, integrationHttpMethod="PUT", **members))
    same(made, {"httpMethod": "PUT", **members})
    # What is put replaces all that was there.
    kept = {"type", "passthroughBehavior", "timeoutInMillis", "cacheNamespace", "cacheKeyParameters"}
    same(set(bare(put(place, type="MOCK"))), kept)
    # An empty template is shown as none.
    same(put(place, type="MOCK", requestTemplates={"application/json": ""})["requestTemplates"], {"application/json": None})
    forget(place)


def test_what_an_integration_may_not_be():
    place = a_method("refusals")
    mapping = "Invalid mapping expression specified: Validation Result: warnings : [], errors : [%s]"
    no_verb, no_url = "Enumeration value for HttpMethod must be non-empty", "Invalid HTTP endpoint specified for URI"
    no_arn, no_action = "Invalid ARN specified in the request", "AWS ARN for integration must contain path or action"
    proxy = "Integrations of type 'AWS_PROXY' currently only supports Lambda function and Firehose stream invocations."
    service = "arn:aws:apigateway:us-east-1:"
    cases = [
        ({"type": "HTTP", "uri": "http://example.com"}, no_verb), ({"type": "HTTP_PROXY", "uri": "http://example.com"}, no_verb),
        ({"type": "AWS", "uri": LAMBDA}, no_verb),
        ({"type": "HTTP", "uri": "example.com", "integrationHttpMethod": "GET"}, no_url),
        ({"type": "HTTP_PROXY", "uri": "ftp://example.com", "integrationHttpMethod": "GET"}, no_url),
        ({"type": "AWS", "uri": "http://example.com", "integrationHttpMethod": "POST"}, no_arn),
        ({"type": "AWS", "uri": "bad-" + LAMBDA, "integrationHttpMethod": "POST"}, no_arn),
        ({"type": "AWS_PROXY", "uri": "bad-" + LAMBDA, "integrationHttpMethod": "POST"}, no_arn),
        ({"type": "AWS", "uri": ROLE, "integrationHttpMethod": "POST"}, no_action),
        ({"type": "AWS", "uri": FUNCTION, "integrationHttpMethod": "POST"}, no_action),
        ({"type": "AWS_PROXY", "uri": FUNCTION, "integrationHttpMethod": "POST"}, no_action),
        ({"type": "AWS", "uri": LAMBDA.replace(":path/", ":test/"), "integrationHttpMethod": "POST"}, no_action),
        ({"type": "AWS_PROXY", "uri": f"{service}dynamodb:action/PutItem", "integrationHttpMethod": "POST"}, proxy),
        ({"type": "AWS_PROXY", "uri": f"{service}lambda:path/2015-03-31/functions/{FUNCTION}", "integrationHttpMethod": "POST"}, proxy),
        (
            {"type": "MOCK", "requestParameters": {"integration.request.header.a": "true"}},
            mapping % "Invalid mapping expression specified: true",
        ),
        ({"type": "MOCK", "timeoutInMillis": 49}, None), ({"type": "MOCK", "timeoutInMillis": 29001}, None),
        ({"type": "MOCK", "passthroughBehavior": "ALWAYS"}, None), ({"type": "MOCK", "credentials": "me"}, None),
        ({"type": "MOCK", "requestTemplates": {"123": "x"}}, None), ({"type": "MOCK", "requestTemplates": {"a/b": "#if("}}, None),
        ({"type": "MOCK", "cacheKeyParameters": ["method.request.querystring.a"]}, None),
        ({"type": "MOCK", "requestParameters": {"integration.request.header.a": "method.request.header.a"}}, None),
    ]
    put(place, type="MOCK")
    with unchanged(lambda: aws.get_method(**place)):
        for members, message in cases:
            refused(lambda: put(place, **members), BAD, message, 400)
        refused(lambda: put(place, type="HTTPS_PROXY"), INVALID, enum("HTTPS_PROXY", "putIntegrationInput.type", TYPES), 400)
        boolean = raw("PUT", target(place), {"type": "MOCK", "requestParameters": {"integration.request.header.a": True}})
        refused_raw(boolean, "SerializationException", "class java.lang.Boolean can not be converted to an String")
        same(raw("PUT", target(place), {}).status, 400)
    forget(place)


def test_what_is_not_there():
    place = a_method("nothing")
    for wrong, message in (
        ({**place, "restApiId": "nowhere"}, NO_RESOURCE), ({**place, "resourceId": "nobody"}, NO_RESOURCE),
        ({**place, "httpMethod": "POST"}, NO_METHOD),
    ):
        for function in (
            lambda: put(wrong, type="MOCK"), lambda: get(wrong), lambda: update(wrong), lambda: aws.delete_integration(**wrong),
            lambda: put_response(wrong), lambda: aws.get_integration_response(**wrong, statusCode="200"),
            lambda: update_response(wrong),
        ):
            refused(function, MISSING, message, 404)
        expected = NO_RESOURCE if message == NO_RESOURCE else NO_INTEGRATION
        refused(lambda: aws.delete_integration_response(**wrong, statusCode="200"), MISSING, expected, 404)
    for function in (
        lambda: get(place), lambda: aws.delete_integration(**place), lambda: update(place),
        lambda: aws.get_integration_response(**place, statusCode="200"),
        lambda: aws.delete_integration_response(**place, statusCode="200"),
    ):
        refused(function, MISSING, NO_INTEGRATION, 404)
    put(place, type="MOCK")
    for function in (
        lambda: aws.get_integration_response(**place, statusCode="200"), lambda: update_response(place),
        lambda: aws.delete_integration_response(**place, statusCode="200"),
    ):
        refused(function, MISSING, NO_CODE, 404)
    forget(place)


def test_patches():
    place = a_method("patches", requestParameters={"method.request.querystring.q": True})
    put(place, type="MOCK")
    changed = update(
        place, ("replace", "/type", "HTTP"), ("replace", "/uri", "http://example.com/{id}"), ("replace", "/httpMethod", "PUT"),
        ("replace", "/credentials", ROLE), ("replace", "/passthroughBehavior", "NEVER"), ("replace", "/timeoutInMillis", "1000"),
        ("replace", "/contentHandling", "CONVERT_TO_BINARY"), ("replace", "/cacheNamespace", "space"),
        ("replace", "/connectionType", "INTERNET"), ("replace", "/tlsConfig/insecureSkipVerification", "true"),
        ("add", "/requestTemplates/application~1json", "a"), ("replace", "/requestTemplates/application~1json", "b"),
        ("add", "/requestParameters/integration.request.path.id", "'a'"),
        ("replace", "/requestParameters/integration.request.path.id", "method.request.querystring.q"),
        ("add", "/cacheKeyParameters/method.request.querystring.q"),
    )
    expected = {
        "type": "HTTP", "uri": "http://example.com/{id}", "httpMethod": "PUT", "credentials": ROLE, "passthroughBehavior": "NEVER",
        "timeoutInMillis": 1000, "contentHandling": "CONVERT_TO_BINARY", "cacheNamespace": "space", "connectionType": "INTERNET",
        "tlsConfig": {"insecureSkipVerification": True}, "requestTemplates": {"application/json": "b"},
        "requestParameters": {"integration.request.path.id": "method.request.querystring.q"},
        "cacheKeyParameters": ["method.request.querystring.q"],
    }
    same((status(changed), bare(changed)), (200, expected))
    same(get(place), expected)
    changed = update(
        place, ("remove", "/requestTemplates/application~1json"), ("remove", "/cacheKeyParameters/method.request.querystring.q"),
        ("remove", "/requestParameters/integration.request.path.id"), ("replace", "/contentHandling", ""),
        ("replace", "/credentials", ""), ("replace", "/uri", "http://example.com/"),
    )
    gone = {"requestTemplates", "requestParameters", "contentHandling", "credentials"}
    same(set(bare(changed)), set(expected) - gone)
    same(changed["cacheKeyParameters"], [])
    good = ("replace", "/timeoutInMillis", "2000")
    with unchanged(lambda: aws.get_integration(**place)):
        for path in ("/wrong", "/requestTemplates", "/requestParameters", "/requestTemplates/application/json", "/tlsConfig/x"):
            for op in ("add", "replace", "remove"):
                refused(lambda: update(place, good, (op, path, "x")), BAD, f"Invalid patch path {path}", 400)
        for path in ("/uri", "/type", "/httpMethod", "/timeoutInMillis"):
            refused(lambda: update(place, good, ("remove", path)), BAD, status=400)
        for path, value in (
            ("/timeoutInMillis", "49"), ("/timeoutInMillis", "no"), ("/type", "HTTPS"), ("/uri", "no"), ("/passthroughBehavior", "x"),
            ("/contentHandling", "x"), ("/httpMethod", ""), ("/httpMethod", "WRONG"), ("/connectionType", "x"),
        ):
            refused(lambda: update(place, good, ("replace", path, value)), BAD, status=400)
        wrong = enum("wrong", "updateIntegrationInput.patchOperations.2.member.op", OPS)
        refused(lambda: update(place, good, ("wrong", "/uri", "x")), INVALID, wrong, 400)
    forget(place)


def test_a_response():
    place = a_mock("response")
    made = put_response(place)
    same((status(made), bare(made)), (201, {"statusCode": "200"}))
    members = {
        "selectionPattern": "2..", "responseParameters": {"method.response.header.X-A": "'a'"},
        "responseTemplates": {"application/json": "{}", "text/plain": ""}, "contentHandling": "CONVERT_TO_TEXT",
    }
    made = put_response(place, **members)
    expected = {"statusCode": "200", **members, "responseTemplates": {"application/json": "{}", "text/plain": None}}
    same((status(made), bare(made)), (201, expected))
    same(bare(aws.get_integration_response(**place, statusCode="200")), expected)
    same(get(place)["integrationResponses"], {"200": expected})
    changed = update_response(
        place, ("replace", "/selectionPattern", "5.."), ("replace", "/contentHandling", "CONVERT_TO_BINARY"),
        ("add", "/responseTemplates/a~1b", "x"), ("replace", "/responseTemplates/a~1b", "y"), ("remove", "/responseTemplates/text~1plain"),
        ("replace", HEADER, "integration.response.header.B"), ("remove", "/responseTemplates/application~1json"),
    )
    expected = {
        "statusCode": "200", "selectionPattern": "5..", "contentHandling": "CONVERT_TO_BINARY", "responseTemplates": {"a/b": "y"},
        "responseParameters": {"method.response.header.X-A": "integration.response.header.B"},
    }
    same((status(changed), bare(changed)), (200, expected))
    changed = update_response(
        place, ("remove", HEADER), ("replace", "/selectionPattern", ""), ("replace", "/contentHandling", ""),
        ("remove", "/responseTemplates/a~1b"),
    )
    same(bare(changed), {"statusCode": "200"})
    same(status(aws.delete_integration_response(**place, statusCode="200")), 204)
    refused(lambda: aws.get_integration_response(**place, statusCode="200"), MISSING, NO_CODE, 404)
    forget(place)


def test_what_a_response_may_not_be():
    place = a_mock("response refusals")
    put_response(place)
    good = ("replace", "/selectionPattern", "2..")
    mapping = "Invalid mapping expression specified: Validation Result: warnings : [], errors : [%s]"
    with unchanged(lambda: aws.get_method(**place)):
        for code in ("wrong", "600", "20", "2000"):
            wrong = violation(code, "statusCode", CODE_PATTERN)
            refused(lambda: put_response(place, code), INVALID, wrong, 400)
            refused(lambda: aws.get_integration_response(**place, statusCode=code), INVALID, wrong, 400)
            refused(lambda: aws.delete_integration_response(**place, statusCode=code), INVALID, wrong, 400)
            refused(lambda: update_response(place, good, code=code), INVALID, wrong, 400)
        number = raw("PUT", target(place, "/responses/200"), {"responseTemplates": {"application/json": 1}})
        text = "class com.amazon.coral.value.json.numbers.TruncatingBigNumber can not be converted to an String"
        refused_raw(number, "SerializationException", text)
        text = "Validation Result: warnings : [], errors : [Invalid content type specified: 123]"
        refused(lambda: put_response(place, responseTemplates={"123": "x"}), BAD, text, 400)
        refused(lambda: put_response(place, responseTemplates={"a/b": "#if("}), BAD, status=400)
        # There is no method response of that status.
        refused(lambda: put_response(place, "500", selectionPattern="5"), MISSING, NO_CODE, 404)
        text = mapping % "Invalid mapping expression specified: true"
        refused(lambda: put_response(place, responseParameters={"method.response.header.X-A": "true"}), BAD, text, 400)
        text = mapping % "Invalid mapping expression parameter specified: method.response.header.X-B"
        refused(lambda: put_response(place, responseParameters={"method.response.header.X-B": "'b'"}), BAD, text, 400)
        refused(lambda: put_response(place, "404"), CONFLICT, status=409)
        refused(lambda: put_response(place, selectionPattern="("), BAD, status=400)
        for path in ("/wrong", "/responseTemplates", "/responseTemplates/application/json", "/responseParameters"):
            refused(lambda: update_response(place, good, ("replace", path, "x")), BAD, f"Invalid patch path {path}", 400)
        refused(lambda: update_response(place, good, ("add", "/selectionPattern", "x")), BAD, status=400)
        refused(lambda: update_response(place, good, ("remove", HEADER)), MISSING, "Invalid parameter name specified", 404)
        refused(lambda: update_response(place, good, ("replace", "/contentHandling", "x")), BAD, status=400)
        wrong = enum("x", "updateIntegrationResponseInput.patchOperations.1.member.op", OPS)
        refused(lambda: update_response(place, ("x", "/selectionPattern", "x")), INVALID, wrong, 400)
    forget(place)


def test_hostile_bodies():
    place = a_mock("hostile")
    put_response(place)
    show = lambda: aws.get_method(**place)
    hostile("PUT", target(place), show, {"type": "MOCK", "timeoutInMillis": "29000"})
    hostile("PATCH", target(place), show, {"patchOperations": 1})
    hostile("PUT", target(place, "/responses/404"), show, {"responseParameters": []})
    hostile("PATCH", target(place, "/responses/200"), show, {"patchOperations": [1]})
    with unchanged(show):
        for members in ({"type": 1}, {"cacheKeyParameters": "a"}, {"tlsConfig": {"x": 1}}, {"tlsConfig": 1}):
            refused_raw(raw("PUT", target(place), {"type": "MOCK", **members}), "SerializationException")
    forget(place)


def test_two_writers_leave_one_of_two_states():
    place = a_mock("writers")

    def write(uri, template):
        def run():
            mine = client()
            for _ in range(15):
                mine.put_integration(
                    **place, type="HTTP", integrationHttpMethod="POST", uri=uri, requestTemplates={"application/json": template}
                )
                operations = patches(("replace", "/uri", uri), ("replace", "/requestTemplates/application~1json", template))
                said = mine.update_integration(**place, patchOperations=operations)
                same((said["uri"], said["requestTemplates"]["application/json"]), (uri, template))

        return run

    together(write("http://a.example/", "a"), write("http://b.example/", "b"))
    said = get(place)
    state = (said["uri"], said["requestTemplates"]["application/json"])
    assert state in (("http://a.example/", "a"), ("http://b.example/", "b")), state
    forget(place)


def test_mocks_are_served():
    place = a_mock("mock served")
    template = '#if($input.params("code") == "404"){"statusCode": 404}#else{"statusCode": 200}#end'
    put(place, type="MOCK", requestTemplates={"application/json": template}, passthroughBehavior="NEVER")
    text = '{"stage": "$context.stage", "color": "$stageVariables.color"}'
    put_response(
        place, responseTemplates={"application/json": text}, responseParameters={"method.response.header.X-A": "'from a mapping'"}
    )
    put_response(place, "404", selectionPattern="404", responseTemplates={"application/json": '{"message": "nothing"}'})
    api = place["restApiId"]
    aws.create_deployment(restApiId=api, stageName="dev", variables={"color": "blue"})
    good = call(api, "/dev/")
    same((good.status, good.json(), good.headers["x-a"]), (200, {"stage": "dev", "color": "blue"}, "from a mapping"))
    missing = call(api, "/dev/?code=404")
    same((missing.status, missing.json()), (404, {"message": "nothing"}))
    same(call(api, "/dev/", headers={"Content-Type": "text/plain"}).status, 415)
    forget(place)


def test_backends_are_called():
    backend = Backend()
    api = aws.create_rest_api(name="http")
    pets = aws.create_resource(restApiId=api["id"], parentId=api["rootResourceId"], pathPart="{id}")["id"]
    place = {"restApiId": api["id"], "resourceId": pets, "httpMethod": "POST"}
    aws.put_method(**place, authorizationType="NONE", requestParameters={"method.request.path.id": True})
    host = backend.url.removeprefix("http://")
    put(
        place, type="HTTP_PROXY", integrationHttpMethod="PUT", uri="http://${stageVariables.host}/pets/{id}",
        requestParameters={"integration.request.path.id": "method.request.path.id", "integration.request.header.X-S": "stageVariables.s"},
    )
    aws.create_deployment(restApiId=api["id"], stageName="dev", variables={"host": host, "s": "v1"})
    saw = call(api["id"], "/dev/7?a=b", "POST", {"Content-Type": "application/json"}, "{}").json()
    same((saw["method"], saw["target"], saw["body"], saw["headers"]["x-s"]), ("PUT", "/pets/7?a=b", "{}", "v1"))
    # Variables of the stage are seen at once, integrations with the next deployment.
    aws.update_stage(restApiId=api["id"], stageName="dev", patchOperations=patches(("replace", "/variables/s", "v2")))
    update(place, ("replace", "/httpMethod", "DELETE"))
    saw = call(api["id"], "/dev/7", "POST").json()
    same((saw["method"], saw["headers"]["x-s"]), ("PUT", "v2"))
    templates = {"application/json": '{"got": $input.json("$.a")}'}
    put(place, type="HTTP", integrationHttpMethod="POST", uri=backend.url + "/fixed", requestTemplates=templates)
    aws.put_method_response(**place, statusCode="200")
    put_response(place, responseTemplates={"application/json": '{"backend": $input.json("$.body")}'})
    aws.create_deployment(restApiId=api["id"], stageName="dev")
    answer = call(api["id"], "/dev/7", "POST", {"Content-Type": "application/json"}, '{"a": 1}')
    same((answer.status, answer.json()), (200, {"backend": '{"got": 1}'}))
    aws.delete_rest_api(restApiId=api["id"])


def test_every_operation_was_called():
    names = {f"{verb}{what}" for verb in ("Get", "Put", "Update", "Delete") for what in ("Integration", "IntegrationResponse")}
    assert names <= CHECKED, names - CHECKED
