//! NATs in networks.
