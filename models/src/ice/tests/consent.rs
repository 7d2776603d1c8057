//! Consent (RFC 7675).

use super::*;

const WAY: Span = Span::from_millis(20);

/// Requests go every 4 to 6 s, each once; both ends ask.
#[test]
fn consent_is_asked_for_every_five_seconds() {
    let mut world = World::begun(&["192.0.2.1:5000"], &["198.51.100.1:6000"], WAY);
    world.run_until(millis(600_000));
    for who in [ALICE, BOB] {
        let counts = world.agents[who].counts();
        assert!((100..150).contains(&counts.consent_requests), "{counts:?}");
        assert_eq!(counts.consents, counts.consent_requests);
        let at: Vec<LocalTime> =
            world.requests(who).iter().map(|(at, _)| *at).filter(|at| *at > millis(1_000)).collect();
        for pair in at.windows(2) {
            let gap = pair[1].saturating_since(pair[0]);
            assert!((Span::from_secs(4)..=Span::from_secs(6)).contains(&gap), "{gap:?}");
        }
        assert_eq!(world.agents[who].state(), State::Connected);
    }
}

/// Check I16: the path dies; each end is silent 30 s after the last answer that it got.
#[test]
fn consent_ends_thirty_seconds_after_the_last_answer() {
    let mut world = World::begun(&["192.0.2.1:5000"], &["198.51.100.1:6000"], WAY);
    world.run_until(millis(100_000));
    let last_request = world.requests(ALICE).last().unwrap().0;
    let last_answer = last_request.saturating_add(Span::from_millis(40));
    assert!(last_answer < millis(100_000));
    world.fate = Box::new(|_, _, _, _| None);
    world.run_until(millis(200_000));
    let lost = world.told(ALICE, |notice| *notice == Notice::ConsentLost).unwrap();
    assert_eq!(lost, last_answer.saturating_add(Span::from_secs(30)));
    assert!(world.sent(ALICE).last().unwrap().0 < lost, "and nothing is sent from then on");
    let data = crate::rope::Rope::from(vec![0x80; 20]);
    assert_eq!(world.command(ALICE, Command::Send(ONLY, data)), Err(Misuse::NoPair));
}

/// A path that heals within 30 s stays.
#[test]
fn consent_survives_an_outage_of_twenty_seconds() {
    let mut world = World::begun(&["192.0.2.1:5000"], &["198.51.100.1:6000"], WAY);
    world.fate = Box::new(|_, _, now, _| (now < millis(50_000) || now >= millis(70_000)).then_some(WAY));
    world.run_until(millis(200_000));
    assert_eq!(world.agents.each_ref().map(Agent::state), [State::Connected; 2]);
}
