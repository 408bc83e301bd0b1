"""Stages (tables.md §7, §8.7, §9)."""

import time

from harness import Backend, call, refused, same, status
from support.wire import CHECKED, OPS, bare, client, enum, hostile, no_api, patches, raw, refused_raw, together, unchanged

aws = client()
BAD, MISSING, CONFLICT, INVALID = "BadRequestException", "NotFoundException", "ConflictException", "ValidationException"
JSON = "application/json"
LOGS = "arn:aws:logs:us-east-1:000000000000:log-group:api"
# Recorded, with the separators that it lacks.
PATHS = (
    "/deploymentId, /description, /cacheClusterEnabled, /cacheClusterSize, /clientCertificateId, /accessLogSettings, "
    "/accessLogSettings/destinationArn, /accessLogSettings/format, /{resourcePath}/{httpMethod}/metrics/enabled, "
    "/{resourcePath}/{httpMethod}/logging/dataTrace, /{resourcePath}/{httpMethod}/logging/loglevel, "
    "/{resourcePath}/{httpMethod}/throttling/burstLimit/{resourcePath}/{httpMethod}/throttling/rateLimit"
    "/{resourcePath}/{httpMethod}/caching/ttlInSeconds, /{resourcePath}/{httpMethod}/caching/enabled, "
    "/{resourcePath}/{httpMethod}/caching/dataEncrypted, /{resourcePath}/{httpMethod}/caching/requireAuthorizationForCacheControl, "
    "/{resourcePath}/{httpMethod}/caching/unauthorizedCacheControlHeaderStrategy, /*/*/metrics/enabled, /*/*/logging/dataTrace, "
    "/*/*/logging/loglevel, /*/*/throttling/burstLimit /*/*/throttling/rateLimit /*/*/caching/ttlInSeconds, /*/*/caching/enabled, "
    "/*/*/caching/dataEncrypted, /*/*/caching/requireAuthorizationForCacheControl, "
    "/*/*/caching/unauthorizedCacheControlHeaderStrategy, /variables/{variable_name}, /tracingEnabled"
)
# Recorded: what an entry of the method settings begins with.
DEFAULTS = {
    "metricsEnabled": False, "dataTraceEnabled": False, "throttlingBurstLimit": 5000, "throttlingRateLimit": 10000.0,
    "cachingEnabled": False, "cacheTtlInSeconds": 300, "cacheDataEncrypted": False, "requireAuthorizationForCacheControl": True,
    "unauthorizedCacheControlHeaderStrategy": "SUCCEED_WITH_RESPONSE_HEADER",
}


def an_api(name):
    """An API that answers GET / with what it knows of its stage; with a deployment."""
    api = aws.create_rest_api(name=name)
    place = {"restApiId": api["id"], "resourceId": api["rootResourceId"], "httpMethod": "GET"}
    aws.put_method(**place, authorizationType="NONE")
    aws.put_integration(**place, type="MOCK", requestTemplates={JSON: '{"statusCode": 200}'})
    aws.put_method_response(**place, statusCode="200")
    template = '{"stage": "$context.stage", "v": "$stageVariables.v", "canary": "$context.isCanaryRequest", "n": 1}'
    aws.put_integration_response(**place, statusCode="200", responseTemplates={JSON: template})
    first = deploy(api["id"])
    text = template.replace('"n": 1', '"n": 2')
    aws.put_integration_response(**place, statusCode="200", responseTemplates={JSON: text})
    return api["id"], first


def deploy(api, **members):
    return aws.create_deployment(restApiId=api, **members)["id"]


def create(api, deployment, name="dev", **members):
    return aws.create_stage(restApiId=api, stageName=name, deploymentId=deployment, **members)


def get(api, name="dev"):
    return aws.get_stage(restApiId=api, stageName=name)


def update(api, *operations, name="dev"):
    return aws.update_stage(restApiId=api, stageName=name, patchOperations=patches(*operations))


def forget(api):
    aws.delete_rest_api(restApiId=api)


