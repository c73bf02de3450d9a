//! `Refresh`, as a header and in a `meta`: another document after a time.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use longhaul_idl::runtime::{Realm, TaskSource};
use tokio::sync::oneshot;
use url::Url;

use super::navigate::{Handling, Navigation, navigate};
use super::{WindowGlobal, loading};
use crate::dom::node::{NodeRef, lock};

/// The longest time that is waited for: what is to come later does not come.
const LONGEST: u64 = 10 * 365 * 24 * 60 * 60;

/// Whether a window's document refreshes itself. A wait goes with it.
///
/// <https://html.spec.whatwg.org/#will-declaratively-refresh>
#[derive(Default)]
pub(super) struct DeclarativeRefresh(Mutex<Option<oneshot::Sender<()>>>);

impl DeclarativeRefresh {
    /// What ends when the document does; nothing if the document refreshes itself already.
    fn declare(&self) -> Option<oneshot::Receiver<()>> {
        let mut declared = lock(&self.0);
        if declared.is_some() {
            return None;
        }
        let (sender, ended) = oneshot::channel();
        *declared = Some(sender);
        Some(ended)
    }

    /// The document is not shown any more.
    pub(super) fn end(&self) {
        drop(lock(&self.0).take());
    }
}

/// <https://html.spec.whatwg.org/#shared-declarative-refresh-steps>
pub(super) fn declare(realm: &dyn Realm, document: &NodeRef, input: &str) {
    let Some(window) = document.document_data().and_then(|data| data.window()) else { return };
    let Some((seconds, address)) = parse(input) else { return };
    // 3., 11.10. An address that is none leaves all as it is.
    let url = match address {
        None => Some(window.url()),
        Some(address) => document.document_data().and_then(|data| data.parse_url(document, address)),
    };
    let Some(url) = url.filter(|url| url.scheme() != "javascript") else { return };
    // 1., 12. The first one counts.
    let Some(ended) = window.declarative_refresh().declare() else { return };
    // 13. Once it is loaded and the time has passed. NOTE: the wait holds nothing of the page, which may be gone long before.
    let window = Arc::downgrade(&window);
    let loaded = move |realm: &dyn Realm| {
        let (agent, id) = (Arc::downgrade(realm.agent()), realm.id());
        let waiting = async move {
            tokio::select! {
                biased;
                _ = ended => return,
                () = tokio::time::sleep(Duration::from_secs(seconds)) => {}
            }
            let Some(agent) = agent.upgrade() else { return };
            let go = move |realm: &dyn Realm| {
                if let Some(window) = window.upgrade() {
                    go(realm, &window, url);
                }
            };
            agent.queue_task(TaskSource::Dom, id, Box::new(go));
        };
        match seconds {
            0 => realm.agent().spawn(Box::pin(waiting)),
            // Nobody stays for what may be hours away.
            _ => drop(tokio::spawn(waiting)),
        }
    };
    loading::when_loaded(realm, document, Box::new(loaded));
}

/// Step 13's navigation, if the document is still there and may do things by itself.
fn go(realm: &dyn Realm, window: &Arc<WindowGlobal>, url: Url) {
    let context = window.context();
    let is_active = context.active().is_some_and(|active| Arc::ptr_eq(&active, window));
    if !is_active || window.sandbox().no_scripts {
        return;
    }
    let mut navigation = Navigation::from_window(window);
    navigation.handling = Handling::Replace;
    navigate(realm, &context, url, navigation);
}

/// The seconds and the address, if there is one.
fn parse(input: &str) -> Option<(u64, Option<&str>)> {
    let blank = |char: char| char.is_ascii_whitespace();
    // 2., 4.–6.
    let rest = input.trim_start_matches(blank);
    let digits = rest.find(|char: char| !char.is_ascii_digit()).unwrap_or(rest.len());
    let (time, rest) = rest.split_at(digits);
    if time.is_empty() && !rest.starts_with('.') {
        return None;
    }
    let seconds = if time.is_empty() { 0 } else { time.parse::<u64>().unwrap_or(u64::MAX).min(LONGEST) };
    // 7. A part of a second is nothing.
    let rest = rest.trim_start_matches(|char: char| char.is_ascii_digit() || char == '.');
    if rest.is_empty() {
        return Some((seconds, None));
    }
    // 8.
    if !rest.starts_with(|char: char| blank(char) || matches!(char, ';' | ',')) {
        return None;
    }
    let rest = rest.trim_start_matches(blank);
    let rest = rest.strip_prefix([';', ',']).unwrap_or(rest).trim_start_matches(blank);
    if rest.is_empty() {
        return Some((seconds, None));
    }
    // 11.1.–11.7. `url =` may stand before it; whatever begins like that and is not, is part of the address.
    let named = || {
        let rest = rest.strip_prefix(['u', 'U'])?.strip_prefix(['r', 'R'])?.strip_prefix(['l', 'L'])?;
        let rest = rest.trim_start_matches(blank).strip_prefix('=')?;
        Some(rest.trim_start_matches(blank))
    };
    let rest = named().unwrap_or(rest);
    // 11.8.–11.9.
    let address = match rest.chars().next() {
        Some(quote @ ('\'' | '"')) => {
            let rest = &rest[1..];
            rest.split(quote).next().unwrap_or(rest)
        }
        _ => rest,
    };
    Some((seconds, Some(address)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_meant() {
        for (input, wanted) in [
            ("0", Some((0, None))),
            (" 5 ;", Some((5, None))),
            ("1;x", Some((1, Some("x")))),
            ("1 x", Some((1, Some("x")))),
            ("1,x", Some((1, Some("x")))),
            ("1.9; url=x", Some((1, Some("x")))),
            (".5; URL = 'x y' z", Some((0, Some("x y")))),
            ("0; url=\"x'y", Some((0, Some("x'y")))),
            ("0; url", Some((0, Some("url")))),
            ("0; urlx", Some((0, Some("urlx")))),
            ("0; 'x'", Some((0, Some("x")))),
            ("99999999999999999999999; x", Some((LONGEST, Some("x")))),
            ("", None),
            ("x", None),
            ("-1; x", None),
            ("1x", None),
            ("; url=x", None),
        ] {
            assert_eq!(parse(input), wanted, "{input:?}");
        }
    }
}
