//! Service workers and the documents that they control.

use crate::site::{Opened, Site};

/// A page under a worker that takes it over at once; `END` ends it.
async fn controlled(page: &str, worker: &str, files: &[(&str, &str)]) -> Opened {
    let worker = format!(
        "addEventListener('install', () => skipWaiting());
         addEventListener('activate', (event) => event.waitUntil(clients.claim()));
         {worker}"
    );
    let page = format!(
        "<!doctype html><title>t</title><body><script>
         const frame = (src) => new Promise((resolve) => {{
           const made = document.createElement('iframe');
           if (src !== undefined) made.src = src;
           made.onload = () => resolve(made);
           document.body.append(made);
         }});
         const heard = () => new Promise((resolve) => navigator.serviceWorker.addEventListener('message', (e) => resolve(e.data), {{ once: true }}));
         onload = async () => {{ try {{
           await navigator.serviceWorker.register('/sw.js');
           if (!navigator.serviceWorker.controller) {{
             await new Promise((resolve) => navigator.serviceWorker.oncontrollerchange = resolve);
           }}
           {page}
         }} catch (error) {{ console.log('FAILED', error); }} console.log('END'); }};
         </script>"
    );
    let mut site = Site::new()
        .page(&page)
        .js("/sw.js", &worker)
        .answer("/redirected.html", "302 Found", &["Location: /hop.html"], b"moved")
        .answer("/hop.html", "302 Found", &["Location: {here}/end.html"], b"moved on")
        .answer("/abroad.html", "302 Found", &["Location: {near}/end.html"], b"");
    for (path, body) in files {
        site = if path.ends_with(".js") { site.js(path, body) } else { site.html(path, body) };
    }
    site.open_until("END").await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn frames_are_clients_and_are_controlled() {
    let opened = controlled(
        "const nested = await frame('/nested.html');
         const made = await frame('/made');
         await frame('{near}/foreign.html');
         const blank = document.createElement('iframe');
         document.body.append(blank);
         const text = document.createElement('iframe');
         text.srcdoc = '<script>fetch(\"/from-srcdoc\").then(async (r) => parent.console.log(await r.text()), console.log).then(() => frameElement.dispatchEvent(new Event(\"fetched\")))<\\/script>';
         const fetched = new Promise((resolve) => text.addEventListener('fetched', resolve));
         document.body.append(text);
         await fetched;
         console.log(made.contentDocument.body.textContent, nested.contentWindow.navigator.serviceWorker.controller !== null,
           blank.contentWindow.navigator.serviceWorker.controller !== null);
         console.log(await (await nested.contentWindow.fetch('/who')).text());
         navigator.serviceWorker.controller.postMessage('all');
         console.log(await heard());
         nested.remove();
         navigator.serviceWorker.controller.postMessage('all');
         console.log(await heard());",
        "addEventListener('fetch', (event) => {
           const { pathname } = new URL(event.request.url);
           const { mode, destination } = event.request;
           if (pathname === '/made') event.respondWith(new Response([mode, destination, event.clientId !== '', event.resultingClientId !== ''].join(), { headers: { 'content-type': 'text/html' } }));
           if (pathname === '/from-srcdoc') event.respondWith(new Response('for srcdoc'));
           if (pathname === '/who') event.respondWith((async () => {
             const client = await clients.get(event.clientId);
             return new Response([client.frameType, client.type, new URL(client.url).pathname, client.visibilityState].join());
           })());
         });
         addEventListener('message', (event) => event.waitUntil((async () => {
           const all = await clients.matchAll();
           event.source.postMessage(all.map((client) => client.frameType + ' ' + client.url.replace(/^http:..[^/]*/, '') + ' ' + client.ancestorOrigins.length).sort().join());
         })()));",
        &[("/nested.html", ""), ("/foreign.html", "")],
    )
    .await;
    opened.expect(&[
        "for srcdoc",
        "navigate,iframe,true,true true true",
        "nested,window,/nested.html,visible",
        "nested /made 1,nested /nested.html 1,nested about:blank 1,nested about:srcdoc 1,top-level / 0",
        "nested /made 1,nested about:blank 1,nested about:srcdoc 1,top-level / 0",
        "END",
    ]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_document_that_follows_the_blank_one_is_the_same_client() {
    let opened = controlled(
        "const made = document.createElement('iframe');
         made.src = '/nested.html';
         const loaded = new Promise((resolve) => made.onload = resolve);
         document.body.append(made);
         const inner = made.contentWindow;
         // What listens before the document is there still listens afterwards.
         const received = [];
         inner.navigator.serviceWorker.onmessage = (e) => received.push(e.data);
         await loaded;
         const [blank, resulting] = inner.document.body.textContent.split(' ');
         navigator.serviceWorker.controller.postMessage(['tell', blank]);
         const told = await heard();
         console.log(blank === resulting, told, received.join(), inner.navigator.serviceWorker.controller !== null);",
        "addEventListener('fetch', (event) => {
           if (!event.request.url.includes('nested')) return;
           event.respondWith((async () => {
             const all = await clients.matchAll();
             const blank = all.find((client) => client.url === 'about:blank');
             blank.postMessage('to the blank one');
             return new Response(blank.id + ' ' + event.resultingClientId, { headers: { 'content-type': 'text/html' } });
           })());
         });
         addEventListener('message', (event) => event.waitUntil((async () => {
           const client = await clients.get(event.data[1]);
           if (client) client.postMessage('to the same one');
           const all = await clients.matchAll({ includeUncontrolled: true });
           event.source.postMessage([client && new URL(client.url).pathname, all.length].join());
         })()));",
        &[],
    )
    .await;
    opened.expect(&["true /nested.html,2 to the blank one,to the same one true", "END"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_navigates_its_clients() {
    let opened = controlled(
        "const nested = await frame('/nested.html');
         navigator.serviceWorker.controller.postMessage('go');
         console.log(await heard(), nested.contentWindow.location.pathname);",
        "addEventListener('message', (event) => event.waitUntil((async () => {
           const all = await clients.matchAll();
           const nested = all.find((client) => client.frameType === 'nested');
           const moved = await nested.navigate('/moved.html');
           const foreign = await nested.navigate('/x').catch((e) => e.name);
           event.source.postMessage([new URL(moved.url).pathname, moved.id !== nested.id, moved.frameType, foreign].join());
         })()));",
        &[("/nested.html", ""), ("/moved.html", "")],
    )
    .await;
    opened.expect(&["/moved.html,true,nested,TypeError /moved.html", "END"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn messages_come_once_they_are_wanted_and_ports_go_along() {
    let opened = controlled(
        "const { port1, port2 } = new MessageChannel();
         const answer = new Promise((resolve) => port1.onmessage = (e) => resolve(e.data));
         // What comes by the port and what comes to the client go two ways.
         const told = new Promise((resolve) => navigator.serviceWorker.onmessage = (e) => resolve([e.data, e.source === navigator.serviceWorker.controller, e.origin === origin].join()));
         navigator.serviceWorker.controller.postMessage({ port: port2 }, [port2]);
         console.log(await answer);
         console.log(await told);",
        "addEventListener('message', (event) => {
           event.data.port.postMessage([event.source instanceof WindowClient, event.source.frameType, event.origin === origin, event instanceof ExtendableMessageEvent, event.ports.length].join());
           event.source.postMessage('to the client');
         });",
        &[],
    )
    .await;
    opened.expect(&["true,top-level,true,true,1", "to the client,true,true", "END"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn requests_of_elements_and_workers_reach_the_fetch_handler() {
    let opened = controlled(
        "const image = new Image();
         const error = new Promise((resolve) => image.onerror = resolve);
         image.src = '/image.png';
         await error;
         const worker = new Worker('/worker.js');
         await new Promise((resolve) => worker.onmessage = resolve);
         await frame('/nested.html');
         navigator.serviceWorker.controller.postMessage('seen');
         for (const line of await heard()) console.log(line);",
        "const seen = [];
         addEventListener('fetch', (event) => {
           const { mode, destination, credentials } = event.request;
           seen.push([new URL(event.request.url).pathname, mode, destination, credentials, event.clientId !== '', event.resultingClientId !== ''].join(' '));
           if (event.request.url.endsWith('image.png')) event.respondWith(Response.error());
         });
         addEventListener('message', (event) => event.source.postMessage(seen));",
        &[
            ("/worker.js", "fetch('/from-worker').then(() => postMessage(''))"),
            ("/nested.html", "<script src=/nested.js></script><link rel=stylesheet href=/s.css>"),
            ("/nested.js", ""),
        ],
    )
    .await;
    opened.expect(&[
        "/image.png no-cors image include true false",
        "/worker.js same-origin worker same-origin true true",
        "/from-worker cors  same-origin true false",
        "/nested.html navigate iframe include true true",
        "/nested.js no-cors script include true false",
        "/s.css no-cors style include true false",
        "END",
    ]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_navigation_is_preloaded_while_the_worker_starts() {
    let opened = controlled(
        "const registration = await navigator.serviceWorker.ready;
         await registration.navigationPreload.enable();
         await registration.navigationPreload.setHeaderValue('hello');
         const state = await registration.navigationPreload.getState();
         console.log(state.enabled, state.headerValue);
         const made = await frame('/preloaded.html');
         console.log(made.contentDocument.title, made.contentDocument.body.textContent);
         await registration.navigationPreload.disable();
         const plain = await frame('/preloaded.html?2');
         console.log(plain.contentDocument.body.textContent);",
        "addEventListener('fetch', (event) => {
           if (!event.request.url.includes('preloaded')) return;
           event.respondWith((async () => {
             const preload = await event.preloadResponse;
             return preload ?? new Response('none', { headers: { 'content-type': 'text/html' } });
           })());
         });",
        &[("/preloaded.html", "<title>preloaded</title>body")],
    )
    .await;
    opened.expect(&["true hello", "preloaded body", "none", "END"]);
    let request = opened.request("/preloaded.html");
    assert_eq!(request.header("service-worker-navigation-preload"), Some("hello"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_is_updated_and_waits_for_its_turn() {
    let page = "<script>
        const state = (worker, wanted) => new Promise((resolve) => {
          const look = () => worker.state === wanted && resolve();
          worker.addEventListener('statechange', look); look();
        });
        onload = async () => { try {
          const registration = await navigator.serviceWorker.register('/sw.js', { updateViaCache: 'all' });
          await state(registration.installing ?? registration.waiting ?? registration.active, 'activated');
          console.log('same', (await registration.update()) === registration, registration.waiting);
          const frame = document.createElement('iframe');
          frame.src = '/in.html';
          await new Promise((resolve) => { frame.onload = resolve; document.body.append(frame); });
          await navigator.serviceWorker.register('/sw.js?2');
          const next = registration.installing ?? registration.waiting;
          await state(next, 'installed');
          console.log('waits', registration.waiting === next, registration.active !== next, next.scriptURL.endsWith('?2'));
          frame.contentWindow.navigator.serviceWorker.controller.postMessage('');
          const changed = new Promise((resolve) => frame.contentWindow.navigator.serviceWorker.oncontrollerchange = resolve);
          next.postMessage('skip');
          await state(next, 'activated');
          await changed;
          console.log('took over', registration.active === next, frame.contentWindow.navigator.serviceWorker.controller.scriptURL.endsWith('?2'));
          console.log('gone', await registration.unregister(), await registration.unregister(), (await navigator.serviceWorker.getRegistrations()).length);
        } catch (error) { console.log('FAILED', error); } console.log('END'); };
        </script><body>";
    let opened = Site::new()
        .page(page)
        .js("/sw.js", "addEventListener('message', (event) => { if (event.data === 'skip') event.waitUntil(skipWaiting()); });")
        .html("/in.html", "")
        .open_until("END")
        .await;
    opened.expect(&[
        "same true null",
        "waits true true true",
        "took over true true",
        "gone true false 0",
        "END",
    ]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_hop_of_a_navigation_is_asked_of_the_worker() {
    let opened = controlled(
        "const moved = await frame('/redirected.html');
         console.log(moved.contentWindow.location.pathname, moved.contentDocument.title);
         const other = await frame('/elsewhere.html');
         console.log(other.contentWindow.location.pathname, other.contentDocument.title);
         const foreign = await frame('/abroad.html');
         let where; try { where = foreign.contentWindow.location.href; } catch (error) { where = error.name; }
         console.log(where);
         navigator.serviceWorker.controller.postMessage('seen');
         for (const line of await heard()) console.log(line);",
        "const seen = [];
         const ids = new Set();
         addEventListener('fetch', (event) => {
           const { pathname } = new URL(event.request.url);
           if (event.request.mode !== 'navigate') return;
           seen.push(pathname + ' ' + event.request.redirect + ' ' + !ids.has(event.resultingClientId));
           ids.add(event.resultingClientId);
           if (pathname === '/hop.html') event.respondWith(fetch(event.request).then((response) => {
             seen.push(response.type + ' ' + response.status);
             return response;
           }));
           if (pathname === '/elsewhere.html') event.respondWith(fetch('/end.html'));
         });
         addEventListener('message', (event) => event.source.postMessage(seen));",
        &[("/end.html", "<title>the end</title>")],
    )
    .await;
    opened.expect(&[
        "/end.html the end",
        "/elsewhere.html the end",
        "SecurityError",
        "/redirected.html manual true",
        "/hop.html manual false",
        "opaqueredirect 0",
        "/end.html manual false",
        "/elsewhere.html manual true",
        "/abroad.html manual true",
        "END",
    ]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_happens_to_a_registration_is_told_in_its_order() {
    let opened = controlled(
        "const registration = await navigator.serviceWorker.ready;
         const order = [];
         registration.addEventListener('updatefound', () => {
           order.push('updatefound');
           const { installing } = registration;
           installing.addEventListener('statechange', () => {
             const slot = ['installing', 'waiting', 'active'].filter((name) => registration[name] === installing).join();
             order.push(installing.state + ' ' + slot);
           });
         });
         navigator.serviceWorker.addEventListener('controllerchange', () => order.push('controllerchange'));
         const same = await navigator.serviceWorker.register('/sw.js?2');
         order.push('registered ' + (same.installing !== null));
         await new Promise((resolve) => navigator.serviceWorker.addEventListener('message', resolve, { once: true }));
         console.log(order.join('; '));
         const updating = await same.update();
         console.log(updating === same, await same.unregister());",
        "if (location.search) {
           const said = [];
           registration.addEventListener('updatefound', () => said.push('updatefound'));
           serviceWorker.addEventListener('statechange', () => said.push(serviceWorker.state));
           addEventListener('install', () => said.push('install'));
           addEventListener('activate', (event) => event.waitUntil(clients.claim().then(async () => {
             said.push('activate');
             for (const client of await clients.matchAll()) client.postMessage('');
             if (said.join() !== 'installing,updatefound,install,installed,activating,activate') console.log('in the worker: ' + said.join());
           })));
         }",
        &[],
    )
    .await;
    opened.expect(&[
        "registered true; updatefound; installed waiting; activating active; controllerchange",
        "true true",
        "END",
    ]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn skip_waiting_resolves_behind_the_activate_event() {
    let opened = controlled(
        "await navigator.serviceWorker.register('/next.js');
         const { waiting } = await new Promise((resolve) => {
           const look = async () => {
             const registration = await navigator.serviceWorker.getRegistration();
             if (registration.waiting) resolve(registration); else setTimeout(look, 1);
           };
           look();
         });
         waiting.postMessage('skip');
         console.log(await heard());",
        "",
        &[(
            "/next.js",
            "let active = false;
             addEventListener('activate', () => active = true);
             addEventListener('message', (event) => event.waitUntil((async () => {
               const result = await skipWaiting();
               // It goes on beside the last step of its activation.
               event.source.postMessage([result === undefined, active, /^activat/.test(registration.active.state)].join());
             })()));",
        )],
    )
    .await;
    opened.expect(&["true,true,true", "END"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn frames_take_the_focus() {
    let opened = controlled(
        "const one = await frame('/nested.html?1');
         const two = await frame('/nested.html?2');
         const order = [];
         for (const [name, target] of [['top', window], ['one', one.contentWindow], ['two', two.contentWindow]]) {
           for (const type of ['focus', 'blur']) target.addEventListener(type, () => order.push(name + ' ' + type));
         }
         const has = () => [document, one.contentDocument, two.contentDocument].map((document) => document.hasFocus()).join();
         console.log(has());
         one.contentWindow.focus();
         console.log(has());
         two.focus();
         console.log(has());
         console.log(order.join('; '));
         navigator.serviceWorker.controller.postMessage('all');
         console.log(await heard());",
        "addEventListener('message', (event) => event.waitUntil((async () => {
           const all = await clients.matchAll();
           event.source.postMessage(all.map((client) => new URL(client.url).search + client.focused).join());
         })()));",
        &[("/nested.html", "")],
    )
    .await;
    opened.expect(&[
        "true,false,false",
        "true,true,false",
        "true,false,true",
        "one focus; one blur; two focus",
        "true,?2true,?1false",
        "END",
    ]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn aborts_reach_what_a_cache_stores() {
    let opened = controlled(
        "const cache = await caches.open('c');
         const aborted = async (start, before) => {
           const controller = new AbortController();
           if (before) controller.abort('early');
           const promise = start(new Request('/slow.js', { signal: controller.signal }));
           if (!before) setTimeout(() => controller.abort('late'), 0);
           return promise.then(() => 'stored', (reason) => reason);
         };
         const slow = (signal) => new Response(new ReadableStream({ start(c) { signal.addEventListener('abort', () => c.error(signal.reason)); } }));
         console.log(await aborted((request) => cache.add(request), true), await aborted((request) => cache.addAll([request]), true));
         console.log(await aborted((request) => cache.add(request), false), await aborted((request) => cache.addAll([request]), false));
         console.log(await aborted((request) => cache.put('/x', slow(request.signal)), false));
         console.log((await cache.keys()).length);",
        "addEventListener('fetch', (event) => { if (event.request.url.endsWith('slow.js')) event.respondWith(new Promise(() => {})); });",
        &[],
    )
    .await;
    opened.expect(&["early early", "late late", "late", "0", "END"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sandboxed_origin_has_neither_caches_nor_service_workers() {
    let opened = Site::new()
        .page(
            "<!doctype html><body><script>
             onmessage = (event) => { console.log(event.data); console.log('END'); };
             </script><iframe sandbox=allow-scripts src=/inside.html></iframe>",
        )
        .html(
            "/inside.html",
            "<script>
             (async () => {
               const said = [];
               for (const call of [() => caches.open('c'), () => caches.keys(), () => navigator.serviceWorker]) {
                 try { await call(); said.push('allowed'); } catch (error) { said.push(error.name); }
               }
               parent.postMessage(said.join(), '*');
             })();
             </script>",
        )
        .open_until("END")
        .await;
    opened.expect(&["SecurityError,SecurityError,SecurityError", "END"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn forms_and_history_are_told_to_the_worker() {
    let opened = controlled(
        "const made = await frame('/form.html');
         const loaded = () => new Promise((resolve) => made.onload = () => resolve(made.contentDocument.body.textContent.trim()));
         let next = loaded();
         made.contentDocument.querySelector('form').submit();
         console.log(await next);
         next = loaded(); made.contentWindow.location.reload();
         console.log(await next);
         next = loaded(); made.contentWindow.location = '/asked?2';
         console.log(await next);
         next = loaded(); made.contentWindow.history.back();
         console.log(await next);",
        "addEventListener('fetch', (event) => {
           const { method, cache, isReloadNavigation, isHistoryNavigation } = event.request;
           if (!event.request.url.includes('/asked')) return;
           event.respondWith(event.request.text().then((text) => new Response([method, text, cache, isReloadNavigation, isHistoryNavigation].join(' '), { headers: { 'content-type': 'text/html' } })));
         });",
        &[("/form.html", "<form method=post action=/asked><input name=a value=b></form>")],
    )
    .await;
    opened.expect(&[
        "POST a=b default false false",
        "POST a=b no-cache true false",
        "GET  default false false",
        "POST a=b default false true",
        "END",
    ]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn preloads_that_redirect_keep_no_connections() {
    let opened = controlled(
        "const registration = await navigator.serviceWorker.ready;
         await registration.navigationPreload.enable();
         // More than a server is given connections at a time.
         for (let turn = 0; turn < 8; turn += 1) {
           const made = await frame('/redirected.html?' + turn);
           if (made.contentDocument.title !== 'the end') console.log(made.contentDocument.title);
         }
         console.log('all');",
        "const kept = [];
         addEventListener('fetch', (event) => {
           if (event.request.mode !== 'navigate') return;
           event.respondWith(event.preloadResponse.then((response) => {
             kept.push(response);
             return response;
           }));
         });",
        &[("/end.html", "<title>the end</title>")],
    )
    .await;
    opened.expect(&["all", "END"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn timings_know_the_worker_and_the_sizes_of_what_it_gives() {
    let opened = controlled(
        "const navigation = async (url) => {
           const { performance } = (await frame(url)).contentWindow;
           const [entry] = performance.getEntriesByType('navigation');
           // NOTE: its worker may be asked at the page's time origin, as far as a page can tell times apart.
           return [entry.workerStart <= entry.fetchStart, entry.encodedBodySize, entry.decodedBodySize].join(' ');
         };
         console.log(await navigation('/made.html'), '|', await navigation('/passed.html'), '|', await navigation('/left.html'));
         const entry = (url) => new Promise((resolve) => {
           new PerformanceObserver((list) => {
             const [found] = list.getEntriesByName(url);
             if (found) resolve([found.workerStart > 0, found.encodedBodySize].join(' '));
           }).observe({ type: 'resource', buffered: true });
         });
         await (await fetch('{near}/made')).text();
         console.log(await entry('{near}/made'));
         // Nobody sees what is opaque: it comes to its end all the same.
         for (const path of ['{near}/made', '{near}/streamed']) {
           const response = await fetch(path + '?opaque', { mode: 'no-cors' });
           console.log(response.type, await entry(path + '?opaque'));
         }",
        "addEventListener('fetch', (event) => {
           const { pathname } = new URL(event.request.url);
           const html = { headers: { 'content-type': 'text/html' } };
           if (pathname === '/made.html') event.respondWith(new Response('12345', html));
           if (pathname === '/passed.html') event.respondWith(fetch(event.request));
           if (pathname === '/made') event.respondWith(new Response('123'));
           let chunks = 3;
           const pull = async (controller) => { controller.enqueue(new Uint8Array(5)); await 0; if (--chunks === 0) controller.close(); };
           if (pathname === '/streamed') event.respondWith(new Response(new ReadableStream({ pull })));
         });",
        &[("/passed.html", "1234567"), ("/left.html", "123456789")],
    )
    .await;
    opened.expect(&["true 5 5 | true 7 7 | true 9 9", "true 3", "opaque true 0", "opaque true 0", "END"]);
}
