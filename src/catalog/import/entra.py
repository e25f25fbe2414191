"""Microsoft Entra ID: v1.0 and beta of one API, links written through `$ref`, two recycle bins of its own."""

import json
import re

from form import PLACEHOLDER, Catalog, cut_cycles, describe, fill_params, note, pattern, sentence
from openapi import Documents
import entra_members

ACRONYMS = {
    "app": "application", "oauth2": "OAuth 2.0", "oauth": "OAuth", "oidc": "OpenID Connect", "pim": "PIM", "gsa": "Global Secure Access",
    "api": "API", "b2x": "B2X", "b2c": "B2C", "tls": "TLS", "ca": "CA", "pki": "PKI", "oath": "OATH", "sku": "SKU", "org": "organisation",
    "m365": "Microsoft 365", "mfa": "MFA", "id": "ID", "ios": "iOS", "on": "on", "prem": "premises", "idp": "identity provider",
}
# Members that a list of users gives only when they are asked for stand in the facts; these come unasked.
USER_DEFAULTS = ["id", "businessPhones", "displayName", "givenName", "jobTitle", "mail", "mobilePhone", "officeLocation",
                 "preferredLanguage", "surname", "userPrincipalName"]
PROFILES = {
    "connector_group": ["applicationProxy"], "connector": ["applicationProxy"], "connector_group_application": ["applicationProxy"],
    "published_resource": ["authentication", "provisioning"], "on_premises_agent_group": ["authentication", "provisioning"],
}
ROLE_SCOPE = "$filter=scopeId%20eq%20'/'%20and%20scopeType%20eq%20'DirectoryRole'"
READS = {
    "role_management_policy": [
        {"path": f"/v1.0/policies/roleManagementPolicies?{ROLE_SCOPE}&$expand=rules,effectiveRules"},
        {"path": "/v1.0/policies/roleManagementPolicies?$filter=scopeId%20eq%20'{group-id}'%20and%20scopeType%20eq%20'Group'"
                 "&$expand=rules,effectiveRules", "each": ["group"], "only": [{"at": "/isAssignableToRole", "is": [True]}]}],
    "role_management_policy_assignment": [{"path": f"/v1.0/policies/roleManagementPolicyAssignments?{ROLE_SCOPE}&$expand=policy($expand=rules)"}],
    "pim_group_assignment_schedule": [
        {"path": "/v1.0/identityGovernance/privilegedAccess/group/assignmentSchedules?$filter=groupId%20eq%20'{group-id}'"}],
    "pim_group_eligibility_schedule": [
        {"path": "/v1.0/identityGovernance/privilegedAccess/group/eligibilitySchedules?$filter=groupId%20eq%20'{group-id}'"}],
    "access_package_resource_role": [
        {"path": "/v1.0/identityGovernance/entitlementManagement/catalogs/{accessPackageCatalog-id}/resourceRoles"
                 "?$filter=(originSystem%20eq%20'{originSystem}'%20and%20resource/id%20eq%20'{accessPackageResource-id}')"}],
    "schema_extension": [{"path": "/v1.0/schemaExtensions?$filter=owner%20eq%20'{appId}'", "each": ["application"]}],
}
# Lists of the whole tenant: what such a thing belongs to is a reference in it, no part of its address.
FLAT = ("role_management_policy", "role_management_policy_assignment", "custom_security_attribute_definition", "access_package",
        "access_package_assignment_policy", "access_package_assignment")
