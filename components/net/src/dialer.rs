//! What carries a connection's bytes: TCP, or whatever an embedder or a test puts in its place.

use std::io;
use std::net::SocketAddr;

use futures::future::BoxFuture;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;

/// Bytes in both directions, in order.
pub trait ByteStream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> ByteStream for T {}

/// Opens byte streams. Everything above it (proxies, TLS, HTTP) works over what it gives, so that a server can be a function in the
/// same process that hands out one end of a [`tokio::io::duplex`].
pub trait Dialer: Send + Sync {
    /// Connects to the address. Several may be tried side by side; those that are not needed are dropped.
    fn dial(&self, address: SocketAddr) -> BoxFuture<'static, io::Result<Box<dyn ByteStream>>>;
}

/// Connects over TCP.
#[derive(Clone, Copy, Debug, Default)]
pub struct TcpDialer(());

impl TcpDialer {
    /// TCP with the system's settings.
    pub fn new() -> Self {
        TcpDialer(())
    }
}

impl Dialer for TcpDialer {
    fn dial(&self, address: SocketAddr) -> BoxFuture<'static, io::Result<Box<dyn ByteStream>>> {
        Box::pin(async move {
            let stream = TcpStream::connect(address).await?;
            // Small requests must not wait for acknowledgements; a socket that refuses the option still works.
            let _ = stream.set_nodelay(true);
            Ok(Box::new(stream) as Box<dyn ByteStream>)
        })
    }
}