def test_a_stage():
    api, first = an_api("stage")
    made = create(api, first)
    expected = {
        "stageName": "dev", "deploymentId": first, "cacheClusterEnabled": False, "cacheClusterStatus": "NOT_AVAILABLE",
        "methodSettings": {}, "tracingEnabled": False, "createdDate": made["createdDate"], "lastUpdatedDate": made["lastUpdatedDate"],
    }
    same((status(made), bare(made)), (201, expected))
    assert abs(made["createdDate"].timestamp() - time.time()) < 60
    same(bare(get(api)), expected)
    aws.create_documentation_version(restApiId=api, documentationVersion="1")
    members = {
        "description": "a stage", "cacheClusterEnabled": True, "cacheClusterSize": "1.6", "variables": {"v": "1"},
        "documentationVersion": "1", "tracingEnabled": True, "tags": {"team": "blue"},
    }
    made = create(api, first, "full", **members)
    same({name: made[name] for name in members}, members)
    same(made["cacheClusterStatus"], "AVAILABLE")
    second = deploy(api)
    create(api, second, "other-1_a")
    names = lambda **more: sorted(stage["stageName"] for stage in aws.get_stages(restApiId=api, **more)["item"])
    same(names(), ["dev", "full", "other-1_a"])
    same((names(deploymentId=first), names(deploymentId=second)), (["dev", "full"], ["other-1_a"]))
    same(names(deploymentId="nobody"), [])
    same(call(api, "/dev/").json(), {"stage": "dev", "v": "", "canary": "false", "n": 1})
    same(call(api, "/other-1_a/").json()["n"], 2)
    same(status(aws.delete_stage(restApiId=api, stageName="dev")), 202)
    same((call(api, "/dev/").status, call(api, "/full/").status), (403, 200))
    refused(lambda: get(api), MISSING, "Invalid stage identifier specified", 404)
    forget(api)


def test_what_a_stage_may_not_be():
    api, first = an_api("refusals")
    create(api, first)
    with unchanged(lambda: aws.get_stages(restApiId=api)):
        refused(lambda: create(api, first), CONFLICT, "Stage already exists", 409)
        refused(lambda: create(api, "nobody", "new"), BAD, "Deployment id does not exist", 400)
        canary = {"deploymentId": "nobody", "percentTraffic": 1}
        refused(lambda: create(api, first, "new", canarySettings=canary), BAD, "Deployment id does not exist", 400)
        size = enum("7", "createStageInput.cacheClusterSize", "[0.5, 1.6, 6.1, 13.5, 28.4, 58.2, 118, 237]")
        refused(lambda: create(api, first, "new", cacheClusterSize="7"), INVALID, size, 400)
        for name in ("a b", "a/b", "", "ä", "a" * 129):
            refused(lambda: create(api, first, name), BAD, status=400)
        for variables in ({"a b": "c"}, {"a": "<"}, {"a" * 65: "b"}, {"a": "b" * 513}, {f"a{index}": "b" for index in range(101)}):
            refused(lambda: create(api, first, "new", variables=variables), BAD, status=400)
        refused(lambda: create(api, first, "new", documentationVersion="9"), MISSING, status=404)
        same(raw("POST", f"/restapis/{api}/stages", {"stageName": "new"}).status, 400)
        same(raw("POST", f"/restapis/{api}/stages", {"deploymentId": first}).status, 400)
    for function in (
        lambda: get(api, "no"), lambda: update(api, name="no"), lambda: aws.delete_stage(restApiId=api, stageName="no"),
        lambda: aws.flush_stage_cache(restApiId=api, stageName="no"),
        lambda: aws.flush_stage_authorizers_cache(restApiId=api, stageName="no"),
    ):
        refused(function, MISSING, "Invalid stage identifier specified", 404)
    for function in (
        lambda: create("nowhere", first), lambda: get("nowhere"), lambda: aws.get_stages(restApiId="nowhere"), lambda: update("nowhere"),
        lambda: aws.delete_stage(restApiId="nowhere", stageName="dev"),
    ):
        refused(function, MISSING, no_api("nowhere"), 404)
    forget(api)


def test_flushing():
    api, first = an_api("flush")
    create(api, first)
    same(status(aws.flush_stage_cache(restApiId=api, stageName="dev")), 202)
    same(status(aws.flush_stage_authorizers_cache(restApiId=api, stageName="dev")), 202)
    forget(api)


