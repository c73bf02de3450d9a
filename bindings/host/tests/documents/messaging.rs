//! <https://html.spec.whatwg.org/#web-messaging>: between windows.

use crate::site::Site;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_source_is_who_called_and_the_target_is_who_was_meant() {
    let page = "<script>
        addEventListener('message', (e) => {
          const name = e.source === window ? 'self' : e.source === frames[0] ? 'frame' : e.source === null ? 'null' : 'other';
          console.log(name, e.data, e.origin === origin, e.ports.length, e instanceof MessageEvent, e.lastEventId === '');
        });
        onload = async () => {
          const inner = frames[0];
          window.postMessage('to self', '/');
          window.postMessage('to nobody', '{near}');
          // The function's realm counts, and not whose window it is called on.
          inner.tell(window, 'inner function');
          inner.eval('parent.postMessage(\"evaluated\", \"*\")');
          // Called here, of the frame's window: it hears it.
          inner.postMessage({ deep: [1] }, '*', [new MessageChannel().port1]);
          inner.postMessage('options', { targetOrigin: '*' });
          inner.postMessage('no target');
          try { window.postMessage('x', 'no origin'); } catch (e) { console.log(e.name); }
          try { window.postMessage(() => {}, '*'); } catch (e) { console.log(e.name); }
        };
        </script><iframe src=/inner.html></iframe>";
    let inner = "<script>
        globalThis.tell = (target, word) => target.postMessage(word, '*');
        addEventListener('message', (e) => {
          e.source.postMessage('heard ' + (e.data.deep ? e.data.deep[0] : e.data) + ' ' + (e.source === parent) + ' ' + e.ports.length, e.origin);
        });</script>";
    let opened = Site::new().page(page).html("/inner.html", inner).open().await;
    opened.expect(&[
        "SyntaxError",
        "DataCloneError",
        "self to self true 0 true true",
        "frame inner function true 0 true true",
        "frame evaluated true 0 true true",
        "frame heard 1 true 1 true 0 true true",
        "frame heard options true 0 true 0 true true",
        "frame heard no target true 0 true 0 true true",
    ]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn buffers_and_ports_cross_from_window_to_window() {
    let page = "<script>
        onload = () => {
          const buffer = Uint8Array.of(1, 2, 3).buffer;
          const { port1, port2 } = new MessageChannel();
          port1.onmessage = (e) => console.log('port', e.data);
          frames[0].postMessage({ buffer, port: port2 }, '*', [buffer, port2]);
          console.log(buffer.byteLength);
        };
        </script><iframe src={near}/inner.html></iframe>";
    let inner = "<script>onmessage = (e) => e.data.port.postMessage([...new Uint8Array(e.data.buffer), e.data.port === e.ports[0]].join());</script>";
    let opened = Site::new().page(page).html("/inner.html", inner).open().await;
    opened.expect(&["0", "port 1,2,3,true"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_frame_that_has_moved_on_gets_nothing_that_was_meant_for_another_origin() {
    let page = "<script>
        addEventListener('message', (e) => console.log(e.data));
        onload = () => {
          frames[0].postMessage('secret', '{here}');
          frames[0].postMessage('public', '*');
        };
        </script><iframe src={near}/inner.html></iframe>";
    let inner = "<script>onmessage = (e) => parent.postMessage('got ' + e.data, '*');</script>";
    let opened = Site::new().page(page).html("/inner.html", inner).open().await;
    opened.expect(&["got public"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_made_for_a_window_is_of_its_realm() {
    let page = "<script>
        const wrong = [];
        // Whether an object and what is in it are of a window's realm.
        const of = (window, what, value) => {
          const is = (value, kind, what) => { if (!(value instanceof window[kind])) wrong.push(what + ' ' + kind); };
          is(value, 'Object', what);
          for (const [kind, part] of Object.entries(value)) if (kind in window) is(part, kind, what);
        };
        const message = () => {
          const made = { Array: [1, { x: 1 }], Date: new Date(0), RegExp: /x/, Map: new Map(), Set: new Set(), TypeError: new TypeError('x'), Uint8Array: new Uint8Array(2), Boolean: Object(true),
            Blob: new Blob(['x']), File: new File([], 'x'), DOMException: new DOMException('x') };
          return made;
        };
        const transfer = () => {
          const { port1 } = new MessageChannel();
          const made = { MessagePort: port1, ArrayBuffer: new ArrayBuffer(1), ReadableStream: new ReadableStream(), WritableStream: new WritableStream(), TransformStream: new TransformStream() };
          return [made, Object.values(made)];
        };
        const next = (target, type = 'message') => new Promise((resolve) => target.addEventListener(type, resolve, { once: true }));
        const event = (window, what, event) => {
          of(window, what, event.data);
          if (!(event instanceof window.MessageEvent)) wrong.push(what + ' MessageEvent');
          if (!(event.ports instanceof window.Array)) wrong.push(what + ' ports');
          for (const port of event.ports) if (!(port instanceof window.MessagePort)) wrong.push(what + ' port');
        };
        onload = async () => { try {
          const inner = frames[0];
          // From here to there, and of the transferred too.
          let came = next(inner); inner.postMessage(message(), '*'); event(inner, 'window', await came);
          came = next(inner); const [data, list] = transfer(); inner.postMessage(data, '*', list); event(inner, 'transfer', await came);
          came = next(window); inner.eval('parent.postMessage({ Array: [] }, \"*\")'); event(window, 'back', await came);
          // Of whom an object is made, whoever calls.
          const channel = new inner.MessageChannel(); channel.port1.start();
          if (!(channel.port1 instanceof inner.MessagePort)) wrong.push('channel');
          came = next(channel.port1); channel.port2.postMessage(message()); event(inner, 'channel', await came);
          const own = new MessageChannel(); own.port1.start();
          came = next(own.port1); inner.MessagePort.prototype.postMessage.call(own.port2, message()); event(window, 'own channel', await came);
          const broadcast = new inner.BroadcastChannel('x'), sender = new BroadcastChannel('x');
          came = next(broadcast); sender.postMessage(message()); event(inner, 'broadcast', await came); broadcast.close(); sender.close();
          const worker = new inner.Worker('/worker.js');
          came = next(worker); worker.postMessage(message()); event(inner, 'worker', await came); worker.terminate();
          for (const [cloner, target, what] of [[inner.structuredClone, window, 'clone'], [structuredClone, inner, 'clone there']]) {
            of(target, what, cloner.call(target, message()));
          }
          // Bodies.
          const bodies = async (window, what, response, methods) => {
            const check = (value, kind) => { if (!(value instanceof window[kind])) wrong.push(what + ' ' + kind); };
            check(response, 'Response'); check(response.headers, 'Headers'); check(response.body, 'ReadableStream');
            const call = (name) => methods[name].call(response.clone());
            check(await call('arrayBuffer'), 'ArrayBuffer'); check(await call('json'), 'Object'); check(await call('blob'), 'Blob'); check(await call('bytes'), 'Uint8Array');
            check((await response.clone().body.getReader().read()).value, 'Uint8Array');
          };
          const answer = await inner.fetch('/json');
          await bodies(inner, 'fetch', answer, inner.Response.prototype);
          await bodies(inner, 'called here', answer, Response.prototype);
          await bodies(window, 'called there', await fetch('/json'), inner.Response.prototype);
          await bodies(inner, 'made', inner.Response.json([]), inner.Response.prototype);
          for (const [kind, type] of [['ArrayBuffer', 'arraybuffer'], ['Object', 'json'], ['Blob', 'blob']]) {
            const request = new inner.XMLHttpRequest(); request.open('GET', '/json'); request.responseType = type;
            came = next(request, 'load'); request.send(); await came;
            if (!(request.response instanceof inner[kind])) wrong.push('request ' + kind);
          }
          const reader = new inner.FileReader();
          came = next(reader, 'load'); reader.readAsArrayBuffer(new Blob(['x'])); await came;
          if (!(reader.result instanceof inner.ArrayBuffer)) wrong.push('reader');
          const blob = new inner.Blob(['x']);
          if (!((await Blob.prototype.arrayBuffer.call(blob)) instanceof inner.ArrayBuffer)) wrong.push('blob');
          if (!(inner.Blob.prototype.slice.call(new Blob([])) instanceof Blob)) wrong.push('slice');
          inner.history.pushState(message(), ''); of(inner, 'state', inner.history.state);
          if (!((await inner.crypto.subtle.digest('SHA-1', new Uint8Array(1))) instanceof inner.ArrayBuffer)) wrong.push('digest');
          } catch (error) { console.log('FAILED', error); }
          console.log(wrong.sort().join('; ')); console.log('END');
        };
        </script><iframe src=/inner.html></iframe>";
    let opened = Site::new()
        .page(page)
        .html("/inner.html", "")
        .js("/worker.js", "onmessage = (e) => postMessage(e.data)")
        .file("/json", &["Content-Type: application/json"], "{}")
        .open_until("END")
        .await;
    opened.expect(&["", "END"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_gone_broadcasts_nothing() {
    let page = "<iframe src=/inner.html></iframe><script>
        const channel = new BroadcastChannel('x');
        channel.onmessage = (e) => { console.log(e.data); if (e.data === 'last') console.log('END'); };
        onload = () => {
          const frame = document.querySelector('iframe');
          const sender = new frame.contentWindow.BroadcastChannel('x');
          sender.onmessage = (e) => console.log('never', e.data);
          sender.postMessage('from the frame');
          frame.remove();
          BroadcastChannel.prototype.postMessage.call(sender, 'never');
          channel.postMessage('from the page');
          const worker = new Worker('/closing.js');
          worker.onmessage = () => new Worker('/last.js');
        };
        </script>";
    let opened = Site::new()
        .page(page)
        .html("/inner.html", "")
        .js("/closing.js", "const one = new BroadcastChannel('x'); close(); one.postMessage('never'); new BroadcastChannel('x').postMessage('never'); postMessage(1)")
        .js("/last.js", "new BroadcastChannel('x').postMessage('last')")
        .open_until("END")
        .await;
    opened.expect(&["from the frame", "last", "END"]);
}
