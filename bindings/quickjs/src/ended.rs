//! The contexts of realms that have ended, kept for as long as something may still run in them.
//!
//! A job of the engine names the context that queued it without holding it: `JS_EnqueueJob` stores the pointer alone. What the job
//! was given mostly holds that context, but need not: a function of an ended realm that settles another realm's promise queues a
//! job whose every value is the other realm's. If the function is dropped and a collection runs before the job, the job runs in
//! freed memory.
//!
//! So no context is ever freed but in [`Ended::collect`], by this argument:
//!
//! 1. Each context has a reference of ours from its making on: its realm's, then the one in [`Ended`]. The engine frees a context
//!    with its last reference, so that its own collections, which it starts whenever it likes, leave all of them alone.
//! 2. [`Ended::collect`] lets go of the references, collects, and takes them again of those contexts that are still there. It runs
//!    when no script is on the stack and no job waits, and so nobody has a context's pointer without a reference to it.
//! 3. The one job that a collection itself queues is a finalization registry's. The prelude gives each registry a callback that is
//!    a function of the registry's own context; a function holds its context, and the job holds its function.

use std::{
    cell::{Cell, RefCell},
    ptr::{self, NonNull},
    rc::Rc,
};

use rquickjs::{Context, Ctx, Runtime, qjs};

/// Whether a context is there.
#[derive(Clone, Debug)]
pub(crate) struct Life(Rc<Cell<bool>>);

impl Life {
    /// Looks after a new context. `class` is the engine's number for what does that; 0 before the first.
    ///
    /// The context gets an object that nobody else has, in the place for a prototype of its class; the object's finalizer tells of
    /// the end. An object is freed with its last reference or as part of the same garbage, so it goes when its context goes.
    pub(crate) fn of(ctx: &Ctx<'_>, class: &Cell<qjs::JSClassID>) -> rquickjs::Result<Self> {
        let context = ctx.as_raw().as_ptr();
        let mut id = class.get();
        // SAFETY: the context is entered. The definition is copied by the engine, but for the name, which it makes an atom of; the
        // class is registered before it is used; `JS_SetClassProto` takes over the one reference to the object.
        unsafe {
            if id == 0 {
                let runtime = qjs::JS_GetRuntime(context);
                qjs::JS_NewClassID(runtime, &raw mut id);
                let definition = qjs::JSClassDef {
                    class_name: c"Life".as_ptr(),
                    finalizer: Some(finalize),
                    gc_mark: None,
                    call: None,
                    exotic: ptr::null_mut(),
                };
                if qjs::JS_NewClass(runtime, id, &raw const definition) != 0 {
                    return Err(rquickjs::Error::Allocation);
                }
                class.set(id);
            }
            let object = qjs::JS_NewObjectProtoClass(context, qjs::JS_NULL, id);
            if qjs::JS_IsException(object) {
                return Err(rquickjs::Error::Exception);
            }
            let life = Self(Rc::new(Cell::new(true)));
            qjs::JS_SetOpaque(object, Rc::into_raw(Rc::clone(&life.0)).cast_mut().cast());
            qjs::JS_SetClassProto(context, id, object);
            Ok(life)
        }
    }
}

unsafe extern "C" fn finalize(_: *mut qjs::JSRuntime, object: qjs::JSValue) {
    let mut class = 0;
    // SAFETY: the engine calls this once for an object of our class, on its thread; what it keeps is an `Rc`'s, or null before it is set.
    unsafe {
        let life = qjs::JS_GetAnyOpaque(object, &raw mut class).cast::<Cell<bool>>().cast_const();
        if !life.is_null() {
            Rc::from_raw(life).set(false);
        }
    }
}

/// The contexts of realms that have ended.
#[derive(Default)]
pub(crate) struct Ended(RefCell<Vec<(Context, Life)>>);

impl Ended {
    /// Keeps a context until it is garbage.
    pub(crate) fn keep(&self, context: Context, life: Life) {
        self.0.borrow_mut().push((context, life));
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.borrow().is_empty()
    }

    /// One of them.
    pub(crate) fn any(&self) -> Option<Context> {
        self.0.borrow().last().map(|(context, _)| context.clone())
    }

    /// Lets go of them all, when nothing will run any more.
    pub(crate) fn clear(&self) {
        let contexts = self.0.take();
        drop(contexts);
    }

    /// Collects garbage, contexts included. Nothing happens, and `false` comes back, while a job waits. No script may be on the
    /// stack.
    pub(crate) fn collect(&self, runtime: &Runtime) -> bool {
        if runtime.is_job_pending() {
            return false;
        }
        let released = |(context, life): (Context, Life)| {
            let raw = context.as_raw();
            drop(context);
            (raw, life)
        };
        let released: Vec<_> = self.0.take().into_iter().map(released).collect();
        runtime.run_gc();
        for (raw, Life(lives)) in released {
            if lives.get() {
                // SAFETY: the context is there, since its finalizer has not told of its end, and of this runtime. The new owner has
                // a reference of its own.
                let context = unsafe {
                    let raw = NonNull::new_unchecked(qjs::JS_DupContext(raw.as_ptr()));
                    Context::from_raw(raw, runtime.clone())
                };
                self.keep(context, Life(lives));
            }
        }
        true
    }
}
