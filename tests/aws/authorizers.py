"""Authorizers (tables.md §4.6, §7, §8.6)."""

import re

from harness import ACCOUNT, REGION, refused, same, status
from support.shape import listed, missing, mock_api, patch, refusal, wrong_type
from support.wire import bare, client

aws = client()
FUNCTION = f"arn:aws:lambda:{REGION}:123456789012:function:authorizer"
URI = f"arn:aws:apigateway:{REGION}:lambda:path/2015-03-31/functions/{FUNCTION}/invocations"
POOL = f"arn:aws:cognito-idp:{REGION}:123456789012:userpool/{REGION}_Abc"
HEADER = "method.request.header.Authorization"
BAD, CONFLICT, MISSING = "BadRequestException", "ConflictException", "NotFoundException"
NO_AUTHORIZER = "Invalid Authorizer identifier specified"


def clear():
    for api in aws.get_rest_apis(limit=500)["items"]:
        aws.delete_rest_api(restApiId=api["id"])


def token(api, name="token", **arguments):
    arguments = {"type": "TOKEN", "authorizerUri": URI, "identitySource": HEADER, **arguments}
    return aws.create_authorizer(restApiId=api, name=name, **arguments)


def change(api, authorizer, *operations):
    operations = [operation for one in operations for operation in one]
    return aws.update_authorizer(restApiId=api, authorizerId=authorizer, patchOperations=operations)


def new_api():
    return aws.create_rest_api(name="authorized")["id"]


def test_one_of_tokens_is_created_shown_and_deleted():
    api = new_api()
    arguments = {"identityValidationExpression": "^Bearer .+", "authorizerResultTtlInSeconds": 60,
                 "authorizerCredentials": "arn:aws:iam::123456789012:role/r"}
    created = token(api, **arguments)
    same(status(created), 201)
    assert re.fullmatch("[a-z0-9]{6}", created["id"]), created
    expected = {"name": "token", "type": "TOKEN", "authType": "custom", "authorizerUri": URI, "identitySource": HEADER}
    same(bare(created, "id"), {**expected, **arguments})
    named = {"restApiId": api, "authorizerId": created["id"]}
    shown = aws.get_authorizer(**named)
    same((status(shown), bare(shown)), (200, bare(created)))
    same(aws.get_authorizers(restApiId=api)["items"], [bare(created)])
    same(status(aws.delete_authorizer(**named)), 202)
    for action in (aws.get_authorizer, aws.delete_authorizer, aws.update_authorizer):
        refused(lambda: action(**named), MISSING, NO_AUTHORIZER, 404)
    clear()


def test_the_other_types():
    api = new_api()
    sources = f"{HEADER}, method.request.querystring.q, stageVariables.v, context.identity.sourceIp"
    request = aws.create_authorizer(restApiId=api, name="r", type="REQUEST", authorizerUri=URI, identitySource=sources)
    same((request["identitySource"], request["authorizerResultTtlInSeconds"], request["authType"]), (sources, 300, "custom"))
    free = aws.create_authorizer(restApiId=api, name="f", type="REQUEST", authorizerUri=URI, authorizerResultTtlInSeconds=0)
    same((free.get("identitySource"), free["authorizerResultTtlInSeconds"]), (None, 0))
    pools = aws.create_authorizer(restApiId=api, name="c", type="COGNITO_USER_POOLS", providerARNs=[POOL], identitySource=HEADER)
    same((pools["providerARNs"], pools["authType"]), ([POOL], "cognito_user_pools"))
    assert "authorizerUri" not in pools, pools
    clear()


def test_what_is_no_authorizer():
    api = new_api()
    token(api)
    concurrent = "Unable to complete operation due to concurrent modification. Please try again later."
    refused(lambda: token("none"), CONFLICT, concurrent, 409)
    unknown = f"Invalid API identifier specified {ACCOUNT}:none"
    refused(lambda: aws.get_authorizers(restApiId="none"), MISSING, unknown, 404)
    for arguments, code in [
        ({"name": "token"}, CONFLICT),
        ({"name": ""}, BAD),
        ({"authorizerUri": "http://example.com"}, BAD),
        ({"identitySource": "method.request.querystring.q"}, BAD),
        ({"identitySource": ""}, BAD),
        ({"type": "REQUEST", "identitySource": "method.request.path.id"}, BAD),
        ({"type": "REQUEST", "identitySource": f"{HEADER},"}, BAD),
        ({"authorizerResultTtlInSeconds": 3601}, BAD),
        ({"authorizerResultTtlInSeconds": -1}, BAD),
        ({"type": "COGNITO_USER_POOLS"}, BAD),
        ({"type": "COGNITO_USER_POOLS", "providerARNs": ["arn:aws:s3:::b"]}, BAD),
        ({"type": "OTHER"}, "ValidationException"),
    ]:
        refused(lambda: token(api, **{"name": "other", **arguments}), code, status=409 if code == CONFLICT else 400)
    path = f"/restapis/{api}/authorizers"
    same(refusal("POST", path, {"type": "TOKEN"}), (400, "ValidationException", missing("createAuthorizerInput.name")))
    wrong = {"name": "n", "type": "TOKEN", "authorizerResultTtlInSeconds": "1"}
    same(refusal("POST", path, wrong), wrong_type("Integer"))
    same(refusal("POST", path, {"name": "n", "type": "TOKEN", "providerARNs": POOL})[:2], (400, "SerializationException"))
    same(refusal("POST", path, {"name": "n", "kind": "TOKEN"})[:2], (400, "SerializationException"))
    same(len(aws.get_authorizers(restApiId=api)["items"]), 1)
    clear()


