"""Domain names and their base path mappings, and that they serve (tables.md §7, §12.3)."""

import os
import re

from harness import REGION, call, refused, request, same, status
from support.shape import arn, listed, missing, mock_api, patch, refusal
from support.wire import bare, client

aws = client()
CERTIFICATE = f"arn:aws:acm:{REGION}:123456789012:certificate/12345678-1234-1234-1234-123456789012"
BAD, CONFLICT, MISSING = "BadRequestException", "ConflictException", "NotFoundException"
NO_DOMAIN = "Invalid domain name identifier specified"
NO_MAPPING = "Invalid base path mapping identifier specified"


def clear():
    for domain in aws.get_domain_names(limit=500)["items"]:
        aws.delete_domain_name(domainName=domain["domainName"])
    for api in aws.get_rest_apis(limit=500)["items"]:
        aws.delete_rest_api(restApiId=api["id"])


def regional(name="api.example.com", **arguments):
    return aws.create_domain_name(domainName=name, regionalCertificateArn=CERTIFICATE,
                                  endpointConfiguration={"types": ["REGIONAL"]}, **arguments)


def change(name, *operations):
    operations = [operation for one in operations for operation in one]
    return aws.update_domain_name(domainName=name, patchOperations=operations)


def visit(host, path):
    """A request with this Host."""
    return request(os.environ["RINGWAY_GATEWAY"] + path, headers={"Host": host})


def test_a_regional_name_is_created_shown_and_deleted():
    created = regional(tags={"a": "b"}, securityPolicy="TLS_1_2")
    same(status(created), 201)
    same(created["domainName"], "api.example.com")
    assert re.fullmatch(f"d-[a-z0-9]{{10}}\\.execute-api\\.{REGION}\\.amazonaws\\.com", created["regionalDomainName"]), created
    same(created["regionalHostedZoneId"], "Z1UJRXOUMOOFQ8")
    same(created["regionalCertificateArn"], CERTIFICATE)
    same(created["endpointConfiguration"], {"types": ["REGIONAL"], "ipAddressType": "ipv4"})
    same((created["domainNameStatus"], created["securityPolicy"]), ("AVAILABLE", "TLS_1_2"))
    assert "distributionDomainName" not in created and "certificateUploadDate" not in created, created

    shown = aws.get_domain_name(domainName="api.example.com")
    same((status(shown), bare(shown)), (200, bare(created)))
    same([item["domainName"] for item in aws.get_domain_names()["items"]], ["api.example.com"])
    same(aws.get_domain_names(resourceOwner="OTHER_ACCOUNTS")["items"], [])

    exists = "The domain name you provided already exists."
    refused(regional, BAD, exists, 400)
    same(status(aws.delete_domain_name(domainName="api.example.com")), 202)
    for action in (aws.get_domain_name, aws.delete_domain_name):
        refused(lambda: action(domainName="api.example.com"), MISSING, NO_DOMAIN, 404)
    refused(lambda: change("api.example.com"), MISSING, NO_DOMAIN, 404)


def test_an_edge_name_has_a_distribution():
    created = aws.create_domain_name(domainName="edge.example.com", certificateArn=CERTIFICATE, certificateName="c")
    same(created["endpointConfiguration"]["types"], ["EDGE"])
    assert re.fullmatch("d[a-z0-9]+\\.cloudfront\\.net", created["distributionDomainName"]), created
    same(created["distributionHostedZoneId"], "Z2FDTNDATAQYW2")
    same((created["certificateArn"], created["certificateName"]), (CERTIFICATE, "c"))
    assert "certificateUploadDate" in created and "regionalDomainName" not in created, created
    clear()