PARAMS = {
    "directoryObject-id": "row:/id", "far": "row:/id", "originSystem": "access_package_catalog_resource:/originSystem",
    "appId": "application:/appId", "authenticationConditionApplication-appId": "row:/appId", "deleted_item.directoryObject-id": "deleted_item:/id",
    "servicePrincipal-id": "service_principal:/id", "group-id": "group:/id", "policyId": "row:/id",
    "group_lifecycle_policy_group.id": "group_lifecycle_policy_group:/id",
}
OPEN_EXTENSION = ("user", "group", "device", "administrative_unit", "organization")
# Calls that the facts have as prose.
OPS = {
    "user_license_assignment": {"create": ["POST /users/{user-id}/assignLicense", {"addLicenses": [{"skuId": "{skuId}"}], "removeLicenses": []}],
                                "delete": ["POST /users/{user-id}/assignLicense", {"addLicenses": [], "removeLicenses": ["{skuId}"]}]},
    "group_lifecycle_policy_group": {
        "create": ["POST /groupLifecyclePolicies/{id}/addGroup", {"groupId": "{group-id}"}],
        "delete": ["POST /groupLifecyclePolicies/{id}/removeGroup", {"groupId": "{group-id}"}]},
    "role_assignment_schedule": {
        "create": ["POST /roleManagement/directory/roleAssignmentScheduleRequests", None],
        "delete": ["POST /roleManagement/directory/roleAssignmentScheduleRequests", {
            "action": "adminRemove", "principalId": "{principalId}", "roleDefinitionId": "{roleDefinitionId}", "directoryScopeId": "{directoryScopeId}"}]},
    "role_eligibility_schedule": {
        "create": ["POST /roleManagement/directory/roleEligibilityScheduleRequests", None],
        "delete": ["POST /roleManagement/directory/roleEligibilityScheduleRequests", {
            "action": "adminRemove", "principalId": "{principalId}", "roleDefinitionId": "{roleDefinitionId}", "directoryScopeId": "{directoryScopeId}"}]},
    "pim_group_assignment_schedule": {
        "create": ["POST /identityGovernance/privilegedAccess/group/assignmentScheduleRequests", None]},
    "pim_group_eligibility_schedule": {
        "create": ["POST /identityGovernance/privilegedAccess/group/eligibilityScheduleRequests", None]},
    "device_registration_policy": {"update": ["PUT /policies/deviceRegistrationPolicy", None]},
    "authentication_combination_configuration": {
        "create": ["POST {list}", None], "update": ["PATCH {get}", None], "delete": ["DELETE {get}", None]},
    "cross_tenant_service_provider_constraints": {"update": ["PATCH {get}", None]},
    "b2x_user_flow_language": {"create": ["PUT {get}", None], "update": ["PUT {get}", None]},
    "agreement_file": {}, "access_package_assignment": {
        "create": ["POST /identityGovernance/entitlementManagement/assignmentRequests", {"requestType": "adminAdd", "assignment": "$body"}]},
    "access_package_catalog_resource": {
        "create": ["POST /identityGovernance/entitlementManagement/resourceRequests", {"requestType": "adminAdd", "resource": "$body"}]},
    "connector_group": {"create": ["POST {list}", None], "update": ["PATCH {get}", None], "delete": ["DELETE {get}", None]},
    "connector_group_application": {
        "create": ["PUT /applications/{far}/connectorGroup/$ref",
                   {"@odata.id": "{url}/beta/onPremisesPublishingProfiles/applicationProxy/connectorGroups/{connectorGroup-id}"}]},
    "application_home_realm_discovery_policy": {"create": ["POST {list}/$ref", "link"], "delete": ["DELETE {list}/{far}/$ref", None]},
    "service_principal_app_management_policy": {"create": ["POST {list}/$ref", "link"], "delete": ["DELETE {list}/{far}/$ref", None]},
}
for owner in OPEN_EXTENSION:
    OPS[f"{owner}_open_extension"] = {"create": ["POST {list}", None], "update": ["PATCH {get}", None], "delete": ["DELETE {get}", None]}
SCHEDULES = {"skuId": "row:/skuId", "principalId": "row:/principalId", "roleDefinitionId": "row:/roleDefinitionId",
             "directoryScopeId": "row:/directoryScopeId"}
