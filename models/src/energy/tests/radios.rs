//! Modems, stations and connections: timelines by hand.

use super::{micros, millis, secs, shipped};
use crate::energy::ble::{Airtimes, ConnectionConfig, End, T_IFS, airtime_1m};
use crate::energy::cellular::{Activity, CellularConfig, ConnectedDrx, Event, Modem, PowerSaving};
use crate::energy::schedule::{Pulse, Windows};
use crate::energy::timers::ExtendedDrx;
use crate::energy::wifi::{self, PowerSaveConfig, Station, dsss_airtime, ofdm_airtime};
use crate::energy::*;
use proptest::prelude::*;
use protosim_core::{SimTime, Span};

fn with_psm() -> CellularConfig {
    let saving = PowerSaving { active: Span::from_secs(10), periodic: Span::from_secs(3_600) };
    CellularConfig { saving: Some(saving), ..CellularConfig::nb_iot() }
}

/// Released at 0; T3324 of 10 s: PSM. A packet of 1 s at 100 s: connected at 102, sent at 103, released after 10 s of silence at 113, PSM
/// at 123. T3412 of one hour from the release: an update connects at 3713, is there at 3715, takes 1 s, and is released at once; PSM at
/// 3726.
#[test]
fn a_modem_goes_through_its_phases() {
    let mut modem = Modem::new(with_psm(), SimTime::ZERO).unwrap();
    let mut out = Vec::new();
    modem.send(secs(100), 1, Span::from_secs(1), &mut out);
    assert_eq!(modem.activity(millis(100_400)), Activity::Transmit);
    assert_eq!(modem.activity(millis(100_500)), Activity::Receive);
    modem.handle_timeout(secs(4_000), &mut out);
    let expected = [
        (10, Event::Saving),
        (102, Event::Connected),
        (103, Event::Sent(1)),
        (113, Event::Released),
        (123, Event::Saving),
        (3_715, Event::Connected),
        (3_716, Event::Updated),
        (3_716, Event::Released),
        (3_726, Event::Saving),
    ];
    assert_eq!(out, expected.map(|(at, event)| (secs(at), event)));
    assert_eq!(modem.poll_timeout(), Some((secs(7_316), "T3412")));
    assert_eq!((modem.activity(secs(4_000)), modem.is_pageable()), (Activity::Saving, false));
}

/// What comes in PSM waits until T3412 ends, an hour after the release at 0: the network sends it behind the update, and the usual tail
/// follows.
#[test]
fn downlink_waits_out_psm() {
    let mut modem = Modem::new(with_psm(), SimTime::ZERO).unwrap();
    let mut out = Vec::new();
    modem.arrive(secs(200), 7, Span::from_secs(1), &mut out);
    assert_eq!(modem.reachable(secs(200)), None);
    modem.handle_timeout(secs(4_000), &mut out);
    // Connecting 3600 to 3602, update until 3603, the packet until 3604, the tail until 3614, T3324 until 3624.
    let expected = [
        (10, Event::Saving),
        (3_602, Event::Connected),
        (3_603, Event::Updated),
        (3_604, Event::Received(7)),
        (3_614, Event::Released),
        (3_624, Event::Saving),
    ];
    assert_eq!(out, expected.map(|(at, event)| (secs(at), event)));
}

/// A page is heard at the next occasion, a multiple of 2.56 s: of 3 s at 5.12 s. Connected at 7.12 s, received at 7.62 s. One that comes 1
/// ms before T3324 ends (10 s; the next occasion is 10.24 s) is not heard.
#[test]
fn a_page_waits_for_its_occasion() {
    let mut modem = Modem::new(with_psm(), SimTime::ZERO).unwrap();
    let mut out = Vec::new();
    modem.arrive(secs(3), 1, Span::from_millis(500), &mut out);
    modem.handle_timeout(secs(8), &mut out);
    assert_eq!(
        out,
        [(millis(5_120), Event::Paged), (millis(7_120), Event::Connected), (millis(7_620), Event::Received(1))]
    );
    let modem = Modem::new(with_psm(), SimTime::ZERO).unwrap();
    assert_eq!((modem.reachable(millis(7_680)), modem.reachable(millis(9_999))), (Some(millis(7_680)), None));
}

