"""Okta: seven documents of one vendor, of which two have hosts and credentials of their own."""

import re

from form import Catalog, cut_cycles, describe, fill_params, note, pattern, sentence
from okta_access import access
from okta_events import audit
import okta_settings
import okta_workflows
import okta_writes
from openapi import Documents
from seen import Recorded, documented

ACRONYMS = {
    "app": "application", "auth": "authorization", "idp": "identity provider", "csr": "certificate signing request",
    "oauth": "OAuth", "jwk": "JSON Web Key", "jwks": "JSON Web Key set", "oag": "Access Gateway", "opa": "Privileged Access",
    "api": "API", "ui": "UI", "otp": "one-time password", "sms": "SMS", "org": "organisation", "ssf": "shared signals",
    "oidc": "OpenID Connect", "id": "ID", "mfa": "MFA", "pin": "PIN", "os": "operating system", "oin": "Integration Network",
    "ad": "Active Directory", "uri": "URI", "captcha": "CAPTCHA", "aaguid": "AAGUID", "saas": "SaaS", "okta": "Okta",
    "yubikey": "YubiKey", "webauthn": "WebAuthn",
}
STAGES = {"LIMITED_GA": "limited", "EA": "early", "BETA": "beta", "PRODUCT_DEV": "development"}
DOCUMENTS = ["management.json", "governance.json", "access-gateway.json", "privileged-access.json", "management-dev-only.json"]

