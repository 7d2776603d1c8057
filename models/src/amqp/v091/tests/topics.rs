//! The index of topic bindings against a matcher that is as simple as can be.

use crate::amqp::broker::exchange::{TopicIndex, words};

/// §3.1.3.3, word for word: `*` is one word, `#` is none, or one and maybe more.
fn is_match(pattern: &[&str], key: &[&str]) -> bool {
    match (pattern, key) {
        ([], []) => true,
        (["#", rest @ ..], _) if is_match(rest, key) => true,
        (["#", ..], [_, behind @ ..]) => is_match(pattern, behind),
        (["*", rest @ ..], [_, behind @ ..]) => is_match(rest, behind),
        ([word, rest @ ..], [first, behind @ ..]) => word == first && is_match(rest, behind),
        _ => false,
    }
}

fn is_naive_match(pattern: &str, key: &str) -> bool {
    is_match(&words(pattern).collect::<Vec<_>>(), &words(key).collect::<Vec<_>>())
}

/// Up to five of these words: few, so that there are matches; with an empty one.
fn any_key(rng: &mut fastrand::Rng, of: &[&str]) -> String {
    (0..rng.usize(..6)).map(|_| *rng.choice(of).unwrap()).collect::<Vec<_>>().join(".")
}

fn found(index: &TopicIndex<u32>, key: &str) -> Vec<u32> {
    let mut found = Vec::new();
    index.matching(key, |value| found.push(*value));
    found.sort_unstable();
    found
}

/// The matcher itself, by the words of §3.1.3.3 and its example: `*.stock.#` matches `usd.stock` and `eur.stock.db` but not `stock.nasdaq`.
#[test]
fn the_simple_matcher_is_right() {
    for (pattern, key, expected) in [
        ("*.stock.#", "usd.stock", true),
        ("*.stock.#", "eur.stock.db", true),
        ("*.stock.#", "stock.nasdaq", false),
        ("#", "", true),
        ("*", "", false),
        ("", "", true),
        ("", "a", false),
        ("#.#", "", true),
        ("#.*", "", false),
        ("#.*", "a", true),
        ("a.#.b", "a.b", true),
        ("a.#.b", "a.x.y.b", true),
        ("a.#.b", "a.x.y.c", false),
        ("*", "a.b", false),
        ("a.*", "a.", true),
        ("a*", "ab", false),
        ("a*", "a*", true),
    ] {
        assert_eq!(is_naive_match(pattern, key), expected, "{pattern} {key}");
    }
}

/// Bindings come and go; after each, what is found is what the simple matcher says, once for each pattern that a value has. In the end nothing
/// is left behind.
#[test]
fn the_index_finds_what_the_simple_matcher_does() {
    for seed in 0..60 {
        let mut rng = fastrand::Rng::with_seed(seed);
        let mut index = TopicIndex::default();
        // Each binding as often as it was added.
        let mut there: Vec<(String, u32)> = Vec::new();
        for _ in 0..60 {
            if there.is_empty() || rng.u8(..3) > 0 {
                let binding = (any_key(&mut rng, &["a", "b", "", "*", "#", "#"]), rng.u32(..4));
                index.add(&binding.0, binding.1);
                there.push(binding);
            } else {
                let (pattern, value) = there.swap_remove(rng.usize(..there.len()));
                assert!(index.remove(&pattern, value));
            }
            for _ in 0..8 {
                let key = any_key(&mut rng, &["a", "b", "c", "", "*", "#"]);
                let mut expected: Vec<_> =
                    there.iter().filter(|(pattern, _)| is_naive_match(pattern, &key)).cloned().collect();
                expected.sort_unstable();
                expected.dedup();
                let mut values: Vec<_> = expected.into_iter().map(|(_, value)| value).collect();
                values.sort_unstable();
                assert_eq!(found(&index, &key), values, "seed {seed}, {key}: {there:?}");
            }
        }
        assert!(!index.remove("a.b.c.d.e.f.g", 0));
        for (pattern, value) in there.drain(..) {
            assert!(index.remove(&pattern, value));
            assert!(!index.remove(&pattern, 99));
        }
        assert!(index.is_bare());
    }
}

/// Patterns of many `#` and keys of many words: ways through them are more than there are nanoseconds in a year (over C(127, 63)), so that
/// who tries them one by one does not end.
#[test]
fn many_hashes_cost_little() {
    let mut index = TopicIndex::default();
    index.add(&["#"; 64].join("."), 1);
    index.add(&["#", "x"].repeat(32).join("."), 2);
    let key = ["a"; 127].join(".");
    assert_eq!(found(&index, &key), [1]);
    assert_eq!(found(&index, &["x"; 127].join(".")), [1, 2]);
    assert_eq!(found(&index, &["x"; 31].join(".")), [1]);
}

/// Of 20,000 bindings with keys of their own, one is found, and those that take all.
#[test]
fn many_bindings_are_found_by_their_keys() {
    let mut index = TopicIndex::default();
    for number in 0..20_000 {
        index.add(&format!("room.{number}.*"), number);
    }
    index.add("#", 50_000);
    index.add("room.*.door", 50_001);
    for number in (0..20_000).step_by(97) {
        assert_eq!(found(&index, &format!("room.{number}.door")), [number, 50_000, 50_001]);
        assert_eq!(found(&index, &format!("room.{number}.lamp")), [number, 50_000]);
    }
}
