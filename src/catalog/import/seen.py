"""Which members the instances of a kind show: by the vendor's documents and by recorded answers.

What is in neither is unknown to the catalogue, and a snapshot says so.
"""

import json

from openapi import deref, members


def forms(doc, schema, depth=0):
    """A schema and every other that it says may stand in its place."""
    schema = deref(doc, schema)
    out = [schema]
    if depth < 4:
        named = schema.get("discriminator", {}).get("mapping", {}).values()
        for part in [*({"$ref": target} for target in named), *schema.get("oneOf", []), *schema.get("anyOf", [])]:
            out += [form for form in forms(doc, part, depth + 1) if form not in out]
    return out


def rows_of(doc, schema, items):
    """The schemas of a row, where the rows stand at `items` of the answer."""
    for form in forms(doc, schema):
        inner = form
        if items and items.endswith("/*"):
            inner = deref(doc, members(doc, form).get(items[1:-2], {}))
        if items == "":
            yield from forms(doc, form)
        elif "items" in inner:
            yield from forms(doc, inner["items"])


def examples(docs, path, items):
    """The rows of the answers that a document gives as examples."""
    doc, operation = docs.operation(path)
    if doc is None:
        return
    response = deref(doc, operation.get("responses", {}).get("200", {}))
    for content in response.get("content", {}).values():
        shown = [deref(doc, example).get("value") for example in content.get("examples", {}).values()]
        yield from rows_in([*shown, content.get("example")], items or "")


def rows_in(answers, items):
    """Every object among the rows of answers."""
    for answer in answers:
        if items.endswith("/*") and isinstance(answer, dict):
            answer = answer.get(items[1:-2], [])
        yield from (row for row in (answer if isinstance(answer, list) else [answer]) if isinstance(row, dict))


def listed(read):
    """The path whose answer holds the instances."""
    return read.get("below", read.get("path", "")).split("?")[0]


def documented(docs, kind):
    """Members and links by the documents."""
    names, links = set(), set()
    items = kind["read"][0].get("items", [None])[0]
    paths = [(listed(read), "" if kind["shape"] == "singleton" else items) for read in kind["read"] if "path" in read]
    paths += [(kind["get"], "")] if "get" in kind else []
    for path, where in paths:
        doc, schema = docs.answer(path)
        for form in rows_of(doc, schema, where) if doc else []:
            found = members(doc, form)
            names |= set(found)
            for part in forms(doc, found.get("_links", {})):
                links |= set(members(doc, part))
        for row in examples(docs, path, where):
            names |= set(row)
            links |= set(row.get("_links") or {})
    return names, links


class Recorded:
    """Members and links of recorded answers, by call."""

    def __init__(self, file):
        self.answers = {}
        for line in file.open(encoding="utf-8"):
            row = json.loads(line)
            if row["method"] == "GET" and row["status"] == 200:
                self.answers.setdefault(row["path_template"], []).append(row["response"])

    def of(self, kind):
        """Members and links of a kind."""
        names, links = set(), set()
        for row in self.rows(kind):
            names |= set(row)
            links |= set(row.get("_links") or {})
        return names, links

    def rows(self, kind):
        """Every row and every single instance."""
        items = kind["read"][0].get("items", [""])[0]
        for read in kind["read"]:
            yield from rows_in(self.answers.get(listed(read), []), items)
        # Recorded answers of no known call stand under no path.
        if "get" in kind:
            yield from rows_in(self.answers.get(kind["get"], []), "")