# Where a row's own id stands, where that is not `id`.
IDS = {
    "linked_object_definition": "/primary/name",
    "user_role_governance": "/grantId", "user_subscription": "/notificationType",
    "role_subscription": "/notificationType", "app_feature": "/name", "app_signing_key": "/kid", "authenticator_method": "/type",
    "authenticator_custom_aaguid": "/aaguid", "auth_server_key": "/kid", "idp_key": "/kid", "idp_signing_key": "/kid",
    "device_user": "/user/id", "ssf_stream": "/stream_id", "email_template": "/name", 
    "custom_role_permission": "/label", "collection_resource": "/resourceId", "governance_label": "/labelId",
    "governance_resource_label": "/orn", "governance_resource_owner": "/resource/orn", "org_factor": "/factorType",
    "opa_attribute_option": "/attribute_name", "opa_group": "/name", "opa_user": "/name", "opa_service_user": "/name",
    "opa_saas_app_connection": "/app_instance_id", "user_role_app_target": "/name",
    "group_role_app_target": "/name", "client_role_app_target": "/name", "feature_dependency": "/id",
}
# Rows that do not say which they are: the placeholder that says it.
ID_OF = {
    "brand_well_known_uri": "path", "first_party_app_settings": "appName", "user_schema": "schemaId", "app_ui_schema": "appName",
    "user_linked_object": "relationshipName", "org_contact": "contactType",
}
# Rows that are the far end of a link: only its id belongs to the link.
EDGES = {
    "group_membership": "/id", "user_role_group_target": "/id", "group_role_group_target": "/id", "client_role_group_target": "/id",
    "user_role_app_target": "/name", "group_role_app_target": "/name", "client_role_app_target": "/name", "opa_group_member": "/name",
    "app_interclient_trust": "/id", "auth_server_association": "/id", "feature_dependency": "/id",
}
# Placeholders that are no prefix of a GET path: `name` or `kind.name`.
PARAMS = {
    "userId": "user:/id", "userIdOrLogin": "user:/id", "primaryUserId": "user:/id", "clientId": "app:/credentials/oauthClient/client_id",
    "resourceId": "app:/id", "collection_resource.resourceId": "collection_resource:/resourceId",
    "resource_set_resource.resourceId": "resource_set_resource:/id", "resourceOrn": "app:/orn", "containerId": "app:/orn",
    "allowedAppId": "app_interclient_trust:/id", "associatedServerId": "auth_server_association:/id", "ownerId": "group_owner:/id",
    "targetGroupId": "group_role_group_target:/id", "group_membership.userId": "group_membership:/id",
    "app_user_assignment.userId": "app_user_assignment:/id", "idp_user_link.userId": "idp_user_link:/id",
    "app_group_assignment.groupId": "app_group_assignment:/id", "user_role_group_target.groupId": "user_role_group_target:/id",
    "client_role_group_target.groupId": "client_role_group_target:/id", "appName": "row:/name",
    "user_role_app_target.appId": "row:/id", "group_role_app_target.appId": "row:/id", "client_role_app_target.appId": "row:/id",
    "authenticatorEnrollmentId": "user_webauthn_preregistration:/id",
    "api_service_integration_secret.secretId": "api_service_integration_secret:/id", "hook_key.keyId": "hook_key:/keyId",
    "primaryRelationshipName": "linked_object_definition:/primary/name", "targetPrincipalId": "row:/delegator/externalId",
    "integrationId": "governance_integration:/id", "assignmentId": "realm_assignment:/id",
    "collection_assignment.assignmentId": "collection_assignment:/id", "opa_group_member.user_name": "opa_group_member:/name",
    "key_id": "opa_service_user_key:/id", "section": "row:/section", "operation": "row:/operation",
    "staged_service_account_id": "opa_staged_service_account:/id", "namespace": "opa_attribute_option:/namespace",
    "entitlementId": "entitlement:/id", "governance_bundle_entitlement_value.entitlementId": "governance_bundle_entitlement:/id",
    "opa_secret.secret_id": "opa_secret:/id", "capability": "row:/capability",
    "user_factor.factorId": "user_factor:/id",
    "clientRoleId": "client_role_assignment:/id",
}
POLICY_TYPES = [
    "ACCESS_POLICY", "CLIENT_UPDATE", "DEVICE_SIGNAL_COLLECTION", "ENTITY_RISK", "IDENTITY_CLAIM_SOURCING", "IDP_DISCOVERY",
    "MFA_ENROLL", "OKTA_SIGN_ON", "PASSWORD", "POST_AUTH_SESSION", "PROFILE_ENROLLMENT", "SESSION_VIOLATION_DETECTION",
]
STANDARD_ROLES = [
    "ACCESS_CERTIFICATIONS_ADMIN", "ACCESS_REQUESTS_ADMIN", "API_ACCESS_MANAGEMENT_ADMIN", "APP_ADMIN", "GROUP_MEMBERSHIP_ADMIN",
    "HELP_DESK_ADMIN", "ORG_ADMIN", "READ_ONLY_ADMIN", "REPORT_ADMIN", "SUPER_ADMIN", "USER_ADMIN", "WORKFLOWS_ADMIN",
]
# How the reads differ from "one list, for each parent".
READS = {
    "policy": {
        "path": "/api/v1/policies?type={type}", "values": {"type": POLICY_TYPES},
        "statuses": [
            {"status": 400, "state": "not_entitled", "reason": "The organisation does not have policies of this type."},
            {"status": 403, "state": "not_entitled", "beside": True,
             "reason": "The organisation does not have policies of this type, or does not show them to this credential."}]},
    "principal_rate_limit": {
        "path": "/api/v1/principal-rate-limits?filter=principalType%20eq%20%22{principalType}%22",
        "values": {"principalType": ["OAUTH_CLIENT", "SSWS_TOKEN"]}},
    "auth_server_association": {
        "path": "/api/v1/authorizationServers/{authServerId}/associatedServers?trusted={trusted}",
        "values": {"trusted": ["false", "true"]}},
    "user": {"path": "/api/v1/users?filter=lastUpdated%20gt%20%221970-01-01T00:00:00.000Z%22"},
    "first_party_app_settings": {"values": {"appName": ["admin-console"]}},
    # The list says that there are two of them, and not who they are.
    "org_contact": {"path": "/api/v1/org/contacts/{contactType}", "values": {"contactType": ["BILLING", "TECHNICAL"]}},
    "entitlement": {
        "path": "/governance/api/v1/entitlements?filter=parent.externalId%20eq%20%22{parentId}%22%20AND%20parent.type%20eq%20%22APPLICATION%22",
        "each": ["app"]},
    "entitlement_grant": {
        "path": "/governance/api/v1/grants?filter=target.externalId%20eq%20%22{parentId}%22%20AND%20target.type%20eq%20%22APPLICATION%22&include=full_entitlements",
        "each": ["app"]},
    "collection_resource": {"path": "/governance/api/v1/collections/{collectionId}/resources?include=entitlements"},
    "entitlement_bundle": {"path": "/governance/api/v1/entitlement-bundles?include=full_entitlements"},
    "governance_resource_label": {
        "path": "/governance/api/v1/resource-labels?filter=orn%20eq%20%22{orn}%22",
        "values_of": {"orn": {"of": "app", "at": "/orn"}}},
    "governance_resource_owner": {
        "path": "/governance/api/v1/resource-owners?filter=parentResourceOrn%20eq%20%22{orn}%22&include=parent_resource_owner",
        "values_of": {"orn": {"of": "app", "at": "/orn"}}},
    # One list tells who has any role at all: the others are not asked for theirs.
    "user_role_assignment": {
        "path": "/api/v1/iam/assignees/users", "paging": "body", "index": ["/value/*"], "below": "/api/v1/users/{userId}/roles",
        "again": {"path": "/api/v1/users/{userId}/roles", "costly": True, "where_refused": [400, 404, 405]}},
    # Asked from the end that names one other: from there the relation alone tells one link from another.
    "user_linked_object": {
        "items": ["/*"], "values_of": {"relationshipName": {"of": "linked_object_definition", "at": "/primary/name"}}},
    "app_interclient_trust": {"wrap": "id"},
    "role_subscription": {
        "values_of": {"roleRef": {"of": "custom_role", "at": "/id"}},
        "again": {"values": {"roleRef": STANDARD_ROLES}, "statuses": [
            {"status": 400, "state": "not_entitled", "reason": "The organisation does not have the role."},
            {"status": 404, "state": "not_entitled", "reason": "The organisation does not have the role."}]}},
    "brand_well_known_uri": {
        "path": "/api/v1/brands/{brandId}/well-known-uris/{path}/customized",
        "values": {"path": ["apple-app-site-association", "assetlinks.json", "webauthn"]}},
    "brand": {"path": "/api/v1/brands?expand=themes&expand=domains&expand=emailDomain"},
    "email_template": {"path": "/api/v1/brands/{brandId}/templates/email?expand=settings&expand=customizationCount"},
    "user_schema": {"values_of": {"schemaId": {"of": "user_type", "at": "/_links/schema/href", "by": "url"}}},
    "client_role_assignment": {"only": [{"of": "app", "at": "/settings/oauthClient/application_type", "is": ["service"]}]},
    "authenticator_custom_aaguid": {"only": [{"of": "authenticator", "at": "/key", "is": ["webauthn"]}]},
    "user_subscription": {"each": ["user"]},
    "privileged_resource": {"each": ["app"]},
    "app_ui_schema": {"values_of": {"appName": {"of": "app", "at": "/name"}}},
    "app_feature": {"statuses": [
        {"status": 400, "code": "E0000001", "state": "not_entitled", "reason": "The application has no provisioning."}]},
    "entitlement_settings": {"each": ["app"]},
    "resource_request_settings": {"each": ["app"]},
    "opa_secret": {"inside": True, "each": ["opa_secret_folder"], "items": ["/items/*"], "path": None},
}
# What every organisation has: where it is not, something else answers in the vendor's place.
ESSENTIAL = ["org_metadata", "org_settings", "user", "user_type", "group", "group_rule", "app", "policy", "network_zone", "idp"]
# Whether a thing was made by the vendor.
SYSTEM = {
    "policy": [{"at": "/system", "is": [True]}], "policy_rule": [{"at": "/system", "is": [True]}],
    "group": [{"at": "/type", "is": ["BUILT_IN"]}], "user_type": [{"at": "/default", "is": [True]}],
    "realm": [{"at": "/isDefault", "is": [True]}], "network_zone": [{"at": "/system", "is": [True]}],
    "brand": [{"at": "/isDefault", "is": [True]}], "auth_server": [{"at": "/default", "is": [True]}],
    "auth_server_policy": [{"at": "/system", "is": [True]}], "auth_server_policy_rule": [{"at": "/system", "is": [True]}],
    "auth_server_scope": [{"at": "/system", "is": [True]}], "auth_server_claim": [{"at": "/system", "is": [True]}],
    "app": [{"at": "/name", "is": ["saasure", "okta_enduser", "okta_browser_plugin", "okta_flow_sso", "flow",
                                   "okta_account_settings", "okta_atspoke_sso", "okta_entitlement_management",
                                   "okta_oin_submission_tester_app"]}],
}
# What a list of policies embeds, a GET of one does not.
VOLATILE = {"policy": ["/_embedded"], "user": ["/lastLogin"], "agent_pool": ["/agents/*/lastConnection"]}
SECRETS = {
    "app": [("/credentials/oauthClient/client_secret", "once"), ("/credentials/password/value", "never"),
            ("/settings/app/password", "never"), ("/settings/app/secretKey", "never"), ("/settings/app/authToken", "never"),
            ("/settings/app/accessKey", "never")],
    "app_client_secret": [("/client_secret", "clear")],
    "user": [("/credentials/password/value", "never"), ("/credentials/recovery_question/answer", "never")],
    "api_service_integration": [("/clientSecret", "once")],
    "api_service_integration_secret": [("/client_secret", "once")],
    "api_token": [("/token", "never")],
    "yubikey_otp_token": [("/privateId", "never"), ("/aesKey", "never")],
    "telephony_provider": [("/providerAuthToken", "never")],
    "idp": [("/protocol/credentials/client/client_secret", "clear"), ("/protocol/credentials/signing/privateKey", "never")],
    "event_hook": [("/channel/config/authScheme/value", "never"), ("/channel/config/headers/*/value", "clear")],
    "log_stream": [("/settings/token", "never")],
    "custom_domain": [("/privateKey", "never")],
    "oag_certificate": [("/privateKey", "never")],
    "oag_idp_offline_directory": [("/connection/bindCredential", "never")],
    "opa_service_user_key": [("/key_secret", "once")],
    "opa_secret": [("/secret_jwe", "encrypted")],
    "opa_project_server_enrollment_token": [("/token", "clear")], "opa_gateway_setup_token": [("/token", "clear")],
}
PLAIN_KEYS = ("name", "label", "type", "key")
LEVER = {"activate": "ACTIVE", "deactivate": "INACTIVE"}
# Kinds whose switch has other words.
LEVERS = {
    "user": {"deactivate": "DEPROVISIONED"}, "device": {"deactivate": "DEACTIVATED"}, "device_integration": {"deactivate": "DEACTIVATED"},
    "app_provisioning_connection": {"activate": "ENABLED", "deactivate": "DISABLED"},
}
# Fields that the document calls read-only and a write takes, as its own request bodies or recorded traffic show.
TAKEN = {
    "app": ["/name", "/features"], "app_user_assignment": ["/id", "/scope"], "event_hook": ["/status"],
    "app_group_push_mapping": ["/sourceGroupId", "/targetGroupId", "/status"], "inline_hook": ["/version"],
    "user": ["/realmId", "/credentials/provider"], "user_factor": ["/profile"], "group_owner": ["/id"],
    "user_role_assignment": ["/role", "/resource-set"], "group_role_assignment": ["/role", "/resource-set"],
    "client_role_assignment": ["/role", "/resource-set"], "idp_user_link": ["/externalId"], "app_client_secret": ["/client_secret"],
}
# Of these, and beside them, what a later change does not move.
FIXED = {
    "app": ["/name", "/signOnMode"], "app_user_assignment": ["/id"], "group_owner": ["/id"],
    "app_group_push_mapping": ["/sourceGroupId", "/targetGroupId"], "user_factor": ["/profile"],
    "user_role_assignment": ["/role", "/resource-set"], "group_role_assignment": ["/role", "/resource-set"],
    "client_role_assignment": ["/role", "/resource-set"],
}
TOGGLES = {
    "showEndUserFooter": ("/showEndUserFooter", True), "hideEndUserFooter": ("/showEndUserFooter", False),
    "optIn": ("/optOutEmailUsers", False), "optOut": ("/optOutEmailUsers", True),
    "subscribe": ("/status", "subscribed"), "unsubscribe": ("/status", "unsubscribed"),
    "suspend": ("/status", "SUSPENDED"), "unsuspend": ("/status", "ACTIVE"),
}
OTHER_HOST = {
    "oag": "Access Gateway answers on a host of its own, with a credential of its own.",
    "opa": "Privileged Access answers on a host of its own, with a credential of its own.",
}


