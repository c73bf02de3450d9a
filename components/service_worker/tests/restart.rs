//! What survives the end of a process.

mod support;

use longhaul_service_worker::{Config, DispatchOutcome, ScriptKind, TABLES, UpdateViaCache, WorkerState};
use longhaul_storage::{Location, Profile, Transaction, Value};
use support::{ORIGIN, World, data, page, url};
use tempfile::TempDir;

fn folder(temporary: &TempDir) -> Location {
    Location::Directory(temporary.path().join("profile"))
}

async fn open(temporary: &TempDir) -> World {
    World::at(folder(temporary), Config::default()).await
}

#[tokio::test]
async fn an_active_worker_gets_its_event_without_a_page_or_a_server() {
    let temporary = TempDir::new().unwrap();
    let world = open(&temporary).await;
    world.loader.put("/lib.js", "");
    let source = "start import /lib.js\nstart import /lib.js";
    let id = world.activated("/app/sw.js", source).await.active().unwrap().id();
    world.end().await;

    let world = open(&temporary).await;
    let registration = world.workers.match_registration(ORIGIN, &url("/app/x")).unwrap();
    let worker = registration.active().unwrap();
    assert_eq!((worker.state(), worker.id()), (WorkerState::Activated, id));
    assert_eq!(worker.script_url(), &url("/app/sw.js"));
    assert_eq!(world.host.log(), Vec::<String>::new());
    assert_eq!(world.fire(&registration, "backgroundfetchsuccess").await, DispatchOutcome::Delivered);
    assert_eq!(world.host.log(), ["start /app/sw.js", "backgroundfetchsuccess /app/sw.js"]);
    assert!(world.loader.requests().is_empty());
    // A new worker has a name of its own.
    let other = world.activated("/sw.js", "").await.active().unwrap();
    assert_ne!(other.id(), id);
}

#[tokio::test]
async fn what_a_worker_imported_stays_what_it_was() {
    let temporary = TempDir::new().unwrap();
    let world = open(&temporary).await;
    world.loader.serve("/data.json", data("1"));
    let worker = world.activated("/sw.js", "start import-json /data.json").await.active().unwrap().id();
    world.end().await;

    let world = open(&temporary).await;
    let registration = world.workers.match_registration(ORIGIN, &url("/")).unwrap();
    assert_eq!(world.fire(&registration, "push").await, DispatchOutcome::Delivered);
    assert!(world.loader.requests().is_empty());
    // The next check asks for it as what it is.
    world.loader.put("/sw.js", "start import-json /data.json");
    world.loader.serve("/data.json", data("2"));
    world.workers.update(&registration, None).await.unwrap();
    world.workers.idle().await;
    assert_ne!(registration.active().unwrap().id(), worker);
    let asked = world.loader.requests().into_iter().find(|request| request.url == url("/data.json")).unwrap();
    assert_eq!(asked.kind, ScriptKind::ImportedJson);
}

#[tokio::test]
async fn an_interrupted_installation_is_as_if_it_had_never_been() {
    let temporary = TempDir::new().unwrap();
    let world = open(&temporary).await;
    world.activated("/kept/sw.js", "a").await;
    world.register("/new/sw.js", "install hang").await.unwrap();
    world.loader.put("/kept/sw.js", "install hang");
    let kept = world.workers.match_registration(ORIGIN, &url("/kept/")).unwrap();
    world.workers.update(&kept, None).await.unwrap();
    assert!(kept.installing().is_some());
    world.end().await;

    let world = open(&temporary).await;
    let registrations = world.workers.get_registrations(ORIGIN);
    assert_eq!(registrations.len(), 1);
    assert_eq!(registrations[0].scope(), &url("/kept/"));
    assert_eq!((registrations[0].installing(), registrations[0].waiting()), (None, None));
    assert_eq!(world.fire(&registrations[0], "push").await, DispatchOutcome::Delivered);
}

