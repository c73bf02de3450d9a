//! Small sites of documents on loopback servers, and pages of them in an agent of this process.

use std::collections::{HashMap, HashSet};
use std::io;
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use longhaul::UserAgent;
use longhaul_dom::ConsoleSink;
use longhaul_host::agent::{
    AgentEnd, AgentLimits, Listeners, Page, PageError, PageOptions, ServiceWorkerAgents, WindowHook,
};

use crate::rest::nothing_is_left;
use crate::server::{Connection, Request, Server};

/// How long a test waits for what must come before it fails. Never reached by a passing test, however busy the machine is.
const PATIENCE: Duration = Duration::from_secs(120);

struct Answer {
    status: String,
    headers: Vec<String>,
    body: Vec<u8>,
}

/// What a site has. In bodies and headers `{here}` is the origin that pages come from, `{near}` another origin of the same site,
/// `{far}` one of another site; all three give the same answers.
#[derive(Default)]
pub(crate) struct Site {
    answers: HashMap<String, Answer>,
    on_window: Option<WindowHook>,
}

/// Gates that requests open and wait for: `?after=NAME` is answered once `/open/NAME` was asked for.
#[derive(Default)]
struct Gates {
    open: Mutex<HashSet<String>>,
    opened: Condvar,
}

impl Gates {
    fn open(&self, name: &str) {
        self.open.lock().unwrap().insert(name.to_owned());
        self.opened.notify_all();
    }

    fn pass(&self, name: &str) {
        let open = self.open.lock().unwrap();
        let (_open, waited) =
            self.opened.wait_timeout_while(open, PATIENCE, |open| !open.contains(name)).unwrap();
        assert!(!waited.timed_out(), "the gate {name} was never opened");
    }
}

#[derive(Default)]
struct Lines(tokio::sync::watch::Sender<Vec<String>>);

impl Lines {
    fn push(&self, line: String) {
        self.0.send_modify(|lines| lines.push(line));
    }

    fn all(&self) -> Vec<String> {
        self.0.borrow().clone()
    }

    async fn wait_for(&self, wanted: &str) {
        let mut lines = self.0.subscribe();
        let has = |lines: &Vec<String>| lines.iter().any(|line| line == wanted);
        let waited = tokio::time::timeout(PATIENCE, lines.wait_for(has)).await;
        assert!(waited.is_ok(), "“{wanted}” never came; so far: {:#?}", self.all());
    }
}

impl ConsoleSink for Lines {
    fn message(&self, _: &str, text: &str) {
        // What the page says, and not what is said of its fetches.
        if !text.starts_with("fetch() of ") {
            self.push(text.to_owned());
        }
    }
}

/// A page that was loaded, and its servers.
pub(crate) struct Opened {
    pub(crate) console: Vec<String>,
    pub(crate) errors: Vec<String>,
    pub(crate) title: String,
    /// How its agent ended, once nobody wanted the page any more; none if it did not.
    pub(crate) end: Option<AgentEnd>,
    /// The server of `{here}` and `{far}`.
    pub(crate) here: Server,
    pub(crate) near: Server,
}

impl Opened {
    /// The requests for a path, whatever their query, at both servers.
    pub(crate) fn requests(&self, path: &str) -> Vec<Request> {
        let of = |server: &Server| server.requests();
        let all = of(&self.here).into_iter().chain(of(&self.near));
        all.filter(|request| request.path.split('?').next() == Some(path)).collect()
    }

    /// The only request for a path.
    pub(crate) fn request(&self, path: &str) -> Request {
        let mut requests = self.requests(path);
        assert_eq!(requests.len(), 1, "requests for {path}");
        requests.remove(0)
    }

    pub(crate) fn expect(&self, console: &[&str]) {
        assert_eq!(self.console, console, "errors: {:#?}", self.errors);
    }
}

impl Site {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    pub(crate) fn html(self, path: &str, body: &str) -> Self {
        self.file(path, &["Content-Type: text/html"], body)
    }

    /// The page that is opened.
    pub(crate) fn page(self, body: &str) -> Self {
        self.html("/", body)
    }

    pub(crate) fn js(self, path: &str, body: &str) -> Self {
        self.file(path, &["Content-Type: text/javascript"], body)
    }

    pub(crate) fn file(self, path: &str, headers: &[&str], body: &str) -> Self {
        self.answer(path, "200 OK", headers, body.as_bytes())
    }

    pub(crate) fn answer(mut self, path: &str, status: &str, headers: &[&str], body: &[u8]) -> Self {
        let headers = headers.iter().map(|&header| header.to_owned()).collect();
        let answer = Answer { status: status.to_owned(), headers, body: body.to_vec() };
        self.answers.insert(path.to_owned(), answer);
        self
    }