def head(catalog):
    """What holds for the whole provider."""
    catalog.head = {
        "format": 1, "provider": "okta", "title": "Okta",
        "source": "Management API 2026.06.3, Identity Governance 3.2.0, Access Gateway 1.0.0, Privileged Access 1.0.0, "
                  "the development document 2026.03.0, and recorded traffic",
        "rules": 1,
        "masked": ["********"],
        "settings": {"team_name": "", "workflows": ""},
        "auth": {
            "token": "/oauth2/v1/token", "forms": ["token", "private_key_jwt"], "scheme": "SSWS", "names_scopes": True, "rights": ["/scp/*"],
            # A service app is an app; a token does not say whose it is, and the vendor does.
            "own": [{"credential": "client_id", "kind": "app", "at": "/credentials/oauthClient/client_id"}],
            "owner": {"form": "token", "path": "/api/v1/users/me", "at": "/id", "holds": [{"kind": "api_token", "at": "/userId"}]},
        },
        "identity": {"path": "/api/v1/org", "at": "/id"},
        # An ORN holds the organisation's id between colons, wherever it stands. What is put into a set by its URL is at the
        # organisation's host, and so is what issues its tokens.
        "names_tenant": [{"at": "/**/*", "by": ":{identity}:"}, *({"at": at, "by": "{url}"} for at in ("/_links/*/href", "/issuer"))],
        "paging": {"helper": {"style": "cursor", "cursor": "after", "next": "/next"}},
        "rate": {"concurrent": 8, "limit_header": "x-rate-limit-limit", "remaining_header": "x-rate-limit-remaining",
                 "reset_header": "x-rate-limit-reset"},
        "statuses": [
            {"status": 401, "code": "E0000015", "state": "not_entitled", "reason": "The organisation does not have the feature."},
            {"status": 403, "state": "not_permitted", "reason": "The credential may not read it."},
            {"status": 405, "state": "not_entitled", "reason": "The organisation does not have the feature."},
        ],
        "audit": {
            "path": "/api/v1/logs?sortOrder=ASCENDING&limit=1000", "scopes": ["okta.logs.read"], "paging": "link", "since": "since", "unit": "rfc3339",
            "id": "/uuid", "time": "/published", "operation": "/eventType", "resource_type": "/target/0/type",
            "resource": "/target/0/id", "resource_name": "/target/0/displayName", "actor_id": "/actor/id", "actor_name": "/actor/alternateId",
            "client": "/client/id", "address": "/client/ipAddress", "token": "/transaction/detail/requestApiTokenId",
        },
        "hosts": okta_workflows.HOSTS,
        "files": okta_workflows.FILES,
        "bucket": {},
        "access": access(),
    }


