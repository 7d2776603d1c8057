//! Topics and filters.

use super::{filter, text};
use crate::mqtt::topic::{Share, TopicFilter, TopicMap, TopicTree, check_topic};
use crate::mqtt::wire::Text;
use proptest::prelude::*;

/// The sheet's table, and v5 §4.7.1 to §4.7.3 with all their examples.
#[test]
fn filters_and_what_they_match() {
    let long = "sport/tennis/player1/score/wimbledon";
    let cases: [(&str, &[&str], &[&str]); 13] = [
        ("sport/tennis/+", &["sport/tennis/p1", "sport/tennis/"], &["sport/tennis", "sport/tennis/p1/rank"]),
        ("sport/#", &["sport", "sport/", "sport/a/b", long], &["sports", "Sport/a", "/sport"]),
        ("+/+", &["/finance", "a/b", "/"], &["a", "a/b/c", "$SYS/a"]),
        ("/+", &["/finance"], &["finance", "a/b"]),
        ("+", &["finance", "a b"], &["/finance", "$SYS", "a/"]),
        ("#", &["a", "a/b", "/", "/$SYS"], &["$SYS/x", "$SYS", "$"]),
        ("+/monitor", &["a/monitor", "/monitor"], &["$SYS/monitor", "monitor"]),
        ("$SYS/#", &["$SYS", "$SYS/", "$SYS/a/b"], &["SYS/a", "$sys/a"]),
        ("$SYS/monitor/+", &["$SYS/monitor/Clients"], &["$SYS/monitor", "a/monitor/Clients"]),
        ("sport/tennis/player1/#", &["sport/tennis/player1", "sport/tennis/player1/ranking", long], &["sport/tennis"]),
        ("sport/+/player1", &["sport/tennis/player1", "sport//player1"], &["sport/player1"]),
        ("+/tennis/#", &["sport/tennis", "/tennis/a"], &["tennis", "sport/golf"]),
        ("ACCOUNTS", &["ACCOUNTS"], &["Accounts", "ACCOUNTS/", "/ACCOUNTS"]),
    ];
    for (pattern, matched, others) in cases {
        let found = |topic: &&&str| {
            let mut tree = TopicTree::default();
            tree.insert(&filter(pattern), 1, ());
            let mut count = 0;
            tree.matching(topic, |_, ()| count += 1);
            let mut map = TopicMap::default();
            map.insert(text(topic), ());
            let mut stored = 0;
            map.matching(&filter(pattern), |_, ()| stored += 1);
            assert_eq!(count, stored, "{pattern} and {topic}");
            assert_eq!(count == 1, filter(pattern).matches(topic), "{pattern} and {topic}");
            count == 1
        };
        assert!(matched.iter().all(|topic| found(&topic)), "{pattern}");
        assert!(!others.iter().any(|topic| found(&topic)), "{pattern}");
    }
}

/// v5 §4.7.1.2, §4.7.1.3, §4.7.3, §4.8.2.
#[test]
fn filters_and_topics_that_are_none() {
    for pattern in ["", "sport/tennis#", "sport/tennis/#/ranking", "#/a", "##", "sport+", "+a", "a/+b/c", "a/#+", "++"]
    {
        assert!(TopicFilter::new(text(pattern)).is_err(), "{pattern}");
    }
    for topic in ["", "a/+", "#", "a#b", "+"] {
        assert!(check_topic(topic).is_err(), "{topic}");
    }
    for topic in ["/", "a", " ", "$SYS/a", "a//b", "\u{feff}"] {
        assert!(check_topic(topic).is_ok() && TopicFilter::new(text(topic)).is_ok(), "{topic}");
    }
    for pattern in ["$share/", "$share/a", "$share//a", "$share/a/", "$share/+/a", "$share/#"] {
        let pattern = filter(pattern);
        assert_eq!((pattern.share(), pattern.check_share().is_err()), (None, true), "{pattern}");
    }
    let shared = filter("$share/consumer1/sport/tennis/+");
    assert_eq!(shared.share(), Some(Share { name: "consumer1", filter: "sport/tennis/+" }));
    assert!(shared.matches("sport/tennis/p1") && !shared.matches("$share/consumer1/sport/tennis/p1"));
    // The filter's first level is `/`'s: an empty one (§4.8.2's `$share/consumer1//finance`).
    assert_eq!(filter("$share/consumer1//finance").share().map(|share| share.filter), Some("/finance"));
    let other = filter("$shared/a/b");
    assert_eq!((other.share(), other.check_share()), (None, Ok(())));
    // Behind the name, `$` is that of the filter's first level.
    assert!(!filter("$share/g/#").matches("$SYS/a") && filter("$share/g/$SYS/#").matches("$SYS/a"));
}

/// 65536 levels do not lead to recursion.
#[test]
fn topics_of_very_many_levels() {
    let deep = "/".repeat(65535);
    let pluses = format!("{}+", "+/".repeat(32767));
    let mut tree = TopicTree::default();
    for (key, pattern) in ["#", &deep, &format!("{}#", "/".repeat(65534)), &pluses].into_iter().enumerate() {
        tree.insert(&filter(pattern), key, ());
    }
    let found = |topic: &str| {
        let mut keys = Vec::new();
        tree.matching(topic, |key, ()| keys.push(*key));
        keys
    };
    assert_eq!(found(&deep), [1, 2, 0]);
    assert_eq!(found(&"/".repeat(32767)), [3, 0]);
    let mut map = TopicMap::default();
    map.insert(text(&deep), ());
    let mut count = 0;
    map.matching(&filter(&pluses), |_, ()| count += 1);
    map.matching(&filter("#"), |_, ()| count += 1);
    assert_eq!(count, 1);
}

