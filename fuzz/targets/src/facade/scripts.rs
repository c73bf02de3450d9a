//! Scripts.

use super::page::{literal, visit, visit_again};
use crate::choices::Choices;

/// What can be said; `$` stands for something else that can be said. Where the first of them is what a member is asked of, and would come
/// to nothing that has members, what is behind it is said instead: most of what is made up would end there otherwise.
const FORMS: &[(&str, &str)] = &[
    ("new Request($, { method: $, body: $, headers: $, duplex: \"half\" })", ""),
    ("new Request($)", ""),
    ("new Response($, { status: $, headers: $ })", ""),
    ("new Response($)", ""),
    ("Response.json($)", ""),
    ("Response.error()", ""),
    ("Response.redirect($)", ""),
    ("new Headers($)", ""),
    ("new URL($, $)", ""),
    ("new URLSearchParams($)", ""),
    ("new Blob([$, $], { type: $ })", ""),
    ("new File([$], $)", ""),
    ("new FormData()", ""),
    ("new AbortController()", ""),
    ("AbortSignal.abort($)", ""),
    ("AbortSignal.timeout(1)", ""),
    ("AbortSignal.any([$, $])", ""),
    ("new ReadableStream({ start(c) { c.enqueue($); c.close(); } })", ""),
    (
        "new ReadableStream({ pull(c) { c.enqueue($); if (Math.abs(n++) > 8) c.close(); }, cancel(r) { return $; } }, { highWaterMark: $ })",
        "",
    ),
    (
        "new ReadableStream({ type: \"bytes\", pull(c) { c.enqueue(new Uint8Array(3)); if (n++ > 8) c.close(); }, autoAllocateChunkSize: $ })",
        "",
    ),
    ("ReadableStream.from([$, $])", ""),
    ("new WritableStream({ write(x) { return $; }, close() { return $; } })", ""),
    ("new TransformStream({ transform(x, c) { c.enqueue($); } })", ""),
    ("new TextEncoder()", ""),
    ("new TextDecoder($)", ""),
    ("new TextDecoderStream()", ""),
    ("new CompressionStream(\"gzip\")", ""),
    ("new DecompressionStream(\"deflate\")", ""),
    ("new EventTarget()", ""),
    ("new Event($, { cancelable: true })", ""),
    ("new CustomEvent($, { detail: $ })", ""),
    ("new MessageChannel()", ""),
    ("new MessageEvent($, { data: $ })", ""),
    ("new XMLHttpRequest()", ""),
    ("new FileReader()", ""),
    ("new DOMException($, $)", ""),
    ("new DOMParser().parseFromString($, \"text/html\")", ""),
    ("fetch($, { method: $, body: $, signal: $, keepalive: $ })", ""),
    ("fetch($)", ""),
    ("structuredClone($)", ""),
    ("structuredClone($, { transfer: [$] })", ""),
    ("setTimeout($, $)", ""),
    ("queueMicrotask($)", ""),
    ("navigator.sendBeacon($, $)", ""),
    ("URL.createObjectURL($)", ""),
    ("URL.revokeObjectURL($)", ""),
    ("btoa($)", ""),
    ("atob($)", ""),
    ("$.text()", "new Response(\"x=y\")"),
    ("$.json()", "new Response(\"[1]\")"),
    ("$.arrayBuffer()", "new Blob([\"x\"])"),
    ("$.formData()", "new Response(new FormData())"),
    ("$.blob()", "new Response(\"x=y\")"),
    ("$.bytes()", "new Response(\"x=y\")"),
    ("$.clone()", "new Request(\"/y\")"),
    ("$.body", "new Response(\"x\")"),
    ("$.headers", "new Request(\"/y\")"),
    ("$.signal", "new AbortController()"),
    ("$.append($, $)", "new FormData()"),
    ("$.set($, $)", "new Headers([[\"a\", \"b\"]])"),
    ("$.get($)", "new URLSearchParams(\"a=b&x=y\")"),
    ("$.delete($)", "new Headers([[\"a\", \"b\"]])"),
    ("$.has($)", "new FormData()"),
    ("$.forEach($)", "new URLSearchParams(\"a=b&x=y\")"),
    ("[...$]", "new Headers([[\"a\", \"b\"]])"),
    ("$.getReader()", "new Blob([\"xyz\"]).stream()"),
    ("$.getReader({ mode: \"byob\" })", "new Blob([\"xyz\"]).stream()"),
    ("$.read($)", "new Blob([\"xyz\"]).stream().getReader({ mode: \"byob\" })"),
    ("$.read()", "ReadableStream.from([1, 2]).getReader()"),
    ("$.tee()", "new Response(\"x\").body"),
    ("$.cancel($)", "ReadableStream.from([1, 2])"),
    ("$.pipeTo($, { signal: $, preventClose: $ })", "new Blob([\"xyz\"]).stream()"),
    ("$.pipeThrough($)", "new Blob([\"xyz\"]).stream()"),
    ("$.readable", "new TransformStream()"),
    ("$.writable", "new TransformStream()"),
    ("$.getWriter()", "new WritableStream()"),
    ("$.write($)", "new WritableStream().getWriter()"),
    ("$.close()", "new WritableStream().getWriter()"),
    ("$.abort($)", "new AbortController()"),
    ("$.releaseLock()", "new Blob([\"xyz\"]).stream().getReader()"),
    ("$.slice($, $)", "new Blob([\"xyz\"])"),
    ("$.stream()", "new Blob([\"xyz\"])"),
    ("$.port1", "new MessageChannel()"),
    ("$.port2", "new MessageChannel()"),
    ("$.postMessage($, [$])", "new MessageChannel().port1"),
    ("($.onmessage = $)", "new MessageChannel().port2"),
    ("$.addEventListener($, $, { once: $, signal: $ })", "new EventTarget()"),
    ("$.dispatchEvent($)", "new EventTarget()"),
    ("$.removeEventListener($, $)", "new EventTarget()"),
    ("$.open($, $)", "new XMLHttpRequest()"),
    ("$.setRequestHeader($, $)", "new XMLHttpRequest()"),
    ("$.send($)", "new XMLHttpRequest()"),
    ("$.readAsText($)", "new FileReader()"),
    ("$.readAsDataURL($)", "new FileReader()"),
    ("$.appendChild($)", "new DOMParser().parseFromString(\"<p>x<b>y\", \"text/html\").body"),
    ("$.insertBefore($, $)", "new DOMParser().parseFromString(\"<p>x<b>y\", \"text/html\").body"),
    ("$.remove()", "new DOMParser().parseFromString(\"<p>x<b>y\", \"text/html\").body"),
    ("($.innerHTML = $)", "new DOMParser().parseFromString(\"<p>x<b>y\", \"text/html\").body"),
    ("$.outerHTML", "new DOMParser().parseFromString(\"<p>x<b>y\", \"text/html\").body"),
    ("$.setAttribute($, $)", "new DOMParser().parseFromString(\"<p>x<b>y\", \"text/html\").body"),
    ("$.querySelectorAll($)", "new DOMParser().parseFromString(\"<p>x<b>y\", \"text/html\").body"),
    ("$.cloneNode(true)", "new DOMParser().parseFromString(\"<p>x<b>y\", \"text/html\").body"),
    ("$.childNodes[0]", "new DOMParser().parseFromString(\"<p>x<b>y\", \"text/html\").body"),
    ("$.parentNode", "new DOMParser().parseFromString(\"<p>x<b>y\", \"text/html\").body"),
    ("($.search = $)", "new URL(\"https://a.test/x\")"),
    ("($.href = $)", "new URL(\"https://a.test/x\")"),
    ("$.searchParams", "new URL(\"https://a.test/x?a=b\")"),
    ("$.encode($)", "new TextEncoder()"),
    ("$.decode($, { stream: $ })", "new TextDecoder()"),
    ("$.then($, $)", "Promise.resolve(1)"),
    ("Promise.reject($)", ""),
    ("Promise.all([$, $])", ""),
    ("Object.setPrototypeOf($, $)", ""),
    ("Object.freeze($)", ""),
    ("Object.defineProperty($, $, { get: $ })", ""),
    ("Reflect.construct($, [$], $)", ""),
    ("Reflect.ownKeys($)", ""),
    ("$.call($, $)", ""),
    ("($[$] = $)", ""),
    ("(delete $[$])", ""),
    ("($ instanceof $)", ""),
    ("String($)", ""),
    ("JSON.stringify($)", ""),
    ("new Proxy($, { get: $, has: $, ownKeys: $ })", ""),
    ("{ __proto__: $, toString: $, [Symbol.iterator]: $, then: $ }", ""),
    ("((x) => $)", ""),
    ("(function (x) { throw $; })", ""),
    ("(async () => { await $; return $; })()", ""),
    ("class extends $ {}", ""),
    ("new ($)($)", ""),
];