def test_patches():
    api, first = an_api("patches")
    before = create(api, first)
    second = deploy(api)
    certificate = aws.generate_client_certificate()["clientCertificateId"]
    aws.create_documentation_version(restApiId=api, documentationVersion="1")
    changed = update(
        api, ("replace", "/deploymentId", second), ("replace", "/description", "d"), ("replace", "/cacheClusterEnabled", "true"),
        ("replace", "/cacheClusterSize", "6.1"), ("replace", "/clientCertificateId", certificate), ("replace", "/tracingEnabled", "true"),
        ("replace", "/documentationVersion", "1"), ("add", "/variables/v", "1"), ("replace", "/variables/w", "2"),
        ("add", "/accessLogSettings/destinationArn", LOGS + ":*"), ("replace", "/accessLogSettings/format", "$context.requestId"),
    )
    expected = {
        "deploymentId": second, "description": "d", "cacheClusterEnabled": True, "cacheClusterSize": "6.1",
        "clientCertificateId": certificate, "tracingEnabled": True, "documentationVersion": "1", "variables": {"v": "1", "w": "2"},
        "accessLogSettings": {"destinationArn": LOGS, "format": "$context.requestId"}, "cacheClusterStatus": "AVAILABLE",
    }
    same(status(changed), 200)
    same({name: changed.get(name) for name in expected}, expected)
    same(bare(get(api)), bare(changed))
    assert changed["lastUpdatedDate"] >= before["lastUpdatedDate"]
    same(call(api, "/dev/").json(), {"stage": "dev", "v": "1", "canary": "false", "n": 2})
    changed = update(
        api, ("remove", "/variables/v"), ("remove", "/variables/w"), ("remove", "/accessLogSettings"), ("replace", "/description", ""),
        ("replace", "/clientCertificateId", ""), ("replace", "/tracingEnabled", "no boolean"), ("replace", "/deploymentId", first),
    )
    gone = {"variables", "accessLogSettings", "description", "clientCertificateId"}
    same((gone & set(changed), changed["tracingEnabled"]), (set(), False))
    same(call(api, "/dev/").json(), {"stage": "dev", "v": "", "canary": "false", "n": 1})
    forget(api)
    aws.delete_client_certificate(clientCertificateId=certificate)


def test_bad_patches():
    api, first = an_api("bad patches")
    create(api, first)
    good = ("replace", "/description", "changed")
    bad = lambda operation, message=None: refused(lambda: update(api, good, operation), BAD, message, 400)
    with unchanged(lambda: get(api)):
        for path in (
            "/wrong", "/documentation_version", "/canarySettings", "/canarySettings/badPath", "/tags/a", "/stageName", "/*/*/wrong/x",
            "/*/*/metrics", "/a/GET/throttling", "/a/WRONG/metrics/enabled",
        ):
            bad(("replace", path, "x"), f"Invalid method setting path: {path}. Must be one of: [{PATHS}]")
        bad(("add", "/wrong", "x"), f"Invalid method setting path: /wrong. Must be one of: [{PATHS}]")
        for path in (
            "canarySettings/stageVariableOverrides", "accessLogSettings/destinationArn", "accessLogSettings/format", "*/*", "test/GET",
            "canarySettings", "variables/nothing", "wrong",
        ):
            message = f"Cannot remove method setting {path} because there is no method setting for this method "
            bad(("remove", "/" + path), message)
        bad(("add", "/canarySettings/deploymentId", first), "Invalid add operation with path: /canarySettings/deploymentId")
        message = (
            "Invalid copy operation with path: /canarySettings/stageVariableOverrides and from /variables. Valid copy:path are "
            "[/deploymentId, /variables] and valid copy:from are [/canarySettings/deploymentId, /canarySettings/stageVariableOverrides]"
        )
        bad(("copy", "/canarySettings/stageVariableOverrides", None, "/variables"), message)
        none = "Promotion not available. Canary does not exist."
        bad(("copy", "/variables", None, "/canarySettings/stageVariableOverrides"), none)
        bad(("copy", "/deploymentId", None, "/canarySettings/deploymentId"), none)
        message = "Invalid accessLogSettings path. Must be one of : [/accessLogSettings/destinationArn, /accessLogSettings/format]"
        for op in ("add", "replace"):
            for path in ("/accessLogSettings", "/accessLogSettings/*", "/accessLogSettings/wrong"):
                bad((op, path, "x"), message)
            for path in ("/accessLogSettings/destinationArn", "/accessLogSettings/format"):
                bad((op, path, ""), "Access Log value must not be empty")
                bad((op, path), "Access Log value must not be empty")
        for path in ("/deploymentId", "/canarySettings/deploymentId"):
            bad(("replace", path, "nobody"), "Deployment id does not exist")
        for path, value in (
            ("/cacheClusterSize", "7"), ("/clientCertificateId", "nobody"), ("/variables/v", "<"), ("/variables/a b", "x"),
            ("/accessLogSettings/destinationArn", "no arn"), ("/canarySettings/percentTraffic", "101"),
            ("/canarySettings/percentTraffic", "x"), ("/*/*/throttling/burstLimit", "x"), ("/*/*/throttling/rateLimit", "x"),
            ("/*/*/caching/ttlInSeconds", "3601"), ("/*/*/logging/loglevel", "LOUD"),
            ("/*/*/caching/unauthorizedCacheControlHeaderStrategy", "x"),
        ):
            bad(("replace", path, value))
        for op in ("move", "test"):
            bad((op, "/description", "x"))
        wrong = enum("x", "updateStageInput.patchOperations.2.member.op", OPS)
        refused(lambda: update(api, good, ("x", "/description", "x")), INVALID, wrong, 400)
    forget(api)


