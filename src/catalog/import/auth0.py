"""Auth0: one document, lists in two page forms, links written by the ids of their far end."""

import json
import re

from form import Catalog, cut_cycles, describe, fill_params, note, pattern, sentence
from openapi import Documents

BASE = "/api/v2"
ACRONYMS = {
    "ip": "IP", "scim": "SCIM", "acl": "access control list", "apns": "APNS", "sns": "SNS", "sms": "SMS",
    "webauthn": "WebAuthn", "twilio": "Twilio", "duo": "Duo", "captcha": "CAPTCHA",
}
STAGES = {"EA": "early", "beta": "beta", "deprecated": "deprecated", "undocumented": "undocumented"}
SHAPES = {"singleton": "singleton", "singleton_of_parent": "singleton", "association": "edge", "map_of_parent": "singleton"}
RETURNED = {"clear": "clear", "masked": "masked", "omitted": "never", "once": "once", "encrypted": "encrypted"}
# What is passed over in a path that names another thing than its prefix says.
PARAMS = {
    "themeId": "branding_theme:/themeId", "action_trigger_binding.triggerId": "row:/trigger_id",
    "name": "guardian_factor:/name", "key": "rule_config:/key", "template_id": "organization_template_assignment:/id",
    "organization_id": "organization:/id", "group_id": "organization_group:/id", "tokenId": "connection_scim_token:/token_id",
    "grant_id": "organization_client_grant:/id", "prompt_screen_rendering.prompt": "prompt_screen_rendering:/prompt",
    "screen": "prompt_screen_rendering:/screen", "client_id": "client:/client_id",
    "organization_client.client_id": "organization_client:/client_id", "user_id": "organization_member:/user_id",
    "actionId": "action:/id", "versionId": "action_module_version:/id",
    "connectionId": "organization_connection:/connection_id", "hook_secret.key": "hook_secret:/key",
    # Placeholders of our own, in what a link's write sends.
    "far_id": "row:/id", "far_user": "row:/user_id", "far_client": "row:/client_id", "role_user.user": "role_user:/user_id",
    "far_server": "row:/resource_server_identifier", "far_permission": "row:/permission_name",
}
IDS_OF_VALUES = {
    "email_template": ["templateName"], "prompt_custom_text": ["prompt", "language"], "prompt_partials": ["prompt"],
    "self_service_profile_custom_text": ["language", "page"],
}
PERMISSIONS = {"permissions": [{"resource_server_identifier": "{far_server}", "permission_name": "{far_permission}"}]}
# What a link's POST and DELETE send.
LINKS = {
    "connection_directory_synchronized_group": {"groups": [{"id": "{far_id}"}]}, "group_role": {"roles": ["{far_id}"]},
    "organization_client": {"clients": ["{far_client}"]}, "organization_group_role": {"roles": ["{far_id}"]},
    "organization_member": {"members": ["{far_user}"]}, "organization_member_role": {"roles": ["{far_id}"]},
    "role_permission": PERMISSIONS, "role_user": {"users": ["{far_user}"]}, "user_permission": PERMISSIONS,
    "organization_client_grant": {"grant_id": "{far_id}"},
}
# Links that carry more than the far end's id: their whole row is kept.
RICH_LINKS = ("organization_connection", "organization_client", "organization_template_assignment")
SYSTEM = {
    "client": [{"at": "/global", "is": [True]}], "client_grant": [{"at": "/is_system", "is": [True]}],
    "resource_server": [{"at": "/is_system", "is": [True]}],
}
BUCKETS = {"management": 0, "organizations": 100, "prompt_partials": 5, "email_templates": 150, "email_provider": 150}
NEVER_TOUCH = "The client and the grant that Lastgood itself uses are never written."


def head(source):
    """What holds for the whole provider."""
    return {
        "format": 1, "provider": "auth0", "title": "Auth0", "source": f"Management API v2: {source['document']}", "rules": 1,
        "masked": ["********", "_VALUE_NOT_SHOWN_"],
        "auth": {
            "token": "/oauth/token", "forms": ["client_secret", "private_key_jwt", "token"], "rights": ["/scope"],
            "extra": {"audience": "{url}/api/v2/"},
        },
        "identity": {"path": BASE + "/clients?is_global=true&fields=client_id&include_fields=true", "at": "/0/client_id"},
        "paging": {},
        "rate": {"concurrent": 4, "per_second": 10, "limit_header": "x-ratelimit-limit",
                 "remaining_header": "x-ratelimit-remaining", "reset_header": "x-ratelimit-reset"},
        "bucket": BUCKETS,
        "statuses": [
            {"status": 403, "code": "insufficient_entitlement", "state": "not_entitled", "reason": "The subscription does not have the feature."},
            {"status": 403, "code": "insufficient_scope", "state": "not_permitted", "reason": "The grant of the credential lacks a scope."},
        ],
        "audit": {
            "path": BASE + "/logs?take=100", "paging": "link", "since": "from", "bound": "event", "unit": "rfc3339", "id": "/log_id",
            "time": "/date", "operation": "/type", "resource_type": "/details/request/method", "resource": "/details/request/path",
            "actor_id": "/user_id", "actor_name": "/user_name", "client": "/client_id", "address": "/ip",
        },
    }


