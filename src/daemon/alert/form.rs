//! The forms in which an alert goes out. Pure.
//!
//! Names come from the tenant, where anybody who may name a group can choose them: each form is made so that
//! a name stays text, and is no link, mention or field of its own.

use serde_json::{Value, json};

use crate::daemon::alert::{Alert, Class, Phase, Severity, Subject};

/// Version of our own form.
const FORMAT: &str = "lastgood.alert/1";
/// Lines of a message for people.
const LINES_MAX: usize = 10;
/// Characters of a name or a sentence in a message for people.
const TEXT_MAX: usize = 300;

/// Of what form the body of a webhook is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Form {
    /// Our own.
    #[default]
    Json,
    /// Slack's incoming webhooks.
    Slack,
    /// An adaptive card, for Teams.
    Teams,
    /// OCSF, Detection Finding.
    Ocsf,
}

impl Form {
    /// The form of a word.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        match word {
            "json" => Some(Self::Json),
            "slack" => Some(Self::Slack),
            "teams" => Some(Self::Teams),
            "ocsf" => Some(Self::Ocsf),
            _ => None,
        }
    }

    /// The body of an alert.
    #[must_use]
    pub fn body(self, alert: &Alert) -> Vec<u8> {
        let body = match self {
            Self::Json => own(alert),
            Self::Slack => slack(alert),
            Self::Teams => teams(alert),
            Self::Ocsf => ocsf(alert),
        };
        body.to_string().into_bytes()
    }
}

/// One line without what would break it, and not too long.
#[must_use]
pub fn plain(text: &str) -> String {
    let one_line = text.chars().map(|c| if c.is_control() { ' ' } else { c });
    // Marks that turn the direction of writing could make a name read as another.
    one_line
        .filter(|c| !matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}'))
        .take(TEXT_MAX)
        .collect()
}

/// The first line for people.
#[must_use]
pub fn title(alert: &Alert) -> String {
    let word = if alert.phase == Phase::Over { "over" } else { alert.severity.as_str() };
    let whose = if alert.tenant.is_empty() { "the repository" } else { &alert.tenant };
    plain(&format!("[{word}] {whose}: {}", alert.says))
}

fn line(subject: &Subject) -> String {
    let named = subject.name.is_empty() || subject.address.ends_with(&subject.name);
    let name = if named { String::new() } else { format!(" ({})", subject.name) };
    let by = subject.actor.as_ref().map(|actor| format!(" by {actor}")).unwrap_or_default();
    let at = match subject.fields.as_slice() {
        [] => String::new(),
        [one] if one.is_empty() => String::new(),
        [first] => format!(": {first}"),
        [first, rest @ ..] => format!(": {first} and {} more", rest.len()),
    };
    let why = if subject.why.is_empty() { String::new() } else { format!(": {}", subject.why) };
    plain(&format!("{} {}{name}{by}{at}{why}", subject.op, subject.address))
}

/// The lines after the first, for people.
#[must_use]
pub fn lines(alert: &Alert) -> Vec<String> {
    let mut lines: Vec<String> = alert.subjects.iter().take(LINES_MAX).map(line).collect();
    let more = alert.count.saturating_sub(lines.len() as u64);
    if more > 0 && !alert.subjects.is_empty() {
        lines.push(format!("and {more} more"));
    }
    lines
}

fn classes(alert: &Alert) -> Vec<&'static str> {
    alert.classes.iter().copied().map(Class::as_str).collect()
}

fn own(alert: &Alert) -> Value {
    json!({
        "format": FORMAT,
        "id": alert.id,
        "tenant": alert.tenant,
        "rule": alert.rule,
        "classes": classes(alert),
        "severity": alert.severity,
        "phase": alert.phase,
        "at": alert.at.to_string(),
        "text": alert.says,
        "snapshot": alert.snapshot,
        "count": alert.count,
        "subjects": alert.subjects,
    })
}

fn slack(alert: &Alert) -> Value {
    let escaped = title(alert).replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    let text = [vec![title(alert)], lines(alert)].concat().join("\n");
    let text: String = text.chars().take(2900).collect();
    json!({
        // What a notification shows; the block is text and nothing else.
        "text": escaped,
        "blocks": [{ "type": "section", "text": { "type": "plain_text", "emoji": false, "text": text } }],
    })
}

fn teams(alert: &Alert) -> Value {
    // A run of a rich text block is not read as Markdown, as a text block would be.
    let run = |text: String, bold: bool| {
        let weight = if bold { "Bolder" } else { "Default" };
        json!({ "type": "RichTextBlock", "inlines": [{ "type": "TextRun", "text": text, "weight": weight }] })
    };
    let mut body = vec![run(title(alert), true)];
    body.extend(lines(alert).into_iter().map(|line| run(line, false)));
    json!({
        "type": "message",
        "attachments": [{
            "contentType": "application/vnd.microsoft.card.adaptive",
            "contentUrl": null,
            "content": {
                "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
                "type": "AdaptiveCard",
                "version": "1.4",
                "body": body,
            },
        }],
    })
}

