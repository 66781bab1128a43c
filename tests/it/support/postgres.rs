//! PostgreSQL for the tests, started by the tests from the installed programs: nothing has to be set up or running.
//!
//! **One server for all.** The first test process that needs it makes the cluster (once for each user and major
//! version, below the system's temporary directory) and starts it on a free port of the loopback interface. Others
//! find it there, be they threads of one process (`cargo test`) or a process for each test (`cargo nextest run`).
//!
//! **Nothing is left behind.** Every test process holds a shared lock on the file `users` for as long as it lives, and
//! the kernel takes that lock back however the process ends. A watchdog, a small shell script in a session of its own,
//! waits until nobody holds it, waits a little longer, and stops the server. Databases of finished processes are
//! dropped by the next process that finds itself alone.
//!
//! **Locks.** `start` (exclusive): one process at a time looks after the server. `users` (shared: in use; exclusive:
//! being stopped, so a newcomer waits until the server is gone, and starts it again). `watchdog` (exclusive: there is
//! one). Always taken in the order `start`, `users`; the watchdog never takes `start`.
//!
//! **A server of one's own** ([`Own`]) is for tests that stop it: a cluster beside that of all others, which is removed at the
//! end. It survives being stopped in the middle of its work.
//!
//! **Not durable, not private.** It runs without fsync and trusts every local connection: for tests only. A cluster
//! that a crash of the machine has damaged does not start, and is made anew.
//!
//! Linux only (`/proc`, and `flock`, `setsid`, `runuser` of util-linux). The server refuses to run as root, so for root
//! it runs as the user `postgres`, which the Debian package creates.

use std::fmt::Write as _;
use std::fs::{self, File, Permissions};
use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::io::Write as _;
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Once, OnceLock};
use std::time::Duration;

/// The variable that says whether PostgreSQL may be missing: with the value `require` (in CI) it may not.
const POLICY: &str = "CROSSDOCK_TEST_POSTGRES";

/// Every test database's name begins with this.
const PREFIX: &str = "crossdock_test_";

/// What the server is started with: as fast as it goes, since what it holds is worth nothing.
const SETTINGS: &[&str] = &[
    "listen_addresses=127.0.0.1",
    "unix_socket_directories=",
    "max_connections=300",
    "fsync=off",
    "synchronous_commit=off",
    "full_page_writes=off",
    "autovacuum=off",
    "timezone=UTC",
];

/// Stops the server when its last user is gone. `$1`: the cluster's directory.
///
/// Descriptor 9 says that a watchdog is there; it is let go before 8, so that whoever gets `users` after the stop finds
/// no watchdog and starts another. The server is known by its command line, as in [`Cluster::processes`].
const WATCHDOG: &str = r#"
cd "$1" || exit 1
exec 9>>watchdog 8<users
flock -n 9 || exit 0
servers() {
    for file in $(printf %s "$1/data" | grep -lF -f - /proc/[0-9]*/cmdline 2>/dev/null); do
        process=${file%/cmdline}
        [ "$(cat "$process/comm" 2>/dev/null)" = postgres ] && echo "${process#/proc/}"
    done
}
while :; do
    flock -x 8 9>&-
    flock -u 8
    sleep 4 9>&- 8>&-
    flock -n -x 8 || continue
    for signal in INT INT INT INT INT INT INT INT INT INT QUIT QUIT QUIT KILL; do
        running=$(servers "$1")
        [ -n "$running" ] || break
        kill -s "$signal" $running
        sleep 0.5
    done
    exec 9>&-
    [ -e once ] && cd / && rm -rf "$1"
    exit 0
done
"#;

/// There is no PostgreSQL for the tests, and why.
#[derive(Debug, Clone)]
pub struct Unavailable(String);

impl std::fmt::Display for Unavailable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "No PostgreSQL for the tests: {}", self.0)
    }
}

impl std::error::Error for Unavailable {}

