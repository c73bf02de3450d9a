//! The control socket: the listener of a run, and the client of the other commands.

use std::io::{self, BufRead as _, BufReader, Write as _};
use std::os::unix::net::UnixStream as ClientStream;
use std::sync::Arc;
use std::time::Duration;

use longhaul::UserAgent;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::perform::perform;
use super::protocol::{LINE_LIMIT, Reply, Request};

/// How many clients are answered at a time.
const CLIENTS: usize = 16;
/// How long a client may take to ask, and to take its answer.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long a client waits for its answer: an abort is answered once it is on disk.
const ANSWER: Duration = Duration::from_secs(60);

/// Answers clients until it is dropped.
pub async fn serve(listener: std::os::unix::net::UnixListener, user_agent: UserAgent) -> io::Result<()> {
    listener.set_nonblocking(true)?;
    let listener = UnixListener::from_std(listener)?;
    let places = Arc::new(Semaphore::new(CLIENTS));
    let mut clients = JoinSet::new();
    loop {
        while clients.try_join_next().is_some() {}
        let Ok(place) = places.clone().acquire_owned().await else { return Ok(()) };
        match listener.accept().await {
            Ok((stream, _)) => {
                let user_agent = user_agent.clone();
                clients.spawn(async move {
                    if let Err(error) = answer(stream, &user_agent).await {
                        tracing::debug!(%error, "control client");
                    }
                    drop(place);
                });
            }
            Err(error) => {
                tracing::debug!(%error, "control socket");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }
}

async fn answer(stream: UnixStream, user_agent: &UserAgent) -> io::Result<()> {
    let (read, mut write) = stream.into_split();
    let mut lines = tokio::io::BufReader::new(read.take(LINE_LIMIT)).lines();
    loop {
        let line = match tokio::time::timeout(PATIENCE, lines.next_line()).await {
            Ok(line) => line?,
            Err(_) => return Err(io::ErrorKind::TimedOut.into()),
        };
        let Some(line) = line else { return Ok(()) };
        let reply = match serde_json::from_str::<Request>(&line) {
            Ok(request) => perform(user_agent, request).await,
            Err(error) => Reply::Refused(format!("the request is not understood: {error}")),
        };
        let mut line = serde_json::to_string(&reply)?;
        line.push('\n');
        match tokio::time::timeout(PATIENCE, write.write_all(line.as_bytes())).await {
            Ok(written) => written?,
            Err(_) => return Err(io::ErrorKind::TimedOut.into()),
        }
    }
}

/// Asks the run at the other end. Blocking.
pub fn ask(mut stream: ClientStream, request: &Request) -> io::Result<Reply> {
    stream.set_read_timeout(Some(ANSWER))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let mut line = serde_json::to_string(request)?;
    line.push('\n');
    stream.write_all(line.as_bytes())?;
    let mut answer = String::new();
    BufReader::new(stream).read_line(&mut answer)?;
    if answer.is_empty() {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(serde_json::from_str(&answer)?)
}
