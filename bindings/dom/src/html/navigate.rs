//! <https://html.spec.whatwg.org/#navigate>

use std::sync::Arc;

use longhaul::fetch::{
    Body, CacheMode, CredentialsMode, Destination, FetchOptions, Mode, NavigationType, NetworkError,
    PolicyDecision, Referrer, ReferrerPolicy, Request, RequestOrigin, check_frame_response,
    determine_referrer,
};
use longhaul_idl::runtime::{Dictionary, Realm, TaskSource, Value};
use tokio::sync::oneshot;
use url::Url;

use super::browsing_context::BrowsingContext;
use super::loaded_document::LoadedDocument;
use super::navigation_fetch::{NavigationResponse, fetch_for_navigation};
use super::new_document::{Goal, client_id, commit, environment};
use super::session_history::Entry;
use super::{WindowGlobal, csp_violation, javascript_url};
use crate::resource_timing::{NavigationTiming, ResourceTiming};

/// How a navigation goes.
pub(super) struct Navigation {
    /// Who asks.
    pub(super) source: Option<Arc<WindowGlobal>>,
    pub(super) referrer_policy: Option<ReferrerPolicy>,
    pub(super) no_referrer: bool,
    pub(super) initiator_type: Option<&'static str>,
    pub(super) srcdoc: Option<String>,
    /// A form's body, and its type.
    pub(super) body: Option<Arc<(Vec<u8>, String)>>,
    /// Whether a form is sent.
    pub(super) form: bool,
    pub(super) reload: bool,
    pub(super) handling: Handling,
    pub(super) user_activation: bool,
    /// Told of the window that is there afterwards.
    pub(super) committed: Option<oneshot::Sender<Arc<WindowGlobal>>>,
}

/// <https://html.spec.whatwg.org/#history-handling-behavior>, and going to an entry that is there.
#[derive(Clone)]
pub(super) enum Handling {
    Auto,
    Push,
    Replace,
    Traverse(Arc<Entry>),
}

impl Navigation {
    pub(super) fn from_window(window: &Arc<WindowGlobal>) -> Self {
        Self {
            source: Some(Arc::clone(window)),
            referrer_policy: None,
            no_referrer: false,
            initiator_type: None,
            srcdoc: None,
            body: None,
            form: false,
            reload: false,
            handling: Handling::Auto,
            user_activation: false,
            committed: None,
        }
    }
}

/// <https://html.spec.whatwg.org/#allowed-to-navigate>, where the one who asks is sandboxed.
fn may_navigate(source: &Arc<WindowGlobal>, target: &Arc<BrowsingContext>) -> bool {
    let own = source.context();
    if Arc::ptr_eq(&own, target) {
        return true;
    }
    let mut above = target.parent();
    while let Some(context) = above {
        // Whatever is inside of it.
        if Arc::ptr_eq(&context, &own) {
            return true;
        }
        above = context.parent();
    }
    let sandbox = source.sandbox();
    match target.parent() {
        None if own.top().is_some_and(|top| Arc::ptr_eq(&top, target)) => !sandbox.no_top_navigation,
        None if target.opener().is_some_and(|opener| Arc::ptr_eq(&opener, &own)) => true,
        _ => !sandbox.no_navigation,
    }
}

/// Whether an entry takes the place of the one that is shown.
fn replaces(navigation: &Navigation, active: &Arc<WindowGlobal>, url: &Url) -> bool {
    match &navigation.handling {
        Handling::Replace => true,
        _ if navigation.reload || active.is_initial() => true,
        Handling::Push | Handling::Traverse(_) => false,
        // The same URL again is no further place.
        Handling::Auto => {
            let of_source = navigation.source.as_ref().map(|source| source.environment().origin.clone());
            active.url() == *url && of_source.is_some_and(|origin| origin == active.environment().origin)
        }
    }
}

