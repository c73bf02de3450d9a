//! The `Request` constructor.

use super::page::{literal, visit_again};
use crate::choices::Choices;

const INPUTS: [&str; 10] = [
    "https://a.test/path?q",
    "/relative#fragment",
    "",
    "https://b.test/",
    "https://user:pw@a.test/",
    "http://[",
    "data:,x",
    "about:blank",
    "//c.test",
    "HTTPS://A.TEST:443/../x y",
];
const METHODS: [&str; 16] = [
    "GET",
    "post",
    "HEAD",
    "Put",
    "patch",
    "PATCH",
    "DELETE",
    "options",
    "CONNECT",
    "trace",
    "TrAcK",
    "chicken",
    "",
    "G T",
    "get\u{e9}",
    "hEaD",
];
const NAMES: [&str; 20] = [
    "Accept",
    "content-type",
    "Cookie",
    "Host",
    "X-A",
    "Sec-Fetch-Site",
    "proxy-x",
    "Origin",
    "Range",
    "Referer",
    "x-http-method-override",
    "Authorization",
    "Access-Control-Request-Method",
    "",
    "a b",
    "DNT",
    "Accept-Language",
    "Set-Cookie",
    "Date",
    "Transfer-Encoding",
];
const VALUES: [&str; 10] = [
    "a",
    "",
    " text/plain ",
    "bytes=0-1",
    "TRACE",
    "a\u{100}",
    "a\nb",
    "text/html;charset=x",
    "get, track",
    "\u{e9}",
];
const MODES: [&str; 8] = ["cors", "no-cors", "same-origin", "navigate", "websocket", "", "CORS", "x"];
const CREDENTIALS: [&str; 4] = ["same-origin", "include", "omit", "x"];
const CACHES: [&str; 7] = ["default", "no-store", "reload", "no-cache", "force-cache", "only-if-cached", "x"];
const REDIRECTS: [&str; 4] = ["follow", "error", "manual", "x"];
const REFERRERS: [&str; 6] = ["", "about:client", "https://a.test/r", "https://b.test/r", "http://[", "/r"];
const POLICIES: [&str; 5] = ["", "no-referrer", "unsafe-url", "origin", "x"];
const BODIES: [&str; 12] = [
    "null",
    "undefined",
    "\"text\"",
    "new Uint8Array([1, 2, 3])",
    "new Blob([\"blob\"], { type: \"a/b\" })",
    "new URLSearchParams(\"a=b\")",
    "new FormData()",
    "new ReadableStream({ start(c) { c.enqueue(new Uint8Array(2)); c.close(); } })",
    "new ReadableStream({ start(c) { c.enqueue(\"no bytes\"); } })",
    "{}",
    "new ArrayBuffer(4)",
    "(() => { const s = new ReadableStream(); s.getReader(); return s; })()",
];

/// What has to hold for each request that was made, and what it is once it was sent.
const RULES: &str = r#"
const forbidden = /^(accept-charset|accept-encoding|access-control-request-(headers|method)|connection|content-length|cookie2?|date|dnt|expect|host|keep-alive|origin|referer|set-cookie|te|trailer|transfer-encoding|upgrade|via|proxy-.*|sec-.*)$/i;
const check = (holds, what) => { if (!holds) throw new Error("RULE " + what); };
const judge = (request, asked) => {
  const { method } = request;
  check(!/^(connect|trace|track)$/i.test(method), "forbidden method");
  check(!/^(delete|get|head|options|post|put)$/i.test(method) || method === method.toUpperCase(), "method not normalised");
  check(/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/.test(method), "no token");
  check(!["navigate", "websocket", "webtransport"].includes(request.mode) || asked === undefined, "mode");
  check(!(request.body !== null && /^(GET|HEAD)$/.test(method)), "body of GET");
  check(request.cache !== "only-if-cached" || request.mode === "same-origin", "only-if-cached");
  const url = new URL(request.url);
  check(url.username === "" && url.password === "", "credentials in URL");
  if (request.mode === "no-cors") check(/^(GET|HEAD|POST)$/.test(method), "no-cors method");
  for (const [name, value] of request.headers) {
    check(!forbidden.test(name), "forbidden header " + name);
    if (request.mode === "no-cors") check(/^(accept|accept-language|content-language|content-type)$/.test(name), "no-cors header " + name);
    if (/^x-(http-)?method(-override)?$/.test(name)) check(!/(^|,)\s*(connect|trace|track)\s*(,|$)/i.test(value), "method override");
    // Several of one name are one here, and the last may be empty.
    check(!/^[\t\n\r ]|[^,][\t\n\r ]$/.test(value), "value not normalised");
  }
};
const same = (a, b, what) => {
  for (const name of ["method", "url", "mode", "credentials", "cache", "redirect", "referrer", "referrerPolicy", "integrity", "keepalive"])
    check(a[name] === b[name], what + " differs in " + name);
  check(JSON.stringify([...a.headers]) === JSON.stringify([...b.headers]), what + " differs in headers");
};
const refused = (error) => { globalThis.result = error instanceof TypeError ? "refused" : String(error); };
const use = (request, asked) => {
  judge(request, asked);
  const copy = request.clone();
  same(request, copy, "clone");
  const again = new Request(copy);
  judge(again);
  check(copy.body === null || copy.bodyUsed, "body not taken");
  const hasBody = request.body !== null;
  const bytes = request.clone().arrayBuffer();
  fetch(request).then(async (response) => {
    check(!hasBody || request.bodyUsed, "body not sent");
    if (response.type === "basic" || response.type === "cors") {
      const given = response.headers.get("x-method");
      if (given !== null) check(given === request.method, "another method was sent: " + given);
      const [sent, heard] = [new Uint8Array(await bytes), new Uint8Array(await response.arrayBuffer())];
      if (given !== null && hasBody) check(String(sent) === String(heard), "another body was sent");
    }
    globalThis.result = "answered";
  }).catch((error) => { globalThis.result = error instanceof TypeError || error.name === "AbortError" ? "failed: " + error.message : String(error); });
  bytes.catch(() => {});
};
"#;