def path_of(operation):
    """`GET /x` as the path with the base before it."""
    return BASE + operation.split(" ", 1)[1]


def call_of(operation):
    """`PATCH /x` with the base in the path."""
    method, path = operation.split(" ", 1)
    return f"{method} {BASE}{path}"


def paging(catalog, row):
    """The page form's name and the query it needs; checkpoint where both are offered."""
    style = row["paging"]
    forms = catalog.head["paging"]
    if style["kind"] == "none":
        return None, False
    if style["kind"] == "offset":
        size = style.get("per_page_max") or 100
        forms.setdefault("offset", {"style": "page", "page": "page", "limit": "per_page", "size": size, "first": 0, "rows_max": 1000})
        return "offset", False
    size = style.get("take_max") or 50
    forms.setdefault(f"checkpoint-{size}", {"style": "cursor", "cursor": "from", "next": "/next", "limit": "take", "size": size})
    return f"checkpoint-{size}", True


def reads(catalog, docs, kind, row, words):
    """How instances are read."""
    read = {"path": path_of(row["list"] or row["get"])}
    if row["list"]:
        name, wrapped = paging(catalog, row)
        if name:
            read["paging"] = name
        items, _ = docs.rows(row["list"].split(" ", 1)[1], wrapped)
        if items and kind["shape"] != "singleton":
            read["items"] = [items]
    elif row["type"] in IDS_OF_VALUES:
        read["items"] = [""]
    if row["type"] == "action_trigger_binding":
        read = {"path": read["path"], "values": {"triggerId": words["triggerId"]}, "items": [""]}
    elif row["type"] == "email_template":
        read["values"] = {"templateName": words["templateName"]}
    elif row["type"] == "prompt_custom_text":
        read["values"] = {"prompt": words["prompt_for_custom_text"]}
        read["values_of"] = {"language": {"of": "tenant_settings", "at": "/enabled_locales/*"}}
    elif row["type"] == "prompt_partials":
        read["values"] = {"prompt": words["prompt_for_partials"]}
    elif row["type"] == "self_service_profile_custom_text":
        read["values"] = {"language": ["en"], "page": ["get-started"]}
    elif row["type"] == "user":
        note(kind, "A full read goes through an export job, POST /jobs/users-exports, as a list stops at 1,000 rows; the job is a hook")
    elif row["type"] in ("connection_directory_provisioning", "connection_scim_configuration"):
        read |= {"parent_at": "/connection_id", "items": [docs.rows(row["list"].split(" ", 1)[1], True)[0]]}
        kind["get"] = path_of(row["get"])
    if row["per_object_user_scale"] and row["parent"] == "user":
        read["costly"] = True
    if kind["shape"] == "singleton" or row["type"] in IDS_OF_VALUES:
        read["statuses"] = [{"status": 404, "state": "complete", "reason": "It is not set."}]
    kind["read"] = [read]


def refs(catalog, kind, row, known):
    """`field -> type.field`, with the second pass where the source says so."""
    kind["refs"] = []
    for field, target in row["references"].items():
        at = pattern(field)
        match = re.match(r"^(\w+)\.(\w+)", target)
        if at is None or match is None or match.group(1) not in known:
            if target.startswith("(opaque") and at:
                kind["refs"].append({"at": at, "to": ["form", "organization", "connection", "client"], "by": "expression", "second_pass": True}
                                    if row["type"] == "action" else
                                    {"at": at, "to": ["connection"], "by": "expression", "second_pass": True})
                continue
            note(kind, f"{field} points at {target}")
            catalog.drop("references to things that are no kind")
            continue
        entry = {"at": at, "to": [match.group(1)]}
        field_id = f"/{match.group(2)}"
        if field_id != (known[match.group(1)]["id_field"] and "/" + known[match.group(1)]["id_field"]):
            entry |= {"by": "name"} if match.group(2) == "name" else {"target_at": field_id}
        if "second pass" in target and "no second pass" not in target:
            entry["second_pass"] = True
        kind["refs"].append(entry)


