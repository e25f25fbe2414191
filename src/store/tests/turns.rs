//! One run a tenant, beside an apply, and the book that outlives it.

use jiff::SignedDuration;

use super::*;
use crate::base::time::Clock;
use crate::storage::{Fault, FaultKind};

fn world() -> (Arc<FixedClock>, Arc<Memory>, impl Fn(u64) -> Repository) {
    let clock = Arc::new(FixedClock::new("2026-11-03T14:00:00Z".parse().unwrap()));
    let memory = Arc::new(Memory::with_clock(clock.clone()));
    init(memory.clone(), None).unwrap();
    let (shared, storage) = (clock.clone(), memory.clone());
    let open = move |seed| {
        let env = Environment { clock: shared.clone(), entropy: Arc::new(SeededEntropy::new(seed)) };
        Repository::open(storage.clone(), &words("horse"), env, None).unwrap()
    };
    (clock, memory, open)
}

#[test]
fn a_tenant_without_a_history_has_its_turn_and_its_book() {
    let (_, _, open) = world();
    let (one, two) = (open(2), open(3));
    assert_eq!(one.book(TENANT).unwrap(), None);
    let mut turn = one.turn(TENANT).unwrap();
    assert!(matches!(two.turn(TENANT), Err(StoreError::Locked { .. })));
    drop(two.turn("another").unwrap());
    drop(two.turn("").unwrap());
    turn.write_book(b"one").unwrap();
    turn.write_book(b"two").unwrap();
    assert_eq!(two.book(TENANT).unwrap().as_deref(), Some(&b"two"[..]));
    assert_eq!(two.book("").unwrap(), None, "each has its own");
    drop(turn);
    assert_eq!(two.turn(TENANT).unwrap().book().unwrap().as_deref(), Some(&b"two"[..]));
}

#[test]
fn a_run_and_an_apply_do_not_wait_for_each_other() {
    let (_, _, open) = world();
    let (one, two) = (open(2), open(3));
    snapshot(&one, &state_of(&[("user/1", "ann")])).unwrap();
    let turn = one.turn(TENANT).unwrap();
    let lease = two.lease(TENANT).unwrap();
    drop((turn, lease));
}

#[test]
fn who_slept_over_its_turn_does_not_write_over_the_next_ones_book() {
    let (clock, _, open) = world();
    let (one, two) = (open(2), open(3));
    let mut slept = one.turn(TENANT).unwrap();
    slept.write_book(b"one").unwrap();
    clock.set(clock.now() + SignedDuration::from_secs(60));
    let mut turn = two.turn(TENANT).unwrap();
    turn.write_book(b"two").unwrap();
    assert!(matches!(slept.write_book(b"late"), Err(StoreError::TurnLost { .. })));
    assert!(matches!(slept.keep(), Err(StoreError::TurnLost { .. })));
    drop(slept);
    turn.write_book(b"three").unwrap();
    assert_eq!(one.book(TENANT).unwrap().as_deref(), Some(&b"three"[..]));
}

#[test]
fn a_damaged_book_is_named_and_can_be_replaced() {
    let (_, memory, open) = world();
    let one = open(2);
    one.turn(TENANT).unwrap().write_book(b"one").unwrap();
    assert!(one.check(true, &|_, _| {}).unwrap().is_clean());
    let rows = crate::storage::list_all(memory.as_ref(), None, None).unwrap();
    let path = rows.into_iter().find(|row| row.path.as_str().ends_with(".book")).unwrap().path;
    memory.delete(&path).unwrap();
    memory.put_new(&path, b"not a book").unwrap();
    assert!(one.book(TENANT).unwrap_err().to_string().contains(path.as_str()));
    let report = one.check(false, &|_, _| {}).unwrap();
    assert_eq!(report.faults.len(), 1, "{report:?}");
    assert!(report.faults[0].affected.is_empty(), "no history is lost by it");
    one.turn(TENANT).unwrap().write_book(b"two").unwrap();
    assert_eq!(one.book(TENANT).unwrap().as_deref(), Some(&b"two"[..]));
}

/// Breaks every operation of taking a turn and writing the book, in every way: the book is the old or the
/// new one, or half of one where the storage tore it, and the next process has its turn and writes another.
#[test]
fn a_book_is_replaced_wherever_the_writing_stops() {
    for kind in crate::storage::FaultKind::ALL {
        let mut failed = 0;
        for at in 1.. {
            let (clock, memory, open) = world();
            open(2).turn(TENANT).unwrap().write_book(b"old").unwrap();
            let faulty = Arc::new(Fault::with_memory(memory.clone(), at, kind));
            let env = Environment { clock: clock.clone(), entropy: Arc::new(SeededEntropy::new(9)) };
            let worked = Repository::open(faulty.clone(), &words("horse"), env, None)
                .and_then(|repository| repository.turn(TENANT)?.write_book(b"new"));
            failed += usize::from(worked.is_err());
            clock.set(clock.now() + SignedDuration::from_secs(60));
            match open(4).book(TENANT) {
                Ok(book) if worked.is_ok() => {
                    assert_eq!(book.as_deref(), Some(&b"new"[..]), "{kind:?} at {at}")
                }
                Ok(book) => assert!(matches!(book.as_deref(), Some(b"old" | b"new")), "{kind:?} at {at}"),
                Err(error) => assert_eq!(kind, FaultKind::Torn, "at {at}: {error}"),
            }
            open(5).turn(TENANT).unwrap().write_book(b"next").unwrap();
            if faulty.operations() < at {
                break;
            }
        }
        let harmless = matches!(kind, FaultKind::Slow(_) | FaultKind::LostSync);
        assert!(harmless || failed > 0, "{kind:?} broke nothing");
    }
}
