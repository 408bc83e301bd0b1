"""Resources (tables.md §8.2)."""

from harness import call, refused, same, status
from support.wire import CHECKED, bare, client, hostile, no_api, patches, raw, refused_raw, together, unchanged

aws = client()
INVALID = "Invalid Resource identifier specified"


def an_api(name):
    api = aws.create_rest_api(name=name)
    return api["id"], api["rootResourceId"]


def add(api, parent, part):
    return aws.create_resource(restApiId=api, parentId=parent, pathPart=part)["id"]


def update(api, resource, *operations):
    return aws.update_resource(restApiId=api, resourceId=resource, patchOperations=patches(*operations))


def get(api, resource, **more):
    return aws.get_resource(restApiId=api, resourceId=resource, **more)


def paths(api):
    return sorted(item["path"] for item in aws.get_resources(restApiId=api, limit=500)["items"])


def test_a_tree():
    api, root = an_api("tree")
    same(bare(get(api, root)), {"id": root, "path": "/"})
    pets = aws.create_resource(restApiId=api, parentId=root, pathPart="pets")
    same((status(pets), bare(pets)), (201, {"id": pets["id"], "parentId": root, "pathPart": "pets", "path": "/pets"}))
    same((status(get(api, pets["id"])), bare(get(api, pets["id"]))), (200, bare(pets)))
    pet = add(api, pets["id"], "{id}")
    toy = add(api, pet, "toys")
    for part in ("a.b", "a-b_c", "a:b", "a,b", "{proxy+}"):
        add(api, toy, part)
    same(status(update(api, pets["id"], ("replace", "/pathPart", "cats"))), 200)
    same(get(api, toy)["path"], "/cats/{id}/toys")
    other = add(api, root, "other")
    moved = update(api, pet, ("replace", "/parentId", other))
    same((moved["path"], moved["parentId"]), ("/other/{id}", other))
    same(get(api, toy)["path"], "/other/{id}/toys")
    both = update(api, toy, ("replace", "/pathPart", "t"), ("replace", "/parentId", root))
    same((both["path"], both["pathPart"], both["parentId"]), ("/t", "t", root))
    same(status(aws.delete_resource(restApiId=api, resourceId=toy)), 202)
    same(paths(api), ["/", "/cats", "/other", "/other/{id}"])
    same(status(aws.delete_resource(restApiId=api, resourceId=other)), 202)
    same(paths(api), ["/", "/cats"])
    aws.delete_rest_api(restApiId=api)


def test_methods_are_embedded_on_demand():
    api, root = an_api("embed")
    aws.put_method(restApiId=api, resourceId=root, httpMethod="GET", authorizationType="NONE")
    aws.put_method(restApiId=api, resourceId=root, httpMethod="POST", authorizationType="AWS_IAM")
    same(get(api, root)["resourceMethods"], {"GET": {}, "POST": {}})
    whole = get(api, root, embed=["methods"])["resourceMethods"]
    same(whole["POST"], {"httpMethod": "POST", "authorizationType": "AWS_IAM", "apiKeyRequired": False})
    same(aws.get_resources(restApiId=api)["items"][0]["resourceMethods"], {"GET": {}, "POST": {}})
    same(aws.get_resources(restApiId=api, embed=["methods"])["items"][0]["resourceMethods"], whole)
    aws.delete_rest_api(restApiId=api)


