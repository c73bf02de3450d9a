//! <https://html.spec.whatwg.org/#parsing>: html5ever, or the parser of XML, stopping where a script stands.
//!
//! A parser lives on its agent's thread, as the engine does; the document is found by its address.

use std::borrow::Cow;
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use html5ever::buffer_queue::BufferQueue;
use html5ever::interface::TokenizerResult;
use html5ever::tendril::StrTendril;
use html5ever::tokenizer::{Tokenizer, TokenizerOpts};
use html5ever::tree_builder::{ElementFlags, NodeOrText, QuirksMode, TreeBuilder, TreeBuilderOpts, TreeSink};
use html5ever::{Attribute, ExpandedName, QualName, ns};
use longhaul_idl::DocumentReadyState;
use longhaul_idl::runtime::{Exception, Realm, TaskSource, Value};

use super::xml_parser::{Advance, PageParser};
use super::{document, load_document, loading, script_element};
use crate::dom::element::create_element;
use crate::dom::mutation;
use crate::dom::node::{Node, NodeData, NodeRef, lock, object};

/// How long a parser goes on in one task, scripts included; then others have their turn.
const SLICE: Duration = Duration::from_secs(1);

/// How deep a parser nests elements; what would be deeper becomes a sibling, as elsewhere.
const DEPTH: u32 = 512;

thread_local! {
    static PARSERS: RefCell<HashMap<usize, Rc<Parser>>> = RefCell::default();
}

fn key(document: &NodeRef) -> usize {
    Arc::as_ptr(document).addr()
}

fn parser_of(document: &NodeRef) -> Option<Rc<Parser>> {
    PARSERS.with_borrow(|parsers| parsers.get(&key(document)).cloned())
}

/// Lets go of a document's parser, whatever is left of its input.
pub(super) fn abort(document: &NodeRef) {
    let gone = PARSERS.try_with(|parsers| parsers.borrow_mut().remove(&key(document)));
    drop(gone);
}

struct Parser {
    kind: Kind,
    /// Whether all input is there.
    complete: Cell<bool>,
    /// Whether it waits for a script.
    paused: Cell<bool>,
    /// <https://html.spec.whatwg.org/#script-nesting-level>, with the pump itself counted.
    nesting: Cell<u32>,
}

enum Kind {
    Html(Box<HtmlParser>),
    Xml(RefCell<PageParser>),
}

struct HtmlParser {
    tokenizer: Tokenizer<TreeBuilder<NodeRef, Sink>>,
    input: BufferQueue,
}

impl HtmlParser {
    fn new(document: &NodeRef) -> Box<Self> {
        let is_srcdoc =
            document.document_data().is_some_and(|data| data.url().as_str().starts_with("about:srcdoc"));
        let options = TreeBuilderOpts {
            scripting_enabled: true,
            iframe_srcdoc: is_srcdoc,
            ..TreeBuilderOpts::default()
        };
        let builder = TreeBuilder::new(Sink::new(document, false), options);
        Box::new(Self {
            tokenizer: Tokenizer::new(builder, TokenizerOpts::default()),
            input: BufferQueue::default(),
        })
    }

    /// Goes on with an input.
    fn feed(&self, realm: &dyn Realm, input: &BufferQueue) -> Advance {
        loop {
            let result = self.tokenizer.feed(input);
            self.settle(realm);
            match result {
                TokenizerResult::Done => return Advance::End,
                TokenizerResult::Script(script) => return Advance::Script(script),
                TokenizerResult::EncodingIndicator(_) => {}
            }
        }
    }

    /// Tells HTML of the nodes that were put into the tree since.
    fn settle(&self, realm: &dyn Realm) {
        loop {
            let inserted = std::mem::take(&mut *self.tokenizer.sink.sink.inserted.borrow_mut());
            if inserted.is_empty() {
                return;
            }
            tell(realm, inserted);
        }
    }
}

/// Tells HTML of nodes that a parser has put into the tree.
fn tell(realm: &dyn Realm, inserted: Vec<NodeRef>) {
    for node in inserted {
        if let Err(exception) = super::parsed(realm, &node) {
            realm.report_exception(exception);
        }
    }
}

impl Parser {
    fn new(kind: Kind) -> Rc<Self> {
        Rc::new(Self { kind, complete: Cell::new(false), paused: Cell::new(false), nesting: Cell::new(0) })
    }

