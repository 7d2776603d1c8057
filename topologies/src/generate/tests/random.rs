//! Random families.

use super::super::connect::{by_distance, by_number};
use super::super::geometric::place;
use super::*;
use protosim_core::maths;

const RANDOM: [&str; 4] = [
    r#"Geometric(name: "x", nodes: 60, radius: 0.1, area: "100 km", link: (rate: "1 Gbit/s"))"#,
    r#"Waxman(name: "x", nodes: 60, alpha: 0.1, beta: "20 %", area: "1000 km", link: (rate: "1 Gbit/s"))"#,
    r#"BarabasiAlbert(name: "x", nodes: 60, attach: 2, link: (delay: "1 ms"))"#,
    r#"ErdosRenyi(name: "x", nodes: 60, probability: "2 %", link: (delay: "1 ms"))"#,
];

#[test]
fn they_are_connected_and_the_same_for_the_same_seed_only() {
    for text in RANDOM {
        for seed in 1..=20 {
            let made = network(text, seed);
            assert!(is_connected(&made), "{text}");
            assert_eq!((made.nodes.len(), made.hosts.len()), (60, 60));
            assert_eq!(made, network(text, seed), "{text}");
            assert_ne!(made, network(text, seed + 1), "{text}");
            let pairs: BTreeSet<_> = made.links.iter().map(|link| link.name()).collect();
            assert_eq!(pairs.len(), made.links.len(), "no pair is joined twice");
        }
        // The name of the network is that of its stream.
        let ends = |text: &str| -> Vec<String> {
            let links = network(text, 1).links;
            links.iter().map(|link| link.name().replace('y', "x")).collect()
        };
        assert_ne!(ends(text), ends(&text.replace("\"x\"", "\"y\"")), "{text}");
    }
}

#[test]
fn a_larger_network_contains_the_smaller_one() {
    // Dense enough not to come out in parts.
    for text in [
        r#"Waxman(name: "x", nodes: N, alpha: 0.4, beta: "80 %", area: "1000 km", link: (rate: "1 Gbit/s"))"#,
        r#"Geometric(name: "x", nodes: N, radius: 0.4, area: "1000 km", link: (rate: "1 Gbit/s"))"#,
        r#"BarabasiAlbert(name: "x", nodes: N, attach: 3, link: (delay: "1 ms"))"#,
        r#"ErdosRenyi(name: "x", nodes: N, probability: "30 %", link: (delay: "1 ms"))"#,
    ] {
        let of = |nodes: &str| network(&text.replace('N', nodes), 3).links;
        let (small, large) = (of("60"), of("70"));
        assert!(small.iter().all(|link| large.contains(link)), "{text}");
    }
}

#[test]
fn a_larger_probability_keeps_all_links_of_the_smaller_one() {
    for text in [
        r#"Waxman(name: "x", nodes: 100, alpha: 0.4, beta: "P %", area: "1000 km", link: (rate: "1 Gbit/s"))"#,
        r#"ErdosRenyi(name: "x", nodes: 100, probability: "P %", link: (delay: "1 ms"))"#,
    ] {
        let of = |percent: &str| network(&text.replace('P', percent), 3).links;
        let (small, large) = (of("40"), of("60"));
        assert!(small.iter().all(|link| large.contains(link)) && small.len() < large.len(), "{text}");
    }
}