/// The `Request` constructor of the façade in a real realm, with a WebIDL-shaped init: text, enumerations, records and bodies, right and
/// wrong ones. Input: choices.
///
/// Asserts that what is refused is refused by a `TypeError`, the constructor's invariants (method normalised, no forbidden method or
/// header, what each mode allows, no body with GET), that copies are equal, that what is accepted can be sent, and that the server
/// hears the method and the body.
pub fn request_constructor(data: &[u8]) {
    let mut choices = Choices::new(data);
    let input = literal(&text(&mut choices, &INPUTS));
    let init = init(&mut choices);
    let input = match choices.below(4) {
        3 => format!("new Request({input}, {})", self::init(&mut choices)),
        2 => format!("new URL({input}, \"https://a.test\")"),
        _ => input,
    };
    let script = format!(
        "let request; const init = {init};\ntry {{ request = new Request({input}, init); }} catch (error) {{ refused(error); }}\n\
         if (request) try {{ use(request, init.mode); }} catch (error) {{ globalThis.result = String(error); }}"
    );
    let result = visit_again(RULES, &script);
    // What waits for ever (a stream that never ends) leaves none.
    assert!(
        ["answered", "refused", "undefined"].contains(&result.as_str()) || result.starts_with("failed: "),
        "{result}\nby new Request({input}, {init})"
    );
}

/// One of the pool, or whatever text.
fn text(choices: &mut Choices<'_>, pool: &[&str]) -> String {
    if choices.once_in(8) { choices.text() } else { choices.pick(pool).to_owned() }
}

fn init(choices: &mut Choices<'_>) -> String {
    let mut init = String::from("{ ");
    let mut member = |name: &str, value: String| init.push_str(&format!("{name}: {value}, "));
    let which = choices.byte();
    let rest = choices.byte();
    if which & 1 != 0 {
        member("method", literal(&text(choices, &METHODS)));
    }
    if which & 2 != 0 {
        let headers: Vec<String> = (0..choices.below(4))
            .map(|_| format!("[{}, {}]", literal(&text(choices, &NAMES)), literal(&text(choices, &VALUES))))
            .collect();
        member("headers", format!("[{}]", headers.join(", ")));
    }
    if which & 4 != 0 {
        member("body", choices.pick(&BODIES).to_owned());
    }
    for (bit, name, pool) in [
        (8, "mode", &MODES[..]),
        (16, "credentials", &CREDENTIALS),
        (32, "cache", &CACHES),
        (64, "redirect", &REDIRECTS),
        (128, "referrer", &REFERRERS),
    ] {
        if which & bit != 0 {
            member(name, literal(&text(choices, pool)));
        }
    }
    if rest & 1 != 0 {
        member("referrerPolicy", literal(&text(choices, &POLICIES)));
    }
    if rest & 2 != 0 {
        member("keepalive", choices.pick(&["true", "false", "1", "{}"]).to_owned());
    }
    if rest & 4 != 0 {
        member("duplex", choices.pick(&["\"half\"", "\"full\"", "undefined"]).to_owned());
    }
    if rest & 8 != 0 {
        member(
            "signal",
            choices.pick(&["null", "AbortSignal.abort()", "new AbortController().signal", "{}"]).to_owned(),
        );
    }
    if rest & 16 != 0 {
        member("integrity", literal(&text(choices, &["", "sha256-x", "nonsense"])));
    }
    if rest & 32 != 0 {
        member("window", choices.pick(&["null", "globalThis", "undefined"]).to_owned());
    }
    if rest & 64 != 0 {
        member("priority", choices.pick(&["\"high\"", "\"x\"", "undefined"]).to_owned());
    }
    init.push('}');
    init
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_made_is_sent_and_read_back() {
        for (input, init, expected) in [
            ("\"/x\"", "{}", "answered"),
            ("\"/x\"", "{ method: \"post\", body: \"text\" }", "answered"),
            (
                "\"https://b.test/\"",
                "{ method: \"PUT\", body: new Uint8Array(5), headers: { \"X-A\": \"b\" } }",
                "answered",
            ),
            ("\"/x\"", "{ method: \"TRACE\" }", "refused"),
            ("\"/x\"", "{ signal: AbortSignal.abort() }", "failed"),
        ] {
            let script = format!(
                "const init = {init}; try {{ use(new Request({input}, init)); }} catch (e) {{ refused(e); }}"
            );
            let result = visit_again(RULES, &script);
            assert!(result.starts_with(expected), "{input} {init}: {result}");
        }
    }

    #[test]
    fn a_rule_that_is_broken_is_told() {
        let script = "try { judge({ method: \"get\", headers: [], body: null, url: \"https://a.test\" }); } catch (e) { globalThis.result = String(e); }";
        assert!(visit_again(RULES, script).contains("RULE method not normalised"));
    }
}