/// Uplink and downlink share the radio, uplink first; the tail runs from the last of them. Sent at 0 and 0.1 s with 1 s each, downlink at
/// 2.5 s: 2 to 3 s, 3 to 4 s, 4 to 5 s.
#[test]
fn a_radio_does_one_thing_at_a_time() {
    let mut modem = Modem::new(CellularConfig::nb_iot(), SimTime::ZERO).unwrap();
    let mut out = Vec::new();
    modem.send(secs(0), 1, Span::from_secs(1), &mut out);
    modem.send(millis(100), 2, Span::from_secs(1), &mut out);
    modem.arrive(millis(2_500), 3, Span::from_secs(1), &mut out);
    assert_eq!(modem.activity(millis(2_500)), Activity::Transmit);
    modem.handle_timeout(secs(100), &mut out);
    let expected = [
        (2, Event::Connected),
        (3, Event::Sent(1)),
        (4, Event::Sent(2)),
        (5, Event::Received(3)),
        (15, Event::Released),
    ];
    assert_eq!(out, expected.map(|(at, event)| (secs(at), event)));
}

/// Connected DRX after 1 s of silence, 0.1 s of each 2 s: connected at 2 s, it listens until 3 s, then 3 to 3.1 s, 5 to 5.1 s, ... What
/// comes at 4 s is sent at 5 s.
#[test]
fn connected_drx_delays_and_spares() {
    let drx = ConnectedDrx { after: Span::from_secs(1), cycle: Span::from_secs(2), on: Span::from_millis(100) };
    let config = CellularConfig { connected_drx: Some(drx), ..CellularConfig::nb_iot() };
    let mut modem = Modem::new(config, SimTime::ZERO).unwrap();
    let mut out = Vec::new();
    modem.send(secs(0), 1, Span::ZERO, &mut out);
    modem.handle_timeout(secs(3), &mut out);
    let at = |ms| modem.activity(millis(ms));
    assert_eq!(
        [2_999, 3_099, 3_100, 4_999, 5_000].map(at),
        [Activity::Listen, Activity::Receive, Activity::Sleep, Activity::Sleep, Activity::Receive]
    );
    assert_eq!(modem.next_activity(millis(3_050)), Some(millis(3_100)));
    modem.arrive(secs(4), 2, Span::from_millis(50), &mut out);
    modem.handle_timeout(secs(6), &mut out);
    assert_eq!(out.last(), Some(&(millis(5_050), Event::Received(2))));
}

/// eDRX of 81.92 s with a window of one occasion: waits of pages in the middle of each of 8192 equal parts have a mean of half a cycle,
/// 40.96 s, and one that just misses an occasion waits for a whole cycle.
#[test]
fn a_page_waits_half_an_edrx_cycle() {
    let extended = ExtendedDrx { cycle: Span::from_millis(81_920), window: Span::from_millis(2_560) };
    let config = CellularConfig { extended: Some(extended), offset: Span::from_secs(7), ..CellularConfig::nb_iot() };
    let modem = Modem::new(config, SimTime::ZERO).unwrap();
    let wait =
        |nanos: u64| (modem.reachable(SimTime::from_nanos(nanos)).unwrap() - SimTime::from_nanos(nanos)).as_nanos();
    let total: u64 = (0..8_192).map(|k| wait(1_000_000_000_000 + k * 10_000_000 + 5_000_000)).sum();
    assert_eq!(total / 8_192, 40_960_000_000);
    assert_eq!(wait(7_000_000_001), 81_919_999_999);
    assert_eq!(wait(7_000_000_000), 0);
    // A day has 1054 whole cycles and 0.6875 of one: with the one at 7 s, 1055 occasions of 20 ms.
    assert_eq!(modem.idle_listening(SimTime::ZERO, secs(86_400)), Span::from_millis(1_055 * 20));
}