def test_pages():
    api, root = an_api("pages")
    made = {add(api, root, f"r{index}") for index in range(6)} | {root}
    for size in (1, 2, 3, 7, 500):
        pages = list(aws.get_paginator("get_resources").paginate(restApiId=api, PaginationConfig={"PageSize": size}))
        ids = [item["id"] for page in pages for item in page["items"]]
        same((len(ids), set(ids), len(pages)), (7, made, -(-7 // size)))
    for index in range(6, 30):
        add(api, root, f"r{index}")
    first = aws.get_resources(restApiId=api)
    same((len(first["items"]), "position" in first), (25, True))
    same(len(aws.get_resources(restApiId=api, position=first["position"])["items"]), 6)
    refused(lambda: aws.get_resources(restApiId=api, position="no position"), "BadRequestException")
    aws.delete_rest_api(restApiId=api)


def test_what_is_not_there():
    api, root = an_api("nothing")
    for where, what in ((api, "nobody"), ("nowhere", root)):
        for function in (
            lambda: get(where, what),
            lambda: aws.create_resource(restApiId=where, parentId=what, pathPart="a"),
            lambda: update(where, what, ("replace", "/pathPart", "a")),
            lambda: aws.delete_resource(restApiId=where, resourceId=what),
        ):
            refused(function, "NotFoundException", INVALID, 404)
    refused(lambda: aws.get_resources(restApiId="nowhere"), "NotFoundException", no_api("nowhere"), 404)
    # Identifiers of APIs are case-sensitive.
    refused(lambda: aws.get_resources(restApiId=api.upper()), "NotFoundException", no_api(api.upper()), 404)
    child = add(api, root, "child")
    refused(lambda: update(api, child, ("replace", "/parentId", "nobody")), "NotFoundException", INVALID, 404)
    aws.delete_rest_api(restApiId=api)


def test_what_may_not_be():
    api, root = an_api("refusals")
    proxy, pets = add(api, root, "{proxy+}"), add(api, root, "pets")
    cats = add(api, pets, "cats")
    create = lambda parent, part: lambda: aws.create_resource(restApiId=api, parentId=parent, pathPart=part)
    change = lambda resource, path, value, op="replace": lambda: update(api, resource, (op, path, value))
    sibling = "A sibling ({proxy+}) of this resource already has a variable path part -- only one is allowed"
    greedy = "Cannot create a child of a resource with a greedy path variable: {proxy+}"
    taken = "Another resource with the same parent already has this name: pets"
    bad, conflict = "BadRequestException", "ConflictException"
    with unchanged(lambda: aws.get_resources(restApiId=api)):
        # Nobody could call it; and what lies below would become as long.
        refused(create(root, "a" * 10_240), bad, status=400)
        refused(change(pets, "/pathPart", "a" * 10_236), bad, status=400)
        refused(create(root, "{id}"), bad, sibling, 400)
        refused(create(proxy, "x"), bad, greedy, 400)
        refused(create(root, "pets"), conflict, taken, 409)
        for part in ("", "a/b", "a b", "{", "}", "{a", "a}", "{}", "{+}", "{a}b", "a{b}", "ä"):
            refused(create(root, part), bad, status=400)
        refused(change(pets, "/pathPart", "{id}"), bad, sibling, 400)
        refused(change(cats, "/parentId", proxy), bad, greedy, 400)
        other = add(api, root, "other")
        refused(change(other, "/pathPart", "pets"), conflict, taken, 409)
        below = add(api, other, "pets")
        refused(change(below, "/parentId", root), conflict, taken, 409)
        aws.delete_resource(restApiId=api, resourceId=other)
        refused(change(pets, "/parentId", cats), bad, "Resources cannot be cyclical.", 400)
        refused(change(pets, "/parentId", pets), bad, "Resources cannot be cyclical.", 400)
        refused(change(root, "/pathPart", "a"), bad, "Root resource cannot update its pathPart.", 400)
        refused(change(root, "/parentId", pets), bad, "Root resource cannot update its parentId.", 400)
        refused(lambda: aws.delete_resource(restApiId=api, resourceId=root), bad, status=400)
    aws.delete_rest_api(restApiId=api)


def test_bad_patches():
    api, root = an_api("patches")
    pets = add(api, root, "pets")
    path = "Invalid patch path  '/invalid' specified for op 'replace'. Must be one of: [/parentId, /pathPart]"
    good = ("replace", "/pathPart", "cats")
    with unchanged(lambda: get(api, pets)):
        refused(lambda: update(api, pets, good, ("replace", "/invalid", "a")), "BadRequestException", path, 400)
        for op in ("add", "remove"):
            message = f"Invalid patch path  '/pathPart' specified for op '{op}'. Please choose supported operations"
            refused(lambda: update(api, pets, good, (op, "/pathPart", "a")), "BadRequestException", message, 400)
        for operation in (("replace", "/pathPart"), ("replace", "/pathPart/x", "a"), ("replace", "pathPart/", "a"), ("replace",)):
            refused(lambda: update(api, pets, good, operation), "BadRequestException", status=400)
    aws.delete_rest_api(restApiId=api)


def test_hostile_bodies():
    api, root = an_api("hostile")
    pets = add(api, root, "pets")
    show = lambda: aws.get_resources(restApiId=api)
    hostile("POST", f"/restapis/{api}/resources/{root}", show, {"pathPart": 1})
    hostile("PATCH", f"/restapis/{api}/resources/{pets}", show, {"patchOperations": {}})
    with unchanged(show):
        for operations in (1, "x", [1], ["x"], [[]], [{"op": 1}], [{"op": "replace", "path": 1}], [{"op": "replace", "x": 1}]):
            answer = raw("PATCH", f"/restapis/{api}/resources/{pets}", {"patchOperations": operations})
            refused_raw(answer, "SerializationException")
        missing = raw("POST", f"/restapis/{api}/resources/{root}", {})
        assert missing.status == 400, missing.status
    aws.delete_rest_api(restApiId=api)


def test_two_writers_leave_one_of_two_states():
    api, root = an_api("writers")
    pets, other = add(api, root, "pets"), add(api, root, "other")
    toy = add(api, pets, "toys")

    def write(part, parent):
        def run():
            mine = client()
            for _ in range(15):
                operations = patches(("replace", "/pathPart", part), ("replace", "/parentId", parent))
                mine.update_resource(restApiId=api, resourceId=pets, patchOperations=operations)

        return run

    def watch():
        mine = client()
        for _ in range(30):
            # One answer is of one moment.
            items = {item["id"]: item["path"] for item in mine.get_resources(restApiId=api)["items"]}
            assert items[pets] in ("/pets", "/a", "/other/b"), items
            same(items[toy], items[pets] + "/toys")

    together(write("a", root), write("b", other), watch)
    assert get(api, pets)["path"] in ("/a", "/other/b")

    def create(wins):
        def run():
            mine = client()
            try:
                wins.append(mine.create_resource(restApiId=api, parentId=root, pathPart="once")["id"])
            except mine.exceptions.ConflictException:
                pass

        return run

    wins = []
    together(*[create(wins) for _ in range(6)])
    same((len(wins), paths(api).count("/once")), (1, 1))
    aws.delete_rest_api(restApiId=api)


def test_what_is_deployed_is_served():
    api, root = an_api("served")
    pets = add(api, root, "pets")
    pet = add(api, pets, "{id}")
    template = '{"statusCode": 200}'
    for resource in (pets, pet):
        place = {"restApiId": api, "resourceId": resource, "httpMethod": "GET"}
        aws.put_method(**place, authorizationType="NONE")
        aws.put_integration(**place, type="MOCK", requestTemplates={"application/json": template})
        aws.put_method_response(**place, statusCode="200")
        text = '{"path": "$context.resourcePath", "id": "$input.params(\'id\')"}'
        aws.put_integration_response(**place, statusCode="200", responseTemplates={"application/json": text})
    aws.create_deployment(restApiId=api, stageName="dev")
    same(call(api, "/dev/pets/7").json(), {"path": "/pets/{id}", "id": "7"})
    update(api, pets, ("replace", "/pathPart", "cats"))
    same(call(api, "/dev/pets/7").status, 200)
    aws.create_deployment(restApiId=api, stageName="dev")
    same(call(api, "/dev/cats/7").json(), {"path": "/cats/{id}", "id": "7"})
    same(call(api, "/dev/pets/7").status, 403)
    aws.delete_resource(restApiId=api, resourceId=pet)
    same(call(api, "/dev/cats/7").status, 200)
    aws.create_deployment(restApiId=api, stageName="dev")
    same((call(api, "/dev/cats/7").status, call(api, "/dev/cats").status), (403, 200))
    aws.delete_rest_api(restApiId=api)
    same(call(api, "/dev/cats").status, 403)


def test_every_operation_was_called():
    names = {"CreateResource", "DeleteResource", "GetResource", "GetResources", "UpdateResource"}
    assert names <= CHECKED, names - CHECKED
