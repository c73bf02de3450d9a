//! <https://w3c.github.io/webappsec-csp/#report-violation>: the event, and the request of `report-uri`.

use std::cell::RefCell;
use std::sync::{Arc, Weak};

use longhaul::fetch::{
    Body, CredentialsMode, CspDisposition, CspViolation, Destination, FetchOptions, Method, PolicyDecision,
    RedirectMode, Report, Request, RequestOrigin, Services, strip_url_for_use_in_reports,
};
use longhaul_idl::runtime::{AgentHandle, Dictionary, Exception, Realm, RealmId, TaskSource, Value};
use serde_json::json;
use url::Url;

use super::WindowGlobal;
use super::content_security_policy::words;
use crate::dom::node::{Node, NodeRef, object};

/// A violation, and whom to tell.
struct Seen {
    agent: Arc<dyn AgentHandle>,
    realm: RealmId,
    violation: CspViolation,
}

thread_local! {
    /// What a policy that is being asked on this thread has found; nothing while none is asked.
    static FOUND: RefCell<Option<Vec<Seen>>> = const { RefCell::new(None) };
}

/// Where the script stands that runs.
///
/// <https://w3c.github.io/webappsec-csp/#violation-source-file>
#[derive(Clone, Default)]
struct Place {
    file: String,
    line: u32,
    column: u32,
}

/// Tells the realm's global of the violations of an environment's policies, in tasks.
pub(super) fn observe(realm: &dyn Realm, services: &Services, environment_id: &str) {
    let (agent, id) = (Arc::downgrade(realm.agent()), realm.id());
    let observer = move |report: &Report| {
        let (Report::ContentSecurityPolicy(violation), Some(agent)) = (report, agent.upgrade()) else {
            return;
        };
        let seen = Seen { agent, realm: id, violation: violation.clone() };
        let later = FOUND.with_borrow_mut(|found| match found {
            Some(found) => {
                found.push(seen);
                None
            }
            None => Some(seen),
        });
        if let Some(seen) = later {
            queue(seen, Weak::new(), Place::default());
        }
    };
    services.observe_reports(environment_id, Arc::new(observer));
}

/// Asks a policy; what it violates is told of the element and of the script that runs.
pub(super) fn told(
    realm: &dyn Realm,
    element: Option<&NodeRef>,
    ask: impl FnOnce() -> PolicyDecision,
) -> PolicyDecision {
    FOUND.set(Some(Vec::new()));
    let decision = ask();
    let found = FOUND.take().unwrap_or_default();
    if !found.is_empty() {
        let place = place(realm);
        for seen in found {
            queue(seen, element.map(Arc::downgrade).unwrap_or_default(), place.clone());
        }
    }
    decision
}

/// Where the script is that runs, if one does.
fn place(realm: &dyn Realm) -> Place {
    let Ok(Value::String(place)) = realm.core("scriptPlace", Vec::new()) else { return Place::default() };
    let mut parts = place.splitn(3, ':');
    let (line, column) = (parts.next().map(str::parse), parts.next().map(str::parse));
    match (line, column, parts.next()) {
        (Some(Ok(line)), Some(Ok(column)), Some(file)) => Place { file: file.to_owned(), line, column },
        _ => Place::default(),
    }
}

/// Step 3.
fn queue(seen: Seen, element: Weak<Node>, place: Place) {
    let Seen { agent, realm, violation } = seen;
    let report = move |realm: &dyn Realm| {
        if let Err(exception) = report(realm, &violation, &element, &place) {
            realm.report_exception(exception);
        }
    };
    agent.queue_task(TaskSource::Dom, realm, Box::new(report));
}

fn stripped(text: &str) -> String {
    Url::parse(text).map_or_else(|_| text.to_owned(), |url| strip_url_for_use_in_reports(&url))
}