#[test]
fn what_contradicts_itself_is_refused() {
    let fields = |config: CellularConfig| match Modem::new(config, SimTime::ZERO) {
        Ok(_) => Vec::new(),
        Err(found) => found.into_iter().map(|(field, _)| field).collect(),
    };
    let base = CellularConfig::lte_m();
    assert_eq!(fields(base), [""; 0]);
    assert_eq!(fields(CellularConfig { connect_sends: Span::from_secs(9), ..base }), ["connect_sends"]);
    assert_eq!(fields(CellularConfig { occasion: Span::from_secs(9), ..base }), ["occasion"]);
    let saving = Some(PowerSaving { active: Span::from_secs(9), periodic: Span::from_secs(9) });
    assert_eq!(fields(CellularConfig { saving, ..base }), ["saving.periodic"]);
    let connected_drx = Some(ConnectedDrx { after: Span::ZERO, cycle: Span::from_secs(1), on: Span::ZERO });
    assert_eq!(fields(CellularConfig { connected_drx, ..base }), ["connected_drx.on"]);
    let extended = Some(ExtendedDrx { cycle: Span::from_secs(10), window: Span::from_secs(11) });
    assert_eq!(fields(CellularConfig { extended, ..base }), ["extended"]);
}

/// eDRX of 5.12 s has no window (3GPP TS 36.304 §7.3): one occasion of 10 ms each 5.12 s, whatever the octet says of a window. The last
/// begins at 20.48 s: five of them in 25 s.
#[test]
fn the_shortest_extended_drx_has_no_window() {
    for octet in [0x00, 0x30, 0xf0] {
        let extended = ExtendedDrx::decode(timers::Rat::LteM, octet);
        let modem = Modem::new(CellularConfig { extended, ..CellularConfig::lte_m() }, SimTime::ZERO).unwrap();
        assert_eq!(modem.idle_listening(SimTime::ZERO, secs(25)), Span::from_millis(50), "{octet:02x}");
        assert_eq!(modem.reachable(millis(1)), Some(millis(5_120)));
    }
}

/// With T3412 of 400 days and all of time, 584 years, there are 533 updates; what is due at its end is left.
#[test]
fn time_has_an_end() {
    let mut out = Vec::new();
    let saving = PowerSaving { active: Span::from_secs(10), periodic: Span::from_secs(400 * 86_400) };
    let mut modem =
        Modem::new(CellularConfig { saving: Some(saving), ..CellularConfig::nb_iot() }, SimTime::ZERO).unwrap();
    modem.handle_timeout(SimTime::MAX, &mut out);
    assert_eq!(out.iter().filter(|(_, event)| *event == Event::Updated).count(), 533);
    let interval = Span::from_secs(400 * 86_400);
    let mut station =
        Station::new(PowerSaveConfig { beacon_interval: interval, ..PowerSaveConfig::default() }).unwrap();
    let mut heard = Vec::new();
    station.handle_timeout(SimTime::MAX, &mut heard);
    assert_eq!(heard.len(), 534, "the first one at 102.4 ms");
}

/// What a modem's radio draws until `end` that sends one packet of 1 s every hour, `reports` times.
fn driven(profile: &DeviceProfile, config: CellularConfig, reports: u64, end: SimTime) -> Bill {
    let power = "23 dBm".parse().unwrap();
    let radio = profile.radio("nb-iot").unwrap();
    let mut modem = Modem::new(config, SimTime::ZERO).unwrap();
    let mut meter = Meter::new(SimTime::ZERO, profile.supply.value);
    let (mut now, mut out, mut sent) = (SimTime::ZERO, Vec::new(), 0);
    loop {
        if sent < reports && now == secs(3_600 * sent) {
            modem.send(now, sent, Span::from_secs(1), &mut out);
            sent += 1;
        }
        meter.set(now, Part::Radio, radio.state(modem.activity(now).mode(power)).unwrap());
        let report = (sent < reports).then(|| secs(3_600 * sent));
        let next = [modem.next_activity(now), report].into_iter().flatten().min();
        let Some(next) = next.filter(|next| *next < end) else { break };
        now = next;
        modem.handle_timeout(now, &mut out);
    }
    meter.bill(end)
}

