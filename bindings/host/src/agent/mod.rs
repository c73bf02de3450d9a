//! Agents: the threads that run JavaScript, each with its engine and its event loop, and what runs in them: pages and
//! service workers.

mod event_loop;
mod listeners;
mod opened_windows;
mod runaways;
mod service_worker;
mod task_queues;
mod uncaught;
mod window;
mod window_realms;
mod worker;

pub use event_loop::{Agent, AgentEnd, AgentLimits};
pub use listeners::Listeners;
pub use opened_windows::{OpenedWindows, PageOpener};
pub use service_worker::ServiceWorkerAgents;
pub use window::{Page, PageError, PageOptions, WindowHook};
pub use worker::WorkerAgents;
