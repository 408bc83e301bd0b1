"""What is wanted of answers, and the APIs, of several scripts."""

from harness import REGION
from support.wire import patches, raw


def refusal(method, path, body=None):
    """A request that no SDK would send: its status, its exception and its message."""
    answer = raw(method, path, body.encode() if isinstance(body, str) else body)
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


def patch(op, path, value=None):
    """One patch operation."""
    return patches((op, path, value))


def listed(aws, operation, key="items", **arguments):
    """All items of an operation, a page of two at a time; there is more than one page."""
    size = {"PaginationConfig": {"PageSize": 2}}
    pages = list(aws.get_paginator(operation).paginate(**arguments, **size))
    assert len(pages) > 1, pages
    assert all(len(page[key]) <= 2 for page in pages), pages
    return [item for page in pages for item in page[key]]
