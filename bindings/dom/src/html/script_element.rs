//! <https://html.spec.whatwg.org/#the-script-element>

use std::sync::{Arc, Mutex, Weak};

use longhaul::fetch::{
    CredentialsMode, Destination, InlineContent, ParserMetadata, Priority, is_javascript_mime_type_essence,
};
use longhaul_idl::runtime::{DomString, Exception, ObjectRef, Realm, TaskSource};
use longhaul_idl::{HTMLScriptElementMethods, HTMLScriptElementStatics};

use super::element_fetch::{ScriptText, TextKind};
use super::import_map::{ImportMap, ImportMapError};
use super::module_map::{GraphOptions, ScriptOptions};
use super::{ElementState, content_security_policy, element_fetch, loading, parser};
use crate::dom::TokenList;
use crate::dom::node::{Node, NodeRef, lock};

/// What a script element keeps.
#[derive(Default)]
pub(crate) struct ScriptState(Mutex<State>);

#[derive(Default)]
struct State {
    /// The document of the parser that made it, until it is prepared.
    parser: Option<Weak<Node>>,
    /// Whether a parser inserted it.
    parser_inserted: bool,
    not_force_async: bool,
    already_started: bool,
    line: u64,
    /// Whether an attribute was written twice.
    duplicates: bool,
    prepared_in: Weak<Node>,
    module: bool,
    from_external: bool,
    /// The text, or the failure to get it, once it is there.
    result: Option<Result<ScriptText, ()>>,
}

/// Classic, module, or something for others.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Classic,
    Module,
    ImportMap,
}

/// What a script that the parser has come to means for it.
pub(super) enum Outcome {
    Nothing,
    Ran,
    Blocks,
}

fn state(element: &Node) -> Option<&Mutex<State>> {
    match &element.element()?.state {
        ElementState::Script(state) => Some(&state.0),
        _ => None,
    }
}

/// A parser has made the element; one that runs nothing marks it.
pub(super) fn made_by_parser(element: &NodeRef, inert: bool, line: u64) {
    let Some(state) = state(element) else { return };
    let mut state = lock(state);
    if inert {
        // <https://html.spec.whatwg.org/#scriptTagParserResumes>: fragments' scripts do not run.
        state.already_started = true;
    } else {
        state.parser = element.document().map(|document| Arc::downgrade(&document));
        state.parser_inserted = true;
    }
    state.not_force_async = true;
    state.line = line;
}

/// A parser has dropped attributes of it.
pub(super) fn had_duplicates(element: &NodeRef) {
    if let Some(state) = state(element) {
        lock(state).duplicates = true;
    }
}

/// <https://w3c.github.io/webappsec-csp/#is-element-nonceable>
fn is_nonceable(element: &NodeRef) -> bool {
    !state(element).is_some_and(|state| lock(state).duplicates)
        && content_security_policy::is_nonceable(element)
}

pub(super) fn already_started(element: &NodeRef) {
    if let Some(state) = state(element) {
        lock(state).already_started = true;
    }
}

/// It may run yet, whoever made it.
pub(crate) fn not_started(element: &NodeRef) {
    if let Some(state) = state(element) {
        let mut state = lock(state);
        state.already_started = false;
        state.parser_inserted = false;
    }
}

/// <https://html.spec.whatwg.org/#script-processing-model>, the cloning steps.
pub(super) fn cloned(from: &NodeRef, to: &NodeRef) {
    if state(from).is_some_and(|state| lock(state).already_started) {
        already_started(to);
    }
}

/// `async` counts once it has been set.
pub(super) fn async_was_set(element: &NodeRef) {
    if let Some(state) = state(element) {
        lock(state).not_force_async = true;
    }
}

fn kind(element: &NodeRef) -> Option<Kind> {
    let text = match (element.attr("type"), element.attr("language")) {
        (Some(kind), _) if kind.is_empty() => "text/javascript".to_owned(),
        (Some(kind), _) => kind.trim_matches(['\t', '\n', '\x0c', '\r', ' ']).to_owned(),
        (None, Some(language)) if !language.is_empty() => format!("text/{language}"),
        (None, _) => "text/javascript".to_owned(),
    };
    if is_javascript_mime_type_essence(&text) {
        Some(Kind::Classic)
    } else if text.eq_ignore_ascii_case("module") {
        Some(Kind::Module)
    } else if text.eq_ignore_ascii_case("importmap") {
        Some(Kind::ImportMap)
    } else {
        // FIXME: speculation rules.
        None
    }
}

