"""What a restore has to know of Okta beyond its calls: states, order, what comes along, what is asked for.

From the notes on each kind in `okta.json`, the traps of `okta.md`, and recorded traffic.
"""

INACTIVE = [{"at": "/status", "is": ["INACTIVE"]}]
# Taken away only while it is switched off.
OFF_FIRST = [
    "app", "auth_server", "network_zone", "event_hook", "inline_hook", "log_stream", "realm_assignment", "app_oauth_jwk",
    "app_client_secret", "auth_server_resource_key", "app_group_push_mapping",
]
# They act on others by themselves. What a new one is before anybody switches it stands beside.
SWITCHED_LAST = {"group_rule": "INACTIVE", "realm_assignment": "INACTIVE", "event_hook": "ACTIVE"}
BORN = {"user": {"/status": "STAGED"}}
# A write moves the places of the others.
MOVES_OTHERS = ["policy", "policy_rule", "auth_server_policy", "auth_server_policy_rule", "realm_assignment", "app_group_assignment"]
# Links with a body of their own.
LINKS = {"app_user_assignment": "/id", "app_group_assignment": "/id", "idp_user_link": "/id", "group_owner": "/id", "role_binding": "/id",
         "collection_resource": "/resourceId"}
# The caller chooses the id.
CHOSEN = ["authenticator_custom_aaguid", "linked_object_definition", "custom_role_permission"]
# Made by the call that changes it.
PUT_IN_PLACE = {
    "app_group_assignment": "PUT /api/v1/apps/{appId}/groups/{groupId}", "idp_user_link": "POST /api/v1/idps/{idpId}/users/{userId}",
    "custom_role_permission": "PUT /api/v1/iam/roles/{roleIdOrLabel}/permissions/{permissionType}",
}
# Set by the server, whatever the document says.
ASSIGNED = {
    "app": ["/credentials/signing/kid"], "idp": ["/protocol/credentials/signing/kid"], "user": ["/credentials/emails"],
    "governance_label": ["/labelId"], "idp_key": ["/kid"], "delegate_appointment": ["/status"],
    "app_grant": ["/userId"], "ssf_stream": ["/stream_id", "/iss", "/aud", "/events_delivered", "/events_supported", "/min_verification_interval"],
    "policy_mapping": ["/_links/self"], "policy": ["/system"], "policy_rule": ["/system"], "auth_server_policy": ["/system"],
    "auth_server_policy_rule": ["/system"], "auth_server_scope": ["/system"], "auth_server_claim": ["/system"], "auth_server": ["/default"],
    "trusted_origin": ["/createdBy", "/lastUpdatedBy"], "entitlement_bundle": ["/orn"],
    "device_assurance": ["/resourceId", "/resourceType", "/resourceDisplayName"],
}
# What goes with a thing, and hangs on it by more than its path.
CASCADES = {
    "app": [
        "policy_mapping", "governance_resource_label", "governance_resource_owner", "collection_resource", "app_cross_app_access_connection",
        "entitlement_grant"],
    "user": ["user_linked_object", "delegate_appointment", "api_token", "collection_assignment", "entitlement_grant"], "custom_role": ["role_binding"],
}
# Of how much less can be said than the facts say, and why.
PARTIAL = {
    "request_condition": "A condition whose approval sequence went with its application does not come back, as no call makes a sequence.",
    "app_client_secret": "A secret is made again with its value, under a new id; one that the vendor made with its application is beside it.",
    "user_type": "The schema of a type that was deleted is new: its own attributes do not come back.",
}
# What comes with a new one.
BRINGS = {
    "auth_server": ["auth_server_claim", "auth_server_scope"], "brand": ["brand_theme"], "idp": ["profile_mapping"],
    "custom_role": ["custom_role_permission"], "resource_set": ["resource_set_resource"], "role_binding": ["role_binding_member"],
    "entitlement": ["entitlement_value"], 
}
LONE = ["brand_theme"]
# Words that stand where an id could, and name nothing.
EXCEPT = {
    ("auth_server_policy", "/conditions/clients/include/*"): ["ALL_CLIENTS"],
    ("auth_server_policy_rule", "/conditions/people/groups/include/*"): ["EVERYONE"],
    ("auth_server_policy_rule", "/conditions/scopes/include/*"): ["*"],
    ("app_group_push_mapping", "/targetGroupId"): [],
}
# Ids that may also be of things that are no resource.
FREE = [("app_grant", "/scopeId"), ("api_token", "/userId"), ("app_group_push_mapping", "/targetGroupId")]
# A new one is not made without it, and nobody was ever shown it.
ASKED = {
    "user": {"/credentials/password/value": []},
    "captcha": {"/secretKey": []},
    "email_server": {"/password": []},
    "event_hook": {"/channel/config/authScheme/value": []},
    "inline_hook": {"/channel/config/authScheme/value": [], "/channel/config/clientSecret": [{"at": "/channel/type", "is": ["OAUTH"]}]},
    "log_stream": {"/settings/token": [{"at": "/type", "is": ["splunk_cloud_logstreaming"]}]},
    "push_provider": {"/configuration/tokenSigningKey": [{"at": "/providerType", "is": ["APNS"]}],
                      "/configuration/serviceAccountJson": [{"at": "/providerType", "is": ["FCM"]}]},
    "telephony_provider": {"/providerAuthToken": []},
    "yubikey_otp_token": {},
}
# The parts that a new one must have from the start: where they go, of which kind, which field.
GATHERS = {
    "custom_role": ("/permissions", "custom_role_permission", ["/label"]),
    "resource_set": ("/resources", "resource_set_resource", ["/orn", "/_links/self/href"]),
    "role_binding": ("/members", "role_binding_member", ["/_links/self/href"]),
}
EFFECTS = {
    "group_rule": ["Adds users to groups and takes them out as soon as it is active."],
    "realm_assignment": ["Moves users to a realm as soon as it is active."],
    "event_hook": ["Sends events to an outside address as soon as it is active and verified."],
    "log_stream": ["Sends the System Log to an outside address as soon as it is active."],
    "app_user_assignment": ["An application with provisioning makes an account for the user."],
    "app_group_assignment": ["An application with provisioning makes accounts for the members."],
    "app_group_push_mapping": ["Makes the group and its members in the application."],
    "user": ["A user without a password gets a mail from the vendor only when an administrator has one sent."],
    "email_domain": ["Mails of the organisation leave from this domain once it is verified."],
}