    fn advance(&self, realm: &dyn Realm) -> Advance {
        match &self.kind {
            Kind::Html(html) => html.feed(realm, &html.input),
            Kind::Xml(xml) => {
                let (advance, inserted) = xml.borrow_mut().advance();
                tell(realm, inserted);
                advance
            }
        }
    }

    fn settle(&self, realm: &dyn Realm) {
        if let Kind::Html(html) = &self.kind {
            html.settle(realm);
        }
    }
}

/// Begins to parse a document's text.
pub(super) fn start(realm: &dyn Realm, document: &NodeRef, text: &str) {
    let html = HtmlParser::new(document);
    html.input.push_back(StrTendril::from(text));
    start_with(realm, document, Kind::Html(html));
}

/// Begins to parse a document's text that is XML.
pub(super) fn start_xml(realm: &dyn Realm, document: &NodeRef, text: &str) {
    start_with(realm, document, Kind::Xml(RefCell::new(PageParser::new(document, text))));
}

fn start_with(realm: &dyn Realm, document: &NodeRef, kind: Kind) {
    let parser = Parser::new(kind);
    parser.complete.set(true);
    PARSERS.with_borrow_mut(|parsers| parsers.insert(key(document), parser));
    pump(realm, document, End::AtOnce);
}

/// Goes on in a task of its own.
fn go_on_later(realm: &dyn Realm, document: &NodeRef, end: End) {
    let document = Arc::downgrade(document);
    let pump = move |realm: &dyn Realm| {
        if let Some(document) = document.upgrade() {
            pump(realm, &document, end);
        }
    };
    realm.agent().queue_task(TaskSource::Dom, realm.id(), Box::new(pump));
}

/// The script that the parser waited for has run.
pub(super) fn resume(realm: &dyn Realm, document: &NodeRef) {
    // NOTE: the script may have written another one that the parser waits for now.
    let waits = document.document_data().is_some_and(|data| lock(&data.loading).blocking.is_some());
    if let Some(parser) = parser_of(document).filter(|_| !waits) {
        parser.paused.set(false);
        pump(realm, document, End::AtOnce);
    }
}

/// Runs the script that the parser waits for: what it writes comes before the rest of the input.
pub(super) fn at_insertion_point(document: &NodeRef, run: impl FnOnce()) {
    let parser = parser_of(document);
    if let Some(parser) = &parser {
        parser.paused.set(false);
        parser.nesting.set(parser.nesting.get() + 1);
    }
    run();
    if let Some(parser) = &parser {
        parser.nesting.set(parser.nesting.get().saturating_sub(1));
    }
}

/// The clock of a realm.
fn now(realm: &dyn Realm) -> Duration {
    crate::global_scope(realm).map(|scope| scope.user_agent().clock().monotonic()).unwrap_or_default()
}

/// Parses as far as it goes: to the end of the input, or to a script that has not come.
fn pump(realm: &dyn Realm, document: &NodeRef, at_end: End) {
    let Some(parser) = parser_of(document) else { return };
    if parser.paused.get() || parser.nesting.get() > 0 {
        return;
    }
    let begun = now(realm);
    loop {
        match parser.advance(realm) {
            Advance::End => break,
            Advance::Script(script) => {
                parser.nesting.set(1);
                let outcome = script_element::ended_by_parser(realm, &script);
                // <https://html.spec.whatwg.org/#clean-up-after-running-script>: what they write comes here too.
                if matches!(outcome, script_element::Outcome::Ran) {
                    realm.microtask_checkpoint();
                }
                parser.nesting.set(0);
                parser.settle(realm);
                if parser_of(document).is_none_or(|now| !Rc::ptr_eq(&now, &parser)) {
                    return;
                }
                // It may have written another one, which has yet to come.
                if parser.paused.get() {
                    return;
                }
                match outcome {
                    script_element::Outcome::Nothing => {}
                    script_element::Outcome::Ran if now(realm).saturating_sub(begun) < SLICE => {}
                    script_element::Outcome::Ran => return go_on_later(realm, document, at_end),
                    script_element::Outcome::Blocks => {
                        parser.paused.set(true);
                        return;
                    }
                }
            }
        }
    }
    if parser.complete.get() {
        if let Kind::Html(html) = &parser.kind {
            html.tokenizer.end();
        }
        parser.settle(realm);
        abort(document);
        end(realm, document, at_end);
    }
}

