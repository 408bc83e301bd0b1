"""Documentation parts and versions (tables.md §8.5), and the types of SDKs."""

import json
import time

from harness import refused, same, status
from support.wire import CHECKED, OPS, bare, client, enum, hostile, no_api, patches, raw, refused_raw, together, unchanged

aws = client()
BAD, MISSING, CONFLICT, INVALID = "BadRequestException", "NotFoundException", "ConflictException", "ValidationException"
NO_PART = "Invalid Documentation part identifier specified"
TYPES = (
    "[RESPONSE_BODY, RESPONSE, METHOD, MODEL, AUTHORIZER, RESPONSE_HEADER, RESOURCE, PATH_PARAMETER, REQUEST_BODY, QUERY_PARAMETER, "
    "API, REQUEST_HEADER]"
)
TEXT = '{"description": "a text"}'


def an_api(name):
    return aws.create_rest_api(name=name)["id"]


def create(api, properties=TEXT, **location):
    return aws.create_documentation_part(restApiId=api, location=location, properties=properties)


def parts(api, **more):
    return aws.get_documentation_parts(restApiId=api, **more)["items"]


def update(api, part, *operations):
    return aws.update_documentation_part(restApiId=api, documentationPartId=part, patchOperations=patches(*operations))


def load(api, document, **more):
    text = document if isinstance(document, bytes) else json.dumps(document).encode()
    return aws.import_documentation_parts(restApiId=api, body=text, **more)


def document(*parts):
    listed = [{"location": location, "properties": properties} for location, properties in parts]
    documentation = {"x-amazon-apigateway-documentation": {"version": "1", "documentationParts": listed}}
    return {"openapi": "3.0.1", "info": {"title": "a", "version": "1"}, "paths": {}, **documentation}


def forget(api):
    aws.delete_rest_api(restApiId=api)


def test_a_part():
    api = an_api("part")
    location = {"type": "RESPONSE_HEADER", "path": "/a", "method": "GET", "statusCode": "200", "name": "X"}
    made = create(api, **location)
    expected = {"id": made["id"], "location": location, "properties": TEXT}
    same((status(made), bare(made)), (201, expected))
    place = {"restApiId": api, "documentationPartId": made["id"]}
    same(bare(aws.get_documentation_part(**place)), expected)
    changed = update(api, made["id"], ("replace", "/properties", '{"a": 1}'))
    same((status(changed), bare(changed)), (200, {**expected, "properties": '{"a": 1}'}))
    same(parts(api), [{**expected, "properties": '{"a": 1}'}])
    refused(lambda: create(api, **location), CONFLICT, status=409)
    same(status(aws.delete_documentation_part(**place)), 202)
    refused(lambda: aws.get_documentation_part(**place), MISSING, NO_PART, 404)
    same(create(api, type="API")["location"], {"type": "API"})
    forget(api)