def paging_name(catalog, kind, style):
    """The name of the page form of a list, registered on first use."""
    if style["style"] == "none":
        return None
    if style["style"].startswith("offset"):
        catalog.head["paging"].setdefault("link", {"style": "link_header"})
        return "link"
    body = "_links.next" in style["next"]
    limit, size = style.get("limit_param"), style.get("limit_max") or style.get("limit_default")
    if style.get("limit_max") == 10000:
        size = 1000
    size = size if size and size > 0 else None
    form = {"style": "body_link", "next": "/_links/next/href"} if body else {"style": "link_header"}
    name = "body" if body else "link"
    if limit and size:
        form |= {"limit": limit, "size": size}
        name += f"-{size}" if limit == "limit" else f"-{kind}"
    catalog.head["paging"].setdefault(name, form)
    return name


def reads(catalog, docs, kind, row):
    """How instances are read."""
    plan = dict(READS.get(row["type"], {}))
    path = plan.pop("path", row["list_path"] or row["get_path"])
    read = {"path": path} if path else {}
    if row["list_path"]:
        paging = paging_name(catalog, row["type"], row["pagination"])
        if paging and "paging" not in plan:
            read["paging"] = paging
        items, _ = docs.rows(row["list_path"])
        if items:
            read["items"] = [items]
        elif row["spec"] == "opa":
            read["items"] = ["/list/*"]
        if row["list_returns_full_object"] is False:
            read["detail"] = True
    elif not row["singleton"] and not plan.get("inside"):
        read["items"] = [""]
    again = plan.pop("again", None)
    read |= plan
    # Where the path names the instance, 404 says that there is no such one; of a collection or a setting that hangs on
    # nothing it says that the organisation does not have such things.
    alone = not row["parent"] and not plan.get("each") and not plan.get("values_of") and row["type"] not in ESSENTIAL
    if (row["optional"] or alone) and row["type"] not in ID_OF:
        absent = {"status": 404, "state": "not_entitled", "reason": "The organisation does not have the feature."}
        read["statuses"] = read.get("statuses", []) + [absent]
    if (row["parent"] == "user" or "user" in plan.get("each", [])) and "below" not in plan:
        read["costly"] = True
    kind["read"] = [read]
    if again:
        kind["read"].append({"path": path} | again)


