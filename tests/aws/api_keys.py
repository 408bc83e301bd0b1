"""API keys, one at a time and from a file (tables.md §7, §8.8, §9.6)."""

import datetime
import re

from harness import refused, same, status
from support.shape import arn, listed, patch, refusal, wrong_type
from support.wire import bare, client

aws = client()
VALUE = "abcdefghijklmnopqrstuvwxyz0123456789"
BAD, CONFLICT, MISSING = "BadRequestException", "ConflictException", "NotFoundException"


def clear():
    for key in aws.get_api_keys(limit=500)["items"]:
        aws.delete_api_key(apiKey=key["id"])


def test_a_key_is_created_shown_and_deleted():
    created = aws.create_api_key(name="first", description="d", customerId="c", enabled=True, tags={"team": "blue"})
    same(status(created), 201)
    assert re.fullmatch("[a-z0-9]{10}", created["id"]), created
    assert re.fullmatch("[A-Za-z0-9]{40}", created["value"]), created
    same((created["name"], created["description"], created["customerId"]), ("first", "d", "c"))
    same((created["enabled"], created["stageKeys"]), (True, []))
    age = datetime.datetime.now(datetime.timezone.utc) - created["createdDate"]
    assert abs(age.total_seconds()) < 60, created
    same(created["lastUpdatedDate"], created["createdDate"])

    shown = aws.get_api_key(apiKey=created["id"])
    same(status(shown), 200)
    same(bare(shown), {**bare(created, "value"), "tags": {"team": "blue"}})
    same(aws.get_api_key(apiKey=created["id"], includeValue=True)["value"], created["value"])
    same(aws.get_api_key(apiKey=created["id"], includeValue=False).get("value"), None)

    same(status(aws.delete_api_key(apiKey=created["id"])), 202)
    gone = "Invalid API Key identifier specified"
    refused(lambda: aws.get_api_key(apiKey=created["id"]), MISSING, gone, 404)
    refused(lambda: aws.delete_api_key(apiKey=created["id"]), MISSING, gone, 404)
    operations = patch("replace", "/name", "n")
    refused(lambda: aws.update_api_key(apiKey=created["id"], patchOperations=operations), MISSING, gone, 404)


def test_what_is_left_out_has_a_default():
    created = aws.create_api_key()
    same((created["enabled"], created["stageKeys"]), (False, []))
    for member in ("name", "description", "customerId"):
        assert member not in created, created
    same(aws.get_api_key(apiKey=created["id"])["tags"], {})
    clear()


def test_a_value_may_be_chosen_once():
    created = aws.create_api_key(name="own", value=VALUE)
    same(created["value"], VALUE)
    assert created["id"] != VALUE
    refused(lambda: aws.create_api_key(value=VALUE), CONFLICT, "API Key already exists", 409)
    same(aws.create_api_key(value=VALUE[::-1], generateDistinctId=False)["id"], VALUE[::-1])
    clear()


def test_what_is_too_long_or_too_short():
    for arguments, message in [
        ({"value": "a" * 19}, "API Key value should be at least 20 characters"),
        ({"value": "a" * 129}, "API Key value exceeds maximum size of 128 characters"),
        ({"name": "a" * 1025}, "Invalid API Key name, can be at most 1024 characters."),
        ({"description": "a" * 130000}, "Invalid API Key description specified."),
    ]:
        refused(lambda: aws.create_api_key(**arguments), BAD, message, 400)
    aws.create_api_key(value="a" * 20, name="n" * 1024)
    aws.create_api_key(value="b" * 128)
    same(len(aws.get_api_keys()["items"]), 2)
    clear()


