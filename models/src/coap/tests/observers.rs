//! Whole Apps that observe (RFC 7641).

use super::super::config::{Cancel, ClientConfig, Notifications, ServerConfig};
use super::super::wire::{Code, Message, OptionNumber, Type};
use super::apps::{Net, client_address, client_config, ended, exchange, server_address};
use crate::app::{App, Total};
use crate::observe::{ExchangeId, Observation, Outcome};
use crate::traffic::TimeDistribution;
use protosim_core::{LocalTime, Ratio, Size, Span};

/// A server whose resource changes so often.
fn changing(every: Span) -> ServerConfig {
    ServerConfig { changes: Some(TimeDistribution::Fixed(every)), ..ServerConfig::default() }
}

fn observer() -> ClientConfig {
    ClientConfig { observe: true, ..client_config() }
}

fn at(seconds: u64) -> LocalTime {
    LocalTime::ZERO + Span::from_secs(seconds)
}

/// The exchange that tells the client's first observation a state.
fn state(number: u64) -> ExchangeId {
    ExchangeId { client: server_address(), server: client_address(), id: number }
}

fn value(totals: &[Total], name: &str) -> u64 {
    totals.iter().find(|total| total.name == name).unwrap_or_else(|| panic!("no {name}")).value
}

/// Messages of the server with Observe, with when they were sent [s].
fn notifications(net: &Net) -> Vec<(u64, &Message)> {
    let from_server = net.log.iter().filter(|(_, side, message)| *side == 1 && !message.options.is_empty());
    let noted = from_server.filter(|(.., message)| message.options.first(OptionNumber::OBSERVE).is_some());
    noted.map(|(at, _, message)| (at.as_nanos() / 1_000_000_000, message)).collect()
}

/// A resource that changes at 10, 20, 30 s, asked for at 15 s and given up at 40 s: its states 2 and 3 are told 20 ms later each, and no
/// more once the registration has ended at 40.02 s. State 4, of 40 s, is due before that is known, and comes to nobody.
#[test]
fn an_observer_gets_each_state_until_it_ends() {
    for (cancel, last) in [(None, Code::GET), (Some(Cancel::Reset), Code::EMPTY)] {
        let start = Span::from_secs(15);
        let client = ClientConfig { start, observe_for: Some(Span::from_secs(25)), cancel, ..observer() };
        let mut net = Net::new(1, Ratio::ZERO, client, changing(Span::from_secs(10)));
        net.run_until(at(100));
        let registered = [
            (15_000, Observation::ExchangeStarted(exchange(0))),
            (15_040, ended(0, Outcome::Response, 1)),
            (20_020, Observation::RequestDelivered(state(2))),
            (20_020, Observation::ExchangeEnded { exchange: state(2), outcome: Outcome::Response, transmissions: 1 }),
            (30_020, Observation::RequestDelivered(state(3))),
            (30_020, Observation::ExchangeEnded { exchange: state(3), outcome: Outcome::Response, transmissions: 1 }),
        ];
        assert_eq!(net.observed(0)[..6], registered, "{cancel:?}");
        let begun: Vec<u64> = net
            .observed(1)
            .into_iter()
            .filter_map(|(at, what)| match what {
                Observation::ExchangeStarted(_) => Some(at),
                _ => None,
            })
            .collect();
        assert_eq!(begun, [20_000, 30_000, 40_000]);
        let (when, _, said) = net.log.iter().rfind(|(_, side, _)| *side == 0).expect("it says good-bye");
        assert_eq!(said.code, last, "{cancel:?}");
        if cancel.is_none() {
            assert_eq!((when.as_nanos() / 1_000_000_000, said.options.uint(OptionNumber::OBSERVE)), (40, Some(1)));
        } else {
            assert_eq!(said.message_type, Type::Reset);
        }
        assert_eq!(net.server.observers(), 0, "{cancel:?}");
        assert_eq!(value(&net.client.totals(), "fresh_notifications"), 2);
        assert_eq!(value(&net.server.totals(), "states_due"), 3);
        assert_eq!(value(&net.server.totals(), "lost_observers"), u64::from(cancel.is_some()));
    }
}

