//! <https://html.spec.whatwg.org/#navigate-to-a-javascript:-url>

use std::sync::Arc;

use longhaul::fetch::InlineContent;
use longhaul_idl::runtime::{Realm, TaskSource, Value};
use percent_encoding::percent_decode_str;
use url::Url;

use super::browsing_context::BrowsingContext;
use super::new_document::replace_by_text;
use super::{WindowGlobal, content_security_policy};

/// Runs the URL's script in the document that is shown, in a task of its own; a string that it gives is the next document.
pub(super) fn navigate(
    realm: &dyn Realm,
    context: &Arc<BrowsingContext>,
    url: &Url,
    source: Option<&Arc<WindowGlobal>>,
) {
    let Some(window) = context.active() else { return };
    let of_source = source.map(|source| source.environment().origin.clone());
    // 4. Only of its own origin, and only as the one who asks may.
    let same_origin = of_source.is_some_and(|origin| origin == window.environment().origin);
    let allowed = same_origin
        && window.allows_scripts()
        && source.is_some_and(|source| {
            let content = InlineContent::JavascriptUrl;
            content_security_policy::allows_inline(realm, source, None, content, url.as_str())
        });
    let Some(agent) = window.agent().filter(|_| allowed) else {
        context.release_container(realm);
        return;
    };
    let (number, context) = (context.begin_navigation(), Arc::clone(context));
    // 5. What follows the scheme.
    let script = url.as_str()["javascript:".len()..].to_owned();
    let file = window.url().to_string();
    let id = window.realm_id();
    let run = move |realm: &dyn Realm| {
        if !context.is_current(number) {
            return;
        }
        let script = percent_decode_str(&script).decode_utf8_lossy().into_owned();
        // 6. The script.
        let result = match realm.run_script(script.as_bytes(), &file) {
            Ok(result) => result,
            Err(exception) => {
                realm.report_exception(exception);
                Value::Undefined
            }
        };
        match result {
            // 7. A string is a document.
            Value::String(text) => replace_by_text(realm, &context, &window, text.into_usv_string()),
            _ => context.loaded_without_document(),
        }
    };
    agent.queue_task(TaskSource::Navigation, id, Box::new(run));
}
