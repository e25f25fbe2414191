"""What a restore has to know of Okta's settings and other kinds that are plain: sets, references, what only the vendor sets.

From the vendor's document, and from recorded traffic where that says otherwise.
"""

# Lists that the vendor shows in any order.
SETS = {
    "org_captcha_settings": ["/enabledPages"], "bot_protection_configuration": ["/supportedFlows"],
    "personal_apps_export_blocklist": ["/domains"], "org_request_settings": ["/requestExperiences"],
    "resource_request_settings": [
        "/validAccessScopeSettings", "/validRequesterSettings", "/validAccessDurationSettings/supportedTypes",
        "/validRiskSettings/supportedTypes", "/validRequestOnBehalfOfSettings"],
}
# What is told of an entitlement beside its id.
TOLD = [f"/entitlements/*/{name}" for name in ("name", "externalValue", "description", "multiValue", "required", "dataType")] + [
    f"/entitlements/*/values/*/{name}" for name in ("name", "externalValue", "description", "orn")]
# Members that a write does not take, by its request body in the document.
ASSIGNED = {
    "governance_org_settings": ["/integrations"],
    "org_request_settings": ["/provisioningStatus", "/requestExperiences", "/longTimePastProvisioned"],
    "resource_request_settings": [
        "/validAccessScopeSettings", "/validRequesterSettings", "/validAccessDurationSettings", "/validRiskSettings",
        "/validRequestOnBehalfOfSettings", "/riskSettings/defaultSetting/error"],
    "group_schema": ["/definitions/base", "/properties"], "app_provisioning_connection": ["/authScheme"],
    "api_token": ["/tokenWindow"],
    "collection_assignment": ["/principalProfile", "/principalOrn", "/assignmentType"],
    "entitlement_grant": ["/targetPrincipalOrn", "/targetResourceOrn", "/status", "/metadata", *TOLD],
    "collection_resource": TOLD,
}
# Said when it is made, and not changed.
FIXED = {
    "user_type": ["/name"], "app_cross_app_access_connection": ["/requestingAppInstanceId", "/resourceAppInstanceId"],
    "telephony_provider": ["/providerName", "/providerCapability"], "collection_assignment": ["/principal", "/actor"],
    "entitlement_grant": ["/grantType", "/entitlementBundleId", "/targetPrincipal", "/target", "/action", "/actor"],
}
# What it is known by, where the facts say another thing that it does not show.
NAMES = {"telephony_provider": ["/providerName"], "ui_schema": ["/uiSchema/label"]}
# A property goes only where `null` is sent for it.
MERGES = {kind: "/definitions/custom/properties" for kind in ("user_schema", "group_schema", "app_user_schema")}
# A page that somebody made, or none: the call that changes it makes it.
MADE_BY_CHANGE = ["brand_error_page_customized", "brand_error_page_preview", "brand_sign_in_page_customized", "brand_sign_in_page_preview"]
# They move by themselves.
VOLATILE = {"org_request_settings": ["/longTimePastProvisioned"]}
REFS = {
    "governance_certification_settings": [("/integrations/settings/*/integrationId", "governance_integration")],
    "org_request_settings": [("/integrations/settings/*/integrationId", "governance_integration")],
    "resource_request_settings": [("/riskSettings/defaultSetting/approvalSequenceId", "request_sequence")],
    "app": [
        ("/settings/notifications/vpn/network/include/*", "network_zone"), ("/settings/notifications/vpn/network/exclude/*", "network_zone"),
        ("/settings/inlineHookId", "inline_hook")],
    "policy_rule": [
        (f"/actions/appSignOn/verificationMethod/constraints/*/knowledge/{which}/*/id", "authenticator")
        for which in ("authenticationMethods", "excludedAuthenticationMethods")],
    "idp": [("/protocol/credentials/trust/additionalKids/*", "idp_key", "/kid")],
    "risk_rule": [
        ("/conflictCriteria/and/*/value/value/*/id", "entitlement"),
        ("/conflictCriteria/and/*/value/value/*/values/*/id", "entitlement_value")],
    "campaign": [
        ("/principalScopeSettings/userIds/*", "user"), ("/principalScopeSettings/excludedUserIds/*", "user"),
        ("/reviewerSettings/reviewerLevels/*/reviewerId", "user"), ("/reviewerSettings/reviewerLevels/*/fallBackReviewerId", "user"),
        ("/reviewerSettings/reviewerLevels/*/reviewerGroupId", "group"),
        ("/resourceSettings/targetResources/*/entitlements/*/id", "entitlement"),
        ("/resourceSettings/targetResources/*/entitlements/*/values/*/id", "entitlement_value"),
        ("/resourceSettings/targetResources/*/entitlementBundles/*/id", "entitlement_bundle"),
        ("/resourceSettings/targetResources/*/appServiceAccounts/*/id", "app_service_account"),
        ("/remediationSettings/autoRemediationSettings/includeOnly/*/resourceId", "group")],
}
# Members that neither the document nor a recording of the call shows: the vendor's own Terraform provider reads the first,
# the management document has the schemas of the others.
FIELDS = {
    "org_security_notification_settings": [
        "reportSuspiciousActivityEnabled", "sendEmailForFactorEnrollmentEnabled", "sendEmailForFactorResetEnabled",
        "sendEmailForNewDeviceEnabled", "sendEmailForPasswordChangedEnabled"],
    "desktop_mfa_number_matching_setting": ["desktopMFAEnforceNumberMatchingChallengeEnabled"],
    "desktop_mfa_recovery_pin_setting": ["desktopMFARecoveryPinEnabled"],
}
# After what they name.
ORDER = {"governance_certification_settings": 3, "org_request_settings": 3}
# 404 says that there is none, and no more.
NONE_OF_IT = {name: "The brand has none of its own." for name in [*MADE_BY_CHANGE, "brand_well_known_uri"]} | {
    "org_aerial_consent": "Nobody has given consent.",
}