#[test]
fn a_key_has_one_value_for_a_filter() {
    let mut tree = TopicTree::default();
    assert_eq!(tree.insert(&filter("a/+"), 7, "first"), None);
    assert_eq!(tree.insert(&filter("a/+"), 7, "second"), Some("first"));
    assert_eq!(tree.insert(&filter("a/#"), 7, "other"), None);
    assert_eq!(tree.insert(&filter("a/+"), 3, "smaller"), None);
    *tree.get_mut(&filter("a/#"), &7).unwrap() = "changed";
    let mut found = Vec::new();
    tree.matching("a/b", |key, value| found.push((*key, *value)));
    // `+` before `#`, and keys in order.
    assert_eq!(found, [(3, "smaller"), (7, "second"), (7, "changed")]);
    assert_eq!((tree.len(), tree.get(&filter("a/+"), &3)), (3, Some(&"smaller")));
    assert_eq!(tree.remove(&filter("a/+"), &7), Some("second"));
    assert_eq!((tree.remove(&filter("a/+"), &7), tree.remove(&filter("a"), &7)), (None, None));
    assert_eq!((tree.remove(&filter("a/#"), &7), tree.remove(&filter("a/+"), &3)), (Some("changed"), Some("smaller")));
    assert!(tree.is_empty());
}

/// Few levels, some of which lie before and behind `/` in order of characters, so that much matches.
fn any_levels(wild: bool) -> impl Strategy<Value = Vec<&'static str>> {
    let names = vec!["", "a", "a-", "a0", "b", "$", "$S", "ab"];
    let names = if wild { [names, vec!["+", "+", "+"]].concat() } else { names };
    prop::collection::vec(prop::sample::select(names), 1..5)
}

fn any_topic() -> impl Strategy<Value = Text> {
    any_levels(false).prop_filter_map("a character", |levels| {
        let topic = levels.join("/");
        check_topic(&topic).ok().map(|()| text(&topic))
    })
}

fn any_filter() -> impl Strategy<Value = TopicFilter> {
    (any_levels(true), any::<bool>(), any::<bool>()).prop_filter_map(
        "a character",
        |(mut levels, is_hash, is_shared)| {
            if is_hash {
                levels.push("#");
            }
            let share = if is_shared { "$share/g/" } else { "" };
            let filter = TopicFilter::new(text(&(share.to_owned() + &levels.join("/")))).ok()?;
            filter.check_share().ok().map(|()| filter)
        },
    )
}

proptest! {
    /// The tree finds what the definition says, each once, whatever was put in, replaced and taken out before; its order does not depend
    /// on that; and when all is out, nothing is left.
    #[test]
    fn the_tree_agrees_with_the_definition(
        steps in prop::collection::vec((any_filter(), 0_u32..4, any::<bool>()), 0..60),
        topics in prop::collection::vec(any_topic(), 1..10),
    ) {
        let mut tree = TopicTree::default();
        let mut model = std::collections::BTreeMap::new();
        for (step, (filter, key, is_in)) in steps.into_iter().enumerate() {
            // What topics are compared with, and a key, have one value.
            let plain = (super::filter(filter.plain()), key);
            match is_in {
                true => prop_assert_eq!(tree.insert(&filter, key, step), model.insert(plain, step)),
                false => prop_assert_eq!(tree.remove(&filter, &key), model.remove(&plain)),
            }
        }
        prop_assert_eq!(tree.len(), model.len());
        let mut again = TopicTree::default();
        for ((filter, key), step) in model.iter().rev() {
            prop_assert_eq!(again.insert(filter, *key, *step), None);
            prop_assert_eq!(tree.get(filter, key), Some(step));
        }
        for topic in &topics {
            let found = |tree: &TopicTree<u32, usize>| {
                let mut found = Vec::new();
                tree.matching(topic, |key, step| found.push((*key, *step)));
                found
            };
            let mut all = found(&tree);
            prop_assert_eq!(&found(&again), &all);
            all.sort_unstable();
            let mut expected: Vec<(u32, usize)> = model
                .iter()
                .filter(|((filter, _), _)| filter.matches(topic))
                .map(|((_, key), step)| (*key, *step))
                .collect();
            expected.sort_unstable();
            prop_assert_eq!(all, expected, "{}", topic);
        }
        for (filter, key) in model.keys() {
            prop_assert!(tree.remove(filter, key).is_some());
        }
        prop_assert!(tree.is_empty() && tree.is_bare());
    }

    /// The stored topics that are found are those that match, in order.
    #[test]
    fn stored_topics_are_found_as_the_definition_says(
        topics in prop::collection::btree_set(any_topic(), 0..60),
        filter in any_filter(),
    ) {
        let mut map = TopicMap::default();
        topics.iter().for_each(|topic| assert_eq!(map.insert(topic.clone(), ()), None));
        let mut found = Vec::new();
        map.matching(&filter, |topic, ()| found.push(topic.clone()));
        let expected: Vec<Text> = topics.into_iter().filter(|topic| filter.matches(topic)).collect();
        prop_assert_eq!(found, expected);
    }
}