/// The parser has come to the end of a script element.
pub(super) fn ended_by_parser(realm: &dyn Realm, element: &NodeRef) -> Outcome {
    if !element.is_html("script") {
        return Outcome::Nothing;
    }
    prepare(realm, element)
}

/// It has been put into a document, or its text or `src` has changed, by a script.
pub(super) fn changed_by_script(realm: &dyn Realm, element: &NodeRef) {
    let Some(state) = state(element) else { return };
    let waits = {
        let state = lock(state);
        state.parser_inserted && state.parser.is_some() || state.already_started
    };
    if !waits {
        prepare(realm, element);
    }
}

/// <https://html.spec.whatwg.org/#prepare-the-script-element>
fn prepare(realm: &dyn Realm, element: &NodeRef) -> Outcome {
    let Some(held) = state(element) else { return Outcome::Nothing };
    let has = |name| element.has_attr(name);
    // 1.–4. Once only; the parser's mark is taken away for the time being.
    let by_parser = {
        let mut state = lock(held);
        if state.already_started {
            return Outcome::Nothing;
        }
        let by_parser = state.parser.take().is_some() && state.parser_inserted;
        state.parser_inserted = false;
        if by_parser && !has("async") {
            state.not_force_async = false;
        }
        by_parser
    };
    // 5.–7. Something to run, in a document.
    let source_text = element.child_text();
    if !has("src") && source_text.is_empty() || !element.is_connected_node() {
        return Outcome::Nothing;
    }
    // 8.–12. Its type.
    let Some(kind) = kind(element) else { return Outcome::Nothing };
    let Some(document) = element.document() else { return Outcome::Nothing };
    // 13.–17. It is started from here on.
    {
        let mut state = lock(held);
        if by_parser {
            state.parser_inserted = true;
            state.not_force_async = true;
        }
        state.already_started = true;
        state.prepared_in = Arc::downgrade(&document);
        state.module = kind == Kind::Module;
    }
    // 18. Scripts run where there is a browsing context that lets them.
    let Some(window) = document.document_data().and_then(|data| data.window()) else {
        return Outcome::Nothing;
    };
    if !window.allows_scripts() {
        return Outcome::Nothing;
    }
    // 19. `nomodule` is for those who know no modules.
    if kind == Kind::Classic && has("nomodule") {
        return Outcome::Nothing;
    }
    // 20. Inline scripts that a policy refuses.
    let nonce = element.nonce_slot().filter(|_| is_nonceable(element));
    let inline = InlineContent::Script { nonce: nonce.as_deref(), parser_inserted: by_parser };
    if !has("src")
        && !content_security_policy::allows_inline(realm, &window, Some(element), inline, &source_text)
    {
        return Outcome::Nothing;
    }
    // 21. The old `for` and `event` pair, other than for the window's load.
    if let (Kind::Classic, Some(target), Some(event)) = (kind, element.attr("for"), element.attr("event")) {
        let event = event.trim();
        if !target.trim().eq_ignore_ascii_case("window")
            || !(event.eq_ignore_ascii_case("onload") || event.eq_ignore_ascii_case("onload()"))
        {
            return Outcome::Nothing;
        }
    }
    let force_async = !lock(held).not_force_async;
    // 29., 32. An import map counts at once, and comes from nowhere else.
    if kind == Kind::ImportMap {
        match has("src") {
            true => element_fetch::fire_later(realm, element, "error"),
            false => register_import_map(realm, &window, &source_text),
        }
        return Outcome::Nothing;
    }
    // 31. From elsewhere.
    if has("src") {
        let source = element.attr("src").unwrap_or_default();
        let url = match document.document_data() {
            Some(data) if !source.is_empty() => data.parse_url(&document, &source),
            _ => None,
        };
        let Some(url) = url else {
            failed(element, &format!("“{source}” is no URL"));
            element_fetch::fire_later(realm, element, "error");
            return Outcome::Nothing;
        };
        lock(held).from_external = true;
        let mut request = element_fetch::potential_cors_request(
            &window,
            element,
            url,
            Destination::Script,
            kind == Kind::Module,
        );
        request.initiator_type = Some("script".to_owned());
        if !is_nonceable(element) {
            request.cryptographic_nonce_metadata.clear();
        }
        request.parser_metadata =
            if by_parser { ParserMetadata::ParserInserted } else { ParserMetadata::NotParserInserted };
        match element.attr("integrity") {
            Some(integrity) => request.integrity_metadata = integrity,
            None if kind == Kind::Module => {
                request.integrity_metadata = window.modules().integrity_of(request.current_url());
            }
            None => {}
        }
        let deferred = by_parser && (has("defer") || kind == Kind::Module) && !has("async");
        if has("async") || force_async || deferred {
            request.priority = match request.priority {
                Priority::Auto => Priority::Auto,
                other => other,
            };
        }
        let charset = element.attr("charset");
        fetch(realm, &window, element, request, kind, charset);
    }
    // 33.–36. When it runs.
    let is_async = (has("src") || kind == Kind::Module) && (has("async") || force_async);
    if !has("src") {
        let text = match usize::try_from(lock(held).line.saturating_sub(1)).unwrap_or_default() {
            // The lines that the engine counts are those of the document.
            lines if by_parser => "\n".repeat(lines) + &source_text,
            _ => source_text,
        };
        let base =
            document.document_data().map(|data| data.base_url(&document).to_string()).unwrap_or_default();
        let file = match kind {
            Kind::Module => base,
            Kind::Classic | Kind::ImportMap => {
                document.document_data().map(|data| data.url().to_string()).unwrap_or_default()
            }
        };
        let script = ScriptText::plain(text, &file);
        let options = inline_options(element, by_parser);
        window.modules().remember_script(&file, options.clone());
        if kind == Kind::Classic {
            lock(held).result = Some(Ok(script));
            execute(realm, element);
            return Outcome::Ran;
        }
        fetch_imports(realm, &window, element, script, options);
    }
    let data = document.document_data();
    let Some(data) = data else { return Outcome::Nothing };
    if is_async {
        loading::block(&document);
        if is_ready(element) {
            run_later(realm, element);
        }
    } else if !by_parser && (has("src") || kind == Kind::Module) {
        lock(&data.loading).in_order.push_back(Arc::clone(element));
        if is_ready(element) {
            run_in_order_later(realm, &document);
        }
    } else if has("defer") || kind == Kind::Module {
        lock(&data.loading).deferred.push_back(Arc::clone(element));
    } else {
        lock(&data.loading).blocking = Some(Arc::clone(element));
        return Outcome::Blocks;
    }
    Outcome::Nothing
}

