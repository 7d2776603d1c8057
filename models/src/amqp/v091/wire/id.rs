//! Numbers of methods, and who sends them.

use std::fmt;

/// The numbers of a method's class, and of the method in it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct MethodId {
    /// Its class.
    pub class: u16,
    /// Its number in the class.
    pub method: u16,
}

/// Who may send a method.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Sender {
    /// Clients alone.
    Client,
    /// Servers alone.
    Server,
    /// Both.
    Either,
}

impl MethodId {
    /// No method.
    pub const NONE: Self = Self { class: 0, method: 0 };
}

/// `60.40`.
impl fmt::Display for MethodId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.class, self.method)
    }
}