THROUGH = {
    "role_management_policy": "role_management_policy_rule", "agreement_file": "agreement",
    "b2x_user_flow_api_connectors": "b2x_user_flow", "gsa_forwarding_policy": "gsa_forwarding_profile",
}
ACTIONS = {
    "deleted_item": "POST /directory/deletedItems/{directoryObject-id}/restore",
    "deleted_conditional_access_policy": "POST {get}/restore", "deleted_named_location": "POST {get}/restore",
    "deleted_lifecycle_workflow": "POST {get}/microsoft.graph.identityGovernance.restore",
    "deleted_role_definition": "POST {get}/restore", "deleted_cross_tenant_partner": "POST {get}/restore",
    "authentication_strength_policy": "POST {get}/updateAllowedCombinations",
}
SECRETS = {
    "application": ["/passwordCredentials/*/secretText", "/keyCredentials/*/key"],
    "synchronization_job": [], "identity_provider": ["/clientSecret", "/certificateData"],
    "fraud_protection_provider": ["/privateKey", "/clientSecret", "/apiKey"],
    "web_application_firewall_provider": ["/apiToken", "/clientSecret"],
    "trust_framework_key_set": ["/keys/*/k", "/keys/*/d", "/keys/*/p", "/keys/*/q"],
    "external_origin_resource_connector": ["/connectionInfo/credentials"],
}
TARGETS = {"appId": "/appId", "template id": "/templateId", "identifierUri": "/identifierUris/*", "appRoles[].id": "/appRoles/*/id",
           "oauth2PermissionScopes[].id": "/oauth2PermissionScopes/*/id", "oauth2PermissionScopes[].value": "/oauth2PermissionScopes/*/value",
           "appRoles[].id / oauth2PermissionScopes[].id": "/appRoles/*/id"}
# Kinds of which the facts list several keys, each good alone: the one that every instance has.
KEYS = {
    "user": ["userPrincipalName"], "group": ["mailNickname"], "application": ["displayName"], "role_definition": ["displayName"],
    "conditional_access_policy": ["displayName"], "access_package_catalog": ["displayName"],
    "access_package": ["displayName", "catalog.id"],
}
# What is declared and not read: nobody has tried these against any server.
LATER = {2: "Not read by this version: it stands in v1.0 and is declared with what is known of it.",
         3: "Not read by this version: it is in preview, rare, or the same in every tenant, and is declared with what is known of it."}
# What an event says that it was done to, and what may have changed then.
TARGETS_OF_EVENTS = (
    ("User", ["user"], []), ("Group", ["group"], ["group_member", "group_owner"]), ("Device", ["device"], ["device_registered_owner"]),
    ("Application", ["application"], ["application_owner", "application_federated_identity_credential", "application_extension_property"]),
    ("ServicePrincipal", ["service_principal"], ["service_principal_owner", "app_role_assignment"]),
    ("Policy", ["conditional_access_policy", "named_location"], []),
)
BUCKETS = {"directory": 48000, "conditional_access": 60, "governance": 120}


def head(source):
    """What holds for the whole provider."""
    return {
        "format": 1, "provider": "entra", "title": "Microsoft Entra ID",
        "source": f"{source['source']['paths_and_models']}; permissions: {source['source']['permissions']}", "rules": 1,
        "masked": ["****"],
        "volatile": ["/**/@odata.context", "/@odata.etag", "/@odata.nextLink", "/@odata.deltaLink", "/@odata.count", "/**/@odata.editLink",
                     "/**/@odata.id"],
        "settings": {"login_url": "https://login.microsoftonline.com", "directory": ""},
        "auth": {
            "token": "/{directory}/oauth2/v2.0/token", "at": "login_url", "forms": ["client_secret", "private_key_jwt", "certificate"],
            "rights": ["/roles/*"],
            "writing_rights": ["AppRoleAssignment.ReadWrite.All", "RoleManagement.ReadWrite.Directory", "Directory.ReadWrite.All"],
            "extra": {"scope": "{url}/.default"},
        },
        "identity": {"path": "/v1.0/organization?$select=id", "at": "/value/0/id"},
        "paging": {
            "next": {"style": "body_link", "next": "/@odata.nextLink"},
            "next-999": {"style": "body_link", "next": "/@odata.nextLink", "limit": "$top", "size": 999},
        },
        "rate": {"concurrent": 8},
        "bucket": BUCKETS,
        "statuses": [
            {"status": 403, "code": "AadPremiumLicenseRequired", "state": "not_entitled", "reason": "The tenant lacks the licence."},
            {"status": 400, "code": "AadPremiumLicenseRequired", "state": "not_entitled", "reason": "The tenant lacks the licence."},
            {"status": 403, "state": "not_permitted", "reason": "The application lacks a permission."},
        ],
        "audit": {
            "path": "/v1.0/auditLogs/directoryAudits", "scopes": ["AuditLog.Read.All"], "paging": "next", "items": ["/value/*"], "since": "$filter", "since_value": "activityDateTime ge {since}",
            "unit": "rfc3339", "id": "/id", "time": "/activityDateTime", "operation": "/activityDisplayName",
            "resource_type": "/targetResources/0/type", "resource": "/targetResources/0/id", "resource_name": "/targetResources/0/displayName", "actor_id": "/initiatedBy/user/id",
            "actor_name": "/initiatedBy/user/userPrincipalName", "client": "/initiatedBy/app/appId", "address": "/initiatedBy/user/ipAddress", "names": [
                {"path": "{id}", "types": [word], "means": [f"{kind}/{{id}}" for kind in kinds] + [f"{kind}/{{id}}/*" for kind in below]}
                for word, kinds, below in TARGETS_OF_EVENTS],
        },
    }