fn fetch(
    realm: &dyn Realm,
    window: &super::WindowGlobal,
    element: &NodeRef,
    request: longhaul::fetch::Request,
    kind: Kind,
    charset: Option<String>,
) {
    let user_agent = window.scope().user_agent().clone();
    let url = request.current_url().clone();
    let (agent, id) = (Arc::clone(realm.agent()), realm.id());
    let node = Arc::clone(element);
    let of_document =
        element.document().and_then(|document| document.document_data().map(|data| data.encoding()));
    let fallback =
        charset.and_then(|label| encoding_rs::Encoding::for_label(label.as_bytes())).or(of_document);
    let timed = element_fetch::timed(realm, &request);
    let modules = window.modules();
    let client = Arc::clone(window.scope().settings());
    realm.agent().spawn(Box::pin(async move {
        let loaded = match kind {
            Kind::Module => {
                let graph = GraphOptions { client, destination: Destination::Script };
                // NOTE: the engine knows a module by the address that was asked for, and has its text from the map.
                let asked = ScriptText::plain(String::new(), request.current_url().as_str());
                modules.load_graph(graph, request, timed).await.map(|()| asked)
            }
            Kind::Classic | Kind::ImportMap => {
                let options = ScriptOptions::of(&request);
                let loaded =
                    element_fetch::load_text(&user_agent, request, timed, TextKind::Classic, fallback).await;
                if let Ok(script) = &loaded {
                    modules.remember_script(&script.url, options);
                }
                loaded
            }
        };
        let come = move |realm: &dyn Realm| {
            let told = loaded.map_err(|reason| failed(&node, &format!("{url}: {reason}")));
            come(realm, &node, told);
        };
        agent.queue_task(TaskSource::Networking, id, Box::new(come));
    }));
}

/// <https://html.spec.whatwg.org/#prepare-the-script-element>, step 29, of a script without an address.
fn inline_options(element: &NodeRef, by_parser: bool) -> ScriptOptions {
    let credentials = match element.attr("crossorigin") {
        Some(value) if value.eq_ignore_ascii_case("use-credentials") => CredentialsMode::Include,
        _ => CredentialsMode::SameOrigin,
    };
    ScriptOptions {
        nonce: element.nonce_slot().unwrap_or_default().into(),
        credentials,
        referrer_policy: super::elements::referrer_policy_of(element).unwrap_or_default(),
        parser_metadata: match by_parser {
            true => ParserMetadata::ParserInserted,
            false => ParserMetadata::NotParserInserted,
        },
    }
}

