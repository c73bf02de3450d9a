//! `longhaul fetch`: one fetch through the Fetch layer, as a script of an origin would make it.

use std::io::{IsTerminal as _, Write as _};
use std::path::Path;
use std::time::Duration;

use futures::StreamExt as _;
use longhaul::UserAgent;
use longhaul::fetch::{
    Body, CacheMode, CredentialsMode, Destination, EnvironmentSettings, FetchTiming, Method, Mode,
    RedirectMode, Request, RequestOrigin, Response, is_forbidden_method, is_forbidden_request_header,
    is_no_cors_safelisted_request_header_name,
};
use serde_json::json;
use url::Url;

use super::options::FetchOptions;
use super::profile::{cannot_build, network};
use crate::escape::{json_line, printable, printable_bytes};
use crate::exit::{Exit, Failure, note, say};

/// Runs the command.
pub(super) async fn fetch(options: FetchOptions) -> Result<Exit, Failure> {
    let request = request(&options)?;
    let user_agent = UserAgent::builder()
        .network(network(&options.network, None)?)
        .build()
        .await
        .map_err(|error| cannot_build(error, None, &options.network))?;
    let response = user_agent.fetch(request, longhaul::fetch::FetchOptions::default()).await;
    let shown = show(response, &options).await;
    user_agent.shutdown().await;
    shown
}

/// The request, with the restrictions that a script is under.
fn request(options: &FetchOptions) -> Result<Request, Failure> {
    let url = Url::parse(&options.url).map_err(|error| {
        Failure::usage(match error {
            url::ParseError::RelativeUrlWithoutBase => {
                format!("{}: no URL, it has no scheme such as https:", options.url)
            }
            _ => format!("{}: {error}", options.url),
        })
    })?;
    let client = match &options.origin {
        Some(origin) => match Url::parse(origin) {
            Ok(origin) if origin.origin().is_tuple() => EnvironmentSettings::for_url(origin),
            _ => return Err(Failure::usage(format!("{origin}: no origin, such as https://example.com"))),
        },
        None => EnvironmentSettings::for_url(url.clone()),
    };
    let mut request = Request::new(url);
    let keyword = |name: &str, text: &str| Failure::usage(format!("{text}: unknown {name}"));
    request.mode = Mode::from_keyword(&options.mode).ok_or_else(|| keyword("mode", &options.mode))?;
    request.credentials_mode = CredentialsMode::from_keyword(&options.credentials)
        .ok_or_else(|| keyword("credentials mode", &options.credentials))?;
    request.cache_mode =
        CacheMode::from_keyword(&options.cache).ok_or_else(|| keyword("cache mode", &options.cache))?;
    request.redirect_mode = RedirectMode::from_keyword(&options.redirect)
        .ok_or_else(|| keyword("redirect mode", &options.redirect))?;
    if request.cache_mode == CacheMode::OnlyIfCached && request.mode != Mode::SameOrigin {
        return Err(Failure::usage("--cache only-if-cached needs --mode same-origin"));
    }
    if request.mode == Mode::Navigate {
        request.destination = Destination::Document;
    }
    let default_method = if options.data.is_some() { "POST" } else { "GET" };
    let method = options.method.as_deref().unwrap_or(default_method);
    if is_forbidden_method(method.as_bytes()) {
        return Err(Failure::usage(format!("{method}: a forbidden method")));
    }
    let method =
        Method::new(method).map_err(|_| Failure::usage(format!("{method}: no method")))?.normalized();
    if request.mode == Mode::NoCors && !method.is_cors_safelisted() {
        return Err(Failure::usage(format!("{}: no method for --mode no-cors", method.as_str())));
    }
    if options.data.is_some() && matches!(method.as_str(), "GET" | "HEAD") {
        return Err(Failure::usage(format!("a {} request has no body", method.as_str())));
    }
    request.method = method;
    // What follows is an author's doing, so CORS looks at it.
    request.unsafe_request = true;
    for (name, value) in &options.headers {
        if is_forbidden_request_header(name.as_bytes(), value.as_bytes()) {
            return Err(Failure::usage(format!("{name}: a forbidden header")));
        }
        if request.mode == Mode::NoCors && !is_no_cors_safelisted_request_header_name(name.as_bytes()) {
            return Err(Failure::usage(format!("{name}: no header for --mode no-cors")));
        }
        request.header_list.append(name, value);
    }
    if let Some(data) = &options.data {
        let bytes = match data.strip_prefix('@') {
            Some(path) => std::fs::read(path).map_err(|error| Failure::usage(format!("{path}: {error}")))?,
            None => data.clone().into_bytes(),
        };
        if !request.header_list.contains("Content-Type") && !data.starts_with('@') {
            request.header_list.append("Content-Type", "text/plain;charset=UTF-8");
        }
        request.body = Some(Body::from_bytes(bytes));
    }
    request.origin = RequestOrigin::Origin(client.origin.clone());
    request.client = Some(client.into_shared());
    Ok(request)
}

