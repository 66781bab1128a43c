//! The `crossdock` command: see `crossdock --help`. Everything is in the library, so that it is compiled once.

fn main() -> std::process::ExitCode {
    crossdock::cli::main()
}
