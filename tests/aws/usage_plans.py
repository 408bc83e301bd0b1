"""Usage plans, their keys, and what these have used (tables.md §7, §8.8, §9.6)."""

import datetime

from harness import call, refused, same, status
from support.shape import arn, listed, missing, mock_api, patch, refusal, wrong_type
from support.wire import bare, client

aws = client()
BAD, CONFLICT, MISSING = "BadRequestException", "ConflictException", "NotFoundException"
NO_PLAN = "Invalid Usage Plan ID specified"


def clear():
    for plan in aws.get_usage_plans(limit=500)["items"]:
        for stage in plan["apiStages"]:
            change(plan["id"], patch("remove", "/apiStages", f"{stage['apiId']}:{stage['stage']}"))
        aws.delete_usage_plan(usagePlanId=plan["id"])
    for key in aws.get_api_keys(limit=500)["items"]:
        aws.delete_api_key(apiKey=key["id"])
    for api in aws.get_rest_apis(limit=500)["items"]:
        aws.delete_rest_api(restApiId=api["id"])


def change(plan, *operations):
    return aws.update_usage_plan(usagePlanId=plan, patchOperations=[o for one in operations for o in one])


def test_a_plan_is_created_shown_and_deleted():
    api, _ = mock_api(aws)
    throttle = {"burstLimit": 5, "rateLimit": 2.5}
    stage = {"apiId": api, "stage": "dev", "throttle": {"//GET": {"burstLimit": 1, "rateLimit": 0.5}}}
    quota = {"limit": 100, "offset": 2, "period": "WEEK"}
    arguments = {"name": "p", "description": "d", "apiStages": [stage], "throttle": throttle, "quota": quota}
    created = aws.create_usage_plan(**arguments, tags={"a": "b"})
    same(status(created), 201)
    same(bare(created, "id", "tags"), arguments)
    shown = aws.get_usage_plan(usagePlanId=created["id"])
    same((status(shown), bare(shown)), (200, {**arguments, "id": created["id"], "tags": {"a": "b"}}))
    [item] = aws.get_usage_plans()["items"]
    same(item, {**arguments, "id": created["id"]})

    busy = f"Cannot delete Usage Plan {created['id']} because there are API Stages associated with it, including {api}:dev"
    refused(lambda: aws.delete_usage_plan(usagePlanId=created["id"]), BAD, busy, 400)
    left = change(created["id"], patch("remove", "/apiStages", f"{api}:dev"))
    same((left["apiStages"], left["tags"]), ([], {"a": "b"}))
    same(status(aws.delete_usage_plan(usagePlanId=created["id"])), 202)
    refused(lambda: aws.get_usage_plan(usagePlanId=created["id"]), MISSING, NO_PLAN, 404)
    refused(lambda: aws.delete_usage_plan(usagePlanId=created["id"]), MISSING, NO_PLAN, 404)
    clear()


def test_what_is_left_out_is_not_shown():
    created = aws.create_usage_plan(name="p")
    same(bare(created, "id"), {"name": "p", "apiStages": []})
    same(aws.get_usage_plan(usagePlanId=created["id"])["tags"], {})
    clear()


def test_what_is_no_plan():
    api, _ = mock_api(aws)
    for arguments, code, message in [
        ({"apiStages": [{"apiId": api, "stage": "none"}]}, MISSING, f"API Stage not found: {api}:none"),
        ({"apiStages": [{"apiId": "none", "stage": "dev"}]}, MISSING, "API Stage not found: none:dev"),
        ({"apiStages": [{"stage": "dev"}]}, BAD, "Invalid API Stage {api: %s, stage: %s} specified for usageplan %s"),
        ({"quota": {"limit": 1, "offset": 1, "period": "DAY"}}, BAD,
         "Usage Plan quota offset must be zero in the DAY period"),
        ({"quota": {"limit": 1, "offset": 7, "period": "WEEK"}}, BAD,
         "Usage Plan quota offset must be between 0 and 6 inclusive in the WEEK period"),
        ({"quota": {"limit": 1, "offset": 28, "period": "MONTH"}}, BAD,
         "Usage Plan quota offset must be between 0 and 27 inclusive in the MONTH period"),
        ({"quota": {"limit": -1, "period": "DAY"}}, BAD, None),
        ({"throttle": {"burstLimit": -1, "rateLimit": 1}}, BAD, None),
    ]:
        refused(lambda: aws.create_usage_plan(name="p", **arguments), code, message, 404 if code == MISSING else 400)
    refused(lambda: aws.create_usage_plan(name="p", quota={"limit": 1, "period": "YEAR"}), "ValidationException")
    same(refusal("POST", "/usageplans", {}), (400, "ValidationException", missing("createUsagePlanInput.name")))
    same(aws.get_usage_plans()["items"], [])
    clear()