    /// Does something in the realm of each window that is made.
    pub(crate) fn on_window(mut self, hook: WindowHook) -> Self {
        self.on_window = Some(hook);
        self
    }

    /// Opens `/` and gives what there is to tell once nothing is left to do.
    pub(crate) async fn open(self) -> Opened {
        let (page, opened) = self.try_open(None).await;
        page.unwrap_or_else(|error| panic!("{error}; {:#?}", opened.errors));
        opened
    }

    /// Opens `/` and gives what there is to tell once the console has had a line.
    pub(crate) async fn open_until(self, line: &str) -> Opened {
        let (page, opened) = self.try_open(Some(line)).await;
        page.unwrap_or_else(|error| panic!("{error}; {:#?}", opened.errors));
        opened
    }

    /// Opens `/`, and waits for a line of the console or until nothing is left to do.
    pub(crate) async fn try_open(self, line: Option<&str>) -> (Result<(), PageError>, Opened) {
        let (answers, gates) = (Arc::new(self.answers), Arc::new(Gates::default()));
        let ports: Arc<Mutex<Vec<u16>>> = Arc::default();
        let start = || {
            let (answers, gates, ports) = (Arc::clone(&answers), Arc::clone(&gates), Arc::clone(&ports));
            Server::start(move |request, connection| {
                let (here, near) = {
                    let ports = ports.lock().unwrap();
                    (ports[0], ports[1])
                };
                serve(request, connection, &answers, &gates, here, near)
            })
        };
        let (here, near) = {
            let mut known = ports.lock().unwrap();
            let (here, near) = (start(), start());
            known.extend([here.port, near.port]);
            (here, near)
        };
        let (console, errors) = (Arc::new(Lines::default()), Arc::new(Lines::default()));
        let sink = Arc::clone(&errors);
        let on_error: Arc<dyn Fn(String) + Send + Sync> = Arc::new(move |line| sink.push(line));
        let listeners = Listeners::start().expect("threads");
        let workers = ServiceWorkerAgents::new(
            AgentLimits::default(),
            listeners.clone(),
            Arc::clone(&console) as _,
            Arc::clone(&on_error),
        );
        let user_agent = UserAgent::builder().agent_host(Arc::clone(&workers) as _).build().await;
        let user_agent = user_agent.expect("the defaults work");
        workers.attach(user_agent.clone());
        user_agent.start();
        let options = PageOptions {
            user_agent: user_agent.clone(),
            limits: AgentLimits::default(),
            listeners: listeners.clone(),
            console: Arc::clone(&console) as _,
            on_error,
            on_window: self.on_window,
        };
        let url = format!("http://localhost:{}/", here.port).parse().expect("a URL");
        let (mut title, mut end) = (String::new(), None);
        let page = match Page::load(url, options).await {
            Ok(page) => {
                let rests = async {
                    match line {
                        Some(line) => console.wait_for(line).await,
                        None => nothing_is_left(&page, &user_agent, &listeners).await,
                    }
                };
                let rests = tokio::time::timeout(PATIENCE, rests).await;
                assert!(rests.is_ok(), "it does not come to rest: {:#?}", console.all());
                title = page.title().to_owned();
                let ended = page.agent().watch_end();
                drop(page);
                end = tokio::time::timeout(PATIENCE, ended).await.ok();
                Ok(())
            }
            Err(error) => Err(error),
        };
        workers.detach();
        (page, Opened { console: console.all(), errors: errors.all(), title, end, here, near })
    }
}

fn serve(
    request: &Request,
    connection: &mut Connection,
    answers: &HashMap<String, Answer>,
    gates: &Gates,
    here: u16,
    near: u16,
) -> io::Result<()> {
    let (path, query) = request.path.split_once('?').unwrap_or((&request.path, ""));
    if let Some(gate) = path.strip_prefix("/open/") {
        gates.open(gate);
        return connection.respond("200 OK", &["Access-Control-Allow-Origin: *"], b"");
    }
    if let Some(gate) = query.strip_prefix("after=") {
        gates.pass(gate);
    }
    let Some(answer) = answers.get(path) else {
        return connection.respond("404 Not Found", &["Content-Type: text/plain"], b"nothing");
    };
    let fill = |text: &str| {
        text.replace("{here}", &format!("http://localhost:{here}"))
            .replace("{near}", &format!("http://localhost:{near}"))
            .replace("{far}", &format!("http://127.0.0.1:{here}"))
    };
    let headers: Vec<String> = answer.headers.iter().map(|header| fill(header)).collect();
    let headers: Vec<&str> = headers.iter().map(String::as_str).collect();
    match std::str::from_utf8(&answer.body) {
        Ok(text) => connection.respond(&answer.status, &headers, fill(text).as_bytes()),
        Err(_) => connection.respond(&answer.status, &headers, &answer.body),
    }
}
