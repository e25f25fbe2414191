"""What the vendor's documents say of a type's members: which there are, which list has no order, what a list gives unasked."""

from openapi import deref, members

# Types that are everywhere and say nothing of the members that a kind has.
BASES = ("microsoft.graph.entity", "microsoft.graph.directoryObject")
# Lists whose order means something: a text in parts, steps one after the other.
ORDERED = {
    "activity_based_timeout_policy": ["definition"], "claims_mapping_policy": ["definition"],
    "home_realm_discovery_policy": ["definition"], "token_issuance_policy": ["definition"],
    "token_lifetime_policy": ["definition"], "synchronization_schema": ["*"], "synchronization_job": ["*"],
}
# By which member the elements of a list of objects are told apart, the first that they have.
NAMES = ("id", "keyId", "skuId", "resourceAppId", "appId", "tenantId")
# Members that a list refuses or pays dearly for; they come with one instance, or not at all.
# A list of users asked for the last sign-in needs one more right and a licence, or fails whole.
UNASKED = {
    "user": ["signInActivity"],
    "group": [
        "accessType", "allowExternalSenders", "autoSubscribeNewMembers", "hasMembersWithLicenseErrors", "hideFromAddressLists",
        "hideFromOutlookClients", "isArchived", "isFavorite", "isSubscribedByMail", "unseenConversationsCount", "unseenCount",
        "unseenMessagesCount",
    ],
    # Its content is a picture, which a list does not carry.
    "application": ["logo"],
}
# What answers show though the document does not count it among the type's own members: beta alone has the first.
SHOWN = {"conditional_access_policy": ["partialEnablementStrategy"], "role_definition": ["inheritsPermissionsFrom"]}
# Lists that are shown unasked within another thing and are read as kinds of their own.
INSIDE = {"authentication_methods_policy": ["authenticationMethodConfigurations"], "permission_grant_policy": ["includes", "excludes"]}
# Whose members are the tenant's own, or those of any of several types.
OPEN = ("deleted_item",)


def schema_of(docs, row):
    """The document that has the type, and its schema; `(None, {})` for what has no type."""
    name = (row.get("schema") or "").lstrip("#")
    order = docs.docs if row["api"] == "v1.0" else docs.docs[::-1]
    for doc in order:
        schemas = doc["components"]["schemas"]
        # The facts leave out what stands before the name of an inner namespace.
        found = schemas.get(name) or schemas.get(f"microsoft.graph.{name}")
        if found:
            return doc, found
    return None, {}


def derived(doc, name):
    """The types that are made from this one, at any depth."""
    out = []
    for other, schema in doc["components"]["schemas"].items():
        if any(part.get("$ref", "").rsplit("/", 1)[-1] == name for part in schema.get("allOf", [])):
            out += [other, *derived(doc, other)]
    return out


def every(docs, row):
    """The members of a type and of all that are made from it, links to other things left out."""
    doc, schema = schema_of(docs, row)
    if doc is None:
        return None, {}
    out = dict(members(doc, schema))
    name = row["schema"].lstrip("#")
    for other in derived(doc, name) if name not in BASES else []:
        for member, found in members(doc, doc["components"]["schemas"][other]).items():
            out.setdefault(member, found)
    expanded = {text.split("(")[0] for text in row["expand_needed"]}
    links = set(row["navigation"]) - expanded
    return doc, {member: found for member, found in out.items() if member not in links}


def known(docs, row, kind):
    """The names of all members that a body may have; empty where the document does not say."""
    _, found = every(docs, row)
    if not found or row["type"] in OPEN or row["type"].endswith("_open_extension"):
        return []
    joined = [name for read in kind.get("read", []) for name in read.get("join", {})]
    held = [at.split("/")[1] for role in ("volatile", "assigned") for at in kind.get(role, [])]
    held += [ref["at"].split("/")[1] for ref in kind.get("refs", [])] + [at.split("/")[1] for at in kind.get("name", [])]
    own = [kind["id"].split("/")[1]] if kind.get("id", "/").strip("/") else []
    marks = ["@odata.type"] if not set(own) == {"@odata.type"} else []
    return sorted({*found, *joined, *held, *own, *marks, *SHOWN.get(row["type"], []), *INSIDE.get(row["type"], [])} - {"*", "**"})


def selected(docs, row):
    """The members that a list is asked for by name, where it would leave some out."""
    doc, schema = schema_of(docs, row)
    left = set(row["navigation"]) | set(UNASKED.get(row["type"], []))
    names = list(members(doc, schema)) if doc else []
    return [name for name in names or row["select_needed"] if name not in left and not name.startswith("@")]


def sets(docs, row, asked):
    """Lists of texts, and of objects that have a name, in which the vendor promises no order; `asked`: what a list asks for."""
    ordered = ORDERED.get(row["type"], [])
    doc, found = every(docs, row)
    if row.get("select_needed"):
        found = {name: member for name, member in found.items() if name in asked}
    return [] if doc is None or ordered == ["*"] else unordered(doc, found, ordered, "", ())


def unordered(doc, found, ordered, at, way):
    """The same below a place; `way` holds the types passed, which may lead back to themselves."""
    out = []
    for name, member in found.items():
        place, kind = f"{at}/{name}", member.get("$ref") or member.get("items", {}).get("$ref")
        inner = deref(doc, member if "$ref" in member else member.get("items", {}))
        if name in ordered or kind and kind in way or len(way) > 4:
            continue
        if member.get("type") == "array":
            below = members(doc, inner) if inner.get("type") not in ("string", "integer") and "enum" not in inner else {}
            by = next((name for name in NAMES if name in below), None)
            if not below:
                out.append({"at": place})
            elif by:
                out.append({"at": place, "by": f"/{by}"})
            out += unordered(doc, below, ordered, f"{place}/*", (*way, kind)) if below else []
        elif "$ref" in member and "enum" not in inner:
            out += unordered(doc, members(doc, inner), ordered, place, (*way, kind))
    return out