/// Check 7 of the sheet by the modem itself: each report 3 s sent at 170 mA (2 s connecting, 1 s of packet), 10 s of tail at 15 mA, PSM at 10 uA at once, as
/// T3324 is none: 510 + 150 + 35.87 mC an hour, 193.297 uA.
#[test]
fn a_modem_that_reports_hourly() {
    let saving = PowerSaving { active: Span::ZERO, periodic: Span::from_secs(86_400) };
    let connect = Span::from_secs(2);
    let config = CellularConfig { saving: Some(saving), connect, connect_sends: connect, ..CellularConfig::nb_iot() };
    let bill = driven(&shipped("bg96"), config, 10, secs(36_000));
    assert_eq!(bill.total().mean_over(Span::from_secs(36_000)).as_picoamperes(), 193_297_222);
    assert_eq!(bill.of_cause(Cause::Listen).as_units(), 10 * 150_000_000_000_000_000_000);
}

/// The energy of a report by NB-IoT on a BG96, by hand: connecting 0.5 s at 170 mA and 1.5 s with its receiver on at 66 mA; 1 s sent at 170 mA;
/// 10 s of tail at 15 mA; then idle from 13 to 23 s with occasions of 20 ms at 15.36, 17.92, 20.48 s (66 mA), else 0.8 mA; then PSM at 10 uA
/// until 100 s. In mC: 255 + 99 + 150 + 3.96 + 7.952 + 0.77.
#[test]
fn a_modem_drives_a_meter() {
    let profile = shipped("bg96");
    let bill = driven(&profile, with_psm(), 1, secs(100));
    // Microcoulombs are 10^15 units; here in nC.
    let nc = |cause| bill.of_cause(cause).as_units() / 1_000_000_000_000;
    assert_eq!(nc(Cause::Transmit), 255_000_000);
    assert_eq!(nc(Cause::Receive), 99_000_000 + 3_960_000);
    assert_eq!(nc(Cause::Listen), 150_000_000);
    assert_eq!(nc(Cause::Sleep), 7_952_000 + 770_000);
    assert_eq!(bill.of_cause(Cause::Transmit).at(profile.supply.value).as_joules(), 0.255 * 3.8);
}

/// Beacons at 102.4 ms, ...; the station wakes 1 ms before. A frame of 100 us that came at 50 ms: beacon 102.4 ms + 292 us (20 + 4 × 68:
/// 1622 bits in symbols of 24); access 101.5 us; PS-Poll 52 us (182 bits, 8 symbols), SIFS 16 us; it is here at 102.9615 ms. A second one
/// that came meanwhile is told of by More Data: SIFS and ACK (44 us), then the same again, 329.5 us later.
#[test]
fn a_station_fetches_what_is_held() {
    assert_eq!(
        [ofdm_airtime(200, 6), ofdm_airtime(20, 6), ofdm_airtime(14, 6)].map(Span::as_nanos),
        [292_000, 52_000, 44_000]
    );
    let mut station = Station::new(PowerSaveConfig::default()).unwrap();
    let mut out = Vec::new();
    assert!(station.arrive(millis(50), 1, Span::from_micros(100), &mut out));
    assert_eq!(station.poll_timeout(), micros(101_400));
    assert_eq!(station.activity(millis(50)), Activity::Sleep);
    assert!(station.arrive(micros(102_800), 2, Span::from_micros(100), &mut out));
    assert_eq!(station.activity(micros(102_800)), Activity::Transmit);
    station.handle_timeout(millis(150), &mut out);
    let nanos = SimTime::from_nanos;
    let expected = [
        (nanos(102_692_000), wifi::Event::Beacon),
        (nanos(102_961_500), wifi::Event::Received(1)),
        (nanos(103_291_000), wifi::Event::Received(2)),
    ];
    assert_eq!(out, expected);
    assert_eq!((station.activity(millis(150)), station.poll_timeout()), (Activity::Sleep, micros(203_800)));
}