def natural_key(kind, row, known):
    """Pointers of the natural key; `parent.name` is left to the address."""
    out = []
    fields = set(row["fields"]) | set(row["undocumented_fields"])
    for part in row["natural_key"]:
        head_part = part.split(".")[0]
        at = pattern(part)
        if head_part == row["parent"] or part in ("group", "user_id") and row["parent"] in ("group", "user"):
            continue
        if head_part in known and "." in part:
            at = next((ref["at"] for ref in kind["refs"] if head_part in ref["to"]), None)
        elif head_part not in fields and fields:
            at = None
        if at:
            out.append(at)
        else:
            note(kind, f"Matched by {part} too")
    kind["name"] = out


def secrets(catalog, kind, row):
    """Fields that hold secrets, with what a read gives."""
    kind["secret"] = []
    for field, text in row["secrets"].items():
        at = pattern(field.replace("*", "*"))
        returned = RETURNED[text.split(" ")[0].rstrip(",;")]
        if "public" in text:
            catalog.drop("secret marks on public material")
            continue
        kind["secret"].append({"at": at, "returned": returned})
        if " " in text:
            note(kind, f"{field}: {text}")
    held = {entry["at"] for entry in kind["secret"]}
    kind["write_only"] = [at for at in map(pattern, row["write_only"]) if at not in held]
    if row["update_only"]:
        note(kind, f"Only an update takes {', '.join(row['update_only'])}")


def writes(kind, row):
    """Create, update, delete; a link's id goes into an envelope."""
    link = LINKS.get(row["type"])
    if row["create"]:
        write = {"call": call_of(row["create"]), "new_id": "answer"}
        if link:
            write |= {"body": "envelope", "envelope": link, "new_id": "sent"}
        kind["create"] = [write]
    if row["update"]:
        kind["update"] = [{"call": call_of(row["update"])}]
    if row["delete"]:
        write = {"call": call_of(row["delete"]), "body": "none"}
        if link and not row["delete"].endswith("}"):
            write |= {"body": "envelope", "envelope": link}
        kind["delete"] = [write]
    if row["type"] == "role_user":
        kind["delete"] = [{"call": f"DELETE {BASE}/users/{{user}}/roles", "body": "envelope", "envelope": {"roles": ["{id}"]}}]
    if row["type"] == "connection_enabled_client":
        kind["update"] = []
        for role, on in (("create", True), ("delete", False)):
            kind[role] = [{"call": f"PATCH {BASE}/connections/{{id}}/clients", "body": "envelope",
                           "envelope": [{"client_id": "{far_client}", "status": on}]}]
        kind["create"][0]["new_id"] = "sent"
    if row.get("post_steps"):
        kind["action"] = [{"does": "deploy", "call": f"POST {BASE}/actions/actions/{{id}}/deploy"}]
        note(kind, "Deployed after a create and after an update")
    if row.get("revoke"):
        kind["action"] = [{"does": "revoke", "call": call_of(row["revoke"])}]
    for other in ("replace", "bulk_update"):
        if row.get(other):
            note(kind, f"Other call: {row[other]}")
    if row.get("create_required"):
        note(kind, f"A create needs {', '.join(row['create_required'])}")


