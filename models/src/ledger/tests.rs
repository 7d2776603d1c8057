//! Each rule with a case that passes and one that is caught, from events written by hand.
