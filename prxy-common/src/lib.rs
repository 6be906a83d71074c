//! The ABI between the kernel programs and the daemon.
#![no_std]