def test_keys_are_found_by_prefix_and_customer():
    ids = [aws.create_api_key(name=name, customerId=customer, tags={"a": "b"})["id"] for name, customer in
           [("Pets one", "c1"), ("Pets two", "c2"), ("Cats", "c1")]]
    found = lambda **arguments: sorted(item["name"] for item in aws.get_api_keys(**arguments)["items"])
    same(found(), ["Cats", "Pets one", "Pets two"])
    same(found(nameQuery="Pets"), ["Pets one", "Pets two"])
    for query in ("pets", "one", "ets"):
        same(found(nameQuery=query), [])
    same(found(customerId="c1"), ["Cats", "Pets one"])
    same(found(customerId="c1", nameQuery="Pets"), ["Pets one"])
    for item in aws.get_api_keys()["items"]:
        assert "value" not in item and "tags" not in item, item
    for item in aws.get_api_keys(includeValues=True)["items"]:
        assert len(item["value"]) == 40, item
    same(sorted(item["id"] for item in listed(aws, "get_api_keys")), sorted(ids))
    clear()


def test_pages_have_a_limit_and_a_position():
    for index in range(3):
        aws.create_api_key(name=f"key {index}")
    first = aws.get_api_keys(limit=2)
    same(len(first["items"]), 2)
    rest = aws.get_api_keys(limit=2, position=first["position"])
    same((len(rest["items"]), rest.get("position")), (1, None))
    same(len(aws.get_api_keys(limit=3)["items"]), 3)
    same(aws.get_api_keys(limit=3).get("position"), None)
    clear()


def test_a_key_is_changed():
    key = aws.create_api_key(name="old", enabled=True)["id"]
    change = lambda *operations: aws.update_api_key(apiKey=key, patchOperations=[o for one in operations for o in one])
    changed = change(patch("replace", "/name", "new"), patch("replace", "/description", "d"),
                     patch("replace", "/customerId", "c"), patch("replace", "/enabled", "false"))
    same(status(changed), 200)
    same([changed[name] for name in ("name", "description", "customerId", "enabled")], ["new", "d", "c", False])
    same(changed["tags"], {})
    assert "value" not in changed
    same(change(patch("replace", "/enabled", "true"))["enabled"], True)
    # As recorded: what is no boolean is false.
    same(change(patch("replace", "/enabled", "maybe"))["enabled"], False)
    same(change()["name"], "new")
    clear()


def test_what_no_patch_may_do():
    key = aws.create_api_key(name="kept")["id"]
    replaceable = "Must be one of: [/description, /enabled, /name, /customerId]"
    for operations, message in [
        (patch("replace", "/id", "x"), f"Invalid patch path  '/id' specified for op 'replace'. {replaceable}"),
        (patch("replace", "/value", VALUE), f"Invalid patch path  '/value' specified for op 'replace'. {replaceable}"),
        (patch("add", "/name", "x"),
         "Invalid patch path  '/name' specified for op 'add'. Please choose supported operations"),
        (patch("remove", "/description"),
         "Invalid patch path  '/description' specified for op 'remove'. Please choose supported operations"),
        (patch("replace", "/description", "a" * 130000), "Invalid API Key description specified."),
        (patch("replace", "/name", "a" * 1025), "Invalid API Key name, can be at most 1024 characters."),
    ]:
        both = patch("replace", "/name", "changed") + operations
        refused(lambda: aws.update_api_key(apiKey=key, patchOperations=both), BAD, message, 400)
    # None of the operations of a refused call is seen.
    same(aws.get_api_key(apiKey=key)["name"], "kept")
    ops = "Member must satisfy enum value set: [add, remove, move, test, replace, copy]"
    place = lambda index: f"'updateApiKeyInput.patchOperations.{index}.member.op' failed to satisfy constraint: {ops}"
    message = f"2 validation errors detected: Value 'put' at {place(1)}; Value 'REPLACE' at {place(3)}"
    wrong = [{"op": "put", "path": "/name"}, *patch("replace", "/name", "x"), {"op": "REPLACE", "path": "/name"}]
    refused(lambda: aws.update_api_key(apiKey=key, patchOperations=wrong), "ValidationException", message, 400)
    clear()


