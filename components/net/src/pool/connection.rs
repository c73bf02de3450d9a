//! One connection: opened, handed to hyper, driven until it ends.

use std::future::{Future, poll_fn};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::sync::mpsc;
use tokio::time::timeout;

use super::policy::ConnectionId;
use super::{ConnectionSettings, Http1Sender, Http2Sender, Line, Pool};
use crate::connect::{ConnectionInfo, Connector, Protocol};
use crate::dialer::ByteStream;
use crate::error::Error;
use crate::http1_heads::{Heads, WithHeads};
use crate::hyper_error::head_error;
use crate::outgoing_body::OutgoingBody;
use crate::pool_key::PoolKey;
use crate::task_group::{GroupExecutor, TaskGroup};

/// How long a server may take to read the last of a request that it has answered, before the connection is not worth keeping.
const RETURN_TIMEOUT: Duration = Duration::from_secs(1);

/// Sends requests on a connection.
pub(crate) enum Sender {
    Http1(Http1Sender, Returns),
    Http2(Http2Sender),
}

/// The way back for an HTTP/1.1 sender whose request is over, and the heads that pass by its side.
#[derive(Clone)]
pub(crate) struct Returns {
    back: mpsc::UnboundedSender<Http1Sender>,
    heads: Heads,
}

impl Returns {
    pub(super) fn give_back(&self, sender: Http1Sender) {
        // A connection that has ended wants nothing back.
        let _ = self.back.send(sender);
    }

    pub(super) fn heads(&self) -> &Heads {
        &self.heads
    }
}

/// How many streams an HTTP/2 server allows at once, as far as has been seen.
#[derive(Clone)]
pub(super) struct StreamLimit(Arc<AtomicUsize>);

impl StreamLimit {
    pub(super) fn get(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

/// The whole life of a connection. The task holds the pool only weakly, so that it does not keep it alive.
pub(super) async fn open_and_drive(
    pool: Weak<Pool>,
    id: ConnectionId,
    key: Arc<PoolKey>,
    connector: Arc<Connector>,
    settings: Arc<ConnectionSettings>,
    tasks: Weak<TaskGroup>,
) {
    let opened = connector.connect(&key).await;
    drop(connector);
    let driven = match opened {
        Ok((io, info)) if info.protocol == Protocol::Http2 => {
            drive_http2(&pool, id, io, info, &settings, tasks).await
        }
        Ok((io, info)) => drive_http1(&pool, id, io, info, &settings).await,
        Err(error) => Err(error),
    };
    if let Some(pool) = pool.upgrade() {
        match driven {
            Ok(()) => pool.closed(id),
            Err(error) => pool.connect_failed(id, error),
        }
    }
}

async fn drive_http1(
    pool: &Weak<Pool>,
    id: ConnectionId,
    io: Box<dyn ByteStream>,
    info: ConnectionInfo,
    settings: &ConnectionSettings,
) -> Result<(), Error> {
    let heads = Heads::default();
    let is_secure = info.secure_connect.is_some();
    let longest = settings.header_limits.bytes as usize;
    let io = WithHeads::new(io, heads.clone(), is_secure, longest);
    // NOTE: what hyper adds by itself gets the case that servers have always seen.
    let (sender, connection) = hyper::client::conn::http1::Builder::new()
        .title_case_headers(true)
        .max_headers(settings.header_limits.count)
        .max_header_size(settings.header_limits.bytes as usize)
        .handshake::<_, OutgoingBody>(TokioIo::new(io))
        .await
        .map_err(|error| head_error(&error))?;
    let (returns, mut returned) = mpsc::unbounded_channel();
    {
        let Some(pool) = pool.upgrade() else { return Ok(()) };
        pool.connected(
            id,
            Line::Http1 { idle: Some(sender), returns: Returns { back: returns, heads } },
            info,
        );
    }
    let connection = connection.with_upgrades();
    tokio::pin!(connection);
    loop {
        let mut sender: Http1Sender = tokio::select! {
            ended = &mut connection => {
                log_end(ended);
                return Ok(());
            }
            sender = returned.recv() => match sender {
                Some(sender) => sender,
                // The pool has dropped the connection and no lease can return.
                None => return Ok(()),
            },
        };
        // The response is complete, but hyper may still be writing the request's last bytes.
        let ready = tokio::select! {
            ended = &mut connection => {
                log_end(ended);
                return Ok(());
            }
            ready = timeout(RETURN_TIMEOUT, sender.ready()) => matches!(ready, Ok(Ok(()))),
        };
        match pool.upgrade() {
            Some(pool) if ready => pool.returned(id, sender),
            _ => return Ok(()),
        }
    }
}

async fn drive_http2(
    pool: &Weak<Pool>,
    id: ConnectionId,
    io: Box<dyn ByteStream>,
    info: ConnectionInfo,
    settings: &ConnectionSettings,
    tasks: Weak<TaskGroup>,
) -> Result<(), Error> {
    let (sender, connection) = hyper::client::conn::http2::Builder::new(GroupExecutor::new(tasks))
        .adaptive_window(false)
        .initial_stream_window_size(settings.http2.stream_window)
        .initial_connection_window_size(settings.http2.connection_window)
        .max_header_list_size(settings.header_limits.bytes)
        .timer(TokioTimer::new())
        .keep_alive_interval(settings.http2.keep_alive_interval)
        .keep_alive_timeout(settings.http2.keep_alive_timeout)
        .handshake::<_, OutgoingBody>(TokioIo::new(io))
        .await
        .map_err(|error| head_error(&error))?;
    let stream_limit = StreamLimit(Arc::new(AtomicUsize::new(connection.current_max_send_streams())));
    {
        let Some(pool) = pool.upgrade() else { return Ok(()) };
        pool.connected(id, Line::Http2 { sender, stream_limit: stream_limit.clone() }, info);
    }
    tokio::pin!(connection);
    // It ends when no new stream can be opened. The streams that are open go on; their leases keep the connection's tasks.
    let ended = poll_fn(|cx| {
        let ended = connection.as_mut().poll(cx);
        stream_limit.0.store(connection.current_max_send_streams(), Ordering::Relaxed);
        ended
    });
    log_end(ended.await);
    Ok(())
}

fn log_end(ended: hyper::Result<()>) {
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection ended");
    }
}
