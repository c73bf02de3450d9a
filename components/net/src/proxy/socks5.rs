//! SOCKS version 5.
//!
//! <https://www.rfc-editor.org/rfc/rfc1928>, <https://www.rfc-editor.org/rfc/rfc1929>

use std::net::IpAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::{Proxy, ProxyError, SocksFailure};
use crate::dialer::ByteStream;

const VERSION: u8 = 5;
const PASSWORD_VERSION: u8 = 1;
const NO_AUTHENTICATION: u8 = 0;
const PASSWORD: u8 = 2;
const NO_ACCEPTABLE_METHOD: u8 = 0xFF;
const CONNECT: u8 = 1;
const ADDRESS_V4: u8 = 1;
const ADDRESS_NAME: u8 = 3;
const ADDRESS_V6: u8 = 4;

/// Asks the proxy at the other end of `stream` to connect it to that host. No byte beyond the proxy's answer is read.
pub(crate) async fn open(
    stream: &mut dyn ByteStream,
    proxy: &Proxy,
    host: &str,
    port: u16,
) -> Result<(), ProxyError> {
    greet(stream, proxy).await?;
    let mut request = vec![VERSION, CONNECT, 0];
    match host.parse::<IpAddr>() {
        Ok(IpAddr::V4(address)) => {
            request.push(ADDRESS_V4);
            request.extend(address.octets());
        }
        Ok(IpAddr::V6(address)) => {
            request.push(ADDRESS_V6);
            request.extend(address.octets());
        }
        Err(_) => {
            request.push(ADDRESS_NAME);
            push_text(&mut request, host)?;
        }
    }
    request.extend(port.to_be_bytes());
    send(stream, &request).await?;
    let [version, reply, _, address_type] = receive(stream).await?;
    if version != VERSION {
        return Err(bad_version(version));
    }
    if reply != 0 {
        return Err(ProxyError::Socks(failure(reply)));
    }
    // The address that the proxy connected from says nothing to anybody, and has to be read.
    let length = match address_type {
        ADDRESS_V4 => 4,
        ADDRESS_V6 => 16,
        ADDRESS_NAME => usize::from(receive::<1>(stream).await?[0]),
        other => return Err(ProxyError::Protocol(format!("address type {other}"))),
    };
    let mut rest = vec![0; length + 2];
    stream.read_exact(&mut rest).await.map_err(|_| ProxyError::Closed)?;
    Ok(())
}

/// Agrees on who we are.
async fn greet(stream: &mut dyn ByteStream, proxy: &Proxy) -> Result<(), ProxyError> {
    let denied =
        || ProxyError::AuthenticationRequired { proxy: proxy.without_credentials(), challenges: Vec::new() };
    match proxy.credentials() {
        Some(_) => send(stream, &[VERSION, 2, NO_AUTHENTICATION, PASSWORD]).await?,
        None => send(stream, &[VERSION, 1, NO_AUTHENTICATION]).await?,
    }
    let [version, method] = receive(stream).await?;
    match (version, method, proxy.credentials()) {
        (VERSION, NO_AUTHENTICATION, _) => Ok(()),
        (VERSION, PASSWORD, Some(credentials)) => {
            let mut message = vec![PASSWORD_VERSION];
            push_text(&mut message, &credentials.username)?;
            push_text(&mut message, &credentials.password)?;
            send(stream, &message).await?;
            match receive(stream).await? {
                [PASSWORD_VERSION, 0] => Ok(()),
                [PASSWORD_VERSION, _] => Err(denied()),
                [other, _] => Err(bad_version(other)),
            }
        }
        (VERSION, NO_ACCEPTABLE_METHOD, _) => Err(denied()),
        (VERSION, other, _) => Err(ProxyError::Protocol(format!("method {other}, which was not offered"))),
        (other, ..) => Err(bad_version(other)),
    }
}

fn push_text(message: &mut Vec<u8>, text: &str) -> Result<(), ProxyError> {
    message.push(u8::try_from(text.len()).map_err(|_| ProxyError::TooLong)?);
    message.extend(text.as_bytes());
    Ok(())
}

async fn send(stream: &mut dyn ByteStream, message: &[u8]) -> Result<(), ProxyError> {
    stream.write_all(message).await.map_err(|_| ProxyError::Closed)?;
    stream.flush().await.map_err(|_| ProxyError::Closed)
}

async fn receive<const LENGTH: usize>(stream: &mut dyn ByteStream) -> Result<[u8; LENGTH], ProxyError> {
    let mut bytes = [0; LENGTH];
    stream.read_exact(&mut bytes).await.map_err(|_| ProxyError::Closed)?;
    Ok(bytes)
}

fn bad_version(version: u8) -> ProxyError {
    ProxyError::Protocol(format!("version {version}"))
}

fn failure(reply: u8) -> SocksFailure {
    match reply {
        1 => SocksFailure::General,
        2 => SocksFailure::NotAllowed,
        3 => SocksFailure::NetworkUnreachable,
        4 => SocksFailure::HostUnreachable,
        5 => SocksFailure::Refused,
        6 => SocksFailure::TtlExpired,
        7 => SocksFailure::CommandNotSupported,
        8 => SocksFailure::AddressTypeNotSupported,
        other => SocksFailure::Other(other),
    }
}
