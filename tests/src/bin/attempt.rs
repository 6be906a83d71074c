//! The helper process of the attack harness; see `prxy_tests::attack`.

fn main() -> anyhow::Result<()> {
    prxy_tests::attack::attempt::main()
}
