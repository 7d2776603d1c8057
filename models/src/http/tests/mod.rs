//! Whole applications.