/// The URL of a new, empty database, `postgres://…`. It lives until this process ends.
///
/// # Errors
/// When PostgreSQL is not installed, or does not start.
pub fn database() -> Result<String, Unavailable> {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let server = server()?;
    // Process numbers come round again, and a killed run leaves its databases: hence the random part.
    let random = RandomState::new().build_hasher().finish();
    let name = format!("{PREFIX}{}_{}_{random:x}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
    server.sql(&format!("create database {name} template template0"))?;
    Ok(server.url(&name))
}

/// [`database`], or `None` where there is no PostgreSQL: the caller leaves that half of its test out, which is said once.
///
/// # Panics
/// When there is no PostgreSQL although `CROSSDOCK_TEST_POSTGRES=require` says that there has to be.
#[expect(clippy::disallowed_methods, reason = "the one setting of the tests")]
pub fn database_if_installed() -> Option<String> {
    static NOTICE: Once = Once::new();
    match database() {
        Ok(url) => Some(url),
        Err(unavailable) if std::env::var_os(POLICY).is_some_and(|policy| policy == "require") => {
            panic!("{unavailable}. It has to be there, because {POLICY}=require")
        }
        Err(unavailable) => {
            // Past the harness, which would keep a passing test's output to itself.
            NOTICE.call_once(|| drop(writeln!(std::io::stderr(), "{unavailable}. Tests run on SQLite alone.")));
            None
        }
    }
}

/// A server of a test's own, which it may stop and start again at the same address. Dropped, it is gone.
pub struct Own {
    cluster: Cluster,
    server: Server,
}

impl Own {
    /// Makes one, and starts it with these settings beside those of all tests.
    ///
    /// # Errors
    /// When PostgreSQL is not installed, or does not start.
    pub fn start(settings: &'static [&'static str]) -> Result<Self, Unavailable> {
        let random = RandomState::new().build_hasher().finish();
        let cluster = Cluster::find(&format!("-own-{}-{random:x}", std::process::id()), settings)?;
        // Says that nothing of it is kept.
        drop(cluster.lock_file("once")?);
        let server = cluster.serve()?;
        Ok(Self { cluster, server })
    }

    /// The URL of a new, empty database.
    ///
    /// # Errors
    /// When the server does not answer.
    pub fn database(&self) -> Result<String, Unavailable> {
        self.server.sql("create database proof template template0")?;
        Ok(self.server.url("proof"))
    }

    /// The number of its first process.
    pub fn postmaster(&self) -> Option<u32> {
        fs::read_to_string(self.cluster.data().join("postmaster.pid")).ok()?.lines().next()?.trim().parse().ok()
    }

    /// Stops it: `fast` ends sessions and transactions in good order, `immediate` is as if it had crashed.
    ///
    /// # Errors
    /// When it does not stop.
    pub fn stop(&self, mode: &str) -> Result<(), Unavailable> {
        let mut pg_ctl = self.cluster.as_server_user("pg_ctl");
        run(pg_ctl.args(["stop", "--silent", "--wait", "--timeout=60", "--mode", mode, "--pgdata"]).arg(self.cluster.data())).map(drop)
    }

    /// Starts it where it was.
    ///
    /// # Errors
    /// When it does not start.
    pub fn start_again(&self) -> Result<(), Unavailable> {
        self.cluster.start_at(self.server.port)
    }
}

impl Drop for Own {
    fn drop(&mut self) {
        drop(self.stop("immediate"));
        drop(remove(&self.cluster.home));
    }
}

/// Asks a database through the client that came with the server: rows one on each line, columns parted by `|`.
///
/// # Errors
/// When the database refuses, or does not answer.
pub fn ask(url: &str, statement: &str) -> Result<String, Unavailable> {
    sql(&programs()?, url, statement)
}

