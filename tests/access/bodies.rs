//! The bodies that a vendor would show of an organisation, written in one of several ways that mean the
//! same.

use std::collections::{BTreeMap, BTreeSet};

use lastgood::access::source::{EachBody, Source};
use lastgood::base::key::{Kind, ResourceKey};
use lastgood::json::{Limits, Value, parse};

use crate::model::{Asks, Dice, Expr, Org, Rule};

/// The bodies of an organisation.
#[derive(Clone, Default)]
pub(crate) struct Bodies(pub(crate) BTreeMap<ResourceKey, Value>);

impl Bodies {
    pub(crate) fn put(&mut self, path: &str, body: &str) {
        let key = ResourceKey::from_path(path).unwrap();
        self.0.insert(key, parse(body.as_bytes(), &Limits::default()).unwrap_or_else(|_| panic!("{body}")));
    }

    /// What is not the same in another.
    pub(crate) fn differing(&self, other: &Self) -> BTreeSet<ResourceKey> {
        let keys = self.0.keys().chain(other.0.keys());
        keys.filter(|key| self.0.get(*key) != other.0.get(*key)).cloned().collect()
    }
}

impl Source for Bodies {
    type Error = std::convert::Infallible;

    fn keys(&self, kind: &Kind, each: &mut dyn FnMut(&ResourceKey)) {
        self.0.keys().filter(|key| key.kind == *kind).for_each(each);
    }

    fn bodies(&self, kind: &Kind, each: &mut EachBody<'_>) -> Result<(), Self::Error> {
        self.0.iter().filter(|(key, _)| key.kind == *kind).for_each(|(key, body)| each(key, body));
        Ok(())
    }

    fn some(&self, keys: &[ResourceKey], each: &mut EachBody<'_>) -> Result<(), Self::Error> {
        keys.iter().filter_map(|key| self.0.get_key_value(key)).for_each(|(key, body)| each(key, body));
        Ok(())
    }

    fn gap(&self, _: &Kind) -> Option<String> {
        None
    }
}

fn list(prefix: &str, numbers: &[usize]) -> String {
    let items: Vec<String> = numbers.iter().map(|number| format!("\"{prefix}{number}\"")).collect();
    format!("[{}]", items.join(","))
}

/// An expression as somebody would write it; `field` is what stands before the name of a field.
fn written(expr: &Expr, field: &str, dice: &mut Dice) -> String {
    let quote = dice.pick(&["'", "\\\""]);
    let text = |text: &str| format!("{quote}{text}{quote}");
    match expr {
        Expr::Is(word) => format!("{field}department=={}", text(word)),
        Expr::IsNot(word) => format!("{field}department != {}", text(word)),
        Expr::Begins(word) => format!("String.startsWith({field}department,{})", text(word)),
        Expr::Holds(word) => format!("String.stringContains({field}department, {})", text(word)),
        Expr::In(groups) => {
            let ids: Vec<String> = groups.iter().map(|group| text(&format!("g{group}"))).collect();
            format!("isMemberOfAnyGroup({})", ids.join(", "))
        }
        Expr::Not(inner) => format!("{}({})", dice.pick(&["!", "not "]), written(inner, field, dice)),
        Expr::And(one, other) => {
            let sign = dice.pick(&["and", "&&", "AND"]);
            format!("({}) {sign} ({})", written(one, field, dice), written(other, field, dice))
        }
        Expr::Or(one, other) => {
            let sign = dice.pick(&["or", "||"]);
            format!("({}) {sign} ({})", written(one, field, dice), written(other, field, dice))
        }
        Expr::Foreign => "Arrays.isEmpty(user.things)".to_owned(),
    }
}