/// The end at 20 ms is between the registration and its answer, at 40 ms: the observation ends then, by an exchange of 40 ms more, or by a
/// Reset of the state of 10 s. No exchange is left open.
#[test]
fn an_end_waits_for_the_registration_that_is_under_way() {
    for cancel in [None, Some(Cancel::Reset)] {
        let client = ClientConfig { observe_for: Some(Span::from_millis(20)), cancel, ..observer() };
        let mut net = Net::new(1, Ratio::ZERO, client, changing(Span::from_secs(10)));
        net.run_until(at(15));
        let mut expected = vec![(0, Observation::ExchangeStarted(exchange(0))), (40, ended(0, Outcome::Response, 1))];
        if cancel.is_none() {
            expected.push((40, Observation::ExchangeStarted(exchange(0))));
            expected.push((80, ended(0, Outcome::Response, 1)));
        }
        assert_eq!(net.observed(0), expected, "{cancel:?}");
        assert_eq!(net.server.observers(), 0, "{cancel:?}");
        let totals = net.client.totals();
        assert_eq!(value(&totals, "requests_sent"), value(&totals, "responses"));
        assert_eq!(value(&totals, "requests_due"), value(&totals, "requests_sent"));
    }
}

/// RFC 7252 §5.3.1: an observer that has lost power registers under another token. Answers take 5 s, so that the first registration is over at 5.04 s. The second one,
/// of 8 s, ends with its answer at 13.04 s, and not with a state for the first (one at least in 3 s), which gets a Reset.
#[test]
fn a_state_for_an_observer_of_before_a_loss_of_power_answers_nothing() {
    let server = ServerConfig { processing: Span::from_secs(5), ..changing(Span::from_secs(1)) };
    let mut net = Net::new(1, Ratio::ZERO, observer(), server);
    net.run_until(at(8));
    net.hosts[0].env.now = at(8);
    net.restart_client(observer());
    net.run_until(at(30));
    let ends: Vec<_> = net
        .observed(0)
        .into_iter()
        .filter(|(_, what)| matches!(what, Observation::ExchangeEnded { exchange, .. } if exchange.server == server_address()))
        .collect();
    assert_eq!(ends, [(5_040, ended(0, Outcome::Response, 1)), (13_040, ended(1, Outcome::Response, 1))]);
    assert_eq!((net.server.observers(), value(&net.server.totals(), "lost_observers")), (1, 1));
    assert_eq!(value(&net.client.totals(), "stale_notifications"), 0);
}

/// RFC 7641 §4.4: to a client numbers grow, whatever the server has lost, and here by one with each state. States last 5 s, or 100 ms of which one in 3 s is told;
/// the server begins anew at about 302 s, and the client registers again 10 s of Max-Age and 5 to 15 s after its last state. From then on each state
/// that is told is a new one. What was told and what was missed are all states up to the last that was told: the latest told began at most 3 s before the end, that
/// is 30 states of 100 ms, or one of 5 s; and one of them may have come with the answer to the second registration, which is no notification.
#[test]
fn numbers_grow_over_a_loss_of_power() {
    for every in [Span::from_secs(5), Span::from_millis(100)] {
        let config = || ServerConfig { max_age: Some(Span::from_secs(10)), ..changing(every) };
        let mut net = Net::new(1, Ratio::ZERO, observer(), config());
        net.run_until(at(302));
        let before = value(&net.client.totals(), "fresh_notifications");
        let changes = value(&net.server.totals(), "changes");
        net.restart_server(config());
        net.run_until(at(400));
        let totals = net.client.totals();
        assert_eq!((value(&totals, "stale_notifications"), net.server.observers()), (0, 1), "{every}");
        // From 327 s at the latest to 400 s: 14 states of 5 s, 23 of at least 3 s.
        let fresh = value(&totals, "fresh_notifications");
        let least = if every == Span::from_secs(5) { 14 } else { 23 };
        assert!(fresh - before >= least, "{} each {every}", fresh - before);
        let all = changes + value(&net.server.totals(), "changes");
        let known = fresh + value(&totals, "missed_states") + value(&totals, "renewals");
        let unknown = if every == Span::from_secs(5) { 1 } else { 31 };
        assert!((all - unknown..=all + 1).contains(&known), "{known} of {all}");
    }
}