/// <https://html.spec.whatwg.org/#fetch-an-inline-module-script-graph>, past its own text.
fn fetch_imports(
    realm: &dyn Realm,
    window: &super::WindowGlobal,
    element: &NodeRef,
    script: ScriptText,
    options: ScriptOptions,
) {
    let client = Arc::clone(window.scope().settings());
    let base = url::Url::parse(&script.url).unwrap_or_else(|_| client.api_base_url.clone());
    let graph = GraphOptions { client, destination: Destination::Script };
    let Some(loading) = window.modules().load_inline(graph, options, &base, &script.text) else {
        if let Some(state) = state(element) {
            lock(state).result = Some(Ok(script));
        }
        return;
    };
    let node = Arc::clone(element);
    let (agent, id) = (Arc::clone(realm.agent()), realm.id());
    realm.agent().spawn(Box::pin(async move {
        let loaded = loading.await;
        let come = move |realm: &dyn Realm| {
            let told = loaded.map(|()| script).map_err(|reason| failed(&node, &reason));
            come(realm, &node, told);
        };
        agent.queue_task(TaskSource::Networking, id, Box::new(come));
    }));
}

/// <https://html.spec.whatwg.org/#register-an-import-map>
fn register_import_map(realm: &dyn Realm, window: &super::WindowGlobal, text: &str) {
    let base = window.environment().api_base_url.clone();
    match ImportMap::parse(text, &base) {
        Ok(map) => window.modules().add_import_map(map),
        Err(ImportMapError::Syntax(reason)) => realm.report_exception(Exception::SyntaxError(reason)),
        Err(ImportMapError::Shape(reason)) => realm.report_exception(Exception::type_error(reason)),
    }
}

/// Says which script runs; once its task and what follows it are over, it is the page itself again.
fn begins(realm: &dyn Realm, document: &NodeRef, file: &str) {
    let Some(window) = document.document_data().and_then(|data| data.window()) else { return };
    let Some(maker) = window.context().maker.clone() else { return };
    maker.script_begins(window.realm_id(), file);
    let page = window.url().to_string();
    if file != page {
        // NOTE: what its promises were rejected with is told in a task that follows it.
        let over = move |realm: &dyn Realm| {
            let over = move |realm: &dyn Realm| maker.script_begins(realm.id(), &page);
            realm.agent().queue_task(TaskSource::Dom, realm.id(), Box::new(over));
        };
        realm.agent().queue_task(TaskSource::Dom, window.realm_id(), Box::new(over));
    }
}

/// Tells people of a script that did not come.
fn failed(element: &NodeRef, reason: &str) {
    let Some(window) = super::elements::window_of(element) else { return };
    if let Some(maker) = &window.context().maker {
        let line = state(element).map_or(0, |state| lock(state).line);
        maker.script_failed(format!("{}:{line}: {reason}", window.url()));
    }
}

pub(super) fn is_ready(element: &NodeRef) -> bool {
    state(element).is_some_and(|state| lock(state).result.is_some())
}

/// <https://html.spec.whatwg.org/#mark-as-ready>
fn come(realm: &dyn Realm, element: &NodeRef, result: Result<ScriptText, ()>) {
    let Some(held) = state(element) else { return };
    let document = {
        let mut state = lock(held);
        state.result = Some(result);
        state.prepared_in.upgrade()
    };
    let Some(document) = document else { return };
    let Some(data) = document.document_data() else { return };
    let is = |other: &NodeRef| Arc::ptr_eq(other, element);
    let (blocks, waits) = {
        let mut loading = lock(&data.loading);
        let blocks = loading.blocking.as_ref().is_some_and(is);
        if blocks {
            loading.blocking = None;
        }
        (blocks, loading.deferred.iter().any(is) || loading.in_order.iter().any(is))
    };
    if blocks {
        parser::at_insertion_point(&document, || execute(realm, element));
        parser::resume(realm, &document);
    } else if waits {
        run_in_order(realm, &document);
        loading::go_on_later(realm, &document);
    } else {
        execute(realm, element);
        loading::unblock(realm, &document);
    }
}