/// The directory of the installed server's programs, `psql` among them.
///
/// # Errors
/// When PostgreSQL is not installed.
pub fn programs() -> Result<PathBuf, Unavailable> {
    let mut places = Vec::new();
    if let Ok(bindir) = run(Command::new("pg_config").arg("--bindir")) {
        places.push(PathBuf::from(bindir));
    }
    if let Ok(found) = run(Command::new("sh").args(["-c", "command -v postgres"])) {
        places.extend(Path::new(&found).parent().map(Path::to_owned));
    }
    // Debian keeps the server's programs out of the way.
    let mut debian: Vec<_> = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten().map(|entry| entry.path().join("bin")).collect();
    debian.sort();
    places.extend(debian.into_iter().rev());
    let complete = |place: &PathBuf| ["postgres", "initdb", "pg_ctl", "psql"].iter().all(|program| place.join(program).is_file());
    places.into_iter().find(complete).ok_or_else(|| Unavailable("it is not installed (Debian: apt-get install postgresql)".to_owned()))
}

/// The running server, and this process's claim on it.
struct Server {
    programs: PathBuf,
    port: u16,
    /// Held until the process ends, which is what keeps the watchdog waiting.
    _users: File,
}

/// The one server of this process.
fn server() -> Result<&'static Server, Unavailable> {
    static SERVER: OnceLock<Result<Server, Unavailable>> = OnceLock::new();
    SERVER.get_or_init(|| Cluster::find("", &[])?.serve()).as_ref().map_err(Clone::clone)
}

impl Server {
    fn url(&self, database: &str) -> String {
        format!("postgres://postgres@127.0.0.1:{}/{database}", self.port)
    }

    fn sql(&self, statement: &str) -> Result<String, Unavailable> {
        sql(&self.programs, &self.url("postgres"), statement)
    }
}

/// The files of the server, running or not.
struct Cluster {
    programs: PathBuf,
    /// Ours, and traversable by the server's user. `data` in it is the server's alone.
    home: PathBuf,
    /// The caller is root, whom the server refuses.
    root: bool,
    /// What it is started with beside [`SETTINGS`].
    settings: &'static [&'static str],
}

