"""The account, client certificates, VPC links, and tags of everything (tables.md §7, §8.4, §15)."""

import re
import ssl
import tempfile

from harness import ACCOUNT, REGION, refused, same, status
from support.shape import arn, listed, missing, mock_api, patch, refusal, wrong_type
from support.wire import bare, client

aws = client()
BAD, MISSING = "BadRequestException", "NotFoundException"
BALANCER = f"arn:aws:elasticloadbalancing:{REGION}:123456789012:loadbalancer/net/l/50dc6c495c0c9188"


def clear():
    for certificate in aws.get_client_certificates(limit=500)["items"]:
        aws.delete_client_certificate(clientCertificateId=certificate["clientCertificateId"])
    for api in aws.get_rest_apis(limit=500)["items"]:
        aws.delete_rest_api(restApiId=api["id"])
    for link in aws.get_vpc_links(limit=500)["items"]:
        aws.delete_vpc_link(vpcLinkId=link["id"])


def test_the_account_is_as_aws_opens_it():
    account = aws.get_account()
    same(status(account), 200)
    opened = {"throttleSettings": {"burstLimit": 5000, "rateLimit": 10000.0}, "features": ["UsagePlans"], "apiKeyVersion": "4"}
    same(bare(account), opened)


def test_the_account_is_changed():
    change = lambda *operations: aws.update_account(patchOperations=[o for one in operations for o in one])
    before = bare(aws.get_account())
    role = "arn:aws:iam::123456789012:role/logs"
    changed = change(patch("replace", "/cloudwatchRoleArn", role))
    same((status(changed), bare(changed)), (200, {**before, "cloudwatchRoleArn": role}))
    same(bare(aws.get_account()), bare(changed))
    # As Terraform takes it away.
    same(bare(change(patch("replace", "/cloudwatchRoleArn", ""))), before)
    same(bare(change(patch("add", "/features", "UsagePlans"))), before)
    for operations in (patch("remove", "/features", "UsagePlans"), patch("replace", "/throttleSettings/rateLimit", "1"),
                       patch("replace", "/cloudwatchRoleArn", "role"), patch("add", "/cloudwatchRoleArn", role),
                       patch("replace", "/apiKeyVersion", "5")):
        refused(lambda: change(operations), BAD, status=400)
    refused(lambda: change(patch("put", "/cloudwatchRoleArn", role)), "ValidationException", status=400)
    same(refusal("PATCH", "/account", {"patchOperations": "x"}), wrong_type("List"))
    same(bare(aws.get_account()), before)


def test_a_certificate_is_made_shown_changed_and_deleted():
    made = aws.generate_client_certificate(description="d", tags={"a": "b"})
    same(status(made), 201)
    assert re.fullmatch("[a-z0-9]{6}", made["clientCertificateId"]), made
    same((made["description"], made["tags"]), ("d", {"a": "b"}))
    same((made["expirationDate"] - made["createdDate"]).days, 365)
    with tempfile.NamedTemporaryFile("w", suffix=".pem") as file:
        file.write(made["pemEncodedCertificate"])
        file.flush()
        # Any TLS library reads it, and nobody is told its key.
        ssl.create_default_context().load_verify_locations(file.name)
    assert "PRIVATE" not in made["pemEncodedCertificate"]
    named = {"clientCertificateId": made["clientCertificateId"]}
    shown = aws.get_client_certificate(**named)
    same((status(shown), bare(shown)), (200, bare(made)))
    [item] = aws.get_client_certificates()["items"]
    same(bare(item, "tags"), bare(made, "tags"))
    changed = aws.update_client_certificate(**named, patchOperations=patch("replace", "/description", "e"))
    same((status(changed), changed["description"]), (200, "e"))
    same(changed["pemEncodedCertificate"], made["pemEncodedCertificate"])
    for operations in (patch("replace", "/pemEncodedCertificate", "x"), patch("add", "/description", "x")):
        refused(lambda: aws.update_client_certificate(**named, patchOperations=operations), BAD, status=400)
    same(status(aws.delete_client_certificate(**named)), 202)
    gone = "Invalid Client Certificate identifier specified"
    for action in (aws.get_client_certificate, aws.delete_client_certificate, aws.update_client_certificate):
        refused(lambda: action(**named), MISSING, gone, 404)
    same(refusal("POST", "/clientcertificates", {"description": 1})[:2], (400, "SerializationException"))
    same(refusal("POST", "/clientcertificates", {"name": "n"})[:2], (400, "SerializationException"))