/// <https://html.spec.whatwg.org/#navigate>
pub(super) fn navigate(
    realm: &dyn Realm,
    context: &Arc<BrowsingContext>,
    url: Url,
    mut navigation: Navigation,
) {
    let Some(active) = context.active() else { return };
    let source = navigation.source.clone();
    if source.as_ref().is_some_and(|source| !may_navigate(source, context)) {
        context.release_container(realm);
        return;
    }
    navigation.user_activation |= source.as_ref().is_some_and(|source| source.has_transient_activation());
    let replace = replaces(&navigation, &active, &url);
    // A place in the same document.
    if navigation.body.is_none()
        && navigation.srcdoc.is_none()
        && !navigation.reload
        && url.fragment().is_some()
        && without_fragment(&active.url()) == without_fragment(&url)
        && !matches!(navigation.handling, Handling::Traverse(_))
    {
        to_fragment(&active, &url, replace);
        context.release_container(realm);
        return;
    }
    if url.scheme() == "javascript" {
        // A form may not run what it may not be sent to.
        if navigation.form
            && let Some(source) = &source
        {
            let mut request = Request::new(url.clone());
            request.client = Some(Arc::clone(source.environment()));
            request.destination = Destination::Document;
            request.navigation_type = NavigationType::FormSubmission;
            let policy = source.scope();
            let policy = policy.user_agent().services().policy();
            if csp_violation::told(realm, None, || policy.should_block_request(&request))
                != PolicyDecision::Allowed
            {
                context.release_container(realm);
                return;
            }
        }
        javascript_url::navigate(realm, context, &url, source.as_ref());
        return;
    }
    let number = context.begin_navigation();
    // Its container may hand it some of what may be put off.
    let container = context.parent().and_then(|parent| parent.active());
    if let (Some(container), Some(source)) = (&container, &source)
        && Arc::ptr_eq(container, source)
    {
        context.reserve_deferred_fetch_quota(&match url.scheme() {
            "about" => container.scope().settings().origin.clone(),
            _ => url.origin(),
        });
    }
    // What is gone back to has its policies from who made it, and not from who goes there.
    let creator = match &navigation.handling {
        Handling::Traverse(entry) => entry.place().creator,
        _ => None,
    };
    let creator = creator.or_else(|| source.as_ref().map(|window| Arc::clone(window.scope().settings())));
    // The realm in whose tasks this goes on: the container's, or its own.
    let (agent, id) = match context.frame().and_then(|frame| super::elements::window_of(&frame)) {
        Some(window) => (window.agent(), window.realm_id()),
        None => (active.agent(), active.realm_id()),
    };
    let Some(agent) = agent.or_else(|| Some(Arc::clone(realm.agent()))) else { return };
    let fallback_base = source.as_ref().and_then(|window| {
        let document = window.document_node();
        document.document_data().map(|data| data.base_url(&document))
    });
    let kind = match (&navigation.handling, navigation.reload) {
        (Handling::Traverse(_), _) => "back_forward",
        (_, true) => "reload",
        _ => "navigate",
    };
    let handling = match navigation.handling.clone() {
        Handling::Traverse(entry) => Handling::Traverse(entry),
        _ if replace => Handling::Replace,
        _ => Handling::Push,
    };
    // What comes in the place of an initial document of its own origin is the same client.
    let environment_id = match active.is_initial() && url.origin() == active.environment().origin {
        true => active.environment().id.clone(),
        false => client_id(),
    };
    let mut goal = Goal {
        context: Arc::clone(context),
        number,
        creator: creator.clone(),
        environment_id,
        fallback_base,
        handling,
        srcdoc: navigation.srcdoc.clone(),
        body: None,
        committed: navigation.committed.take(),
        timing: None,
        kind,
        begun: active.scope().user_agent().clock().monotonic(),
    };
    if url.scheme() == "about" {
        let mut loaded = LoadedDocument::of_text(url, navigation.srcdoc.take().unwrap_or_default());
        loaded.referrer =
            creator.as_ref().map(|creator| creator.creation_url.to_string()).unwrap_or_default();
        let finish = move |realm: &dyn Realm| commit(realm, goal, Some(loaded));
        agent.queue_task(TaskSource::Navigation, id, Box::new(finish));
        return;
    }
    // What got the entry's document gets it again.
    let again = match &navigation.handling {
        Handling::Traverse(entry) => entry.place().body,
        _ if navigation.reload => context.entry().place().body,
        _ => None,
    };
    if let Some(again) = again {
        navigation.body = Some(again);
    }
    goal.body.clone_from(&navigation.body);
    let mut request = request(context, &active, &goal, url.clone(), navigation);
    let user_agent = active.scope().user_agent().clone();
    let mut options = FetchOptions::default();
    // The frame's place in the timeline is its container's; a page's own is in its own.
    let of_container = context.frame().and_then(|frame| super::elements::window_of(&frame));
    let timing = match (&of_container, &request.initiator_type) {
        (Some(window), Some(initiator)) if matches!(url.scheme(), "http" | "https") => {
            Some(ResourceTiming::in_realm(Arc::clone(&agent), window.realm_id(), &url, initiator.clone()))
        }
        _ => None,
    };
    goal.timing =
        matches!(url.scheme(), "http" | "https").then(|| NavigationTiming::new(Arc::clone(&agent), &url));
    let ends = (timing.clone(), goal.timing.clone());
    options.process_response_end_of_body = Some(Box::new(move |at_end| {
        if let Some(timing) = &ends.0 {
            timing.end(at_end);
        }
        if let Some(timing) = &ends.1 {
            timing.end(at_end);
        }
    }));
    let heads = (timing, goal.timing.clone());
    let asked = request.clone();
    let container = container.map(|container| Arc::clone(container.environment()));
    let spawner = Arc::clone(&agent);
    spawner.spawn(Box::pin(async move {
        let reserve = |url: &Url| {
            let unknown = LoadedDocument::of_text(url.clone(), String::new());
            environment(&goal.context, &unknown, goal.creator.as_deref(), client_id()).into_shared()
        };
        let fetched = fetch_for_navigation(&user_agent, request, options, reserve).await;
        let NavigationResponse { response, url, client_id } = fetched;
        goal.environment_id = client_id;
        if response.unfiltered().url_list.len() > 1 {
            // NOTE: what came in the end was not sent for.
            goal.body = None;
        }
        if let Some(timing) = &heads.0 {
            timing.head(&response);
        }
        if let Some(timing) = &heads.1 {
            timing.head(&response);
        }
        // DEVIATION: where a form may not go its document stays, as in browsers; the standard puts an error page in its place.
        let is_refused_form = asked.navigation_type == NavigationType::FormSubmission
            && matches!(response.reason(), Some(NetworkError::Csp { .. }));
        let nothing = is_refused_form || matches!(response.unfiltered().status, 204 | 205);
        // A document around it may ask something of what it embeds.
        let may_be_embedded = container.is_none_or(|container| {
            check_frame_response(&container, asked.destination, &response, user_agent.services()).is_ok()
        });
        let loaded = match response.is_network_error() || !may_be_embedded {
            true => None,
            false => LoadedDocument::from_response(response, &url).await.ok(),
        };
        let loaded = loaded.map(|mut loaded| {
            loaded.referrer = referrer(asked, &loaded.url);
            loaded
        });
        let finish = move |realm: &dyn Realm| match nothing {
            true if goal.context.is_current(goal.number) => goal.context.release_container(realm),
            true => {}
            false => commit(realm, goal, loaded),
        };
        agent.queue_task(TaskSource::Navigation, id, Box::new(finish));
    }));
}