/// The same, where the mean of states is far above what most of them last, so that no clock could tell how many there were: of a Pareto law with shape 0.8 from 10 ms to 10 h.
/// No number that is sent is below one that was sent before.
#[test]
fn numbers_grow_whatever_the_law_of_states_is() {
    let pareto =
        || TimeDistribution::Pareto { shape: 0.8, min: Span::from_millis(10), max: Some(Span::from_secs(36_000)) };
    for seed in 1..=5 {
        let config =
            || ServerConfig { max_age: Some(Span::from_secs(2)), changes: Some(pareto()), ..ServerConfig::default() };
        let mut net = Net::new(seed, Ratio::ZERO, observer(), config());
        net.run_until(at(100));
        net.restart_server(config());
        net.run_until(at(300));
        let told = notifications(&net);
        let numbers: Vec<_> =
            told.iter().filter_map(|(_, message)| message.options.uint(OptionNumber::OBSERVE)).collect();
        assert!(told.first().is_some_and(|(at, _)| *at < 100) && told.last().is_some_and(|(at, _)| *at > 100));
        assert!(numbers.is_sorted(), "seed {seed}: {numbers:?}");
    }
}

/// A processor that has been busy for 1000 s finds 1,000,000 states of 1 ms over: it tells the last one. Of an exponential law with mean 10 µs there were 1e8, with a
/// standard deviation of 1e4; those of less than 1 µs, which a tenth are, last 1 µs, so that the mean of those that are drawn is half a percent longer.
#[test]
fn a_server_that_was_busy_tells_the_state_of_now() {
    let exponential = TimeDistribution::Exponential { mean: Span::from_micros(10) };
    for (law, states, margin) in
        [(TimeDistribution::Fixed(Span::from_millis(1)), 1_000_000, 0), (exponential, 100_000_000, 1_000_000)]
    {
        let server = ServerConfig { changes: Some(law), ..ServerConfig::default() };
        let mut net = Net::new(1, Ratio::ZERO, observer(), server);
        net.run_until(LocalTime::ZERO + Span::from_millis(50));
        let due = value(&net.server.totals(), "states_due");
        net.hosts[1].env.now = at(1_000);
        net.call(1, |app, host| app.on_timer(0, host));
        let totals = net.server.totals();
        assert!(value(&totals, "changes").abs_diff(states) <= margin, "{}", value(&totals, "changes"));
        assert_eq!(value(&totals, "states_due"), due + 1);
    }
}

/// Row 12 of the fact sheet: with loss p each state comes with probability 1 - p. The bound is five standard errors of the share. The registration
/// is sent until it is there; what is missed is what did not come.
#[test]
fn non_confirmable_notifications_come_as_often_as_the_link_lets_them() {
    let mut net = Net::new(3, Ratio::from_percent(30), observer(), changing(Span::from_secs(10)));
    net.run_until(at(30_000));
    let (client, server) = (net.client.totals(), net.server.totals());
    let (due, fresh) = (value(&server, "states_due") as f64, value(&client, "fresh_notifications") as f64);
    assert!(due > 2_900.0, "{due}");
    assert!((fresh / due - 0.7).abs() <= 5.0 * (0.21 / due).sqrt(), "{fresh} of {due}");
    // Of numbers that were left out some were told in answers to registrations that were renewed.
    let missed = value(&client, "missed_states") as f64;
    assert!((due - fresh - missed).abs() <= 2.0 * value(&client, "renewals") as f64 + 10.0, "{missed}");
}

