"""Lets the official SDK ask a simulated organisation for everything of it that the SDK knows.

Usage: sdk.py URL FOLDER RECORDED VERSION, called by tests/okta/sdk; prints the outcome as Markdown.

The SDK checks every answer against its own models. Its calls are found by looking at it: each has a
path as the vendor's document writes it. A call that it refuses is made again against a server that gives
the vendor's recorded answers to the same path; the refusal counts where one of those is accepted.
"""

import asyncio
import inspect
import json
import logging
import pathlib
import re
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, unquote, urlsplit

from okta.client import Client

PLACEHOLDER = re.compile(r"\{(\w+)\}")
# Asked for each kind: so many instances, and so many lists.
GETS_MAX, LISTS_MAX = 3, 16


def pattern_of(path):
    """What requests of a path look like."""
    plain = re.escape(path).replace(r"\{", "{").replace(r"\}", "}")
    return re.compile("^" + PLACEHOLDER.sub(lambda name: f"(?P<{name.group(1)}>[^/]+)", plain) + "$")


class Call:
    """One call of the SDK: its path, and which argument goes where."""

    def __init__(self, name, source):
        self.name = name
        self.path = re.search(r'resource_path="([^"]+)"', source).group(1)
        self.in_path = dict(re.findall(r'_path_params\["(\w+)"\] = (\w+)', source))
        self.in_query = dict(re.findall(r'_query_params\.append\(\("(\w+)", (\w+)\)\)', source))
        self.pattern = pattern_of(self.path)

    def arguments(self, path, query):
        """The arguments that make this very request; `None` where it is another call's."""
        found = self.pattern.match(path)
        if not found:
            return None
        given = {self.in_path[name]: unquote(value) for name, value in found.groupdict().items() if name in self.in_path}
        return given | {self.in_query[name]: value for name, value in query if name in self.in_query and name not in ("expand", "trusted") and not value.isdigit()}


def calls():
    """Every GET that the SDK can make."""
    for name, method in inspect.getmembers(Client, inspect.isfunction):
        if name.startswith("_") and name.endswith("_serialize"):
            source = inspect.getsource(method)
            if 'method="GET"' in source:
                yield Call(name[1:-len("_serialize")], source)


def literal(path):
    """Words before placeholders: the call with the most of them is the one that a path means."""
    return sum(1 for part in path.split("/") if part and not part.startswith("{"))


def wanted(work):
    """What there is to ask: paths and queries of the sweep, and of a few instances of each kind."""
    lists = []
    for line in (work / "requests").read_text().splitlines():
        row = json.loads(line)
        if row["status"] == 200:
            lists.append(urlsplit(row["target"]).path)
            parts = urlsplit(row["target"])
            yield parts.path, tuple(parse_qsl(parts.query))
    kinds = json.loads((work / "kinds").read_text())["kinds"]
    items = {kind["kind"]: kind["gets"] for kind in kinds}
    seen = {}
    for line in (work / "resources").read_text().splitlines():
        row = json.loads(line)
        ids = row["address"].split("/", 2)[2].split("/")
        seen[row["kind"]] = seen.get(row["kind"], 0) + 1
        if seen[row["kind"]] > GETS_MAX:
            continue
        for path in items.get(row["kind"], []):
            listed = any(pattern_of(path).match(known) for known in lists)
            if path.endswith("}") and not listed and len(PLACEHOLDER.findall(path)) == len(ids):
                rest = iter(ids)
                yield PLACEHOLDER.sub(lambda _: next(rest), path), ()