/// <https://html.spec.whatwg.org/#create-navigation-params-by-fetching>: the request.
fn request(
    context: &Arc<BrowsingContext>,
    active: &Arc<WindowGlobal>,
    goal: &Goal,
    url: Url,
    navigation: Navigation,
) -> Request {
    let mut request = Request::new(url.clone());
    request.mode = Mode::Navigate;
    request.credentials_mode = CredentialsMode::Include;
    request.use_url_credentials = true;
    request.user_activation = navigation.user_activation;
    request.reload_navigation = navigation.reload;
    if navigation.form {
        request.navigation_type = NavigationType::FormSubmission;
    }
    request.history_navigation = matches!(navigation.handling, Handling::Traverse(_));
    // NOTE: as in all browsers, whose standard leaves it open: a reload asks the server.
    if navigation.reload {
        request.cache_mode = CacheMode::NoCache;
    }
    request.initiator_type = navigation.initiator_type.map(str::to_owned);
    request.destination = match context.frame() {
        Some(frame) if frame.is_html("frame") => Destination::Frame,
        Some(_) => Destination::Iframe,
        None => Destination::Document,
    };
    if let Some(creator) = &goal.creator {
        request.origin = RequestOrigin::Origin(creator.origin.clone());
        request.top_level_navigation_initiator_origin =
            context.frame().is_none().then(|| creator.origin.clone());
    }
    request.client = goal.creator.clone();
    if navigation.no_referrer {
        request.referrer = Referrer::NoReferrer;
    }
    if let Some(policy) = navigation.referrer_policy {
        request.referrer_policy = policy;
    }
    if let Some(sent) = navigation.body {
        let (body, content_type) = &*sent;
        request.method = longhaul::fetch::Method::POST;
        request.header_list.append("Content-Type", content_type.as_str());
        request.body = Some(Body::from_bytes(body.clone()));
    }
    let unknown = LoadedDocument::of_text(url, String::new());
    let reserved = environment(context, &unknown, goal.creator.as_deref(), goal.environment_id.clone());
    request.reserved_client = Some(reserved.into_shared());
    request.replaces_client_id = active.scope().settings().id.clone();
    request
}