def one(kind):
    """Adds what is known of the writes of one kind."""
    name = kind["kind"]
    states(kind)
    if name in LINKS:
        kind |= {"shape": "edge", "id": LINKS[name], "keep": [""]}
        kind["assigned"] = [at for at in kind.get("assigned", []) if at != "/id"]
    if name in PUT_IN_PLACE:
        kind["create"] = [{"call": PUT_IN_PLACE[name], "new_id": "sent"}]
    if name in CHOSEN:
        kind["restore"]["keeps_id"] = True
        for write in kind["create"]:
            write |= {"send": [kind["id"]]} if name != "custom_role_permission" else {}
    kind["assigned"] = kind.get("assigned", []) + [at for at in ASSIGNED.get(name, []) if at not in kind.get("assigned", [])]
    if name in PARTIAL and kind["restore"]["class"] == "full":
        kind["restore"] |= {"class": "partial", "reason": PARTIAL[name]}
    if name in CASCADES:
        kind["restore"]["cascades"] = CASCADES[name]
    if name in BRINGS:
        kind["restore"]["brings"] = BRINGS[name]
    if name in LONE:
        kind["restore"]["lone"] = True
    if name in MOVES_OTHERS:
        kind["restore"]["reshapes"] = [name]
        kind["restore"]["ranked"] = {"at": "/priority"} | ({"among": ["/type"]} if name == "policy" else {})
    if name in GATHERS:
        at, of, fields = GATHERS[name]
        kind["create"][0]["gathers"] = {"at": at, "of": of, "fields": fields}
    if name in EFFECTS:
        kind["restore"]["effects"] = EFFECTS[name]
    for ref in kind.get("refs", []):
        words = EXCEPT.get((name, ref["at"]))
        if words:
            ref["except"] = words
        if (name, ref["at"]) in FREE:
            ref["free"] = True
    for at, only in ASKED.get(name, {}).items():
        asked(kind, at, only)
    globals().get(name, lambda _: None)(kind)
    for write in kind.get("update", []):
        if write["call"].startswith("PUT ") and write.get("body") != "none" and kind.get("fixed"):
            write["echo"] = kind["fixed"]


