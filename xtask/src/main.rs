//! Every command that developers and CI run.
fn main() {}
