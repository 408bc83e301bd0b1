"""Every operation of the service, as botocore has it, is one of the control plane's, with the same shape on the wire."""

import botocore.session

from harness import ringway, same

import json

ours = {operation["name"]: operation for operation in json.loads(ringway("aws-operations"))}
model = botocore.session.get_session().get_service_model("apigateway")


def test_every_operation_is_there():
    same(sorted(ours), sorted(model.operation_names))


def test_every_operation_has_its_shape():
    differences = []
    for name in model.operation_names:
        shape = model.operation_model(name)
        members = shape.input_shape.members if shape.input_shape else {}
        place = lambda member: member.serialization.get("location")
        wire = lambda key, member: member.serialization.get("name", key)
        payload = shape.input_shape.serialization.get("payload") if shape.input_shape else None
        expected = {
            "name": name,
            "method": shape.http["method"],
            "uri": shape.http["requestUri"],
            "status": shape.http.get("responseCode", 200),
            "query": sorted(wire(k, m) for k, m in members.items() if place(m) == "querystring"),
            "body": "document" if payload else sorted(wire(k, m) for k, m in members.items() if not place(m)),
        }
        said = {key: ours.get(name, {}).get(key) for key in expected}
        for key in ("query", "body"):
            if isinstance(said[key], list):
                said[key] = sorted(said[key])
        if said != expected:
            differences.append(f"{name}:\n  said     {said}\n  expected {expected}")
    assert not differences, "\n".join(differences)
