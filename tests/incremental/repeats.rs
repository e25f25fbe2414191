//! What repeats to the byte is not read, and nobody can tell from the history: two repositories of one tenant, one
//! of which remembers what the vendor sent.

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use crate::changes::make;
use crate::equal::{cases, draws, runtime};
use crate::tenant::{Tenant, held};

#[test]
fn a_history_is_the_same_whether_bytes_are_remembered() {
    let strategy = (prop::collection::vec(draws(5), 1..4), any::<u64>());
    let mut runner = TestRunner::new(Config { max_shrink_iters: 8, ..Config::with_cases(cases(3)) });
    let ran = runner.run(&strategy, |(rounds, seed)| {
        runtime().block_on(async {
            let tenant = Tenant::start(8, seed % 1000).await;
            let folder = tempfile::tempdir().unwrap();
            let (with, without) = (tenant.another(Some(folder.path().into())), tenant.another(None));
            let mut number = 0;
            for round in std::iter::once(Vec::new()).chain(rounds).chain([Vec::new()]) {
                let done: Vec<_> = round
                    .into_iter()
                    .filter_map(|draw| {
                        number += 1;
                        make(&tenant, draw, number)
                    })
                    .collect();
                let mine = tenant.sweep_into(&with).await;
                let other = tenant.sweep_into(&without).await;
                let said = |of: &lastgood::store::Snapshot| {
                    (of.root, of.ledger.clone(), of.added, of.changed, of.removed, of.total)
                };
                let (told, truth) = (said(&mine.snapshot), said(&other.snapshot));
                prop_assert_eq!(told, truth, "after\n{}", done.join("\n"));
                prop_assert_eq!(held(&with), held(&without));
                prop_assert_eq!(other.repeated, 0);
                let least = if mine.snapshot.seq == 1 { 0 } else { mine.snapshot.total / 4 };
                prop_assert!(mine.repeated >= least, "{} of {}", mine.repeated, mine.snapshot.total);
            }
            Ok(())
        })
    });
    ran.unwrap();
}
