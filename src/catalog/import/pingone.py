"""PingOne: HAL lists, ids that are never settable, actions told apart by their content type."""

import json
import re

from form import PLACEHOLDER, Catalog, cut_cycles, describe, fill_params, note, pattern, sentence

BASE = "/v1"
ACRONYMS = {
    "mfa": "MFA", "davinci": "DaVinci", "api": "API", "fido": "FIDO", "fido2": "FIDO2", "ip": "IP", "recaptcha": "reCAPTCHA",
    "v2": "v2", "idp": "identity provider",
}
STAGES = {"early_access": "early", "deprecated": "deprecated"}
RETURNED = {
    "not_returned": "never", "never_returned": "never", "not_returned_here_separate_endpoint": "never", "masked": "masked",
    "not_returned_or_masked": "masked", "returned": "clear", "returned_here": "clear", "returned_may_hold_secrets": "clear",
    "returned_once_at_creation": "once",
}
PARAMS = {
    "locale": "language:/locale", "agreement_language.languageID": "agreement_language:/id",
    "agreement_revision.languageID": "agreement_language:/id", "applicationRolePermissionID": "application_role_permission:/id",
    "alertChannelID": "alert_channel:/id", "user_application_role.applicationRoleID": "user_application_role:/id",
    "user_agreement_consent.agreementID": "user_agreement_consent:/agreement/id", "templateName": "notification_template:/id",
    "storeID": "propagation_store:/id", "propagation_rule.storeID": "propagation_rule:/id", "organizationID": "organization:/id",
    "application.applicationID": "application:/id", "applicationID": "application:/id",
    "system_application.applicationID": "system_application:/id", "flowID": "davinci_flow:/id",
}
SYSTEM_APPLICATIONS = ["PING_ONE_PORTAL", "PING_ONE_SELF_SERVICE", "PING_ONE_ADMIN_CONSOLE"]
ROWS = {
    "application": [{"at": "/type", "not": SYSTEM_APPLICATIONS}],
    "system_application": [{"at": "/type", "is": SYSTEM_APPLICATIONS}],
    "custom_role": [{"at": "/type", "is": ["CUSTOM"]}],
}
DEFAULT, INHERITED = [{"at": "/default", "is": [True]}], [{"at": "/readOnly", "is": [True]}]
MANAGED = [{"at": "/managedEntity", "present": True}]
SYSTEM = {
    "sign_on_policy": DEFAULT, "password_policy": DEFAULT, "mfa_device_policy": DEFAULT, "fido2_policy": DEFAULT,
    "risk_policy_set": DEFAULT, "notification_policy": DEFAULT, "verify_policy": DEFAULT, "population": DEFAULT, "theme": DEFAULT,
    "key": DEFAULT, "notification_template_content": DEFAULT, "language": [{"at": "/customerAdded", "is": [False]}],
    "schema_attribute": [{"at": "/schemaType", "is": ["CORE", "STANDARD"]}], "risk_predictor": [{"at": "/deletable", "is": [False]}],
    "resource": [{"at": "/type", "is": ["OPENID_CONNECT", "PINGONE_API"]}], "group_role_assignment": INHERITED,
    "user_role_assignment": INHERITED, "gateway_role_assignment": INHERITED, "application_role_assignment": INHERITED,
    "application_attribute": [{"at": "/mappingType", "is": ["CORE"]}], "identity_provider_attribute": [{"at": "/mappingType", "is": ["CORE"]}],
    "resource_attribute": [{"at": "/type", "is": ["CORE"]}], "group": [{"at": "/sourceType", "present": True}],
    "decision_endpoint": [{"at": "/owned", "is": [True]}], "authorization_attribute": MANAGED, "authorization_condition": MANAGED,
    "authorization_policy": MANAGED, "authorization_processor": MANAGED, "authorization_rule": MANAGED, "authorization_service": MANAGED,
    "authorization_statement": MANAGED,
}
LIMITS = {"davinci_variable": 500, "environment": 1000}
# What an address of another collector shares in: 35 % of the base rate of the configuration group.
BUCKETS = {"configuration": 210, "directory": 0, "davinci": 0, "credentials": 0, "mfa": 0}


def head(source):
    """What holds for the whole provider."""
    volatile = [pattern(field) for field in source["conventions"]["volatile_fields"] if " " not in field]
    return {
        "format": 1, "provider": "pingone", "title": "PingOne",
        "source": "API documents of the vendor's SDKs (2023-06, kept up to 2026-04), the platform document 2026.07 beta, and documentation",
        "rules": 1,
        # A masked value is a row of asterisks as long as the vendor likes.
        "masked": ["*" * length for length in range(3, 41)],
        "volatile": volatile,
        "settings": {"environmentID": "", "auth_url": "", "auth_environment": ""},
        "headers": {"accept": "application/json"},
        "auth": {"token": "/{auth_environment}/as/token", "at": "auth_url", "forms": ["client_secret"]},
        "identity": {"path": BASE + "/environments/{environmentID}", "at": "/id"},
        "paging": {"next": {"style": "body_link", "next": "/_links/next/href"}},
        "rate": {"concurrent": 4},
        "bucket": BUCKETS,
        "statuses": [{"status": 403, "code": "ACCESS_FAILED", "state": "not_permitted", "reason": "The worker lacks a role."}],
        "audit": {
            "path": BASE + "/environments/{environmentID}/activities", "paging": "next", "since": "filter",
            "since_value": 'recordedAt gt "{since}"', "unit": "rfc3339", "id": "/id", "time": "/recordedAt", "operation": "/action/type",
            "resource_type": "/resources/0/type", "resource": "/resources/0/id", "actor_id": "/actors/user/id",
            "actor_name": "/actors/user/name", "client": "/actors/client/id",
        },
    }


