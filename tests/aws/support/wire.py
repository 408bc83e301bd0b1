"""What goes over the wire: that the SDK loses nothing of it, and requests that no SDK would send."""

import contextlib
import functools
import json
import os
import threading

import harness
from harness import request, same

# Names of the operations whose answers were compared.
CHECKED = set()
OPS = "[add, remove, move, test, replace, copy]"


def client(**overrides):
    """As `harness.client`, and every answer is compared with what the SDK made of it."""
    aws = harness.client(**overrides)
    service = aws.meta.service_model
    for name in service.operation_names:
        check = functools.partial(check_answer, service.operation_model(name))
        aws.meta.events.register(f"response-received.apigateway.{name}", check)
    return aws


def check_answer(operation, response_dict, parsed_response, **_):
    """The status is that of the service's model, and nothing of the body is lost."""
    if parsed_response is None or response_dict["status_code"] >= 300:
        return
    name, body, shape = operation.name, response_dict["body"], operation.output_shape
    same((name, response_dict["status_code"]), (name, operation.http.get("responseCode", 200)))
    if shape is None:
        same((name, body), (name, b""))
    elif "payload" not in shape.serialization:
        same_members(shape, json.loads(body), parsed_response, name)
    CHECKED.add(name)


def same_members(shape, sent, parsed, place):
    """`parsed` has every member of `sent`: none is unknown to the service's model, none is of another type."""
    if sent is None:
        assert parsed is None, f"{place}: {parsed!r}"
    elif shape.type_name == "structure":
        names = {member.serialization.get("name", name): (name, member) for name, member in shape.members.items()}
        assert set(sent) <= set(names), f"{place} has members that the model does not: {set(sent) - set(names)}"
        for name, value in sent.items():
            known, member = names[name]
            assert value is None or known in parsed, f"{place}.{known} is lost"
            same_members(member, value, parsed.get(known), f"{place}.{known}")
    elif shape.type_name == "map":
        same((place, set(sent)), (place, set(parsed)))
        for name, value in sent.items():
            same_members(shape.value, value, parsed[name], f"{place}.{name}")
    elif shape.type_name == "list":
        same((place, len(sent)), (place, len(parsed)))
        for index, value in enumerate(sent):
            same_members(shape.member, value, parsed[index], f"{place}.{index}")
    elif shape.type_name == "timestamp":
        assert isinstance(sent, (int, float)) and not isinstance(sent, bool), f"{place}: {sent!r}"
        same((place, parsed.timestamp()), (place, sent))
    else:
        types = {"string": str, "boolean": bool, "integer": int, "long": int, "double": (int, float), "float": (int, float)}
        # To Python a bool is an int.
        is_it = isinstance(sent, types[shape.type_name]) and isinstance(sent, bool) == (shape.type_name == "boolean")
        assert is_it, f"{place}: {sent!r} is no {shape.type_name}"
        same((place, parsed), (place, sent))
        options = getattr(shape, "enum", [])
        assert not options or sent in options, f"{place}: {sent} is none of {options}"


def raw(method, path, body=None, headers=None):
    """A request to the control plane, as it stands; `body` is JSON unless it is bytes."""
    content = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
    headers = {"Content-Type": "application/json", **(headers or {})}
    return request(os.environ["RINGWAY_CONTROL_PLANE"] + path, method, headers, content)


def refused_raw(answer, code, message=None, status=400):
    """The answer is this exception."""
    assert answer.status == status and answer.headers["x-amzn-errortype"] == code, (answer.status, answer.text)
    if message is not None:
        same(answer.json()["message"], message)


@contextlib.contextmanager
def unchanged(show):
    """What `show` answers is the same afterwards."""
    before = bare(show())
    yield
    same(bare(show()), before)


def bare(answer, *names):
    """An answer without what is different every time, and without these members."""
    return {name: value for name, value in answer.items() if name not in ("ResponseMetadata", *names)}


def hostile(method, path, show, wrong_type):
    """Bodies that are none: all are refused in words of the service, and nothing changes. `wrong_type` has a member of a wrong type."""
    with unchanged(show):
        for body in (b"{", b"\xff\xfe", b"nothing", b"[]", b'"text"', b"1", b"[" * 100_000, b'{"a":' * 5_000):
            refused_raw(raw(method, path, body), "SerializationException")
        refused_raw(raw(method, path, {"unknownMember": "x"}), "SerializationException")
        refused_raw(raw(method, path, wrong_type), "SerializationException")
        large = raw(method, path, b'{"x":"' + b"x" * (7 * 1024 * 1024) + b'"}')
        refused_raw(large, "RequestEntityTooLargeException", status=413)


def together(*functions):
    """Runs them at the same time; fails where one of them does."""
    failures = []
    barrier = threading.Barrier(len(functions))

    def run(function):
        barrier.wait()
        try:
            function()
        except BaseException as error:  # noqa: B902
            failures.append(error)

    threads = [threading.Thread(target=run, args=(function,)) for function in functions]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures, failures


def patches(*operations):
    """Patch operations of `(op, path)`, `(op, path, value)` or `(op, path, None, from)`."""
    names = ("op", "path", "value", "from")
    return [{name: value for name, value in zip(names, each) if value is not None} for each in operations]


def violation(value, member, constraint):
    """The message of a single violation of the service's model."""
    return f"1 validation error detected: Value '{value}' at '{member}' failed to satisfy constraint: {constraint}"


def enum(value, member, values):
    """As `violation`, of a value that is none of `values`."""
    return violation(value, member, f"Member must satisfy enum value set: {values}")


def no_api(api):
    """What is said where there is no API."""
    return f"Invalid API identifier specified {harness.ACCOUNT}:{api}"