/// The same where it leads to what all scripts of a realm share.
const SHARED_FORMS: &[(&str, &str)] = &[
    ("new BroadcastChannel($)", ""),
    ("document.createElement($)", ""),
    ("document.createTextNode($)", ""),
    ("document.body", ""),
    ("document", ""),
    ("postMessage($, \"*\")", ""),
    ("caches.open($)", ""),
    ("navigator.serviceWorker.register($)", ""),
    ("Object.getPrototypeOf($)", ""),
    ("$.constructor", ""),
    ("$[$]", ""),
];

/// What can be spoken of.
const THINGS: &[&str] = &[
    "v0",
    "v1",
    "v2",
    "v3",
    "v4",
    "v5",
    "v6",
    "v7",
    "undefined",
    "null",
    "0",
    "-1",
    // NOTE: no index of an array, whose holes QuickJS would go through one by one without looking whether it was interrupted.
    "1e10",
    "NaN",
    "0.5",
    "true",
    "\"\"",
    "\"x\"",
    "\"https://a.test/x\"",
    "\"/y\"",
    "\"POST\"",
    "\"text/html\"",
    "\"\\ud800\"",
    "\"a=b&c=d\"",
    "\"click\"",
    "\"div\"",
    "\"iframe\"",
    "\"<p id=x>y</p><script>n++</script>\"",
    "[]",
    "[[\"a\", \"b\"]]",
    "{}",
    "new Uint8Array(5)",
    "new ArrayBuffer(3)",
    "Symbol.iterator",
    "Symbol()",
    "10n",
    "() => v1",
    "new Date(0)",
    "/x/g",
    "new Map([[1, 2]])",
    "new Error(\"x\")",
];

