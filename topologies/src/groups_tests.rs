//! Sets of nodes, what links between them are, and mistakes.

use super::*;

fn sets(names: &[&str]) -> NodeSets {
    NodeSets::of(names.iter().copied())
}

#[test]
fn names_that_differ_in_their_number_are_a_set() {
    let sets = sets(&["a-0", "a-1", "a-2", "gateway", "b-c-1", "b-c-0"]);
    assert_eq!(sets.names().collect::<Vec<_>>(), ["a", "b-c"]);
    assert_eq!(sets.members("a").collect::<Vec<_>>(), ["a-0", "a-1", "a-2"]);
    assert_eq!(sets.members("b-c").collect::<Vec<_>>(), ["b-c-0", "b-c-1"]);
    assert_eq!(sets.members("gateway").collect::<Vec<_>>(), ["gateway"]);
}

#[test]
fn a_gap_a_padded_number_and_a_node_of_that_name_make_no_set() {
    // Without member 1; with a padded number; and where `a` is somebody already.
    for names in [&["a-0", "a-2"][..], &["a-00", "a-01"], &["a-0", "a-1", "a"], &["a-1"], &["-0"]] {
        assert_eq!(sets(names).names().count(), 0, "{names:?}");
    }
    // A set of one is still a set.
    assert_eq!(sets(&["a-0"]).get("a").map(<[String]>::len), Some(1));
}

#[test]
fn the_name_of_a_network_stands_for_its_hosts() {
    // A chain's routers are no hosts, though their names are numbered as theirs are.
    let sets = sets(&["c-0", "c-1", "c-2"]).with_hosts("c", vec!["c-0".to_owned(), "c-2".to_owned()]);
    assert_eq!(sets.members("c").collect::<Vec<_>>(), ["c-0", "c-2"]);
    assert_eq!(sets.with_hosts("d", Vec::new()).get("d"), None);
}

#[test]
fn links_of_sets_are_as_many_as_their_members() {
    let sets = sets(&["a-0", "a-1", "b-0", "b-1", "c-0", "x"]);
    assert_eq!(links_between("x", "y", &sets), Ok(None));
    assert_eq!(links_between("a", "x", &sets), Ok(Some(2)));
    assert_eq!(links_between("x", "c", &sets), Ok(Some(1)));
    assert_eq!(links_between("a", "b", &sets), Ok(Some(2)));
    let different = links_between("a", "c", &sets).unwrap_err();
    assert!(different.contains("`a` has 2 members and `c` has 1"), "{different}");
    assert!(links_between("a", "a", &sets).unwrap_err().contains("to itself"));
}

#[test]
fn partners_go_round() {
    let sets = sets(&["s-0", "s-1"]);
    let partners: Vec<_> = (0..4).map(|index| sets.partner("s", index)).collect();
    assert_eq!(partners, ["s-0", "s-1", "s-0", "s-1"]);
    assert_eq!(sets.partner("server", 3), "server");
}

#[test]
fn a_group_has_at_least_one_member_and_not_millions() {
    assert_eq!(check_count("a", 1), Ok(()));
    assert_eq!(check_count("a", 0).unwrap_err().message, "`a` is a group of nobody: a count is at least 1");
    assert_eq!(check_count("a", MOST_NODES), Ok(()));
    assert_eq!(check_count("a", MOST_NODES + 1).unwrap_err().path, "count");
}
