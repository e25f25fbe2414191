"""Who gets into what at Okta: the section `[access]` of its catalogue. The meaning of each member stands in `src/catalog/access.rs`.

Sources: the Management document (users and their status, group rules, policies, conditions, verification methods) and the
recorded bodies. A rule that names no people is about everybody; among policies for sign-on the first decides of which a rule fits.
"""

ACTIVE = [{"at": "/status", "is": ["ACTIVE"]}]
SIGN_ON = "/actions/appSignOn"
CONSTRAINTS = SIGN_ON + "/verificationMethod/constraints/*"


def people(base):
    """The members of a condition on people."""
    return {"at": base, "test": "people", "include": "/users/include/*", "exclude": "/users/exclude/*",
            "include_groups": "/groups/include/*", "exclude_groups": "/groups/exclude/*"}


def unknown(name, why, *nothing):
    """A condition that no recorded state answers; `nothing` are values with which it asks nothing."""
    return {"at": f"/conditions/{name}", "test": "unknown", "why": why} | ({"nothing": list(nothing)} if nothing else {})


def demand(what, field):
    """Something that a possession factor must be."""
    return {"what": what, "each": CONSTRAINTS, "only": [{"at": f"/possession/{field}", "is": ["REQUIRED"]}]}


def asks():
    """What policies and rules ask."""
    device = ["device", "platform", "mdmEnrollment", "clients"]
    any_platform = {"at": "/include/0/type", "is": ["ANY"]}
    return [
        people("/conditions/people"),
        {"at": "/conditions/userType", "test": "sort", "include": "/include/*", "exclude": "/exclude/*"},
        {"at": "/conditions/network", "test": "zone", "include": "/include/*", "exclude": "/exclude/*",
         "nothing": [{"at": "/connection", "is": ["ANYWHERE"]}]},
        {"at": "/conditions/app", "test": "app", "include": "/include/*/id", "exclude": "/exclude/*/id",
         "include_sorts": "/include/*/name", "exclude_sorts": "/exclude/*/name"},
        {"at": "/conditions/elCondition", "test": "expression", "include": "/condition"},
        *[unknown(name, "the device", *([any_platform] if name == "platform" else [])) for name in device],
        unknown("riskScore", "the risk", {"at": "/level", "is": ["ANY"]}),
        unknown("risk", "the risk"),
        unknown("authContext", "the way of signing in", {"at": "/authType", "is": ["ANY"]}),
        unknown("identityProvider", "the identity provider", {"at": "/provider", "is": ["ANY"]}),
    ]


def gates():
    """What each sign-in passes: the organisation's own policies, then the application's."""
    factor_mode = SIGN_ON + "/verificationMethod/factorMode"
    return [
        {
            "what": "sign-on policies", "of": "tenant", "only": [{"at": "/type", "is": ["OKTA_SIGN_ON"]}],
            "allow": [{"at": "/actions/signon/access", "is": ["ALLOW"]}],
            "deny": [{"at": "/actions/signon/access", "is": ["DENY"]}],
            "proofs": [
                {"only": [{"at": "/actions/signon/requireFactor", "is": [True]}], "count": 2},
                {"only": [], "count": 1},
            ],
        },
        {
            "what": "access policy", "of": "app", "only": [{"at": "/type", "is": ["ACCESS_POLICY"]}],
            "instead": [{"at": "/system", "is": [True]}],
            "allow": [{"at": SIGN_ON + "/access", "is": ["ALLOW"]}],
            "deny": [{"at": SIGN_ON + "/access", "is": ["DENY"]}],
            "proofs": [
                {"only": [{"at": factor_mode, "is": ["2FA"]}], "count": 2},
                {"only": [{"at": factor_mode, "is": ["1FA"]}], "count": 1},
            ],
            "chains": {"at": SIGN_ON + "/verificationMethod/chains/*", "next": "/next/*"},
            "demands": [
                demand("phishing-resistant", "phishingResistant"), demand("hardware-protected", "hardwareProtection"),
                demand("device-bound", "deviceBound"), demand("with user verification", "userVerification"),
            ],
        },
    ]


def grants():
    """What makes an administrator."""
    everything = [{"at": "/type", "is": ["SUPER_ADMIN"]}]
    by_role = [{"kind": kind, "only": ACTIVE, "everything": everything} for kind in ("user_role_assignment", "group_role_assignment")]
    return [*by_role, {"kind": "role_binding_member", "holder": "/_links/self/href"}]


def access():
    """The section."""
    return {
        "person": {
            "kind": "user", "label": "/profile/login", "sort": "/type/id",
            "can": [{"at": "/status", "is": ["ACTIVE", "PASSWORD_EXPIRED", "RECOVERY", "LOCKED_OUT"]}],
            "gone": [{"at": "/status", "is": ["DEPROVISIONED"]}],
        },
        "group": {
            "kind": "group", "members": "group_membership",
            "everyone": [{"at": "/type", "is": ["BUILT_IN"]}, {"at": "/profile/name", "is": ["Everyone"]}],
        },
        "filling": {
            "kind": "group_rule", "on": ACTIVE, "expression": "/conditions/expression/value", "fields": "/profile",
            "groups": "/actions/assignUserToGroups/groupIds/*",
            "except_people": "/conditions/people/users/exclude/*", "except_groups": "/conditions/people/groups/exclude/*",
        },
        "app": {
            "kind": "app", "label": "/label", "on": ACTIVE, "people": "app_user_assignment",
            "direct": [{"at": "/scope", "is": ["USER"]}], "groups": "app_group_assignment", "sort": "/name",
            "policy": "/_links/accessPolicy/href",
        },
        "zone": {
            "kind": "network_zone", "on": ACTIVE, "all": "ALL_ZONES",
            "holds": ["/gateways", "/proxies", "/proxyType", "/locations", "/asns", "/ipServiceCategories", "/useAsExemptList"],
            "shut": [{"at": "/usage", "is": ["BLOCKLIST"]}],
        },
        "policy": {
            "kind": "policy", "rule": "policy_rule", "on": ACTIVE, "priority": "/priority", "asks": "/conditions",
            "mapping": {"kind": "policy_mapping", "app": "/_links/application/href"},
        },
        "console": {"app": [{"at": "/name", "is": ["saasure"]}], "grants": grants()},
        "gate": gates(),
        "ask": asks(),
    }
