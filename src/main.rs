//! The `anygrad` program.
fn main() {}
