//! From a body to a call: the path, the fields that are sent, and what stands for secrets.

use std::collections::BTreeMap;

use crate::base::key::ResourceKey;
use crate::catalog::{Action, Body, Context, KindSpec, MaskEffect, Provider, Write};
use crate::json::redact::{UNKNOWN, fingerprint};
use crate::json::{Object, Pattern, Pointer, Value};
use crate::restore::form::{Request, SecretInput};
use crate::restore::placeholder::{self, Found, SecretAt, fill};
use crate::restore::secrets::free_name;
use crate::restore::sides::Recorded;
use crate::restore::wish::{blocked, put_empty};

/// The text that stands in an envelope for the body.
const BODY: &str = "$body";
const JSON: &str = "application/json";

/// Ids to come, as texts that a path can be filled with and that are then found again in it.
#[derive(Default)]
pub(crate) struct Stand {
    salt: String,
    texts: BTreeMap<String, ResourceKey>,
}

impl Stand {
    /// The salt keeps a tenant from holding such a text by intent.
    pub(crate) fn new(salt: &str) -> Self {
        Self { salt: salt.to_owned(), texts: BTreeMap::new() }
    }

    pub(crate) fn text(&mut self, of: &ResourceKey) -> String {
        let hash = blake3::hash(format!("{} {of}", self.salt).as_bytes()).to_hex();
        let text = format!("coming-{hash}");
        self.texts.insert(text.clone(), of.clone());
        text
    }

    /// A body with texts in place of ids to come, and without escapes: for paths and conditions.
    pub(crate) fn plain(&mut self, body: &Value) -> Value {
        let filled = fill(body, &mut Pointer::root(), &mut |_, found| {
            Ok::<_, std::convert::Infallible>(match found {
                Found::Id(of) => Some(self.text(&of).into()),
                _ => None,
            })
        });
        match filled {
            Ok(value) => value,
            Err(never) => match never {},
        }
    }

    /// A filled path with placeholders in place of those texts.
    fn path(&self, path: String) -> String {
        self.texts.iter().fold(path, |path, (text, of)| path.replace(text, &placeholder::in_path(of)))
    }
}

/// Everything that one call is shaped from.
pub(crate) struct Shaper<'a> {
    pub(crate) catalog: &'a Provider,
    pub(crate) spec: &'a KindSpec,
    pub(crate) key: &'a ResourceKey,
    pub(crate) name: String,
    pub(crate) context: Context<'a>,
    pub(crate) stand: &'a Stand,
    /// The recorded body: its marks can be opened, those of the tenant cannot.
    pub(crate) goal: Option<&'a Value>,
    /// The body before the call; `None` where the resource is made.
    pub(crate) live: Option<&'a Value>,
    /// The call follows the one that made the resource: what a person gave then is sent again.
    pub(crate) fresh: bool,
    /// The recorded state, and the snapshot that it is.
    pub(crate) recorded: &'a dyn Recorded,
    pub(crate) base: &'a str,
}

