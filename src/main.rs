//! The `crossdock` command: see `crossdock --help`. Everything else is in the library, so that it is compiled once.

fn main() -> std::process::ExitCode {
    few_arenas();
    crossdock::cli::main()
}

/// SQLite works on whichever thread of the runtime has it, and glibc gives each thread an arena that keeps what the thread
/// freed, so the process held several pages of a sync as often as it had threads. With too few, readers wait for one another: with
/// two, a page of orders took a fifth more. Measured: `benches/README.md`.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
fn few_arenas() {
    /// As many as SQLite has readers; more only keep more.
    const ARENAS: libc::c_int = 4;
    #[expect(unsafe_code, reason = "mallopt has no safe wrapper; it reads two integers, and no other thread runs yet")]
    let taken = unsafe { libc::mallopt(libc::M_ARENA_MAX, ARENAS) };
    debug_assert_eq!(taken, 1, "glibc knows the option");
}

#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
fn few_arenas() {}
