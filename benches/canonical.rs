//! How fast a body comes to canonical form, beside serde_json, on made-up identity resources.
//!
//! `cargo bench --bench canonical`. Every figure is for one batch of bodies; divan prints MB/s of
//! input. The bodies arrive as a vendor sends them: members in no order, some escapes, volatile
//! fields and links between the rest.

use std::hint::black_box;

use divan::Bencher;
use divan::counter::BytesCount;
use lastgood::json::{Limits, Pattern, Value, canonicalize_bytes, diff, parse};

fn main() {
    divan::main();
}

/// A body as a directory would send it, different for every number.
fn body(n: u64) -> Vec<u8> {
    let id = format!("00u{:017x}", n.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    let text = format!(
        r#"{{"id":"{id}","status":"ACTIVE","created":"2024-03-{:02}T08:{:02}:11.000Z","activated":null,
"statusChanged":"2025-11-02T11:00:00.000Z","lastLogin":"2026-11-{:02}T09:1{}:00.000Z","lastUpdated":"2026-10-01T00:00:00.000Z",
"passwordChanged":"2025-01-01T00:00:00.000Z","type":{{"id":"oty1a2b3c4d5e6f7g8"}},
"profile":{{"login":"person.{n}@example.com","email":"person.{n}@example.com","firstName":"Zo\u00eb","lastName":"Mu\u0308ller {n}",
"department":"Dept {}","employeeNumber":{n},"manager":"person.{}@example.com","mobilePhone":null,"timezone":"Europe/Vienna",
"title":"Engineer \"{}\"","costCenter":{}.5,"groups":["everyone","staff-{}","vpn"],"locale":"de_AT"}},
"credentials":{{"provider":{{"type":"OKTA","name":"OKTA"}},"emails":[{{"value":"person.{n}@example.com","status":"VERIFIED","type":"PRIMARY"}}]}},
"_links":{{"self":{{"href":"https:\/\/example.okta.com\/api\/v1\/users\/{id}"}},"schema":{{"href":"https:\/\/example.okta.com\/api\/v1\/meta\/schemas\/user\/osc1"}}}}}}"#,
        n % 28 + 1,
        n % 60,
        n % 23 + 1,
        n % 10,
        n % 40,
        n / 7,
        n % 5,
        n % 900,
        n % 12,
    );
    text.into_bytes()
}

fn bodies() -> Vec<Vec<u8>> {
    (0..1000).map(body).collect()
}

fn bytes_of(bodies: &[Vec<u8>]) -> BytesCount {
    BytesCount::new(bodies.iter().map(Vec::len).sum::<usize>())
}

fn values() -> Vec<Value> {
    let read = |body: &Vec<u8>| parse(body, &Limits::body()).expect("a made-up body is JSON");
    bodies().iter().map(read).collect()
}

#[divan::bench]
fn ours_canonical(bencher: Bencher<'_, '_>) {
    let bodies = bodies();
    bencher.counter(bytes_of(&bodies)).bench_local(|| {
        for body in &bodies {
            let _ = black_box(canonicalize_bytes(body));
        }
    });
}

#[divan::bench]
fn serde_json_canonical(bencher: Bencher<'_, '_>) {
    let bodies = bodies();
    bencher.counter(bytes_of(&bodies)).bench_local(|| {
        for body in &bodies {
            let value = serde_json::from_slice::<serde_json::Value>(body);
            let _ = black_box(value.map(|value| serde_json::to_vec(&value)));
        }
    });
}

#[divan::bench]
fn ours_parse(bencher: Bencher<'_, '_>) {
    let bodies = bodies();
    bencher.counter(bytes_of(&bodies)).bench_local(|| {
        for body in &bodies {
            let _ = black_box(parse(body, &Limits::body()));
        }
    });
}

#[divan::bench]
fn serde_json_parse(bencher: Bencher<'_, '_>) {
    let bodies = bodies();
    bencher.counter(bytes_of(&bodies)).bench_local(|| {
        for body in &bodies {
            let _ = black_box(serde_json::from_slice::<serde_json::Value>(body));
        }
    });
}

#[divan::bench]
fn ours_write(bencher: Bencher<'_, '_>) {
    let values = values();
    let mut out = Vec::new();
    bencher.counter(bytes_of(&bodies())).bench_local(|| {
        for value in &values {
            out.clear();
            value.write_canonical(&mut out);
            black_box(&out);
        }
    });
}

/// Taking volatile fields out, by name and at any depth.
#[divan::bench]
fn volatile_fields_out(bencher: Bencher<'_, '_>) {
    let texts = ["/lastLogin", "/lastUpdated", "/credentials/emails/*/status", "/**/_links"];
    let patterns = texts.map(|text| Pattern::parse(text).expect("a fixed pattern"));
    bencher.counter(bytes_of(&bodies())).with_inputs(values).bench_local_values(|mut values| {
        for value in &mut values {
            for pattern in &patterns {
                black_box(pattern.remove_all(value));
            }
        }
        values
    });
}

#[divan::bench]
fn diff_of_neighbours(bencher: Bencher<'_, '_>) {
    let values = values();
    bencher.counter(bytes_of(&bodies())).bench_local(|| {
        for pair in values.windows(2) {
            black_box(diff(&pair[0], &pair[1]));
        }
    });
}