def user_role_assignment(kind):
    """A role of the vendor's own has no role and no set beside its type."""
    kind["name"] = ["/role", "/resource-set", "/type"]


group_role_assignment = client_role_assignment = user_role_assignment


def governance_resource_owner(kind):
    """One call sets all owners of a resource, and with none takes them away. Both ends are told by their ORN."""
    kind["name"] = ["/resource/orn"]
    kind["assigned"] = ["/_links", "/parentResourceOrn", "/resource/id", "/resource/type", "/resource/profile",
                        "/principals/*/id", "/principals/*/type", "/principals/*/profile"]
    kind["set"] = [{"at": "/principals"}]
    to = ["app", "group", "entitlement_bundle", "entitlement_value", "collection"]
    kind["refs"] = [{"at": "/resource/orn", "to": to, "by": "expression"},
                    {"at": "/principals/*/orn", "to": ["user", "group"], "by": "expression"}]
    call = {"call": "POST /governance/api/v1/resource-owners", "body": "envelope"}
    resource = {"resourceOrns": ["$body/resource/orn"]}
    sets = call | {"envelope": {"principalOrns": "$body/principals/*/orn"} | resource}
    kind["create"], kind["update"] = [sets | {"new_id": "list"}], [sets]
    kind["delete"] = [call | {"envelope": {"principalOrns": []} | resource}]


def delegate_appointment(kind):
    """The one of each person: written, and taken away, with the settings of the person who appoints."""
    kind["name"] = ["/delegator/externalId"]
    call = {"call": "PATCH /governance/api/v1/principal-settings/{targetPrincipalId}", "body": "envelope"}
    one = {field: f"$body/{field}" for field in ("delegate", "note", "startTime", "endTime")}
    sets = call | {"envelope": {"delegates": {"appointments": [one]}}}
    kind["create"], kind["update"] = [sets | {"new_id": "list"}], [sets]
    kind["delete"] = [call | {"envelope": {"delegates": {"appointments": []}}}]
    kind["fixed"] = ["/delegator"]


def user_linked_object(kind):
    """Whom a user names: one for each relation, which the path tells and no row."""
    named(kind, [])
    call = {"call": "PUT /api/v1/users/{userIdOrLogin}/linkedObjects/{relationshipName}/{primaryUserId}", "body": "none",
            "only": [{"at": "/_links/self/href", "present": True}]}
    kind["create"], kind["update"] = [call | {"new_id": "sent"}], [call]
    kind["refs"] = [{"at": "/_links/self/href", "to": ["user"], "by": "url"}]
    kind["params"] = {"primaryUserId": ["user_linked_object:/_links/self/href:last"]}
    kind["restore"]["keeps_id"] = True
    kind["notes"] = kind["notes"].replace("associated.name", "primary.name")


def app_interclient_trust(kind):
    """The far end is an application."""
    kind["refs"] = [{"at": "/id", "to": ["app"]}]


def policy_rule(kind):
    """The last rule of some policies is the vendor's: found by its name, and changed."""
    types = [{"at": "/type", "is": ["ACCESS_POLICY", "PROFILE_ENROLLMENT"]}]
    kind["comes_with"] = [{"of": "policy", "only": types, "at": "/name", "named": "Catch-all Rule"}]


