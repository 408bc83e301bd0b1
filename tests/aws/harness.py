"""What the scripts beside this one are made of: a client of the control plane, a client of the gateway, a backend.

The tests start a gateway and run `python3 harness.py SCRIPT` with these variables:
  RINGWAY_CONTROL_PLANE  http://127.0.0.1:PORT of the AWS control plane
  RINGWAY_GATEWAY        http://127.0.0.1:PORT of the gateway
  RINGWAY_BINARY         the program itself
"""

import http.client
import http.server
import importlib.util
import json
import os
import subprocess
import sys
import threading
import time
import traceback
import urllib.parse

import boto3
import botocore
import botocore.config
import botocore.exceptions

REGION = "us-east-1"
ACCOUNT = "000000000000"
# Those of the tests: `credentials` of the gateways that ask for some.
KEY_ID = "AKIDRINGWAYTESTS0001"
SECRET = "a/secret+of=the.tests"


def client(**overrides):
    """A client of the control plane. It never repeats a request by itself, so that each answer is seen."""
    config = botocore.config.Config(retries={"total_max_attempts": 1}, **overrides.pop("config", {}))
    arguments = {
        "endpoint_url": os.environ["RINGWAY_CONTROL_PLANE"],
        "region_name": REGION,
        "aws_access_key_id": KEY_ID,
        "aws_secret_access_key": SECRET,
        "config": config,
    }
    return boto3.client("apigateway", **{**arguments, **overrides})


def refused(callable, code, message=None, status=None):
    """Calls what has to be refused with the exception `code`, and with this message; returns the answer."""
    try:
        answer = callable()
    except botocore.exceptions.ClientError as error:
        said = error.response["Error"]
        assert said["Code"] == code, f"{said['Code']}: {said['Message']}, expected {code}"
        if message is not None:
            assert said["Message"] == message, f"\n  said     {said['Message']}\n  expected {message}"
        if status is not None:
            assert error.response["ResponseMetadata"]["HTTPStatusCode"] == status, error.response
        return error.response
    raise AssertionError(f"not refused: {answer}")


def status(answer):
    """HTTP status of an answer of the control plane."""
    return answer["ResponseMetadata"]["HTTPStatusCode"]


def same(said, expected):
    """Both are equal; the difference is shown."""
    assert said == expected, f"\n  said     {said!r}\n  expected {expected!r}"


class Answer:
    """An answer of the gateway."""

    def __init__(self, response):
        self.status = response.status
        self.headers = response.headers
        self.body = response.read()

    @property
    def text(self):
        return self.body.decode()

    def json(self):
        return json.loads(self.body)


def request(url, method="GET", headers=None, body=None):
    """Any HTTP request."""
    parts = urllib.parse.urlsplit(url)
    connection = http.client.HTTPConnection(parts.netloc, timeout=30)
    target = parts.path + (f"?{parts.query}" if parts.query else "")
    try:
        connection.request(method, target or "/", body=body, headers=headers or {})
        return Answer(connection.getresponse())
    finally:
        connection.close()


def call(api, target, method="GET", headers=None, body=None):
    """A request to an API, by the name that AWS would give it; `target` begins with the stage: `/dev/pets`."""
    host = {"Host": f"{api}.execute-api.{REGION}.amazonaws.com"}
    return request(os.environ["RINGWAY_GATEWAY"] + target, method, {**host, **(headers or {})}, body)


class Backend:
    """Answers every request with what it was, as JSON."""

    def __init__(self):
        seen = self.requests = []

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def answer(self):
                length = int(self.headers.get("Content-Length") or 0)
                body = self.rfile.read(length).decode()
                headers = {name.lower(): value for name, value in self.headers.items()}
                saw = {"method": self.command, "target": self.path, "headers": headers, "body": body}
                seen.append(saw)
                text = json.dumps(saw).encode()
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(text)

            do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = do_OPTIONS = answer

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


def ringway(*arguments):
    """Runs a command of the program; what it says."""
    command = [os.environ["RINGWAY_BINARY"], *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def trace(error):
    """Where an error is in the scripts, and what it says: the SDK has twenty frames for each request."""
    here = os.path.dirname(os.path.abspath(__file__))
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename.startswith(here)]
    return "".join(traceback.format_list(frames[1:]) + traceback.format_exception_only(type(error), error))


def main(path):
    """Runs the functions test_* of a script, in their order, and says how it went."""
    sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
    # The scripts import this very module.
    sys.modules["harness"] = sys.modules["__main__"]
    spec = importlib.util.spec_from_file_location(os.path.splitext(os.path.basename(path))[0], path)
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    wanted = sys.argv[2:]
    passed, failed = 0, 0
    for name, function in vars(script).items():
        if not name.startswith("test_") or not callable(function) or (wanted and name not in wanted):
            continue
        start = time.monotonic()
        try:
            function()
            passed += 1
            print(f"{name} ... ok ({(time.monotonic() - start) * 1000:.0f} ms)", flush=True)
        except BaseException:  # noqa: B902, whatever it is, the next ones are run
            failed += 1
            print(f"{name} ... FAILED", flush=True)
            print(trace(sys.exc_info()[1]), flush=True)
    print(f"{passed} passed, {failed} failed")
    return 0 if passed and not failed else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