def test_a_plan_is_changed():
    api, _ = mock_api(aws)
    plan = aws.create_usage_plan(name="p")["id"]
    # As recorded: both appear with what they have.
    changed = change(plan, patch("replace", "/throttle/burstLimit", "10"), patch("replace", "/throttle/rateLimit", "2.5"),
                     patch("replace", "/quota/limit", "50"), patch("replace", "/quota/period", "MONTH"))
    same(changed["throttle"], {"burstLimit": 10, "rateLimit": 2.5})
    same(changed["quota"], {"limit": 50, "offset": 0, "period": "MONTH"})
    changed = change(plan, patch("replace", "/name", "q"), patch("replace", "/description", "d"),
                     patch("replace", "/productCode", "c"), patch("replace", "/quota/offset", "3"))
    same([changed[name] for name in ("name", "description", "productCode")], ["q", "d", "c"])
    same(changed["quota"]["offset"], 3)
    changed = change(plan, patch("remove", "/throttle"), patch("remove", "/quota"))
    assert "throttle" not in changed and "quota" not in changed, changed

    method = f"/apiStages/{api}:dev/throttle/~1pets~1{{id}}/GET"
    changed = change(plan, patch("add", "/apiStages", f"{api}:dev"), patch("add", f"{method}/burstLimit", "3"),
                     patch("replace", f"{method}/rateLimit", "1.5"))
    throttle = {"/pets/{id}/GET": {"burstLimit": 3, "rateLimit": 1.5}}
    same(changed["apiStages"], [{"apiId": api, "stage": "dev", "throttle": throttle}])
    same(aws.get_usage_plan(usagePlanId=plan)["apiStages"], changed["apiStages"])
    changed = change(plan, patch("remove", method))
    same(changed["apiStages"], [{"apiId": api, "stage": "dev"}])
    # Another time, it is there once.
    same(len(change(plan, patch("add", "/apiStages", f"{api}:dev"))["apiStages"]), 1)
    clear()


def test_what_no_patch_may_do():
    api, _ = mock_api(aws)
    plan = aws.create_usage_plan(name="p")["id"]
    unknown = lambda api, stage: f"Invalid API Stage {{api: {api}, stage: {stage}}} specified for usageplan {plan}"
    for operations, code, message in [
        (patch("add", "/apiStages"), BAD, "Invalid API Stage specified"),
        (patch("add", "/apiStages", "x"), BAD, "Invalid API Stage specified"),
        (patch("remove", "/apiStages"), BAD, "Invalid API Stage specified"),
        (patch("add", "/apiStages", f"{api}:none"), MISSING, unknown(api, "none")),
        (patch("add", "/apiStages", "none:dev"), MISSING, unknown("none", "dev")),
        (patch("remove", "/apiStages", f"{api}:dev"), MISSING, unknown(api, "dev")),
        (patch("replace", "/id", "x"), BAD, None),
        (patch("replace", "/throttle/burstLimit", "many"), BAD, None),
        (patch("replace", "/quota/limit", "1"), BAD, None),
        (patch("replace", "/name", ""), BAD, None),
    ]:
        refused(lambda: change(plan, patch("replace", "/description", "new"), operations), code, message)
    assert "description" not in aws.get_usage_plan(usagePlanId=plan)
    refused(lambda: change("none", patch("replace", "/name", "x")), MISSING, NO_PLAN, 404)
    refused(lambda: change(plan, patch("put", "/name", "x")), "ValidationException", status=400)
    clear()