def writes(catalog, kind, row):
    """Create, update, delete and the calls that switch."""
    ops = row["operations"]
    calls = {name: [f"{op['method']} {op['path']}" for op in ops.get(name, [])] for name in ops}
    updates = calls.get("replace", []) + calls.get("update", []) + calls.get("patch", [])
    lever = LEVER | LEVERS.get(row["type"], {})
    kind["action"] = [action(op, lever) for name in ("lifecycle", "action") for op in ops.get(name, [])]
    if row["type"].endswith("_app_target"):
        app_target(kind, calls)
        leftover = [call for call in updates if call.endswith("/apps")]
    elif kind["shape"] == "edge" and not calls.get("create") and updates:
        deletes = calls.get("delete", [])
        kind["create"] = [{"call": updates[0], "body": "none", "new_id": "sent"}]
        kind["delete"] = [{"call": call, "body": "none"} for call in deletes[-1:]]
        leftover = updates[1:] + deletes[:-1]
    else:
        kind["create"] = [{"call": call, "new_id": "answer"} for call in calls.get("create", [])[:1]]
        kind["update"] = [{"call": call} for call in updates[:1]]
        deletes = [call for call in calls.get("delete", []) if "{" in call.rsplit("/", 1)[-1]] or calls.get("delete", [])
        kind["delete"] = [{"call": call, "body": "none"} for call in deletes[:1]]
        leftover = updates[1:] + calls.get("create", [])[1:] + [c for c in calls.get("delete", []) if c not in deletes[:1]]
    for call in leftover:
        note(kind, f"Other call: {call}")
        catalog.facts["further calls kept as a note"] += 1