/// Row 5 of the fact sheet: with 20 % loss each way an attempt fails with f = 1 - 0.8 · 0.8 = 0.36, and all five do with 0.36^5 = 0.0060. Answers take 0.5 s, so that
/// they come separately. Of n registrations 0.006 n time out, with a standard error of sqrt(0.006 n); five of these.
#[test]
fn renewals_that_are_answered_separately_end_as_other_requests_do() {
    let server = ServerConfig {
        processing: Span::from_millis(500),
        max_age: Some(Span::from_secs(20)),
        ..changing(Span::from_secs(100_000))
    };
    let mut net = Net::new(4, Ratio::from_percent(20), observer(), server);
    net.run_until(at(20_000));
    let totals = net.client.totals();
    let (renewals, timed_out) = (value(&totals, "renewals") as f64, value(&totals, "timed_out") as f64);
    assert!(renewals > 500.0, "{renewals}");
    assert!(timed_out <= 0.006 * renewals + 5.0 * (0.006 * renewals).sqrt(), "{timed_out} of {renewals}");
}

/// RFC 7641 §4.5.1: a client's next notification waits for the ACK of the one before, and the newest state is what is sent. States
/// last 10 ms and R is 40 ms: one of four is told.
#[test]
fn confirmable_notifications_tell_the_newest_state() {
    let server = ServerConfig { notifications: Some(Notifications::Confirmable), ..changing(Span::from_millis(10)) };
    let mut net = Net::new(1, Ratio::ZERO, observer(), server);
    net.run_until(at(10));
    let totals = net.server.totals();
    let (due, told) = (value(&totals, "states_due"), value(&totals, "acknowledged_states"));
    assert!((due / 4 - 2..=due / 4 + 1).contains(&told), "{told} of {due}");
    assert!(value(&totals, "superseded_states") >= due - told - 2);
    assert!(notifications(&net).iter().skip(1).all(|(_, message)| message.message_type == Type::Confirmable));
}

/// RFC 7641 §4.5.1: of non-confirmable ones, no more than one in 3 s. States last 1 s: one of three is told.
#[test]
fn non_confirmable_notifications_keep_their_distance() {
    let mut net = Net::new(1, Ratio::ZERO, observer(), changing(Span::from_secs(1)));
    net.run_until(at(31));
    let told: Vec<u64> = notifications(&net).iter().skip(1).map(|(at, _)| *at).collect();
    assert_eq!(told, [1, 4, 7, 10, 13, 16, 19, 22, 25, 28, 31]);
}

/// When confirmable notifications were sent within so many hours [h], of states that last so long.
fn confirmable(lasting: Span, hours: u64) -> Vec<u64> {
    let server = ServerConfig { max_age: Some(Span::from_secs(200_000)), ..changing(lasting) };
    let mut net = Net::new(1, Ratio::ZERO, observer(), server);
    net.run_until(at(hours * 3_600));
    let told = notifications(&net);
    let chosen = told.iter().filter(|(_, message)| message.message_type == Type::Confirmable);
    chosen.map(|(at, _)| at / 3_600).collect()
}

/// RFC 7641 §4.5: a notification is confirmable at least every 24 hours; here from 12 hours after the one before on. Registered at 20 ms, told every hour: the
/// 12th comes 20 ms too early, so it is the 13th; and 12 hours after that each. States of 20 hours are confirmable all. Where states last 2 s and leave at most
/// every 3 s, some take the place of another that waits: a confirmable one goes all the same, each 12 hours.
#[test]
fn within_a_day_a_notification_is_confirmable() {
    let hourly = confirmable(Span::from_secs(3_600), 50);
    assert_eq!(hourly, [13, 25, 37, 49]);
    assert_eq!(confirmable(Span::from_secs(20 * 3_600), 70), [20, 40, 60]);
    assert_eq!(confirmable(Span::from_secs(2), 49), [12, 24, 36, 48]);
}

