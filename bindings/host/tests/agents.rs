//! Agents: their limits, their end, and their timers.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use longhaul::UserAgent;
use longhaul_dom::ConsoleSink;
use longhaul_host::agent::{Agent, AgentEnd, AgentLimits, Listeners, Page, PageError, PageOptions};
use longhaul_host::server::{PortChoice, Server, Site};

#[derive(Default)]
struct Lines(Mutex<Vec<String>>);

impl Lines {
    fn push(&self, line: String) {
        self.0.lock().expect("nobody panics with it").push(line);
    }

    fn all(&self) -> Vec<String> {
        self.0.lock().expect("nobody panics with it").clone()
    }
}

impl ConsoleSink for Lines {
    fn message(&self, _: &str, text: &str) {
        self.push(text.to_owned());
    }
}

struct Loaded {
    page: Result<Page, PageError>,
    console: Arc<Lines>,
    errors: Arc<Lines>,
    _server: Server,
}

async fn load(script: &str, limits: AgentLimits) -> Loaded {
    let folder = tempfile::tempdir().expect("a temporary folder");
    std::fs::write(folder.path().join("index.html"), format!("<script>{script}</script>")).expect("a file");
    let site = Site::new(folder.path()).expect("a sound folder");
    let server = Server::start(site, &PortChoice::exactly(0)).await.expect("a free port");
    let user_agent = UserAgent::builder().build().await.expect("the defaults work");
    let (console, errors) = (Arc::new(Lines::default()), Arc::new(Lines::default()));
    let sink = errors.clone();
    let options = PageOptions {
        user_agent,
        limits,
        listeners: Listeners::start().expect("threads"),
        console: console.clone(),
        on_error: Arc::new(move |line| sink.push(line)),
        on_window: None,
    };
    let page = Page::load(server.url(), options).await;
    Loaded { page, console, errors, _server: server }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_panic_ends_the_agent_and_nothing_else() {
    let agent = Agent::start(
        "test",
        AgentLimits::default(),
        tokio::runtime::Handle::current(),
        Listeners::start().expect("threads"),
    )
    .expect("an engine");
    assert_eq!(agent.run(|_| 3).await, Ok(3));
    let end = agent.run(|_| -> () { panic!("on purpose") }).await;
    assert_eq!(end, Err(AgentEnd::Panicked("on purpose".to_owned())));
    assert!(!agent.alive());
    assert_eq!(agent.run(|_| 3).await, Err(AgentEnd::Panicked("on purpose".to_owned())));
    agent.idle().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_agent_that_is_terminated_drops_what_it_had_to_do() {
    struct OnDrop(Option<tokio::sync::oneshot::Sender<()>>);
    impl Drop for OnDrop {
        fn drop(&mut self) {
            if let Some(sender) = self.0.take() {
                let _ = sender.send(());
            }
        }
    }
    let agent = Agent::start(
        "test",
        AgentLimits::default(),
        tokio::runtime::Handle::current(),
        Listeners::start().expect("threads"),
    )
    .expect("an engine");
    let (sender, dropped) = tokio::sync::oneshot::channel();
    let guard = OnDrop(Some(sender));
    agent.handle().spawn(Box::pin(async move {
        let _guard = guard;
        std::future::pending::<()>().await;
    }));
    assert!(!agent.is_idle());
    agent.terminate();
    assert_eq!(agent.ended().await, AgentEnd::Terminated);
    dropped.await.expect("the future was dropped");
    assert_eq!(agent.run(|_| 3).await, Err(AgentEnd::Terminated));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_runaway_script_is_ended() {
    let limits = AgentLimits { task: Duration::from_secs(2), ..AgentLimits::default() };
    let loaded =
        load("console.log('on'); try { for (;;) {} } catch { for (;;) {} } finally { for (;;) {} }", limits)
            .await;
    match loaded.page {
        Err(PageError::Ended { end, .. }) => assert_eq!(end, AgentEnd::Runaway(Duration::from_secs(2))),
        other => panic!("{other:?}"),
    }
    assert_eq!(loaded.console.all(), ["on"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_microtask_that_never_ends_is_ended() {
    let limits = AgentLimits { task: Duration::from_secs(2), ..AgentLimits::default() };
    let loaded = load("(function again() { Promise.resolve().then(again) })()", limits).await;
    assert!(matches!(loaded.page, Err(PageError::Ended { end: AgentEnd::Runaway(_), .. })));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn memory_has_a_limit() {
    let limits = AgentLimits { memory: 32 << 20, ..AgentLimits::default() };
    let loaded = load("const all = []; for (;;) all.push(new Array(100000).fill(0));", limits).await;
    // Whether the script sees an exception or the agent ends is the engine's to say; this process goes on.
    let told = !loaded.errors.all().is_empty();
    assert!(told || loaded.page.is_err(), "{:?}", loaded.page);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tasks_microtasks_and_timers_keep_their_order() {
    let script = "
        setTimeout(() => { console.log('timer 2'); Promise.resolve().then(() => console.log('microtask 2')) }, 0);
        setTimeout(() => console.log('timer 3'), 0);
        setTimeout(() => console.log('timer 4'), 30);
        const never = setTimeout(() => console.log('never'), 20);
        clearTimeout(never);
        let ticks = 0;
        const interval = setInterval(() => { ticks += 1; if (ticks === 3) { clearInterval(interval); console.log('three') } }, 1);
        Promise.resolve().then(() => console.log('microtask 1'));
        queueMicrotask(() => console.log('microtask 1b'));
        console.log('script');";
    let loaded = load(script, AgentLimits::default()).await;
    let page = loaded.page.expect("it loads");
    page.agent().idle().await;
    let mut lines = loaded.console.all();
    let three = lines.iter().position(|line| line == "three").expect("the interval fired");
    lines.remove(three);
    assert_eq!(
        lines,
        ["script", "microtask 1", "microtask 1b", "timer 2", "microtask 2", "timer 3", "timer 4"]
    );
    assert_eq!(loaded.errors.all(), [""; 0]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_host_is_told_of_each_window_before_its_first_script() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let page = "<script>console.log('page ' + fromHost)</script><iframe src=frame.html></iframe>";
    std::fs::write(folder.path().join("index.html"), page).expect("a file");
    let frame = "<script>console.log('frame ' + fromHost)</script>";
    std::fs::write(folder.path().join("frame.html"), frame).expect("a file");
    let site = Site::new(folder.path()).expect("a sound folder");
    let server = Server::start(site, &PortChoice::exactly(0)).await.expect("a free port");
    let console = Arc::new(Lines::default());
    let options = PageOptions {
        user_agent: UserAgent::builder().build().await.expect("the defaults work"),
        limits: AgentLimits::default(),
        listeners: Listeners::start().expect("threads"),
        console: console.clone(),
        on_error: Arc::new(|line| panic!("{line}")),
        on_window: Some(Arc::new(|realm, window| {
            let source = format!("var fromHost = {:?}", window.environment().creation_url.path());
            realm.run_script(source.as_bytes(), "host").expect("it runs");
        })),
    };
    let _page = Page::load(server.url(), options).await.expect("it loads");
    // A frame's first document is in the window that its blank one had, which the host was told of then.
    assert_eq!(console.all(), ["page /", "frame blank"]);
}