#[tokio::test]
async fn a_waiting_worker_becomes_active() {
    let temporary = TempDir::new().unwrap();
    let world = open(&temporary).await;
    let registration = world.activated("/sw.js", "a").await;
    world.workers.register_client(page("/page"));
    world.loader.put("/sw.js", "b");
    world.workers.update(&registration, None).await.unwrap();
    world.workers.idle().await;
    let (old, new) = (registration.active().unwrap().id(), registration.waiting().unwrap().id());
    world.end().await;
    drop(registration);

    let world = open(&temporary).await;
    let registration = world.workers.match_registration(ORIGIN, &url("/")).unwrap();
    assert_eq!(registration.active().unwrap().id(), old);
    assert_eq!(registration.waiting().unwrap().state(), WorkerState::Installed);
    world.workers.resume();
    world.workers.idle().await;
    assert_eq!(registration.active().unwrap().id(), new);
    assert_eq!(world.host.log(), ["start /sw.js", "activate /sw.js"]);
    world.end().await;
    drop(registration);

    let world = open(&temporary).await;
    let registration = world.workers.match_registration(ORIGIN, &url("/")).unwrap();
    assert_eq!(registration.active().unwrap().id(), new);
    assert_eq!(registration.waiting(), None);
    // One worker, one script: the old one's rows are gone.
    assert_eq!(world.profile.rows(TABLES[1]).unwrap().len(), 1);
    assert_eq!(world.profile.rows(TABLES[2]).unwrap().len(), 1);
}

#[tokio::test]
async fn an_interrupted_activation_is_an_activation() {
    let temporary = TempDir::new().unwrap();
    let world = open(&temporary).await;
    let registration = world.register("/sw.js", "activate hang").await.unwrap();
    world.host.logged("activate /sw.js").await;
    world.end().await;
    drop(registration);

    let world = open(&temporary).await;
    let registration = world.workers.match_registration(ORIGIN, &url("/")).unwrap();
    assert_eq!(registration.active().unwrap().state(), WorkerState::Activated);
    assert_eq!(world.fire(&registration, "push").await, DispatchOutcome::Delivered);
}

#[tokio::test]
async fn what_was_unregistered_stays_away() {
    let temporary = TempDir::new().unwrap();
    let world = open(&temporary).await;
    let registration = world.activated("/sw.js", "").await;
    // A page that uses it keeps it for this session alone.
    world.workers.register_client(page("/page"));
    assert!(world.workers.unregister(ORIGIN, registration.scope().as_str()).await);
    world.end().await;
    drop(registration);

    let world = open(&temporary).await;
    assert!(world.workers.get_registrations(ORIGIN).is_empty());
    for table in &TABLES[..3] {
        assert!(world.profile.rows(table).unwrap().is_empty());
    }
}

#[tokio::test]
async fn the_update_check_and_the_mode_are_remembered() {
    let temporary = TempDir::new().unwrap();
    let world = open(&temporary).await;
    world.activated("/sw.js", "").await;
    let options = longhaul_service_worker::RegistrationOptions {
        update_via_cache: UpdateViaCache::None,
        ..Default::default()
    };
    world.workers.register(page("/"), url("/sw.js"), None, options).await.unwrap();
    world.workers.idle().await;
    world.end().await;

    let world = open(&temporary).await;
    let registration = world.workers.match_registration(ORIGIN, &url("/")).unwrap();
    assert_eq!(registration.update_via_cache(), UpdateViaCache::None);
    world.loader.put("/sw.js", "");
    world.clock.advance(std::time::Duration::from_secs(86_401));
    world.fire(&registration, "push").await;
    world.workers.idle().await;
    assert_eq!(world.loader.requests().len(), 1);
}