# v1.0 hides policies with newer conditions, or refuses them: one that is not seen would be taken for deleted.
IN_BETA = ("conditional_access_policy",)


def in_api(row, path):
    """The path with the version before it."""
    return f"/{'beta' if row['type'] in IN_BETA else row['api']}{path}"


def asked(docs, row):
    """The members that a list is asked for by name; none where it gives all unasked."""
    if not row.get("select_needed"):
        return []
    fields = USER_DEFAULTS + row["select_needed"] if row["type"] == "user" else entra_members.selected(docs, row)
    left = entra_members.UNASKED.get(row["type"], [])
    return [field for field in dict.fromkeys(fields) if field not in left]


def query(docs, row):
    """`$select` and `$expand` that a read needs to be whole."""
    parts = []
    if asked(docs, row):
        parts.append("$select=" + ",".join(asked(docs, row)))
    if row["expand_needed"]:
        parts.append("$expand=" + ",".join(row["expand_needed"]))
    return "?" + "&".join(parts) if parts else ""


def reads(catalog, docs, kind, row):
    """How instances are read."""
    path = row.get("list_path") or row["get_path"]
    first = {"path": in_api(row, path) + query(docs, row)}
    plans = READS.get(row["type"], [{}])
    kind["read"] = []
    for plan in plans:
        read = first | plan
        if row.get("list_path"):
            style = row["pagination"]
            if style["nextLink"]:
                read["paging"] = "next-999" if style["max_top"] == 999 else "next"
            read["items"] = [""] if row["type"] == "user_manager" else ["/value/*"]
        if row["type"] in PROFILES:
            read["values"] = {"onPremisesPublishingProfile-id": PROFILES[row["type"]]}
        if row["type"] == "lifecycle_workflow":
            read["detail"] = True
        if row.get("parent") == "user":
            read["costly"] = True
        if row["kind"] == "singleton" or row["type"] == "user_manager":
            read["statuses"] = [{"status": 404, "state": "complete", "reason": "There is none."}]
        if row.get("stream_paths"):
            read["join"] = {path.rsplit("/", 1)[-1]: in_api(row, path) for path in row["stream_paths"]}
        kind["read"].append(read)


def expand(field):
    """The places that a field text of the facts means; empty where it is prose."""
    field = field.replace("\u2026.", "**.")
    match = re.match(r"^(.*?)\(([\w|]+)\)(\[\])?$", field)
    if match and "|" in match.group(2):
        return [at for part in match.group(2).split("|") for at in expand(match.group(1) + part + (match.group(3) or ""))]
    match = re.match(r"^((?:[\w\[\]*]+\.)*)(\w+)/(\w+)(\[\])?$", field)
    if match:
        return [at for part in match.group(2, 3) for at in expand(match.group(1) + part + (match.group(4) or ""))]
    if field.startswith("**."):
        rest = pattern(field[3:])
        return ["/**" + rest] if rest else []
    at = pattern(field)
    return [at] if at else []