def one(kind):
    """Adds what is known of one kind."""
    name = kind["kind"]
    if name in ORDER:
        kind["restore"]["order"] = ORDER[name]
    if name in SETS:
        kind["set"] = kind.get("set", []) + [{"at": at} for at in SETS[name]]
    for field, facts in (("assigned", ASSIGNED), ("volatile", VOLATILE), ("fixed", FIXED)):
        known = kind.get(field, [])
        kind[field] = known + [at for at in facts.get(name, []) if at not in known]
    have = {ref["at"] for ref in kind.get("refs", [])}
    kind["refs"] = kind.get("refs", []) + [
        {"at": at, "to": [to]} | ({"target_at": target[0]} if target else {}) for at, to, *target in REFS.get(name, []) if at not in have]
    if name in NAMES:
        kind["name"] = NAMES[name]
    if name in MERGES:
        kind["update"][0]["merges"] = [{"at": MERGES[name], "remove_with_null": True}]
    if name in MADE_BY_CHANGE:
        kind["create"] = [{"call": kind["update"][0]["call"], "new_id": "sent"}]
    if name in NONE_OF_IT:
        kind["read"][0]["statuses"] = [{"status": 404, "state": "complete", "reason": NONE_OF_IT[name]}]
    globals().get(name, lambda _: None)(kind)


def governance_opt_in(kind):
    """Two calls without a body. The vendor takes its time: what is asked for reads as under way before it holds."""
    kind["update"] = []
    kind["action"] = [
        {"does": does, "call": f"POST /api/v1/iam/governance/{call}", "makes": [{"at": "/optInStatus", "is": status}]}
        for does, call, status in [
            ("opt_in", "optIn", ["OPTED_IN", "OPTING_IN"]), ("opt_out", "optOut", ["OPTED_OUT", "OPTING_OUT"])]
    ]


def resource_request_settings(kind):
    """They name a sequence that nobody can make."""
    reason = "Settings whose approval sequence went with its application do not come back, as no call makes a sequence."
    kind["restore"] |= {"class": "partial", "reason": reason}


def governance_bundle(kind):
    """Its answer does not show what is in it, and the calls that list it write nothing."""
    reason = "What is in a bundle is not written: one that is made again is empty, and is filled in the console."
    kind["restore"] |= {"class": "partial", "reason": reason}


def user_type(kind):
    """Which schema it has is the server's doing: a new one has a new schema."""
    kind["refs"] = []


def user_risk(kind):
    """The reason is sent under another name, and no call says that there is no risk."""
    kind["update"][0] |= {
        "only": [{"at": "/riskLevel", "is": ["LOW", "MEDIUM", "HIGH"]}], "body": "envelope",
        "envelope": {"riskLevel": "$body/riskLevel", "riskReason": "$body/reason"},
    }


