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
