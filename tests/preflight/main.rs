//! Healthy and broken clusters of every layout, and what `kcert preflight` is to say of each: the exit code, the findings at warning
//! and above and nothing beside them, and the verdicts of handshakes. A false alarm weighs as much as a miss.
//!
//! Everything is minted in memory at one instant, written into a temporary directory and read by the binary. Scenarios are rows of
//! tables; `cluster` has the words for faults.

#![expect(clippy::unwrap_used, reason = "a scenario that cannot be made is a failed test")]

mod api;
mod broken;
mod cases;
mod cases_later;
mod cluster;
mod files;
mod harness;
mod healthy;
mod hosts;
mod istio;
mod kubeadm;
mod mesh;
mod objects;
mod odd;
mod others;
mod plans;
mod rancher;
mod reviewed;
mod served;
mod shape;
mod site;
mod target;
mod units;