#[tokio::test]
async fn rows_that_make_no_sense_are_dropped_and_the_rest_is_kept() {
    let temporary = TempDir::new().unwrap();
    let world = open(&temporary).await;
    world.activated("/one/sw.js", "").await;
    world.activated("/two/sw.js", "").await;
    world.end().await;
    {
        let (profile, _) = Profile::open(folder(&temporary), TABLES).unwrap();
        let mut worker = profile.rows(TABLES[1]).unwrap().remove(0);
        worker[8] = Value::from("{}");
        let mut transaction = Transaction::new();
        transaction.put(TABLES[1], worker);
        // A script and a worker of nobody.
        let nobody = |rest: Vec<Value>| {
            let mut row = vec![Value::from("x"), Value::from("y"), Value::from(99_i64)];
            row.extend(rest);
            row
        };
        let script = vec!["z".into(), Value::Blob(vec![1]), Value::Null, Value::Null];
        transaction.put(TABLES[2], nobody(script));
        transaction.put(TABLES[1], nobody(vec![Value::Null; 7]));
        profile.commit(transaction).await.unwrap();
        profile.close();
    }
    let world = open(&temporary).await;
    let registrations = world.workers.get_registrations(ORIGIN);
    assert_eq!(registrations.len(), 1);
    assert_eq!(world.fire(&registrations[0], "push").await, DispatchOutcome::Delivered);
    for table in &TABLES[..3] {
        assert_eq!(world.profile.rows(table).unwrap().len(), 1, "{}", table.name);
    }
}

#[tokio::test]
async fn a_stored_worker_whose_script_throws_now_keeps_its_registration_and_can_be_updated() {
    let temporary = TempDir::new().unwrap();
    let world = open(&temporary).await;
    world.activated("/sw.js", "").await;
    world.end().await;
    {
        // The script does not depend on us alone: what it runs against may have changed since.
        let (profile, _) = Profile::open(folder(&temporary), TABLES).unwrap();
        let mut script = profile.rows(TABLES[2]).unwrap().remove(0);
        let source = script.iter_mut().find(|value| matches!(value, Value::Blob(_))).unwrap();
        *source = Value::Blob(b"start throw".to_vec());
        let mut transaction = Transaction::new();
        transaction.put(TABLES[2], script);
        profile.commit(transaction).await.unwrap();
        profile.close();
    }
    let world = open(&temporary).await;
    world.workers.resume();
    let registration = world.workers.match_registration(ORIGIN, &url("/")).unwrap();
    for _ in 0..2 {
        let outcome = world.fire(&registration, "backgroundfetchsuccess").await;
        let DispatchOutcome::CouldNotStart(reason) = outcome else { panic!("{outcome:?}") };
        assert!(reason.contains("/sw.js"), "it names the script: {reason}");
    }
    let broken = registration.active().unwrap();
    assert_eq!((broken.state(), broken.is_running()), (WorkerState::Activated, false));
    // A sound script takes its place.
    world.loader.put("/sw.js", "sound");
    world.workers.update(&registration, None).await.unwrap();
    world.workers.idle().await;
    assert_ne!(registration.active().unwrap().id(), broken.id());
    assert_eq!(world.fire(&registration, "backgroundfetchsuccess").await, DispatchOutcome::Delivered);
}

#[tokio::test]
async fn a_worker_that_was_active_when_the_kill_came_before_that_was_stored_gets_its_event() {
    let temporary = TempDir::new().unwrap();
    let world = open(&temporary).await;
    world.activated("/sw.js", "").await;
    world.end().await;
    {
        let (profile, _) = Profile::open(folder(&temporary), TABLES).unwrap();
        let mut worker = profile.rows(TABLES[1]).unwrap().remove(0);
        let slot = worker.iter_mut().find(|value| value.as_text() == Some("active")).unwrap();
        *slot = Value::from("waiting");
        let mut transaction = Transaction::new();
        transaction.put(TABLES[1], worker);
        profile.commit(transaction).await.unwrap();
        profile.close();
    }
    let world = open(&temporary).await;
    let registration = world.workers.match_registration(ORIGIN, &url("/")).unwrap();
    assert!(registration.waiting().is_some());
    // Its background fetches must not be taken for those of a registration that is gone.
    assert!(world.workers.has_active_worker(ORIGIN, registration.scope().as_str()));
    assert_eq!(world.fire(&registration, "backgroundfetchsuccess").await, DispatchOutcome::Delivered);
    assert_eq!(world.host.log(), ["start /sw.js", "activate /sw.js", "backgroundfetchsuccess /sw.js"]);
    assert!(world.workers.unregister(ORIGIN, registration.scope().as_str()).await);
    assert!(!world.workers.has_active_worker(ORIGIN, registration.scope().as_str()));
}
