//! Queue disciplines (interface only, for now).
use crate::link::QueueLimit;
use crate::node::DropCause;
use crate::packet::Packet;
use protosim_core::{RunSeed, SimTime};
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename = "~Queue", deny_unknown_fields)]
pub enum QueueConfig {
    DropTail(QueueLimit),
}
impl Default for QueueConfig {
    fn default() -> Self {
        Self::DropTail(QueueLimit::default())
    }
}
impl QueueConfig {
    pub fn check(&self) -> Vec<(String, String)> {
        Vec::new()
    }
}
#[derive(Clone, Debug)]
pub struct Queue {
    limit: QueueLimit,
    held: VecDeque<(Box<Packet>, u64, SimTime)>,
    bytes: u64,
}
pub struct Dequeued {
    pub packet: Box<Packet>,
    pub len: u64,
    pub enqueued: SimTime,
}
impl Queue {
    pub fn new(config: &QueueConfig, _: RunSeed, _: &str) -> Self {
        Self {
            limit: {
                let QueueConfig::DropTail(l) = config;
                *l
            },
            held: VecDeque::new(),
            bytes: 0,
        }
    }
    pub fn enqueue(&mut self, packet: Box<Packet>, len: u64, now: SimTime, drops: &mut Vec<(Box<Packet>, DropCause)>) {
        let fits = match self.limit {
            QueueLimit::Packets(n) => (self.held.len() as u64) < n,
            QueueLimit::Bytes(n) => self.bytes + len <= n.as_bytes(),
        };
        if !fits {
            drops.push((packet, DropCause::QueueFull));
            return;
        }
        self.bytes += len;
        self.held.push_back((packet, len, now));
    }
    pub fn dequeue(&mut self, _: SimTime, _: &mut Vec<(Box<Packet>, DropCause)>) -> Option<Dequeued> {
        let (packet, len, enqueued) = self.held.pop_front()?;
        self.bytes -= len;
        Some(Dequeued { packet, len, enqueued })
    }
    pub fn clear(&mut self, out: &mut Vec<Box<Packet>>) {
        out.extend(self.held.drain(..).map(|(p, ..)| p));
        self.bytes = 0;
    }
    pub fn packets(&self) -> u64 {
        self.held.len() as u64
    }
}
impl Queue {
    pub fn marked(&self) -> u64 {
        0
    }
    pub fn is_drop_tail(&self) -> bool {
        true
    }
}
#[derive(Clone, Debug)]
pub struct TokenBucket {
    _r: protosim_core::Rate,
}
impl TokenBucket {
    pub fn new(rate: protosim_core::Rate, _burst: protosim_core::Size) -> Self {
        Self { _r: rate }
    }
    pub fn earliest(&self, now: SimTime, _: u64) -> SimTime {
        now
    }
    pub fn take(&mut self, _: SimTime, _: u64) {}
}
