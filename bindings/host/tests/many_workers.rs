//! Workers leave nothing behind. `LONGHAUL_TEST_WORKERS` sets how many are made (40 by default; 200 is the full count).

mod support;

use longhaul_host::agent::AgentLimits;
use support::pages::idle_page;

fn count(folder: &str) -> usize {
    std::fs::read_dir(folder).expect("the kernel tells").count()
}

/// The only test of this process, so that all its threads and files are those of this test.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ended_workers_leave_no_thread_and_no_file() {
    let workers: usize =
        std::env::var("LONGHAUL_TEST_WORKERS").ok().and_then(|text| text.parse().ok()).unwrap_or(40);
    let page = |workers: usize| {
        format!(
            "(async () => {{
               for (let index = 0; index < {workers}; index += 1) {{
                 const worker = new Worker('worker.js');
                 await new Promise((resolve) => {{ worker.onmessage = resolve; }});
                 if (index % 2) worker.terminate(); else worker.postMessage('close');
               }}
               console.log('over');
             }})();"
        )
    };
    let files = [("worker.js", "onmessage = () => close(); postMessage(1);")];
    // What is made once, whatever number of workers there are.
    let first = idle_page(&page(4), &files, AgentLimits::default()).await;
    assert_eq!(first.console, ["over"], "{:?}", first.errors);
    settled(&first).await;
    let (threads, descriptors) = (count("/proc/self/task"), count("/proc/self/fd"));
    drop(first);
    let idle = idle_page(&page(workers), &files, AgentLimits::default()).await;
    assert_eq!(idle.console, ["over"], "{:?}", idle.errors);
    settled(&idle).await;
    let after = (count("/proc/self/task"), count("/proc/self/fd"));
    println!("{workers} workers: threads {threads} → {}, descriptors {descriptors} → {}", after.0, after.1);
    // A second page has a server and a pool of its own while the first one's are going.
    assert!(after.0 <= threads + 8 && after.1 <= descriptors + 16, "{threads} {descriptors} {after:?}");
}

/// Waits until the threads of ended workers are gone.
async fn settled(idle: &support::pages::Idle) {
    while idle.page.agent().live_workers() > 0 {
        tokio::task::yield_now().await;
    }
}