fn conditions(asks: &Asks, dice: &mut Dice) -> String {
    let mut out = Vec::new();
    if let Some([people, out_people, groups, out_groups]) = &asks.people {
        out.push(format!(
            r#""people":{{"users":{{"include":{},"exclude":{}}},"groups":{{"include":{},"exclude":{}}}}}"#,
            list("u", people),
            list("u", out_people),
            list("g", groups),
            list("g", out_groups)
        ));
    }
    if asks.every_zone {
        out.push(r#""network":{"connection":"ZONE","include":["ALL_ZONES"]}"#.to_owned());
    } else if let Some([include, exclude]) = &asks.zones {
        let (include, exclude) = (list("z", include), list("z", exclude));
        out.push(format!(r#""network":{{"connection":"ZONE","include":{include},"exclude":{exclude}}}"#));
    } else if asks.idle {
        out.push(r#""network":{"connection":"ANYWHERE"}"#.to_owned());
    }
    if let Some([include, exclude]) = &asks.sorts {
        let (include, exclude) = (list("sort", include), list("sort", exclude));
        out.push(format!(r#""userType":{{"include":{include},"exclude":{exclude}}}"#));
    }
    if let Some([include, exclude]) = &asks.apps {
        let named = |apps: &[usize]| {
            let items: Vec<String> =
                apps.iter().map(|app| format!(r#"{{"type":"APP","id":"a{app}"}}"#)).collect();
            items.join(",")
        };
        out.push(format!(r#""app":{{"include":[{}],"exclude":[{}]}}"#, named(include), named(exclude)));
    }
    if let Some(expr) = &asks.expr {
        out.push(format!(r#""elCondition":{{"condition":"{}"}}"#, written(expr, "user.profile.", dice)));
    }
    if let Some((name, value)) = asks.unknown {
        out.push(format!(r#""{name}":{value}"#));
    } else if asks.idle {
        out.push(r#""riskScore":{"level":"ANY"},"platform":{"include":[],"exclude":[]}"#.to_owned());
    }
    format!("{{{}}}", out.join(","))
}

impl Org {
    /// The bodies, written in one of several ways that mean the same.
    pub(crate) fn bodies(&self, seed: u64) -> Bodies {
        let mut out = Bodies::default();
        for (at, user) in self.users.iter().enumerate().filter(|(_, user)| user.here) {
            let department = user.department.map_or("null".to_owned(), |word| format!("\"{word}\""));
            out.put(
                &format!("user/u{at}"),
                &format!(
                    r#"{{"id":"u{at}","status":"{}","type":{{"id":"sort{}"}},"profile":{{"login":"user{at}","department":{department}}}}}"#,
                    user.status, user.sort
                ),
            );
        }
        for (at, _) in self.groups.iter().enumerate().filter(|(_, here)| **here) {
            let (sort, name) =
                if at == 0 { ("BUILT_IN", "Everyone") } else { ("OKTA_GROUP", "Everyone else") };
            out.put(
                &format!("group/g{at}"),
                &format!(r#"{{"type":"{sort}","profile":{{"name":"{name}"}}}}"#),
            );
        }
        for (group, user) in &self.members {
            out.put(&format!("group_membership/g{group}/u{user}"), &format!(r#"{{"id":"u{user}"}}"#));
        }
        for (at, rule) in self.rules.iter().enumerate() {
            let Some(rule) = rule else { continue };
            // What does not change is written as it was.
            let dice = &mut Dice::new(seed + at as u64);
            out.put(
                &format!("group_rule/r{at}"),
                &format!(
                    r#"{{"status":"{}","conditions":{{"people":{{"users":{{"exclude":{}}},"groups":{{"exclude":{}}}}},"expression":{{"value":"{}"}}}},"actions":{{"assignUserToGroups":{{"groupIds":{}}}}}}}"#,
                    rule.status,
                    list("u", &rule.except_people),
                    list("g", &rule.except_groups),
                    written(&rule.expr, "user.", dice),
                    list("g", &rule.groups)
                ),
            );
        }
        self.put_apps(&mut out);
        self.put_policies(&mut out, seed);
        out
    }

    fn put_apps(&self, out: &mut Bodies) {
        for (at, app) in self.apps.iter().enumerate().filter(|(_, app)| app.here) {
            let link = match app.policy {
                Some(policy) if app.mapped => {
                    let href =
                        format!(r#"{{"_links":{{"application":{{"href":"https://x/api/v1/apps/a{at}"}}}}}}"#);
                    out.put(&format!("policy_mapping/p{policy}/m{at}"), &href);
                    String::new()
                }
                Some(policy) => {
                    format!(
                        r#","_links":{{"accessPolicy":{{"href":"https://x/api/v1/policies/p{policy}"}}}}"#
                    )
                }
                None => String::new(),
            };
            let status = if app.on { "ACTIVE" } else { "INACTIVE" };
            let name = if self.console == Some(at) { "saasure" } else { "oidc" };
            out.put(
                &format!("app/a{at}"),
                &format!(r#"{{"id":"a{at}","name":"{name}","label":"App {at}","status":"{status}"{link}}}"#),
            );
        }
        for ((app, user), direct) in &self.direct {
            let scope = if *direct { "USER" } else { "GROUP" };
            out.put(&format!("app_user_assignment/a{app}/u{user}"), &format!(r#"{{"scope":"{scope}"}}"#));
        }
        for (app, group) in &self.by_group {
            out.put(&format!("app_group_assignment/a{app}/g{group}"), "{}");
        }
        for (number, (of_group, holder, everything)) in self.roles.iter().enumerate() {
            let what = if *everything { "SUPER_ADMIN" } else { "HELP_DESK_ADMIN" };
            let body = format!(r#"{{"type":"{what}","status":"ACTIVE"}}"#);
            match of_group {
                true => out.put(&format!("group_role_assignment/g{holder}/x{number}"), &body),
                false => out.put(&format!("user_role_assignment/u{holder}/x{number}"), &body),
            }
        }
        for (at, zone) in self.zones.iter().enumerate() {
            let status = if zone.on { "ACTIVE" } else { "INACTIVE" };
            let usage = if zone.shut { "BLOCKLIST" } else { "POLICY" };
            out.put(
                &format!("network_zone/z{at}"),
                &format!(
                    r#"{{"status":"{status}","usage":"{usage}","gateways":[{{"value":"10.{}.0.0/16"}}]}}"#,
                    zone.range
                ),
            );
        }
    }

    fn put_policies(&self, out: &mut Bodies, seed: u64) {
        let status = |on: bool| if on { "ACTIVE" } else { "INACTIVE" };
        for (at, policy) in self.policies.iter().enumerate().filter(|(_, policy)| policy.here) {
            let dice = &mut Dice::new(seed + 100 * (1 + at as u64));
            let sort = if policy.sign_on { "OKTA_SIGN_ON" } else { "ACCESS_POLICY" };
            out.put(
                &format!("policy/p{at}"),
                &format!(
                    r#"{{"type":"{sort}","status":"{}","system":{},"priority":{},"conditions":{}}}"#,
                    status(policy.on),
                    policy.system,
                    policy.priority,
                    conditions(&policy.asks, dice)
                ),
            );
            for (number, rule) in policy.rules.iter().enumerate() {
                let priority = rule.priority.map_or("null".to_owned(), |priority| priority.to_string());
                out.put(
                    &format!("policy_rule/p{at}/q{number}"),
                    &format!(
                        r#"{{"status":"{}","priority":{priority},"conditions":{},"actions":{}}}"#,
                        status(rule.on),
                        conditions(&rule.asks, dice),
                        actions(rule, policy.sign_on)
                    ),
                );
            }
        }
    }
}

fn actions(rule: &Rule, sign_on: bool) -> String {
    let access = if rule.allow { "ALLOW" } else { "DENY" };
    if sign_on {
        return format!(r#"{{"signon":{{"access":"{access}","requireFactor":{}}}}}"#, rule.proofs == 2);
    }
    let alternatives: Vec<String> = rule
        .alternatives
        .iter()
        .map(|bits| {
            let names = ["phishingResistant", "hardwareProtection", "deviceBound", "userVerification"];
            let word = |at: usize| if bits >> at & 1 == 1 { "REQUIRED" } else { "OPTIONAL" };
            let members: Vec<String> =
                names.iter().enumerate().map(|(at, name)| format!(r#""{name}":"{}""#, word(at))).collect();
            format!(r#"{{"possession":{{{}}}}}"#, members.join(","))
        })
        .collect();
    let chains: Vec<String> = rule
        .chains
        .iter()
        .map(|more| {
            let next = if *more { r#","next":[{"authenticationMethods":[]}]"# } else { "" };
            format!(r#"{{"authenticationMethods":[]{next}}}"#)
        })
        .collect();
    format!(
        r#"{{"appSignOn":{{"access":"{access}","verificationMethod":{{"factorMode":"{}FA","constraints":[{}],"chains":[{}]}}}}}}"#,
        rule.proofs,
        alternatives.join(","),
        chains.join(",")
    )
}