def refs(catalog, docs, kind, row, known):
    """Fields that point at other kinds."""
    kind["refs"] = []
    for field, text in row["references"].items():
        targets = re.findall(r"(?:^|\|)\s*(\w+)(?:\(([^)]*)\))?", text)
        to = [name for name, _ in targets if name in known]
        at = expand(field)
        if not to or not at:
            note(kind, f"{field} points at {text}")
            catalog.drop("references to things that are no kind, or named in prose (kept as a note)")
            continue
        inner = next((inside for name, inside in targets if inside and name in known), None)
        for place in at:
            entry = {"at": place, "to": to}
            if "text" in text or field.endswith("query"):
                entry["by"] = "expression"
            elif inner in TARGETS:
                entry["target_at"] = TARGETS[inner]
            kind["refs"].append(entry)
    kind["set"] = [{"at": ref["at"][:-2]} for ref in kind["refs"] if ref["at"].endswith("/*")]
    placed = {entry["at"] for entry in kind["set"]}
    kind["set"] += [entry for entry in entra_members.sets(docs, row, asked(docs, row)) if entry["at"] not in placed]


def natural_key(kind, row):
    """Pointers of the natural key; what lies in the parent or the tenant is left to the address."""
    kind["name"] = []
    for part in KEYS.get(row["type"], row["natural_key"]):
        at = pattern(re.sub(r" \(.*\)$", "", part))
        if part.startswith("("):
            continue
        if at:
            kind["name"].append(at)
        else:
            note(kind, f"Matched by {part} too")


def call(row, text):
    """`METHOD path` with the list or the instance put in and the version before it."""
    method, path = text.split(" ", 1)
    path = path.replace("{list}", row.get("list_path") or "").replace("{get}", row.get("get_path") or "")
    return f"{method} {in_api(row, path)}"


def far_link(row, kind, known):
    """The document that a `$ref` write sends: the address of the far end."""
    to = [name for ref in kind["refs"] for name in ref["to"] if ref["at"] in ("/id", "/appId")]
    target = known.get(to[0]) if len(set(to)) == 1 else None
    path = target["get_path"] if target and target.get("get_path") and target["type"] not in ("user", "group") else "/directoryObjects/{x}"
    return {"@odata.id": "{url}" + in_api(row, PLACEHOLDER.sub("{far}", path))}


def writes(catalog, kind, row, known):
    """Create, update, delete, undelete."""
    ops = row["operations"]
    for role, names in (("create", ("create", "add", "set")), ("update", ("update",)), ("delete", ("delete", "remove"))):
        kind[role] = []
        for name in names:
            op = ops.get(name)
            if not isinstance(op, dict):
                continue
            write = {"call": f"{op['method']} {in_api(row, op['path'])}"}
            if name in ("add", "set") and op["path"].endswith("$ref"):
                write |= {"body": "envelope", "envelope": far_link(row, kind, known), "new_id": "sent"}
            elif name == "remove" and op["path"].endswith("/$ref") and "{" not in op["path"].rsplit("/", 2)[-2]:
                write = {"call": write["call"] + "?@id={url}" + far_link(row, kind, known)["@odata.id"][5:], "body": "none"}
            elif role == "create":
                write["new_id"] = "answer"
            elif role == "delete":
                write["body"] = "none"
            kind[role].append(write)
            if not op["documented"]:
                note(kind, f"The reference has no page for its {name} call")
    for role, (text, envelope) in OPS.get(row["type"], {}).items():
        write = {"call": call(row, text)}
        if envelope == "link":
            envelope = far_link(row, kind, known)
        if envelope is not None:
            write |= {"body": "envelope", "envelope": envelope}
        elif role == "delete":
            write["body"] = "none"
        if role == "create":
            write["new_id"] = "list" if "equests" in text else "sent" if row["kind"] == "link" else "answer"
        kind[role] = [write]
    if row["type"] in ACTIONS:
        kind["action"] = [{"does": "undelete" if row["kind"] == "recycle_bin" else "set_combinations", "call": call(row, ACTIONS[row["type"]])}]