def test_a_file_is_imported():
    plan = aws.create_usage_plan(name="of the file")["id"]
    lines = [
        "Name,key,description,Enabled,usageplanIds,other",
        f"one,{'1' * 30},the first,TRUE,{plan},x",
        f'two,{"2" * 30},"with, comma",false,"{plan},unknown",',
        f"three,{'3' * 30},,,,",
    ]
    answer = aws.import_api_keys(body="\r\n".join(lines).encode(), format="csv")
    same(status(answer), 201)
    same(len(answer["ids"]), 3)
    same(len(answer["warnings"]), 1)
    keys = {key["name"]: key for key in aws.get_api_keys(includeValues=True)["items"]}
    same([keys[name]["value"][0] for name in ("one", "two", "three")], ["1", "2", "3"])
    same([keys[name]["enabled"] for name in ("one", "two", "three")], [True, False, True])
    same(keys["two"]["description"], "with, comma")
    same([keys[name]["id"] for name in ("one", "two", "three")], answer["ids"])
    members = {item["name"] for item in aws.get_usage_plan_keys(usagePlanId=plan)["items"]}
    same(members, {"one", "two"})

    # The same value is the same key.
    again = aws.import_api_keys(body=f"Key,Name\n{'1' * 30},renamed\n".encode(), format="csv")
    same((again["ids"], again["warnings"]), ([keys["one"]["id"]], []))
    same(aws.get_api_key(apiKey=keys["one"]["id"])["name"], "renamed")
    aws.delete_usage_plan(usagePlanId=plan)
    clear()


def test_a_file_may_be_refused():
    short = b"Name,Key\nshort,only-20-characters-x\nlong,0123456789012345678901234567890\n"
    refused(lambda: aws.import_api_keys(body=short, format="csv", failOnWarnings=True), BAD, status=400)
    same(aws.get_api_keys()["items"], [])
    # Values of a file have 30 characters at least (tables.md §16), and what is right is imported.
    answer = aws.import_api_keys(body=short, format="csv")
    same((len(answer["ids"]), len(answer["warnings"])), (1, 1))
    for body in (b"", b"Name\nx\n", b"Key\n" + b"1" * 30, b"Name,Key\n\xff,x\n"):
        refused(lambda: aws.import_api_keys(body=body, format="csv"), BAD, status=400)
    error = refusal("POST", "/apikeys?mode=import&format=xml", "Name,Key\n")
    same(error[:2], (400, "ValidationException"))
    clear()


def test_a_key_has_tags():
    key = aws.create_api_key(tags={"a": "1"})["id"]
    same(status(aws.tag_resource(resourceArn=arn(f"apikeys/{key}"), tags={"b": "2"})), 204)
    same(aws.get_tags(resourceArn=arn(f"apikeys/{key}"))["tags"], {"a": "1", "b": "2"})
    same(status(aws.untag_resource(resourceArn=arn(f"apikeys/{key}"), tagKeys=["a"])), 204)
    same(aws.get_api_key(apiKey=key)["tags"], {"b": "2"})
    clear()


def test_what_is_no_key_is_refused():
    for body, expected in [
        ({"name": ["n"]}, "class java.util.ArrayList can not be converted to an String"),
        ({"enabled": "true"}, wrong_type("Boolean")[2]),
        ({"tags": "t"}, wrong_type("Map")[2]),
    ]:
        same(refusal("POST", "/apikeys", body), (400, "SerializationException", expected))
    for body in ({"naem": "n"}, "[]", "{", '"text"'):
        same(refusal("POST", "/apikeys", body)[:2], (400, "SerializationException"))
    key = aws.create_api_key()["id"]
    for body in ({"patchOperations": {}}, {"patchOperations": ["x"]}, {"patchOperations": [{"op": "replace", "x": 1}]}):
        same(refusal("PATCH", f"/apikeys/{key}", body)[:2], (400, "SerializationException"))
    same(refusal("GET", "/apikeys?limit=x")[:2], (400, BAD))
    same(refusal("GET", "/apikeys?position=%25")[:2], (400, BAD))
    same(refusal("PUT", "/apikeys")[1], "UnknownOperationException")
    refused(lambda: aws.create_api_key(stageKeys=[{"restApiId": "a", "stageName": "b"}]), BAD, status=400)
    clear()
