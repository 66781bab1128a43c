//! Every call of every adapter under every attack.

use std::io::Write;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tracing_subscriber::fmt::MakeWriter;

use super::attacks::{Attack, CAP, attacks};
use super::hostile::{Answer, Hostile, read_request};
use super::{SECRET, commands, credentials};
use crate::clock::Clock;
use crate::record::DataType;
use crate::record::draft::{Passthrough, WriteAction};
use crate::wms::http::{Http, Limits};
use crate::wms::{AnyCommand, Error, Found, Integration, Retry, Scope, Wms, integrations};

/// One thing that the engine asks of an adapter.
#[derive(Debug, Clone)]
enum Ask {
    Check,
    Pull(DataType),
    Push(AnyCommand),
    LookUp(AnyCommand),
    Pass(Passthrough),
}

impl Ask {
    /// Everything that this integration can be asked.
    fn all(integration: &Integration) -> Vec<Self> {
        let mut all = vec![Self::Check];
        all.extend(integration.reads.iter().map(|reads| Self::Pull(reads.data_type)));
        let writes = |action: WriteAction| integration.writes.iter().any(|writes| writes.action == action);
        for command in commands::all().into_iter().filter(|command| writes(command.action())) {
            all.extend([Self::Push(command.clone()), Self::LookUp(command)]);
        }
        all.extend(writes(WriteAction::Passthrough).then(|| Self::Pass(commands::call(integration.name))));
        all
    }

    /// Whether the answer was understood. An adapter that cannot look up says so without asking, and what passes through is
    /// for the caller to understand.
    async fn of(&self, wms: &Arc<dyn Wms>) -> Result<bool, Error> {
        match self {
            Self::Check => wms.check().await.map(|_| true),
            Self::Pull(data_type) => wms.pull(*data_type, &Scope::default(), None).await.map(|_| true),
            Self::Push(command) => wms.push(command, "the-reference").await.map(|_| true),
            Self::LookUp(command) => wms.look_up(command, "the-reference").await.map(|found| !matches!(found, Found::Unclear(_))),
            Self::Pass(call) => {
                let passed = wms.pass(call).await?;
                assert!(!format!("{passed:?}").contains(SECRET), "{passed:?}");
                Ok(false)
            }
        }
    }
}

/// What was logged.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    /// Catches everything that this thread logs, at every level and from every crate, while the guard lives.
    fn start() -> (Self, tracing::subscriber::DefaultGuard) {
        let log = Self::default();
        let subscriber = tracing_subscriber::fmt().with_max_level(tracing::Level::TRACE).with_writer(log.clone()).with_ansi(false).finish();
        (log, tracing::subscriber::set_default(subscriber))
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.lock().unwrap()).into_owned()
    }
}

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Log {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}

/// What a call may take longer than its deadline on a machine that is busy.
const SLACK: Duration = Duration::from_secs(10);

fn client(deadline: Duration) -> Http {
    Http::new(Limits { deadline, body: CAP, ..Limits::default() }, Clock::system()).unwrap()
}

fn connect(integration: &Integration, url: &str, http: &Http) -> Arc<dyn Wms> {
    integration.connect(&credentials(integration.name, url), http).unwrap()
}

/// What is wrong with how a call ended; nothing, as a rule.
fn complaint(attack: &Attack, result: &Result<bool, Error>) -> Option<String> {
    let error = match result {
        Ok(understood) => return (*understood && !attack.may_pass).then(|| "passes for an answer".to_owned()),
        Err(error) => error,
    };
    if !attack.kinds.contains(&error.kind) {
        return Some(format!("is none of {:?}: {error:?}", attack.kinds));
    }
    let shown = format!("{error} {error:?} {error:#?} {}", serde_json::to_string(error).unwrap());
    if shown.contains(SECRET) {
        return Some(format!("shows the credential: {error:?}"));
    }
    match (attack.wait, error.retry) {
        (None, Retry::After(_)) => Some(format!("waits for a moment that nobody named: {error:?}")),
        (Some(longest), Retry::After(at)) => {
            let wait = at.millis_since(Clock::system().now());
            // The call is over by now, so a wait of one second may have passed.
            let is_sane = wait <= longest * 1_000 && (longest < 100 || wait > longest * 1_000 - 60_000);
            (!is_sane).then(|| format!("waits for {wait} ms"))
        }
        (Some(_), _) => Some(format!("does not wait for what the server named: {error:?}")),
        (None, _) => None,
    }
}