def test_a_name_moves_from_one_type_to_the_other():
    """As the guide has it: the second type is added, and then the first one removed."""
    edge = aws.create_domain_name(domainName="edge.example.com", certificateArn=CERTIFICATE)
    both = change("edge.example.com", patch("add", "/endpointConfiguration/types", "REGIONAL"),
                  patch("add", "/regionalCertificateArn", CERTIFICATE))
    same(sorted(both["endpointConfiguration"]["types"]), ["EDGE", "REGIONAL"])
    same(both["distributionDomainName"], edge["distributionDomainName"])
    moved = change("edge.example.com", patch("remove", "/endpointConfiguration/types", "EDGE"),
                   patch("remove", "/certificateArn"))
    same(moved["endpointConfiguration"]["types"], ["REGIONAL"])
    same(moved["regionalDomainName"], both["regionalDomainName"])
    assert "distributionDomainName" not in moved, moved
    clear()


def test_a_name_is_changed():
    regional()
    other = CERTIFICATE[:-1] + "9"
    changed = change("api.example.com", patch("replace", "/regionalCertificateArn", other),
                     patch("replace", "/securityPolicy", "TLS_1_0"), patch("replace", "/regionalCertificateName", "n"))
    same(status(changed), 200)
    same((changed["regionalCertificateArn"], changed["regionalCertificateName"]), (other, "n"))
    same(changed["securityPolicy"], "TLS_1_0")
    for operations in (patch("replace", "/domainName", "x.example.com"), patch("add", "/securityPolicy", "TLS_1_2"),
                       patch("replace", "/securityPolicy", "SSL"), patch("replace", "/regionalCertificateArn", "x"),
                       patch("replace", "/endpointConfiguration/types/REGIONAL", "MOON")):
        refused(lambda: change("api.example.com", operations), BAD, status=400)
    same(aws.get_domain_name(domainName="api.example.com")["securityPolicy"], "TLS_1_0")
    clear()


def test_what_is_no_domain_name():
    both = {"regionalCertificateArn": CERTIFICATE, "endpointConfiguration": {"types": ["REGIONAL"]}}
    for arguments in (
        {"domainName": "a b", **both},
        {"domainName": "", **both},
        {"domainName": "a.example.com"},
        {"domainName": "a.example.com", "endpointConfiguration": {"types": ["REGIONAL"]}},
        {"domainName": "a.example.com", **both, "regionalCertificateArn": "arn:aws:acm:eu-west-1:1:certificate/c"},
        {"domainName": "a.example.com", **both, "regionalCertificateArn": "certificate"},
        {"domainName": "a.example.com", **both, "mutualTlsAuthentication": {"truststoreUri": "s3://b/k"}},
        {"domainName": "a.example.com", **both, "routingMode": "ROUTING_RULE_ONLY"},
        {"domainName": "a.example.com", "endpointConfiguration": {"types": ["PRIVATE"]}, "certificateArn": CERTIFICATE},
    ):
        refused(lambda: aws.create_domain_name(**arguments), BAD, status=400)
    for arguments in ({"securityPolicy": "SSL"}, {"endpointConfiguration": {"types": ["MOON"]}}):
        refused(lambda: aws.create_domain_name(**{"domainName": "a.example.com", **both, **arguments}),
                "ValidationException", status=400)
    same(refusal("POST", "/domainnames", {}), (400, "ValidationException", missing("createDomainNameInput.domainName")))
    same(refusal("POST", "/domainnames", {"domainName": ["a"]})[:2], (400, "SerializationException"))
    same(refusal("POST", "/domainnames", {"domainName": "a", "x": 1})[:2], (400, "SerializationException"))
    same(aws.get_domain_names()["items"], [])


def test_what_only_private_names_have_is_refused():
    source = {"accessAssociationSourceType": "VPCE", "accessAssociationSource": "vpce-1"}
    for action in (
        lambda: aws.create_domain_name_access_association(domainNameArn=arn("domainnames/a"), **source),
        lambda: aws.delete_domain_name_access_association(domainNameAccessAssociationArn="a"),
        lambda: aws.get_domain_name_access_associations(),
        lambda: aws.reject_domain_name_access_association(domainNameAccessAssociationArn="a", domainNameArn="b"),
    ):
        answer = refused(action, BAD, status=400)
        assert "is not supported here: PRIVATE domain names" in answer["Error"]["Message"], answer


