//! What a message costs: the charge of a device, shared out among the messages that it was busy with.
//!
//! # The rule
//! A message is open from a mark that its sender or receiver sets to another. Then each bit of charge belongs, in this order:
//! 1. While a part works for one message alone (the radio sends its frame, the processor encrypts it), what the part draws is that
//!    message's.
//! 2. What a sleeping part draws is nobody's: it is drawn without any message, too.
//! 3. All else (listening, waiting for answers, being awake, transitions, the tail until the radio is released) belongs in equal parts to
//!    all messages that are open at that moment.
//! 4. With no message open it is nobody's: the price of being reachable.
//!
//! Bills and what is nobody's sum to the total of the meter, to the last unit; where a charge does not divide, the messages with the lowest
//! numbers have one unit (10^-21 C) more.
//!
//! # Why this rule
//! Charging a shared wait to the first message makes the second one look free, and charging it to each counts it twice. Of a cost that
//! arises while any of n messages needs it and is the same whichever does, equal parts are the Shapley value: the one division that
//! sums to the whole, treats like messages alike, gives nothing to who needs nothing, and adds up over moments. So the figure of a
//! message does not depend on the order in which messages were opened, and batching shows as what it is, a saving for all.
//!
//! What would a message alone have cost? Set marks around it with no other open: rules 1 to 3 then give it all but sleep.

use super::meter::{Bill, Cause, Meter, Part};
use super::quantity::Charge;
use protosim_core::SimTime;
use std::collections::BTreeMap;

/// A moment of a meter, to ask what was drawn from then on.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Mark {
    at: SimTime,
    bill: Bill,
}

impl Mark {
    /// The moment `at`, which is not before the meter's last change.
    pub fn of(meter: &Meter, at: SimTime) -> Self {
        Self { at, bill: meter.bill(at) }
    }

    /// When it was set.
    pub fn at(&self) -> SimTime {
        self.at
    }

    /// What all parts have drawn between this mark and a later one of the same meter.
    pub fn until(&self, later: &Self) -> Bill {
        later.bill.since(&self.bill)
    }
}

/// Shares out what a meter counts. Every call says the moment, which is not before the meter's last change; calls come in order of time, and
/// before the meter hears of a change of that moment or after it, which is the same.
#[derive(Clone, Debug, Default)]
pub struct Attribution {
    seen: Bill,
    open: BTreeMap<u64, Bill>,
    owners: [Option<u64>; Part::ALL.len()],
    nobodys: Bill,
}

impl Attribution {
    /// Shares out what `meter` counts from `now` on.
    pub fn new(meter: &Meter, now: SimTime) -> Self {
        Self { seen: meter.bill(now), ..Self::default() }
    }

    /// Message `id` needs the device from `now` on. One that is open stays so.
    pub fn open(&mut self, meter: &Meter, now: SimTime, id: u64) {
        self.settle(meter, now);
        self.open.entry(id).or_default();
    }

    /// Message `id` no longer needs the device: its bill, or `None` if it was not open. No part works for it any more.
    pub fn close(&mut self, meter: &Meter, now: SimTime, id: u64) -> Option<Bill> {
        self.settle(meter, now);
        for owner in self.owners.iter_mut().filter(|owner| **owner == Some(id)) {
            *owner = None;
        }
        self.open.remove(&id)
    }

    /// From `now` on, `part` works for message `owner` alone, or for nobody in particular. False, and as before, if that message is not open.
    pub fn work_for(&mut self, meter: &Meter, now: SimTime, part: Part, owner: Option<u64>) -> bool {
        if owner.is_some_and(|id| !self.open.contains_key(&id)) {
            return false;
        }
        self.settle(meter, now);
        self.owners[part as usize] = owner;
        true
    }

    /// The bill of message `id` so far, if it is open.
    pub fn so_far(&mut self, meter: &Meter, now: SimTime, id: u64) -> Option<Bill> {
        self.settle(meter, now);
        self.open.get(&id).copied()
    }

    /// What was nobody's until `now`.
    pub fn nobodys(&mut self, meter: &Meter, now: SimTime) -> Bill {
        self.settle(meter, now);
        self.nobodys
    }

    /// Messages that are open.
    pub fn open_count(&self) -> usize {
        self.open.len()
    }

    fn settle(&mut self, meter: &Meter, now: SimTime) {
        let bill = meter.bill(now);
        for (part, cause, charge) in bill.since(&self.seen).entries() {
            if charge > Charge::ZERO {
                self.share(part, cause, charge);
            }
        }
        self.seen = bill;
    }

    fn share(&mut self, part: Part, cause: Cause, charge: Charge) {
        if let Some(own) = self.owners[part as usize].and_then(|id| self.open.get_mut(&id)) {
            own.add(part, cause, charge);
            return;
        }
        let many = self.open.len() as u128;
        if cause == Cause::Sleep || many == 0 {
            self.nobodys.add(part, cause, charge);
            return;
        }
        let (each, mut over) = (charge.as_units() / many, charge.as_units() % many);
        for bill in self.open.values_mut() {
            let one = u128::from(over > 0);
            over -= one;
            bill.add(part, cause, Charge::from_units(each + one));
        }
    }
}
