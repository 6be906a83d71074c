//! `prxy verify`: every known way out of every role, tried for real and judged on the wire.
//!
//! `technique` is the table of what is tried; `ground` names the addresses of the scratch world in
//! which it is tried. Not for confining: attempts run in exactly what `warden` puts on its roles.

pub mod ground;
pub mod technique;
