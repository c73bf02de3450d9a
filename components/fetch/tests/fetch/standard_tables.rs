//! The tables of the public test suite, where a checkout keeps them in `shared/data/wpt` beside itself or
//! `LONGHAUL_WPT_DATA` names their folder.

use std::path::{Path, PathBuf};

use longhaul_fetch::{
    Destination, HeaderList, MimeType, Mode, ResponseType, determine_nosniff,
    is_cors_safelisted_request_header,
};
use serde_json::Value;

use crate::support::{FakeNetwork, cors, reply, request, run};

fn folder() -> Option<PathBuf> {
    if let Some(folder) = std::env::var_os("LONGHAUL_WPT_DATA") {
        return Some(PathBuf::from(folder));
    }
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .ancestors()
        .map(|ancestor| ancestor.join("shared/data/wpt"))
        .find(|folder| folder.is_dir())
}

/// The table's rows; none if there is no such file here.
fn table(name: &str) -> Vec<Value> {
    let text = folder().and_then(|folder| std::fs::read_to_string(folder.join(name)).ok());
    let Some(text) = text else {
        println!("skipped: {name} is not here");
        return Vec::new();
    };
    let rows: Vec<Value> = serde_json::from_str(&text).unwrap();
    println!("{name}: {} rows", rows.len());
    rows
}

/// Headers as a table writes them, a line each.
fn headers(lines: &str) -> HeaderList {
    lines
        .split("\r\n")
        .map(|line| {
            let (name, value) = line.split_once(':').unwrap();
            let value = longhaul_fetch::isomorphic_encode(value).unwrap();
            (name.to_owned(), longhaul_fetch::normalize_header_value(&value).to_vec())
        })
        .collect()
}

#[test]
fn mime_types() {
    for row in table("mime-types.json").iter().filter(|row| row.is_object()) {
        let input = row["input"].as_str().unwrap();
        let parsed = input.parse::<MimeType>().ok();
        assert_eq!(parsed.as_ref().map(ToString::to_string).as_deref(), row["output"].as_str(), "{input:?}");
        if let (Some(parsed), Some(encoding)) = (parsed, row["encoding"].as_str()) {
            assert_eq!(parsed.legacy_encoding(encoding_rs::REPLACEMENT).name(), encoding, "{input:?}");
        }
    }
}

#[test]
fn content_types() {
    for row in table("content-types.json") {
        let values: HeaderList = row["contentType"]
            .as_array()
            .unwrap()
            .iter()
            .map(|value| ("Content-Type", value.as_str().unwrap()))
            .collect();
        let mime_type = values.extract_mime_type().map(|mime_type| mime_type.to_string());
        assert_eq!(mime_type.as_deref(), row["mimeType"].as_str(), "{}", row["contentType"]);
    }
}

#[test]
fn content_lengths() {
    for row in table("content-lengths.json") {
        let input = row["input"].as_str().unwrap();
        // The table tells how many of 42 bytes arrive: all where there is no usable length, none where lengths contradict.
        let arriving = headers(input).extract_length().ok().map(|length| length.unwrap_or(42));
        assert_eq!(arriving, row["output"].as_u64(), "{input}");
    }
}

#[test]
fn nosniff() {
    for row in table("x-content-type-options.json") {
        let input = row["input"].as_str().unwrap();
        assert_eq!(Some(determine_nosniff(&headers(input))), row["nosniff"].as_bool(), "{input}");
    }
}

#[test]
fn safelisted_headers() {
    for row in table("not-cors-safelisted.json") {
        let (name, value) = (row[0].as_str().unwrap(), row[1].as_str().unwrap());
        assert!(!is_cors_safelisted_request_header(name.as_bytes(), value.as_bytes()), "{name}: {value}");
    }
}

#[tokio::test]
async fn exposed_headers() {
    for row in table("access-control-expose-headers.json") {
        let input = row["input"].as_str().unwrap();
        let lines: Vec<(String, String)> = headers(input)
            .iter()
            .map(|(name, value)| {
                (String::from_utf8(name.to_vec()).unwrap(), longhaul_fetch::isomorphic_decode(value))
            })
            .collect();
        let network = FakeNetwork::new(move |_| {
            let mut all = vec![("Access-Control-Allow-Origin", "*"), ("BB-8", "hey")];
            all.extend(lines.iter().map(|(name, value)| (name.as_str(), value.as_str())));
            reply(200, &all, "")
        });
        let response = run(&network, cors("https://b.example/")).await;
        assert_eq!(response.r#type, ResponseType::Cors);
        assert_eq!(Some(response.header_list.contains("bb-8")), row["exposed"].as_bool(), "{input}");
    }
}

#[tokio::test]
async fn data_urls() {
    for row in table("data-urls.json") {
        let url = row[0].as_str().unwrap();
        let network = FakeNetwork::new(|_| reply(500, &[], ""));
        // A row that is not a URL at all expects a failure too.
        let parsed = url::Url::parse(url);
        let Ok(parsed) = parsed else {
            assert!(row[1].is_null(), "{url}");
            continue;
        };
        let response = run(&network, cors(parsed.as_str())).await;
        if row[1].is_null() {
            assert!(response.is_network_error(), "{url}");
            continue;
        }
        let content_type = response.header_list.get("Content-Type").unwrap();
        assert_eq!(String::from_utf8(content_type).unwrap(), row[1].as_str().unwrap(), "{url}");
        let expected: Vec<u8> = row[2]
            .as_array()
            .unwrap()
            .iter()
            .map(|byte| u8::try_from(byte.as_u64().unwrap()).unwrap())
            .collect();
        assert_eq!(response.body.unwrap().read_all(None).await.unwrap(), expected, "{url}");
    }
}

#[tokio::test]
async fn base64() {
    for row in table("base64.json") {
        let input = row[0].as_str().unwrap();
        let network = FakeNetwork::new(|_| reply(500, &[], ""));
        // The URL parser would take tabs and line feeds away, and what follows a `#`.
        let escaped: String = input.bytes().map(|byte| format!("%{byte:02X}")).collect();
        let response = run(&network, cors(&format!("data:;base64,{escaped}"))).await;
        let Some(expected) = row[1].as_array() else {
            assert!(response.is_network_error(), "{input:?}");
            continue;
        };
        let expected: Vec<u8> =
            expected.iter().map(|byte| u8::try_from(byte.as_u64().unwrap()).unwrap()).collect();
        assert_eq!(response.body.unwrap().read_all(None).await.unwrap(), expected, "{input:?}");
    }
}

#[tokio::test]
async fn script_types() {
    for row in table("script-content-types.json") {
        let types: Vec<String> = row["contentType"]
            .as_array()
            .unwrap()
            .iter()
            .map(|value| value.as_str().unwrap().to_owned())
            .collect();
        let network = FakeNetwork::new(move |_| {
            let mut all = vec![("X-Content-Type-Options", "nosniff")];
            all.extend(types.iter().map(|value| ("Content-Type", value.as_str())));
            reply(200, &all, "")
        });
        let mut script = request(Mode::NoCors, "/x.js");
        script.destination = Destination::Script;
        let response = run(&network, script).await;
        assert_eq!(Some(!response.is_network_error()), row["executes"].as_bool(), "{}", row["contentType"]);
    }
}
