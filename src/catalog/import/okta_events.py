"""Okta's System Log: which of the vendor's event types says what about which kinds."""

import json

import okta_workflows

# Kinds of which every call that changes one has an event in the vendor's list. Of the others some
# calls leave none (a group rule is made, a user type is deleted, a theme gets a logo): their lists
# are read every time.
TOLD = """
org_support_access org_captcha_settings threat_insight_configuration attack_protection_authenticator_settings
attack_protection_user_lockout_settings user_schema group_schema app_user_schema profile_mapping
user user_grant user_risk user_role_assignment group group_membership group_role_assignment
app_user_assignment app_group_assignment app_feature app_grant app_csr app_oauth_jwk app_signing_key app_client_secret
app_group_push_mapping app_cross_app_access_connection app_interclient_trust client_role_assignment
api_service_integration api_token policy policy_rule authenticator_method push_provider
auth_server auth_server_association auth_server_claim auth_server_scope auth_server_policy auth_server_policy_rule
auth_server_resource_key idp idp_key network_zone trusted_origin captcha device device_user device_assurance
device_integration device_posture_check security_events_provider ssf_stream event_hook inline_hook hook_key log_stream
brand brand_error_page_customized brand_error_page_preview brand_sign_in_page_customized brand_sign_in_page_preview
brand_sign_out_page brand_well_known_uri email_customization email_template_settings email_domain email_server
custom_role resource_set resource_set_resource role_binding okta_service_account app_service_account
org_request_settings resource_request_settings request_condition request_sequence org_factor
desktop_mfa_number_matching_setting desktop_mfa_recovery_pin_setting
workflow_flow workflow_folder workflow_table workflow_connection
""".split()

# What an event says beside what its own list of types names: the vendor makes or takes these along.
ALONG = {
    "application.lifecycle.create": ["profile_mapping", "app_user_schema"],
    "application.lifecycle.delete": ["profile_mapping"],
    "system.idp.lifecycle.create": ["profile_mapping"],
    "system.idp.lifecycle.delete": ["profile_mapping"],
    "directory.non_default_user_profile.create": ["profile_mapping"],
}


def audit(shared, kinds):
    """What the collector needs to know of the log beside where its fields stand."""
    rows = json.loads((shared / "providers" / "okta-events.json").read_text(encoding="utf-8"))
    meanings = {}
    for row in rows:
        along = ALONG.get(row["event_type"], []) + okta_workflows.about(row["event_type"])
        named = [kind for kind in dict.fromkeys(row["types"] + along) if kind in kinds or kind in okta_workflows.KINDS]
        # What touches nothing that is kept is grouped by the area of the product, for the eye alone.
        area = "" if named else row["event_type"].split(".", 1)[0]
        why = okta_workflows.why_not(row["event_type"])
        meanings.setdefault((tuple(named), area, why), []).append(row["event_type"])
    missing = [kind for kind in TOLD if not any(kind in named for named, _, _ in meanings)]
    if missing:
        raise SystemExit(f"okta: no event tells of {missing}")
    deeds = []
    for (named, _, why), words in sorted(meanings.items(), key=lambda item: (not item[0][0], item[1][0])):
        deeds.append(({"kinds": list(named)} if named else {}) | {"words": words} | ({"why": why} if why else {}))
    return {
        "ids": ["/target/*/id"], "told": TOLD, "deeds": deeds,
        # The list goes on where it ended, in the order in which events became readable.
        "follow": {"by": "next_page", "kept_days": 90},
    }
