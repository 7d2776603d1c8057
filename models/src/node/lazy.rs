//! A node's part of TCP, made when something is first done with it: in a large network most nodes never open a connection, and
//! what they would need for it is a third of a node.

use super::tcp::Tcp;
use std::ops::{Deref, DerefMut};
use std::sync::LazyLock;

/// What is read of a node that has done nothing with TCP.
static UNTOUCHED: LazyLock<Tcp> = LazyLock::new(Tcp::default);

/// TCP of a node; as [`Tcp::default`] until something changes it.
#[derive(Clone, Debug, Default)]
pub(super) struct LazyTcp(Option<Box<Tcp>>);

impl LazyTcp {
    /// Whether what connections do step by step is told, see [`Stack::observe`](crate::tcp::Stack::observe).
    pub(super) fn observe(&mut self, observes: bool) {
        if observes || self.0.is_some() {
            self.stack.observe(observes);
        }
    }

    /// It, if something was ever done with it.
    pub(super) fn touched(&mut self) -> Option<&mut Tcp> {
        self.0.as_deref_mut()
    }
}

impl Deref for LazyTcp {
    type Target = Tcp;

    #[inline]
    fn deref(&self) -> &Tcp {
        match &self.0 {
            Some(tcp) => tcp,
            None => &UNTOUCHED,
        }
    }
}

impl DerefMut for LazyTcp {
    #[inline]
    fn deref_mut(&mut self) -> &mut Tcp {
        self.0.get_or_insert_default()
    }
}