class Recorded(ThreadingHTTPServer):
    """Gives one recorded answer, whatever it is asked."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Answers)
        self.answer = b""
        threading.Thread(target=self.serve_forever, daemon=True).start()


class Answers(BaseHTTPRequestHandler):
    """The answer of the server."""

    def do_GET(self):  # noqa: N802
        """Any path."""
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(self.server.answer)))
        self.end_headers()
        self.wfile.write(self.server.answer)

    def log_message(self, *_):
        """Says nothing."""


def client(url, token):
    """A client that tries once."""
    return Client({"orgUrl": url, "token": token, "rateLimit": {"maxRetries": 0}, "requestTimeout": 20})


async def ask(sdk, name, arguments):
    """What the SDK makes of an answer: how many things it gave, or why it refuses."""
    try:
        data, _, error = await getattr(sdk, name)(**arguments)
    except Exception as failure:  # noqa: BLE001 - whatever it raises is what it says
        return None, f"{type(failure).__name__}: {failure}"
    if error is not None:
        return None, str(error)
    return (len(data) if isinstance(data, list) else 1), None


def reason(text):
    """A refusal without what the answer held."""
    return brief(text).split("input_value")[0].split("For further")[0]


def brief(text):
    """The first few words of a refusal, on one line, without ids."""
    text = re.sub(r"\s+", " ", re.sub(r"For further information visit \S+", "", text))
    text = re.sub(r"\b0\w{19}\b|127\.0\.0\.1:\d+|at 0x[0-9a-f]+", "…", text).replace("|", "\\|")
    return text[:160]


async def main(url, work, recorded, version):
    """Asks, judges and prints."""
    logging.disable(logging.CRITICAL)
    token = (work / "sim" / "token").read_text()
    known = sorted(calls(), key=lambda call: (-literal(call.path), call.path, call.name))
    answers = {}
    for line in recorded.open(encoding="utf-8"):
        row = json.loads(line)
        if row["method"] == "GET" and row["status"] == 200 and row["response"] not in (None, "", [], {}):
            answers.setdefault(row["path_template"], []).append(json.dumps(row["response"]).encode())
    given, sdk = Recorded(), client(url, token)
    recorded_sdk = client(f"http://127.0.0.1:{given.server_port}", token)
    asked, refused = {}, {}
    for path, query in dict.fromkeys(wanted(work)):
        call = next((call for call in known if call.pattern.match(path)), None)
        done = asked.setdefault(call.path, [0, 0]) if call else None
        if call is None or done[0] >= LISTS_MAX:
            continue
        done[0] += 1
        count, why = await ask(sdk, call.name, call.arguments(path, query))
        if why:
            refused.setdefault((call.path, call.name), []).append(why)
        else:
            done[1] += count
    rows = []
    for (path, name), whys in sorted(refused.items()):
        call = next(call for call in known if call.name == name)
        rows.append((path, whys, await accepted(given, recorded_sdk, call, answers.get(path, []))))
    report(version, asked, rows)


async def accepted(server, sdk, call, bodies):
    """How many of the recorded answers the SDK accepts, how many there are, and why it refuses the others."""
    arguments = {name: "00uAnybody" for name in call.in_path.values()}
    if "/policies" == call.path[-9:]:
        arguments["type"] = "PASSWORD"
    good, reasons = 0, set()
    bodies = bodies[:20]
    for body in bodies:
        server.answer = body
        _, why = await ask(sdk, call.name, arguments)
        good += why is None
        reasons.add(reason(why or ""))
    return good, len(bodies), reasons


def report(version, asked, rows):
    """The outcome as a part of a page."""
    counted = [row for row in rows if row[2][0] and not all(reason(why) in row[2][2] for why in row[1])]
    own = [row for row in rows if row[2][1] and row not in counted]
    unjudged = [row for row in rows if not row[2][1]]
    print("## The official Python SDK\n")
    print(f"`tests/okta/sdk`: okta {version} asked a simulated organisation with one of each kind for {len(asked)} calls that it knows, "
          f"{sum(done[0] for done in asked.values())} times, and took {sum(done[1] for done in asked.values())} things.\n")
    print(f"**{len(counted)} calls fail** whose recorded answer it accepts; {len(own)} fail where it refuses recorded answers for the same reason, {len(unjudged)} where nothing is recorded.")
    for title, group in (("It accepts the recorded answer and not ours", counted), ("It refuses the vendor's recorded answers for the same reason", own), ("Nothing is recorded", unjudged)):
        if group:
            print(f"\n{title}:\n\n| call | why |\n| --- | --- |")
            for path, whys, _ in group:
                print(f"| `GET {path}` | {brief(whys[0])} |")


asyncio.run(main(sys.argv[1], pathlib.Path(sys.argv[2]), pathlib.Path(sys.argv[3]), sys.argv[4]))
