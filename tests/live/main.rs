//! `--live` against API servers on loopback, by the built binary: what is asked, what is found, what is said, how it ends.
//! A real cluster is asked where `KCERT_TEST_KUBECONFIG` names one (see CONTRIBUTING.md).

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod called;
mod clusters;
mod real;
mod server;
mod ways;
