//! Says in `x-prxy-modules` that the state is encrypted: the daemon does not start otherwise.
//!
//! Requests pass as they are; the encryption is the store's.

use super::{Exchange, Kind, Module, Verdict};

pub(super) struct LocalEncrypt;

impl Module for LocalEncrypt {
    fn name(&self) -> &'static str {
        "local-encrypt"
    }

    fn kind(&self) -> Kind {
        Kind::Safety
    }

    fn request(&self, _: &mut Exchange<'_>) -> Verdict {
        Verdict::Continue
    }
}
