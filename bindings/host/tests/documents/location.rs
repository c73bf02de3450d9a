//! <https://html.spec.whatwg.org/#the-location-interface>

use crate::site::Site;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_but_the_address_can_be_read_out_of_a_location() {
    let page = "<iframe></iframe><script>
        const shown = (key) => { const d = Object.getOwnPropertyDescriptor(location, key); return [d.value === Object.prototype.valueOf || d.value, d.writable, d.enumerable, d.configurable].join() };
        console.log(shown('valueOf'), shown(Symbol.toPrimitive));
        const tried = (f) => { try { return String(f()) } catch (e) { return e.name } };
        'use strict';
        Object.prototype.valueOf = () => 'patched';
        console.log(location.valueOf() === location, `${location}` === location.href, location + '' === location.href);
        console.log(tried(() => Object.defineProperty(location, 'valueOf', { value: 1 })), tried(() => Object.defineProperty(location, Symbol.toPrimitive, { get: () => 1 })));
        console.log(Reflect.set(location, 'toString', () => 'x'), Reflect.deleteProperty(location, 'href'), Reflect.set(location, 'valueOf', 1));
        const own = (name) => Object.getOwnPropertyDescriptor(location, name)?.configurable;
        console.log(['assign', 'replace', 'reload', 'toString', 'href', 'origin', 'hash'].map(own).join());
        const other = frames[0].location;
        console.log(other.valueOf === frames[0].Object.prototype.valueOf, other.valueOf === location.valueOf);
        </script>";
    let opened = Site::new().page(page).open().await;
    opened.expect(&[
        "true,false,false,false ,false,false,false",
        "true true true",
        "TypeError TypeError",
        "false false false",
        "false,false,false,false,false,false,false",
        "true false",
    ]);
}
