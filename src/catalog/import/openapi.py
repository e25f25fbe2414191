"""Looks things up in a vendor's OpenAPI document: what a GET answers and where the rows stand."""

import json


class Documents:
    """Several documents of one vendor, asked as if they were one."""

    def __init__(self, folder, names):
        self.docs = [json.loads((folder / name).read_text(encoding="utf-8")) for name in names]

    def operation(self, path, method="get"):
        """The document and the operation; `(None, None)` where no document has it."""
        for doc in self.docs:
            found = doc.get("paths", {}).get(path, {}).get(method)
            if found:
                return doc, found
        return None, None

    def answer(self, path):
        """Document and schema of the 200 answer."""
        doc, operation = self.operation(path)
        if doc is None:
            return None, {}
        response = deref(doc, operation.get("responses", {}).get("200", {}))
        for content in response.get("content", {}).values():
            return doc, deref(doc, content.get("schema", {}))
        return doc, {}

    def rows(self, path, wrapped=False):
        """Where a list's rows stand and which members a row has: `(items, names)`.

        `items` is a pattern, empty for a bare array and `None` where the document does not say.
        Where an answer may be either, `wrapped` says which form the request asks for.
        """
        doc, schema = self.answer(path)
        if doc is None or not schema:
            return None, set()
        bare, inside = None, None
        for variant in [schema, *[deref(doc, s) for s in schema.get("oneOf", []) + schema.get("anyOf", [])]]:
            kind = variant.get("type")
            if kind == "array" or (isinstance(kind, list) and "array" in kind):
                bare = bare or ("", set(members(doc, variant.get("items", {}))))
                continue
            for name, member in members(doc, variant).items():
                member = deref(doc, member)
                if member.get("type") == "array" and inside is None:
                    inside = (f"/{name}/*", set(members(doc, member.get("items", {}))))
        order = [inside, bare] if wrapped else [bare, inside]
        return next((found for found in order if found), (None, set()))

    def names(self, path):
        """Members of the answer of a GET of one thing."""
        doc, schema = self.answer(path)
        return set(members(doc, schema)) if doc else set()


def deref(doc, schema):
    """Follows `$ref`; an unresolvable one is an empty schema."""
    seen = 0
    while isinstance(schema, dict) and "$ref" in schema and seen < 20:
        target = doc
        for part in schema["$ref"].lstrip("#/").split("/"):
            target = target.get(part.replace("~1", "/").replace("~0", "~"), {}) if isinstance(target, dict) else {}
        schema, seen = target, seen + 1
    return schema if isinstance(schema, dict) else {}


def members(doc, schema, depth=0):
    """Members of an object schema, those of its parts included, in the document's order."""
    schema = deref(doc, schema)
    out = dict(schema.get("properties", {}))
    if depth < 6:
        for part in ("allOf", "oneOf", "anyOf"):
            for inner in schema.get(part, []):
                for name, member in members(doc, inner, depth + 1).items():
                    out.setdefault(name, member)
    return out
