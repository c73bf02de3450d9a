//! The globals that an `.any.js` test runs in.
//!
//! <https://web-platform-tests.org/writing-tests/testharness.html#multi-global-tests>

/// A name, and what the name of its page ends with.
struct Global {
    name: &'static str,
    suffix: &'static str,
}

const fn global(name: &'static str, suffix: &'static str) -> Global {
    Global { name, suffix }
}

/// Every global that a page can be made for.
const GLOBALS: [Global; 14] = [
    global("window", ".any.html"),
    global("window-module", ".any.window-module.html"),
    global("dedicatedworker", ".any.worker.html"),
    global("dedicatedworker-module", ".any.worker-module.html"),
    global("sharedworker", ".any.sharedworker.html"),
    global("sharedworker-module", ".any.sharedworker-module.html"),
    global("serviceworker", ".any.serviceworker.html"),
    global("serviceworker-module", ".any.serviceworker-module.html"),
    global("shadowrealm-in-window", ".any.shadowrealm-in-window.html"),
    global("shadowrealm-in-shadowrealm", ".any.shadowrealm-in-shadowrealm.html"),
    global("shadowrealm-in-dedicatedworker", ".any.shadowrealm-in-dedicatedworker.html"),
    global("shadowrealm-in-sharedworker", ".any.shadowrealm-in-sharedworker.html"),
    global("shadowrealm-in-serviceworker", ".https.any.shadowrealm-in-serviceworker.html"),
    global("shadowrealm-in-audioworklet", ".https.any.shadowrealm-in-audioworklet.html"),
];

/// What a word of `META: global` stands for, where that is more than itself.
const GROUPS: [(&str, &[&str]); 3] = [
    ("worker", &["dedicatedworker", "sharedworker", "serviceworker"]),
    ("worker-module", &["dedicatedworker-module", "sharedworker-module", "serviceworker-module"]),
    (
        "shadowrealm",
        &[
            "shadowrealm-in-window",
            "shadowrealm-in-shadowrealm",
            "shadowrealm-in-dedicatedworker",
            "shadowrealm-in-sharedworker",
            "shadowrealm-in-serviceworker",
            "shadowrealm-in-audioworklet",
        ],
    ),
];

/// What the pages' names end with, for the value of `META: global`.
pub(super) fn suffixes(value: Option<&str>) -> Vec<&'static str> {
    let value = value.filter(|value| !value.trim().is_empty()).unwrap_or("window,dedicatedworker");
    let mut wanted = Vec::new();
    for word in value.split(',').map(str::trim) {
        match GROUPS.iter().find(|(name, _)| *name == word) {
            Some((_, members)) => wanted.extend(members.iter().copied()),
            None => wanted.push(word),
        }
    }
    GLOBALS.iter().filter(|global| wanted.contains(&global.name)).map(|global| global.suffix).collect()
}

/// The name of the page that runs `path`, an `.any.js`, in the global of `suffix`.
pub(super) fn page(path: &str, suffix: &str) -> String {
    let mut path = path.replace(".any.", ".");
    for flag in [".https.", ".h2."] {
        if suffix.starts_with(flag) {
            path = path.replace(flag, ".");
        }
    }
    let stem = path.strip_suffix(".js").unwrap_or(&path);
    format!("{stem}{suffix}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_said_is_a_window_and_a_worker() {
        assert_eq!(suffixes(None), [".any.html", ".any.worker.html"]);
        assert_eq!(suffixes(Some("")), [".any.html", ".any.worker.html"]);
    }

    #[test]
    fn groups_are_their_members_and_each_is_there_once() {
        assert_eq!(
            suffixes(Some("worker, window,sharedworker,jsshell,!x")),
            [".any.html", ".any.worker.html", ".any.sharedworker.html", ".any.serviceworker.html"]
        );
        assert_eq!(suffixes(Some("shadowrealm")).len(), 6);
        assert_eq!(suffixes(Some("jsshell")), [""; 0]);
    }

    #[test]
    fn a_flag_is_not_named_twice() {
        assert_eq!(page("/a/b.https.any.js", ".any.worker.html"), "/a/b.https.any.worker.html");
        assert_eq!(
            page("/a/b.https.any.js", ".https.any.shadowrealm-in-serviceworker.html"),
            "/a/b.https.any.shadowrealm-in-serviceworker.html"
        );
        assert_eq!(page("/a/b.tentative.any.js", ".any.html"), "/a/b.tentative.any.html");
    }
}
