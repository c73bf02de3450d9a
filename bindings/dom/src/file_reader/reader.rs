//! <https://w3c.github.io/FileAPI/#APIASynch>

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use longhaul_idl::runtime::{
    Buffer, BufferKind, DomString, Exception, Held, ObjectRef, Realm, TaskSource, Value,
};
use longhaul_idl::{DomStringOrArrayBuffer, FileReaderMethods, FileReaderStatics};

use super::package_data::{Kind, package};
use crate::blob::{BlobData, blob_data};

/// <https://w3c.github.io/FileAPI/#filereader-state>
#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum ReadyState {
    #[default]
    Empty,
    Loading,
    Done,
}

/// What was read: text, or the one buffer that is given each time.
enum Read {
    Text(DomString),
    Buffer(Held),
}

#[derive(Default)]
struct State {
    ready: ReadyState,
    result: Option<Read>,
    /// Which reading is meant: the tasks of an earlier one are passed over.
    reading: u64,
    /// Keeps the wrapper, whose listeners wait.
    kept: Option<Held>,
}

/// Reads blobs in tasks.
#[derive(Default)]
pub(crate) struct FileReader(Mutex<State>);

longhaul_idl::platform_object!(FileReader => longhaul_idl::file_reader);

impl FileReader {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn fire(self: &Arc<Self>, realm: &dyn Realm, name: &str, loaded: usize, total: usize) {
        let args = vec![
            Value::Object(Arc::clone(self) as ObjectRef),
            Value::String(name.into()),
            Value::Number(loaded as f64),
            Value::Number(total as f64),
        ];
        if let Err(exception) = realm.core("fireProgressEvent", args) {
            realm.report_exception(exception);
        }
    }

    /// <https://w3c.github.io/FileAPI/#readOperation>
    fn read(self: &Arc<Self>, realm: &dyn Realm, blob: &ObjectRef, kind: Kind) -> Result<(), Exception> {
        let blob = blob_data(blob)?;
        let kept = realm.hold(Value::Object(Arc::clone(self) as ObjectRef))?;
        let reading = {
            let mut state = self.state();
            // 1.
            if state.ready == ReadyState::Loading {
                return Err(Exception::dom("InvalidStateError", "the reader reads another blob"));
            }
            // 2.–4.
            state.ready = ReadyState::Loading;
            state.result = None;
            state.reading += 1;
            state.kept = Some(kept);
            state.reading
        };
        // 10. NOTE: a blob is in memory, and so it is one chunk.
        let this = Arc::clone(self);
        self.queue(realm, reading, move |realm| {
            let total = blob.bytes.len();
            this.fire(realm, "loadstart", 0, total);
            let next = Arc::clone(&this);
            this.queue(realm, reading, move |realm| {
                if !blob.bytes.is_empty() {
                    next.fire(realm, "progress", total, total);
                }
                let last = Arc::clone(&next);
                next.queue(realm, reading, move |realm| last.finish(realm, &blob, &kind));
            });
        });
        Ok(())
    }

    /// Queues a task that is passed over when the reading it belongs to is over.
    fn queue(
        self: &Arc<Self>,
        realm: &dyn Realm,
        reading: u64,
        steps: impl FnOnce(&dyn Realm) + Send + 'static,
    ) {
        let this = Arc::clone(self);
        let task = move |realm: &dyn Realm| {
            let is_current = {
                let state = this.state();
                state.reading == reading && state.ready == ReadyState::Loading
            };
            if is_current {
                steps(realm);
            }
        };
        realm.agent().queue_task(TaskSource::Dom, realm.id(), Box::new(task));
    }

    fn finish(self: &Arc<Self>, realm: &dyn Realm, blob: &BlobData, kind: &Kind) {
        let result = match package(blob, kind) {
            Value::String(text) => Some(Read::Text(text)),
            buffer => realm.hold(buffer).ok().map(Read::Buffer),
        };
        let total = blob.bytes.len();
        let reading = {
            let mut state = self.state();
            state.ready = ReadyState::Done;
            state.result = result;
            state.reading
        };
        self.fire(realm, "load", total, total);
        // A listener may have begun another reading, whose end is told instead.
        if self.state().reading == reading {
            self.fire(realm, "loadend", total, total);
        }
        let mut state = self.state();
        if state.ready != ReadyState::Loading {
            state.kept = None;
        }
    }
}

impl FileReaderStatics for FileReader {
    fn construct(_: &dyn Realm) -> Result<ObjectRef, Exception> {
        Ok(Arc::new(Self::default()))
    }
}

impl FileReaderMethods for FileReader {
    fn read_as_array_buffer(self: &Arc<Self>, realm: &dyn Realm, blob: ObjectRef) -> Result<(), Exception> {
        self.read(realm, &blob, Kind::ArrayBuffer)
    }

    fn read_as_binary_string(self: &Arc<Self>, realm: &dyn Realm, blob: ObjectRef) -> Result<(), Exception> {
        self.read(realm, &blob, Kind::BinaryString)
    }

    fn read_as_text(
        self: &Arc<Self>,
        realm: &dyn Realm,
        blob: ObjectRef,
        encoding: Option<DomString>,
    ) -> Result<(), Exception> {
        self.read(realm, &blob, Kind::Text { label: encoding })
    }

    fn read_as_data_url(self: &Arc<Self>, realm: &dyn Realm, blob: ObjectRef) -> Result<(), Exception> {
        self.read(realm, &blob, Kind::DataUrl)
    }

    /// <https://w3c.github.io/FileAPI/#dfn-abort>
    fn abort(self: &Arc<Self>, realm: &dyn Realm) -> Result<(), Exception> {
        let reading = {
            let mut state = self.state();
            // 1.
            if state.ready != ReadyState::Loading {
                state.result = None;
                return Ok(());
            }
            // 2.–4. What was read is gone, and the tasks with it.
            state.ready = ReadyState::Done;
            state.result = None;
            state.reading += 1;
            state.reading
        };
        // 5., 6.
        self.fire(realm, "abort", 0, 0);
        if self.state().reading == reading {
            self.fire(realm, "loadend", 0, 0);
            self.state().kept = None;
        }
        Ok(())
    }

    fn ready_state(self: &Arc<Self>, _: &dyn Realm) -> Result<u16, Exception> {
        Ok(self.state().ready as u16)
    }

    fn result(self: &Arc<Self>, _: &dyn Realm) -> Result<Option<DomStringOrArrayBuffer>, Exception> {
        Ok(self.state().result.as_ref().map(|result| match result {
            Read::Text(text) => DomStringOrArrayBuffer::DomString(text.clone()),
            Read::Buffer(held) => DomStringOrArrayBuffer::ArrayBuffer(Buffer {
                kind: BufferKind::ArrayBuffer,
                bytes: Bytes::new(),
                held: Some(held.clone()),
            }),
        }))
    }

    fn error(self: &Arc<Self>, _: &dyn Realm) -> Result<Option<ObjectRef>, Exception> {
        // NOTE: reading from memory never fails.
        Ok(None)
    }
}