fn ocsf(alert: &Alert) -> Value {
    const CLASS: u64 = 2004;
    let (activity, status) = if alert.phase == Phase::Over { (3, 4) } else { (1, 1) };
    let severity = match alert.severity {
        Severity::Info => 1,
        Severity::Low => 2,
        Severity::Medium => 3,
        Severity::High => 4,
        Severity::Critical => 5,
    };
    let resources: Vec<Value> = alert
        .subjects
        .iter()
        .map(|subject| json!({ "uid": subject.address, "name": subject.name, "type": subject.op }))
        .collect();
    let message = [vec![title(alert)], lines(alert)].concat().join("\n");
    json!({
        "category_uid": 2,
        "class_uid": CLASS,
        "activity_id": activity,
        "type_uid": CLASS * 100 + activity,
        "severity_id": severity,
        "status_id": status,
        "time": alert.at.as_millisecond(),
        "message": message,
        "metadata": {
            "version": "1.3.0",
            "uid": alert.id,
            "product": { "name": "Lastgood", "vendor_name": "Lastgood", "version": env!("CARGO_PKG_VERSION") },
        },
        "finding_info": {
            // A receiver closes the finding that it opened.
            "uid": if alert.state.is_empty() { &alert.id } else { &alert.state },
            "title": alert.says,
            "types": classes(alert),
            "created_time": alert.at.as_millisecond(),
            "analytic": { "type_id": 1, "name": alert.rule },
        },
        "resources": resources,
    })
}

/// An alert as ArcSight's common event format.
#[must_use]
pub fn cef(alert: &Alert) -> String {
    let head = |text: &str| plain(text).replace('\\', "\\\\").replace('|', "\\|");
    let value = |text: &str| plain(text).replace('\\', "\\\\").replace('=', "\\=");
    let severity = match alert.severity {
        Severity::Info => 1,
        Severity::Low => 3,
        Severity::Medium => 5,
        Severity::High => 8,
        Severity::Critical => 10,
    };
    let version = env!("CARGO_PKG_VERSION");
    let phase = alert.phase.as_str();
    let mut out = format!(
        "CEF:0|Lastgood|Lastgood|{version}|{}|{}|{severity}|rt={} externalId={} act={phase} cat={} cnt={} cs1Label=tenant cs1={}",
        head(&alert.rule),
        head(&alert.says),
        alert.at.as_millisecond(),
        alert.id,
        classes(alert).join(","),
        alert.count,
        value(&alert.tenant),
    );
    if let Some(actor) = alert.subjects.iter().find_map(|subject| subject.actor.as_ref()) {
        out.push_str(&format!(" suser={}", value(actor)));
    }
    let lines: Vec<String> = lines(alert).iter().map(|line| value(line)).collect();
    if !lines.is_empty() {
        out.push_str(&format!(" msg={}", lines.join("; ")));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn alert() -> Alert {
        Alert {
            id: "00ff".into(),
            state: String::new(),
            number: 7,
            tenant: "acme".into(),
            rule: "okta-admin-role-granted".into(),
            classes: vec![Class::AdminGranted],
            severity: Severity::High,
            phase: Phase::Event,
            at: "2026-11-02T09:00:00Z".parse().unwrap(),
            says: "an administrator role was granted".into(),
            subjects: vec![Subject {
                address: "acme/user_role_assignment/00u1/ra1".into(),
                name: "<!channel> *x* [a](http://b) | = \\ \u{202e}\nSUSER=root".into(),
                op: "add".into(),
                actor: Some("eve@example.com".into()),
                fields: vec!["/status".into(), "/role".into()],
                ..Subject::default()
            }],
            count: 3,
            snapshot: Some("abcd".into()),
        }
    }

    fn read(form: Form) -> Value {
        serde_json::from_slice(&form.body(&alert())).unwrap()
    }

    #[test]
    fn our_own_form_has_all_of_it() {
        let body = read(Form::Json);
        assert_eq!((&body["format"], &body["id"]), (&json!("lastgood.alert/1"), &json!("00ff")));
        assert_eq!(body["classes"], json!(["admin_granted"]));
        assert_eq!(
            (&body["severity"], &body["phase"], &body["count"]),
            (&json!("high"), &json!("event"), &json!(3))
        );
        assert_eq!(body["subjects"][0]["fields"], json!(["/status", "/role"]));
    }

    #[test]
    fn a_name_is_text_in_slack_and_teams() {
        let body = read(Form::Slack);
        assert_eq!(body["blocks"][0]["text"]["type"], "plain_text");
        let text = body["blocks"][0]["text"]["text"].as_str().unwrap();
        assert_eq!(text.lines().count(), 3, "a name brings no line: {text}");
        assert!(
            text.contains("by eve@example.com: /status and 1 more") && text.ends_with("and 2 more"),
            "{text}"
        );
        let mut shouting = alert();
        shouting.says = "<!channel> & so on".into();
        let said: Value = serde_json::from_slice(&Form::Slack.body(&shouting)).unwrap();
        assert_eq!(said["text"], "[high] acme: &lt;!channel&gt; &amp; so on");
        let card = &read(Form::Teams)["attachments"][0]["content"]["body"];
        assert!(card.as_array().unwrap().iter().all(|block| block["type"] == "RichTextBlock"));
    }

    #[test]
    fn a_finding_of_ocsf_is_closed_when_it_is_over() {
        let body = read(Form::Ocsf);
        assert_eq!((&body["class_uid"], &body["type_uid"]), (&json!(2004), &json!(200_401)));
        let mut over = alert();
        over.phase = Phase::Over;
        let body: Value = serde_json::from_slice(&Form::Ocsf.body(&over)).unwrap();
        assert_eq!((&body["activity_id"], &body["status_id"]), (&json!(3), &json!(4)));
    }

    #[test]
    fn a_name_brings_no_field_into_cef() {
        let line = cef(&alert());
        assert!(line.starts_with("CEF:0|Lastgood|Lastgood|"), "{line}");
        assert!(!line.contains('\n') && line.contains("SUSER\\=root") && line.contains("\\= \\\\"), "{line}");
        assert!(line.contains(" suser=eve@example.com "), "{line}");
        let mut odd = alert();
        odd.says = "a|b".into();
        assert!(cef(&odd).contains("|a\\|b|8|"), "{}", cef(&odd));
    }
}
