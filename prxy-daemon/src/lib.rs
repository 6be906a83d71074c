//! The prxy daemon as a library: every role, every pipeline stage, nothing global.
//!
//! Start reading at `cli` (what a user types), then `warden` (who starts whom),
//! then `gateway` → `pipeline` → `redact` → `broker` → `netgate` (the way of a request).

pub mod audit;
mod base64;
pub mod broker;
pub mod cli;
mod client;
pub mod config;
pub mod embed;
pub mod gateway;
mod hop;
pub mod json;
pub mod link;
pub mod metrics;
pub mod netgate;
pub mod pipeline;
pub mod provider;
pub mod redact;
pub mod resolver;
pub mod sse;
pub mod store;
pub mod sys;
pub mod verify;
pub mod warden;
