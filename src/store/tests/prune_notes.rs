//! What is known of a tenant as a whole, and not of one resource or one snapshot, outlives every prune.

use super::pruned::{World, asked, hour, last};
use super::*;
use crate::base::time::Clock as _;
use crate::format::payload::{Annotation, Sort as About};
use crate::store::LateEvent;

/// Everything that is noted, as it is read from the records that there are.
fn noted(repository: &Repository) -> Vec<Annotation> {
    let (tenant, newest) = repository.at_newest(TENANT).unwrap();
    let records = repository.core.all_records(&tenant, newest).unwrap();
    records.iter().flat_map(|rec| repository.core.annotations(&tenant, rec).unwrap()).collect()
}

#[test]
fn notes_without_a_resource_stay_though_the_snapshots_of_their_time_go() {
    let (world, repository) = World::new();
    for n in 0..4 {
        world.take(&repository, &hour(n));
        world.pass(1);
    }
    let (tenant, _) = repository.at_newest(TENANT).unwrap();
    let about = |sort, seq, value: &str| Annotation::new(sort, seq, "", value.as_bytes().to_vec());
    // Of the whole tenant, of the time of snapshots that go, and of a sort that this program does not know.
    let mut organisation = vec![
        about(About::Unseen, 2, "{\"operation\":\"settings\"}"),
        about(About::LateEvent, 2, "{\"operation\":\"settings\"}"),
        about(About::Export, 1, "{\"who\":\"ann\"}"),
        about(About::SecretRead, 3, "{\"who\":\"ann\"}"),
        about(About::Join, 0, "{}"),
        about(About::IdMap, 0, "{\"from\":\"a\",\"to\":\"b\"}"),
        Annotation { code: 99, sequence: 2, key: String::new(), value: b"{}".to_vec() },
        about(About::Unseen, 4, "{\"operation\":\"newest\"}"),
    ];
    let tag = about(About::Tag, 2, "{\"tag\":\"x\",\"removed\":true}");
    for note in &organisation {
        repository.core.annotate(&tenant, std::slice::from_ref(note)).unwrap();
    }
    // Beside one that means nothing without its snapshot, and that one alone.
    let beside = about(About::Unseen, 3, "{\"operation\":\"beside\"}");
    repository.core.annotate(&tenant, &[tag.clone(), beside.clone()]).unwrap();
    repository.core.annotate(&tenant, std::slice::from_ref(&tag)).unwrap();
    organisation.extend([tag, beside]);
    let newest = world.take(&repository, &hour(5));
    for waited in [0, 73, 73] {
        world.pass(waited);
        let report = repository.prune_tenant(TENANT, &asked(&last(1), world.clock.now())).unwrap();
        assert_eq!(report.dropped(), if waited == 0 { 4 } else { 0 });
        let again = world.open(20, None);
        assert_eq!(noted(&again), organisation, "after {waited} hours");
        // What they tell of shows at the snapshot that is left of that time.
        let told = again.past(TENANT).unwrap().late_events().unwrap();
        assert_eq!(told.len(), 4);
        let at = |event: &LateEvent| event.seq == newest.seq && event.path.is_empty();
        assert!(told.iter().all(at), "{told:?}");
    }
    assert!(world.open(21, None).check(true, &|_, _| {}).unwrap().is_clean());
}
