//! Batch Cache Operations and Query Cache.

use std::collections::HashSet;
use std::sync::Arc;

use longhaul_fetch::cache_query::{CacheQueryOptions, request_matches_cached_item};
use longhaul_fetch::{Request, Response, ResponseSnapshot};
use longhaul_storage::{BodyId, Transaction, Value};

use crate::cache::{CacheState, Entry, PendingBody};
use crate::cache_error::CacheError;
use crate::cache_storage::ENTRIES;

/// <https://w3c.github.io/ServiceWorker/#dfn-cache-batch-operation>
pub(crate) enum Operation {
    Put { request: Request, response: Box<ResponseSnapshot>, body: Option<PendingBody> },
    Delete { request: Request, options: CacheQueryOptions },
}

/// The entries for a request.
///
/// <https://w3c.github.io/ServiceWorker/#query-cache>
pub(crate) fn query_cache<'a>(
    entries: impl Iterator<Item = &'a Entry>,
    request: &Request,
    options: &CacheQueryOptions,
) -> impl Iterator<Item = &'a Entry> {
    entries.filter(move |entry| {
        request_matches_cached_item(request, &entry.request, Some(&entry.response), options)
    })
}

impl CacheState {
    /// Runs operations, all or none of them. Gives how many entries were removed or added. Once begun it goes on, even
    /// if nobody waits for it any more: what is in memory and what is stored must not part.
    ///
    /// <https://w3c.github.io/ServiceWorker/#batch-cache-operations>
    pub(crate) async fn batch(self: &Arc<Self>, operations: Vec<Operation>) -> Result<usize, CacheError> {
        let state = self.clone();
        let task = self.store.runtime.spawn(async move { state.run_batch(operations).await });
        task.await.map_err(|_| CacheError::Stopped)?
    }

    async fn run_batch(&self, operations: Vec<Operation>) -> Result<usize, CacheError> {
        let mut guard = self.entries.lock().await;
        let entries = self.loaded(&mut guard).await?;
        let mut last_id = entries.iter().map(|entry| entry.id).max().unwrap_or(0);
        let mut removed: HashSet<i64> = HashSet::new();
        let mut added: Vec<Entry> = Vec::new();
        let mut bodies: Vec<PendingBody> = Vec::new();
        let mut transaction = Transaction::new();
        // 4.2. Each in turn, against what the ones before it leave.
        for operation in operations {
            let (request, options) = match &operation {
                Operation::Put { request, .. } => (request, CacheQueryOptions::default()),
                Operation::Delete { request, options } => (request, *options),
            };
            // 4.2.3. Not against what they added.
            if query_cache(added.iter(), request, &options).next().is_some() {
                return Err(CacheError::Duplicate(request.url().clone()));
            }
            // 4.2.5.1-2, 4.2.6.6-7. What is there for the request goes.
            for entry in query_cache(entries.iter(), request, &options) {
                if removed.insert(entry.id) {
                    transaction.delete(&ENTRIES, vec![self.id.into(), entry.id.into()]);
                    if let Some(body) =
                        entry.body.filter(|body| self.store.profile.bodies().state(*body).is_some())
                    {
                        transaction.release_body(body);
                    }
                }
            }
            // 4.2.6.8. The new one comes.
            if let Operation::Put { request, response, body } = operation {
                last_id += 1;
                let body_id = body.as_ref().and_then(PendingBody::id);
                transaction.put(&ENTRIES, self.entry_row(last_id, &request, &response, body_id));
                bodies.extend(body);
                let response = Response::from_snapshot(*response, None);
                added.push(Entry { id: last_id, request, response, body: body_id });
            }
        }
        let changes = removed.len() + added.len();
        if changes > 0 {
            // 5. If this fails, nothing has happened, and the new bodies go.
            self.store.profile.commit(transaction).await?;
        }
        for body in bodies {
            body.keep();
        }
        entries.retain(|entry| !removed.contains(&entry.id));
        entries.extend(added);
        Ok(changes)
    }

    fn entry_row(
        &self,
        id: i64,
        request: &Request,
        response: &ResponseSnapshot,
        body: Option<BodyId>,
    ) -> Vec<Value> {
        // Strings, numbers and lists of them always have a JSON form; a row without one is left out when it is read.
        let request = serde_json::to_string(&request.snapshot()).map_or(Value::Null, Value::from);
        let response = serde_json::to_string(response).map_or(Value::Null, Value::from);
        vec![self.id.into(), id.into(), request, response, body.map(|body| body.to_string()).into()]
    }
}