/// The same where all scripts of a realm share it.
const SHARED_THINGS: &[&str] = &[
    "globalThis",
    "Request",
    "Response",
    "Headers",
    "ReadableStream",
    "Node",
    "EventTarget",
    "function () { return this; }",
];

/// Arbitrary scripts, made from a grammar of what is exposed, in a real realm: each statement keeps what it came to in one of eight
/// variables for the next ones, and what it leads to (promises, timers, messages, fetches) is run too. Input: choices.
///
/// They can only change what they have made themselves; they share a realm for a while, each as a block with variables of its own, and the
/// tasks it leaves are dropped. [`realms`] has those that can do more.
///
/// Asserts nothing but what the address sanitizer and Rust see, that the engine ends a script within its limit, and that a realm that has
/// ended leaves nothing in the engine.
pub fn scripts(data: &[u8]) {
    visit_again("", &script(&Grammar { shared: false }, data));
}

/// The same with what all scripts of a realm share: prototypes, the document, channels. Each has a realm of its own, which takes most of the
/// time.
pub fn realms(data: &[u8]) {
    visit(&script(&Grammar { shared: true }, data));
}

fn script(grammar: &Grammar, data: &[u8]) -> String {
    let mut choices = Choices::new(data);
    let mut script = String::from("let n = 0, v0, v1, v2, v3, v4, v5, v6, v7;\n");
    let mut statements = 0;
    while !choices.is_empty() && statements < 24 {
        statements += 1;
        let variable = choices.below(8);
        let expression = grammar.expression(&mut choices, 0);
        script.push_str(&format!(
            "try {{ v{variable} = {expression}; }} catch (e) {{ v{} = e; }}\n",
            (variable + 1) % 8
        ));
        if choices.once_in(8) {
            script.push_str(&format!("if (v{variable} && v{variable}.then) v{variable}.then((x) => {{ v{variable} = x; }}, () => {{}});\n"));
        }
    }
    script
}

struct Grammar {
    /// Whether what scripts share may be said.
    shared: bool,
}

impl Grammar {
    /// The shared ones come behind the others, so that a choice means the same in both.
    fn pick<T: Copy>(&self, choices: &mut Choices<'_>, pool: &[T], shared: &[T]) -> T {
        let end = pool.len() + if self.shared { shared.len() } else { 0 };
        let index = choices.below(end);
        pool.get(index).copied().unwrap_or_else(|| shared[index - pool.len()])
    }

    fn expression(&self, choices: &mut Choices<'_>, depth: usize) -> String {
        if depth >= 3 || choices.once_in(2) == (depth > 0) {
            return match choices.once_in(24) {
                true => literal(&choices.text()),
                false => self.pick(choices, THINGS, SHARED_THINGS).to_owned(),
            };
        }
        let (form, with_members) = self.pick(choices, FORMS, SHARED_FORMS);
        let mut expression = String::from("(");
        for (index, part) in form.split('$').enumerate() {
            if index > 0 {
                let said = self.expression(choices, depth + 1);
                let is_asked_in_vain = index == 1 && !with_members.is_empty() && is_primitive(&said);
                expression.push_str(if is_asked_in_vain { with_members } else { &said });
            }
            expression.push_str(part);
        }
        expression.push(')');
        expression
    }
}

/// Whether a thing has no member of those that are asked for.
fn is_primitive(thing: &str) -> bool {
    let named = ["undefined", "null", "NaN", "true", "Symbol.iterator", "Symbol()"];
    named.contains(&thing)
        || thing.starts_with(|first: char| first == '"' || first == '-' || first.is_ascii_digit())
}
