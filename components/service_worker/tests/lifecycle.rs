//! Registering, installing, activating, replacing and removing workers.

mod support;

use futures::StreamExt;
use longhaul_fetch::EnvironmentSettings;
use longhaul_service_worker::{
    DispatchOutcome, ExceptionKind, FunctionalEvent, LoadError, RegisterError, RegistrationEvent,
    RegistrationOptions, ScriptCache, ScriptKind, ScriptSource, StartError, UpdateViaCache, WorkerState,
    WorkerType,
};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use support::{ORIGIN, Served, World, data, page, url};
use url::Url;

fn served(source: &str) -> Served {
    Served {
        source: source.to_owned(),
        mime: Some("application/javascript"),
        headers: Vec::new(),
        from: ScriptSource::Network,
    }
}

#[tokio::test]
async fn a_registered_worker_is_installed_and_activated() {
    let world = World::new().await;
    let registration = world.register("/app/sw.js", "install gate").await.unwrap();
    assert_eq!(registration.scope(), &url("/app/"));
    assert_eq!(registration.storage_key(), ORIGIN);
    let worker = registration.installing().unwrap();
    assert_eq!(worker.state(), WorkerState::Installing);
    assert_eq!((registration.waiting(), registration.active()), (None, None));
    let mut events = registration.observe();
    world.host.open_gate("install");
    let ready = world.workers.ready(ORIGIN, &url("/app/page")).await;
    assert_eq!(ready, registration);
    world.workers.idle().await;
    assert_eq!(registration.active(), Some(worker.clone()));
    assert_eq!(world.host.log(), ["start /app/sw.js", "install /app/sw.js", "activate /app/sw.js"]);
    let mut states = Vec::new();
    while let Some(Some(event)) = futures::FutureExt::now_or_never(events.next()) {
        match event {
            RegistrationEvent::StateChange { worker: of, state } if of == worker => states.push(state),
            RegistrationEvent::WorkersChanged { .. } => {}
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(states, [WorkerState::Installed, WorkerState::Activating, WorkerState::Activated]);
}

#[tokio::test]
async fn observers_hear_of_an_update() {
    let world = World::new().await;
    let registration = world.activated("/sw.js", "").await;
    let mut events = registration.observe();
    let now = events.next().await;
    assert!(matches!(now, Some(RegistrationEvent::WorkersChanged { installing: None, .. })), "{now:?}");
    world.register("/other.js", "").await.unwrap();
    let RegistrationEvent::WorkersChanged { installing: Some(worker), .. } = events.next().await.unwrap()
    else {
        panic!("the slots change first")
    };
    let installing =
        RegistrationEvent::StateChange { worker: worker.clone(), state: WorkerState::Installing };
    assert_eq!(events.next().await, Some(installing));
    assert_eq!(events.next().await, Some(RegistrationEvent::UpdateFound { worker }));
}

#[tokio::test]
async fn a_registration_is_told_from_the_moment_its_promise_resolved() {
    let world = World::new().await;
    world.loader.put("/sw.js", "");
    let options = RegistrationOptions::default();
    let registering = world.workers.register_and_observe(page("/"), url("/sw.js"), None, options);
    let mut registered = registering.await.unwrap();
    // Whoever looks late finds the worker active already, and yet hears that it was installing.
    world.workers.idle().await;
    assert!(registered.registration.installing().is_none() && registered.registration.active().is_some());
    let first = registered.events.next().await;
    assert!(
        matches!(first, Some(RegistrationEvent::WorkersChanged { installing: Some(_), .. })),
        "{first:?}"
    );
}

#[tokio::test]
async fn what_must_not_be_registered_is_refused_by_name() {
    let world = World::new().await;
    let options = RegistrationOptions::default();
    let local = |text: &str| Arc::new(EnvironmentSettings::for_url(Url::parse(text).unwrap()));
    let parse = |text: &str| Url::parse(text).unwrap();
    let cases = [
        ("http://a.example/", "http://a.example/sw.js", None, ExceptionKind::SecurityError),
        ("https://a.example/", "https://b.example/sw.js", None, ExceptionKind::SecurityError),
        ("https://a.example/", "http://a.example/sw.js", None, ExceptionKind::SecurityError),
        (
            "https://a.example/",
            "https://a.example/sw.js",
            Some("https://b.example/"),
            ExceptionKind::SecurityError,
        ),
        ("https://a.example/", "data:text/javascript,", None, ExceptionKind::TypeError),
        ("https://a.example/", "https://a.example/sw.js", Some("file:///"), ExceptionKind::TypeError),
        ("https://a.example/", "https://a.example/x%2Fsw.js", None, ExceptionKind::TypeError),
        ("https://a.example/", "https://a.example/x%5csw.js", None, ExceptionKind::TypeError),
        (
            "https://a.example/",
            "https://a.example/sw.js",
            Some("https://a.example/x%2fy"),
            ExceptionKind::TypeError,
        ),
        (
            "https://a.example/",
            "https://a.example/sw.js",
            Some("https://a.example/x%5Cy"),
            ExceptionKind::TypeError,
        ),
    ];
    for (client, script, scope, kind) in cases {
        let result = world.workers.register(local(client), parse(script), scope.map(parse), options).await;
        assert_eq!(result.unwrap_err().kind(), kind, "{client} {script} {scope:?}");
    }
    assert!(world.loader.requests().is_empty());
    // This machine is trustworthy without https.
    for local_page in ["http://localhost:8000/", "http://127.0.0.1:8000/"] {
        let script = parse(local_page).join("sw.js").unwrap();
        let result = world.workers.register(local(local_page), script, None, options).await;
        assert!(matches!(result, Err(RegisterError::Load(_))), "{result:?}");
    }
}

#[tokio::test]
async fn only_javascript_is_run() {
    let world = World::new().await;
    for mime in [Some("text/html"), Some("text/plain"), Some("application/json"), None] {
        world.loader.serve("/sw.js", Served { mime, ..served("") });
        let result =
            world.workers.register(page("/"), url("/sw.js"), None, RegistrationOptions::default()).await;
        let error = result.unwrap_err();
        assert!(matches!(&error, RegisterError::MimeType(LoadError::NotJavaScript { .. })), "{error:?}");
        assert_eq!(error.kind(), ExceptionKind::SecurityError);
    }
    assert!(world.workers.get_registrations(ORIGIN).is_empty());
    assert_eq!(world.host.log(), Vec::<String>::new());
}

#[tokio::test]
async fn the_scope_is_under_the_script_unless_the_server_allows_more() {
    let world = World::new().await;
    let register = |scope: &'static str, allowed: Option<&'static str>| {
        let headers =
            allowed.map(|allowed| ("Service-Worker-Allowed", allowed.to_owned())).into_iter().collect();
        world.loader.serve("/app/js/sw.js", Served { headers, ..served("") });
        let options = RegistrationOptions::default();
        world.workers.register(page("/"), url("/app/js/sw.js"), Some(url(scope)), options)
    };
    for (scope, allowed) in [
        ("/app/", None),
        ("/app/jsx/", None),
        ("/app/js", None),
        ("/", Some("/app/")),
        ("/app/", Some("https://b.example/")),
        ("/x/", Some("./")),
    ] {
        let error = register(scope, allowed).await.unwrap_err();
        assert!(matches!(error, RegisterError::ScopeTooWide { .. }), "{scope} {allowed:?} {error:?}");
        assert_eq!(error.kind(), ExceptionKind::SecurityError);
    }
    let error = register("/", Some("https://[")).await.unwrap_err();
    assert!(matches!(error, RegisterError::BadServiceWorkerAllowed(_)), "{error:?}");
    for (scope, allowed) in
        [("/app/js/", None), ("/app/js/x", None), ("/", Some("/")), ("/app/", Some("../"))]
    {
        assert_eq!(register(scope, allowed).await.unwrap().scope(), &url(scope));
        world.workers.idle().await;
    }
}

#[tokio::test]
async fn the_fragment_does_not_count() {
    let world = World::new().await;
    world.loader.put("/sw.js", "");
    let options = RegistrationOptions::default();
    let scope = url("/x#scope");
    let registration =
        world.workers.register(page("/"), url("/sw.js#script"), Some(scope), options).await.unwrap();
    assert_eq!(registration.scope(), &url("/x"));
    assert_eq!(registration.newest().unwrap().script_url(), &url("/sw.js"));
}

#[tokio::test]
async fn a_script_that_throws_leaves_no_registration() {
    let world = World::new().await;
    let error = world.register("/sw.js", "start throw").await.unwrap_err();
    assert!(matches!(error, RegisterError::Start(StartError::ScriptThrew { line: 1, .. })), "{error:?}");
    assert_eq!(error.kind(), ExceptionKind::TypeError);
    assert!(world.workers.match_registration(ORIGIN, &url("/")).is_none());
    let error = world.register("/sw.js", "start crash").await.unwrap_err();
    assert!(matches!(error, RegisterError::Start(StartError::Terminated(_))), "{error:?}");
}

#[tokio::test]
async fn a_worker_that_does_not_install_leaves_its_predecessor() {
    let world = World::new().await;
    for failing in ["install gate\ninstall reject no", "install gate\ninstall crash"] {
        let registration = world.register("/sw.js", failing).await.unwrap();
        let worker = registration.installing().unwrap();
        world.host.open_gate("install");
        world.workers.idle().await;
        assert_eq!(worker.state(), WorkerState::Redundant);
        assert!(!worker.is_running());
        assert!(world.workers.get_registrations(ORIGIN).is_empty(), "{failing}");
    }
    // A handler that throws is no failure.
    let registration = world.activated("/sw.js", "install throw").await;
    let first = registration.active().unwrap();
    for failing in ["install reject no", "start throw"] {
        let _ = world.register("/sw2.js", failing).await;
        world.workers.idle().await;
        assert_eq!(registration.active(), Some(first.clone()));
        assert_eq!((registration.installing(), registration.waiting()), (None, None));
        assert_eq!(world.workers.get_registrations(ORIGIN), std::slice::from_ref(&registration));
    }
}

#[tokio::test]
async fn an_activation_that_fails_is_an_activation() {
    let world = World::new().await;
    for failing in ["activate reject no", "activate crash"] {
        let registration = world.activated("/sw.js", failing).await;
        assert!(world.fire(&registration, "push").await.is_delivered());
        assert!(world.workers.unregister(ORIGIN, registration.scope().as_str()).await);
    }
}

#[tokio::test]
async fn registering_the_same_again_changes_nothing() {
    let world = World::new().await;
    let registration = world.activated("/sw.js", "").await;
    let again = world.register("/sw.js", "changed").await.unwrap();
    assert_eq!(again, registration);
    assert_eq!(world.loader.requests().len(), 1);
    // Another mode or type is something else.
    let options =
        RegistrationOptions { update_via_cache: UpdateViaCache::All, ..RegistrationOptions::default() };
    world.loader.put("/sw.js", "");
    world.workers.register(page("/"), url("/sw.js"), None, options).await.unwrap();
    assert_eq!(world.loader.requests().len(), 2);
    assert_eq!(registration.update_via_cache(), UpdateViaCache::All);
    assert_eq!(registration.installing(), None);
    let options = RegistrationOptions { worker_type: WorkerType::Module, ..options };
    world.workers.register(page("/"), url("/sw.js"), None, options).await.unwrap();
    assert_eq!(registration.newest().unwrap().worker_type(), WorkerType::Module);
}

#[tokio::test]
async fn equivalent_jobs_share_one_run_and_others_take_turns() {
    let world = World::new().await;
    world.loader.put("/one.js", "");
    world.loader.put("/two.js", "");
    let gate = world.loader.close_gate();
    let register = |path| world.workers.register(page("/"), url(path), None, RegistrationOptions::default());
    let open = async {
        // Both jobs of one.js are in before its load ends, and two.js waits for its turn.
        tokio::task::yield_now().await;
        assert_eq!(world.loader.requests().len(), 1);
        gate.add_permits(2);
    };
    let (first, same, other, ()) =
        tokio::join!(register("/one.js"), register("/one.js"), register("/two.js"), open);
    let first = first.unwrap();
    assert_eq!(first, same.unwrap());
    assert_eq!(first, other.unwrap());
    world.workers.idle().await;
    let loaded: Vec<_> =
        world.loader.requests().iter().map(|request| request.url.path().to_owned()).collect();
    assert_eq!(loaded, ["/one.js", "/two.js"]);
    assert_eq!(first.active().unwrap().script_url(), &url("/two.js"));
}

#[tokio::test]
async fn an_update_compares_byte_for_byte() {
    let world = World::new().await;
    let registration = world.activated("/sw.js", "a").await;
    let worker = registration.active().unwrap();
    world.workers.update(&registration, Some(page("/"))).await.unwrap();
    world.workers.idle().await;
    assert_eq!(registration.active(), Some(worker.clone()));
    world.loader.put("/sw.js", "b");
    world.workers.update(&registration, None).await.unwrap();
    world.workers.idle().await;
    assert_ne!(registration.active(), Some(worker.clone()));
    assert_eq!(worker.state(), WorkerState::Redundant);
    assert_eq!(registration.active().unwrap().state(), WorkerState::Activated);
    let caches: Vec<_> =
        world.loader.requests().iter().map(|request| (request.kind, request.cache)).collect();
    assert_eq!(caches, [(ScriptKind::TopLevel, ScriptCache::NoCache); 3]);
    // A server that has it no more changes nothing.
    world.loader.remove("/sw.js");
    let error = world.workers.update(&registration, None).await.unwrap_err();
    assert!(matches!(error, RegisterError::Load(LoadError::Status { status: 404, .. })), "{error:?}");
    assert_eq!(registration.active().unwrap().state(), WorkerState::Activated);
}

#[tokio::test]
async fn an_update_compares_imported_scripts_too() {
    let world = World::new().await;
    world.loader.put("/lib.js", "1");
    world.loader.put("/unused.js", "1");
    let registration = world.activated("/sw.js", "start import /lib.js\ninstall import /unused.js").await;
    let first = registration.active().unwrap();
    world.workers.update(&registration, None).await.unwrap();
    assert_eq!(registration.newest(), Some(first.clone()));
    // A bad response is no change.
    world.loader.serve("/lib.js", Served { mime: Some("text/html"), ..served("2") });
    world.workers.update(&registration, None).await.unwrap();
    assert_eq!(registration.newest(), Some(first.clone()));
    world.loader.put("/lib.js", "2");
    world.workers.update(&registration, None).await.unwrap();
    world.workers.idle().await;
    assert_ne!(registration.active(), Some(first));
    // The check's copy served the new worker: the import was not fetched again.
    let imports = world.loader.requests().iter().filter(|request| request.url == url("/lib.js")).count();
    assert_eq!(imports, 4);
    let import = world.loader.requests().into_iter().find(|request| request.url == url("/lib.js")).unwrap();
    assert_eq!((import.kind, import.cache), (ScriptKind::Imported, ScriptCache::Default));
}

#[tokio::test]
async fn data_is_imported_as_data_alone() {
    let world = World::new().await;
    world.loader.serve("/data.json", data("1"));
    let registration = world.activated("/sw.js", "start import-json /data.json").await;
    let asked = world.loader.requests().pop().unwrap();
    assert_eq!((asked.kind, asked.referrer), (ScriptKind::ImportedJson, Some(url("/sw.js"))));
    let worker = registration.active().unwrap();
    world.workers.update(&registration, None).await.unwrap();
    assert_eq!(registration.newest(), Some(worker.clone()));
    world.loader.serve("/data.json", data("2"));
    world.workers.update(&registration, None).await.unwrap();
    world.workers.idle().await;
    assert_ne!(registration.active(), Some(worker));
    // What is no data, and what is already something else.
    world.loader.put("/script.js", "");
    for (path, source) in [
        ("/a.js", "start import-json /script.js"),
        ("/b.js", "start import /data.json"),
        ("/c.js", "start import-json /data.json\nstart import /data.json"),
        ("/d.js", "start import /script.js\nstart import-json /script.js"),
    ] {
        let error = world.register(path, source).await.unwrap_err();
        assert!(matches!(error, RegisterError::Start(StartError::ScriptThrew { .. })), "{path}: {error:?}");
    }
}

#[tokio::test]
async fn an_installed_worker_imports_only_what_it_has() {
    let world = World::new().await;
    world.loader.put("/lib.js", "");
    world.loader.put("/late.js", "");
    let source = "start import /lib.js\npush import /late.js\nsync import /lib.js\n";
    let registration = world.activated("/sw.js", source).await;
    world.fire(&registration, "push").await;
    world.fire(&registration, "sync").await;
    assert!(!world.loader.requests().iter().any(|request| request.url == url("/late.js")));
    assert_eq!(world.loader.requests().iter().filter(|request| request.url == url("/lib.js")).count(), 1);
    // An import that fails is an exception in the script.
    let error = world.register("/sw2.js", "start import /missing.js").await.unwrap_err();
    assert!(matches!(error, RegisterError::Start(StartError::ScriptThrew { .. })), "{error:?}");
}

#[tokio::test]
async fn a_new_worker_waits_for_the_pages_of_the_old_one() {
    let world = World::new().await;
    let registration = world.activated("/sw.js", "a").await;
    let old = registration.active().unwrap();
    let client = page("/page");
    assert_eq!(world.workers.register_client(client.clone()), Some(old.clone()));
    let mut changes = world.workers.observe_controller(&client.id);
    world.loader.put("/sw.js", "b");
    world.workers.update(&registration, None).await.unwrap();
    world.workers.idle().await;
    let new = registration.waiting().unwrap();
    assert_eq!(new.state(), WorkerState::Installed);
    assert_eq!(registration.active(), Some(old.clone()));
    assert_eq!(world.workers.controller(&client.id), Some(old.clone()));
    world.workers.unregister_client(&client.id);
    world.workers.idle().await;
    assert_eq!(registration.active(), Some(new));
    assert_eq!(old.state(), WorkerState::Redundant);
    assert!(!old.is_running());
    assert_eq!(changes.next().await, None);
}

#[tokio::test]
async fn skip_waiting_takes_the_pages_over() {
    let world = World::new().await;
    let registration = world.activated("/sw.js", "a").await;
    let client = page("/page");
    world.workers.register_client(client.clone());
    let mut changes = world.workers.observe_controller(&client.id);
    world.loader.put("/sw.js", "install skip-waiting");
    world.workers.update(&registration, None).await.unwrap();
    world.workers.idle().await;
    let new = registration.active().unwrap();
    assert_eq!(registration.waiting(), None);
    assert_eq!(changes.next().await, Some(Some(new.clone())));
    assert_eq!(world.workers.controller(&client.id), Some(new));
    // From outside, by the worker's name.
    world.loader.put("/sw.js", "c");
    world.workers.update(&registration, None).await.unwrap();
    world.workers.idle().await;
    let waiting = registration.waiting().unwrap();
    world.workers.skip_waiting(waiting.id());
    assert_eq!(registration.active(), Some(waiting));
}

#[tokio::test]
async fn what_is_cleared_goes_at_once() {
    let world = World::new().await;
    let registration = world.activated("/sw.js", "push gate").await;
    let worker = registration.active().unwrap();
    let client = page("/page");
    world.workers.register_client(client.clone());
    let mut changes = world.workers.observe_controller(&client.id);
    // Neither a page that uses it nor an event in progress holds it back,
    let workers = world.workers.clone();
    let event = FunctionalEvent::bare("push");
    let pushed =
        tokio::spawn(async move { workers.fire_functional_event(ORIGIN, url("/").as_str(), event).await });
    world.host.logged("push /sw.js").await;
    // nor does an installation.
    let (told, end) = tokio::sync::oneshot::channel();
    world.loader.put("/other/sw.js", "start gate");
    let options = RegistrationOptions::default();
    world.workers.register_then(page("/"), url("/other/sw.js"), None, options, move |end| {
        told.send(end.map(drop)).unwrap();
    });
    world.host.logged("start /other/sw.js").await;
    world.workers.clear_storage_key(ORIGIN).await;
    assert_eq!(end.await.unwrap().unwrap_err().kind(), ExceptionKind::AbortError);
    assert!(matches!(pushed.await.unwrap(), DispatchOutcome::Crashed(_)));
    assert_eq!((worker.state(), registration.active()), (WorkerState::Redundant, None));
    assert_eq!((changes.next().await, world.workers.controller(&client.id)), (Some(None), None));
    assert!(world.workers.get_registrations(ORIGIN).is_empty());
    world.workers.idle().await;
}

#[tokio::test]
async fn a_worker_that_fails_to_install_is_in_no_slot_when_it_is_redundant() {
    let world = World::new().await;
    world.loader.put("/sw.js", "install crash");
    let options = RegistrationOptions::default();
    let registered = world.workers.register_and_observe(page("/"), url("/sw.js"), None, options).await;
    let mut registered = registered.unwrap();
    world.workers.idle().await;
    let mut slots = None;
    while let Some(event) = registered.events.next_now() {
        match event {
            RegistrationEvent::WorkersChanged { installing, .. } => slots = Some(installing),
            RegistrationEvent::StateChange { state: WorkerState::Redundant, .. } => {
                assert_eq!(slots, Some(None));
                return;
            }
            _ => {}
        }
    }
    panic!("nothing says that it is redundant");
}

#[tokio::test]
async fn an_event_in_progress_holds_an_activation_back() {
    let world = World::new().await;
    let registration = world.activated("/sw.js", "push gate").await;
    let old = registration.active().unwrap();
    let mut events = registration.observe();
    let event = world.fire(&registration, "push");
    let update = async {
        world.host.logged("push /sw.js").await;
        world.loader.put("/sw.js", "install skip-waiting");
        world.workers.update(&registration, None).await.unwrap();
        let waits = |event: &RegistrationEvent| {
            matches!(event, RegistrationEvent::StateChange { state: WorkerState::Installed, .. })
        };
        while !waits(&events.next().await.unwrap()) {}
        assert_eq!(registration.active(), Some(old.clone()));
        world.host.open_gate("push");
    };
    let (outcome, ()) = tokio::join!(event, update);
    assert_eq!(outcome, DispatchOutcome::Delivered);
    world.workers.idle().await;
    assert_eq!(old.state(), WorkerState::Redundant);
    assert_eq!(registration.active().unwrap().state(), WorkerState::Activated);
}

#[tokio::test]
async fn claim_takes_the_pages_that_match() {
    let world = World::new().await;
    let (inside, outside) = (page("/app/page"), page("/elsewhere"));
    assert_eq!(world.workers.register_client(inside.clone()), None);
    assert_eq!(world.workers.register_client(outside.clone()), None);
    let mut changes = world.workers.observe_controller(&inside.id);
    let registration = world.activated("/app/sw.js", "activate claim").await;
    assert_eq!(world.workers.controller(&inside.id), registration.active());
    assert_eq!(world.workers.controller(&outside.id), None);
    assert_eq!(changes.next().await, Some(registration.active()));
    let waiting = {
        world.loader.put("/app/sw.js", "b");
        world.workers.update(&registration, None).await.unwrap();
        world.workers.idle().await;
        registration.waiting().unwrap()
    };
    let error = world.workers.claim(waiting.id()).unwrap_err();
    assert_eq!(error.kind(), ExceptionKind::InvalidStateError);
}

#[tokio::test]
async fn the_longest_scope_of_the_storage_key_matches() {
    let world = World::new().await;
    let root = world.activated("/sw.js", "").await;
    let app = world.activated("/app/sw.js", "").await;
    assert_eq!(world.workers.match_registration(ORIGIN, &url("/app/x")), Some(app.clone()));
    assert_eq!(world.workers.match_registration(ORIGIN, &url("/ap")), Some(root.clone()));
    assert_eq!(world.workers.match_registration("https://b.example", &url("/app/x")), None);
    assert_eq!(world.workers.get_registrations(ORIGIN), [root, app]);
    assert!(world.workers.get_registration(ORIGIN, "https://a.example/app").is_none());
}

#[tokio::test]
async fn unregistering_tells_and_removes() {
    let world = World::new().await;
    let told = Arc::new(Mutex::new(Vec::new()));
    let teller = told.clone();
    world.workers.on_unregister(move |key, scope| teller.lock().unwrap().push(format!("{key} {scope}")));
    let registration = world.activated("/sw.js", "").await;
    let worker = registration.active().unwrap();
    let scope = registration.scope().as_str();
    assert!(!world.workers.unregister(ORIGIN, "https://a.example/x").await);
    assert!(!world.workers.unregister(ORIGIN, "no url").await);
    assert!(world.workers.unregister(ORIGIN, scope).await);
    assert!(!world.workers.unregister(ORIGIN, scope).await);
    assert_eq!(*told.lock().unwrap(), [format!("{ORIGIN} {scope}")]);
    assert_eq!(worker.state(), WorkerState::Redundant);
    assert_eq!(registration.active(), None);
    assert!(!worker.is_running());
    assert_eq!(world.fire(&registration, "push").await, DispatchOutcome::NoWorker);
    let error = world.workers.update(&registration, None).await.unwrap_err();
    assert_eq!(error.kind(), ExceptionKind::InvalidStateError);
}

#[tokio::test]
async fn a_page_keeps_its_worker_until_it_goes() {
    let world = World::new().await;
    let registration = world.activated("/sw.js", "").await;
    let worker = registration.active().unwrap();
    let client = page("/page");
    world.workers.register_client(client.clone());
    assert!(world.workers.unregister(ORIGIN, registration.scope().as_str()).await);
    assert_eq!(worker.state(), WorkerState::Activated);
    assert_eq!(world.workers.controller(&client.id), Some(worker.clone()));
    assert!(world.workers.match_registration(ORIGIN, &url("/page")).is_none());
    world.workers.unregister_client(&client.id);
    assert_eq!(worker.state(), WorkerState::Redundant);
    assert!(!worker.is_running());
}

#[tokio::test]
async fn clearing_a_storage_key_leaves_the_others() {
    let world = World::new().await;
    world.activated("/sw.js", "").await;
    world.activated("/app/sw.js", "").await;
    world.workers.clear_storage_key("https://b.example").await;
    assert_eq!(world.workers.get_registrations(ORIGIN).len(), 2);
    world.workers.clear_storage_key(ORIGIN).await;
    assert!(world.workers.get_registrations(ORIGIN).is_empty());
}

#[tokio::test]
async fn after_the_end_nothing_starts() {
    let world = World::new().await;
    let registration = world.activated("/sw.js", "").await;
    let hanging = world.register("/app/sw.js", "install hang").await.unwrap();
    world.workers.stop_all().await;
    assert!(!registration.active().unwrap().is_running());
    assert!(!hanging.newest().is_some_and(|worker| worker.is_running()));
    assert!(!world.fire(&registration, "push").await.is_delivered());
    let error = world.register("/late/sw.js", "").await.unwrap_err();
    assert_eq!(error, RegisterError::Stopped);
    assert!(!world.workers.unregister(ORIGIN, registration.scope().as_str()).await);
    let starts = world.host.log().iter().filter(|line| line.starts_with("start")).count();
    assert_eq!(starts, 2);
}

#[tokio::test]
async fn a_stale_registration_is_checked_after_an_event() {
    let world = World::new().await;
    let registration = world.activated("/sw.js", "a").await;
    world.loader.put("/sw.js", "b");
    world.fire(&registration, "push").await;
    world.workers.idle().await;
    assert_eq!(world.loader.requests().len(), 1);
    world.clock.advance(Duration::from_secs(86_401));
    world.fire(&registration, "push").await;
    world.workers.idle().await;
    assert_eq!(world.loader.requests().len(), 2);
    assert_eq!(registration.active().unwrap().state(), WorkerState::Activated);
    assert_eq!(world.host.log().iter().filter(|line| *line == "activate /sw.js").count(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_is_not_given_up_while_it_becomes_active() {
    for round in 0..40 {
        let world = World::new().await;
        let registration = world.activated("/sw.js", "a").await;
        let client = page("/page");
        world.workers.register_client(client.clone());
        world.loader.put("/sw.js", "b");
        world.workers.update(&registration, None).await.unwrap();
        world.workers.idle().await;
        assert!(registration.waiting().is_some());
        world.loader.put("/sw.js", "install gate");
        world.workers.update(&registration, None).await.unwrap();
        // The third is installed just when the last page of the first one goes.
        let (workers, id) = (world.workers.clone(), client.id.clone());
        let page_goes = tokio::spawn(async move { workers.unregister_client(&id) });
        world.host.open_gate("install");
        page_goes.await.unwrap();
        world.workers.idle().await;
        let active = registration.active().unwrap();
        assert_eq!(active.state(), WorkerState::Activated, "round {round}");
        assert_eq!((registration.installing(), registration.waiting()), (None, None), "round {round}");
        assert!(world.fire(&registration, "push").await.is_delivered());
    }
}
