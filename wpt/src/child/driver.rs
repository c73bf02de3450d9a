//! What a driver does for a test: the automation that testdriver.js asks for, and the user's side of background fetches.

use std::time::Duration;

use longhaul::UserAgent;
use longhaul::background_fetch::{PermissionState, Registration};
use serde_json::{Value, json};
use url::Url;

/// How long an answer waits for what service workers have under way. The suite's tests were written beside drivers that live outside
/// of the browser: by the time one of those answers, a worker that was being registered is active.
const UNDER_WAY: Duration = Duration::from_millis(500);

/// Acts on a user agent.
pub(super) struct Driver {
    user_agent: UserAgent,
}

impl Driver {
    pub(super) fn new(user_agent: UserAgent) -> Driver {
        Driver { user_agent }
    }

    /// Does what was asked; the answer, or why it could not be done.
    pub(super) async fn command(&self, name: &str, parameters: &Value) -> Result<Value, String> {
        let text = |key: &str| {
            parameters[key].as_str().ok_or_else(|| format!("{name}: {key} is missing or no text"))
        };
        match name {
            "set_permission" => {
                let state = match text("state")? {
                    "granted" => PermissionState::Granted,
                    "denied" => PermissionState::Denied,
                    "prompt" => PermissionState::Prompt,
                    other => return Err(format!("{other} is no state of a permission")),
                };
                self.user_agent.permissions().set(text("name")?, text("origin")?, state);
                let idle = self.user_agent.service_workers().idle();
                let _ = tokio::time::timeout(UNDER_WAY, idle).await;
                Ok(Value::Null)
            }
            "delete_all_cookies" => {
                let host = host(text("url")?)?;
                self.user_agent.cookies().remove_where(|cookie| cookie.goes_to_host(&host));
                Ok(Value::Null)
            }
            "get_all_cookies" => Ok(self.cookies(&host(text("url")?)?)),
            "offline" => {
                self.user_agent.set_online(false);
                Ok(Value::Null)
            }
            "online" => {
                self.user_agent.set_online(true);
                Ok(Value::Null)
            }
            "pause_background_fetch" => {
                self.fetch(text("id")?).map(|fetch| fetch.pause()).map(|()| Value::Null)
            }
            "resume_background_fetch" => {
                self.fetch(text("id")?).map(|fetch| fetch.resume()).map(|()| Value::Null)
            }
            "click_background_fetch" => {
                self.fetch(text("id")?).map(|fetch| fetch.click()).map(|()| Value::Null)
            }
            "abort_background_fetch" => Ok(self.fetch(text("id")?)?.abort().await.into()),
            "background_fetches" => Ok(self.fetches()),
            "set_quota" => {
                let bytes = parameters["bytes"].as_u64();
                self.user_agent.profile().quota().set_limit(text("origin")?, bytes);
                Ok(Value::Null)
            }
            other => Err(format!("{other} is not there")),
        }
    }

    fn cookies(&self, host: &str) -> Value {
        let cookies = self.user_agent.cookies().cookies();
        let described = cookies.iter().filter(|cookie| cookie.goes_to_host(host)).map(|cookie| {
            json!({
                "name": cookie.name, "value": cookie.value, "path": cookie.path, "domain": cookie.domain,
                "secure": cookie.secure, "httpOnly": cookie.http_only, "sameSite": cookie.same_site,
            })
        });
        described.collect()
    }

    fn fetch(&self, id: &str) -> Result<Registration, String> {
        self.user_agent.background_fetch().find(id).map_err(|error| format!("{id}: {error}"))
    }

    /// What is shown to the user.
    fn fetches(&self) -> Value {
        let fetches = self.user_agent.background_fetch().list();
        let described = fetches.iter().map(|fetch| {
            let icons: Vec<&str> = fetch.state.icons.iter().map(|icon| icon.src.as_str()).collect();
            json!({
                "id": fetch.id, "icons": icons, "title": fetch.state.title, "downloaded": fetch.state.downloaded,
                "paused": fetch.state.paused, "result": fetch.state.result.as_str(),
            })
        });
        described.collect()
    }
}

fn host(url: &str) -> Result<String, String> {
    let url = Url::parse(url).map_err(|error| format!("{url}: {error}"))?;
    url.host_str().map(str::to_owned).ok_or_else(|| format!("{url} has no host"))
}
