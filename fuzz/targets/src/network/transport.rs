//! A connection's other end, as a state machine: nothing waits, nothing is spawned.

use std::io::{self, Read as _, Write as _};
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, Waker};

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Who sits at the other end.
pub(crate) trait Peer: Send {
    /// Something was sent to it.
    fn receive(&mut self, bytes: &[u8]);
    /// What it says next; asked until it says that there is nothing more for now.
    fn next(&mut self) -> Says;
}

#[derive(Debug)]
pub(crate) enum Says {
    Bytes(Vec<u8>),
    Nothing,
    /// Nothing more, ever.
    End,
    /// The connection breaks.
    Reset,
    /// From now on somebody else sits there.
    Becomes(Box<Other>),
}

/// Who takes over, and whether behind TLS.
pub(crate) struct Other {
    pub(crate) peer: Box<dyn Peer>,
    pub(crate) tls: Option<Protocol>,
    /// What it is the first to hear.
    pub(crate) heard: Vec<u8>,
}

impl std::fmt::Debug for Other {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Other").field("tls", &self.tls).finish_non_exhaustive()
    }
}

/// What TLS agrees on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Protocol {
    Http1,
    Http2,
}

/// The authority that all servers' certificates come from.
pub(crate) const AUTHORITY: &[u8] = include_bytes!("certificate/authority.pem");

fn server_config(protocol: Protocol) -> Arc<ServerConfig> {
    static CONFIGS: OnceLock<[Arc<ServerConfig>; 2]> = OnceLock::new();
    let configs = CONFIGS.get_or_init(|| {
        [&b"http/1.1"[..], b"h2"].map(|alpn| {
            let certificate = CertificateDer::from_pem_slice(include_bytes!("certificate/server.pem"));
            let key = PrivateKeyDer::from_pem_slice(include_bytes!("certificate/key.pem"));
            let mut config =
                ServerConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
                    .with_safe_default_protocol_versions()
                    .expect("the provider has them")
                    .with_no_client_auth()
                    .with_single_cert(vec![certificate.expect("a certificate")], key.expect("a key"))
                    .expect("they belong together");
            config.alpn_protocols = vec![alpn.to_vec()];
            // Tickets would make one input's run depend on the one before.
            config.send_tls13_tickets = 0;
            Arc::new(config)
        })
    });
    Arc::clone(&configs[usize::from(protocol == Protocol::Http2)])
}

/// The client's end of a connection to a peer.
pub(crate) struct Pipe {
    peer: Box<dyn Peer>,
    tls: Option<Box<ServerConnection>>,
    /// What has been said and not been read.
    outgoing: Vec<u8>,
    read: usize,
    is_over: bool,
    is_reset: bool,
    /// The most bytes that come at once.
    piece: usize,
    reader: Option<Waker>,
}

impl Pipe {
    pub(crate) fn new(peer: Box<dyn Peer>, tls: Option<Protocol>, piece: usize) -> Pipe {
        let tls = tls.map(begin_tls);
        Pipe {
            peer,
            tls,
            outgoing: Vec::new(),
            read: 0,
            is_over: false,
            is_reset: false,
            piece,
            reader: None,
        }
    }

    fn take(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        let Some(tls) = &mut self.tls else {
            self.peer.receive(bytes);
            return Ok(());
        };
        while !bytes.is_empty() {
            tls.read_tls(&mut bytes)?;
            tls.process_new_packets().map_err(io::Error::other)?;
            let mut plain = Vec::new();
            match tls.reader().read_to_end(&mut plain) {
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(error),
            }
            if !plain.is_empty() {
                self.peer.receive(&plain);
            }
        }
        Ok(())
    }

    /// Lets the peer say what it has to say.
    fn pump(&mut self) -> io::Result<()> {
        while !self.is_over {
            if self.tls.as_ref().is_some_and(|tls| tls.is_handshaking()) {
                break;
            }
            match self.peer.next() {
                Says::Bytes(bytes) => match &mut self.tls {
                    Some(tls) => tls.writer().write_all(&bytes)?,
                    None => self.outgoing.extend_from_slice(&bytes),
                },
                Says::Nothing => break,
                Says::End => {
                    self.is_over = true;
                    if let Some(tls) = &mut self.tls {
                        tls.send_close_notify();
                    }
                }
                Says::Reset => (self.is_over, self.is_reset) = (true, true),
                Says::Becomes(other) => {
                    self.peer = other.peer;
                    self.tls = other.tls.map(begin_tls);
                    self.take(&other.heard)?;
                }
            }
        }
        if let Some(tls) = &mut self.tls {
            while tls.wants_write() {
                tls.write_tls(&mut self.outgoing)?;
            }
        }
        Ok(())
    }
}

fn begin_tls(protocol: Protocol) -> Box<ServerConnection> {
    let mut connection = ServerConnection::new(server_config(protocol)).expect("the settings are sound");
    connection.set_buffer_limit(None);
    Box::new(connection)
}

impl AsyncRead for Pipe {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.pump()?;
        let waiting = self.outgoing.len() - self.read;
        if waiting == 0 {
            if self.is_reset {
                return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
            }
            if self.is_over {
                return Poll::Ready(Ok(()));
            }
            self.reader = Some(context.waker().clone());
            return Poll::Pending;
        }
        let count = waiting.min(self.piece).min(buffer.remaining());
        let read = self.read;
        buffer.put_slice(&self.outgoing[read..read + count]);
        self.read += count;
        if self.read == self.outgoing.len() {
            self.outgoing.clear();
            self.read = 0;
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Pipe {
    fn poll_write(mut self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        if self.is_reset {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        self.take(bytes)?;
        self.pump()?;
        if let Some(reader) = self.reader.take() {
            reader.wake();
        }
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