fn run_later(realm: &dyn Realm, element: &NodeRef) {
    let element = Arc::clone(element);
    let run = move |realm: &dyn Realm| {
        execute(realm, &element);
        if let Some(document) = state(&element).and_then(|state| lock(state).prepared_in.upgrade()) {
            loading::unblock(realm, &document);
        }
    };
    realm.agent().queue_task(TaskSource::Networking, realm.id(), Box::new(run));
}

fn run_in_order_later(realm: &dyn Realm, document: &NodeRef) {
    let document = Arc::clone(document);
    let run = move |realm: &dyn Realm| {
        run_in_order(realm, &document);
        loading::go_on_later(realm, &document);
    };
    realm.agent().queue_task(TaskSource::Networking, realm.id(), Box::new(run));
}

/// One of the scripts that run in order as soon as possible, if the first is ready; the next is a task of its own.
fn run_in_order(realm: &dyn Realm, document: &NodeRef) {
    let Some(data) = document.document_data() else { return };
    let script = {
        let mut loading = lock(&data.loading);
        match loading.in_order.front() {
            Some(script) if is_ready(script) => loading.in_order.pop_front(),
            _ => None,
        }
    };
    if let Some(script) = script {
        execute(realm, &script);
        run_in_order_later(realm, document);
    }
}

/// <https://html.spec.whatwg.org/#execute-the-script-element>
pub(super) fn execute(realm: &dyn Realm, element: &NodeRef) {
    let Some(held) = state(element) else { return };
    let (document, result, module, external) = {
        let mut state = lock(held);
        (state.prepared_in.upgrade(), state.result.take(), state.module, state.from_external)
    };
    // 1.–2. Still in the document that it was prepared for.
    let Some(document) = document else { return };
    if element.document().is_none_or(|now| !Arc::ptr_eq(&now, &document)) {
        return;
    }
    // 4. It did not come.
    let Some(Ok(script)) = result else {
        element_fetch::fire(realm, element, "error");
        return;
    };
    let Some(data) = document.document_data() else { return };
    begins(realm, &document, &script.url);
    let text = script.text.as_bytes();
    let run = || {
        let ran = if module {
            let before = lock(&data.current_script).take();
            let ran = match external {
                true => realm.import_module(&script.url),
                false => realm.run_module(text, &script.url),
            };
            *lock(&data.current_script) = before;
            // NOTE: a module that cannot be linked is told as an error of the window's; one that is not there at the element.
            ran
        } else {
            let before = lock(&data.current_script).replace(Arc::clone(element));
            let ran = realm.run_script(text, &script.url).map(drop);
            *lock(&data.current_script) = before;
            ran
        };
        if let Err(exception) = ran {
            realm.report_exception(exception);
        }
    };
    if script.muted {
        realm.with_muted_errors(&script.url, &mut { run });
    } else {
        run();
    }
    // 8. Loaded, once what the script has left to microtasks is done: nothing of it is on the stack.
    if external {
        realm.microtask_checkpoint();
        element_fetch::fire(realm, element, "load");
    }
}

impl HTMLScriptElementMethods for Node {
    fn async_(self: &Arc<Self>, _: &dyn Realm) -> Result<bool, Exception> {
        let forced = state(self).is_some_and(|state| !lock(state).not_force_async);
        Ok(forced || self.has_attr("async"))
    }

    fn set_async(self: &Arc<Self>, realm: &dyn Realm, value: bool) -> Result<(), Exception> {
        async_was_set(self);
        match value {
            true => self.set_attr(realm, "async", DomString::default()),
            false => self.remove_attr(realm, "async"),
        }
    }

    fn blocking(self: &Arc<Self>, _: &dyn Realm) -> Result<ObjectRef, Exception> {
        Ok(Arc::new(TokenList {
            element: Arc::clone(self),
            attribute: "blocking",
            supported: Some(&["render"]),
        }))
    }

    fn text(self: &Arc<Self>, _: &dyn Realm) -> Result<DomString, Exception> {
        Ok(self.child_text().into())
    }

    fn set_text(self: &Arc<Self>, realm: &dyn Realm, value: DomString) -> Result<(), Exception> {
        crate::dom::document::replace_text(realm, self, &value)
    }
}

impl HTMLScriptElementStatics for Node {
    fn supports(_: &dyn Realm, type_: DomString) -> Result<bool, Exception> {
        Ok(matches!(&*type_, "classic" | "module" | "importmap"))
    }
}
