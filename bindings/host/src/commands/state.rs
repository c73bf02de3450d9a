//! `longhaul state`: what the profile remembers of the sites it has been to.

use super::options::{StateOptions, StateWord};
use super::user_side::user_side;
use crate::control::{Request, StateAction, StateKind, StateReport};
use crate::escape::{printable, shortened};
use crate::exit::{Exit, Failure, say};

/// Shows or clears it.
pub(super) async fn state(options: StateOptions) -> Result<Exit, Failure> {
    let (kind, action) = what(&options.words)?;
    user_side(options.profile, Request::State { kind, action, origin: options.origin }).await
}

/// The kind and the action that the words name, each at most once.
fn what(words: &[StateWord]) -> Result<(Option<StateKind>, StateAction), Failure> {
    let (mut kind, mut action) = (None, None);
    for word in words {
        let twice = match word {
            StateWord::Cookies => kind.replace(StateKind::Cookies).is_some(),
            StateWord::Cache => kind.replace(StateKind::Cache).is_some(),
            StateWord::Hsts => kind.replace(StateKind::Hsts).is_some(),
            StateWord::Permissions => kind.replace(StateKind::Permissions).is_some(),
            StateWord::List => action.replace(StateAction::List).is_some(),
            StateWord::Clear => action.replace(StateAction::Clear).is_some(),
        };
        if twice {
            return Err(Failure::usage("one kind and one action at most (see longhaul state --help)"));
        }
    }
    Ok((kind, action.unwrap_or(StateAction::List)))
}

/// A line for each thing that is remembered.
pub(super) fn print_state(report: &StateReport) {
    for cookie in report.cookies.iter().flatten() {
        let mut line = format!(
            "cookie  {}{}{}  {}={}",
            if cookie.host_only { "" } else { "." },
            printable(&cookie.domain),
            shortened(&cookie.path, 40),
            shortened(&cookie.name, 40),
            shortened(&cookie.value, 40),
        );
        for (flag, name) in [(cookie.secure, "Secure"), (cookie.http_only, "HttpOnly")] {
            if flag {
                line += &format!("  {name}");
            }
        }
        if let Some(same_site) = &cookie.same_site {
            line += &format!("  SameSite={}", printable(same_site));
        }
        if let Some(partition) = &cookie.partition {
            line += &format!("  under {}", shortened(partition, 60));
        }
        line += &match cookie.expires {
            Some(seconds) => format!("  until {}", date(seconds)),
            None => "  for this session".to_owned(),
        };
        say(&line);
    }
    for entry in report.cache.iter().flatten() {
        say(&format!(
            "cache  {}  {}  {} bytes  under {}  {} {}",
            shortened(&entry.url, 100),
            entry.status,
            entry.bytes,
            shortened(&entry.partition, 60),
            if entry.fresh_until > entry.stored_at { "fresh until" } else { "stale since" },
            date(entry.fresh_until),
        ));
    }
    for known in report.hsts.iter().flatten() {
        say(&format!(
            "hsts  {}{}  under {}  until {}",
            printable(&known.host),
            if known.include_subdomains { " and below" } else { "" },
            shortened(&known.partition, 60),
            date(known.expires),
        ));
    }
    for permission in report.permissions.iter().flatten() {
        say(&format!(
            "permission  {}  {}: {}",
            shortened(&permission.origin, 60),
            printable(&permission.name),
            printable(&permission.state),
        ));
    }
}

fn date(seconds: u64) -> String {
    let since = std::time::Duration::from_secs(seconds);
    match std::time::SystemTime::UNIX_EPOCH.checked_add(since) {
        // The year 9999 is the last that the form knows.
        Some(time) if seconds < 253_402_300_800 => httpdate::fmt_http_date(time),
        _ => "the end of time".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_come_in_any_order_and_once() {
        use StateWord::{Clear, Cookies, Hsts, List};
        assert_eq!(what(&[]).unwrap(), (None, StateAction::List));
        assert_eq!(what(&[Clear]).unwrap(), (None, StateAction::Clear));
        for words in [[Cookies, Clear], [Clear, Cookies]] {
            assert_eq!(what(&words).unwrap(), (Some(StateKind::Cookies), StateAction::Clear));
        }
        assert!(what(&[Cookies, Hsts]).is_err());
        assert!(what(&[List, Clear]).is_err());
    }

    #[test]
    fn dates_have_an_end() {
        assert_eq!(date(0), "Thu, 01 Jan 1970 00:00:00 GMT");
        assert_eq!(date(253_402_300_799), "Fri, 31 Dec 9999 23:59:59 GMT");
        assert_eq!(date(253_402_300_800), "the end of time");
        assert_eq!(date(u64::MAX), "the end of time");
    }
}