/// m (n - m) links, so a total degree of 2 · 3 · 497 = 2982; every node that joined later has at least m.
#[test]
fn preferential_attachment_has_the_links_that_it_should() {
    let made = network(r#"BarabasiAlbert(name: "b", nodes: 500, attach: 3, link: (delay: "1 ms"))"#, 1);
    let degrees = degrees(&made);
    assert_eq!(degrees.values().sum::<usize>(), 2982);
    assert!((4..500).all(|node| degrees[&*format!("b-{node}")] >= 3));
}

/// Of a large network a share of 2 m (m + 1) / (k (k + 1) (k + 2)) has k links (Dorogovtsev, Mendes, Samukhin 2000;
/// Bollobás et al. 2001): for m = 2 that is 1/2, 1/5, 1/10 for k = 2, 3, 4. With 20,000 nodes a share of one half has a
/// standard deviation of at most 0.0036: 0.015 is four of them for all three together. The largest degree grows as
/// m √n = 283, where a uniform random graph with four links a node has none above 20.
#[test]
fn preferential_attachment_has_degrees_by_a_power_law() {
    let made = network(r#"BarabasiAlbert(name: "b", nodes: 20000, attach: 2, link: (delay: "1 ms"))"#, 1);
    let counts = nodes_by_degree(&made);
    for (degree, expected) in [(2, 0.5), (3, 0.2), (4, 0.1)] {
        let share = counts[&degree] as f64 / 20_000.0;
        assert!((share - expected).abs() < 0.015, "{degree}: {share}");
    }
    assert!(*counts.last_key_value().unwrap().0 > 100);
}

/// Links at distances in narrow rings, against the sum of β e^(-d / (α √2)) over all pairs there, within 4 standard
/// deviations of a sum of Bernoulli draws.
#[test]
fn waxmans_probability_falls_with_the_distance_as_it_should() {
    let GeneratorConfig::Waxman(waxman) =
        config(r#"Waxman(name: "w", nodes: 2000, alpha: 0.2, beta: "40 %", link: (delay: "1 ms"))"#)
    else {
        unreachable!("it is a Waxman graph")
    };
    let (alpha, beta) = (0.2, 0.4);
    let mut drawn: Vec<(f64, bool)> = Vec::new();
    let mut stream = stream(11, "w");
    let (places, pairs) = place(2000, &mut stream, |square, stream| {
        let is_joined = stream.uniform() < waxman.probability(square.sqrt());
        drawn.push((square.sqrt(), is_joined));
        is_joined
    })
    .unwrap();
    assert_eq!((places.len(), drawn.len()), (2000, 2000 * 1999 / 2));
    // Nothing had to be joined: what is in the network is what was drawn.
    assert_eq!(pairs.0.len(), drawn.iter().filter(|(_, is_joined)| *is_joined).count());
    for low in [0.0, 0.1, 0.2, 0.4, 0.7, 1.0] {
        let ring: Vec<&(f64, bool)> = drawn.iter().filter(|(d, _)| *d >= low && *d < low + 0.02).collect();
        let probability = |d: f64| beta * maths::exp(-d / (alpha * 2.0_f64.sqrt()));
        let mean: f64 = ring.iter().map(|(d, _)| probability(*d)).sum();
        let variance: f64 = ring.iter().map(|(d, _)| probability(*d) * (1.0 - probability(*d))).sum();
        let found = ring.iter().filter(|(_, is_joined)| *is_joined).count() as f64;
        assert!(ring.len() > 1000 && (found - mean).abs() < 4.0 * variance.sqrt(), "{low}: {found} of {mean}");
    }
    // By hand: 0.4 e^(-0.5 / 0.28284) = 0.4 e^-1.76777 = 0.068285.
    approx::assert_relative_eq!(waxman.probability(0.5), 0.068_285, max_relative = 1e-4);
}

/// Two uniform places of a unit square are within r with probability π r² - 8 r³ / 3 + r⁴ / 2: 0.028799 for 0.1. Of
/// 499,500 pairs that is 14,385; pairs that share a node depend on each other, for which 5 % leave room.
#[test]
fn near_nodes_and_only_those_are_joined() {
    let text = r#"Geometric(name: "g", nodes: 1000, radius: 0.1, area: "1000 km", link: (rate: "1 Gbit/s"))"#;
    let made = network(text, 1);
    assert!((made.links.len() as f64 / 14_385.0 - 1.0).abs() < 0.05, "{}", made.links.len());
    // 100 km of fibre are 500,346 ns; nothing that is longer was drawn, and few, if any, were added to join parts.
    let longer = made.links.iter().filter(|link| link.delay.unwrap().as_nanos() > 500_347).count();
    assert!(longer <= 3, "{longer}");
}

/// 12,475 of 124,750 pairs, with a standard deviation of 106: within four.
#[test]
fn uniform_random_graphs_have_the_links_that_they_should() {
    let made = network(r#"ErdosRenyi(name: "e", nodes: 500, probability: "10 %", link: (delay: "1 ms"))"#, 1);
    assert!(made.links.len().abs_diff(12_475) < 424, "{}", made.links.len());
    let chain = network(r#"ErdosRenyi(name: "e", nodes: 5, probability: "0 %", link: (delay: "1 ms"))"#, 1);
    // Nothing is drawn: every node is joined to the one before it.
    let names: Vec<_> = chain.links.iter().map(|link| link.name()).collect();
    assert_eq!(names, ["e-0--e-1", "e-1--e-2", "e-2--e-3", "e-3--e-4"]);
}

#[test]
fn parts_are_joined_by_the_shortest_link_to_what_is_joined() {
    // 0-1 and 2-3 in a row, 4 above 2. From 0-1 the nearest is 2, 0.4 from 1; then 4, 0.3 from 2.
    let places = [(0.0, 0.0), (0.1, 0.0), (0.5, 0.0), (0.6, 0.0), (0.5, 0.3)];
    let mut pairs = Pairs(vec![(0, 1), (2, 3)]);
    by_distance(&places, &mut pairs).unwrap();
    assert_eq!(pairs.0, [(0, 1), (2, 3), (1, 2), (2, 4)]);
    // Corners of a square: 1 and 2 are equally far from 0, then 3 from 1 and 2.
    let mut pairs = Pairs(Vec::new());
    by_distance(&[(0.0, 0.0), (0.0, 1.0), (1.0, 0.0), (1.0, 1.0)], &mut pairs).unwrap();
    assert_eq!(pairs.0, [(0, 1), (0, 2), (1, 3)]);
}

#[test]
fn without_places_parts_are_joined_by_numbers() {
    // Parts {0, 3}, {1, 4}, {2}: 1 is joined to 0, then 2 to 1.
    let mut pairs = Pairs(vec![(0, 3), (1, 4)]);
    by_number(5, &mut pairs).unwrap();
    assert_eq!(pairs.0, [(0, 3), (1, 4), (0, 1), (1, 2)]);
}

/// A link at the ends of a street of 3 km has 15 µs: 3000 m / (2/3 · 299,792,458 m/s) = 15.01 µs.
#[test]
fn an_area_gives_links_the_delay_of_their_length() {
    let made = network(r#"Geometric(name: "g", nodes: 2, radius: 1.5, area: "3 km", link: (rate: "1 Gbit/s"))"#, 5);
    let mut stream = stream(5, "g");
    let mut draw = || stream.uniform();
    let (a, b) = ((draw(), draw()), (draw(), draw()));
    let metres = 3000.0 * ((a.0 - b.0) * (a.0 - b.0) + (a.1 - b.1) * (a.1 - b.1)).sqrt();
    assert_eq!(made.links[0].delay.unwrap().as_nanos() as f64, (metres * 1.5 / 0.299_792_458).round());
}