/// When what follows the end of a document begins.
#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    AtOnce,
    /// In a task: a script is on the stack.
    Later,
}

/// <https://html.spec.whatwg.org/#the-end>
///
/// DEVIATION: what nothing has to be waited for, `DOMContentLoaded` and `load` too, comes at once, as in browsers: it comes before the
/// messages and timers of the document's own scripts. The standard queues a task for each.
fn end(realm: &dyn Realm, document: &NodeRef, at_end: End) {
    let told = document::update_readiness(realm, document, DocumentReadyState::Interactive);
    if let Err(exception) = told {
        realm.report_exception(exception);
    }
    loading::parsed(document);
    match at_end {
        End::AtOnce => loading::go_on(realm, document),
        End::Later => loading::go_on_later(realm, document),
    }
}

/// <https://html.spec.whatwg.org/#document-open-steps>
pub(super) fn open(realm: &dyn Realm, document: &NodeRef) -> Result<(), Exception> {
    let Some(data) = document.document_data() else { return Ok(()) };
    if !data.is_html() {
        return Err(Exception::dom("InvalidStateError", "an XML document cannot be opened"));
    }
    if parser_of(document).is_some_and(|parser| parser.nesting.get() > 0) {
        return Ok(());
    }
    abort(document);
    mutation::replace_all(realm, None, document)?;
    // 9. Nobody listens any more.
    realm.core("eraseListeners", vec![Value::Object(object(Arc::clone(document)))])?;
    // 13. It is not what it was made as.
    if let Some(window) = data.window() {
        window.set_initial(false);
    }
    data.set_quirks(false);
    data.set_ready_state(DocumentReadyState::Loading);
    if loading::reopened(document)
        && let Some(window) = data.window()
    {
        // It will have been loaded once more.
        load_document::tell_container(realm, &window);
    }
    let parser = Parser::new(Kind::Html(HtmlParser::new(document)));
    PARSERS.with_borrow_mut(|parsers| parsers.insert(key(document), parser));
    Ok(())
}

/// <https://html.spec.whatwg.org/#dom-document-close>
pub(super) fn close(realm: &dyn Realm, document: &NodeRef) -> Result<(), Exception> {
    if let Some(parser) = parser_of(document)
        && !parser.complete.get()
    {
        parser.complete.set(true);
        pump(realm, document, End::Later);
    }
    Ok(())
}

/// <https://html.spec.whatwg.org/#document-write-steps>
pub(super) fn write(realm: &dyn Realm, document: &NodeRef, text: &str) -> Result<(), Exception> {
    let is_html = document.document_data().is_some_and(|data| data.is_html());
    if !is_html {
        return Err(Exception::dom("InvalidStateError", "an XML document cannot be written to"));
    }
    let mut parser = parser_of(document);
    // What is written by a script that the parser does not wait for replaces nothing while it parses.
    if parser.as_ref().is_some_and(|parser| parser.complete.get() && parser.nesting.get() == 0) {
        return Ok(());
    }
    if parser.is_none() {
        open(realm, document)?;
        parser = parser_of(document);
    }
    let Some(parser) = parser else { return Ok(()) };
    let Kind::Html(html) = &parser.kind else { return Ok(()) };
    let written = BufferQueue::default();
    written.push_back(StrTendril::from(text));
    if parser.paused.get() {
        html.input.push_back(StrTendril::from(text));
        return Ok(());
    }
    let before = parser.nesting.get();
    parser.nesting.set(before + 1);
    let mut blocked = false;
    while !written.is_empty() {
        if let Advance::Script(script) = html.feed(realm, &written) {
            let outcome = script_element::ended_by_parser(realm, &script);
            html.settle(realm);
            if matches!(outcome, script_element::Outcome::Blocks) {
                blocked = true;
                break;
            }
        }
    }
    parser.nesting.set(before);
    if blocked {
        parser.paused.set(true);
        let mut rest = Vec::new();
        while let Some(chunk) = written.pop_front() {
            rest.push(chunk);
        }
        for chunk in rest.into_iter().rev() {
            html.input.push_front(chunk);
        }
    }
    Ok(())
}

/// Parses a whole text into a document whose scripts do not run.
pub(super) fn parse_into(document: &NodeRef, text: &str) {
    let builder = TreeBuilder::new(
        Sink::new(document, true),
        TreeBuilderOpts { scripting_enabled: false, ..TreeBuilderOpts::default() },
    );
    run_to_end(builder, TokenizerOpts::default(), text);
}