/// Steps 3.1.–3.4.
fn report(
    realm: &dyn Realm,
    violation: &CspViolation,
    element: &Weak<Node>,
    place: &Place,
) -> Result<(), Exception> {
    let global = realm.global();
    let window = global.downcast::<WindowGlobal>();
    let (target, referrer, url, status) = match &window {
        // 3.1.–3.2. At the element as long as it is in the document, else at the document.
        Some(window) => {
            let document = window.document_node();
            let referrer = longhaul_idl::DocumentMethods::referrer(&document, realm)?;
            let element = element.upgrade().filter(|element| Arc::ptr_eq(&element.root(), &document));
            (object(element.unwrap_or(document)), referrer, Some(window.url()), window.status())
        }
        None => (global, String::new(), violation.document_url.clone(), 0),
    };
    let document_uri = url.as_ref().map(strip_url_for_use_in_reports).unwrap_or_default();
    let (referrer, file) = (stripped(&referrer), stripped(&place.file));
    let disposition = match violation.disposition {
        CspDisposition::Enforce => "enforce",
        CspDisposition::Report => "report",
    };
    // 3.3. The event.
    let init = Dictionary::new()
        .with("bubbles", true)
        .with("composed", true)
        .with("documentURI", document_uri.as_str())
        .with("referrer", referrer.as_str())
        .with("blockedURI", violation.blocked_uri())
        .with("effectiveDirective", violation.effective_directive.as_str())
        .with("violatedDirective", violation.effective_directive.as_str())
        .with("originalPolicy", violation.original_policy.as_str())
        .with("sourceFile", file.as_str())
        .with("sample", violation.sample.as_str())
        .with("disposition", disposition)
        .with("statusCode", f64::from(status))
        .with("lineNumber", f64::from(place.line))
        .with("columnNumber", f64::from(place.column));
    let args = vec![
        Value::Object(target),
        Value::String("securitypolicyviolation".into()),
        Value::String("SecurityPolicyViolationEvent".into()),
        Value::Dictionary(init),
    ];
    realm.core("fireEvent", args)?;
    // 3.4. The request, where the policy says no newer way.
    let Some(url) = url else { return Ok(()) };
    if words(&violation.original_policy).any(|(name, _)| name.eq_ignore_ascii_case("report-to")) {
        return Ok(());
    }
    // <https://w3c.github.io/webappsec-csp/#deprecated-serialize-violation>
    let mut body = json!({
        "document-uri": document_uri,
        "referrer": referrer,
        "blocked-uri": violation.blocked_uri(),
        "effective-directive": violation.effective_directive,
        "violated-directive": violation.effective_directive,
        "original-policy": violation.original_policy,
        "disposition": disposition,
        "status-code": status,
        "script-sample": violation.sample,
    });
    if !file.is_empty() {
        body["source-file"] = file.into();
        body["line-number"] = place.line.into();
        body["column-number"] = place.column.into();
    }
    let body = json!({ "csp-report": body }).to_string();
    for (name, endpoints) in words(&violation.original_policy) {
        if name.eq_ignore_ascii_case("report-uri") {
            for endpoint in endpoints.filter_map(|endpoint| url.join(endpoint).ok()) {
                send(realm, endpoint, &body)?;
            }
        }
    }
    Ok(())
}

/// Step 3.4.2.: nobody waits for the answer.
fn send(realm: &dyn Realm, endpoint: Url, body: &str) -> Result<(), Exception> {
    let scope = crate::global_scope(realm)?;
    let client = Arc::clone(scope.settings());
    let mut request = Request::new(endpoint);
    request.method = Method::POST;
    request.origin = RequestOrigin::Origin(client.origin.clone());
    request.client = Some(client);
    request.destination = Destination::Report;
    request.credentials_mode = CredentialsMode::SameOrigin;
    request.keepalive = true;
    request.header_list.append("Content-Type", "application/csp-report");
    request.body = Some(Body::from_bytes(body.as_bytes().to_vec()));
    request.redirect_mode = RedirectMode::Error;
    let sending = scope.user_agent().fetch(request, FetchOptions::default());
    realm.agent().spawn(Box::pin(async move {
        drop(sending.await);
    }));
    Ok(())
}
