//! Kernel policy.
#![no_std]
#![no_main]