fn run_to_end(builder: TreeBuilder<NodeRef, Sink>, options: TokenizerOpts, text: &str) {
    let tokenizer = Tokenizer::new(builder, options);
    let input = BufferQueue::default();
    input.push_back(StrTendril::from(text));
    while !matches!(tokenizer.feed(&input), TokenizerResult::Done) {}
    tokenizer.end();
}

/// <https://html.spec.whatwg.org/#html-fragment-parsing-algorithm>: a fragment of the context's document.
pub(crate) fn parse_fragment(_: &dyn Realm, context: &NodeRef, text: &str) -> Result<NodeRef, Exception> {
    let document = context.document().ok_or_else(|| Exception::type_error("the node has no document"))?;
    let owner = match context.template_content() {
        Some(content) => content.document().unwrap_or_else(|| Arc::clone(&document)),
        None => Arc::clone(&document),
    };
    if document.document_data().is_some_and(|data| !data.is_html()) {
        let root = super::xml_parser::parse_fragment(context, &owner, text)
            .map_err(|error| Exception::dom("SyntaxError", error.what))?;
        let fragment = Node::fragment(&owner);
        for child in root.children_list() {
            child.unlink();
            fragment.link(&child, None);
        }
        return Ok(fragment);
    }
    let scripting = document.document_data().is_some_and(|data| data.window().is_some());
    let inert = crate::dom::document::plain_document(
        document.realm_id(),
        document.document_data().map_or_else(|| owner_url(&owner), |data| data.url()),
    );
    let sink = Sink { owner: Arc::clone(&owner), ..Sink::new(&inert, true) };
    let form = {
        let mut current = Some(Arc::clone(context));
        while current.as_ref().is_some_and(|node| !node.is_html("form")) {
            current = current.and_then(|node| node.parent());
        }
        current
    };
    let options = TreeBuilderOpts { scripting_enabled: scripting, ..TreeBuilderOpts::default() };
    let builder = TreeBuilder::new_for_fragment(sink, Arc::clone(context), form, options);
    let options = TokenizerOpts {
        initial_state: Some(builder.tokenizer_state_for_context_elem(scripting)),
        ..TokenizerOpts::default()
    };
    run_to_end(builder, options, text);
    let fragment = Node::fragment(&owner);
    if let Some(root) = inert.document_element_node() {
        for child in root.children_list() {
            child.unlink();
            fragment.link(&child, None);
        }
    }
    Ok(fragment)
}

fn owner_url(owner: &NodeRef) -> url::Url {
    owner.document_data().map_or_else(|| unreachable!("an owner is a document"), |data| data.url())
}

/// Puts what the tree builder says into a tree.
struct Sink {
    document: NodeRef,
    /// The document of the nodes that are made.
    owner: NodeRef,
    /// Whether nothing that is parsed runs.
    inert: bool,
    /// Nodes that HTML has not been told of yet.
    inserted: RefCell<Vec<NodeRef>>,
    line: Cell<u64>,
}

impl Sink {
    fn new(document: &NodeRef, inert: bool) -> Self {
        Self {
            document: Arc::clone(document),
            owner: Arc::clone(document),
            inert,
            inserted: RefCell::default(),
            line: Cell::new(1),
        }
    }

    fn insert(&self, parent: &NodeRef, child: NodeOrText<NodeRef>, before: Option<&NodeRef>) {
        let node = match child {
            NodeOrText::AppendNode(node) => node,
            NodeOrText::AppendText(text) => {
                let previous = match before {
                    Some(before) => before.previous_sibling(),
                    None => parent.last_child(),
                };
                if let Some(previous) = previous
                    && let NodeData::Text(data) = &previous.data
                {
                    let mut data = lock(data);
                    let mut joined = String::from(std::mem::take(&mut *data));
                    joined.push_str(&text);
                    *data = joined.into();
                    return;
                }
                Node::text(&parent.document().unwrap_or_else(|| Arc::clone(&self.owner)), (&*text).into())
            }
        };
        // A document has one element and no text.
        if parent.is_document()
            && (node.is_text() || node.is_element() && parent.document_element_node().is_some())
        {
            return;
        }
        if node.is_inclusive_ancestor_of(parent) {
            return;
        }
        node.unlink();
        let (mut parent, mut before) = (Arc::clone(parent), before.cloned());
        while parent.parser_depth() >= DEPTH {
            let Some(above) = parent.parent() else { break };
            before = None;
            parent = above;
        }
        node.set_parser_depth(parent.parser_depth() + 1);
        if let Some(document) = parent.document()
            && node.document().is_none_or(|own| !Arc::ptr_eq(&own, &document))
        {
            for inner in node.inclusive_descendants() {
                inner.set_document(&document);
            }
        }
        parent.link(&node, before.as_ref());
        if !self.inert && node.is_element() {
            self.inserted.borrow_mut().push(node);
        }
    }
}

