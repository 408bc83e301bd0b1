"""What was answered before the gateway was killed, or its files were loaded again, is there afterwards."""

from harness import call, client, same

aws = client()


def test_before():
    served = aws.create_rest_api(name="served")
    which = {"restApiId": served["id"], "resourceId": served["rootResourceId"], "httpMethod": "GET"}
    aws.put_method(**which, authorizationType="NONE")
    aws.put_method_response(**which, statusCode="200")
    aws.put_integration(**which, type="MOCK", requestTemplates={"application/json": '{"statusCode": 200}'})
    aws.put_integration_response(**which, statusCode="200", responseTemplates={"application/json": '"here"'})
    aws.create_deployment(restApiId=served["id"], stageName="dev")
    same(call(served["id"], "/dev").text, '"here"')
    deleted = aws.create_rest_api(name="deleted")
    aws.delete_rest_api(restApiId=deleted["id"])
    # The last answer may be the last thing that the process does.
    for index in range(20):
        api = aws.create_rest_api(name=f"kept {index}", version=str(index))
        aws.create_resource(restApiId=api["id"], parentId=api["rootResourceId"], pathPart="pets")


def test_after():
    apis = {api["name"]: api["id"] for api in aws.get_rest_apis(limit=500)["items"]}
    same(call(apis.pop("served"), "/dev").text, '"here"')
    same(sorted(apis), sorted(f"kept {index}" for index in range(20)))
    for api in apis.values():
        paths = [resource["path"] for resource in aws.get_resources(restApiId=api)["items"]]
        same(sorted(paths), ["/", "/pets"])