def parents_of(row):
    """The environment is the tenant itself, and what an organisation holds is named by its own path."""
    return [] if row["parent"] in (None, "environment") or row["type"] == "environment" else [row["parent"]]


def reads(catalog, kind, row, images):
    """How instances are read."""
    if row["kind"] == "reference_only":
        kind["unread"] = {"state": "no_api", "reason": "No document has a call that reads it; it is only referred to."}
        return
    if row["type"] == "davinci_flow_enabled":
        kind["carried_by"] = "davinci_flow"
        return
    if row["kind"] == "referenced":
        kind["read"] = [{"path": BASE + row["get_path"], "items": [""], "values_of": {"imgID": {"of": of, "at": at}}} for of, at in images]
        return
    if row["type"] == "environment":
        kind["read"] = [{"path": BASE + row["get_path"], "items": [""]}]
        kind["same"] = [BASE + row["list_path"]]
        return
    read = {"path": BASE + (row["list_path"] or row["get_path"])}
    if row["list_path"]:
        read["paging"] = "next"
        if row["type"] in LIMITS:
            size = LIMITS[row["type"]]
            read["paging"] = f"next-{size}"
            catalog.head["paging"][f"next-{size}"] = catalog.head["paging"]["next"] | {"limit": "limit", "size": size}
        read["items"] = [f"/_embedded/{row['embedded_key'] or '*'}/*"]
    if row["type"] == "user":
        read["path"] += "?include=memberOfGroupIDs"
        kind["derived"] = ["/memberOfGroupIDs"]
    if row["type"] in ROWS:
        read["rows"] = ROWS[row["type"]]
    if row["type"] == "davinci_flow":
        read["detail"] = True
    if row["parent"] == "user":
        read["costly"] = True
    if row["type"] in ("application_secret", "resource_secret"):
        read["statuses"] = [{"status": 403, "state": "not_permitted", "reason": "The application has rights that the reader lacks."}]
    kind["read"] = [read]


def place(field):
    """A field text as a pattern; an ellipsis in it stands for any depth."""
    if field.endswith("..."):
        return None
    before, dots, after = field.partition("...")
    if not dots:
        return pattern(field)
    first, last = pattern(before), pattern(after)
    return f"{first}/**{last}" if first and last else None


def refs(catalog, kind, row, known):
    """Fields that point at other kinds; what the service fills is assigned, not written."""
    kind["refs"] = []
    for ref in row["references"]:
        free = re.match(r"^(.*\.\*)\([^)]*\)$", ref["field"])
        at = place(free.group(1) if free else ref["field"])
        targets = re.findall(r"(?:^|\|)(\w+)(?:\(([^)]*)\))?", ref["type"])
        to = [name for name, _ in targets if name in known]
        if at is None or not to:
            note(kind, f"{ref['field']} points at {ref['type']}")
            catalog.drop("references to things that are no kind, or named in prose (kept as a note)")
            continue
        entry = {"at": at, "to": to}
        inner = targets[0][1]
        if free:
            entry["by"] = "expression"
        elif inner == "by name":
            entry["by"] = "name"
        elif inner.startswith(("expression", "by compactName in")):
            entry["by"] = "expression"
        elif inner == "by compactName":
            entry["target_at"] = "/compactName"
        elif inner and pattern(inner):
            entry["target_at"] = pattern(inner)
        if ref.get("second_pass"):
            entry["second_pass"] = True
        if ref.get("read_only") and at not in kind["assigned"]:
            kind["assigned"].append(at)
        kind["refs"].append(entry)


def whole(row, text):
    """`PUT or PATCH /x` and `PUT .../x` as one call with the base in its path, and what else would do."""
    match = re.match(r"^(\w+)(?: or (\w+))? (\S+)$", text)
    method, other, path = match.groups()
    if path.startswith(".../"):
        first = path[4:].split("/")[0]
        path = row["get_path"].split("/" + first)[0] + "/" + path[4:]
    return f"{method} {BASE}{path}", f"{other} {path}" if other else None


