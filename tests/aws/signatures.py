"""Who may call. Run with credentials: the tests of the other scripts do without."""

import datetime
import json
import os

import botocore.auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from harness import KEY_ID, REGION, SECRET, client, refused, request, same

URL = os.environ["RINGWAY_CONTROL_PLANE"]
INVALID = "The security token included in the request is invalid."


def signed(url, method="GET", body=b"", headers=None, later=0, service="apigateway", region=REGION):
    """A request signed by botocore, `later` seconds from now."""
    real = botocore.auth.get_current_datetime
    botocore.auth.get_current_datetime = lambda *a, **k: real(*a, **k) + datetime.timedelta(seconds=later)
    try:
        unsent = AWSRequest(method=method, url=url, data=body, headers=headers or {})
        botocore.auth.SigV4Auth(Credentials(KEY_ID, SECRET), service, region).add_auth(unsent)
    finally:
        botocore.auth.get_current_datetime = real
    return dict(unsent.headers)


def error(answer):
    return answer.status, answer.headers["x-amzn-errortype"], answer.json()["message"]


def test_who_has_the_secret_may_call():
    aws = client()
    api = aws.create_rest_api(name="a name, with a comma & ümläuts")
    same(aws.get_rest_api(restApiId=api["id"])["name"], "a name, with a comma & ümläuts")
    # Characters that are coded in a query, and twice in the path that is signed.
    refused(lambda: aws.get_rest_apis(position="a/b c+d=é"), "BadRequestException", "Invalid position specified")
    for name in ["a b", "é", "a+b", "a%2Fb", "a=b&c", "~._-", "(a)*'!"]:
        refused(lambda: aws.get_rest_api(restApiId=name), "NotFoundException")
    aws.delete_rest_api(restApiId=api["id"])


def test_who_has_not_may_not():
    mismatch = "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and " \
        "signing method. Consult the service documentation for details."
    wrong = client(aws_secret_access_key="another")
    refused(wrong.get_rest_apis, "InvalidSignatureException", mismatch, 403)
    unknown = client(aws_access_key_id="AKIDNOBODY")
    refused(unknown.get_rest_apis, "UnrecognizedClientException", INVALID, 403)
    session = client(aws_session_token="a token")
    refused(session.get_rest_apis, "UnrecognizedClientException", INVALID, 403)
    elsewhere = client(region_name="eu-west-1")
    refused(elsewhere.get_rest_apis, "InvalidSignatureException", "Credential should be scoped to a valid region, not 'eu-west-1'.")


def test_without_a_signature_there_is_no_answer():
    for headers in [{}, {"Authorization": "Bearer x"}]:
        said = error(request(URL + "/restapis", headers=headers))
        same(said, (403, "MissingAuthenticationTokenException", "Missing Authentication Token"))


def test_old_and_future_signatures_are_refused():
    for later, words in [(-16 * 60, "Signature expired: "), (16 * 60, "Signature not yet current: ")]:
        code, kind, message = error(request(URL + "/restapis", headers=signed(URL + "/restapis", later=later)))
        same((code, kind), (403, "InvalidSignatureException"))
        assert message.startswith(words) and message.endswith("15 min.)"), message
    same(request(URL + "/restapis", headers=signed(URL + "/restapis", later=-14 * 60)).status, 200)


def test_a_signature_is_for_one_request():
    url = URL + "/restapis"
    body = json.dumps({"name": "signed"}).encode()
    headers = signed(url, "POST", body)
    other = request(url, "POST", headers, json.dumps({"name": "forged"}).encode())
    same(error(other)[:2], (403, "InvalidSignatureException"))
    same(error(request(url + "?limit=1", "POST", headers, body))[:2], (403, "InvalidSignatureException"))
    same(request(url, "POST", headers, body).status, 201)
    same([api["name"] for api in client().get_rest_apis()["items"]], ["signed"])


def test_other_services_are_not_here():
    said = error(request(URL + "/restapis", headers=signed(URL + "/restapis", service="execute-api")))
    same(said, (403, "InvalidSignatureException", "Credential should be scoped to correct service: 'apigateway'."))


def test_what_the_signature_is_over_may_be_sorted_in_any_way():
    for target in ["/restapis?limit=2&limit=1", "/restapis?b&a=&a=1", "/restapis//", "/./restapis"]:
        answer = request(URL + target, headers=signed(URL + target))
        assert answer.status != 403, (target, answer.text)
