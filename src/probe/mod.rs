//! The wire: what servers present, and what they say when they are asked.
//!
//! A probe produces inventory, as a directory does: the chain is a holding whose origin is a peer, so that "the disk differs from what
//! is served" is a check like any other. Rule: everything is captured, nothing is trusted, and nothing is sent but a handshake and what
//! was asked for; credentials go only to servers that an [`Admission`] lets pass.
//!
//! ```text
//! Dial ── run ── connect ── proxy │ starttls ── tls ── http      one conversation for each address
//!                                         │     ├── recorder     what happens inside the handshake
//!                                         │     └── tap          how the connection began
//!                                         └── clear ── hello     again, for servers that rustls does not speak to
//!          record ── decode ── holdings and peers
//! ```

mod clear;
mod connect;
mod conversation;
pub mod dial;
mod discovery;
mod endpoint;
mod fault;
mod hello;
mod http;
pub mod loopback;
pub mod proxy;
mod record;
mod recorder;
mod run;
mod starttls;
mod tap;
mod tls;

pub use dial::{Client, Dial, Family, Request, Sni, UnusableKey};
pub use discovery::api_servers;
pub use endpoint::{Endpoint, NotAnEndpoint};
pub use proxy::{NotAProxy, Proxy};
pub use recorder::Admission;
pub use run::{JOBS, Options, TIMEOUT, probe};
pub use starttls::StartTls;
