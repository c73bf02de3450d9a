//! A streaming upload with progress: the body is made while it is sent, no faster than the connection takes it. As it can be made only
//! once, it takes a user agent that sends such bodies over HTTP/1.1 too.
//!
//! ```sh
//! cargo run -p longhaul --example upload -- https://example.com/upload some-file
//! ```

use bytes::Bytes;
use futures::{Stream, StreamExt as _};
use longhaul::UserAgent;
use longhaul::fetch::{Body, BodyError, FetchOptions, Method, Request, Response};
use url::Url;

/// Sends what `chunks` gives to `url`. `progress` is told how many bytes have left up to now. `length` is said in the request's head;
/// without it the body goes out in chunks.
pub(crate) async fn upload(
    user_agent: &UserAgent,
    url: Url,
    chunks: impl Stream<Item = std::io::Result<Bytes>> + Send + 'static,
    length: Option<u64>,
    mut progress: impl FnMut(u64) + Send + 'static,
) -> Response {
    let chunks = chunks.map(|chunk| chunk.map_err(|error| BodyError::Source(error.to_string())));
    let mut request = Request::new(url);
    request.method = Method::POST;
    request.body = Some(Body::from_stream(chunks.boxed(), None, length));
    let mut sent = 0;
    let options = FetchOptions {
        process_request_body_chunk_length: Some(Box::new(move |bytes| {
            sent += bytes;
            progress(sent);
        })),
        ..FetchOptions::default()
    };
    user_agent.fetch(request, options).await
}

/// A file's content in pieces.
pub(crate) fn pieces(file: std::fs::File) -> impl Stream<Item = std::io::Result<Bytes>> + Send + 'static {
    futures::stream::unfold(file, |mut file| async {
        // A piece is read when the connection asks for one.
        let reading = tokio::task::spawn_blocking(move || {
            let mut piece = vec![0; 64 << 10];
            let result = std::io::Read::read(&mut file, &mut piece);
            piece.truncate(*result.as_ref().unwrap_or(&0));
            (result.map(|_| Bytes::from(piece)), file)
        });
        match reading.await {
            Ok((Ok(piece), _)) if piece.is_empty() => None,
            Ok(read) => Some(read),
            // The runtime is ending, and with it the upload.
            Err(_) => None,
        }
    })
}

#[cfg(not(test))]
#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(url), Some(path)) = (arguments.next(), arguments.next()) else {
        return Err("usage: upload URL FILE".into());
    };
    let file = std::fs::File::open(path)?;
    let length = file.metadata()?.len();
    let user_agent = UserAgent::builder().streamed_uploads_over_http1(true).build().await?;
    let progress = move |sent| eprint!("\r{sent} of {length} bytes");
    let response = upload(&user_agent, url.parse()?, pieces(file), Some(length), progress).await;
    match response.reason() {
        Some(reason) => Err(reason.clone().into()),
        None => {
            eprintln!("\nstatus {}", response.unfiltered().status);
            Ok(())
        }
    }
}