def restore(catalog, kind, row):
    """Whether it comes back; without a known call it does not, whatever the facts hope for."""
    word = {"full": "full", "partial": "partial", "no": "never"}[row["restorable"]]
    kind["restore"] = {"class": word}
    written = kind["create"] or kind["update"] or kind.get("action")
    if row["type"] in THROUGH:
        kind["restore"]["through"] = THROUGH[row["type"]]
    elif word != "never" and not written and "carried_by" not in kind:
        kind["restore"]["class"] = word = "never"
        catalog.facts["kinds called restorable without a call that writes: never"] += 1
        kind["restore"]["reason"] = sentence("No call that writes it is known. " + row["restore_note"])
    if word == "full":
        note(kind, row["restore_note"] if len(row["restore_note"]) > 30 else "")
    else:
        kind["restore"].setdefault("reason", sentence(row["restore_note"] or "Some fields are the service's."))
    if row.get("restore_wave") is not None and word != "never":
        kind["restore"]["order"] = row["restore_wave"] * 10


def scopes(kind, row):
    """Least rights to read and to write; what only a person may read is no application's."""
    permission = row["read_permission"]
    write = []
    for op in row["operations"].values():
        rights = op.get("permission") if isinstance(op, dict) else None
        write += [rights["least"]] if rights and rights.get("least") else []
    # A kind of several types has a right for each, in one text.
    least = re.sub(r" [(].*", "", permission.get("least") or "").split(" | ")
    kind["scopes"] = {"read": [right for right in least if right], "write": list(dict.fromkeys(write))}
    if permission.get("note"):
        note(kind, permission["note"])
    if permission.get("delegated_only"):
        kind["unread"] = {"state": "no_api", "reason": "No application permission reads it, only a signed-in person's: "
                          + ", ".join(permission["delegated_only"]) + "."}
    elif row["tier"] > 1 and row["kind"] != "subtype":
        kind["unread"] = {"state": "excluded", "not_yet": True, "reason": LATER[row["tier"]]}


def one(catalog, docs, row, known, seen):
    """One kind."""
    shape = {"singleton": "singleton", "link": "edge"}.get(row["kind"], "object")
    parents = [name for name in (row.get("parent") or "").split("|") if name in known]
    kind = {"kind": row["type"], "shape": shape, "parent": parents}
    kind["what"] = describe(kind, ACRONYMS, parents)
    if row["type"] in FLAT:
        kind["parent"] = []
    last = PLACEHOLDER.findall(row.get("get_path") or "")[-1:]
    if shape == "edge":
        kind |= {"id": "/id", "keep": ["/@odata.type", "/id"]}
        if row["type"] == "authentication_events_flow_application":
            kind |= {"id": "/appId", "keep": ["/appId"]}
    elif shape == "object":
        kind["id"] = "/" + (last[0].rsplit("-", 1)[-1] if last and "-" in last[0] else "id")
    if row["api"] == "beta":
        kind["stage"] = "beta"
    if row.get("get_path") and shape == "object":
        kind["get"] = in_api(row, row["get_path"])
    kind["bucket"] = ("conditional_access" if row.get("list_path", row.get("get_path", "")).startswith("/identity/conditionalAccess")
                      else "governance" if (row.get("list_path") or row.get("get_path", "")).startswith(("/identityGovernance", "/roleManagement"))
                      else "directory")
    if row["kind"] == "subtype":
        kind |= {"carried_by": row["listed_with"], "parent": []}
    else:
        reads(catalog, docs, kind, row)
    refs(catalog, docs, kind, row, known)
    natural_key(kind, row)
    kind["assigned"] = [] if shape == "edge" else catalog.places(kind, row.get("server_assigned") or [], "Set by the service")
    expanded = [f"/{re.sub(r'[(].*', '', name)}@odata.context" for name in row["expand_needed"]]
    inside = entra_members.INSIDE.get(row["type"], [])
    expanded += [f"/{name}@odata.context" for name in inside]
    kind["derived"] = [f"/{name}" for name in inside]
    kind["volatile"] = [pattern(re.sub(r"[(].*", "", field)) for field in row.get("volatile") or []] + expanded
    held = SECRETS.get(row["type"])
    if held is None:
        held = catalog.places(kind, row.get("secrets_not_returned") or [], "Never returned")
    kind["secret"] = [{"at": at, "returned": "masked" if (row["type"], at) == ("identity_provider", "/clientSecret") else "never"} for at in held]
    scopes(kind, row)
    writes(catalog, kind, row, known)
    restore(catalog, kind, row)
    further(catalog, docs, kind, row, seen)
    if shape == "object" and "displayName" in entra_members.known(docs, row, kind) and row["type"] != "user":
        kind["shown"] = [] if kind["name"] == ["/displayName"] else ["/displayName"]
    if shape != "edge":
        kind["fields"] = entra_members.known(docs, row, kind)
    return kind


