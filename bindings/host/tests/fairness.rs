//! A slow registration holds back nobody: neither another origin nor another registration of its own.

mod support;

use support::run::{Run, worker_reports};
use support::server::{Connection, Request, Server};
use support::site;

const SIZE: u64 = 300_000;

#[test]
fn the_fast_ones_are_not_held_back() {
    // The slow file waits for this: it goes on only after the fast ones have settled.
    let (release, gate) = std::sync::mpsc::channel::<()>();
    let gate = std::sync::Mutex::new(gate);
    let script = "if (!(await swReg.backgroundFetch.get('slow'))) {
        await swReg.backgroundFetch.fetch('slow', 'slow.bin');
        await swReg.backgroundFetch.fetch('fast', 'fast.bin');
    }";
    let first = Server::start(move |request: &Request, connection: &mut Connection| {
        if let Some(done) = site::answer(request, connection, script) {
            return done;
        }
        let length = format!("Content-Length: {SIZE}");
        connection.head(&["HTTP/1.1 200 OK", &length, "ETag: \"a\""])?;
        if request.path == "/slow.bin" {
            connection.body(&site::bytes(0..1000))?;
            let _ = gate.lock().unwrap().recv();
            return connection.body(&site::bytes(1000..SIZE));
        }
        connection.body(&site::bytes(0..SIZE))
    });
    // Another origin, whose page is opened by a second visit while the first origin's slow file hangs.
    let other_script = "await swReg.backgroundFetch.fetch('one', 'one.bin');
                        await swReg.backgroundFetch.fetch('two', 'two.bin');";
    let second = Server::start(move |request: &Request, connection: &mut Connection| {
        if let Some(done) = site::answer(request, connection, other_script) {
            return done;
        }
        connection.respond("200 OK", &["ETag: \"b\""], &site::bytes(0..SIZE))
    });

    let folder = tempfile::tempdir().unwrap();
    let mut run = Run::start(folder.path(), &first.origin(), &[]);
    run.wait_for_event("settled", "fast");
    run.kill();

    // The slow one is restored, hangs again, and two of another origin come beside it.
    let mut run = Run::start(folder.path(), &second.origin(), &[]);
    run.wait_for("progress of the slow one", |e| e["event"] == "progress" && e["id"] == "slow");
    let mut settled = Vec::new();
    while settled.len() < 2 {
        let event = run.wait_for("a settled fetch of the second origin", |e| e["event"] == "settled");
        settled.push(event["id"].as_str().unwrap_or_default().to_owned());
    }
    settled.retain(|id| id != "fast");
    assert!(!settled.contains(&"slow".to_owned()), "{settled:?}");
    release.send(()).unwrap();
    release.send(()).unwrap();
    let (status, events, stderr) = run.finish();
    assert!(status.success(), "{stderr}");
    assert_eq!(worker_reports(&events, "success", "slow").len(), 1, "{events:#?}");
}
