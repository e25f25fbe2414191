"""PingFederate: a server of the customer's own; ids are the client's choice, secrets come encrypted."""

import json

from form import PLACEHOLDER, Catalog, cut_cycles, describe, fill_params, note, sentence
from openapi import Documents, deref, members

BASE = "/pf-admin-api/v1"
ACRONYMS = {
    "oauth": "OAuth", "idp": "identity provider", "sp": "service provider", "api": "API", "ca": "CA", "ocsp": "OCSP", "ssl": "TLS",
    "ciba": "CIBA", "sts": "STS", "ws": "WS", "url": "URL", "urls": "URLs", "captcha": "CAPTCHA", "auth": "authorization", "id": "ID",
}
ENCRYPTED = ("encryptedValue", "encryptedPassword", "encryptedSecret")
NOT_LISTED = {
    "config_store": "The API does not list the bundles; their names stand in the bulk export.",
    "certificates_groups": "The API does not list the groups; their names stand in the bulk export.",
}
# Members that hold `{ "id": … }` of another kind, by the name that the document gives them.
LINKS = {
    "dataStoreRef": "data_stores", "ldapGatewayDataStoreRef": "data_stores", "dataSource": "data_stores",
    "notificationPublisherRef": "notification_publishers", "defaultNotificationPublisherRef": "notification_publishers",
    "accountChangesNotificationPublisherRef": "notification_publishers", "authenticationPolicyContractRef": "authentication_policy_contracts",
    "apcId": "authentication_policy_contracts", "accessTokenManagerRef": "oauth_access_token_managers",
    "defaultAccessTokenManagerRef": "oauth_access_token_managers", "signingKeyPairRef": "key_pairs_signing",
    "signingKeyRef": "key_pairs_signing", "idpAdapterRef": "idp_adapters", "spAdapterRef": "sp_adapters",
    "requestPolicyRef": "oauth_ciba_server_policy_request_policies", "defaultRequestPolicyRef": "oauth_ciba_server_policy_request_policies",
    "tokenExchangeProcessorPolicyRef": "oauth_token_exchange_processor_policies", "defaultProcessorPolicyRef": "oauth_token_exchange_processor_policies",
    "defaultGeneratorGroupRef": "oauth_token_exchange_generator_groups", "defaultApplicationRef": "authentication_api_applications",
    "authenticationApiApplicationRef": "authentication_api_applications", "authenticationSelectorRef": "authentication_selectors",
    "fragment": "authentication_policies_fragments", "localIdentityRef": "local_identity_identity_profiles",
    "adminWebServicePcvRef": "password_credential_validators", "userCodePcvRef": "password_credential_validators",
    "passwordValidatorRef": "password_credential_validators", "captchaProviderRef": "captcha_providers",
    "defaultCaptchaProviderRef": "captcha_providers", "metadataUrlRef": "metadata_urls", "identityStoreProvisionerRef": "identity_store_provisioners",
    "idpTokenProcessorRef": "idp_token_processors", "subjectTokenProcessor": "idp_token_processors", "actorTokenProcessor": "idp_token_processors",
    "spTokenGeneratorRef": "sp_token_generators", "tokenGenerator": "sp_token_generators", "requestContractRef": "idp_sts_request_parameters_contracts",
    "pingOneConnectionRef": "ping_one_connections", "authorizationDetailProcessorRef": "oauth_authorization_detail_processors",
    "runtimeServerCertRef": "key_pairs_ssl_server", "adminConsoleCertRef": "key_pairs_ssl_server", "sslAuthKeyPairRef": "key_pairs_ssl_client",
    "clientForRedirectlessModeRef": "oauth_clients",
}
PARAMS = {"bundle": "row:/bundle", "groupName": "row:/groupName"}
PRIVATE = "A private key leaves the server only as PKCS12 with a password; a lost one is made anew and partners must trust it again."
SEALED = "Its secrets are encrypted under the server's own key and taken back only by a server that holds the same key."


def head(source):
    """What holds for the whole provider."""
    return {
        "format": 1, "provider": "pingfederate", "title": "PingFederate",
        "source": f"Administrative API {source['spec_version']}", "rules": 1,
        "headers": {"x-xsrf-header": source["conventions"]["headers"]["X-XSRF-Header"]},
        "auth": {"forms": ["basic", "client_secret", "certificate"]},
        "identity": {"path": BASE + "/serverSettings", "at": "/federationInfo/saml2EntityId"},
        "paging": {"page": {"style": "page", "page": "page", "limit": "numberPerPage", "size": 100, "first": 1}},
        "rate": {"concurrent": 2},
    }


def holds(doc, schema, names, depth=0):
    """Which of these members stand anywhere in a schema."""
    found = set()
    if depth > 7:
        return found
    schema = deref(doc, schema)
    for name, member in members(doc, schema).items():
        found |= {name} & set(names)
        found |= holds(doc, member, names, depth + 1)
    if "items" in schema:
        found |= holds(doc, schema["items"], names, depth + 1)
    return found


def parent_of(row, rows):
    """The kind below whose instances it lies, where its path says so."""
    if not row["parent_in_path"] or row["type"] in NOT_LISTED:
        return []
    path = row["list_path"] or row["get_path"]
    return [other["type"] for other in rows if other is not row and other["get_path"] and other["get_path"].endswith("}")
            and path.startswith(other["get_path"] + "/")]


