"""Clients that look at the JSON of every answer, and the APIs and raw requests of several scripts."""

import json
import os

from harness import REGION, client, request


def checked(**overrides):
    """A client that fails where an answer has a member that botocore's model has not, or one of another type."""
    aws = client(**overrides)
    aws.meta.events.register("after-call.apigateway", look)
    return aws


def look(http_response, model, **_):
    """Compares an answer with the model of its operation."""
    shape = model.output_shape
    if http_response.status_code >= 300 or shape is None or "payload" in shape.serialization:
        return
    if http_response.content:
        found = list(differences(json.loads(http_response.content), shape, model.name))
        assert not found, found


TYPES = {
    "string": str,
    "boolean": bool,
    "integer": int,
    "long": int,
    "float": (int, float),
    "double": (int, float),
    "timestamp": (int, float),
}


def differences(value, shape, place):
    """What of a JSON value is not in its shape."""
    if shape.type_name == "structure":
        members = {m.serialization.get("name", key): m for key, m in shape.members.items()}
        for key, member in value.items():
            if key not in members:
                yield f"{place}.{key} is not in the model"
            else:
                yield from differences(member, members[key], f"{place}.{key}")
    elif shape.type_name == "list":
        for index, item in enumerate(value):
            yield from differences(item, shape.member, f"{place}[{index}]")
    elif shape.type_name == "map":
        for key, item in value.items():
            yield from differences(item, shape.value, f"{place}[{key}]")
    else:
        wanted = TYPES[shape.type_name]
        is_number = wanted is not bool and isinstance(value, bool)
        if not isinstance(value, wanted) or is_number:
            yield f"{place} is {value!r}, and no {shape.type_name}"


def raw(method, path, body=None):
    """A request that no SDK would send: its status, its exception and its message."""
    text = body if isinstance(body, (str, bytes, type(None))) else json.dumps(body)
    headers = {"Content-Type": "application/json"}
    answer = request(os.environ["RINGWAY_CONTROL_PLANE"] + path, method, headers, text)
    error = answer.headers.get("x-amzn-errortype")
    return answer.status, error, answer.json()["message"] if error else answer.text


def wrong_type(wanted):
    """What AWS says of a JSON text where something else is wanted (tables.md §8.4)."""
    return 400, "SerializationException", f"class java.lang.String can not be converted to an {wanted}"


def missing(member):
    """What AWS says of a required member that is not there."""
    return f"1 validation error detected: Value null at '{member}' failed to satisfy constraint: Member must not be null"


def arn(path):
    """The ARN of something of API Gateway."""
    return f"arn:aws:apigateway:{REGION}::/{path}"


def mock_api(aws, name="mock", stage="dev", answer='{"said": "hello"}'):
    """An API whose GET / answers this text; deployed to a stage, where one is given. Its id and that of its root."""
    api = aws.create_rest_api(name=name)
    root = api["rootResourceId"]
    method = {"restApiId": api["id"], "resourceId": root, "httpMethod": "GET"}
    aws.put_method(**method, authorizationType="NONE")
    aws.put_method_response(**method, statusCode="200")
    templates = {"application/json": '{"statusCode": 200}'}
    aws.put_integration(**method, type="MOCK", requestTemplates=templates)
    aws.put_integration_response(**method, statusCode="200", responseTemplates={"application/json": answer})
    if stage:
        aws.create_deployment(restApiId=api["id"], stageName=stage)
    return api["id"], root


def patch(op, path, value=None, **more):
    """One patch operation."""
    return [{"op": op, "path": path, **({} if value is None else {"value": value}), **more}]


def without(answer, *names):
    """An answer without what is of HTTP, and without these members."""
    return {key: value for key, value in answer.items() if key not in ("ResponseMetadata", *names)}


def listed(aws, operation, key="items", **arguments):
    """All items of an operation, a page of two at a time; there is more than one page."""
    size = {"PaginationConfig": {"PageSize": 2}}
    pages = list(aws.get_paginator(operation).paginate(**arguments, **size))
    assert len(pages) > 1, pages
    assert all(len(page[key]) <= 2 for page in pages), pages
    return [item for page in pages for item in page[key]]
