//! A long download costs disk, not memory. `LONGHAUL_TEST_DOWNLOAD_MIB` sets its size (256 by default; 4096 is the
//! size that the README's figure is measured with).

mod support;

use support::run::Run;
use support::server::{Connection, Request, Server};
use support::site;

/// What the process may keep resident at the most.
const LIMIT_KIB: u64 = 96 * 1024;

#[test]
fn a_download_of_any_size_stays_under_96_mib() {
    let mebibytes: u64 =
        std::env::var("LONGHAUL_TEST_DOWNLOAD_MIB").ok().and_then(|v| v.parse().ok()).unwrap_or(256);
    let size = mebibytes * 1024 * 1024;
    let script = "await swReg.backgroundFetch.fetch('it', 'file');";
    // The worker only says that it was told: what is measured is the download, not a script that reads it whole. Its
    // question is answered once the process has been measured, so that it is still there.
    let worker = "addEventListener('install', () => skipWaiting());
                  addEventListener('backgroundfetchsuccess', (e) => {
                    console.log(`downloaded ${e.registration.downloaded}`);
                    e.waitUntil(fetch('/measured'));
                  });";
    let (measured, gate) = std::sync::mpsc::channel::<()>();
    let gate = std::sync::Mutex::new(gate);
    let server = Server::start(move |request: &Request, connection: &mut Connection| {
        if request.path == "/sw.js" {
            return connection.respond("200 OK", &["Content-Type: text/javascript"], worker.as_bytes());
        }
        if let Some(done) = site::answer(request, connection, script) {
            return done;
        }
        if request.path == "/measured" {
            let _ = gate.lock().unwrap().recv();
            return connection.respond("204 No Content", &[], b"");
        }
        connection.head(&["HTTP/1.1 200 OK", &format!("Content-Length: {size}"), "ETag: \"a\""])?;
        let zeros = vec![0; 1024 * 1024];
        (0..mebibytes).try_for_each(|_| connection.body(&zeros))
    });
    let folder = tempfile::tempdir().unwrap();
    let mut run = Run::start(folder.path(), &server.origin(), &[]);
    let message = format!("downloaded {size}");
    run.wait_for("the worker's word", |e| e["event"] == "console" && e["message"] == message.as_str());
    let peak = peak_resident_kib(run.pid());
    measured.send(()).unwrap();
    let (status, _, stderr) = run.finish();
    assert!(status.success(), "{stderr}");
    println!("peak resident memory for a download of {mebibytes} MiB: {} MiB", peak / 1024);
    assert!(peak < LIMIT_KIB, "{peak} KiB");
}

fn peak_resident_kib(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line =
        status.lines().find(|l| l.starts_with("VmHWM:")).expect("the kernel tells the high-water mark");
    line.split_whitespace().nth(1).and_then(|n| n.parse().ok()).expect("in KiB")
}