def one(catalog, docs, row, known, words):
    """One kind."""
    shape = SHAPES.get(row["shape"], "object")
    kind = {"kind": row["type"], "shape": shape, "parent": [row["parent"]] if row["parent"] else []}
    kind["what"] = describe(kind, ACRONYMS, kind["parent"])
    if row["type"] in IDS_OF_VALUES:
        kind["id_of"] = IDS_OF_VALUES[row["type"]]
    elif row["type"] == "action_trigger_binding":
        kind["id_of"] = ["triggerId"]
    elif row["type"] == "prompt_screen_rendering":
        kind |= {"id": "/prompt", "also_id": ["/screen"]}
    elif row["type"] in ("role_permission", "user_permission"):
        kind |= {"id": "/resource_server_identifier", "also_id": ["/permission_name"]}
    elif shape != "singleton":
        kind["id"] = "/" + row["id_field"]
    if shape == "edge" and row["type"] not in RICH_LINKS:
        kind["keep"] = [kind["id"], *kind.get("also_id", [])]
    if row["lifecycle"] in STAGES:
        kind["stage"] = STAGES[row["lifecycle"]]
    if row["get"] and shape != "singleton":
        kind["get"] = path_of(row["get"])
    kind["bucket"] = next((name for name in BUCKETS if row["type"].startswith(name.rstrip("s"))), "management")
    reads(catalog, docs, kind, row, words)
    covered = {kind["read"][0]["path"].split("?")[0], kind.get("get")}
    further = [path_of(op) for op in [row["list"], row["get"], *row.get("get_also", [])] if op]
    kind["same"] = [path for path in dict.fromkeys(further) if path not in covered]
    kind["fields"] = [] if shape == "edge" or "id_of" in kind else sorted(set(row["fields"]) | set(row["undocumented_fields"]))
    extra = [field for field in row.get("read_only_notes", []) if pattern(field) and " " not in field]
    accepted = set(row["undocumented_fields_accepted_on_write"])
    strange = [field for field in row["undocumented_fields"] if field not in accepted]
    assigned = [field for field in dict.fromkeys(row["read_only"] + extra + strange) if field not in accepted]
    kind["assigned"] = [] if shape == "edge" else catalog.places(kind, assigned, "Set by the server")
    kind["fixed"] = catalog.places(kind, row["create_only"], "Taken at creation only")
    kind["volatile"] = [pattern(field.split(" ")[0]) for field in row["volatile"]]
    for field in row.get("read_only_notes", []):
        if " " in field:
            note(kind, f"Read-only: {field}")
    refs(catalog, kind, row, known)
    if "id_of" not in kind and shape != "singleton":
        natural_key(kind, row, known)
    secrets(catalog, kind, row)
    kind["system"] = SYSTEM.get(row["type"], [])
    scopes = row["scopes"]
    bare = lambda names: [name for name in (text.split(" ")[0] for text in names) if ":" in name]  # noqa: E731
    kind["scopes"] = {"read": bare(scopes.get("read", [])),
                      "write": list(dict.fromkeys(bare(scopes.get("create", []) + scopes.get("update", []) + scopes.get("delete", []))))}
    writes(kind, row)
    restore(kind, row)
    for field in ("notes", "requires"):
        if row.get(field):
            note(kind, row[field])
    if row["type"] in ("client", "client_grant"):
        note(kind, NEVER_TOUCH)
    if row.get("depends_on"):
        note(kind, f"Depends on {', '.join(row['depends_on'])}")
    for field in row.get("embedded", {}).values():
        note(kind, field)
    catalog.drop("figures of recorded traffic")
    catalog.drop("prefixes of ids", int(bool(row["id_prefix"])))
    catalog.drop("names of time stamps", len(row["timestamps"]))
    return kind


def restore(kind, row):
    """Whether it comes back."""
    kind["restore"] = {"class": {"full": "full", "partial": "partial", "no": "never"}[row["restorable"]]}
    if row["restorable"] != "full":
        kind["restore"]["reason"] = sentence(row["why_not_full"])
    if row["restore_order"] is not None and row["restorable"] != "no":
        kind["restore"]["order"] = row["restore_order"]
    if row["client_may_choose_id"]:
        kind["restore"]["keeps_id"] = True
        kind["create"][0] |= {"send": ["/" + row["id_field"]], "new_id": "sent"}
    if row["type"] == "organization_invitation":
        kind["restore"]["effects"] = ["A new invitation is a new mail."]


def convert(shared):
    """The catalogue of Auth0."""
    source = json.loads((shared / "providers" / "auth0.json").read_text(encoding="utf-8"))
    docs = Documents(shared / "specs" / "auth0", ["management-api-oas.json"])
    catalog = Catalog("auth0")
    catalog.head = head(source)
    catalog.head["paging"]["link"] = {"style": "link_header"}
    known = {row["type"]: row for row in source["types"]}
    for row in source["types"]:
        catalog.kinds.append(one(catalog, docs, row, known, source["enumerations"]))
    fill_params(catalog, PARAMS)
    cut_cycles(catalog)
    out = json.loads((shared / "providers" / "auth0-excluded.json").read_text(encoding="utf-8"))
    groups = {}
    for item in out["excluded"]:
        reason = sentence(item["reason"])
        if item.get("covered_by"):
            reason += f" Read as `{item['covered_by']}`."
        groups.setdefault(reason, []).append(item["operation"].split(" ", 1)[1])
    for item in out["excluded_undocumented"]:
        groups.setdefault(sentence(item["reason"]), []).append(item["path"])
    for reason in sorted(groups):
        catalog.exclude(reason, groups[reason], BASE)
    note_writes(catalog, source)
    return catalog


def note_writes(catalog, source):
    """Settings that can be written and never read: said where they belong."""
    kind = catalog.by_name()["guardian_push_selected_provider"]
    for item in source["write_only_resources"]:
        note(kind, f"No read exists for {item['path']}: {item['reason']}")