impl Cluster {
    /// Finds the installed server and makes the directory for its files, whose name ends so.
    fn find(suffix: &str, settings: &'static [&'static str]) -> Result<Self, Unavailable> {
        let programs = programs()?;
        let uid: u32 = parse(&run(Command::new("id").arg("-u"))?)?;
        // "postgres (PostgreSQL) 15.18 (Debian …)", or "… 19beta1".
        let version = run(Command::new(programs.join("postgres")).arg("--version"))?;
        let number = version.split_whitespace().nth(2).unwrap_or_default();
        let major: u32 = parse(number.split(|c: char| !c.is_ascii_digit()).next().unwrap_or_default())?;
        let home = std::env::temp_dir().join(format!("crossdock-test-pg-{uid}-{major}{suffix}"));
        let context = |error| failed(&format!("make {}", home.display()), &error);
        fs::DirBuilder::new().recursive(true).mode(0o711).create(&home).map_err(context)?;
        // The temporary directory is everybody's: another user may have made this name first.
        let found = fs::symlink_metadata(&home).map_err(context)?;
        if !found.is_dir() || found.uid() != uid {
            return Err(Unavailable(format!("{} belongs to another user", home.display())));
        }
        fs::set_permissions(&home, Permissions::from_mode(0o711)).map_err(context)?;
        Ok(Self { programs, home, root: uid == 0, settings })
    }

    /// Makes sure that the server runs, and claims it for this process.
    fn serve(&self) -> Result<Server, Unavailable> {
        let start = self.lock_file("start")?;
        start.lock().map_err(|error| failed("lock the file start", &error))?;
        let users = self.lock_file("users")?;
        let alone = users.try_lock().is_ok();
        // Waits for a watchdog that is just stopping the server.
        users.lock_shared().map_err(|error| failed("lock the file users", &error))?;
        // The watchdog first: should we be killed while the server starts, it is there to stop it.
        self.watch()?;
        let port = match self.answering() {
            Some(port) => port,
            None => self.start()?,
        };
        let server = Server { programs: self.programs.clone(), port, _users: users };
        if alone {
            let left = server.sql(&format!("select datname from pg_database where starts_with(datname, '{PREFIX}')"))?;
            left.lines().try_for_each(|name| server.sql(&format!("drop database if exists {name} with (force)")).map(drop))?;
        }
        Ok(server)
    }

    /// The port of our server, if it runs and answers.
    fn answering(&self) -> Option<u16> {
        let port = fs::read_to_string(self.home.join("port")).ok()?.trim().parse().ok()?;
        let url = format!("postgres://postgres@127.0.0.1:{port}/postgres");
        let directory = sql(&self.programs, &url, "show data_directory").ok()?;
        (Path::new(&directory) == self.data()).then_some(port)
    }

    /// Starts the server, whatever state an earlier one left its files in.
    fn start(&self) -> Result<u16, Unavailable> {
        let mut failure = Unavailable("it was not started".to_owned());
        // Another process may take the free port first, and a killed server's children need a moment to notice. What
        // fails three times is the data.
        for attempt in 1..=4 {
            self.clear_the_way();
            if attempt == 4 {
                remove(&self.data())?;
            }
            if !self.data().is_dir() {
                self.initialise()?;
            }
            match self.start_once() {
                Ok(port) => return Ok(port),
                Err(error) => failure = error,
            }
            std::thread::sleep(Duration::from_millis(300));
        }
        Err(failure)
    }

    fn start_once(&self) -> Result<u16, Unavailable> {
        let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).and_then(|listener| listener.local_addr());
        let port = free.map_err(|error| failed("find a free port", &error))?.port();
        self.start_at(port)?;
        fs::write(self.home.join("port"), port.to_string()).map_err(|error| failed("write the port down", &error))?;
        Ok(port)
    }

    fn start_at(&self, port: u16) -> Result<(), Unavailable> {
        let log = self.data().join("server.log");
        remove(&log)?;
        let mut options = format!("-p {port}");
        for setting in SETTINGS.iter().chain(self.settings) {
            write!(options, " -c {setting}").map_err(|error| failed("name the settings", &error))?;
        }
        // pg_ctl gives the server a session of its own and waits until it answers.
        let mut pg_ctl = self.as_server_user("pg_ctl");
        pg_ctl
            .args(["start", "--silent", "--wait", "--timeout=60", "--pgdata"])
            .arg(self.data())
            .arg("--log")
            .arg(&log)
            .arg("--options")
            .arg(options);
        run(&mut pg_ctl).map_err(|error| {
            let log = fs::read_to_string(&log).unwrap_or_default();
            Unavailable(format!("{}. Its log: {}", error.0, log.trim()))
        })?;
        Ok(())
    }

    /// Makes the cluster beside its place and then moves it there, so that what is in place is whole.
    fn initialise(&self) -> Result<(), Unavailable> {
        let half = self.home.join("half-made");
        remove(&half)?;
        fs::DirBuilder::new().mode(0o700).create(&half).map_err(|error| failed("make a directory for the cluster", &error))?;
        if self.root {
            run(Command::new("chown").arg("postgres:").arg(&half))?;
        }
        let mut initdb = self.as_server_user("initdb");
        initdb.args(["--username=postgres", "--auth=trust", "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync", "--pgdata"]).arg(&half);
        run(&mut initdb)?;
        fs::rename(&half, self.data()).map_err(|error| failed("move the cluster into its place", &error))
    }

    /// Ends what a killed test process left in the middle of starting, and a server of ours that does not answer. Then
    /// removes the `postmaster.pid` of a server that is gone: the next would take any process of that number for it.
    fn clear_the_way(&self) {
        for round in 0..100 {
            let processes = self.processes();
            if processes.is_empty() {
                break;
            }
            let signal = if round < 50 { "-QUIT" } else { "-KILL" };
            drop(run(Command::new("kill").arg(signal).args(processes)));
            std::thread::sleep(Duration::from_millis(100));
        }
        drop(remove(&self.data().join("postmaster.pid")));
    }

    /// The numbers of the processes that run our server, or are about to. They are known by their command lines: a
    /// server that is starting has not written its `postmaster.pid` yet, and what is in a stale one may be anybody's.
    fn processes(&self) -> Vec<String> {
        let ours = self.home.join("");
        let is_ours = |process: &String| {
            let command_line = fs::read(format!("/proc/{process}/cmdline")).unwrap_or_default();
            let command_line = String::from_utf8_lossy(&command_line);
            let program = command_line.split('\0').next().and_then(|path| path.rsplit('/').next());
            matches!(program, Some("postgres" | "initdb" | "pg_ctl" | "runuser" | "sh")) && command_line.contains(&*ours.to_string_lossy())
        };
        let all = fs::read_dir("/proc").into_iter().flatten().flatten().map(|entry| entry.file_name().to_string_lossy().into_owned());
        all.filter(|name| name.bytes().all(|byte| byte.is_ascii_digit())).filter(is_ours).collect()
    }

    /// Sees to it that there is a watchdog. The caller holds `start` and `users`.
    fn watch(&self) -> Result<(), Unavailable> {
        let watchdog = self.lock_file("watchdog")?;
        if watchdog.try_lock().is_err() {
            return Ok(());
        }
        drop(watchdog);
        let mut command = Command::new("setsid");
        command.args(["sh", "-c", WATCHDOG, "crossdock-test-pg-watchdog"]).arg(&self.home);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).current_dir("/");
        // Never waited for: it outlives us.
        command.spawn().map(drop).map_err(|error| failed("start the watchdog", &error))
    }

    fn lock_file(&self, name: &str) -> Result<File, Unavailable> {
        let file = File::options().create(true).read(true).append(true).open(self.home.join(name));
        file.map_err(|error| failed(&format!("open the file {name}"), &error))
    }

    fn data(&self) -> PathBuf {
        self.home.join("data")
    }

    /// One of the server's programs, as a user whom it accepts.
    fn as_server_user(&self, program: &str) -> Command {
        let program = self.programs.join(program);
        let mut command = if self.root {
            let mut runuser = Command::new("runuser");
            runuser.args(["-u", "postgres", "--"]).arg(program);
            runuser
        } else {
            Command::new(program)
        };
        // The messages are matched by nobody but read by everybody; the directory has to be open to that user.
        command.env("LC_ALL", "C.UTF-8").current_dir("/");
        command
    }
}

