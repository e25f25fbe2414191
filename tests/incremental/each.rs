//! Every kind of which there is anything, and every deed that can be done to it, kind by kind, so that no
//! event of one kind makes up for the silence about another.
//!
//! `LASTGOOD_EACH=1` compares after each single deed, which takes minutes; otherwise after two groups of
//! deeds a kind.

use std::collections::BTreeMap;

use lastgood::collect::due::Full;

use crate::changes::{Deed, Draw, kinds, make, name};
use crate::equal::{differences, runtime};
use crate::tenant::{Tenant, faults};

/// The deeds between two comparisons.
fn groups() -> Vec<Vec<Deed>> {
    use Deed::{Change, Copy, Remove, Replace, Switch, ThereAndBack};
    if std::env::var_os("LASTGOOD_EACH").is_some() {
        return Deed::ALL.into_iter().map(|deed| vec![deed]).collect();
    }
    vec![vec![Change, Copy, ThereAndBack, Switch], vec![Replace, Remove]]
}

/// Does these deeds to something of a kind; a switch is each that there is.
fn act(tenant: &Tenant, kind: u32, deeds: &[Deed], number: &mut usize) -> Vec<String> {
    let mut done = Vec::new();
    for deed in deeds {
        for instance in 0..if *deed == Deed::Switch { 8 } else { 1 } {
            *number += 1;
            done.extend(make(tenant, Draw { kind, instance, deed: *deed, after: 5 }, *number));
        }
    }
    done
}

#[test]
fn every_deed_on_every_kind() {
    let only = std::env::var("LASTGOOD_KIND").ok();
    runtime().block_on(async {
        let tenant = Tenant::start(8, 3).await;
        tenant.snapshot().await;
        let (mut number, mut wrong, mut done) = (0, Vec::new(), BTreeMap::new());
        for kind in 0..kinds(&tenant) {
            let name = name(&tenant, kind);
            if only.as_ref().is_some_and(|only| *only != name) {
                continue;
            }
            for deeds in groups() {
                let made = act(&tenant, kind, &deeds, &mut number);
                if made.is_empty() {
                    continue;
                }
                *done.entry(name.clone()).or_insert(0) += made.len();
                tenant.wait(60);
                let collected = tenant.snapshot().await;
                assert_eq!(collected.full.filter(|full| *full != Full::Old), None);
                let (truth, _) = tenant.truth().await;
                let mut found = differences(&tenant.held(), &truth);
                found.extend(faults(&collected.snapshot.ledger));
                if !found.is_empty() {
                    wrong.push(format!("{name}: after\n{}\n{}", made.join("\n"), found.join("\n")));
                }
            }
        }
        assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
        let deeds: usize = done.values().sum();
        assert!(
            only.is_some() || done.len() >= 90 && deeds >= 400,
            "{deeds} deeds on {}: {done:?}",
            done.len()
        );
    });
}