/// RFC 7959 §2.6: the client registers with blocks of 64 B, and so are all notifications, whatever the server's own size is: of 200 B the first says that others
/// follow, and three more are asked for. A state is here 20 ms and three round trips of 40 ms after it began.
#[test]
fn notifications_have_blocks_of_the_size_that_the_registration_asks_for() {
    for own in [None, Some(Size::from_bytes(1024))] {
        let server = ServerConfig { payload: Size::from_bytes(200), block_size: own, ..changing(Span::from_secs(10)) };
        let client = ClientConfig { block_size: Some(Size::from_bytes(64)), ..observer() };
        let mut net = Net::new(1, Ratio::ZERO, client, server);
        net.run_until(at(21));
        let told = notifications(&net);
        assert_eq!(told.len(), 3, "the answer, and two states");
        for (_, message) in told {
            let block = message.options.block(OptionNumber::BLOCK2).expect("no reserved size").expect("a block");
            assert_eq!((block.number, block.more, block.size.bytes(), message.payload.len()), (0, true, 64, 64));
        }
        let delivered = net.observed(0).into_iter().filter_map(|(at, what)| match what {
            Observation::RequestDelivered(id) => Some((at, id)),
            _ => None,
        });
        assert_eq!(delivered.collect::<Vec<_>>(), [(10_140, state(1)), (20_140, state(2))]);
    }
}

/// RFC 7641 §3.3.1: after Max-Age (60 s) and 5 to 15 s more without a word, under the same token.
#[test]
fn an_observer_that_hears_nothing_registers_again() {
    let mut net = Net::new(1, Ratio::ZERO, observer(), changing(Span::from_secs(100_000)));
    net.run_until(at(700));
    let asked: Vec<_> = net.log.iter().filter(|(_, side, message)| *side == 0 && message.code == Code::GET).collect();
    assert!((10..=11).contains(&asked.len()), "{}", asked.len());
    for pair in asked.windows(2) {
        let gap = pair[1].0.saturating_since(pair[0].0);
        assert!((Span::from_secs(65)..=Span::from_millis(75_040)).contains(&gap), "{gap}");
        assert_eq!((pair[0].2.token, &pair[0].2.options), (pair[1].2.token, &pair[1].2.options));
    }
    assert_eq!((net.server.observers(), value(&net.client.totals(), "renewals")), (1, asked.len() as u64 - 1));
}

/// RFC 7641 §4.5: an observer that is gone is found by a confirmable notification that nobody acknowledges: after 31 T.
#[test]
fn an_observer_that_is_gone_is_forgotten() {
    let server = ServerConfig { notifications: Some(Notifications::Confirmable), ..changing(Span::from_secs(10)) };
    let mut net = Net::new(1, Ratio::ZERO, observer(), server);
    net.run_until(at(15));
    assert_eq!(net.server.observers(), 1);
    net.loss = Ratio::from_percent(100);
    net.run_until(at(20 + 62));
    assert_eq!(net.server.observers(), 1);
    net.run_until(at(20 + 94));
    assert_eq!(net.server.observers(), 0);
    // RFC 7641 §4.5.2: each attempt tells the newest state, under an id of its own.
    let tried: Vec<_> = notifications(&net).into_iter().filter(|(at, _)| (20..114).contains(at)).collect();
    let numbers: Vec<_> = tried.iter().filter_map(|(_, message)| message.options.uint(OptionNumber::OBSERVE)).collect();
    assert_eq!((numbers.len(), numbers[0]), (5, 2));
    assert!(numbers.windows(2).all(|pair| pair[0] <= pair[1]) && numbers[4] >= 6, "{numbers:?}");
    for ((when, message), number) in tried.iter().zip(&numbers) {
        assert_eq!(u64::from(*number), when / 10, "at {when} s");
        let copies = tried.iter().filter(|(_, other)| other.message_id == message.message_id);
        assert!(copies.clone().all(|(_, other)| other == message));
    }
}