def app_target(kind, calls):
    """An application as the target of a role: all instances of it, or one."""
    kind["also_id"] = ["/id"]
    kind["keep"] = ["/name", "/id"]
    for role, source in (("create", "replace"), ("delete", "delete")):
        kind[role] = []
        for call in calls[source]:
            if call.endswith("{appId}"):
                kind[role].append({"call": call, "only": [{"at": "/id", "present": True}], "body": "none"})
            elif call.endswith("{appName}"):
                kind[role].append({"call": call, "only": [{"at": "/id", "present": False}], "body": "none"})
    for write in kind["create"]:
        write["new_id"] = "sent"


def action(op, lever):
    """A call that switches or does something, with what holds afterwards where that is known."""
    last = op["path"].rsplit("/", 1)[-1]
    does = re.sub(r"(?<!^)([A-Z])", r"_\1", op["operationId"] if "operationId" in op else last).lower()
    out = {"does": does, "call": f"{op['method']} {op['path']}"}
    if "/lifecycle/" in op["path"] and last in lever:
        out["makes"] = [{"at": "/status", "is": [lever[last]]}]
    elif last in TOGGLES:
        at, value = TOGGLES[last]
        out["makes"] = [{"at": at, "is": [value]}]
    return out


def refs(catalog, kind, row, known):
    """Fields that point at other kinds."""
    out = []
    for field, ref in row["references"].items():
        at = pattern(field)
        if ref["form"] == "url" and at.startswith("/_links/") and not at.endswith("/href"):
            at += "/href"
        to = [name for name in ref["types"] if name in known]
        if not to or at is None:
            note(kind, f"{field} points at {', '.join(ref['types'])}")
            catalog.drop("references to things that are no kind")
            continue
        entry = {"at": at, "to": to}
        form = {"url": "url", "orn": "expression", "expression": "expression", "name": "name"}.get(ref["form"])
        if form:
            entry["by"] = form
        if ref["form"] in ("kid", "key"):
            entry["target_at"] = "/" + ref["form"]
        if ref["form"] == "client_id":
            entry["target_at"] = "/credentials/oauthClient/client_id"
        out.append(entry)
    kind["refs"] = out


# What a person knows an instance by, where the natural key says more than that.
SHOWN = {
    "app": "/label", "group": "/profile/name", "policy": "/name", "authenticator": "/name", "idp": "/name", "trusted_origin": "/name",
    "device": "/profile/displayName", "inline_hook": "/name", "device_assurance": "/name", "auth_server_claim": "/name",
    "sms_template": "/name", "push_provider": "/name", "api_token": "/name", "email_server": "/alias", "agent_pool": "/name",
    "user_role_app_target": "/name", "group_role_app_target": "/name", "client_role_app_target": "/name",
}


def natural_key(kind, row, fields, ancestors):
    """Pointers of the natural key; what a parent says is left to the address."""
    out = []
    for part in row["natural_key"]:
        at = pattern(part)
        plain = part.replace("-", "_")
        if plain in ancestors or any(name.endswith("_" + plain) for name in ancestors):
            continue
        if at and (not fields or part.split(".")[0] in fields or part in PLAIN_KEYS):
            out.append(at)
        else:
            note(kind, f"Matched by {part} too")
    kind["name"] = out