/// An exchange that is over between the wake, 101.4 ms, and the beacon, 102.4 ms, does not move the beacon: access 101.5 us and 60 us on air from
/// 101.3 ms, SIFS and ACK until 101.5215 ms. One that lasts beyond it does: the beacon comes behind it, 292 us.
#[test]
fn a_station_that_is_free_in_time_hears_the_beacon_in_time() {
    for (at, beacon) in [(micros(101_300), 102_692_000), (micros(101_390), 102_692_000)] {
        let mut station = Station::new(PowerSaveConfig::default()).unwrap();
        let mut out = Vec::new();
        station.send(at, 5, Span::from_micros(60), &mut out);
        station.handle_timeout(millis(150), &mut out);
        assert_eq!(out[1], (SimTime::from_nanos(beacon), wifi::Event::Beacon));
    }
    // 1.5 ms on air, from 101.3 ms: until 101.3 + 0.1015 + 1.5 + 0.016 + 0.044 = 102.9615 ms.
    let mut station = Station::new(PowerSaveConfig::default()).unwrap();
    let mut out = Vec::new();
    station.send(micros(101_300), 5, Span::from_micros(1_500), &mut out);
    station.handle_timeout(millis(150), &mut out);
    assert_eq!(out[1], (SimTime::from_nanos(102_961_500 + 292_000), wifi::Event::Beacon));
}

/// A station that wakes for each third beacon; a frame to send goes at once: access 101.5 us, 60 us on air. One due during a beacon waits
/// for its end.
#[test]
fn a_station_sends_when_it_likes_and_listens_when_it_must() {
    let config = PowerSaveConfig { listen_every: 3, held: 1, ..PowerSaveConfig::default() };
    let mut station = Station::new(config).unwrap();
    let mut out = Vec::new();
    station.send(millis(10), 5, Span::from_micros(60), &mut out);
    station.send(millis(102), 6, Span::from_micros(60), &mut out);
    station.handle_timeout(millis(300), &mut out);
    let nanos = SimTime::from_nanos;
    let beacon = nanos(102_692_000);
    assert_eq!(
        out,
        [
            (nanos(10_161_500), wifi::Event::Sent(5)),
            (beacon, wifi::Event::Beacon),
            (nanos(102_853_500), wifi::Event::Sent(6))
        ]
    );
    assert!(station.arrive(millis(310), 7, Span::from_micros(60), &mut out));
    assert!(!station.arrive(millis(311), 8, Span::from_micros(60), &mut out), "no room");
    assert_eq!((station.dropped(), station.poll_timeout()), (1, micros(408_600)));
    // Beacons 1, 4, ..., each heard for 1.292 ms: in a minute, from 101.4 ms every 307.2 ms, 195 whole ones and (59.8986 - 194 × 0.3072 =
    // 0.3018 s) all of the last.
    assert_eq!(station.idle_listening(SimTime::ZERO, secs(60)), Span::from_micros(195 * 1_292));
    assert_eq!(dsss_airtime(14, 1_000), Span::from_micros(304));
}

/// A data PDU of 27 bytes: (10 + 27) × 8 = 296 us; with a MIC 328; of 251 and a MIC 2120; an advertisement with address and 31 bytes, 37 in all, 376.
#[test]
fn air_times_of_ble() {
    assert_eq!(
        [27, 31, 255, 37, 0].map(|bytes| airtime_1m(bytes).as_nanos()),
        [296_000, 328_000, 2_120_000, 376_000, 80_000]
    );
}

fn connection(interval: Span, latency: u32, supervision: Span) -> Connection {
    Connection::new(ConnectionConfig { interval, latency, supervision, clock_ppm: 40 }, SimTime::ZERO).unwrap()
}

/// No luck is needed where nothing is lost.
fn run(connection: &mut Connection) -> ble::EventReport {
    connection.run_event(&mut |_, _| false)
}

/// An event without data: 80 us, T_IFS, 80 us. The peripheral opens its window 16 us early at event 0, and at event 1 by 18 us: 30 ms since
/// the last anchor, at 40 ppm 1.2 us, rounded up to 2.
#[test]
fn an_event_without_data() {
    let mut connection = connection(Span::from_millis(30), 0, Span::from_secs(1));
    let us = Span::from_micros;
    let central = Airtimes { transmit: us(80), receive: us(80), listen: us(150) };
    let report = run(&mut connection);
    assert_eq!(report.central, central);
    assert_eq!(report.peripheral, Airtimes { listen: us(166), ..central });
    assert_eq!(run(&mut connection).peripheral, Airtimes { listen: us(168), ..central });
    assert_eq!(connection.next_event(), millis(60));
}