def test_method_settings():
    api, first = an_api("settings")
    create(api, first)
    settings = lambda *operations: update(api, *operations)["methodSettings"]
    same(settings(("replace", "/*/*/metrics/enabled", "true")), {"*/*": {**DEFAULTS, "metricsEnabled": True}})
    every = {
        "metricsEnabled": False, "loggingLevel": "INFO", "dataTraceEnabled": True, "throttlingBurstLimit": 5,
        "throttlingRateLimit": 2.5, "cachingEnabled": True, "cacheTtlInSeconds": 60, "cacheDataEncrypted": True,
        "requireAuthorizationForCacheControl": False, "unauthorizedCacheControlHeaderStrategy": "FAIL_WITH_403",
    }
    said = settings(
        ("replace", "/*/*/metrics/enabled", "false"), ("replace", "/*/*/logging/loglevel", "INFO"),
        ("replace", "/*/*/logging/dataTrace", "true"), ("replace", "/*/*/throttling/burstLimit", "5"),
        ("replace", "/*/*/throttling/rateLimit", "2.5"), ("replace", "/*/*/caching/enabled", "true"),
        ("replace", "/*/*/caching/ttlInSeconds", "60"), ("replace", "/*/*/caching/dataEncrypted", "true"),
        ("replace", "/*/*/caching/requireAuthorizationForCacheControl", "false"),
        ("replace", "/*/*/caching/unauthorizedCacheControlHeaderStrategy", "FAIL_WITH_403"),
    )
    same(said, {"*/*": every})
    same(settings(("remove", "/*/*")), {})
    # An entry begins with what is said of all, and later changes of that do not touch it.
    said = settings(("replace", "/*/*/caching/enabled", "true"), ("replace", "/test/GET/throttling/burstLimit", "7"))
    own = {**DEFAULTS, "cachingEnabled": True, "throttlingBurstLimit": 7}
    same(said, {"*/*": {**DEFAULTS, "cachingEnabled": True}, "test/GET": own})
    same(settings(("replace", "/*/*/caching/enabled", "false"))["test/GET"], own)
    said = settings(("replace", "/pets~1dogs/GET/metrics/enabled", "true"), ("replace", "/~1/GET/metrics/enabled", "true"))
    assert "pets/dogs/GET" in said and "//GET" in said, said
    same("test/GET" in settings(("remove", "/test/GET")), False)
    forget(api)