/// Prints the head, then the body.
async fn show(mut response: Response, options: &FetchOptions) -> Result<Exit, Failure> {
    if let Some(reason) = response.reason() {
        let reason = reason.to_string();
        if options.json {
            print_json(&json!({ "type": response.r#type.as_str(), "url": options.url, "error": reason }))?;
        }
        return Err(Failure::new(format!("{}: network error: {reason}", options.url)));
    }
    let body = response.body.take();
    if !options.json {
        print_head(&response);
    }
    let written = match body {
        Some(body) => write_body(body, options).await,
        None => Ok(0),
    };
    if options.json {
        let headers: Vec<[String; 2]> =
            response.header_list.iter().map(|(name, value)| [shown_name(name), lossy(value)]).collect();
        let mut description = json!({
            "type": response.r#type.as_str(),
            "url": response.url().map(Url::as_str).unwrap_or_default(),
            "redirected": response.url_list.len() > 1,
            "status": response.status,
            "statusText": lossy(&response.status_message),
            "ok": response.is_ok_status(),
            "headers": headers,
            "timing": timing(response.timing.as_ref()).into_iter().collect::<serde_json::Map<_, _>>(),
        });
        match &written {
            Ok(length) => description["bodyLength"] = json!(length),
            Err(failure) => description["error"] = json!(failure.message),
        }
        print_json(&description)?;
    }
    written.map(|_| Exit::Success)
}

/// A header's name as scripts see it.
fn shown_name(name: &[u8]) -> String {
    lossy(name).to_ascii_lowercase()
}

fn print_json(value: &serde_json::Value) -> Result<(), Failure> {
    say(&json_line(value).map_err(Failure::new)?);
    Ok(())
}

/// The head goes to standard error, so that standard output is the body alone.
fn print_head(response: &Response) {
    let url = response.url().map(Url::as_str).unwrap_or_default();
    let redirected = if response.url_list.len() > 1 { " (redirected)" } else { "" };
    note(&format!("url: {}{redirected}", printable(url)));
    note(&format!("type: {}", response.r#type));
    note(&format!("status: {} {}", response.status, printable_bytes(&response.status_message)));
    for (name, value) in response.header_list.iter() {
        note(&format!("header: {}: {}", printable(&shown_name(name)), printable_bytes(value)));
    }
    let times: Vec<String> = timing(response.timing.as_ref())
        .into_iter()
        .map(|(name, value)| format!("{name} {value} ms"))
        .collect();
    if !times.is_empty() {
        note(&format!("timing: {}", times.join(", ")));
    }
}

/// Milliseconds since the fetch began, of what is known.
fn timing(timing: Option<&FetchTiming>) -> Vec<(String, serde_json::Value)> {
    let Some(timing) = timing else { return Vec::new() };
    let points = [
        ("redirectEnd", timing.redirect_end_time),
        ("requestStart", timing.final_network_request_start_time),
        ("responseStart", timing.final_network_response_start_time),
    ];
    let known = points.into_iter().filter(|(_, time)| *time != Duration::ZERO);
    known
        .map(|(name, time)| {
            let milliseconds = time.saturating_sub(timing.start_time).as_micros() as f64 / 1000.0;
            (name.to_owned(), json!(milliseconds))
        })
        .collect()
}

/// Writes the body where it goes; gives its length.
async fn write_body(body: Body, options: &FetchOptions) -> Result<u64, Failure> {
    let mut output = match &options.output {
        Some(path) => {
            Output::File(std::fs::File::create(path).map_err(|error| cannot_write(path, &error))?, path)
        }
        None if options.json => Output::Nowhere,
        None if std::io::stdout().is_terminal() => Output::Terminal,
        None => Output::Pipe,
    };
    let mut length = 0;
    let mut stream = body.into_stream();
    while let Some(chunk) = stream.next().await {
        let chunk =
            chunk.map_err(|error| Failure::new(format!("{}: the body ended early: {error}", options.url)))?;
        length += chunk.len() as u64;
        output.write(&chunk)?;
    }
    Ok(length)
}

enum Output<'a> {
    File(std::fs::File, &'a Path),
    /// Raw.
    Pipe,
    /// Escaped, but for the ends of lines.
    Terminal,
    Nowhere,
}

impl Output<'_> {
    fn write(&mut self, chunk: &[u8]) -> Result<(), Failure> {
        let mut stdout = std::io::stdout().lock();
        match self {
            Output::Nowhere => Ok(()),
            Output::File(file, path) => file.write_all(chunk).map_err(|error| cannot_write(path, &error)),
            Output::Pipe => {
                stdout.write_all(chunk).map_err(|error| cannot_write(Path::new("standard output"), &error))
            }
            Output::Terminal => chunk
                .split_inclusive(|byte| *byte == b'\n')
                .try_for_each(|line| match line.strip_suffix(b"\n") {
                    Some(line) => writeln!(stdout, "{}", printable_bytes(line)),
                    None => write!(stdout, "{}", printable_bytes(line)),
                })
                .map_err(|error| cannot_write(Path::new("standard output"), &error)),
        }
    }
}

fn cannot_write(path: &Path, error: &std::io::Error) -> Failure {
    Failure::new(format!("{}: {error}", path.display()))
}

/// Bytes as JSON can hold them.
fn lossy(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