def feature(kind):
    """The word stands in the path."""
    kind["action"] = [
        {"does": word.lower(), "call": f"POST /api/v1/features/{{featureId}}/{word}", "makes": [{"at": "/status", "is": [f"{word}D"]}]}
        for word in ("ENABLE", "DISABLE")
    ]


def org_support_access(kind):
    """Given for eight hours, and taken back."""
    for action in kind["action"]:
        status = {"grant": "ENABLED", "revoke": "DISABLED"}.get(action["call"].rsplit("/", 1)[-1])
        if status:
            action["makes"] = [{"at": "/support", "is": [status]}]
    kind["restore"]["privileged"] = [{"at": "/support", "weaker": ["ENABLED", "DISABLED"], "why": "lets the vendor's support into the organisation"}]


def org_aerial_consent(kind):
    """Given to an account that it names."""
    envelope = {"body": "envelope", "envelope": {"accountId": "$body/accountId"}}
    kind["create"] = [{"call": "POST /api/v1/org/privacy/aerial/grant", "new_id": "sent"} | envelope]
    kind["delete"] = [{"call": "POST /api/v1/org/privacy/aerial/revoke"} | envelope]
    kind["action"] = []
    kind["assigned"] += ["/grantDate", "/grantedDate", "/grantedBy"]
    kind["restore"]["privileged"] = [{"why": "lets another account manage the organisation"}]


def telephony_provider(kind):
    """Switched by calls of its own, and taken away only while it is off."""
    makes = {"activate": ("/enabled", True), "deactivate": ("/enabled", False), "setAsPrimary": ("/isPrimaryProvider", True)}
    for action in kind["action"]:
        last = action["call"].rsplit("/", 1)[-1]
        action.pop("makes", None)
        if last in makes:
            at, value = makes[last]
            action["makes"] = [{"at": at, "is": [value]}]
    kind["delete"][0]["state"] = [{"at": "/enabled", "is": [False]}]
    kind["restore"]["born"] = {"/enabled": True, "/isPrimaryProvider": True}


def app_provisioning_connection(kind):
    """One that nobody set up says so, and no call brings it back to that; one that is set up is switched on by the same call."""
    call, of = kind["update"][0]["call"], {"at": "/profile/authScheme", "is": ["TOKEN", "OAUTH2"]}
    kind["update"] = [
        {"call": f"{call}?activate=true", "only": [of, {"at": "/status", "is": ["ENABLED"]}]},
        {"call": call, "only": [of, {"at": "/status", "not": ["ENABLED"]}]},
    ]


def app_feature(kind):
    """What is shown under one member is sent without it."""
    kind["update"][0] |= {"body": "field", "field": "/capabilities"}


def resource_set_resource(kind):
    """A change is of the conditions alone."""
    kind["update"][0] |= {"body": "envelope", "envelope": {"conditions": "$body/conditions"}}


def user_factor(kind):
    """Those that an administrator can enrol without the user come back; a switch needs what only the user has."""
    kind["create"][0] |= {
        "call": "POST /api/v1/users/{userId}/factors?activate=true", "only": [{"at": "/factorType", "is": ["sms", "call", "email"]}],
    }
    for action in kind["action"]:
        action.pop("makes", None)


def collection_assignment(kind):
    """Made in a list; a change is a list of operations, of the time alone."""
    kind["create"][0] |= {"body": "list", "new_id": "list"}
    call, places = kind["update"][0]["call"], ["/expirationTime", "/timeZone"]
    kind["update"] = [
        {"call": call, "only": [{"at": places[0], "present": True}], "body": "envelope",
         "envelope": [{"op": "ADD", "path": at, "value": f"$body{at}"} for at in places]},
        {"call": call, "only": [{"at": places[0], "present": False}], "body": "envelope",
         "envelope": [{"op": "REMOVE", "path": at} for at in places]},
    ]


def collection_resource(kind):
    """A change is of the entitlements alone."""
    kind["update"][0] |= {"body": "envelope", "envelope": {"entitlements": "$body/entitlements"}}


