//! The binary: everything is in the library.

use std::process::ExitCode;

/// The threads of musl's own wait for each other at every allocation.
#[cfg(target_env = "musl")]
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    kcert::cli::main()
}
