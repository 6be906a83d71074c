//! prxy.
fn main() {}