def one(catalog, docs, row, rows):
    """One kind."""
    shape = "singleton" if row["kind"] == "singleton" else "object"
    kind = {"kind": row["type"], "shape": shape, "parent": parent_of(row, rows)}
    kind["what"] = describe(kind, ACRONYMS, kind["parent"])
    if shape == "object":
        last = PLACEHOLDER.findall(row["get_path"] or "")[-1:]
        kind["id"] = "/" + last[0] if last else "/certView/id"
        kind["name"] = [kind["id"]]
        if row["get_path"]:
            kind["get"] = BASE + row["get_path"]
    read = {"path": BASE + (row["list_path"] or row["get_path"])}
    if row["type"] == "authentication_policies_policy":
        read = {"inside": True, "each": ["authentication_policies_default"], "items": ["/authnSelectionTrees/*"]}
    elif row["list_path"]:
        if "page" in row["query"]:
            read["paging"] = "page"
        items, _ = docs.rows(row["list_path"])
        read["items"] = [items or "/items/*"]
    kind["read"] = [read]
    if row["type"] in NOT_LISTED:
        kind["unread"] = {"state": "no_api", "reason": NOT_LISTED[row["type"]]}
    doc, schema = docs.answer(row["get_path"] or row["list_path"])
    kind["secret"] = [{"at": f"/**/{name}", "returned": "encrypted"} for name in sorted(holds(doc, schema, ENCRYPTED))]
    linked = sorted(holds(doc, schema, LINKS))
    kind["refs"] = [{"at": f"/**/{name}/id", "to": [LINKS[name]]} for name in linked if LINKS[name] != row["type"]]
    writes(catalog, kind, row)
    restore(kind, row)
    note(kind, row.get("notes") or "")
    catalog.drop("query parameters that a full read does not need", len([name for name in row["query"] if name not in ("page", "numberPerPage")]))
    return kind


def writes(catalog, kind, row):
    """Create under the id that the snapshot has, update, delete."""
    ops = row["operations"]
    if ops["create"]:
        calls = ops["create"].split(" or ")
        method, path = calls[0].split(" ")
        write = {"call": f"{method} {BASE}{path}", "new_id": "answer"}
        if kind.get("id") == "/id":
            write |= {"send": ["/id"], "new_id": "sent"}
        kind["create"] = [write]
        for other in calls[1:]:
            note(kind, f"Other call: {other}")
            catalog.facts["further calls kept as a note"] += 1
    for role in ("update", "delete"):
        if ops[role]:
            method, path = ops[role].split(" ")
            kind[role] = [{"call": f"{method} {BASE}{path}"} | ({"body": "none"} if role == "delete" else {})]


def restore(kind, row):
    """The facts do not say; what the calls and the secrets allow does."""
    written = kind.get("create") or kind.get("update")
    if not written:
        kind["restore"] = {"class": "never", "reason": "It can be read and not written."}
    elif row["type"] in ("license", "license_agreement"):
        kind["restore"] = {"class": "never", "reason": "It belongs to the contract with the vendor, not to the configuration."}
    elif row["type"].startswith("key_pairs_") and kind.get("create"):
        kind["restore"] = {"class": "partial", "reason": PRIVATE}
    elif kind["secret"]:
        kind["restore"] = {"class": "partial", "reason": SEALED}
    else:
        kind["restore"] = {"class": "full"}
    if any(write.get("send") for write in kind.get("create", [])):
        kind["restore"]["keeps_id"] = True


def order(catalog):
    """What a kind needs comes before it: its depth below kinds that need nothing."""
    kinds = catalog.by_name()

    def depth(name):
        kind = kinds[name]
        needed = [to for ref in kind.get("refs", []) if not ref.get("second_pass") for to in ref["to"]]
        return max((depth(to) + 1 for to in needed + kind["parent"]), default=0)

    for name in kinds:
        if kinds[name]["restore"]["class"] != "never":
            kinds[name]["restore"]["order"] = depth(name)


def convert(shared):
    """The catalogue of PingFederate."""
    source = json.loads((shared / "providers" / "pingfederate.json").read_text(encoding="utf-8"))
    docs = Documents(shared / "specs" / "ping", ["pingfederate-admin.openapi.json"])
    catalog = Catalog("pingfederate")
    catalog.head = head(source)
    for row in source["types"]:
        catalog.kinds.append(one(catalog, docs, row, source["types"]))
    first = catalog.by_name()["cluster_settings"]
    note(first, source["conventions"]["activation"])
    note(first, f"Bulk: {source['bulk']['export']} gives all in one answer, in an order that a restore may follow; it lacks "
         + " and ".join(source["bulk"]["not_included"]))
    note(first, f"Whole-server import, {source['bulk']['import_operation']}: {source['bulk']['warning']}")
    fill_params(catalog, PARAMS)
    cut_cycles(catalog)
    order(catalog)
    groups = {}
    for item in source["excluded"]:
        groups.setdefault(sentence(item["reason"]), []).append(item["path"])
    for reason in sorted(groups):
        catalog.exclude(reason, groups[reason], BASE)
    return catalog
