//! State that is needed only at times: it costs a pointer while it is as at the beginning.

use std::ops::{Deref, DerefMut};

/// State that begins as [`Empty::EMPTY`], and is allocated when it is first changed.
#[derive(Clone, Debug)]
pub(crate) struct Lazy<T>(Option<Box<T>>);

/// State with a beginning.
pub(crate) trait Empty: Clone + 'static {
    /// The beginning.
    const EMPTY: &'static Self;
}

impl<T: Empty> Lazy<T> {
    /// As at the beginning.
    pub(crate) const fn new() -> Self {
        Self(None)
    }

    /// Begins anew, and gives the memory back.
    pub(crate) fn release(&mut self) {
        self.0 = None;
    }

    /// Bytes allocated, without those of what is in it.
    #[cfg(test)]
    pub(crate) fn allocated(&self) -> usize {
        if self.0.is_some() { size_of::<T>() } else { 0 }
    }
}

impl<T: Empty> Default for Lazy<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T: Empty> Deref for Lazy<T> {
    type Target = T;
    #[inline]
    fn deref(&self) -> &T {
        self.0.as_deref().unwrap_or(T::EMPTY)
    }
}

impl<T: Empty> DerefMut for Lazy<T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        self.0.get_or_insert_with(|| Box::new(T::EMPTY.clone()))
    }
}
