"""REST APIs and resources, and what every answer has."""

import datetime
import re

from harness import ACCOUNT, KEY_ID, SECRET, client, refused, request, same, status

aws = client()


def test_an_api_is_created_shown_changed_and_deleted():
    created = aws.create_rest_api(name="pets", description="All of them", tags={"team": "blue"})
    same(status(created), 201)
    same(created["name"], "pets")
    same(created["apiKeySource"], "HEADER")
    same(created["endpointConfiguration"], {"types": ["EDGE"], "ipAddressType": "ipv4"})
    same(created["disableExecuteApiEndpoint"], False)
    same(created["tags"], {"team": "blue"})
    assert re.fullmatch("[a-z0-9]{10}", created["id"]), created["id"]
    assert re.fullmatch("[a-z0-9]{10}", created["rootResourceId"]), created["rootResourceId"]
    age = datetime.datetime.now(datetime.timezone.utc) - created["createdDate"]
    assert abs(age.total_seconds()) < 60, created["createdDate"]

    shown = aws.get_rest_api(restApiId=created["id"])
    same(status(shown), 200)
    same({**shown, "ResponseMetadata": 0}, {**created, "ResponseMetadata": 0})

    operations = [
        {"op": "replace", "path": "/name", "value": "cats"},
        {"op": "add", "path": "/binaryMediaTypes/image~1png"},
    ]
    changed = aws.update_rest_api(restApiId=created["id"], patchOperations=operations)
    same((status(changed), changed["name"], changed["binaryMediaTypes"]), (200, "cats", ["image/png"]))

    same(status(aws.delete_rest_api(restApiId=created["id"])), 202)
    gone = f"Invalid API identifier specified {ACCOUNT}:{created['id']}"
    refused(lambda: aws.get_rest_api(restApiId=created["id"]), "NotFoundException", gone, 404)


def test_pages_hold_all():
    ids = {aws.create_rest_api(name=f"page {index}")["id"] for index in range(5)}
    pages = list(aws.get_paginator("get_rest_apis").paginate(PaginationConfig={"PageSize": 2}))
    assert len(pages) >= 3, len(pages)
    listed = [api["id"] for page in pages for api in page["items"]]
    same(len(listed), len(set(listed)))
    assert ids <= set(listed)
    for api in ids:
        aws.delete_rest_api(restApiId=api)


def test_resources_are_a_tree():
    api = aws.create_rest_api(name="tree")
    root = api["rootResourceId"]
    pets = aws.create_resource(restApiId=api["id"], parentId=root, pathPart="pets")
    same((status(pets), pets["path"], pets["pathPart"], pets["parentId"]), (201, "/pets", "pets", root))
    pet = aws.create_resource(restApiId=api["id"], parentId=pets["id"], pathPart="{petId}")
    same(pet["path"], "/pets/{petId}")
    again = lambda: aws.create_resource(restApiId=api["id"], parentId=root, pathPart="pets")
    refused(again, "ConflictException", "Another resource with the same parent already has this name: pets", 409)
    items = aws.get_resources(restApiId=api["id"])["items"]
    same(sorted(item["path"] for item in items), ["/", "/pets", "/pets/{petId}"])
    same(status(aws.delete_resource(restApiId=api["id"], resourceId=pets["id"])), 202)
    same([item["path"] for item in aws.get_resources(restApiId=api["id"])["items"]], ["/"])
    unknown = lambda: aws.get_resource(restApiId=api["id"], resourceId=pet["id"])
    refused(unknown, "NotFoundException", "Invalid Resource identifier specified", 404)
    aws.delete_rest_api(restApiId=api["id"])


def test_answers_have_the_headers_of_aws():
    api = aws.create_rest_api(name="headers")
    headers = api["ResponseMetadata"]["HTTPHeaders"]
    uuid = "[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"
    assert re.fullmatch(uuid, api["ResponseMetadata"]["RequestId"]), headers
    assert re.fullmatch("[A-Za-z0-9+/]{15}=", headers["x-amz-apigw-id"]), headers
    same(headers["content-type"], "application/json")
    assert "date" in headers
    error = refused(lambda: aws.get_rest_api(restApiId="nothing"), "NotFoundException")
    same(error["ResponseMetadata"]["HTTPHeaders"]["x-amzn-errortype"], "NotFoundException")
    aws.delete_rest_api(restApiId=api["id"])


def test_a_body_of_more_than_6_mb_is_too_large():
    large = lambda: aws.create_rest_api(name="large", description="x" * (6 * 1024 * 1024))
    refused(large, "RequestEntityTooLargeException", "Request Too Long", 413)
    same(aws.get_rest_apis()["items"], [])


def test_what_is_no_operation_is_refused():
    import os

    answer = request(os.environ["RINGWAY_CONTROL_PLANE"] + "/nothing")
    # Without a signature, where one is needed.
    assert answer.headers["x-amzn-errortype"] in ("UnknownOperationException", "MissingAuthenticationTokenException")
    assert (KEY_ID, SECRET) != ("", "")