def test_a_mapping_is_created_shown_changed_and_deleted():
    api, _ = mock_api(aws)
    regional()
    domain = {"domainName": "api.example.com"}
    created = aws.create_base_path_mapping(**domain, basePath="pets", restApiId=api, stage="dev")
    same((status(created), bare(created)), (201, {"basePath": "pets", "restApiId": api, "stage": "dev"}))
    shown = aws.get_base_path_mapping(**domain, basePath="pets")
    same((status(shown), bare(shown)), (200, bare(created)))
    # The root, in all of its ways.
    for arguments in ({}, {"basePath": ""}, {"basePath": "(none)"}):
        root = aws.create_base_path_mapping(**domain, restApiId=api, **arguments)
        same(bare(root), {"basePath": "(none)", "restApiId": api})
        same(aws.get_base_path_mapping(**domain, basePath="(none)")["restApiId"], api)
        aws.delete_base_path_mapping(**domain, basePath="(none)")

    update = lambda path, *operations: aws.update_base_path_mapping(
        **domain, basePath=path, patchOperations=[o for one in operations for o in one])
    other, _ = mock_api(aws, stage="prod")
    changed = update("pets", patch("replace", "/basePath", "cats"), patch("replace", "/restapiId", other),
                     patch("replace", "/stage", "prod"))
    same((status(changed), bare(changed)), (200, {"basePath": "cats", "restApiId": other, "stage": "prod"}))
    refused(lambda: aws.get_base_path_mapping(**domain, basePath="pets"), MISSING, NO_MAPPING, 404)
    same(update("cats", patch("replace", "/basePath", ""))["basePath"], "(none)")
    same(update("(none)", patch("replace", "/basePath", "cats"))["basePath"], "cats")
    assert "stage" not in update("cats", patch("replace", "/stage", ""))

    aws.create_base_path_mapping(**domain, basePath="dogs", restApiId=api, stage="dev")
    taken = "Base path already exists for this domain name"
    refused(lambda: aws.create_base_path_mapping(**domain, basePath="dogs", restApiId=api), CONFLICT, taken, 409)
    refused(lambda: update("cats", patch("replace", "/basePath", "dogs")), CONFLICT, taken, 409)
    for operations in (patch("replace", "/x", "y"), patch("add", "/stage", "dev"), patch("replace", "/stage", "none"),
                       patch("replace", "/restapiId", "none")):
        refused(lambda: update("dogs", operations), BAD, status=400)
    same(status(aws.delete_base_path_mapping(**domain, basePath="cats")), 202)
    refused(lambda: aws.delete_base_path_mapping(**domain, basePath="cats"), MISSING, NO_MAPPING, 404)
    refused(lambda: update("cats", patch("replace", "/stage", "dev")), MISSING, NO_MAPPING, 404)
    clear()


def test_what_is_no_mapping():
    api, _ = mock_api(aws)
    regional()
    create = lambda **more: aws.create_base_path_mapping(**{"domainName": "api.example.com", "restApiId": api, **more})
    for arguments, code, message in [
        ({"restApiId": "none"}, BAD, "Invalid REST API identifier specified"),
        ({"stage": "none"}, BAD, "Invalid stage identifier specified"),
        ({"domainName": "none.example.com"}, MISSING, NO_DOMAIN),
        ({"basePath": "a/b"}, BAD, None),
        ({"basePath": "a b"}, BAD, None),
        ({"basePath": "a" * 301}, BAD, None),
    ]:
        refused(lambda: create(**arguments), code, message, 404 if code == MISSING else 400)
    refused(lambda: aws.get_base_path_mappings(domainName="none.example.com"), MISSING, NO_DOMAIN, 404)
    path = "/domainnames/api.example.com/basepathmappings"
    same(refusal("POST", path, {}), (400, "ValidationException", missing("createBasePathMappingInput.restApiId")))
    same(refusal("POST", path, {"restApiId": 1})[:2], (400, "SerializationException"))
    same(refusal("POST", path, {"restapiId": api})[:2], (400, "SerializationException"))
    same(aws.get_base_path_mappings(domainName="api.example.com")["items"], [])
    clear()