/// A packet of the central of 1 ms waits for the anchor at 30 ms and is there 296 us later; one of the peripheral comes behind an empty PDU
/// and T_IFS: 30 ms + 80 + 150 + 296 us. With both: 30 ms + 296 + 150 + 296 us.
#[test]
fn packets_wait_for_the_anchor() {
    let mut connection = connection(Span::from_millis(30), 0, Span::from_secs(1));
    run(&mut connection);
    assert_eq!([End::Central, End::Peripheral].map(|end| connection.event_for(millis(1), end)), [millis(30); 2]);
    connection.send(millis(1), End::Central, 1, airtime_1m(27));
    connection.send(millis(2), End::Peripheral, 2, airtime_1m(27));
    let delivered = run(&mut connection).delivered;
    assert_eq!(delivered, [(micros(30_296), End::Peripheral, 1), (micros(30_742), End::Central, 2)]);
    connection.send(millis(31), End::Peripheral, 3, airtime_1m(27));
    // The acknowledgement of 2 is in the first PDU of this event.
    assert_eq!(run(&mut connection).delivered, [(micros(60_526), End::Central, 3)]);
}

/// With a latency of 4 a peripheral without data hears events 0, 5, 10: what the central has at 1 ms is there at event 5, 150 ms. A packet
/// of its own wakes it at the next one.
#[test]
fn latency_saves_and_delays() {
    let mut connection = connection(Span::from_millis(30), 4, Span::from_secs(1));
    run(&mut connection);
    connection.send(millis(1), End::Central, 1, airtime_1m(27));
    assert_eq!(connection.event_for(millis(1), End::Central), millis(150));
    for _ in 1..5 {
        assert!(!connection.peripheral_listens());
        let report = run(&mut connection);
        assert_eq!((report.peripheral, report.delivered.len()), (Airtimes::default(), 0));
    }
    assert_eq!(run(&mut connection).delivered, [(micros(150_296), End::Peripheral, 1)]);
    connection.send(millis(170), End::Peripheral, 2, airtime_1m(27));
    assert_eq!(connection.event_for(millis(170), End::Peripheral), millis(180));
    assert_eq!(run(&mut connection).delivered, [(micros(180_526), End::Central, 2)]);
    let config = ConnectionConfig {
        interval: Span::from_millis(30),
        latency: 4,
        supervision: Span::from_secs(1),
        clock_ppm: 40,
    };
    assert_eq!(config.downlink_wait(), (Span::from_millis(75), Span::from_millis(150)));
}

/// A lost PDU of the central comes at the next event; of a lost answer, the data of the central has come already and is not delivered
/// twice, and the peripheral's own comes then.
#[test]
fn what_is_lost_is_sent_again() {
    let mut connection = connection(Span::from_millis(30), 0, Span::from_secs(1));
    connection.send(millis(0), End::Central, 1, airtime_1m(27));
    connection.send(millis(0), End::Peripheral, 2, airtime_1m(27));
    let lost = connection.run_event(&mut |end, _| end == End::Central);
    assert_eq!((lost.delivered.len(), lost.peripheral.transmit), (0, Span::ZERO));
    let half = connection.run_event(&mut |end, _| end == End::Peripheral);
    assert_eq!(half.delivered, [(micros(30_296), End::Peripheral, 1)]);
    assert_eq!(run(&mut connection).delivered, [(micros(60_742), End::Central, 2)]);
    assert_eq!(run(&mut connection).delivered, []);
}

/// PDUs of 251 bytes and a MIC: 2120 + 150 + 80 + 150 = 2500 us each, so that twelve fit an interval of 30 ms: 251 × 8 × 12 / 30 ms = 803 kbit/s.
#[test]
fn as_many_as_fit_an_interval() {
    let mut connection = connection(Span::from_millis(30), 0, Span::from_secs(1));
    (0..20).for_each(|id| connection.send(SimTime::ZERO, End::Central, id, airtime_1m(255)));
    let report = run(&mut connection);
    assert_eq!(report.delivered.len(), 12);
    assert_eq!(report.delivered[11].0, micros(11 * 2_500 + 2_120));
    assert_eq!(run(&mut connection).delivered.len(), 8);
    assert_eq!(T_IFS, Span::from_micros(150));
    // 12 × 2500 us less the last T_IFS, and 16 us in which the peripheral waited for the anchor.
    let awake = |ends: Airtimes| (ends.transmit + ends.receive + ends.listen).as_nanos();
    assert_eq!((awake(report.central), awake(report.peripheral)), (29_850_000, 29_866_000));
}

