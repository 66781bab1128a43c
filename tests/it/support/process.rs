//! Crossdock as people run it: the real program, as processes that a test kills, freezes, wakes and starts again.
//!
//! What a process says goes to a file, to which every later process of the same name adds; when a test fails, the end of
//! it is what to read. A process that is dropped is killed.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};

use super::server::PATIENCE;

/// The program.
pub const CROSSDOCK: &str = env!("CARGO_BIN_EXE_crossdock");

/// A new API key with this access, made by `crossdock keys create` with these further arguments, which name the store.
pub fn make_key(access: &str, store: &[String]) -> String {
    let made = Command::new(CROSSDOCK).args(["keys", "create", "--name=test", "--access", access]).args(store).output().expect("the program runs");
    let said = String::from_utf8_lossy(&made.stdout);
    assert!(made.status.success(), "{said}{}", String::from_utf8_lossy(&made.stderr));
    said.lines().last().expect("the key is the last line").to_owned()
}

/// A program that serves: `crossdock serve`, or `crossdock sandbox`.
pub struct Process {
    child: Child,
    log: PathBuf,
    /// Where it listens, such as `http://127.0.0.1:4010`.
    pub url: String,
}

impl Process {
    /// Starts `crossdock <arguments>` and waits until it has said where it listens.
    pub async fn start(log: &Path, arguments: &[String]) -> Self {
        Self::of(Path::new(CROSSDOCK), log, arguments).await
    }

    /// Starts another program that says where it listens in the same words.
    pub async fn of(program: &Path, log: &Path, arguments: &[String]) -> Self {
        let said_before = fs::metadata(log).map_or(0, |found| found.len());
        let out = File::options().create(true).append(true).open(log).expect("a file for the log");
        let child = Command::new(program)
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(out.try_clone().expect("a file for the log"))
            .stderr(out)
            .spawn()
            .expect("the program starts");
        let mut process = Self { child, log: log.to_owned(), url: String::new() };
        let asking = async {
            loop {
                let said = fs::read(log).unwrap_or_default();
                let said = String::from_utf8_lossy(said.get(usize::try_from(said_before).unwrap_or(0)..).unwrap_or_default()).into_owned();
                if let Some(rest) = said.split("listening on http://").nth(1).filter(|rest| rest.contains('\n')) {
                    return format!("http://{}", rest.split_whitespace().next().unwrap_or_default());
                }
                assert!(process.child.try_wait().expect("a child").is_none(), "it ended: {said}");
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        let url = tokio::time::timeout(PATIENCE, asking).await;
        process.url = url.unwrap_or_else(|_| panic!("it does not listen: {}", process.tail()));
        process
    }

    /// The number of the process.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Whether it runs.
    pub fn runs(&mut self) -> bool {
        self.child.try_wait().is_ok_and(|ended| ended.is_none())
    }

    /// `kill -9`: it has no say in it.
    pub fn kill(mut self) {
        self.child.kill().expect("it can be killed");
        self.child.wait().expect("it ends");
    }

    /// SIGTERM, and waits until it has handed over what it was doing.
    pub async fn stop(mut self) {
        signal(self.id(), "TERM");
        let ended = async {
            while self.runs() {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(PATIENCE, ended).await.expect("it ends when it is told to");
    }

    /// SIGSTOP: it stands still in the middle of whatever it was doing.
    pub fn freeze(&self) {
        signal(self.id(), "STOP");
    }

    /// SIGCONT: it goes on, and does not know that time has passed.
    pub fn wake(&self) {
        signal(self.id(), "CONT");
    }

    /// How often it, and those of its name before it, said something with these words.
    pub fn said(&self, words: &str) -> usize {
        fs::read_to_string(&self.log).unwrap_or_default().matches(words).count()
    }

    /// The end of its log.
    pub fn tail(&self) -> String {
        let said = fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<_> = said.lines().collect();
        lines[lines.len().saturating_sub(40)..].join("\n")
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
        if std::thread::panicking() {
            // Past the harness, whose capture belongs to the thread of the test.
            drop(writeln!(std::io::stderr(), "-- the end of {}\n{}", self.log.display(), self.tail()));
        }
    }
}

fn signal(process: u32, name: &str) {
    let sent = Command::new("kill").args(["-s", name, &process.to_string()]).status().expect("kill runs");
    assert!(sent.success(), "kill -s {name} {process}");
}

/// A client that gives up on a server that stands still.
pub fn http() -> reqwest::Client {
    // A second call finds the provider in place.
    drop(rustls::crypto::ring::default_provider().install_default());
    reqwest::Client::builder().timeout(Duration::from_secs(30)).build().expect("a client")
}

/// A client of a server's API that does not mind when the server is away.
#[derive(Clone)]
pub struct Client {
    url: String,
    key: String,
    http: reqwest::Client,
}

impl Client {
    pub fn new(url: &str, key: &str) -> Self {
        Self { url: url.to_owned(), key: key.to_owned(), http: http() }
    }

    /// The answer's data; an error when the server does not answer, or answers with an error.
    pub async fn ask(&self, document: &str, variables: Value) -> Result<Value, String> {
        let body = json!({ "query": document, "variables": variables });
        let request = self.http.post(format!("{}/graphql", self.url)).bearer_auth(&self.key).json(&body);
        let response = request.send().await.map_err(|error| error.to_string())?;
        let answer: Value = response.json().await.map_err(|error| error.to_string())?;
        if answer.get("errors").is_some() { Err(answer.to_string()) } else { Ok(answer["data"].clone()) }
    }

    /// The answer's data. The server must be there.
    pub async fn data(&self, document: &str, variables: Value) -> Value {
        self.ask(document, variables).await.unwrap_or_else(|error| panic!("{document}\n{error}"))
    }

    /// Asks until the answer is as it should be, through failures of the server, and answers with it.
    pub async fn until(&self, document: &str, variables: Value, is_so: impl Fn(&Value) -> bool) -> Value {
        let mut last = String::new();
        let asking = async {
            loop {
                match self.ask(document, variables.clone()).await {
                    Ok(data) if is_so(&data) => return data,
                    Ok(data) => last = format!("{data:#}"),
                    Err(error) => last = error,
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        let in_time = tokio::time::timeout(2 * PATIENCE, asking).await;
        in_time.unwrap_or_else(|_| panic!("it did not become so in time: {last}"))
    }

    /// The status and text of a page without a key, such as `/readyz`; status 0 when nobody answers.
    pub async fn get(&self, path: &str) -> (u16, String) {
        match self.http.get(format!("{}{path}", self.url)).send().await {
            Ok(response) => (response.status().as_u16(), response.text().await.unwrap_or_default()),
            Err(error) => (0, error.to_string()),
        }
    }
}
