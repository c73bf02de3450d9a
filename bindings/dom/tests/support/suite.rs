//! Runs a script of tests in a window, or in a service worker, and tells what failed.

use std::collections::HashMap;
use std::sync::{Arc, mpsc};
use std::time::Duration;

use longhaul::fetch::EnvironmentSettings;
use longhaul::storage::Location;
use longhaul::{BACKGROUND_FETCH, UserAgent};

use super::agent::{Agent, Global, Host};
use super::server::{Answer, serve};

const HARNESS: &str = include_str!("../scripts/harness.js");

/// A user agent in memory whose service workers run, with what its agents say.
pub(crate) struct Browser {
    pub(crate) user_agent: UserAgent,
    pub(crate) origin: String,
    lines: mpsc::Sender<String>,
    said: mpsc::Receiver<String>,
}

impl Browser {
    /// A browser, and a server with these answers and a harness to import.
    pub(crate) async fn start(mut answers: HashMap<&'static str, Answer>) -> Browser {
        answers.insert("/harness.js", Answer::ok("text/javascript", HARNESS));
        let origin = serve(answers).await;
        let host = Arc::new(Host::default());
        let user_agent = UserAgent::builder()
            .profile(Location::Memory)
            .agent_host(host.clone())
            .permission(BACKGROUND_FETCH, longhaul::background_fetch::PermissionState::Granted)
            .build()
            .await
            .expect("the user agent is built");
        let (lines, said) = mpsc::channel();
        host.set(user_agent.clone(), lines.clone());
        user_agent.start();
        Browser { user_agent, origin, lines, said }
    }

    /// Runs the harness and a script in a page of the origin.
    pub(crate) async fn window(&self, script: &str, file: &str) -> Agent {
        let url = format!("{}/index.html", self.origin).parse().expect("a URL");
        let environment = Arc::new(EnvironmentSettings::for_url(url));
        self.user_agent.service_workers().register_client(environment.clone());
        let global = Global::Window { environment, title: " A \n page ".into() };
        let (agent, _) = Agent::start(self.user_agent.clone(), global, self.lines.clone());
        agent.script(HARNESS, "harness.js").await.expect("the agent runs").expect("the harness is sound");
        // What it throws is among what was said.
        let _ = agent.script(script, file).await.expect("the agent runs");
        agent
    }

    /// Waits for a line that begins so, and gives the lines before it and the rest of it.
    pub(crate) fn wait_for(&self, beginning: &str) -> (Vec<String>, String) {
        let mut before = Vec::new();
        loop {
            match self.said.recv_timeout(Duration::from_secs(40)) {
                Ok(line) => match line.strip_prefix(beginning) {
                    Some(rest) => return (before, rest.to_owned()),
                    None => before.push(line),
                },
                Err(_) => panic!("nobody said {beginning:?}; said: {before:#?}"),
            }
        }
    }

    /// Waits until the tests of an agent are over: all of them passed, and there were at least so many.
    pub(crate) fn assert_all_pass(&self, at_least: usize) {
        let (said, result) = self.wait_for("log: tests over: ");
        let failures: Vec<&String> = said.iter().filter(|line| is_failure(line)).collect();
        let (passed, failed) = result.split_once('/').expect("two numbers");
        assert!(failed == "0" && failures.is_empty(), "{passed} passed, {failed} failed: {failures:#?}");
        let passed: usize = passed.parse().expect("a number");
        assert!(passed >= at_least, "only {passed} tests ran");
    }
}

/// Whether a line tells of something that failed. What a page's `fetch()` failed for is told by the user agent.
fn is_failure(line: &str) -> bool {
    !line.starts_with("log: ") && !line.starts_with("error: fetch() of ")
}

/// Runs a script of tests in a window.
pub(crate) async fn run_in_window(
    script: &str,
    file: &str,
    answers: HashMap<&'static str, Answer>,
    at_least: usize,
) {
    let browser = Browser::start(answers).await;
    let agent = browser.window(script, file).await;
    tokio::task::block_in_place(|| browser.assert_all_pass(at_least));
    agent.stop();
    browser.user_agent.shutdown().await;
}
