"""What is deployed is served when the call has returned; what is not, is not."""

import json
import os

from harness import Backend, call, client, refused, request, same

aws = client()
backend = Backend()


def build(uri, path="pets"):
    """An API with GET of one resource, passed to `uri`; its id and that of the resource."""
    api = aws.create_rest_api(name="served")
    resource = aws.create_resource(restApiId=api["id"], parentId=api["rootResourceId"], pathPart=path)
    which = {"restApiId": api["id"], "resourceId": resource["id"], "httpMethod": "GET"}
    aws.put_method(**which, authorizationType="NONE")
    aws.put_integration(**which, type="HTTP_PROXY", integrationHttpMethod="GET", uri=uri)
    return api["id"], which


def test_a_stage_is_served_at_once():
    api, which = build(backend.url + "/one")
    same(call(api, "/dev/pets").status, 403)
    aws.create_deployment(restApiId=api, stageName="dev")
    for _ in range(5):
        answer = call(api, "/dev/pets?a=1")
        same((answer.status, answer.json()["target"]), (200, "/one?a=1"))
    # What is changed is served with the next deployment.
    aws.put_integration(**which, type="HTTP_PROXY", integrationHttpMethod="GET", uri=backend.url + "/two")
    same(call(api, "/dev/pets").json()["target"], "/one")
    aws.create_deployment(restApiId=api, stageName="dev")
    same(call(api, "/dev/pets").json()["target"], "/two")
    aws.delete_stage(restApiId=api, stageName="dev")
    same(call(api, "/dev/pets").status, 403)
    aws.delete_rest_api(restApiId=api)


def test_variables_of_a_stage_are_served_at_once():
    api, _ = build(backend.url + "/${stageVariables.version}")
    aws.create_deployment(restApiId=api, stageName="dev", variables={"version": "v1"})
    same(call(api, "/dev/pets").json()["target"], "/v1")
    operations = [{"op": "replace", "path": "/variables/version", "value": "v2"}]
    aws.update_stage(restApiId=api, stageName="dev", patchOperations=operations)
    same(call(api, "/dev/pets").json()["target"], "/v2")
    aws.delete_rest_api(restApiId=api)
    same(call(api, "/dev/pets").status, 403)


def test_paths_name_api_and_stage():
    api, _ = build(backend.url + "/here")
    aws.create_deployment(restApiId=api, stageName="dev")
    gateway = os.environ["RINGWAY_GATEWAY"]
    for path in [f"/restapis/{api}/dev/_user_request_/pets", f"/_aws/execute-api/{api}/dev/pets"]:
        answer = request(gateway + path)
        same((answer.status, answer.json()["target"]), (200, "/here"))
    same(request(f"{gateway}/restapis/{api}/prod/_user_request_/pets").status, 403)
    operations = [{"op": "replace", "path": "/disableExecuteApiEndpoint", "value": "true"}]
    aws.update_rest_api(restApiId=api, patchOperations=operations)
    aws.create_deployment(restApiId=api, stageName="dev")
    same(request(f"{gateway}/_aws/execute-api/{api}/dev/pets").status, 403)
    aws.delete_rest_api(restApiId=api)


def test_a_domain_name_leads_to_a_stage():
    api, _ = build(backend.url + "/domain")
    aws.create_deployment(restApiId=api, stageName="dev")
    name = "pets.example.com"
    aws.create_domain_name(domainName=name, certificateArn="arn:aws:acm:us-east-1:000000000000:certificate/1")
    aws.create_base_path_mapping(domainName=name, restApiId=api, stage="dev", basePath="v1")
    url = os.environ["RINGWAY_GATEWAY"] + "/v1/pets"
    same(request(url, headers={"Host": name}).json()["target"], "/domain")
    aws.delete_base_path_mapping(domainName=name, basePath="v1")
    same(request(url, headers={"Host": name}).status, 403)
    aws.delete_domain_name(domainName=name)
    aws.delete_rest_api(restApiId=api)
