"""airspeed's arm of `cargo xtask bench vtl`: for each line `render N` or `parse N` does so N times and answers the nanoseconds of one, in
processor time of this thread. Arguments: the template, the body, the expected output.
"""

import functools
import json
import re
import sys
import time

import airspeed

template, body, expected = (open(name, encoding="utf-8", newline="").read() for name in sys.argv[1:4])
compiled = airspeed.Template(template)
compiled.ensure_compiled()

ESCAPES = str.maketrans(
    {'"': '\\"', "'": "\\'", "\\": "\\\\", "/": "\\/", "\n": "\\n", "\r": "\\r", "\t": "\\t", "\b": "\\b", "\f": "\\f"}
)


@functools.cache
def steps(path):
    """The names and indices of a path such as `$.lines[0].sku`: all of JSONPath that the template needs."""
    return [name or int(index) for name, index in re.findall(r"\.(\w+)|\[(\d+)\]", path)]


class Input:
    """$input of one request."""

    document = None

    def path(self, path):
        if self.document is None:
            self.document = json.loads(body)
        value = self.document
        for step in steps(path):
            value = value[step]
        return value

    def json(self, path):
        return json.dumps(self.path(path), separators=(",", ":"), ensure_ascii=False)

    def params(self, name):
        return {"channel": "web"}.get(name, "")


class Util:
    def escapeJavaScript(self, text):
        return text.translate(ESCAPES)


util = Util()
context = {"requestId": "r-1", "stage": "prod", "identity": {"sourceIp": "192.0.2.7"}}
stage_variables = {"table": "orders"}


def render():
    names = {"input": Input(), "util": util, "context": context, "stageVariables": stage_variables}
    out = compiled.merge(names)
    if out != expected:
        raise SystemExit("another output:\n" + out)


def parse():
    json.loads(body)


def measure(task, calls):
    call = {"render": render, "parse": parse}[task]
    started = time.thread_time_ns()
    for _ in range(calls):
        call()
    return (time.thread_time_ns() - started) / calls


for line in sys.stdin:
    task, calls = line.split()
    print(measure(task, int(calls)), flush=True)