def test_a_canary_by_patches():
    api, first = an_api("canary")
    create(api, first, variables={"v": "1"})
    second = deploy(api)
    made = update(api, ("replace", "/canarySettings/deploymentId", second))["canarySettings"]
    same(made, {"deploymentId": second, "percentTraffic": 0.0, "useStageCache": False})
    update(api, ("remove", "/canarySettings"))
    made = update(api, ("replace", "/canarySettings/percentTraffic", "100.0"))["canarySettings"]
    same(made, {"deploymentId": first, "percentTraffic": 100.0, "useStageCache": False})
    said = update(
        api, ("replace", "/canarySettings/deploymentId", second), ("replace", "/canarySettings/useStageCache", "true"),
        ("replace", "/canarySettings/stageVariableOverrides/v", "2"), ("add", "/canarySettings/stageVariableOverrides/w", "3"),
    )
    overrides = {"v": "2", "w": "3"}
    expected = {"deploymentId": second, "percentTraffic": 100.0, "useStageCache": True, "stageVariableOverrides": overrides}
    same(said["canarySettings"], expected)
    same(call(api, "/dev/").json(), {"stage": "dev", "v": "2", "canary": "true", "n": 2})
    said = update(api, ("remove", "/canarySettings/stageVariableOverrides/w"))
    same(said["canarySettings"]["stageVariableOverrides"], {"v": "2"})
    said = update(
        api, ("replace", "/canarySettings/percentTraffic", "0.0"), ("copy", "/deploymentId", None, "/canarySettings/deploymentId"),
        ("copy", "/variables", None, "/canarySettings/stageVariableOverrides"), ("remove", "/canarySettings/stageVariableOverrides"),
    )
    same((said["deploymentId"], said["variables"]), (second, {"v": "2"}))
    same(said["canarySettings"], {"deploymentId": second, "percentTraffic": 0.0, "useStageCache": True})
    same(call(api, "/dev/").json(), {"stage": "dev", "v": "2", "canary": "false", "n": 2})
    same("canarySettings" in update(api, ("remove", "/canarySettings")), False)
    # A stage can be made with one.
    settings = {"percentTraffic": 100.0, "deploymentId": second, "stageVariableOverrides": {"v": "c"}, "useStageCache": False}
    same(create(api, first, "new", canarySettings=settings)["canarySettings"], settings)
    same(call(api, "/new/").json(), {"stage": "new", "v": "c", "canary": "true", "n": 2})
    forget(api)


def test_variables_that_a_backend_needs():
    backend = Backend()
    api = aws.create_rest_api(name="needs")
    place = {"restApiId": api["id"], "resourceId": api["rootResourceId"], "httpMethod": "GET"}
    aws.put_method(**place, authorizationType="NONE")
    uri = "http://${stageVariables.host}/${stageVariables.path}"
    aws.put_integration(**place, type="HTTP_PROXY", integrationHttpMethod="GET", uri=uri)
    variables = {"host": backend.url.removeprefix("http://"), "path": "a"}
    first = deploy(api["id"], stageName="dev", variables=variables)
    same(call(api["id"], "/dev/").json()["target"], "/a")
    update(api["id"], ("replace", "/variables/path", "b"))
    same(call(api["id"], "/dev/").json()["target"], "/b")
    same(get(api["id"])["deploymentId"], first)
    forget(api["id"])


def test_hostile_bodies():
    api, first = an_api("hostile")
    create(api, first)
    shows = lambda: aws.get_stages(restApiId=api)
    hostile("POST", f"/restapis/{api}/stages", shows, {"stageName": "new", "deploymentId": first, "tracingEnabled": "true"})
    boolean = {"op": "replace", "path": "/tracingEnabled", "value": True}
    hostile("PATCH", f"/restapis/{api}/stages/dev", shows, {"patchOperations": [boolean]})
    with unchanged(shows):
        for members in ({"tags": {"a": 1}}, {"variables": []}, {"canarySettings": {"x": 1}}, {"cacheClusterSize": 0.5}):
            answer = raw("POST", f"/restapis/{api}/stages", {"stageName": "new", "deploymentId": first, **members})
            refused_raw(answer, "SerializationException")
    forget(api)


def test_two_writers_leave_one_of_two_states():
    api, first = an_api("writers")
    create(api, first, variables={"v": "0"})
    second = deploy(api)

    def write(deployment, value):
        def run():
            mine = client()
            operations = patches(("replace", "/deploymentId", deployment), ("replace", "/variables/v", value))
            for _ in range(15):
                said = mine.update_stage(restApiId=api, stageName="dev", patchOperations=operations)
                same((said["deploymentId"], said["variables"]), (deployment, {"v": value}))

        return run

    def watch():
        for _ in range(100):
            said = call(api, "/dev/").json()
            assert (said["n"], said["v"]) in ((1, "0"), (1, "1"), (2, "2")), said

    together(write(first, "1"), write(second, "2"), watch)
    said = get(api)
    assert (said["deploymentId"], said["variables"]["v"]) in ((first, "1"), (second, "2")), said
    forget(api)


def test_every_operation_was_called():
    names = {f"{verb}Stage" for verb in ("Create", "Get", "Update", "Delete")}
    names |= {"GetStages", "FlushStageCache", "FlushStageAuthorizersCache"}
    assert names <= CHECKED, names - CHECKED