def secrets(kind, row):
    """Fields that hold secrets; what is only written is never returned."""
    known = SECRETS.get(row["type"])
    if known is None:
        known = [(pattern(field), "never") for field in dict.fromkeys(row["secret_fields"]) if pattern(field)]
    kind["secret"] = [{"at": at, "returned": returned} for at, returned in known]
    held = {at for at, _ in known}
    kind["write_only"] = [at for at in map(pattern, row["write_only_fields"]) if at and at not in held]


def convert(shared):
    """The catalogue of Okta."""
    import json
    rows = json.loads((shared / "providers" / "okta.json").read_text(encoding="utf-8"))
    docs = Documents(shared / "specs" / "okta", DOCUMENTS)
    catalog = Catalog("okta")
    head(catalog)
    known = {row["type"]: row for row in rows}
    catalog.head["audit"] |= audit(shared, known)
    for row in rows:
        catalog.kinds.append(one(catalog, docs, row, known))
    catalog.kinds += okta_workflows.kinds()
    recorded = Recorded(shared / "corpora" / "okta" / "recorded.ndjson")
    for kind in catalog.kinds:
        if "unread" not in kind:
            known_members(docs, recorded, kind)
    okta_writes.settle_links(catalog.kinds)
    fill_params(catalog, PARAMS | {"parentId": "app:/id"})
    cut_cycles(catalog)
    groups = {}
    for item in json.loads((shared / "providers" / "okta-excluded.json").read_text(encoding="utf-8")):
        groups.setdefault(sentence(item["reason"]), []).append(item["path"])
    for reason in sorted(groups):
        catalog.exclude(reason, groups[reason])
    return catalog


def one(catalog, docs, row, known):
    """One kind."""
    ancestors = []
    while (up := known[ancestors[-1] if ancestors else row["type"]]["parent"]) and up not in ancestors:
        ancestors.append(up)
    kind = {"kind": row["type"], "shape": "singleton" if row["singleton"] else "object"}
    if row["type"] in EDGES:
        kind |= {"shape": "edge", "id": EDGES[row["type"]], "keep": [EDGES[row["type"]]]}
    elif not row["singleton"]:
        kind["id"] = IDS.get(row["type"], "/id")
    if row["type"] in ID_OF:
        kind |= {"shape": "object", "id_of": [ID_OF[row["type"]]]}
        if row["type"] == "user_schema":
            kind["appointed_by"] = "user_type:/_links/schema/href:last"
        else:
            kind["id_is_name"] = True
        kind.pop("id", None)
    if row["type"] == "app_ui_schema":
        # The vendor has one form for each application of its catalogue, whatever the number of instances.
        row["extra_get_paths"], row["get_path"] = [row["get_path"]], row["list_path"]
    kind["parent"] = [row["parent"]] if row["parent"] else []
    kind["what"] = describe(kind, ACRONYMS, kind["parent"])
    if row["type"] == "user_schema":
        kind["parent"] = []
    if row["type"] == "role_subscription":
        # Each role has the same types of notification, and no row says which role it is of.
        kind["id_of"] = ["roleRef"]
    if row["spec"] == "undocumented":
        kind["stage"] = "undocumented"
    elif row["lifecycle"] in STAGES:
        kind["stage"] = STAGES[row["lifecycle"]]
    if row["get_path"] and not row["singleton"]:
        kind["get"] = row["get_path"]
    kind["bucket"] = bucket(catalog, row)
    _, fields = docs.rows(row["list_path"]) if row["list_path"] else (None, docs.names(row["get_path"]))
    if not row["singleton"]:
        natural_key(kind, row, fields, ancestors)
        kind["shown"] = [at for at in [SHOWN.get(row["type"])] if at and len(kind.get("name", [])) > 1]
    reads(catalog, docs, kind, row)
    covered = {read.get(role, "").split("?")[0] for read in kind["read"] for role in ("path", "below")} | {kind.get("get")}
    further = [path for path in [row["list_path"], row["get_path"], *row.get("extra_get_paths", [])] if path and path not in covered]
    joins = [path for path in row.get("extra_get_paths", []) if path in further and row["type"] in ("oin_submission", "opa_secret_folder")]
    if joins:
        kind["read"][0]["join"] = {path.split("}/", 1)[1].replace("/", "_") if row["type"] == "oin_submission"
                                   else path.rsplit("/", 1)[-1]: path for path in joins if path.count("{capability}") == 0}
    kind["same"] = [path for path in further if path not in kind["read"][0].get("join", {}).values()]
    assigned = catalog.places(kind, row["read_only_fields"], "Set by the server")
    rows = kind["read"][0].get("items", [""])[0] + "/"
    assigned = list(dict.fromkeys("/" + at[len(rows):] if len(rows) > 1 and at.startswith(rows) else at for at in assigned))
    taken = TAKEN.get(row["type"], [])
    kind["assigned"] = [] if kind["shape"] == "edge" else [at for at in assigned if at not in taken]
    kind["fixed"] = FIXED.get(row["type"], [])
    refs(catalog, kind, row, known)
    links = any(ref["at"].startswith("/_links") for ref in kind["refs"]) or kind.get("id", "").startswith("/_links")
    kind["volatile"] = VOLATILE.get(row["type"], []) + ([] if links or "/_links" not in kind["assigned"] else ["/_links"])
    secrets(kind, row)
    kind["scopes"] = {"read": [s for s in row["scopes_read"]], "write": [s for s in row["scopes_write"]]}
    kind["system"] = SYSTEM.get(row["type"], [])
    writes(catalog, kind, row)
    restore(kind, row)
    extras(catalog, kind, row)
    if "unread" not in kind:
        okta_settings.one(kind)
        okta_writes.one(kind)
    return kind