def test_a_plan_has_keys():
    plan = aws.create_usage_plan(name="p")["id"]
    key = aws.create_api_key(name="partner", value="v" * 30)["id"]
    added = aws.create_usage_plan_key(usagePlanId=plan, keyId=key, keyType="API_KEY")
    same((status(added), bare(added)), (201, {"id": key, "type": "API_KEY", "value": "v" * 30, "name": "partner"}))
    shown = aws.get_usage_plan_key(usagePlanId=plan, keyId=key)
    same((status(shown), shown["id"], shown["type"], shown["name"]), (200, key, "API_KEY", "partner"))
    same([item["id"] for item in aws.get_usage_plan_keys(usagePlanId=plan)["items"]], [key])
    same([item["id"] for item in aws.get_usage_plan_keys(usagePlanId=plan, nameQuery="part")["items"]], [key])
    same(aws.get_usage_plan_keys(usagePlanId=plan, nameQuery="x")["items"], [])
    same([item["id"] for item in aws.get_usage_plans(keyId=key)["items"]], [plan])
    same(aws.get_usage_plans(keyId="none")["items"], [])
    # As recorded: no 404.
    same(aws.get_usage_plan_keys(usagePlanId="none")["items"], [])

    same(status(aws.delete_usage_plan_key(usagePlanId=plan, keyId=key)), 202)
    gone = "Invalid Usage Plan Key identifier specified"
    refused(lambda: aws.get_usage_plan_key(usagePlanId=plan, keyId=key), MISSING, gone, 404)
    refused(lambda: aws.delete_usage_plan_key(usagePlanId=plan, keyId=key), MISSING, gone, 404)
    refused(lambda: aws.get_usage_plan_key(usagePlanId="none", keyId=key), MISSING, NO_PLAN, 404)
    clear()


def test_what_is_no_key_of_a_plan():
    plan, key = aws.create_usage_plan(name="p")["id"], aws.create_api_key()["id"]
    add = lambda **arguments: aws.create_usage_plan_key(**{"usagePlanId": plan, "keyId": key, "keyType": "API_KEY", **arguments})
    refused(lambda: add(usagePlanId="none"), MISSING, NO_PLAN, 404)
    refused(lambda: add(keyId="none"), MISSING, "Invalid API Key identifier specified", 404)
    wrong = "Invalid usage plan key type specified. Valid options are API_KEY"
    refused(lambda: add(keyType="x"), BAD, wrong, 400)
    add()
    refused(add, CONFLICT, status=409)
    same(refusal("POST", f"/usageplans/{plan}/keys", {"keyId": key}),
         (400, "ValidationException", missing("createUsagePlanKeyInput.keyType")))
    # With the key, its places in plans go.
    aws.delete_api_key(apiKey=key)
    same(aws.get_usage_plan_keys(usagePlanId=plan)["items"], [])
    clear()


def test_a_key_is_in_one_plan_of_a_stage():
    api, _ = mock_api(aws)
    key = aws.create_api_key()["id"]
    stages = [{"apiId": api, "stage": "dev"}]
    one, two = (aws.create_usage_plan(name=name, apiStages=stages)["id"] for name in "12")
    other = aws.create_usage_plan(name="3")["id"]
    aws.create_usage_plan_key(usagePlanId=one, keyId=key, keyType="API_KEY")
    aws.create_usage_plan_key(usagePlanId=other, keyId=key, keyType="API_KEY")
    again = lambda: aws.create_usage_plan_key(usagePlanId=two, keyId=key, keyType="API_KEY")
    refused(again, CONFLICT, status=409)
    refused(lambda: change(other, patch("add", "/apiStages", f"{api}:dev")), CONFLICT, status=409)
    clear()