def auth_server_claim(kind):
    """Scopes are named."""
    for ref in kind["refs"]:
        if ref["at"] == "/conditions/scopes/*":
            ref["by"] = "name"


def idp_key(kind):
    """The certificate is what it is known by: the vendor gives each a name of its own."""
    kind["name"] = ["/x5c"]


def collection_assignment(kind):
    """One for each person."""
    kind["name"] = ["/principal/externalId"]
    kind["refs"].append({"at": "/principal/externalId", "to": ["user"]})
    kind["assigned"] += ["/collectionId"]


def app_oidc_id_token_settings(kind):
    """A change by another name."""
    kind["update"] = [{"call": "POST /api/v1/internal/apps/{appId}/settings/oauth/idToken"}]
    kind["action"] = []
    kind["assigned"] += ["/issuer", "/audience", "/orgUrl", "/customUrl"]


def collection_resource(kind):
    """What it is of is named twice; several are put in at once."""
    kind["create"][0] |= {"body": "list", "omit": ["/resourceId"], "new_id": "sent"}
    kind["refs"].append({"at": "/resourceId", "to": ["app", "group"]})
    kind["assigned"] += ["/resourceProfile", "/entitlementValueCount"]


def entitlement(kind):
    """Its values get ids of their own."""
    for write in kind["create"]:
        write["omit"] = ["/values/*/id", "/metadata", "/parentResourceOrn"]
    kind["assigned"] += ["/metadata", "/parentResourceOrn"]


def entitlement_value(kind):
    """What it belongs to is told by the server."""
    kind["assigned"] += ["/entitlementId", "/parent", "/parentResourceOrn"]


def policy_mapping(kind):
    """What shows which application is under a policy: the application's own endpoint sets it, and no other call does."""
    named(kind, ["/_links/application/href"])
    kind["links_but"] = ["application", "authenticator"]
    for ref in kind["refs"]:
        ref["by"] = "expression"
    kind["create"] = [{
        "call": "PUT /api/v1/apps/{appId}/policies/{policyId}", "body": "none", "new_id": "list",
        "only": [{"at": "/_links/application/href", "present": True}],
    }]
    kind["update"] = []
    kind["params"] = {"appId": ["policy_mapping:/_links/application/href:last"]}


def states(kind):
    """Switches, and the state in which a call is taken."""
    name = kind["kind"]
    if name in OFF_FIRST:
        for write in kind["delete"]:
            write["state"] = INACTIVE
    if name in SWITCHED_LAST:
        kind["restore"] |= {"switched_last": True, "born": {"/status": SWITCHED_LAST[name]}}
    if name in BORN:
        kind["restore"]["born"] = BORN[name]


def asked(kind, at, only):
    """A secret that a person gives for a new one."""
    known = next((field for field in kind["secret"] if field["at"] == at), None)
    if known is None:
        known = {"at": at, "returned": "never"}
        kind["secret"].append(known)
    known |= {"asked": True} | ({"only": only} if only else {})


def group_rule(kind):
    """It is changed only while it is switched off, and what it does not at all."""
    kind["update"][0]["state"] = INACTIVE
    kind["fixed"] = ["/actions", "/type"]


def app(kind):
    """The access policy is set by a call of the app's own; the other links are the vendor's."""
    kind["assigned"] = [at for at in kind["assigned"] if at != "/_links"] + ["/_links/profileEnrollment"]
    kind["links_but"] = ["accessPolicy", "profileEnrollment"]
    for write in kind["create"] + kind["update"]:
        write["omit"] = ["/_links"]
    kind["update"].append({
        "call": "PUT /api/v1/apps/{appId}/policies/{policyId}", "body": "none",
        "only": [{"at": "/_links/accessPolicy/href", "present": True}],
    })
    kind["params"] = {"policyId": ["app:/_links/accessPolicy/href:last"]}


