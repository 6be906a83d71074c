//! The operating system behind safe wrappers: all of the crate's `unsafe` is here.
//!
//! Not for policy: what a role may do is decided in `warden::roles`; this folder only knows how
//! the kernel is asked.

pub mod attempt;
pub mod bpf;
pub mod cgroup;
pub mod channel;
pub mod cipher;
pub mod clone;
pub mod environment;
pub mod fds;
pub mod handed;
pub mod matrix;
pub mod privilege;
pub mod random;
pub mod sandbox;
pub mod seccomp;
pub mod time;