def test_what_was_used():
    plan = aws.create_usage_plan(name="p", quota={"limit": 9, "period": "DAY"})["id"]
    keys = [aws.create_api_key(name=name)["id"] for name in ("one", "two", "three")]
    for key in keys:
        aws.create_usage_plan_key(usagePlanId=plan, keyId=key, keyType="API_KEY")
    today = datetime.datetime.now(datetime.timezone.utc).date()
    dates = {"startDate": str(today - datetime.timedelta(days=1)), "endDate": str(today)}
    usage = aws.get_usage(usagePlanId=plan, **dates)
    same((status(usage), usage["usagePlanId"]), (200, plan))
    same((usage["startDate"], usage["endDate"]), (dates["startDate"], dates["endDate"]))
    same(usage["items"], {key: [[0, 9], [0, 9]] for key in keys})
    same(list(aws.get_usage(usagePlanId=plan, keyId=keys[0], **dates)["items"]), keys[:1])
    pages = aws.get_paginator("get_usage").paginate(usagePlanId=plan, PaginationConfig={"PageSize": 2}, **dates)
    same(sorted(key for page in pages for key in page["items"]), sorted(keys))

    more = aws.update_usage(usagePlanId=plan, keyId=keys[0], patchOperations=patch("replace", "/remaining", "20"))
    same((status(more), more["items"]), (200, {keys[0]: [[0, 20]]}))
    same(aws.get_usage(usagePlanId=plan, keyId=keys[0], **dates)["items"], {keys[0]: [[0, 9], [0, 20]]})

    update = lambda plan, key, operations: aws.update_usage(usagePlanId=plan, keyId=key, patchOperations=operations)
    refused(lambda: update("none", keys[0], patch("replace", "/remaining", "1")), MISSING, NO_PLAN, 404)
    gone = "Invalid Usage Plan Key identifier specified"
    refused(lambda: update(plan, "none", patch("replace", "/remaining", "1")), MISSING, gone, 404)
    for operations in (patch("replace", "/used", "1"), patch("add", "/remaining", "1"), patch("replace", "/remaining", "x")):
        refused(lambda: update(plan, keys[0], operations), BAD, status=400)
    refused(lambda: aws.get_usage(usagePlanId="none", **dates), MISSING, NO_PLAN, 404)
    refused(lambda: aws.get_usage(usagePlanId=plan, startDate="yesterday", endDate=dates["endDate"]), BAD, status=400)
    swapped = {"startDate": dates["endDate"], "endDate": dates["startDate"]}
    refused(lambda: aws.get_usage(usagePlanId=plan, **swapped), BAD, status=400)
    same(refusal("GET", f"/usageplans/{plan}/usage")[:2], (400, "ValidationException"))
    clear()


def test_pages_hold_all():
    plans = [aws.create_usage_plan(name=f"p{index}")["id"] for index in range(3)]
    same(sorted(plan["id"] for plan in listed(aws, "get_usage_plans")), sorted(plans))
    keys = [aws.create_api_key(name=f"k{index}")["id"] for index in range(3)]
    for key in keys:
        aws.create_usage_plan_key(usagePlanId=plans[0], keyId=key, keyType="API_KEY")
    found = listed(aws, "get_usage_plan_keys", usagePlanId=plans[0])
    same(sorted(key["id"] for key in found), sorted(keys))
    clear()


def test_a_plan_has_tags():
    plan = arn("usageplans/" + aws.create_usage_plan(name="p", tags={"a": "1"})["id"])
    same(status(aws.tag_resource(resourceArn=plan, tags={"b": "2", "a": "3"})), 204)
    same(status(aws.untag_resource(resourceArn=plan, tagKeys=["b", "c"])), 204)
    same(aws.get_tags(resourceArn=plan)["tags"], {"a": "3"})
    clear()


def test_plans_do_not_limit_yet():
    """What a plan says is kept; this says that nothing is refused for its sake until it is."""
    api, _ = mock_api(aws)
    nothing = {"burstLimit": 0, "rateLimit": 0}
    aws.create_usage_plan(name="p", apiStages=[{"apiId": api, "stage": "dev"}], throttle=nothing)
    same(call(api, "/dev").status, 200)
    clear()


def test_what_is_no_plan_on_the_wire():
    same(refusal("POST", "/usageplans", {"name": "p", "throttle": "x"})[:2], (400, "SerializationException"))
    same(refusal("POST", "/usageplans", {"name": "p", "throttle": {"burstLimit": "1"}}), wrong_type("Integer"))
    same(refusal("POST", "/usageplans", {"name": "p", "throttle": {"burst": 1}})[:2], (400, "SerializationException"))
    same(refusal("POST", "/usageplans", {"name": "p", "apiStages": {}})[:2], (400, "SerializationException"))
    same(refusal("POST", "/usageplans", {"name": "p", "plan": 1})[:2], (400, "SerializationException"))
    same(aws.get_usage_plans()["items"], [])