async fn run(integration: &Integration, attack: &Attack, deadline: Duration, http: &Http) -> Vec<String> {
    let server = Hostile::start(attack.answer.clone()).await;
    let asks = Ask::all(integration).into_iter().map(async |ask| {
        let wms = connect(integration, &server.url, http);
        let began = tokio::time::Instant::now();
        let result = ask.of(&wms).await;
        let late = (began.elapsed() > deadline + SLACK).then(|| format!("took {:?}", began.elapsed()));
        let wrong = complaint(attack, &result).or(late);
        wrong.map(|wrong| format!("{}, {ask:?} under {:?}: {wrong}", integration.name, attack.name))
    });
    let mut wrong: Vec<String> = futures_util::future::join_all(asks).await.into_iter().flatten().collect();
    if server.requests.load(Ordering::SeqCst) == 0 {
        wrong.push(format!("{} never called under {:?}", integration.name, attack.name));
    }
    // What the client did not read may stand in the buffers of both sockets.
    let taken = server.taken.load(Ordering::SeqCst);
    if taken > CAP + 32 * 1024 * 1024 {
        wrong.push(format!("{} took {taken} bytes under {:?}", integration.name, attack.name));
    }
    wrong
}

#[tokio::test]
async fn every_adapter_survives_a_hostile_server() {
    let (log, _guard) = Log::start();
    let mut wrong = Vec::new();
    let (short, long) = (Duration::from_millis(250), Duration::from_secs(20));
    let (hurried, patient) = (client(short), client(long));
    for integration in integrations() {
        let (slow, quick): (Vec<Attack>, Vec<Attack>) = attacks().into_iter().partition(|attack| attack.slow);
        // What lasts until a deadline can last side by side.
        wrong.extend(futures_util::future::join_all(slow.iter().map(|attack| run(&integration, attack, short, &hurried))).await.concat());
        for attack in &quick {
            // A place that logs and was first met by another thread just before may have been taken for silent.
            tracing::callsite::rebuild_interest_cache();
            wrong.extend(run(&integration, attack, long, &patient).await);
        }
    }
    assert!(wrong.is_empty(), "{}:\n{}", wrong.len(), wrong.join("\n"));
    let log = log.text();
    assert!(log.contains("WMS call"), "the log has been caught");
    let shown: Vec<&str> = log.lines().filter(|line| line.contains(SECRET)).collect();
    assert!(shown.is_empty(), "the log shows the credential:\n{}", shown.join("\n"));
}

#[tokio::test]
async fn an_idle_connection_is_dropped_before_the_server_drops_it() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let server = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        read_request(&mut stream).await.unwrap();
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}").await.unwrap();
        // It keeps the connection for as long as the client does.
        stream.read(&mut [0; 16]).await.unwrap()
    });
    let http = Http::new(Limits { idle: Duration::from_millis(50), ..Limits::default() }, Clock::system()).unwrap();
    assert!(http.at(&url, "baseUrl").unwrap().get("/").send().await.unwrap().is_success());
    let more = tokio::time::timeout(Duration::from_secs(30), server).await.expect("the client hangs up").unwrap();
    assert_eq!(more, 0);
    assert!(Limits::default().idle < Duration::from_secs(2), "gunicorn, which Tryton runs on, keeps an idle connection for 2 s");
}

#[tokio::test]
async fn credentials_do_not_follow_a_redirect() {
    let http = client(Duration::from_secs(20));
    let elsewhere = Hostile::start(Answer::Bytes(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}".to_vec())).await;
    for status in ["301 Moved", "302 Found", "303 See Other", "307 Temporary Redirect", "308 Permanent Redirect"] {
        let answer = format!("HTTP/1.1 {status}\r\nlocation: {}/v1\r\ncontent-length: 0\r\nconnection: close\r\n\r\n", elsewhere.url);
        let server = Hostile::start(Answer::Bytes(answer.into_bytes())).await;
        for integration in integrations() {
            let wms = connect(&integration, &server.url, &http);
            for ask in Ask::all(&integration) {
                match ask.of(&wms).await {
                    Ok(understood) => assert!(!understood, "{ask:?} took a redirect for an answer"),
                    Err(error) => assert!(error.message.contains(&elsewhere.url), "the address is told: {error}"),
                }
            }
        }
    }
    assert_eq!(elsewhere.requests.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn nothing_of_the_credentials_shows_in_what_an_integration_says_of_itself() {
    let http = client(Duration::from_secs(20));
    for integration in integrations() {
        let schema = &integration.credentials_schema;
        let given = credentials(integration.name, "http://127.0.0.1:9");
        let secret = given.as_object().unwrap().iter().find(|(_, value)| *value == SECRET).map(|(name, _)| name.clone()).unwrap();
        assert_eq!(schema["properties"][&secret]["writeOnly"], true, "{}: forms must not show what is typed", integration.name);
        // Nobody listens there.
        let error = Ask::Check.of(&connect(&integration, "http://127.0.0.1:9", &http)).await.unwrap_err();
        assert!(!format!("{error:?}").contains(SECRET) && !error.outcome_unknown, "{error:?}");
        // A field that is wrong is named without its value.
        let mut wrong = given.clone();
        wrong[&secret] = serde_json::json!([SECRET]);
        let error = integration.connect(&wrong, &http).map(drop).unwrap_err();
        assert!(!format!("{error:?}").contains(SECRET), "{error:?}");
        assert_eq!(error.path, Some(vec![secret]));
    }
}