def test_one_is_changed():
    api = new_api()
    one, other = token(api)["id"], token(api, "other")["id"]
    changed = change(api, one, patch("replace", "/name", "n"), patch("replace", "/authorizerResultTtlInSeconds", "0"),
                     patch("replace", "/identityValidationExpression", "x+"), patch("replace", "/authType", "custom"),
                     patch("replace", "/authorizerCredentials", "arn:aws:iam::123456789012:role/r"),
                     patch("replace", "/identitySource", "method.request.header.X"),
                     patch("replace", "/authorizerUri", URI))
    same(status(changed), 200)
    same((changed["name"], changed["authorizerResultTtlInSeconds"]), ("n", 0))
    same((changed["identitySource"], changed["identityValidationExpression"]), ("method.request.header.X", "x+"))
    same(bare(aws.get_authorizer(restApiId=api, authorizerId=one)), bare(changed))
    emptied = change(api, one, patch("replace", "/authorizerCredentials", ""), patch("replace", "/type", "REQUEST"))
    same((emptied.get("authorizerCredentials"), emptied["type"]), (None, "REQUEST"))
    refused(lambda: change(api, one, patch("replace", "/name", "other")), CONFLICT, status=409)
    for operations in (patch("replace", "/id", "x"), patch("add", "/name", "x"), patch("replace", "/name", ""),
                       patch("replace", "/authorizerResultTtlInSeconds", "3601"), patch("replace", "/type", "OTHER"),
                       patch("replace", "/authorizerUri", "x"), patch("replace", "/identitySource", "x")):
        refused(lambda: change(api, other, operations), BAD, status=400)
    refused(lambda: change("none", one, patch("replace", "/name", "x")), MISSING, status=404)
    clear()


def test_pools_are_added_and_removed():
    api = new_api()
    pools = aws.create_authorizer(restApiId=api, name="c", type="COGNITO_USER_POOLS", providerARNs=[POOL], identitySource=HEADER)
    second = f"{POOL}2"
    same(change(api, pools["id"], patch("add", "/providerARNs", second))["providerARNs"], [POOL, second])
    same(change(api, pools["id"], patch("remove", "/providerARNs", POOL))["providerARNs"], [second])
    refused(lambda: change(api, pools["id"], patch("remove", "/providerARNs", second)), BAD, status=400)
    clear()


def test_pages_hold_all():
    api = new_api()
    ids = [token(api, name)["id"] for name in "abc"]
    same(sorted(item["id"] for item in listed(aws, "get_authorizers", restApiId=api)), sorted(ids))
    clear()


def test_a_method_holds_its_authorizer():
    api, root = mock_api(aws, stage=None)
    authorizer = token(api)["id"]
    method = {"restApiId": api, "resourceId": root, "httpMethod": "POST"}
    aws.put_method(**method, authorizationType="CUSTOM", authorizerId=authorizer)
    refused(lambda: aws.delete_authorizer(restApiId=api, authorizerId=authorizer), CONFLICT, status=409)
    aws.delete_method(**method)
    same(status(aws.delete_authorizer(restApiId=api, authorizerId=authorizer)), 202)
    clear()


def test_what_would_not_be_authorized_is_not_deployed():
    """Nothing calls an authorizer yet, so a method that has one must not be served to everybody."""
    api, root = mock_api(aws)
    authorizer = token(api)["id"]
    operations = patch("replace", "/authorizationType", "CUSTOM") + patch("replace", "/authorizerId", authorizer)
    aws.update_method(restApiId=api, resourceId=root, httpMethod="GET", patchOperations=operations)
    answer = refused(lambda: aws.create_deployment(restApiId=api, stageName="dev"), BAD, status=400)
    assert "the authorizer `token`" in answer["Error"]["Message"], answer
    clear()


def test_nothing_invokes_an_authorizer():
    api = new_api()
    authorizer = token(api)["id"]
    answer = refused(lambda: aws.test_invoke_authorizer(restApiId=api, authorizerId=authorizer), BAD, status=400)
    assert answer["Error"]["Message"].startswith("TestInvokeAuthorizer is not supported here"), answer
    clear()
