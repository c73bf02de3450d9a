//! <https://dom.spec.whatwg.org/#ranges>, and the inline style that scripts write beside them.

use crate::site::Site;

const HELP: &str = "<script>
    const text = (node) => { const box = document.createElement('x'); box.append(node); return box.innerHTML; };
    const name = (node) => node.id || node.nodeName;
    const show = (range) => [name(range.startContainer), range.startOffset, name(range.endContainer), range.endOffset].join();
    const tried = (run) => { try { return run(); } catch (e) { return e.name; } };
    const over = (start, from, end, to) => { const range = new Range(); range.setStart(start, from); range.setEnd(end, to); return range; };
    const tree = (id, markup) => { const node = document.createElement('div'); node.id = id; node.innerHTML = markup; document.body.append(node); return node; };
    </script>";

async fn says(script: &str, expected: &[&str]) {
    let opened = Site::new().page(&format!("<body id=body>{HELP}<script>{script}</script>")).open().await;
    opened.expect(expected);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ranges_have_two_ends() {
    says(
        "const div = tree('d', 'one<b id=b>two</b>three'), [one, b, three] = div.childNodes;
         const range = document.createRange();
         console.log(show(range), range.collapsed, range instanceof AbstractRange, String(range));
         range.selectNodeContents(div);
         console.log(show(range), String(range), name(range.commonAncestorContainer));
         range.setStart(one, 1); range.setEnd(three, 2);
         console.log(show(range), String(range), range.cloneRange() !== range, show(range.cloneRange()));
         range.setEndBefore(one); console.log(show(range), range.collapsed);
         range.selectNode(b); range.collapse(true); range.setEndAfter(three); console.log(show(range));
         range.setStart(document.createElement('i'), 0); console.log(show(range), name(range.commonAncestorContainer));
         console.log(tried(() => range.setStart(one, 4)), tried(() => range.setStart(document.createElement('p').getRootNode(), 1)), tried(() => range.setStartBefore(document)), tried(() => range.setEnd(document.implementation.createDocumentType('a', '', ''), 0)));
         const whole = over(div, 0, div, 3), inner = over(b, 0, b, 1);
         console.log([0, 1, 2, 3].map((how) => whole.compareBoundaryPoints(how, inner)).join(), tried(() => whole.compareBoundaryPoints(4, inner)), tried(() => whole.compareBoundaryPoints(0, range)));
         console.log(inner.comparePoint(div, 1), inner.comparePoint(b, 1), inner.comparePoint(three, 0), inner.isPointInRange(b, 0), inner.isPointInRange(div, 0), tried(() => inner.comparePoint(b, 2)), inner.isPointInRange(range.startContainer, 9));
         console.log(inner.intersectsNode(b), inner.intersectsNode(one), inner.intersectsNode(div), inner.intersectsNode(document));
         const still = new StaticRange({ startContainer: div, startOffset: 9, endContainer: one, endOffset: 0 });
         console.log(show(still), still.collapsed, still instanceof Range, Range.END_TO_START, tried(() => new StaticRange({ startContainer: div.attributes[0], startOffset: 0, endContainer: one, endOffset: 0 })));",
        &[
            "#document,0,#document,0 true true ",
            "d,0,d,3 onetwothree d",
            "#text,1,#text,2 netwoth true #text,1,#text,2",
            "d,0,d,0 true",
            "d,1,d,3",
            "I,0,I,0 I",
            "IndexSizeError IndexSizeError InvalidNodeTypeError InvalidNodeTypeError",
            "-1,1,1,-1 NotSupportedError WrongDocumentError",
            "-1 0 1 true false IndexSizeError false",
            "true false true true",
            "d,9,#text,0 false false 3 InvalidNodeTypeError",
        ],
    )
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn contents_are_taken_copied_and_put_elsewhere() {
    says(
        "const markup = '<p id=p>one<b>two</b></p>mid<q id=q><i>three</i>four</q>';
         const make = () => { const div = tree('d', markup); return [div, over(div.firstChild.firstChild, 1, div.lastChild.firstChild.firstChild, 2)]; };
         for (const way of ['cloneContents', 'extractContents', 'deleteContents']) {
           const [div, range] = make();
           const given = range[way]();
           console.log(given ? text(given) : given, div.innerHTML, show(range));
           div.remove();
         }
         const line = tree('line', 'abcdef').firstChild, part = over(line, 1, line, 3);
         console.log(text(part.cloneContents()), text(part.extractContents()), line.data, show(part));
         part.insertNode(document.createElement('hr'));
         console.log(line.parentNode.innerHTML, show(part), tried(() => part.insertNode(document)));
         const [div, range] = make();
         console.log(tried(() => range.surroundContents(document.createElement('u'))), tried(() => over(line, 0, line, 1).surroundContents(document)));
         const mid = div.childNodes[1], around = over(mid, 1, mid, 2);
         around.surroundContents(document.createElement('u'));
         console.log(div.innerHTML, show(around), String(around));
         const fragment = over(div, 0, div, 0).createContextualFragment('<td>x<script>console.log(\"runs\")</scr' + 'ipt>');
         console.log(text(fragment.cloneNode(true)));
         div.append(fragment);
         // What is nested as deep as nothing else is taken without recursion.
         let deep = document.createElement('div'); const outer = deep;
         for (let i = 0; i < 1000; i += 1) deep = deep.appendChild(document.createElement('s'));
         deep.append('x', 'y');
         const taken = over(deep, 1, outer, 1).extractContents();
         console.log(taken.textContent, outer.textContent);",
        &[
            "<p id=\"p\">ne<b>two</b></p>mid<q id=\"q\"><i>th</i></q> <p id=\"p\">one<b>two</b></p>mid<q id=\"q\"><i>three</i>four</q> #text,1,#text,2",
            "<p id=\"p\">ne<b>two</b></p>mid<q id=\"q\"><i>th</i></q> <p id=\"p\">o</p><q id=\"q\"><i>ree</i>four</q> d,1,d,1",
            "undefined <p id=\"p\">o</p><q id=\"q\"><i>ree</i>four</q> d,1,d,1",
            "bc bc adef #text,1,#text,1",
            "a<hr>def #text,1,line,2 HierarchyRequestError",
            "InvalidStateError InvalidNodeTypeError",
            "<p id=\"p\">one<b>two</b></p>m<u>i</u>d<q id=\"q\"><i>three</i>four</q> d,2,d,3 i",
            "x<script>console.log(\"runs\")</script>",
            "runs",
            "y x",
        ],
    )
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ranges_follow_what_is_done_to_the_tree() {
    says(
        "const div = tree('d', 'one<b id=b>two</b>three'), [one, b, three] = div.childNodes;
         const all = over(div, 1, div, 3), inside = over(b.firstChild, 1, b.firstChild, 2), at = over(three, 2, three, 4);
         div.prepend('zero', document.createElement('i'));
         console.log(show(all), show(inside), show(at));
         three.insertData(1, 'xx'); console.log(show(at), String(at));
         three.replaceData(0, 5, ''); console.log(show(at));
         one.remove(); console.log(show(all));
         b.remove(); console.log(show(inside), show(all));
         const all6 = tree('t', 'abcdef').firstChild, parts = over(all6, 2, all6, 5), around = over(all6.parentNode, 0, all6.parentNode, 1);
         all6.splitText(3); console.log(show(parts), parts.endContainer.data, show(around));
         all6.parentNode.normalize(); console.log(show(parts), all6.data, show(around));
         all6.data = 'new'; console.log(show(parts));
         const kept = (() => { const lost = document.createElement('p'); lost.innerHTML = '<a>x</a>'; return over(lost.firstChild.firstChild, 0, lost.firstChild.firstChild, 1); })();
         console.log(name(kept.startContainer.parentNode.parentNode));",
        &[
            "d,3,d,5 #text,1,#text,2 #text,2,#text,4",
            "#text,4,#text,6 re",
            "#text,0,#text,1",
            "d,2,d,4",
            "d,2,d,2 d,2,d,3",
            "#text,2,#text,2 def t,0,t,2",
            "#text,2,#text,5 abcdef t,0,t,1",
            "#text,0,#text,0",
            "P",
        ],
    )
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn styles_are_kept_where_scripts_write_them() {
    says(
        "const node = document.body; node.style.display = 'none'; node.style.backgroundColor = 'red';
         console.log(node.getAttribute('style'), node.style === node.style, node.style.length, node.style[1], node.style.color === '');
         node.style.setProperty('--own', ' A ', 'important'); node.style.removeProperty('display');
         console.log(node.style.cssText, node.style.getPropertyPriority('--own'), node.style.getPropertyValue('background-color'));
         node.style = 'width: 1px'; console.log(node.getAttribute('style'));
         node.style.width = null; console.log(node.getAttribute('style') === '', document.createElementNS('http://www.w3.org/2000/svg', 'g').style instanceof CSSStyleDeclaration);",
        &[
            "display: none; background-color: red; true 2 background-color true",
            "background-color: red; --own: A !important; important red",
            "width: 1px;",
            "true true",
        ],
    )
    .await;
}