def test_a_stage_holds_its_certificate():
    api, _ = mock_api(aws)
    certificate = aws.generate_client_certificate()["clientCertificateId"]
    set_it = lambda value: aws.update_stage(
        restApiId=api, stageName="dev", patchOperations=patch("replace", "/clientCertificateId", value))
    same(set_it(certificate)["clientCertificateId"], certificate)
    refused(lambda: aws.delete_client_certificate(clientCertificateId=certificate), BAD, status=400)
    refused(lambda: set_it("none"), BAD, status=400)
    assert "clientCertificateId" not in set_it("")
    same(status(aws.delete_client_certificate(clientCertificateId=certificate)), 202)
    clear()


def test_a_link_is_created_shown_changed_and_deleted():
    created = aws.create_vpc_link(name="l", description="d", targetArns=[BALANCER], tags={"a": "b"})
    same((status(created), created["status"]), (202, "PENDING"))
    assert "statusMessage" not in created, created
    named = {"vpcLinkId": created["id"]}
    shown = aws.get_vpc_link(**named)
    expected = {"id": created["id"], "name": "l", "description": "d", "targetArns": [BALANCER], "status": "AVAILABLE",
                "statusMessage": "Your vpc link is ready for use", "tags": {"a": "b"}}
    same((status(shown), bare(shown)), (200, expected))
    same([item["id"] for item in aws.get_vpc_links()["items"]], [created["id"]])
    change = lambda *operations: aws.update_vpc_link(**named, patchOperations=[o for one in operations for o in one])
    changed = change(patch("replace", "/name", "m"), patch("replace", "/description", "e"))
    same((status(changed), changed["name"], changed["description"]), (200, "m", "e"))
    for operations in (patch("replace", "/name", ""), patch("replace", "/targetArns", BALANCER), patch("add", "/name", "x")):
        refused(lambda: change(operations), BAD, status=400)
    same(status(aws.delete_vpc_link(**named)), 202)
    gone = "Invalid Vpc Link identifier specified"
    for action in (aws.get_vpc_link, aws.delete_vpc_link, aws.update_vpc_link):
        refused(lambda: action(**named), MISSING, gone, 404)


def test_what_is_no_link():
    refused(lambda: aws.create_vpc_link(name="", targetArns=[BALANCER]), BAD, "Name cannot be empty", 400)
    for targets in ([], [BALANCER, BALANCER], ["balancer"]):
        refused(lambda: aws.create_vpc_link(name="l", targetArns=targets), BAD, status=400)
    same(refusal("POST", "/vpclinks", {"targetArns": [BALANCER]}),
         (400, "ValidationException", missing("createVpcLinkInput.name")))
    same(refusal("POST", "/vpclinks", {"name": "l", "targetArns": BALANCER}), wrong_type("List"))
    same(aws.get_vpc_links()["items"], [])


def test_an_integration_holds_its_link():
    api, root = mock_api(aws)
    link = aws.create_vpc_link(name="l", targetArns=[BALANCER])["id"]
    method = {"restApiId": api, "resourceId": root, "httpMethod": "GET"}
    aws.put_integration(**method, type="HTTP_PROXY", integrationHttpMethod="GET", uri="http://127.0.0.1:1/",
                        connectionType="VPC_LINK", connectionId=link)
    # There is no VPC here, so what goes through a link is not served.
    answer = refused(lambda: aws.create_deployment(restApiId=api, stageName="dev"), BAD, status=400)
    assert "GET /: `VPC_LINK`" in answer["Error"]["Message"], answer
    place = f"GET:{root}:dev"
    used = (f"Cannot delete vpc link. Vpc link '{link}', is referenced in [{place}] in format of [Method:Resource:Stage].")
    refused(lambda: aws.delete_vpc_link(vpcLinkId=link), BAD, used, 400)
    clear()


