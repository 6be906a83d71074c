//! `local-encrypt`: a name that demands what `encrypt:` does. Options stand there.

use super::Row;
use crate::config::Module;

pub(super) const ROW: Row =
    Row { name: "local-encrypt", keys: &[], decode: |_, _| Module::LocalEncrypt };