def known_members(docs, recorded, kind):
    """Members that are no news; of an edge only what is kept is looked at."""
    if kind["shape"] == "edge" and kind["keep"] != [""]:
        return
    names, links = documented(docs, kind)
    more, further = recorded.of(kind)
    names |= more | set(okta_settings.FIELDS.get(kind["kind"], []))
    if not names:
        return
    names |= set(kind["read"][0].get("join", {}))
    kind["fields"] = sorted(names)
    kind["links"] = sorted(links | further) if "_links" in names else []


def bucket(catalog, row):
    """The name of the rate bucket, registered with the smallest documented figure."""
    name = row["rate_limit"]["bucket"]
    per_minute = min((row["rate_limit"].get("documented_per_minute") or {"": 0}).values())
    known = catalog.head["bucket"]
    known[name] = max(known.get(name, 0), per_minute)
    return name


def restore(kind, row):
    """Whether it comes back."""
    kind["restore"] = {"class": {"full": "full", "partial": "partial", "no": "never"}[row["restorable"]]}
    if row["restorable"] != "full":
        kind["restore"]["reason"] = sentence(row["why"])
    elif not row["why"].startswith("all fields"):
        note(kind, row["why"])
    if row["restore_tier"] is not None and row["restorable"] != "no":
        kind["restore"]["order"] = row["restore_tier"]
    if row["type"] == "entitlement_value":
        kind["restore"]["through"] = "entitlement"


def extras(catalog, kind, row):
    """What is left: other hosts, incremental reads, notes, and the count of what has no place."""
    if row["spec"] in OTHER_HOST:
        kind["unread"] = {"state": "no_api", "reason": OTHER_HOST[row["spec"]]}
    since = {
        "user": "/api/v1/users?filter=lastUpdated%20gt%20%22{since}%22",
        "group": "/api/v1/groups?filter=lastUpdated%20gt%20%22{since}%22%20or%20lastMembershipUpdated%20gt%20%22{since}%22",
        "device": "/api/v1/devices?search=lastUpdated%20gt%20%22{since}%22",
        "app_group_push_mapping": "/api/v1/apps/{appId}/group-push/mappings?lastUpdated={since}",
    }.get(row["type"])
    if since:
        kind["changes"] = {"path": since, "style": "since", "deletions": False}
        if kind["read"][0].get("paging"):
            kind["changes"]["paging"] = kind["read"][0]["paging"]
    elif row["incremental"]:
        note(kind, f"Incremental: {row['incremental']}")
    if row.get("note"):
        note(kind, row["note"])
    if row.get("iterate"):
        note(kind, f"Run over: {row['iterate']}")
    if row["engine"] == "identity_engine":
        note(kind, "Identity Engine only")
    catalog.drop("query parameters that a full read does not need", len(row["query_params"]))
    catalog.drop("figures of recorded traffic (answers, distinct objects, limits seen)")
    catalog.drop("category names, which no decision uses")