impl Shaper<'_> {
    /// The call that asks for `wanted`.
    ///
    /// # Errors
    /// In words: a path cannot be written.
    pub(crate) fn request(
        &self,
        write: &Write,
        wanted: &Value,
        secrets: &mut Vec<SecretInput>,
    ) -> Result<Request, String> {
        let path = self.context.fill(self.spec, &write.call.path).map_err(|unfilled| unfilled.to_string())?;
        let body = match write.body {
            Body::None => None,
            _ => Some(self.body(write, wanted, secrets)?),
        };
        Ok(Request {
            method: write.call.method.as_str().to_owned(),
            path: self.stand.path(path),
            body,
            content_type: write.content_type.clone().unwrap_or_else(|| JSON.to_owned()),
            new_id: self.live.is_none().then_some(write.new_id),
            if_differs: false,
            sets: None,
            unless_made: false,
            unset: Vec::new(),
        })
    }

    /// The call of a switch.
    ///
    /// # Errors
    /// As [`Self::request`].
    pub(crate) fn switch(&self, action: &Action, (at, value): (&Pointer, &Value)) -> Result<Request, String> {
        let path =
            self.context.fill(self.spec, &action.call.path).map_err(|unfilled| unfilled.to_string())?;
        Ok(Request {
            method: action.call.method.as_str().to_owned(),
            path: self.stand.path(path),
            body: action.body.as_ref().map(placeholder::escape),
            content_type: action.content_type.clone().unwrap_or_else(|| JSON.to_owned()),
            new_id: None,
            if_differs: false,
            sets: Some((at.clone(), value.clone())),
            unless_made: false,
            unset: Vec::new(),
        })
    }

    /// The call that brings a resource that was just made to `wanted`, where the vendor has added to
    /// it; `None` where this call cannot.
    ///
    /// # Errors
    /// As [`Self::request`].
    pub(crate) fn settling(
        &self,
        write: &Write,
        wanted: &Value,
        secrets: &mut Vec<SecretInput>,
    ) -> Result<Option<Request>, String> {
        if write.body != Body::Whole {
            return Ok(None);
        }
        let mut request = self.request(write, wanted, secrets)?;
        request.if_differs = true;
        for merge in &write.merges {
            let places = merge.at.find(wanted).into_iter().map(|(at, _)| at);
            request.unset.extend(
                merge.remove_with.iter().flat_map(|with| places.clone().map(|at| (at, with.clone()))),
            );
        }
        Ok(Some(request))
    }

    fn body(&self, write: &Write, wanted: &Value, secrets: &mut Vec<SecretInput>) -> Result<Value, String> {
        let mut body = wanted.clone();
        if let Some(live) = self.live {
            unset(write, live, &mut body);
            for at in write.emptied.iter().filter(|at| at.get(live).is_some()) {
                if at.get(&body).is_none() {
                    put_empty(&mut body, at);
                }
            }
        }
        self.place_secrets(&mut body, write, secrets);
        self.ask_for_unseen(&mut body, secrets);
        let unsent: Vec<Pattern> = blocked(self.spec, write, self.live.is_none());
        for pattern in unsent.iter().filter(|pattern| !write.ignores.contains(pattern)) {
            let sent = |at: &Pointer| write.send.iter().any(|pattern| pattern.matches(at));
            let places: Vec<Pointer> = pattern.find(&body).into_iter().map(|(at, _)| at).collect();
            places.iter().rev().filter(|at| !sent(at)).for_each(|at| {
                at.remove(&mut body);
            });
        }
        let held = self.live.into_iter().flat_map(|live| {
            write.echo.iter().flat_map(|pattern| pattern.find(live)).map(|(at, value)| (at, value.clone()))
        });
        for (at, value) in held.collect::<Vec<_>>() {
            placeholder::set_deep(&mut body, &at, value).map_err(|error| error.to_string())?;
        }
        for (at, value) in &write.defaults {
            if at.get(&body).is_none_or(Value::is_null) {
                placeholder::set_deep(&mut body, at, value.clone()).map_err(|error| error.to_string())?;
            }
        }
        match write.body {
            Body::List => Ok(Value::Array(vec![body])),
            Body::Field => {
                let at = write.field.as_ref().ok_or("the catalogue names no field for this call")?;
                Ok(at.get(&body).cloned().unwrap_or_default())
            }
            Body::Envelope => {
                let envelope =
                    write.envelope.as_ref().ok_or("the catalogue has no envelope for this call")?;
                self.enclose(envelope, &body)
            }
            Body::Whole | Body::None => Ok(body),
        }
    }

    /// The envelope with the body, parts of it (`$body/POINTER`; a pattern gives a list) and filled placeholders
    /// in place.
    fn enclose(&self, envelope: &Value, body: &Value) -> Result<Value, String> {
        match envelope {
            Value::String(text) if let Some(of) = self.coming(text) => Ok(placeholder::id(of)),
            Value::String(text) => match text.strip_prefix(BODY) {
                Some(at) if at.contains('*') => {
                    let every = Pattern::parse(at).map_err(|error| error.to_string())?;
                    Ok(every.find(body).into_iter().map(|(_, value)| value.clone()).collect())
                }
                Some(at) => {
                    let at = Pointer::parse(at).map_err(|error| error.to_string())?;
                    Ok(at.get(body).cloned().unwrap_or_default())
                }
                None => self.fill_text(text).map(Value::String),
            },
            Value::Array(items) => items
                .iter()
                .map(|item| self.enclose(item, body))
                .collect::<Result<Vec<_>, _>>()
                .map(Value::Array),
            Value::Object(members) => {
                let mut out = Object::new();
                for (name, member) in members.iter() {
                    let value = self.enclose(member, body)?;
                    if !value.is_null() {
                        out.insert(name, value);
                    }
                }
                Ok(out.into())
            }
            other => Ok(other.clone()),
        }
    }

    /// The resource whose id, which is not known yet, is all that a text of an envelope stands for.
    fn coming(&self, text: &str) -> Option<&ResourceKey> {
        let name = text.strip_prefix('{')?.strip_suffix('}')?;
        self.stand.texts.get(&self.context.value(self.spec, name)?)
    }

    /// A text of an envelope with its placeholders filled, without encoding.
    fn fill_text(&self, text: &str) -> Result<String, String> {
        let mut out = String::new();
        let mut rest = text;
        while let Some((before, tail)) = rest.split_once('{') {
            let (name, after) =
                tail.split_once('}').ok_or_else(|| format!("unbalanced braces in `{text}`"))?;
            let value = self.context.value(self.spec, name).filter(|value| !value.is_empty());
            let value = value.ok_or_else(|| format!("nothing fills `{{{name}}}` in `{text}`"))?;
            if self.stand.texts.contains_key(&value) {
                return Err(format!("`{{{name}}}` in `{text}` is an id that is not known yet"));
            }
            out.push_str(before);
            out.push_str(&value);
            rest = after;
        }
        out.push_str(rest);
        Ok(out)
    }

    /// Puts in place of each mark what the apply can send, or leaves the field out.
    fn place_secrets(&self, body: &mut Value, write: &Write, secrets: &mut Vec<SecretInput>) {
        let everywhere = Pattern::parse("/**/*").expect("a constant pattern");
        let marks: Vec<(Pointer, String)> = everywhere
            .find(body)
            .into_iter()
            .filter_map(|(at, value)| Some((at, fingerprint(value)?.to_owned())))
            .collect();
        // From the last to the first, so that taking one out moves none that is still to come.
        for (at, mark) in marks.into_iter().rev() {
            let place = self.place(&at, &mark, write, secrets);
            // A recorded value has the form that the vendor gave it; a mask and what a person types have not.
            let listed = self.spec.secret.iter().any(|field| field.list && field.at.matches(&at));
            let place = match place {
                Some(value) if listed && !is_recorded(&value) => Some(Value::Array(vec![value])),
                place => place,
            };
            match place {
                // The place was found in this very body.
                Some(value) => drop(at.set(body, value)),
                None => drop(at.remove(body)),
            }
        }
    }

    fn place(
        &self,
        at: &Pointer,
        mark: &str,
        write: &Write,
        secrets: &mut Vec<SecretInput>,
    ) -> Option<Value> {
        let recorded = mark != UNKNOWN && self.goal.is_some_and(|goal| has_mark(goal, mark));
        if recorded {
            let pointer = Pointer::from_segments([mark]).to_string();
            return Some(placeholder::secret(&SecretAt {
                blob: format!("{}/{}", self.recorded.kept_in(self.key, mark).unwrap_or(self.base), self.key),
                pointer,
            }));
        }
        let held = self.live.and_then(|live| at.get(live)).and_then(fingerprint);
        if held == Some(mark) && !self.fresh {
            let kept =
                self.spec.secret.iter().any(|field| field.mask == MaskEffect::Kept && field.at.matches(at));
            // Of a value that is not known and shall not change, only a mask can be sent, and only
            // where the vendor keeps the value behind it.
            return self.catalog.masked.first().filter(|_| kept).map(|mask| Value::from(mask.as_str()));
        }
        let skipped = blocked(self.spec, write, self.live.is_none());
        if skipped.iter().any(|pattern| pattern.matches(at)) {
            return None;
        }
        Some(placeholder::input(&self.ask(at, "the vendor shows only a mask of it", secrets)))
    }

    /// What a new one needs and nobody was ever shown: a person is asked for it.
    fn ask_for_unseen(&self, body: &mut Value, secrets: &mut Vec<SecretInput>) {
        if self.live.is_some() && !self.fresh {
            return;
        }
        for field in self.spec.secret.iter().filter(|field| field.asked) {
            let holds = field.only.iter().all(|condition| condition.of.is_none() && condition.holds(body));
            let Some(at) = field.at.as_pointer().filter(|at| holds && at.get(body).is_none()) else {
                continue;
            };
            if at.parent().is_some_and(|above| above.get(body).is_some()) {
                let input = placeholder::input(&self.ask(&at, "the vendor never shows it", secrets));
                // The object around it is there.
                let _ = at.set(body, input);
            }
        }
    }

    /// The name under which a person gives a secret.
    fn ask(&self, at: &Pointer, why: &str, secrets: &mut Vec<SecretInput>) -> String {
        if let Some(asked) = secrets.iter().find(|asked| asked.key == *self.key && asked.pointer == *at) {
            return asked.input.clone();
        }
        let taken = |name: &str| secrets.iter().any(|asked| asked.input == name);
        let name = free_name(self.key, &self.name, at, taken);
        let how = format!(
            "{why}, so nobody has the value: give `{name}` in the file of `--secrets`, or type it when asked"
        );
        secrets.push(SecretInput { input: name.clone(), key: self.key.clone(), pointer: at.clone(), how });
        name
    }
}

fn has_mark(body: &Value, mark: &str) -> bool {
    match body {
        Value::Object(members) => {
            fingerprint(body) == Some(mark) || members.iter().any(|(_, member)| has_mark(member, mark))
        }
        Value::Array(items) => items.iter().any(|item| has_mark(item, mark)),
        _ => false,
    }
}

/// Members of merged maps that shall go are sent with the value that removes them.
fn unset(write: &Write, live: &Value, body: &mut Value) {
    for merge in &write.merges {
        let Some(gone) = &merge.remove_with else { continue };
        for (at, map) in merge.at.find(live) {
            for (name, _) in map.as_object().into_iter().flat_map(Object::iter) {
                let at = at.join(name);
                if at.get(body).is_none() {
                    // Where the whole map is gone, it is made again to say so.
                    let _ = placeholder::set_deep(body, &at, gone.clone());
                }
            }
        }
    }
}

/// Whether a placeholder stands for a value of the snapshot.
fn is_recorded(value: &Value) -> bool {
    placeholder::all(value).iter().any(|(_, found)| matches!(found, Found::Secret(_)))
}
