use super::*;
use crate::event::EventFamily;

fn key(item_handle: i32) -> ItemKey {
    ItemKey { server_handle: 1, item_handle }
}

fn item(definition: &str) -> Item {
    Item {
        definition: definition.to_owned(),
        context: String::new(),
        advise: AdviseState::None,
        added_after: 0,
    }
}

#[test]
fn the_registry_follows_the_commands() {
    let mut items = Items::default();
    items.apply(ItemChange::Registered(1), 0);
    items.apply(ItemChange::Added(key(1), item("A.B")), 0);
    items.apply(ItemChange::Added(key(2), item("A.C")), 0);
    items.apply(ItemChange::Advised(key(2), AdviseState::Supervisory), 0);
    assert_eq!((items.added(), items.advised()), (2, 1));
    assert_eq!(items.get(key(1)).unwrap().definition, "A.B");
    items.apply(ItemChange::Removed(key(2)), 0);
    assert_eq!((items.added(), items.advised()), (1, 0));
    items.apply(ItemChange::Added(key(2), item("A.D")), 0);
    assert_eq!(items.get(key(2)).unwrap().definition, "A.D");
    items.apply(ItemChange::Unregistered(1), 0);
    assert_eq!(items.added(), 0);
}

#[test]
fn unknown_handles_change_nothing() {
    let mut items = Items::default();
    items.apply(ItemChange::Advised(key(9), AdviseState::Advised), 0);
    items.apply(ItemChange::Removed(key(9)), 0);
    items.apply(ItemChange::Unregistered(9), 0);
    assert_eq!(items.added(), 0);
}

fn event(item_handle: i32, sequence: u64) -> Event {
    Event {
        sequence,
        family: EventFamily::DataChange,
        item: key(item_handle),
        received: std::time::SystemTime::UNIX_EPOCH,
        payload: Vec::new().into(),
    }
}

fn added(definition: &str, added_after: u64) -> Item {
    Item { added_after, ..item(definition) }
}

/// What a reader gets who may see what begins with "A.".
fn verdict(items: &Items, item_handle: i32, sequence: u64) -> Verdict {
    items.judge(&event(item_handle, sequence), |_, item| item.definition.starts_with("A."))
}

fn adding() -> PendingChange {
    PendingChange { adds: true, frees: Frees::Nothing }
}

fn freeing(item_handle: i32) -> PendingChange {
    PendingChange { adds: false, frees: Frees::Items([key(item_handle)].into()) }
}

#[test]
fn events_are_judged_by_the_item_they_are_of() {
    let mut items = Items::default();
    items.apply(ItemChange::Added(key(1), added("A.B", 0)), 0);
    items.apply(ItemChange::Added(key(2), added("X.B", 0)), 0);
    assert_eq!(verdict(&items, 1, 1), Verdict::Show);
    assert_eq!(verdict(&items, 2, 1), Verdict::Hide);
    assert_eq!(verdict(&items, 3, 1), Verdict::Hide, "nobody knows what it is");
}

#[test]
fn events_of_a_handle_that_was_used_again_are_judged_by_their_own_item() {
    let mut items = Items::default();
    items.apply(ItemChange::Added(key(1), added("A.B", 0)), 0);
    items.apply(ItemChange::Removed(key(1)), 10);
    assert_eq!(verdict(&items, 1, 10), Verdict::Show);
    assert_eq!(verdict(&items, 1, 11), Verdict::Hide);
    items.apply(ItemChange::Added(key(1), added("X.B", 12)), 13);
    assert_eq!(verdict(&items, 1, 10), Verdict::Show);
    assert_eq!(verdict(&items, 1, 13), Verdict::Hide);
    items.apply(ItemChange::Unregistered(1), 20);
    items.apply(ItemChange::Registered(1), 20);
    items.apply(ItemChange::Added(key(1), added("A.C", 18)), 21);
    assert_eq!(verdict(&items, 1, 19), Verdict::Hide, "of X.B or of A.C, so not to be shown");
    assert_eq!(verdict(&items, 1, 21), Verdict::Show);
    items.forget_former(13);
    assert_eq!(verdict(&items, 1, 10), Verdict::Hide);
    assert_eq!(items.former_count, 1);
    items.forget_former(20);
    assert_eq!((items.former.len(), items.former_count), (0, 0));
}

#[test]
fn an_event_waits_for_the_command_that_decides_about_it() {
    let mut items = Items::default();
    let ticket = items.begin(adding(), 5);
    assert_eq!(verdict(&items, 1, 5), Verdict::Hide, "it was there before the command");
    assert_eq!(verdict(&items, 1, 6), Verdict::Wait);
    items.apply(ItemChange::Added(key(1), added("A.B", 5)), 7);
    items.end(ticket);
    assert_eq!(verdict(&items, 1, 6), Verdict::Show);
    assert_eq!(verdict(&items, 2, 6), Verdict::Hide);

    let ticket = items.begin(freeing(1), 8);
    assert_eq!(verdict(&items, 1, 8), Verdict::Show);
    assert_eq!(verdict(&items, 1, 9), Verdict::Wait, "the handle may belong to another item by now");
    assert_eq!(items.settled(key(1)), None);
    items.end(ticket);
    assert_eq!(items.settled(key(1)).unwrap().definition, "A.B");
    assert_eq!(verdict(&items, 1, 9), Verdict::Show, "the command failed");
    let ticket = items.begin(PendingChange { adds: false, frees: Frees::Registration(1) }, 9);
    assert_eq!(verdict(&items, 1, 10), Verdict::Wait);
    items.end(ticket);
}

#[test]
fn items_that_are_no_more_take_bounded_memory() {
    let mut items = Items::default();
    for number in 0..250_000 {
        items.apply(ItemChange::Added(key(number), added("A.B", 0)), 0);
        items.apply(ItemChange::Removed(key(number)), 1);
        items.apply(ItemChange::Removed(key(number)), 1);
    }
    assert!(items.former_count <= MAX_FORMER_ITEMS);
    assert_eq!(items.former_count, items.former.values().map(Vec::len).sum::<usize>());
    items.apply(ItemChange::Added(key(0), added("A.B", 1)), 1);
    items.apply(ItemChange::Removed(key(0)), 1);
    let before = items.former_count;
    items.apply(ItemChange::Added(key(0), added("A.B", 1)), 1);
    assert_eq!(items.former_count, before, "an item without events leaves nothing");
}

#[test]
fn a_free_handle_may_have_gone_to_an_item_that_is_being_added() {
    let mut items = Items::default();
    items.apply(ItemChange::Added(key(1), added("A.B", 0)), 0);
    let removing = items.begin(freeing(1), 5);
    let ticket = items.begin(adding(), 5);
    items.apply(ItemChange::Removed(key(1)), 9);
    items.end(removing);
    assert_eq!(verdict(&items, 1, 5), Verdict::Show);
    assert_eq!(verdict(&items, 1, 6), Verdict::Wait, "of the removed item, or of the one being added");
    items.apply(ItemChange::Added(key(1), added("X.B", 5)), 9);
    items.end(ticket);
    assert_eq!(verdict(&items, 1, 6), Verdict::Hide);
}
