//! Internal priorities, and how they look on the wire.

use super::connection::WirePriority;
use super::request::{Destination, Initiator, Priority, Request};

/// Sets the request's internal priority if it has none: urgency from 0, the most urgent, to 7, 3 being the usual one, as RFC 9218
/// has it.
///
/// <https://fetch.spec.whatwg.org/#concept-fetch>, step 15
pub(crate) fn set_internal_priority(request: &mut Request) {
    request.internal_priority.get_or_insert_with(|| {
        internal_priority(request.destination, request.initiator, request.priority, request.render_blocking)
    });
}

fn internal_priority(
    destination: Destination,
    initiator: Initiator,
    priority: Priority,
    render_blocking: bool,
) -> WirePriority {
    // What can be shown while it comes is worth sending beside others.
    let incremental = matches!(
        destination,
        Destination::Document
            | Destination::Frame
            | Destination::Iframe
            | Destination::Image
            | Destination::Audio
            | Destination::Video
    );
    let usual: u8 = match destination {
        _ if matches!(initiator, Initiator::Prefetch | Initiator::Prerender) => 6,
        Destination::Document => 0,
        Destination::Style if render_blocking => 0,
        _ if render_blocking => 1,
        Destination::Style | Destination::Script | Destination::Font | Destination::Xslt => 2,
        Destination::Frame | Destination::Iframe => 2,
        Destination::Image | Destination::Audio | Destination::Video | Destination::Track => 4,
        Destination::Report => 6,
        _ => 3,
    };
    let urgency = match priority {
        Priority::Auto => usual,
        Priority::High => usual.saturating_sub(2).max(1),
        Priority::Low => (usual + 2).min(6),
    };
    WirePriority { urgency, incremental }
}

/// Adds `Priority` where the author has not, if there is something to say.
///
/// <https://www.rfc-editor.org/rfc/rfc9218#section-5>
pub(crate) fn append_priority_header(request: &mut Request) {
    let Some(priority) = request.internal_priority else { return };
    // NOTE: HTTP/2 is spoken over TLS alone here; over HTTP/1.1 the header would only cost bytes.
    if request.header_list.contains("Priority") || request.current_url().scheme() != "https" {
        return;
    }
    let value = match (priority.urgency, priority.incremental) {
        (WirePriority::USUAL_URGENCY, false) => return,
        (WirePriority::USUAL_URGENCY, true) => "i".to_owned(),
        (urgency, false) => format!("u={urgency}"),
        (urgency, true) => format!("u={urgency}, i"),
    };
    request.header_list.append("Priority", value);
}

#[cfg(test)]
mod tests {
    use url::Url;

    use super::*;

    fn header(destination: Destination, priority: Priority) -> Option<String> {
        let mut request = Request::new(Url::parse("https://a.example/").unwrap());
        (request.destination, request.priority) = (destination, priority);
        set_internal_priority(&mut request);
        append_priority_header(&mut request);
        request.header_list.get("priority").map(|value| String::from_utf8(value).unwrap())
    }

    #[test]
    fn what_is_needed_first_is_more_urgent() {
        assert_eq!(header(Destination::None, Priority::Auto), None);
        assert_eq!(header(Destination::None, Priority::High).as_deref(), Some("u=1"));
        assert_eq!(header(Destination::None, Priority::Low).as_deref(), Some("u=5"));
        assert_eq!(header(Destination::Document, Priority::Auto).as_deref(), Some("u=0, i"));
        assert_eq!(header(Destination::Image, Priority::High).as_deref(), Some("u=2, i"));
        assert_eq!(header(Destination::Report, Priority::Low).as_deref(), Some("u=6"));
    }
}
