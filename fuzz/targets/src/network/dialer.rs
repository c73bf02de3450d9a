//! Streams to whoever sits at an address.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use futures::future::{BoxFuture, FutureExt as _};
use longhaul_net::{ByteStream, Dialer};

use super::transport::Pipe;

type Dial = dyn FnMut(SocketAddr) -> io::Result<Pipe> + Send;

/// Asks a function for each connection.
#[derive(Clone)]
pub(crate) struct InMemory(Arc<Mutex<Dial>>);

impl InMemory {
    pub(crate) fn new(dial: impl FnMut(SocketAddr) -> io::Result<Pipe> + Send + 'static) -> InMemory {
        InMemory(Arc::new(Mutex::new(dial)))
    }
}

impl Dialer for InMemory {
    fn dial(&self, address: SocketAddr) -> BoxFuture<'static, io::Result<Box<dyn ByteStream>>> {
        let mut dial = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let pipe = dial(address).map(|pipe| Box::new(pipe) as Box<dyn ByteStream>);
        async move { pipe }.boxed()
    }
}
