//! <https://wicg.github.io/background-fetch/>, as documents meet it.

use crate::site::Site;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_counts_as_active_once_the_document_was_told() {
    let page = "<script>(async () => {
        const registration = await navigator.serviceWorker.register('/worker.js');
        // The worker becomes active while the script runs.
        const blocks = new XMLHttpRequest();
        blocks.open('GET', '/empty?after=active', false);
        blocks.send();
        console.log(registration.active);
        await registration.backgroundFetch.fetch('id', '/empty').catch((error) => console.log(error.name));
        await navigator.serviceWorker.ready;
        console.log((await registration.backgroundFetch.fetch('id', '/empty')).id);
        console.log('over');
      })()</script>";
    let worker = "onactivate = (event) => event.waitUntil(fetch('/open/active'));";
    let site = Site::new().page(page).js("/worker.js", worker).file("/empty", &[], "");
    site.open_until("over").await.expect(&["null", "TypeError", "id", "over"]);
}