def governance_label(kind):
    """A change is a list of operations: that of the name needs no id, those of the values do."""
    kind["update"][0] |= {
        "body": "envelope", "envelope": [{"op": "REPLACE", "path": "/name", "value": "$body/name", "refType": "LABEL-CATEGORY"}],
    }
    kind["fixed"] = kind.get("fixed", []) + ["/values"]
    kind["assigned"] = kind.get("assigned", []) + ["/values/*/labelValueId"]
    kind["restore"] |= {"class": "partial", "reason": "The values of a label that is there are changed one by one, by their ids, which no plan does."}


def entitlement_grant(kind):
    """Only the entitlements of a grant of one's own, and when one ends, are changed."""
    put = kind["update"][0] | {"only": [{"at": "/grantType", "is": ["CUSTOM"]}], "send": ["/id"], "omit": ["/scheduleSettings"]}
    patch = {
        "call": "PATCH /governance/api/v1/grants/{grantId}", "only": [{"at": "/scheduleSettings/expirationDate", "present": True}],
        "body": "envelope", "envelope": {"id": "{grantId}", "scheduleSettings": "$body/scheduleSettings"},
    }
    kind["update"] = [put, patch]
    kind["get"] += "?include=full_entitlements"
    kind["refs"].append({"at": "/entitlements/*/values/*/id", "to": ["entitlement_value"]})


def governance_resource_label(kind):
    """Put on and taken off by the ids of values; what else is told is the label's."""
    told = ("name", "values/*/name", "values/*/metadata")
    kind["assigned"] += ["/profile"] + [f"/labels/*/{at}" for at in told]
    kind["fixed"] = ["/labels"]
    kind["refs"].append({
        "at": "/labels/*/values/*/labelValueId", "to": ["governance_label"], "target_at": "/values/*/labelValueId"})
    lists = {"body": "envelope", "envelope": {
        "resourceOrns": ["$body/orn"], "labelValueIds": "$body/labels/*/values/*/labelValueId"}}
    kind["create"] = [{"call": "POST /governance/api/v1/resource-labels/assign", "new_id": "list"} | lists]
    kind["delete"] = [{"call": "POST /governance/api/v1/resource-labels/unassign"} | lists]
    kind["action"] = []
    reason = ("A resource that lost all its labels gets them back, while the labels are there; the labels of one that has some are not "
              "changed, and a label that was made anew has values of other ids.")
    kind["restore"] |= {"class": "partial", "reason": reason}


def user_authenticator_enrollment(kind):
    """A phone is enrolled for a user, by its number, which the vendor shows to whom asks for it."""
    kind["assigned"] = [at for at in kind["assigned"] if at != "/_links"] + ["/key", "/name", "/type", "/status", "/nickname"]
    kind["links_but"] = ["authenticator"]
    kind["get"] += "?discloseIdentifiers=phone"
    kind["read"][0]["path"] += "?discloseIdentifiers=phone"
    kind["params"] = {"authenticatorId": ["user_authenticator_enrollment:/_links/authenticator/href:last"]}
    kind["create"] = [{
        "call": "POST /api/v1/users/{userId}/authenticator-enrollments/phone", "new_id": "answer", "body": "envelope",
        "only": [{"at": "/type", "is": ["phone"]}],
        "envelope": {"authenticatorId": "{authenticatorId}", "profile": {"phoneNumber": "$body/profile/phoneNumber"}},
    }]
    kind["action"] = []
    reason = ("Only a phone is enrolled for a user by an administrator, without its nickname; everything else that he "
              "enrolled is enrolled by himself, and an access code is a new one each time.")
    kind["restore"] |= {"reason": reason}


def ssf_stream(kind):
    """Nobody but the client that made a stream sees it."""
    reason = ("A stream belongs to the client whose token made it, and only that client's token shows, changes and makes it "
              "(getSsfStreams, createSsfStream and replaceSsfStream in the management document 2026.06.3, with OAuth 2.0 alone): one "
              "that Lastgood made would be Lastgood's and not the receiver's.")
    kind["restore"] |= {"class": "never", "reason": reason}


def privileged_resource(kind):
    """In the vendor's development document alone."""
    reason = ("Not generally available: its calls are in the vendor's development document 2026.03.0 alone, marked PRODUCT_DEV. By it "
              "a delete only makes one inactive, a change sets no more than a name, and passwords are written and never shown.")
    kind["restore"] |= {"class": "never", "reason": reason}