impl TreeSink for Sink {
    type Handle = NodeRef;
    type Output = ();
    type ElemName<'a> = ExpandedName<'a>;

    fn finish(self) {}

    fn parse_error(&self, _: Cow<'static, str>) {}

    fn get_document(&self) -> NodeRef {
        Arc::clone(&self.document)
    }

    fn elem_name<'a>(&'a self, target: &'a NodeRef) -> ExpandedName<'a> {
        match target.element() {
            Some(element) => element.name.expanded(),
            None => {
                static NONE: std::sync::LazyLock<QualName> =
                    std::sync::LazyLock::new(|| QualName::new(None, ns!(), html5ever::local_name!("")));
                NONE.expanded()
            }
        }
    }

    fn create_element(&self, name: QualName, attrs: Vec<Attribute>, flags: ElementFlags) -> NodeRef {
        let element = create_element(&self.owner, name);
        for attribute in attrs {
            element.put_attribute_quietly(attribute.name, (&*attribute.value).into());
        }
        if element.is_html("script") {
            script_element::made_by_parser(&element, self.inert, self.line.get());
            if flags.had_duplicate_attributes {
                script_element::had_duplicates(&element);
            }
        }
        element
    }

    fn create_comment(&self, text: StrTendril) -> NodeRef {
        Node::comment(&self.owner, (&*text).into())
    }

    fn create_pi(&self, target: StrTendril, data: StrTendril) -> NodeRef {
        Node::processing_instruction(&self.owner, target.to_string(), (&*data).into())
    }

    fn append(&self, parent: &NodeRef, child: NodeOrText<NodeRef>) {
        self.insert(parent, child, None);
    }

    fn append_based_on_parent_node(&self, element: &NodeRef, previous: &NodeRef, child: NodeOrText<NodeRef>) {
        match element.parent() {
            Some(parent) => self.insert(&parent, child, Some(element)),
            None => self.insert(previous, child, None),
        }
    }

    fn append_doctype_to_document(&self, name: StrTendril, public_id: StrTendril, system_id: StrTendril) {
        let doctype =
            Node::doctype(&self.document, name.to_string(), public_id.to_string(), system_id.to_string());
        self.document.link(&doctype, None);
    }

    fn mark_script_already_started(&self, node: &NodeRef) {
        script_element::already_started(node);
    }

    fn get_template_contents(&self, target: &NodeRef) -> NodeRef {
        target.template_content().unwrap_or_else(|| Arc::clone(target))
    }

    fn same_node(&self, x: &NodeRef, y: &NodeRef) -> bool {
        Arc::ptr_eq(x, y)
    }

    fn set_quirks_mode(&self, mode: QuirksMode) {
        if let Some(data) = self.document.document_data() {
            data.set_quirks(mode == QuirksMode::Quirks);
        }
    }

    fn append_before_sibling(&self, sibling: &NodeRef, new: NodeOrText<NodeRef>) {
        if let Some(parent) = sibling.parent() {
            self.insert(&parent, new, Some(sibling));
        }
    }

    fn add_attrs_if_missing(&self, target: &NodeRef, attrs: Vec<Attribute>) {
        for attribute in attrs {
            if target.attribute_ns(&attribute.name.ns, &attribute.name.local).is_none() {
                target.put_attribute_quietly(attribute.name, (&*attribute.value).into());
            }
        }
    }

    fn remove_from_parent(&self, target: &NodeRef) {
        target.unlink();
    }

    fn reparent_children(&self, node: &NodeRef, new_parent: &NodeRef) {
        for child in node.children_list() {
            child.unlink();
            new_parent.link(&child, None);
        }
    }

    fn set_current_line(&self, line: u64) {
        self.line.set(line);
    }

    fn allow_declarative_shadow_roots(&self, _: &NodeRef) -> bool {
        false
    }
}
