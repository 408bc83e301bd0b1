"""Deployments, and the canaries that they begin (tables.md §8.7, §9.4)."""

import time

from harness import call, refused, same, status
from support.wire import CHECKED, OPS, bare, client, enum, hostile, no_api, patches, raw, refused_raw, together, unchanged

aws = client()
BAD, MISSING, INVALID = "BadRequestException", "NotFoundException", "ValidationException"
JSON = "application/json"
CONTENT = "Invalid deployment content specified."


def an_api(name, text="v1"):
    """An API that answers GET / with a text."""
    api = aws.create_rest_api(name=name)
    place = {"restApiId": api["id"], "resourceId": api["rootResourceId"], "httpMethod": "GET"}
    aws.put_method(**place, authorizationType="NONE")
    aws.put_integration(**place, type="MOCK", requestTemplates={JSON: '{"statusCode": 200}'})
    aws.put_method_response(**place, statusCode="200")
    say(place, text)
    return place


def say(place, text):
    template = f'{{"text": "{text}", "canary": "$context.isCanaryRequest", "v": "$stageVariables.v"}}'
    aws.put_integration_response(**place, statusCode="200", responseTemplates={JSON: template})


def deploy(place, **members):
    return aws.create_deployment(restApiId=place["restApiId"], **members)


def get(place, deployment, **more):
    return aws.get_deployment(restApiId=place["restApiId"], deploymentId=deployment, **more)


def update(place, deployment, *operations):
    return aws.update_deployment(restApiId=place["restApiId"], deploymentId=deployment, patchOperations=patches(*operations))


def stage(place, name="dev"):
    return aws.get_stage(restApiId=place["restApiId"], stageName=name)


def text(place, name="dev"):
    return call(place["restApiId"], f"/{name}/").json()["text"]


def forget(place):
    aws.delete_rest_api(restApiId=place["restApiId"])


def test_a_deployment():
    place = an_api("deployment")
    api = place["restApiId"]
    made = deploy(place, description="first")
    same((status(made), made["description"], set(bare(made))), (201, "first", {"id", "description", "createdDate"}))
    assert abs(made["createdDate"].timestamp() - time.time()) < 60
    same(bare(get(place, made["id"])), bare(made))
    summary = get(place, made["id"], embed=["apisummary"])["apiSummary"]
    same(summary, {"/": {"GET": {"authorizationType": "NONE", "apiKeyRequired": False}}})
    same(aws.get_stages(restApiId=api)["item"], [])
    same(call(api, "/dev/").status, 403)
    changed = update(place, made["id"], ("replace", "/description", "other"))
    same((status(changed), changed["description"]), (200, "other"))
    same("description" in update(place, made["id"], ("replace", "/description", "")), False)
    same(status(aws.delete_deployment(restApiId=api, deploymentId=made["id"])), 202)
    refused(lambda: get(place, made["id"]), MISSING, status=404)
    forget(place)


def test_a_deployment_makes_its_stage():
    place = an_api("stage")
    first = deploy(
        place, stageName="dev", stageDescription="a stage", variables={"v": "1"}, tracingEnabled=True, cacheClusterEnabled=True,
        cacheClusterSize="1.6",
    )
    said = stage(place)
    same((said["deploymentId"], said["description"], said["variables"]), (first["id"], "a stage", {"v": "1"}))
    same((said["tracingEnabled"], said["cacheClusterEnabled"], said["cacheClusterSize"]), (True, True, "1.6"))
    same(call(place["restApiId"], "/dev/").json(), {"text": "v1", "canary": "false", "v": "1"})
    # Nothing is served before it is deployed.
    say(place, "v2")
    same(text(place), "v1")
    second = deploy(place, stageName="dev")
    said = stage(place)
    same((said["deploymentId"], said["description"], said["variables"]), (second["id"], "a stage", {"v": "1"}))
    same(text(place), "v2")
    # Back to the first one.
    operations = patches(("replace", "/deploymentId", first["id"]))
    same(aws.update_stage(restApiId=place["restApiId"], stageName="dev", patchOperations=operations)["deploymentId"], first["id"])
    same(text(place), "v1")
    same(status(aws.delete_deployment(restApiId=place["restApiId"], deploymentId=second["id"])), 202)
    same(text(place), "v1")
    forget(place)


