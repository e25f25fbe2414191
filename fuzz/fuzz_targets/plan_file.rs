//! Any bytes as a plan file, with the id that fits them: refused, or read and written back to the same
//! JSON. Nothing rides along that the plan does not know.
//!
//! `cargo +nightly fuzz run plan_file`

#![no_main]

use lastgood::crypto::hash::{Purpose, hash};
use lastgood::json::{Limits, parse};
use lastgood::restore::Plan;
use libfuzzer_sys::fuzz_target;

const CONTENT: Purpose = Purpose::new("lastgood/1 plan content");

fuzz_target!(|bytes: &[u8]| {
    let _ = Plan::from_text(bytes);
    let Ok(mut value) = parse(bytes, &Limits::default()) else { return };
    let mut content = value.clone();
    let (Some(members), Some(inside)) = (value.as_object_mut(), content.as_object_mut()) else { return };
    inside.retain(|name, _| !["id", "approvals", "signature"].contains(&name));
    let id: String = hash(CONTENT, &content.to_canonical()).iter().map(|byte| format!("{byte:02x}")).collect();
    members.insert("id", id.as_str());
    if let Ok(plan) = Plan::from_json(&value) {
        assert!(plan.to_json() == value, "a plan has one form");
        assert_eq!(plan.content_id(), plan.id);
    }
});
