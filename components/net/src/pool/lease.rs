//! The right to send one request on a connection.

use std::sync::{Arc, Weak};

use hyper::body::Incoming;

use super::Pool;
use super::connection::Sender;
use super::policy::ConnectionId;
use crate::connect::{ConnectionInfo, Protocol};
use crate::http1_heads::{RequestHeaders, ResponseHead};
use crate::outgoing_body::OutgoingBody;
use crate::task_group::TaskGroup;
use crate::timing::Reuse;

/// What a connection is good for after a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Disposal {
    /// The exchange is complete in both directions.
    Reusable,
    /// It was cut short. HTTP/1.1 cannot go on from there, and closes; HTTP/2 ends the stream.
    CutShort,
    /// The connection is of no use to others. HTTP/2 takes no more requests and closes when those on it have ended.
    Retired,
}

/// A connection to send one request on. Dropping it after sending is [`Disposal::CutShort`].
pub(crate) struct Lease {
    pool: Weak<Pool>,
    id: ConnectionId,
    sender: Option<Sender>,
    /// Keeps the connection's tasks alive; with the pool's own reference gone, they end with this one.
    _tasks: Arc<TaskGroup>,
    info: Arc<ConnectionInfo>,
    reuse: Reuse,
    used: bool,
}

impl Lease {
    pub(super) fn new(
        pool: Weak<Pool>,
        id: ConnectionId,
        sender: Sender,
        tasks: Arc<TaskGroup>,
        info: Arc<ConnectionInfo>,
        reuse: Reuse,
    ) -> Self {
        Lease { pool, id, sender: Some(sender), _tasks: tasks, info, reuse, used: false }
    }

    pub(crate) fn info(&self) -> &ConnectionInfo {
        &self.info
    }

    pub(crate) fn protocol(&self) -> Protocol {
        self.info.protocol
    }

    /// Whether the connection has served before.
    pub(crate) fn reuse(&self) -> Reuse {
        self.reuse
    }

    /// Sends, on HTTP/1.1 with those headers. The message comes back when none of it was sent.
    pub(crate) async fn send(
        &mut self,
        message: http::Request<OutgoingBody>,
        headers: &RequestHeaders,
    ) -> Result<http::Response<Incoming>, (hyper::Error, Option<http::Request<OutgoingBody>>)> {
        self.used = true;
        let result = match self.sender.as_mut().expect("the sender is there until the lease is disposed of") {
            Sender::Http1(sender, returns) => {
                returns.heads().begin(message.method().clone(), headers.clone());
                sender.try_send_request(message).await
            }
            Sender::Http2(sender) => sender.try_send_request(message).await,
        };
        result.map_err(|mut error| {
            let message = error.take_message();
            (error.into_error(), message)
        })
    }

    /// The head of the response as it came, on HTTP/1.1.
    pub(crate) fn response_head(&self) -> Option<ResponseHead> {
        match &self.sender {
            Some(Sender::Http1(_, returns)) => returns.heads().take_response(),
            _ => None,
        }
    }

    /// Lets nobody have the connection after or beside this request.
    pub(crate) fn leave_pool(&self) {
        if let Some(pool) = self.pool.upgrade() {
            pool.closed(self.id);
        }
    }

    /// Ends the request's use of the connection.
    pub(crate) fn dispose(mut self, disposal: Disposal) {
        self.end(disposal);
    }

    fn end(&mut self, disposal: Disposal) {
        let Some(sender) = self.sender.take() else { return };
        match sender {
            Sender::Http1(sender, returns) if disposal == Disposal::Reusable => {
                if let Some(pool) = self.pool.upgrade() {
                    if sender.is_ready() {
                        pool.returned(self.id, sender);
                    } else {
                        pool.returning(self.id);
                        returns.give_back(sender);
                    }
                }
            }
            Sender::Http1(..) => {
                if let Some(pool) = self.pool.upgrade() {
                    pool.closed(self.id);
                }
            }
            Sender::Http2(_) => {
                if let Some(pool) = self.pool.upgrade() {
                    if disposal == Disposal::Retired {
                        pool.closed(self.id);
                    } else {
                        pool.stream_ended(self.id);
                    }
                }
            }
        }
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.end(if self.used { Disposal::CutShort } else { Disposal::Reusable });
    }
}
