//! Who is told: what he wants to hear, and the way to him.

use jiff::Timestamp;
use ring::hmac;

use crate::base::secret::Secret;
use crate::daemon::alert::file::Lines;
use crate::daemon::alert::form::Form;
use crate::daemon::alert::mail::Mail;
use crate::daemon::alert::syslog::Syslog;
use crate::daemon::alert::{Alert, Class, Phase, Severity};
use crate::http::Hook;

/// The header of the signature: `t=SECONDS,v1=HEX`.
pub const SIGNATURE: &str = "lastgood-signature";
/// The header of the alert's id.
pub const ID: &str = "lastgood-alert-id";

/// One receiver.
pub struct Receiver {
    /// What his place in the outbox is noted under.
    pub name: String,
    /// The sorts that he wants; empty for all.
    pub classes: Vec<Class>,
    /// Nothing less than this. A state's end is told to whoever was told of its beginning.
    pub least: Severity,
    /// The way.
    pub carrier: Carrier,
}

/// A way to a receiver.
pub enum Carrier {
    /// A POST.
    Web {
        /// Where to.
        hook: Hook,
        /// Of what form.
        form: Form,
        /// What signs it, if anything.
        secret: Option<Secret<String>>,
    },
    /// Syslog.
    Syslog(Syslog),
    /// A line in a file.
    File(Lines),
    /// Mail.
    Mail(Box<Mail>),
}

impl Receiver {
    /// Whether he is to be told.
    #[must_use]
    pub fn wants(&self, alert: &Alert) -> bool {
        // What says that something else may not have been told is for everybody.
        let ours =
            matches!(alert.classes.as_slice(), [Class::Test | Class::AlertsDropped | Class::RuleFailed]);
        let class = self.classes.is_empty() || alert.classes.iter().any(|class| self.classes.contains(class));
        // The end of a state is as bad as its beginning was.
        let lasting = alert.classes.iter().map(|class| class.lasting()).max();
        let severity = lasting.filter(|_| alert.phase == Phase::Over).unwrap_or(alert.severity);
        ours || (class && severity >= self.least)
    }
}

impl Carrier {
    /// Tells him once.
    ///
    /// # Errors
    /// In words, without the address: it may be a secret.
    pub async fn carry(&self, alert: &Alert, now: Timestamp) -> Result<(), String> {
        match self {
            Self::Syslog(syslog) => syslog.send(alert).await,
            Self::File(lines) => lines.add(alert).await,
            Self::Mail(mail) => mail.send(alert).await,
            Self::Web { hook, form, secret } => {
                let body = form.body(alert);
                let mut headers = vec![(ID, alert.id.clone())];
                headers.extend(secret.as_ref().map(|secret| (SIGNATURE, signature(secret, now, &body))));
                hook.post(body, &headers).await.map_err(|error| error.to_string())
            }
        }
    }
}

/// HMAC-SHA256 over `SECONDS.BODY`: a receiver can tell who sent it, and that it is not of last year.
fn signature(secret: &Secret<String>, now: Timestamp, body: &[u8]) -> String {
    let at = now.as_second();
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.expose().as_bytes());
    let mut context = hmac::Context::with_key(&key);
    context.update(format!("{at}.").as_bytes());
    context.update(body);
    format!("t={at},v1={}", data_encoding::HEXLOWER.encode(context.sign().as_ref()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_hears_of_a_beginning_hears_of_its_end_and_nobody_else() {
        let syslog = || Carrier::Syslog(Syslog::parse("syslog+udp://127.0.0.1:514").unwrap());
        let receiver = |least| Receiver { name: "r".into(), classes: Vec::new(), least, carrier: syslog() };
        let alert = |class: Class, phase, severity| Alert {
            id: String::new(),
            state: String::new(),
            number: 0,
            tenant: "org".into(),
            rule: class.as_str().into(),
            classes: vec![class],
            severity,
            phase,
            at: Timestamp::UNIX_EPOCH,
            says: String::new(),
            subjects: Vec::new(),
            count: 0,
            snapshot: None,
        };
        for (class, high, medium) in [(Class::Drift, false, true), (Class::RunFailed, true, true)] {
            for (phase, severity) in [(Phase::Begun, class.lasting()), (Phase::Over, Severity::Info)] {
                let told = alert(class, phase, severity);
                let wants = |least| receiver(least).wants(&told);
                assert_eq!((wants(Severity::High), wants(Severity::Medium)), (high, medium), "{told:?}");
            }
        }
    }

    #[test]
    fn a_signature_is_that_of_any_other_program() {
        // printf '1800000000.{}' | openssl dgst -sha256 -hmac key
        let at = Timestamp::from_second(1_800_000_000).unwrap();
        let signed = signature(&Secret::new("key".into()), at, b"{}");
        assert_eq!(
            signed,
            "t=1800000000,v1=7321475872b03ff21bdc2dfd86ea2d99ec29c479fbe4a77aa6acf4509505493f"
        );
    }
}
