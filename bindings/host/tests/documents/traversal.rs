//! <https://dom.spec.whatwg.org/#traversal>

use crate::site::Site;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn walkers_and_iterators_go_through_a_tree() {
    let page = "<div id=root><p id=a>one<b id=b></b></p><!-- comment --><p id=c><i id=d></i></p></div><script>
        const root = document.getElementById('root');
        const name = (node) => node === null ? null : node.id || node.nodeName;
        const all = (walker, way) => { const seen = []; for (let node = walker[way](); node; node = walker[way]()) seen.push(name(node)); return seen.join(); };
        const walker = document.createTreeWalker(root);
        console.log(all(walker, 'nextNode'), all(walker, 'previousNode'), walker.currentNode === root);
        console.log(all(document.createTreeWalker(root, NodeFilter.SHOW_ELEMENT), 'nextNode'), all(document.createTreeWalker(root, NodeFilter.SHOW_COMMENT), 'nextNode'));
        const skip = document.createTreeWalker(root, 1, (node) => node.id === 'a' ? NodeFilter.FILTER_REJECT : node.id === 'c' ? NodeFilter.FILTER_SKIP : NodeFilter.FILTER_ACCEPT);
        console.log(name(skip.firstChild()), name(skip.parentNode()), name(skip.lastChild()), name(skip.nextSibling()), skip.filter !== null, skip.whatToShow);
        walker.currentNode = document.getElementById('b');
        console.log(name(walker.previousSibling()), name(walker.nextSibling()), name(walker.parentNode()), name(walker.nextSibling()));
        const iterator = document.createNodeIterator(root, NodeFilter.SHOW_ELEMENT, { acceptNode: (node) => node.id === 'b' ? 3 : 1 });
        console.log(name(iterator.nextNode()), name(iterator.nextNode()), name(iterator.nextNode()), iterator.pointerBeforeReferenceNode, name(iterator.previousNode()), iterator.pointerBeforeReferenceNode);
        // What the iterator stands at is taken away.
        document.getElementById('c').remove();
        console.log(name(iterator.referenceNode), iterator.pointerBeforeReferenceNode, name(iterator.nextNode()), name(iterator.previousNode()));
        const tried = (run) => { try { return run(); } catch (e) { return e.name; } };
        const nested = document.createTreeWalker(root, 1, () => nested.nextNode());
        console.log(tried(() => nested.nextNode()), tried(() => document.createTreeWalker(root, 1, {}).nextNode()), tried(() => document.createTreeWalker(root, 1, () => { throw new RangeError() }).nextNode()));
        console.log(tried(() => new TreeWalker()), walker instanceof TreeWalker, iterator instanceof NodeIterator, NodeFilter.SHOW_ALL);
        </script>";
    let opened = Site::new().page(page).open().await;
    opened.expect(&[
        "a,#text,b,#comment,c,d c,#comment,b,#text,a,root true",
        "a,b,c,d #comment",
        "d root d null true 1",
        "#text b a #comment",
        "root a c false c true",
        "#comment false null a",
        "InvalidStateError TypeError RangeError",
        "TypeError true true 4294967295",
    ]);
}
