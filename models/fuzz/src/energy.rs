//! LoRaWAN frames, elements of sleep, quantities, and a modem and a battery that whatever comes drives.

use protosim_core::{SimTime, Span};
use protosim_models::energy::cellular::{CellularConfig, ConnectedDrx, Modem, PowerSaving};
use protosim_models::energy::timers::{
    ExtendedDrx, Rat, SleepElements, decode_timer2, decode_timer3, encode_timer2, encode_timer3,
};
use protosim_models::energy::{Battery, BatteryConfig, Capacity, Charge, Current, RadioPower, Voltage};
use protosim_models::lora::crypto::{Key, SessionKeys};
use protosim_models::lora::wire::{DataFrame, Frame, JoinAccept};

/// A frame of LoRaWAN: what was read is written as it came, and, its code put right, opens. Then the bytes as elements of a message of the
/// network, as a quantity's text, as what happens to a modem, and as currents out of a battery.
pub fn energy(data: &[u8]) {
    lorawan(data);
    elements(data);
    if let Ok(text) = std::str::from_utf8(data) {
        quantities(text);
    }
    modem(data);
    battery(data);
}

fn lorawan(data: &[u8]) {
    let keys = SessionKeys { network: Key([7; 16]), application: Key([9; 16]) };
    let Ok(frame) = Frame::decode(data) else { return };
    assert_eq!(frame.encode().as_deref(), Ok(data), "what was read is written as it came");
    match frame {
        Frame::Data(frame) => {
            assert_eq!(frame.wire_len(), data.len());
            let counter = u32::from(frame.counter) | 0x5_0000;
            let sealed: DataFrame = frame.clone().seal(&keys, counter).expect("what was read can be written");
            let open = sealed.open(&keys, counter).expect("its code is right");
            assert_eq!(open.payload, frame.payload);
        }
        Frame::JoinAccept(bytes) => {
            if let Ok(accept) = JoinAccept::open(&bytes, &keys.network) {
                assert_eq!(accept.seal(&keys.network), bytes);
            }
        }
        Frame::JoinRequest(request) => assert!(request.seal(&keys.network).is_genuine(&keys.network)),
        Frame::Other(_) => {}
    }
}

fn elements(data: &[u8]) {
    let found = SleepElements::decode(data);
    assert_eq!(SleepElements::decode(&found.encode()), found);
    for octet in data {
        let (two, three) = (decode_timer2(*octet), decode_timer3(*octet));
        assert_eq!(encode_timer2(two).map(decode_timer2), Some(two));
        assert_eq!(encode_timer3(three).map(decode_timer3), Some(three));
        for rat in [Rat::NbIot, Rat::LteM] {
            if let Some(drx) = ExtendedDrx::decode(rat, *octet) {
                // Not the octet itself: a window longer than its cycle, or one beside a cycle of 5.12 s, is another's.
                assert_eq!(drx.encode(rat).and_then(|octet| ExtendedDrx::decode(rat, octet)), Some(drx));
            }
        }
    }
}

fn quantities(text: &str) {
    if let Ok(current) = text.parse::<Current>() {
        assert_eq!(current.to_string().parse(), Ok(current));
    }
    if let Ok(capacity) = text.parse::<Capacity>() {
        assert_eq!(capacity.to_string().parse(), Ok(capacity));
    }
    if let Ok(power) = text.parse::<RadioPower>() {
        assert_eq!(power.to_string().parse(), Ok(power));
    }
}

/// Three bytes a step: what comes, how long after the last, and how long it takes on air.
fn modem(data: &[u8]) {
    let [choice, data @ ..] = data else { return };
    let connected_drx = (choice & 1 != 0).then_some(ConnectedDrx {
        after: Span::from_secs(1),
        cycle: Span::from_secs(2),
        on: Span::from_millis(100),
    });
    let extended = (choice & 2 != 0)
        .then_some(ExtendedDrx { cycle: Span::from_millis(81_920), window: Span::from_millis(10_240) });
    let saving = (choice & 4 != 0)
        .then_some(PowerSaving { active: Span::from_secs(u64::from(choice >> 3)), periodic: Span::from_secs(600) });
    let config = CellularConfig { connected_drx, extended, saving, ..CellularConfig::nb_iot() };
    let Ok(mut modem) = Modem::new(config, SimTime::ZERO) else { return };
    let (mut now, mut out) = (SimTime::ZERO, Vec::new());
    for (id, step) in (0_u64..).zip(data.chunks_exact(3)) {
        now += Span::from_millis(u64::from(step[1]).pow(2));
        let airtime = Span::from_millis(u64::from(step[2]) * 10);
        match step[0] % 3 {
            0 => modem.send(now, id, airtime, &mut out),
            1 => modem.arrive(now, id, airtime, &mut out),
            _ => modem.handle_timeout(now, &mut out),
        }
        let _ = modem.activity(now);
        assert!(modem.next_activity(now).is_none_or(|next| next > now), "activity changes later than now");
    }
    assert!(out.windows(2).all(|pair| pair[0].0 <= pair[1].0), "events come in order of time");
}

/// Two bytes a step: a current and how long it is drawn.
fn battery(data: &[u8]) {
    let capacity = Capacity::from_milliampere_hours(u64::from(data.first().copied().unwrap_or(0)));
    let config = BatteryConfig {
        self_discharge: Some(protosim_core::Ratio::from_percent(u64::from(data.len() as u8 % 50))),
        ..BatteryConfig::ideal(capacity, Voltage::from_millivolts(3_000))
    };
    let (mut battery, mut now) = (Battery::new(SimTime::ZERO, config), SimTime::ZERO);
    for step in data.chunks_exact(2) {
        battery.draw(now, Current::from_microamperes(u64::from(step[0]) * 100));
        now += Span::from_secs(u64::from(step[1]) * 1_000);
        let sum = battery.remaining(now) + battery.drawn(now) + battery.leaked(now);
        assert_eq!(sum, config.capacity.charge(), "nothing is lost");
        assert!(battery.fails().is_none_or(|at| battery.remaining(at) == Charge::ZERO));
    }
}
