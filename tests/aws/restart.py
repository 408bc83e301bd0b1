"""What was answered before the gateway was killed is there afterwards."""

from harness import client, same

aws = client()


def test_before():
    # The last answer may be the last thing that the process did.
    for index in range(20):
        api = aws.create_rest_api(name=f"kept {index}", version=str(index))
        aws.create_resource(restApiId=api["id"], parentId=api["rootResourceId"], pathPart="pets")
    deleted = aws.create_rest_api(name="deleted")
    aws.delete_rest_api(restApiId=deleted["id"])


def test_after():
    apis = aws.get_rest_apis(limit=500)["items"]
    same(sorted(api["name"] for api in apis), sorted(f"kept {index}" for index in range(20)))
    for api in apis:
        paths = [resource["path"] for resource in aws.get_resources(restApiId=api["id"])["items"]]
        same(sorted(paths), ["/", "/pets"])