/// Windows widen by the time since the last anchor (Vol 6 Part B §4.2.4): 30 ms at 1000 ppm, 30 us and 16, though the event before was full until 29.85
/// ms. Before the central was heard no event is skipped (§4.5.1), and the anchor counts on from event 0: at event 2, 60 + 16 us. A window of
/// half an interval less T_IFS ends the connection (§4.5.7): 7.5 ms allow 3600 us, which 1000 ppm reach after 3584 ms: 478 × 7.5 ms are 3585.
#[test]
fn windows_widen_from_anchor_to_anchor() {
    let config = |interval, latency, supervision| ConnectionConfig { interval, latency, supervision, clock_ppm: 1_000 };
    let us = Span::from_micros;
    let start = |config| Connection::new(config, SimTime::ZERO).unwrap();
    let mut full = start(config(Span::from_millis(30), 0, Span::from_secs(1)));
    (0..12).for_each(|id| full.send(SimTime::ZERO, End::Central, id, airtime_1m(255)));
    run(&mut full);
    assert_eq!(run(&mut full).peripheral.listen, us(46 + 150));
    let mut late = start(config(Span::from_millis(30), 4, Span::from_secs(1)));
    for widening in [16, 46] {
        assert!(late.peripheral_listens());
        assert_eq!(late.run_event(&mut |_, _| true).peripheral.listen, us(2 * widening + 40));
    }
    assert!(late.peripheral_listens());
    assert_eq!(late.event_for(millis(31), End::Central), millis(60));
    assert_eq!(run(&mut late).peripheral.listen, us(76 + 150));
    assert!(!late.peripheral_listens());
    let mut short = start(config(us(7_500), 0, Span::from_secs(32)));
    run(&mut short);
    let lost = (1..).find_map(|n| short.run_event(&mut |_, _| true).lost.map(|lost| (n, lost)));
    assert_eq!(lost, Some((478, (millis(3_585), End::Peripheral))));
    let fields = |config: ConnectionConfig| config.check().into_iter().map(|(field, _)| field).collect::<Vec<_>>();
    assert_eq!(fields(config(us(7_500), 499, Span::from_secs(8))), ["clock_ppm"]);
    assert_eq!(fields(config(us(7_500), 476, Span::from_secs(8))), [""; 0], "477 × 7.5 ms are 3577.5");
}

/// Everything is lost after event 0, in which the peripheral heard the central until 80 us and the central the peripheral until 310 us. 100
/// ms later the peripheral is the first to give up.
#[test]
fn silence_ends_a_connection() {
    let mut connection = connection(Span::from_millis(30), 0, Span::from_millis(100));
    run(&mut connection);
    let mut reports = (0..4).map(|_| connection.run_event(&mut |_, _| true).lost);
    assert_eq!(reports.by_ref().take(2).collect::<Vec<_>>(), [None, None]);
    assert_eq!(reports.next(), Some(Some((micros(100_080), End::Peripheral))));
    assert_eq!(reports.next(), Some(None), "nothing happens behind its end");
}

#[test]
fn parameters_out_of_range_are_refused() {
    let fields = |interval: Span, latency, supervision, clock_ppm| {
        let config = ConnectionConfig { interval, latency, supervision, clock_ppm };
        config.check().into_iter().map(|(field, _)| field).collect::<Vec<_>>()
    };
    let (ok, second) = (Span::from_millis(30), Span::from_secs(1));
    assert_eq!(fields(ok, 0, second, 40), [""; 0]);
    assert_eq!(fields(Span::from_millis(6), 0, second, 40), ["interval"]);
    assert_eq!(fields(Span::from_millis(31), 0, second, 40), ["interval"], "no multiple of 1.25 ms");
    assert_eq!(fields(Span::from_millis(4_001), 0, Span::from_secs(32), 40), ["interval"]);
    assert_eq!(fields(ok, 500, Span::from_secs(32), 40), ["latency"]);
    assert_eq!(fields(ok, 0, Span::from_millis(99), 40), ["supervision"]);
    assert_eq!(fields(ok, 16, second, 40), ["supervision"], "2 × 17 × 30 ms are more than a second");
    assert_eq!(fields(ok, 0, Span::from_micros(100_500), 40), ["supervision"], "no multiple of 10 ms");
    assert_eq!(fields(ok, 0, second, 1_001), ["clock_ppm"]);
}