def test_pages_hold_all():
    certificates = [aws.generate_client_certificate()["clientCertificateId"] for _ in range(3)]
    found = listed(aws, "get_client_certificates")
    same(sorted(item["clientCertificateId"] for item in found), sorted(certificates))
    links = [aws.create_vpc_link(name="l", targetArns=[BALANCER])["id"] for _ in range(3)]
    same(sorted(item["id"] for item in listed(aws, "get_vpc_links")), sorted(links))
    clear()


def test_everything_with_an_arn_has_tags():
    api, _ = mock_api(aws)
    certificate = aws.generate_client_certificate()["clientCertificateId"]
    link = aws.create_vpc_link(name="l", targetArns=[BALANCER])["id"]
    for path in (f"restapis/{api}", f"restapis/{api}/stages/dev", f"clientcertificates/{certificate}", f"vpclinks/{link}"):
        same(aws.get_tags(resourceArn=arn(path))["tags"], {})
        same(status(aws.tag_resource(resourceArn=arn(path), tags={"a": "1", "b c": "2 ü"})), 204)
        same(status(aws.tag_resource(resourceArn=arn(path), tags={"a": "3"})), 204)
        shown = aws.get_tags(resourceArn=arn(path))
        same((status(shown), shown["tags"]), (200, {"a": "3", "b c": "2 ü"}))
        same(status(aws.untag_resource(resourceArn=arn(path), tagKeys=["a", "none"])), 204)
        same(aws.get_tags(resourceArn=arn(path))["tags"], {"b c": "2 ü"})
    same(aws.get_stage(restApiId=api, stageName="dev")["tags"], {"b c": "2 ü"})
    same(aws.get_rest_api(restApiId=api)["tags"], {"b c": "2 ü"})
    clear()


def test_what_has_no_tags():
    api, _ = mock_api(aws)
    deployment = aws.get_stage(restApiId=api, stageName="dev")["deploymentId"]
    refused(lambda: aws.get_tags(resourceArn=arn("restapis/none")), MISSING,
            f"Invalid API identifier specified {ACCOUNT}:none", 404)
    for path in (f"restapis/{api}/stages/none", "apikeys/none", "usageplans/none", "vpclinks/none", "x"):
        refused(lambda: aws.tag_resource(resourceArn=arn(path), tags={"a": "1"}), MISSING, status=404)
    for other in ("x", "arn:aws:s3:::b", "arn:aws:apigateway:eu-west-1::/restapis/x"):
        refused(lambda: aws.get_tags(resourceArn=other), BAD, "Invalid ARN specified in the request", 400)
    named = arn(f"restapis/{api}")
    for tags in ({f"k{index}": "v" for index in range(51)}, {"aws:x": "1"}, {"k" * 129: "1"}, {"k": "v" * 257}):
        refused(lambda: aws.tag_resource(resourceArn=named, tags=tags), BAD, status=400)
        refused(lambda: aws.create_rest_api(name="n", tags=tags), BAD, status=400)
        stage = {"restApiId": api, "stageName": "other", "deploymentId": deployment}
        refused(lambda: aws.create_stage(**stage, tags=tags), BAD, status=400)
    same(refusal("PUT", f"/tags/{named}", {"tags": []})[:2], (400, "SerializationException"))
    same(refusal("PUT", f"/tags/{named}", {}), (400, "ValidationException", missing("tagResourceInput.tags")))
    same(refusal("DELETE", f"/tags/{named}")[:2], (400, "ValidationException"))
    same(aws.get_tags(resourceArn=named)["tags"], {})
    clear()
