//! Servers of every kind, good, old and hostile, asked by the built binary: what it says, how it ends, and in which time.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod apiserver;
mod bad;
mod clients;
mod good;
mod loopback;
mod many;
mod odd;
mod served;
mod servers;
mod trust;
mod ways;