/// RFC 7641 §3.6, §4.5: notifications follow each other after 10 ms and take 20 ms, so that each Reset comes when others have followed.
#[test]
fn an_observer_that_resets_is_forgotten_however_far_it_is() {
    let gap = Some(Span::from_millis(10));
    let server = ServerConfig { notification_gap: gap, ..changing(Span::from_millis(10)) };
    let client = ClientConfig { observe_for: Some(Span::from_secs(5)), cancel: Some(Cancel::Reset), ..observer() };
    let mut net = Net::new(1, Ratio::ZERO, client, server);
    net.run_until(at(6));
    assert_eq!((net.server.observers(), value(&net.server.totals(), "lost_observers")), (0, 1));
}

/// RFC 7641 §4.1: who finds no place gets the state, and nothing more.
#[test]
fn a_full_list_of_observers_takes_no_more() {
    let server = ServerConfig { observers: Some(1), ..changing(Span::from_secs(10)) };
    let mut net = Net::new(1, Ratio::ZERO, observer(), server);
    net.run_until(at(5));
    assert_eq!(net.server.observers(), 1);
    let mut second = net.log[0].2.clone();
    second.token = super::super::config::exchange_token(7);
    second.message_id.0 = second.message_id.0.wrapping_add(100);
    net.call(1, |app, host| app.on_datagram(crate::app::SocketId(0), client_address(), second.encode_rope(), host));
    let (.., answer) = net.log.last().expect("an answer");
    assert_eq!((answer.code, answer.options.first(OptionNumber::OBSERVE)), (Code::CONTENT, None));
    assert_eq!((net.server.observers(), value(&net.server.totals(), "refused_observers")), (1, 1));
}

/// RFC 7959 §2.6: a notification brings the first block, and the rest is asked for without Observe: 200 B in blocks of 64 are four, so
/// that a state is here 20 ms and three round trips of 40 ms after it began.
#[test]
fn large_states_are_fetched_block_by_block() {
    let server = ServerConfig {
        payload: Size::from_bytes(200),
        block_size: Some(Size::from_bytes(64)),
        ..changing(Span::from_secs(10))
    };
    let mut net = Net::new(1, Ratio::ZERO, observer(), server);
    net.run_until(at(21));
    let delivered: Vec<_> = net
        .observed(0)
        .into_iter()
        .filter_map(|(at, what)| match what {
            Observation::RequestDelivered(id) => Some((at, id)),
            _ => None,
        })
        .collect();
    assert_eq!(delivered, [(10_140, state(1)), (20_140, state(2))]);
}

/// The same, where states last 3.1 s and a block comes every second, so that the fourth is of the next state: nothing is delivered, no second
/// registration comes of it, and the end takes one exchange.
#[test]
fn states_that_are_over_midway_are_not_delivered() {
    let server = ServerConfig {
        payload: Size::from_bytes(200),
        block_size: Some(Size::from_bytes(64)),
        processing: Span::from_secs(1),
        ..changing(Span::from_millis(3_100))
    };
    let client = ClientConfig { observe_for: Some(Span::from_secs(40)), ..observer() };
    let mut net = Net::new(1, Ratio::ZERO, client, server);
    net.run_until(at(30));
    assert_eq!((net.server.observers(), value(&net.server.totals(), "registrations")), (1, 1));
    net.run_until(at(60));
    assert_eq!(net.server.observers(), 0);
    let seen = net.observed(0);
    assert!(!seen.iter().any(|(_, what)| matches!(what, Observation::RequestDelivered(_))), "{seen:?}");
    assert!(matches!(seen.last(), Some((_, Observation::ExchangeEnded { outcome: Outcome::Response, .. }))));
}