/// Runs one statement and returns its rows, one on each line.
fn sql(programs: &Path, url: &str, statement: &str) -> Result<String, Unavailable> {
    let mut psql = Command::new(programs.join("psql"));
    psql.env("PGCONNECT_TIMEOUT", "10").args(["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-c", statement, url]);
    run(&mut psql)
}

/// Runs a program to its end and returns what it printed.
fn run(command: &mut Command) -> Result<String, Unavailable> {
    let output = command.stdin(Stdio::null()).output();
    let program = Path::new(command.get_program()).display().to_string();
    let output = output.map_err(|error| failed(&format!("run {program}"), &error))?;
    if output.status.success() {
        Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
    } else {
        let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        let arguments: Vec<_> = command.get_args().map(|argument| argument.to_string_lossy()).collect();
        Err(Unavailable(format!("{program} {} ended with {}: {said}", arguments.join(" "), output.status)))
    }
}

/// Removes a file or a directory, if it is there.
fn remove(path: &Path) -> Result<(), Unavailable> {
    let removed = if path.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) };
    match removed {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(failed(&format!("remove {}", path.display()), &error)),
        _ => Ok(()),
    }
}

fn parse(number: &str) -> Result<u32, Unavailable> {
    number.parse().map_err(|error: std::num::ParseIntError| failed(&format!("read the number '{number}'"), &error))
}

fn failed(what: &str, error: &dyn std::error::Error) -> Unavailable {
    Unavailable(format!("failed to {what}: {error}"))
}
