//! A list that leaves something out: what is not in it is asked for by itself, and is deleted only
//! where the tenant says that it is gone.

use crate::realm::Realm;
use crate::world::World;

#[test]
fn what_a_list_leaves_out_is_not_deleted() {
    let (world, realm) = (World::bare(), Realm::start());
    world.configure(&realm.configuration());
    world.write("secret", "hush");
    world.run(&["snapshot"]).ok();
    let users = || world.run(&["ls", "kc/user", "--json"]).ok().lines().len();
    let before = users();

    realm.leave_out("u003");
    let ran = world.run(&["snapshot", "--json"]).code(3);
    assert!(ran.err.contains("u003") || ran.out.contains("u003"), "{ran:?}");
    assert_eq!(users(), before);
    world.run(&["show", "kc/user/u003"]).ok();

    // One that is gone is: its own address says so.
    realm.leave_out("");
    realm.move_to(1);
    let ran = world.run(&["snapshot", "--json"]).ok();
    assert_eq!((ran.lines()[0]["removed"].as_u64(), users()), (Some(1), before), "{ran:?}");
    world.run(&["show", "kc/user/guest00000"]).code(1);
}