def further(catalog, docs, kind, row, seen):
    """Change feeds, other paths to the same data, notes; a path belongs to the kind that names it first."""
    used = {read["path"].split("?")[0] for read in kind.get("read", [])} | {kind.get("get")}
    used |= {path for read in kind.get("read", []) for path in read.get("join", {}).values()}
    if row["delta_path"] and row["type"] != "group_member":
        kind["changes"] = {"path": in_api(row, row["delta_path"]) + query(docs, row).split("&$expand")[0], "style": "token",
                           "token": "/@odata.deltaLink", "removed": "/@removed", "deletions": True, "paging": "next"}
        used.add(in_api(row, row["delta_path"]))
    same = [in_api(row, path) for path in [row.get("get_path"), *row.get("same_data_paths", [])] if path]
    same += ["/beta" + path for path in row.get("same_data_paths_beta", [])]
    if row["type"] in IN_BETA:
        same = ["/v1.0" + path for path in [row["list_path"], row["get_path"], *row.get("same_data_paths", [])]]
    if row["kind"] == "subtype":
        same = [in_api(row, row["list_path"])]
    kind["same"] = [path for path in dict.fromkeys(same) if path not in used and path not in seen]
    seen |= used | set(kind["same"])
    if row["type"] == "deleted_item":
        first = kind["read"][0]
        kind["read"] = [first] + [dict(first, path=path) for path in kind["same"]]
        kind["same"] = []
    for field in ("trap", "delta_note", "list_via", "select_note"):
        note(kind, row.get(field) or "")
    if row.get("bulk"):
        note(kind, f"In bulk: {row['bulk']}")
    if row.get("query_rule") and row["type"] not in READS:
        note(kind, row["query_rule"])
    if row.get("binary") or row.get("stream_paths"):
        note(kind, "An answer that is no JSON is kept as base64 text")
    if row["soft_delete"]:
        note(kind, f"Recycle bin: {row['soft_delete']}")
    if row.get("static"):
        note(kind, f"The same in every tenant: {row['static']}" if isinstance(row["static"], str) else "The same in every tenant")
        kind["system"] = [{"at": "/isBuiltIn", "is": [True]}] if row["static"] == "isBuiltIn=true" else []
    catalog.drop("query options and wider permissions that would work too")


def convert(shared):
    """The catalogue of Entra ID."""
    source = json.loads((shared / "providers" / "entra.json").read_text(encoding="utf-8"))
    docs = Documents(shared / "specs" / "entra", ["graph-v1.0.identity.openapi.json", "graph-beta.identity.openapi.json"])
    catalog = Catalog("entra")
    catalog.head = head(source)
    known = {row["type"]: row for row in source["types"]}
    seen = set()
    for row in source["types"]:
        catalog.kinds.append(one(catalog, docs, row, known, seen))
    kinds = catalog.by_name()
    for kind in catalog.kinds:
        above = [kinds[name] for name in kind["parent"]]
        if above and "unread" not in kind and all(owner.get("unread", {}).get("state") == "no_api" for owner in above):
            kind["unread"] = {"state": "no_api", "reason": f"It hangs on {above[0]['kind']}, which no application permission reads."}
    fill_params(catalog, PARAMS | SCHEDULES)
    cut_cycles(catalog)
    out = json.loads((shared / "providers" / "entra-excluded.json").read_text(encoding="utf-8"))
    for version in out["excluded"]:
        for group in out["excluded"][version].values():
            catalog.exclude(sentence(group["reason"]), group["paths"], f"/{version}")
    return catalog