def test_pages():
    place = an_api("pages")
    ids = {deploy(place)["id"] for _ in range(5)}
    for size in (1, 2, 5, 500):
        pages = list(aws.get_paginator("get_deployments").paginate(restApiId=place["restApiId"], PaginationConfig={"PageSize": size}))
        found = [item["id"] for page in pages for item in page["items"]]
        same((len(found), set(found), len(pages)), (5, ids, -(-5 // size)))
    forget(place)


def test_what_may_not_be():
    place = an_api("refusals")
    api = place["restApiId"]
    first = deploy(place, stageName="dev")["id"]
    shows = lambda: {**bare(aws.get_deployments(restApiId=api)), **bare(aws.get_stages(restApiId=api))}
    with unchanged(shows):
        active = "Active stages pointing to this deployment must be moved or deleted"
        refused(lambda: aws.delete_deployment(restApiId=api, deploymentId=first), BAD, active, 400)
        name = "Non null and non empty stageName must be provided for canary deployment. Provided value is "
        refused(lambda: deploy(place, canarySettings={"percentTraffic": 1}), BAD, f"{CONTENT}{name}null", 400)
        refused(lambda: deploy(place, stageName="", canarySettings={"percentTraffic": 1}), BAD, CONTENT + name, 400)
        missing = f"{CONTENT}Stage non-existing must already be created before making a canary release deployment"
        refused(lambda: deploy(place, stageName="non-existing", canarySettings={"percentTraffic": 1}), BAD, missing, 400)
        for percent in (-1, 100.5):
            refused(lambda: deploy(place, stageName="dev", canarySettings={"percentTraffic": percent}), BAD, status=400)
        for name in ("a b", "a/b", "ä", "a" * 129):
            refused(lambda: deploy(place, stageName=name), BAD, status=400)
        refused(lambda: deploy(place, stageName="new", variables={"a b": "c"}), BAD, status=400)
        refused(lambda: deploy(place, stageName="new", variables={"a": "<"}), BAD, status=400)
        size = enum("7", "createDeploymentInput.cacheClusterSize", "[0.5, 1.6, 6.1, 13.5, 28.4, 58.2, 118, 237]")
        refused(lambda: deploy(place, stageName="new", cacheClusterSize="7"), INVALID, size, 400)
        good = ("replace", "/description", "changed")
        for operation in (("add", "/description", "x"), ("replace", "/id", "x"), ("remove", "/description")):
            refused(lambda: update(place, first, good, operation), BAD, status=400)
        wrong = enum("x", "updateDeploymentInput.patchOperations.2.member.op", OPS)
        refused(lambda: update(place, first, good, ("x", "/description")), INVALID, wrong, 400)
    for function in (
        lambda: get(place, "nobody"), lambda: update(place, "nobody", good),
        lambda: aws.delete_deployment(restApiId=api, deploymentId="nobody"),
    ):
        refused(function, MISSING, status=404)
    nowhere = {"restApiId": "nowhere"}
    for function in (
        lambda: aws.create_deployment(**nowhere), lambda: aws.get_deployments(**nowhere), lambda: get(nowhere, first),
        lambda: update(nowhere, first, good), lambda: aws.delete_deployment(**nowhere, deploymentId=first),
    ):
        refused(function, MISSING, no_api("nowhere"), 404)
    forget(place)


def test_apis_that_cannot_be_deployed():
    api = aws.create_rest_api(name="empty")
    place = {"restApiId": api["id"], "resourceId": api["rootResourceId"], "httpMethod": "GET"}
    refused(lambda: deploy(place, stageName="dev"), BAD, "The REST API doesn't contain any methods", 400)
    aws.put_method(**place, authorizationType="NONE")
    refused(lambda: deploy(place, stageName="dev"), BAD, "No integration defined for method", 400)
    same((aws.get_stages(restApiId=api["id"])["item"], aws.get_deployments(restApiId=api["id"])["items"]), ([], []))
    forget(place)


def test_a_canary():
    place = an_api("canary")
    api = place["restApiId"]
    first = deploy(place, stageName="dev", variables={"v": "stage"})["id"]
    say(place, "v2")
    settings = {"percentTraffic": 100.0, "stageVariableOverrides": {"v": "canary"}, "useStageCache": True}
    second = deploy(place, stageName="dev", canarySettings=settings)["id"]
    said = stage(place)
    same((said["deploymentId"], said["canarySettings"]), (first, {**settings, "deploymentId": second}))
    answer = call(api, "/dev/").json()
    same(answer, {"text": "v2", "canary": "true", "v": "canary"})
    active = "Active stages pointing to this deployment must be moved or deleted"
    refused(lambda: aws.delete_deployment(restApiId=api, deploymentId=second), BAD, active, 400)
    # The guide: the canary has to go before another deployment.
    refused(lambda: deploy(place, stageName="dev"), BAD, status=400)
    change = lambda *operations: aws.update_stage(restApiId=api, stageName="dev", patchOperations=patches(*operations))
    change(("replace", "/canarySettings/percentTraffic", "0.0"))
    same(call(api, "/dev/").json(), {"text": "v1", "canary": "false", "v": "stage"})
    promoted = change(
        ("copy", "/deploymentId", None, "/canarySettings/deploymentId"),
        ("copy", "/variables", None, "/canarySettings/stageVariableOverrides"),
    )
    same((promoted["deploymentId"], promoted["variables"]), (second, {"v": "canary"}))
    same(promoted["canarySettings"]["percentTraffic"], 0.0)
    same(call(api, "/dev/").json(), {"text": "v2", "canary": "false", "v": "canary"})
    same("canarySettings" in change(("remove", "/canarySettings")), False)
    third = deploy(place, stageName="dev")["id"]
    same(stage(place)["deploymentId"], third)
    forget(place)


def test_half_of_the_calls():
    place = an_api("half")
    deploy(place, stageName="dev")
    say(place, "v2")
    deploy(place, stageName="dev", canarySettings={"percentTraffic": 50})
    found = [text(place) for _ in range(60)]
    same(set(found), {"v1", "v2"})
    forget(place)


def test_hostile_bodies():
    place = an_api("hostile")
    api = place["restApiId"]
    first = deploy(place, stageName="dev")["id"]
    shows = lambda: {**bare(aws.get_deployments(restApiId=api)), **bare(aws.get_stages(restApiId=api))}
    hostile("POST", f"/restapis/{api}/deployments", shows, {"stageName": "new", "variables": {"a": 1}})
    hostile("PATCH", f"/restapis/{api}/deployments/{first}", shows, {"patchOperations": 1})
    with unchanged(shows):
        for members in (
            {"canarySettings": {"percentTraffic": "1"}}, {"canarySettings": {"deploymentId": first}}, {"canarySettings": []},
            {"cacheClusterEnabled": "true"}, {"tracingEnabled": 1}, {"stageDescription": {}},
        ):
            refused_raw(raw("POST", f"/restapis/{api}/deployments", {"stageName": "dev", **members}), "SerializationException")
    forget(place)


def test_two_writers():
    place = an_api("writers")
    ids = []

    def write(name):
        def run():
            mine = client()
            for _ in range(8):
                ids.append(mine.create_deployment(restApiId=place["restApiId"], stageName="dev", description=name)["id"])

        return run

    together(write("a"), write("b"))
    listed = {item["id"] for item in aws.get_deployments(restApiId=place["restApiId"])["items"]}
    same((len(ids), set(ids)), (16, listed))
    assert stage(place)["deploymentId"] in ids
    same(text(place), "v1")
    forget(place)


def test_every_operation_was_called():
    names = {f"{verb}Deployment" for verb in ("Create", "Get", "Update", "Delete")} | {"GetDeployments"}
    assert names <= CHECKED, names - CHECKED
