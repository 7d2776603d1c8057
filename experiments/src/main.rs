//! protosim command
fn main() {}