def test_lists():
    api = an_api("lists")
    for path in ("/a", "/a/b", "/ab"):
        for kind in ("RESOURCE", "METHOD"):
            create(api, type=kind, path=path)
    create(api, type="MODEL", name="Pet")
    create(api, type="API")
    kinds = lambda **more: sorted(part["location"]["type"] for part in parts(api, **more))
    same((len(parts(api)), kinds(type="METHOD"), kinds(nameQuery="Pet")), (8, ["METHOD"] * 3, ["MODEL"]))
    paths = sorted(part["location"]["path"] for part in parts(api, path="/a", type="RESOURCE"))
    same(paths, ["/a", "/a/b"])
    same(parts(api, nameQuery="nothing"), [])
    for size in (1, 3, 8):
        pages = list(aws.get_paginator("get_documentation_parts").paginate(restApiId=api, PaginationConfig={"PageSize": size}))
        ids = [part["id"] for page in pages for part in page["items"]]
        same((len(ids), len(set(ids)), len(pages)), (8, 8, -(-8 // size)))
    forget(api)


def test_what_a_part_may_not_be():
    api = an_api("refusals")
    part = create(api, type="API")["id"]
    good = ("replace", "/properties", '{"changed": 1}')
    with unchanged(lambda: aws.get_documentation_parts(restApiId=api)):
        wrong = enum("INVALID", "createDocumentationPartInput.location.type", TYPES)
        refused(lambda: create(api, type="INVALID"), INVALID, wrong, 400)
        empty = "Documentation part properties must be non-empty"
        refused(lambda: create(api, "", type="METHOD", path="/"), BAD, empty, 400)
        refused(lambda: update(api, part, good, ("replace", "/properties", "")), BAD, empty, 400)
        path = "Invalid patch path  '/invalidPath' specified for op 'replace'. Must be one of: [/properties]"
        refused(lambda: update(api, part, good, ("replace", "/invalidPath", "x")), BAD, path, 400)
        for op in ("add", "remove"):
            path = f"Invalid patch path  '/properties' specified for op '{op}'. Please choose supported operations"
            refused(lambda: update(api, part, good, (op, "/properties", "x")), BAD, path, 400)
        wrong = enum("x", "updateDocumentationPartInput.patchOperations.2.member.op", OPS)
        refused(lambda: update(api, part, good, ("x", "/properties", "x")), INVALID, wrong, 400)
        same(raw("POST", f"/restapis/{api}/documentation/parts", {"properties": TEXT}).status, 400)
        same(raw("POST", f"/restapis/{api}/documentation/parts", {"location": {"type": "API"}}).status, 400)
    get = lambda api, part: aws.get_documentation_part(restApiId=api, documentationPartId=part)
    delete = lambda api, part: aws.delete_documentation_part(restApiId=api, documentationPartId=part)
    for function in (
        lambda: get(api, "nobody"), lambda: update(api, "nobody", good), lambda: delete(api, "nobody"), lambda: get("nowhere", part),
        lambda: update("nowhere", part, good),
    ):
        refused(function, MISSING, NO_PART, 404)
    for function in (
        lambda: delete("nowhere", part), lambda: create("nowhere", type="API"), lambda: parts("nowhere"),
        lambda: load("nowhere", document(({"type": "API"}, {"a": 1}))),
    ):
        refused(function, MISSING, no_api("nowhere"), 404)
    forget(api)


def test_imports():
    api = an_api("imports")
    method = {"type": "METHOD", "path": "/", "method": "GET"}
    two = document(({"type": "API"}, {"description": "all"}), (method, {"description": "one"}))
    made = load(api, two)
    same((status(made), len(made["ids"])), (200, 2))
    same({part["id"] for part in parts(api)}, set(made["ids"]))
    texts = {part["location"]["type"]: json.loads(part["properties"]) for part in parts(api)}
    same(texts, {"API": {"description": "all"}, "METHOD": {"description": "one"}})
    own = create(api, type="RESOURCE", path="/")["id"]
    load(api, document(({"type": "API"}, {"description": "new"})), mode="merge")
    texts = {part["location"]["type"]: json.loads(part["properties"]) for part in parts(api)}
    same(texts, {"API": {"description": "new"}, "METHOD": {"description": "one"}, "RESOURCE": json.loads(TEXT)})
    again = load(api, two, mode="overwrite")["ids"]
    same(({part["id"] for part in parts(api)}, own in again), (set(again), False))
    # What is overwritten has new identifiers.
    same(set(again) & set(made["ids"]), set())
    with unchanged(lambda: aws.get_documentation_parts(restApiId=api)):
        for text in (b"x", b"[]", b"{", b"", b"\xff\xfe", b"[" * 100_000):
            refused(lambda: load(api, text), BAD, "Unable to build importer with provided input.", 400)
    forget(api)


def test_parts_of_an_imported_api():
    text = json.dumps(document(({"type": "API"}, {"description": "all"}))).encode()
    api = aws.import_rest_api(body=text)["id"]
    same([json.loads(part["properties"]) for part in parts(api)], [{"description": "all"}])
    forget(api)
    api = aws.import_rest_api(body=text, parameters={"ignore": "documentation"})["id"]
    same(parts(api), [])
    forget(api)


def test_a_version():
    api = aws.create_rest_api(name="version")
    place = {"restApiId": api["id"], "resourceId": api["rootResourceId"], "httpMethod": "GET"}
    api = api["id"]
    aws.put_method(**place, authorizationType="NONE")
    aws.put_integration(**place, type="MOCK", requestTemplates={"application/json": '{"statusCode": 200}'})
    aws.create_deployment(restApiId=api, stageName="dev")
    create(api, type="API")
    made = aws.create_documentation_version(restApiId=api, documentationVersion="1", stageName="dev", description="first")
    same((status(made), made["version"], made["description"]), (201, "1", "first"))
    assert abs(made["createdDate"].timestamp() - time.time()) < 60
    same(aws.get_stage(restApiId=api, stageName="dev")["documentationVersion"], "1")
    place = {"restApiId": api, "documentationVersion": "1"}
    same(bare(aws.get_documentation_version(**place)), bare(made))
    change = lambda *operations: aws.update_documentation_version(**place, patchOperations=patches(*operations))
    changed = change(("replace", "/description", "other"))
    same((status(changed), bare(changed)), (200, {**bare(made), "description": "other"}))
    with unchanged(lambda: aws.get_documentation_versions(restApiId=api)):
        refused(lambda: aws.create_documentation_version(**place), CONFLICT, status=409)
        refused(lambda: aws.create_documentation_version(restApiId=api, documentationVersion=""), BAD, status=400)
        wrong = lambda: aws.create_documentation_version(restApiId=api, documentationVersion="2", stageName="no")
        refused(wrong, MISSING, status=404)
        good = ("replace", "/description", "x")
        for operation in (("replace", "/version", "x"), ("add", "/description", "x"), ("remove", "/description")):
            refused(lambda: change(good, operation), BAD, status=400)
    for name in ("2", "3"):
        aws.create_documentation_version(restApiId=api, documentationVersion=name)
    pages = list(aws.get_paginator("get_documentation_versions").paginate(restApiId=api, PaginationConfig={"PageSize": 2}))
    same(([len(page["items"]) for page in pages], pages[0]["items"][0]["version"]), ([2, 1], "1"))
    aws.update_stage(restApiId=api, stageName="dev", patchOperations=patches(("replace", "/documentationVersion", "2")))
    same(status(aws.delete_documentation_version(**place)), 202)
    unknown = "Invalid Documentation version specified"
    for function in (
        lambda: aws.get_documentation_version(**place), lambda: change(good), lambda: aws.delete_documentation_version(**place),
    ):
        refused(function, MISSING, unknown, 404)
    nowhere = {"restApiId": "nowhere", "documentationVersion": "1"}
    for function in (
        lambda: aws.get_documentation_version(**nowhere), lambda: aws.create_documentation_version(**nowhere),
        lambda: aws.delete_documentation_version(**nowhere), lambda: aws.get_documentation_versions(restApiId="nowhere"),
    ):
        refused(function, MISSING, no_api("nowhere"), 404)
    forget(api)


def test_documentation_is_exported():
    api = aws.create_rest_api(name="exported")
    place = {"restApiId": api["id"], "resourceId": api["rootResourceId"], "httpMethod": "GET"}
    api = api["id"]
    aws.put_method(**place, authorizationType="NONE")
    aws.put_integration(**place, type="MOCK", requestTemplates={"application/json": '{"statusCode": 200}'})
    create(api, '{"description":"all of it"}', type="API")
    aws.create_deployment(restApiId=api, stageName="dev")
    for kind in ("swagger", "oas30"):
        body = aws.get_export(restApiId=api, stageName="dev", exportType=kind, parameters={"extensions": "documentation"})["body"]
        listed = json.loads(body.read())["x-amazon-apigateway-documentation"]["documentationParts"]
        same(listed, [{"location": {"type": "API"}, "properties": {"description": "all of it"}}])
    forget(api)


def test_hostile_bodies():
    api = an_api("hostile")
    part = create(api, type="API")["id"]
    aws.create_documentation_version(restApiId=api, documentationVersion="1")
    shows = lambda: aws.get_documentation_parts(restApiId=api)
    base = f"/restapis/{api}/documentation"
    hostile("POST", f"{base}/parts", shows, {"location": "API", "properties": TEXT})
    hostile("PATCH", f"{base}/parts/{part}", shows, {"patchOperations": 1})
    with unchanged(shows):
        for location in (1, [], {"type": 1}, {"type": "API", "x": "y"}):
            answer = raw("POST", f"{base}/parts", {"location": location, "properties": TEXT})
            refused_raw(answer, "SerializationException")
    versions = lambda: aws.get_documentation_versions(restApiId=api)
    hostile("POST", f"{base}/versions", versions, {"documentationVersion": 2})
    hostile("PATCH", f"{base}/versions/1", versions, {"patchOperations": [None, 1]})
    forget(api)


def test_two_writers_leave_one_of_two_states():
    api = an_api("writers")

    def write(text):
        def run():
            mine = client()
            body = json.dumps(document(({"type": "API"}, {"by": text}), ({"type": "RESOURCE", "path": "/"}, {"by": text}))).encode()
            for _ in range(10):
                mine.import_documentation_parts(restApiId=api, mode="overwrite", body=body)

        return run

    together(write("a"), write("b"))
    found = [json.loads(part["properties"])["by"] for part in parts(api)]
    assert found in (["a", "a"], ["b", "b"]), found
    forget(api)


def test_types_of_sdks():
    kinds = {kind["id"]: kind for kind in aws.get_sdk_types()["items"]}
    assert {"android", "java", "javascript", "objectivec", "ruby", "swift"} <= set(kinds), kinds
    for name, kind in kinds.items():
        same(bare(aws.get_sdk_type(id=name)), kind)
    required = {item["name"] for item in kinds["android"]["configurationProperties"] if item["required"]}
    same(required, {"groupId", "artifactId", "artifactVersion", "invokerPackage"})
    pages = list(aws.get_paginator("get_sdk_types").paginate(PaginationConfig={"PageSize": 4}))
    same([len(page["items"]) for page in pages], [4, len(kinds) - 4])
    refused(lambda: aws.get_sdk_type(id="cobol"), MISSING, status=404)
    # SDKs themselves are not made.
    refused(lambda: aws.get_sdk(restApiId="a", stageName="b", sdkType="ruby"), BAD, status=400)


def test_every_operation_was_called():
    names = {f"{verb}Documentation{what}" for verb in ("Create", "Get", "Update", "Delete") for what in ("Part", "Version")}
    names |= {"GetDocumentationParts", "GetDocumentationVersions", "ImportDocumentationParts", "GetSdkType", "GetSdkTypes"}
    assert names <= CHECKED, names - CHECKED