def test_pages_hold_all():
    api, _ = mock_api(aws)
    for name in "abc":
        regional(f"{name}.example.com")
    same(sorted(item["domainName"][0] for item in listed(aws, "get_domain_names")), ["a", "b", "c"])
    for name in "xyz":
        aws.create_base_path_mapping(domainName="a.example.com", basePath=name, restApiId=api)
    found = listed(aws, "get_base_path_mappings", domainName="a.example.com")
    same(sorted(item["basePath"] for item in found), ["x", "y", "z"])
    clear()


def test_a_name_serves():
    one, _ = mock_api(aws, answer="one on $context.stage at $context.path")
    two, _ = mock_api(aws, answer="two on $context.stage at $context.path")
    aws.create_deployment(restApiId=two, stageName="prod")
    regional("shop.example.com")
    forbidden = visit("shop.example.com", "/")
    same((forbidden.status, forbidden.json()), (403, {"message": "Forbidden"}))
    domain = {"domainName": "shop.example.com"}
    aws.create_base_path_mapping(**domain, restApiId=one, stage="dev")
    aws.create_base_path_mapping(**domain, basePath="two", restApiId=two, stage="prod")
    # Without a stage, the caller names it.
    aws.create_base_path_mapping(**domain, basePath="any", restApiId=two)
    for path, body in [
        ("/", "one on dev at /"),
        ("/two", "two on prod at /two"),
        ("/two/", "two on prod at /two/"),
        ("/any/dev", "two on dev at /any/dev"),
        ("/any/prod/", "two on prod at /any/prod/"),
    ]:
        answer = visit("shop.example.com", path)
        same((path, answer.status, answer.text), (path, 200, body))
    # Whole segments, and the rest of the path is the API's.
    same(visit("shop.example.com", "/twofold").status, 403)
    same(visit("SHOP.example.com:443", "/two").text, "two on prod at /two")
    same(visit("other.example.com", "/").status, 403)

    aws.update_base_path_mapping(**domain, basePath="two", patchOperations=patch("replace", "/stage", "dev"))
    same(visit("shop.example.com", "/two").text, "two on dev at /two")
    aws.delete_base_path_mapping(**domain, basePath="(none)")
    same(visit("shop.example.com", "/").status, 403)
    aws.delete_domain_name(**domain)
    same(visit("shop.example.com", "/two").status, 403)
    same(call(two, "/dev").text, "two on dev at /dev")
    clear()


def test_a_wildcard_serves_what_has_no_name_of_its_own():
    one, _ = mock_api(aws, answer="one")
    two, _ = mock_api(aws, answer="two")
    regional("*.example.com")
    regional("own.example.com")
    aws.create_base_path_mapping(domainName="*.example.com", restApiId=one, stage="dev")
    aws.create_base_path_mapping(domainName="own.example.com", restApiId=two, stage="dev")
    same(visit("some.example.com", "/").text, "one")
    same(visit("own.example.com", "/").text, "two")
    same(aws.get_domain_name(domainName="*.example.com")["domainName"], "*.example.com")
    clear()


def test_what_is_mapped_is_not_deleted():
    api, _ = mock_api(aws)
    regional()
    aws.create_base_path_mapping(domainName="api.example.com", restApiId=api, stage="dev")
    refused(lambda: aws.delete_rest_api(restApiId=api), BAD, status=400)
    refused(lambda: aws.delete_stage(restApiId=api, stageName="dev"), BAD, status=400)
    # With the name, its mappings go.
    aws.delete_domain_name(domainName="api.example.com")
    same(status(aws.delete_rest_api(restApiId=api)), 202)


def test_a_name_has_tags():
    regional()
    name = arn("domainnames/api.example.com")
    same(status(aws.tag_resource(resourceArn=name, tags={"a": "1"})), 204)
    same(aws.get_domain_name(domainName="api.example.com")["tags"], {"a": "1"})
    same(status(aws.untag_resource(resourceArn=name, tagKeys=["a"])), 204)
    same(aws.get_tags(resourceArn=name)["tags"], {})
    clear()