/// `document.referrer`: what the last request said of where it came from.
fn referrer(mut asked: Request, answered: &Url) -> String {
    if asked.referrer_policy == ReferrerPolicy::Empty {
        let of_client = asked.client.as_ref().map(|client| client.policy_container.referrer_policy);
        asked.referrer_policy = of_client.unwrap_or_default();
    }
    if asked.referrer_policy == ReferrerPolicy::Empty {
        asked.referrer_policy = ReferrerPolicy::DEFAULT;
    }
    asked.url_list.push(answered.clone());
    match asked.referrer {
        Referrer::NoReferrer => String::new(),
        _ => match determine_referrer(&asked) {
            Referrer::Url(url) => url.into(),
            _ => String::new(),
        },
    }
}

pub(super) fn without_fragment(url: &Url) -> Url {
    let mut url = url.clone();
    url.set_fragment(None);
    url
}

/// <https://html.spec.whatwg.org/#navigate-fragid>
fn to_fragment(window: &Arc<WindowGlobal>, url: &Url, replace: bool) {
    let document = window.document_node();
    let Some(data) = document.document_data() else { return };
    let old = data.url();
    window.history_entry(url, None, replace);
    data.set_url(url.clone());
    window.url_changed(url);
    let (Some(agent), old, new) = (window.agent(), old.to_string(), url.to_string()) else { return };
    if old == new {
        return;
    }
    let fire = move |realm: &dyn Realm| {
        let init = Dictionary::new().with("oldURL", old).with("newURL", new);
        let args = vec![
            Value::Object(realm.global()),
            Value::String("hashchange".into()),
            Value::String("HashChangeEvent".into()),
            Value::Dictionary(init),
        ];
        if let Err(exception) = realm.core("fireEvent", args) {
            realm.report_exception(exception);
        }
    };
    agent.queue_task(TaskSource::Dom, window.realm_id(), Box::new(fire));
}