def writes(kind, row):
    """Create, update, delete and the actions that a content type tells apart."""
    ops = row["operations"]
    kind["action"] = []
    for role in ("create", "update", "delete"):
        if not ops.get(role):
            continue
        call, other = whole(row, ops[role])
        write = {"call": call}
        if other:
            note(kind, f"Other call: {other}")
        if role == "create":
            write["new_id"] = "answer"
        elif role == "delete":
            write["body"] = "none"
        if row["type"] in ("api_server_deployment", "propagation_revision", "davinci_flow_version"):
            kind["action"].append({"does": {"api_server_deployment": "deploy", "propagation_revision": "publish"}.get(row["type"], role), "call": call})
        else:
            kind[role] = [write]
    for does, text in row["content_types"].items():
        if text.startswith(("PUT ", "POST ")):
            kind["action"].append({"does": f"set_{does}", "call": whole(row, text)[0]})
        elif text.startswith("application/vnd"):
            path = row["list_path"] if does.startswith("create") else row["get_path"] + ("/password" if does == "set_password" else "")
            kind["action"].append({"does": does, "call": f"POST {BASE}{path}", "content_type": text})
        else:
            note(kind, f"Content type of {does}: {text}")


def natural_key(kind, row):
    """Pointers of the natural key; what the parent says is left to the address."""
    kind["name"] = []
    for part in row["natural_key"]:
        at = pattern(part) if not part.startswith("@") else None
        if at:
            kind["name"].append(at)
        elif not part.startswith("@"):
            note(kind, f"Matched by {part} too")


def secrets(catalog, kind, row):
    """Fields that hold secrets, with what a read gives."""
    kind["secret"] = []
    for secret in row["secret_fields"]:
        at = pattern(secret["field"])
        behaviour = secret["behaviour"].split(" ")[0]
        if at is None or "(" in secret["behaviour"]:
            note(kind, f"Secret: {secret['field']}, {secret['behaviour'].replace('_', ' ')}")
            catalog.drop("secret fields that no pattern names (kept as a note; a mask is known wherever it stands)")
        else:
            kind["secret"].append({"at": at, "returned": RETURNED[behaviour]})


def one(catalog, row, known, images):
    """One kind."""
    shape = "singleton" if row["kind"] == "singleton" else "object"
    kind = {"kind": row["type"], "shape": shape, "parent": parents_of(row)}
    kind["what"] = describe(kind, ACRONYMS, kind["parent"])
    if shape == "object":
        kind["id"] = "/agreement/id" if row["type"] == "user_agreement_consent" else "/id"
        if row["get_path"]:
            kind["get"] = BASE + row["get_path"]
    if row["status"] in STAGES:
        kind["stage"] = STAGES[row["status"]]
    kind["bucket"] = row["rate_group_guess"]
    kind["assigned"] = catalog.places(kind, row["server_assigned"], "Set by the service")
    kind["fixed"] = catalog.places(kind, row["immutable_after_create"], "Fixed at creation")
    reads(catalog, kind, row, images)
    refs(catalog, kind, row, known)
    natural_key(kind, row)
    secrets(catalog, kind, row)
    kind["system"] = SYSTEM.get(row["type"], [])
    writes(kind, row)
    word = {"full": "full", "partial": "partial", "no": "never"}[row["restorable"]]
    kind["restore"] = {"class": word}
    if word != "full":
        kind["restore"]["reason"] = sentence(row["restorable_why"])
    if row["restore_order"] is not None and word != "never":
        kind["restore"]["order"] = row["restore_order"]
    if row["type"] == "propagation_revision":
        kind["restore"]["effects"] = ["Publishing starts a synchronisation: users in target systems can be disabled or deleted."]
    if row["type"] == "credential_issuance_rule":
        kind["restore"]["effects"] = ["An active rule issues credentials to users at once."]
    for text in (row["restorable_why"] if word == "full" else "", row["protected"], row["notes"], row.get("selector", "")):
        note(kind, text)
    if row["expand"] and row["type"] != "user":
        note(kind, f"More with {row['expand']}")
    kind["scopes"] = {}
    catalog.drop("names in the Terraform provider and in the vendor's promotion service")
    catalog.drop("kinds that this one depends on, as parents and references say them too", len(row["depends_on"]))
    return kind


def convert(shared):
    """The catalogue of PingOne."""
    source = json.loads((shared / "providers" / "pingone.json").read_text(encoding="utf-8"))
    catalog = Catalog("pingone")
    catalog.head = head(source)
    known = {row["type"]: row for row in source["types"]}
    images = [(row["type"], at) for row in source["types"] for ref in row["references"] if ref["type"] == "image" and (at := place(ref["field"]))]
    for row in source["types"]:
        catalog.kinds.append(one(catalog, row, known, images))
    fill_params(catalog, PARAMS)
    cut_cycles(catalog)
    out = json.loads((shared / "providers" / "pingone-excluded.json").read_text(encoding="utf-8"))
    groups = {}
    for item in out["excluded"] + out["excluded_known_from_documents_only"]:
        groups.setdefault(sentence(item["reason"]), []).append(item["path"])
    for reason in sorted(groups):
        catalog.exclude(reason, groups[reason], BASE)
    unused = [name for name in PARAMS if name not in catalog.head["params"] and "." not in name and not any(
        name in PLACEHOLDER.findall(str(kind)) for kind in catalog.kinds)]
    if unused:
        raise SystemExit(f"pingone: nobody uses {unused}")
    return catalog
