"""TestInvokeMethod: a method as it is now, without a deployment, with the execution log."""

from harness import Backend, client, refused, same


def an_api(apigateway):
    api = apigateway.create_rest_api(name="tested")
    resource = apigateway.create_resource(restApiId=api["id"], parentId=api["rootResourceId"], pathPart="{id}")
    return {"restApiId": api["id"], "resourceId": resource["id"]}


def test_a_mock_is_rendered():
    apigateway = client()
    method = {**an_api(apigateway), "httpMethod": "POST"}
    # A test invocation asks for no key.
    apigateway.put_method(**method, authorizationType="NONE", apiKeyRequired=True)
    apigateway.put_method_response(
        **method, statusCode="200", responseParameters={"method.response.header.x-a": True}
    )
    apigateway.put_integration(**method, type="MOCK", requestTemplates={"application/json": '{"statusCode":200}'})
    apigateway.put_integration_response(
        **method,
        statusCode="200",
        responseParameters={"method.response.header.x-a": "'b'"},
        responseTemplates={
            "application/json": '{"id":"$input.params(\'id\')","q":"$input.params(\'q\')","v":"$stageVariables.v"}'
        },
    )
    answer = apigateway.test_invoke_method(
        **method,
        pathWithQueryString="/42?q=7",
        headers={"Authorization": "Bearer of-a-secret-token"},
        body='{"a":1}',
        stageVariables={"v": "w"},
    )
    same(answer["status"], 200)
    same(answer["body"], '{"id":"42","q":"7","v":"w"}')
    same(answer["headers"], {"Content-Type": "application/json", "x-a": "b"})
    same(answer["multiValueHeaders"], {"Content-Type": ["application/json"], "x-a": ["b"]})
    assert answer["latency"] >= 0
    log = answer["log"]
    assert "Starting execution for request: " in log, log
    assert "Method request body before transformations: {\"a\":1}" in log, log
    assert "Successfully completed execution" in log, log
    assert "of-a-secret" not in log, log


def test_a_backend_is_called():
    apigateway, backend = client(), Backend()
    method = {**an_api(apigateway), "httpMethod": "GET"}
    apigateway.put_method(
        **method, authorizationType="NONE", requestParameters={"method.request.path.id": True}
    )
    apigateway.put_integration(
        **method,
        type="HTTP_PROXY",
        integrationHttpMethod="GET",
        uri=backend.url + "/x/{id}",
        requestParameters={"integration.request.path.id": "method.request.path.id"},
    )
    answer = apigateway.test_invoke_method(**method, pathWithQueryString="/42")
    same(answer["status"], 200)
    same([seen["target"] for seen in backend.requests], ["/x/42"])
    assert f"Endpoint request URI: {backend.url}/x/42" in answer["log"], answer["log"]
    assert "Received response. Status: 200" in answer["log"], answer["log"]


def test_what_cannot_be_invoked():
    apigateway = client()
    resource = an_api(apigateway)
    invoke = lambda verb, **more: apigateway.test_invoke_method(**{**resource, "httpMethod": verb, **more})
    refused(lambda: invoke("GET"), "NotFoundException", "Invalid Method identifier specified", 404)
    refused(
        lambda: invoke("GET", resourceId="nobody"),
        "NotFoundException",
        "Invalid Resource identifier specified",
        404,
    )
    apigateway.put_method(**resource, httpMethod="GET", authorizationType="NONE")
    refused(lambda: invoke("GET"), "NotFoundException", "No integration defined for method", 404)
    apigateway.put_integration(**resource, httpMethod="GET", type="MOCK")
    refused(lambda: invoke("GET", clientCertificateId="abcdef"), "BadRequestException")
    refused(lambda: invoke("GET", headers={"x-a": "b\r\nx-c: d"}), "BadRequestException")
    refused(lambda: invoke("GET", pathWithQueryString="/a b"), "BadRequestException")
    # A mock without a template chooses no status.
    same(invoke("GET")["status"], 500)
