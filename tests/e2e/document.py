"""Holds what the bridge answers against openapi.yaml: every answer that the tests see must be described there, with its
status, its headers, its type and each of its members."""
import csv
import io
import json
import os
import re

import jsonschema
import yaml

PATH = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "openapi.yaml")
FORMS = re.compile(r"\.(csv|json|ndjson)$")
# Headers that say something about the bridge: an answer has none of them that is not described.
OURS = re.compile(r"^(bridge-.*|allow|etag|idempotent-replayed|link|location|ratelimit(-policy)?|retry-after|"
                  r"server-timing|set-cookie|www-authenticate|x-request-id)$")
seen = set()  # operationId and status of each answer that was checked
_document = None
_validators = {}
_paths = []


class Undescribed(AssertionError):
    pass


def document():
    global _document
    if _document is None:
        with open(PATH, encoding="utf-8") as file:
            _document = yaml.load(file, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    return _document


def resolve(node):
    while isinstance(node, dict) and "$ref" in node:
        found = document()
        for name in node["$ref"].lstrip("#/").split("/"):
            found = found[name.replace("~1", "/")]
        node = found
    return node


def validate(schema, value, what):
    key = json.dumps(schema, sort_keys=True)
    if key not in _validators:
        whole = dict(schema, components=document()["components"])
        _validators[key] = jsonschema.Draft202012Validator(whole)
    error = jsonschema.exceptions.best_match(_validators[key].iter_errors(value))
    if error is not None:
        raise Undescribed("%s: %s at /%s" % (what, error.message[:400], "/".join(map(str, error.absolute_path))))


# --- paths ---

def is_list(item):
    content = resolve(item.get("get", {}).get("responses", {}).get("200", {})).get("content", {})
    return "text/csv" in content


def patterns():
    if not _paths:
        for template, item in document()["paths"].items():
            pattern = "".join("[^/]+" if part.startswith("{") else re.escape(part)
                              for part in re.split(r"(\{[^}]*\})", template))
            _paths.append((template, re.compile("^" + pattern + "$"), item))
    return _paths


def find(path):
    """The template and the path item, or None twice. A list's form goes before a name with a point in it."""
    bare = FORMS.sub("", path)
    for template, pattern, item in patterns():
        if path == template or (bare != path and is_list(item) and pattern.match(bare)):
            return template, item
    for template, pattern, item in patterns():
        if pattern.match(path):
            return template, item
    return None, None


# --- bodies ---

def columns(content):
    """Of a list's CSV: what its rows always have, in the document's order."""
    return resolve(content["application/x-ndjson"]["schema"])["required"]


def check_csv(content, body, what):
    names = columns(content)
    more = content["text/csv"]["schema"].get("x-columns-when-asked", [])
    for number, row in enumerate(csv.reader(io.StringIO(body, newline=""), strict=True)):
        if number == 0 and row == names + more:
            names = row
        if number == 0 and row != names:
            raise Undescribed("%s: the columns are %s" % (what, row))
        if len(row) != len(names):
            raise Undescribed("%s: line %d has %d cells" % (what, number + 1, len(row)))


def check_body(content, kind, body, what):
    if kind not in content:
        raise Undescribed("%s: the type %s is not described" % (what, kind or "(none)"))
    schema = content[kind]["schema"]
    if kind == "application/x-ndjson":
        for line in body.splitlines():
            validate(schema, json.loads(line), what)
    elif kind == "text/csv":
        check_csv(content, body, what)
    elif kind.endswith("json"):
        validate(schema, json.loads(body), what)
    else:
        validate(schema, body, what)


# --- headers ---

def check_headers(described, headers, what):
    described = {name.lower(): resolve(header) for name, header in described.items()}
    for name, header in described.items():
        if name not in headers:
            if header.get("required"):
                raise Undescribed("%s: there is no header %s" % (what, name))
        else:
            validate(header["schema"], headers[name], "%s: header %s" % (what, name))
    for name in headers:
        if OURS.match(name) and name not in described:
            raise Undescribed("%s: the header %s is not described" % (what, name))


# --- answers and events ---

def check(method, target, status, headers, body):
    """Raises Undescribed. Left out: HEAD and OPTIONS, the exchange's own paths, and what the HTTP library answers by
    itself (it knows no Bridge-Env)."""
    path = target.split("?", 1)[0]
    what = "%s %s -> %d" % (method, target, status)
    if "bridge-env" not in headers or path.startswith("/v5/") or method in ("HEAD", "OPTIONS") or status == 304:
        return
    operation = (find(path)[1] or {}).get(method.lower())
    if operation is None and status < 400:
        raise Undescribed("%s: the operation is not described" % what)
    responses = operation["responses"] if operation else {}
    response = responses.get(str(status))
    if response is None and status >= 400:
        response = responses.get("default", {"$ref": "#/components/responses/Problem"})
    if response is None:
        raise Undescribed("%s: the status is not described" % what)
    response = resolve(response)
    check_headers(response.get("headers", {}), headers, what)
    kind = headers.get("content-type", "").split(";")[0].strip()
    if body or response.get("content"):
        check_body(response.get("content", {}), kind, body, what)
    if operation:
        seen.add((operation["operationId"], status))


def check_event(event, data):
    """The data of one event of the stream."""
    name = "Event" + "".join(part.capitalize() for part in event.split("_"))
    if name not in document()["components"]["schemas"]:
        raise Undescribed("stream: the event %s is not described" % event)
    validate({"$ref": "#/components/schemas/" + name}, data, "stream: event " + event)