proptest! {
    /// Closed forms of windows against counting each nanosecond.
    #[test]
    fn windows_are_what_counting_gives(
        first in 0_u64..30, period in 1_u64..60, window in 1_u64..60, offset in 0_u64..20, every in 1_u64..20, width in 0_u64..20,
    ) {
        let pulse = Pulse::new(SimTime::from_nanos(first), Span::from_nanos(period), Span::from_nanos(window));
        prop_assert_eq!(pulse.is_some(), window <= period);
        let Some(pulse) = pulse else { return Ok(()) };
        let nanos = Span::from_nanos;
        let Some(windows) = Windows::new(pulse, nanos(offset), nanos(every), nanos(width)) else { return Ok(()) };
        let end = 400_usize;
        let (mut on, mut starts) = (vec![false; end + 100], Vec::new());
        for outer in (first..end as u64).step_by(period as usize) {
            for start in (outer + offset..outer + window).step_by(every as usize) {
                starts.push(start);
                (start..start + width).for_each(|at| if let Some(on) = on.get_mut(at as usize) { *on = true });
            }
        }
        let mut sum = 0;
        for at in 0..end - 70 {
            let time = SimTime::from_nanos(at as u64);
            prop_assert_eq!(windows.on_until(time).as_nanos(), sum, "{}", at);
            prop_assert_eq!(windows.is_on(time), on[at]);
            let next = starts.iter().copied().filter(|start| *start >= at as u64).min();
            prop_assert_eq!(Some(windows.next_start(time).as_nanos()), next);
            if width > 0 {
                let change = (at + 1..end).find(|later| on[*later] != on[at]);
                let change = change.map(|change| change as u64);
                prop_assert_eq!(Some(windows.next_change(time).as_nanos()).filter(|_| change.is_some()), change, "{}", at);
            }
            sum += u64::from(on[at]);
        }
    }

    /// Whatever comes to a modem, times of events ascend, each packet is sent or received once, and no deadline is passed over.
    #[test]
    fn a_modem_loses_nothing(steps in prop::collection::vec((0_u64..900_000, any::<bool>(), 1_u64..3_000), 1..40), drx in any::<bool>()) {
        let connected_drx = drx.then_some(ConnectedDrx { after: Span::from_secs(1), cycle: Span::from_secs(2), on: Span::from_millis(100) });
        let mut modem = Modem::new(CellularConfig { connected_drx, ..with_psm() }, SimTime::ZERO).unwrap();
        let (mut now, mut out) = (SimTime::ZERO, Vec::new());
        for (id, (wait, up, airtime)) in (0_u64..).zip(&steps) {
            now += Span::from_millis(*wait);
            match up {
                true => modem.send(now, id, Span::from_millis(*airtime), &mut out),
                false => modem.arrive(now, id, Span::from_millis(*airtime), &mut out),
            }
            prop_assert!(modem.poll_timeout().is_none_or(|(at, _)| at > now || matches!(modem.activity(now), Activity::Transmit)));
        }
        modem.handle_timeout(now + Span::from_secs(20_000), &mut out);
        prop_assert!(out.windows(2).all(|pair| pair[0].0 <= pair[1].0));
        let mut ids: Vec<u64> = out.iter().filter_map(|(_, event)| match event {
            Event::Sent(id) | Event::Received(id) => Some(*id),
            _ => None,
        }).collect();
        ids.sort_unstable();
        prop_assert_eq!(ids, (0..steps.len() as u64).collect::<Vec<_>>());
    }
}