def user(kind):
    """A new one is not told of it; it goes in two steps; each switch has its states."""
    kind["create"][0]["call"] = "POST /api/v1/users?activate=false"
    kind["delete"][0]["state"] = [{"at": "/status", "is": ["DEPROVISIONED"]}]
    kind["restore"]["off"] = [{"at": "/status", "value": "STAGED"}]
    of = {
        "activate": ["STAGED", "DEPROVISIONED"], "suspend": ["ACTIVE", "PROVISIONED", "PASSWORD_EXPIRED", "RECOVERY"], "unsuspend": ["SUSPENDED"],
        "deactivate": ["STAGED", "ACTIVE", "PROVISIONED", "SUSPENDED", "RECOVERY", "PASSWORD_EXPIRED", "LOCKED_OUT"],
    }
    for action in kind["action"]:
        last = action["call"].rsplit("/", 1)[-1]
        if last in of:
            action["from"] = [{"at": "/status", "is": of[last]}]
        if last == "activate":
            action["call"] += "?sendEmail=false"


def app_provisioning_connection(kind):
    """Only one that was set up is switched."""
    for action in kind["action"]:
        action["from"] = [{"at": "/status", "is": ["ENABLED", "DISABLED"]}]


def app_feature(kind):
    """An application without provisioning has none, and says so."""
    kind["gone"] = [{"status": 400, "says": "Provisioning is not supported"}]


def app_group_push_mapping(kind):
    """Its status is written by a change; a group of the same name in the application is taken again."""
    call = kind["update"][0]["call"]
    kind["action"] = [
        {"does": does, "call": call, "body": {"status": status}, "makes": [{"at": "/status", "is": [status]}]}
        for does, status in [("activate", "ACTIVE"), ("deactivate", "INACTIVE")]
    ]


def brand_theme(kind):
    """What is deleted of it are its pictures."""
    kind["delete"] = []


def profile_mapping(kind):
    """Two applications of one sort have mappings of the same names: the ids of the ends tell them apart."""
    kind["name"] = ["/source/name", "/source/id", "/target/name", "/target/id"]


def resource_set_resource(kind):
    """Known by what it names; a URL or an ORN."""
    named(kind, ["/_links/self/href"])
    to = ["app", "group", "user", "auth_server", "idp", "policy", "device"]
    kind["refs"] = [{"at": "/_links/self/href", "to": to, "by": "expression"}, {"at": "/orn", "to": to, "by": "expression"}]
    kind["create"] = [{
        "call": "PATCH /api/v1/iam/resource-sets/{resourceSetIdOrLabel}/resources", "body": "envelope",
        "envelope": {"additions": ["$body/_links/self/href"]}, "new_id": "list",
    }]
    kind["fixed"] = ["/_links/self/href", "/orn"]


def role_binding(kind):
    """Made with its members; its id is that of its role."""
    kind["create"][0] |= {"body": "envelope", "envelope": {"role": "$body/id", "members": "$body/members"}}


def role_binding_member(kind):
    """Known by whom it names."""
    named(kind, ["/_links/self/href"])
    for ref in kind["refs"]:
        ref["by"] = "expression"
    kind["create"] = [{
        "call": kind["update"][0]["call"], "body": "envelope", "envelope": {"additions": ["$body/_links/self/href"]}, "new_id": "list",
    }]
    kind["update"] = []


def named(kind, places):
    """A kind whose link to itself is all that it says."""
    kind["name"] = places
    kind["assigned"] = [at for at in kind["assigned"] if at != "/_links"]
    kind["volatile"] = [at for at in kind.get("volatile", []) if at != "/_links"]
    kind["links_but"] = ["self"]


def settle_links(kinds):
    """Of links of which some are facts, the others are none."""
    for kind in kinds:
        kept = kind.pop("links_but", None)
        if kept is not None:
            kind["volatile"] = kind.get("volatile", []) + [f"/_links/{link}" for link in kind.get("links", []) if link not in kept]
