//! Opening: what a former process left is taken up again.

use std::sync::Arc;

use longhaul_storage::Profile;

use crate::background_fetch::BackgroundFetch;
use crate::complete_a_record::outcome_of_whole;
use crate::dependencies::Dependencies;
use crate::driver::Driver;
use crate::error::OpenError;
use crate::registration::{BackgroundFetchResult, FailureReason};
use crate::registry;
use crate::scheduler::{Outcome, RecordResult, Repeat};

pub(crate) async fn open(dependencies: Dependencies) -> Result<Arc<Driver>, OpenError> {
    let (profile, workers) = (dependencies.profile.clone(), dependencies.workers.clone());
    let restoring = dependencies.runtime.spawn_blocking(move || {
        registry::restore(&profile, |registration| workers.has_active_worker(registration))
    });
    let restored = restoring.await.map_err(|_| OpenError::Runtime)??;
    let driver = Driver::new(dependencies, restored.next_key);
    if !restored.leftovers.is_empty() {
        driver.profile().commit(restored.leftovers).await?;
    }
    for fetch in restored.fetches {
        compare_with_bodies(driver.profile(), &fetch);
        if fetch.lock().result == BackgroundFetchResult::None {
            fetch.renew_reservation(driver.profile());
            driver.add(&fetch);
        } else {
            driver.add_settled(&fetch);
        }
    }
    Ok(driver)
}

/// Makes each record agree with what there is of its body.
fn compare_with_bodies(profile: &Profile, fetch: &BackgroundFetch) {
    for index in 0..fetch.records.len() {
        let mut data = fetch.lock();
        let settled = data.result != BackgroundFetchResult::None;
        let record = &mut data.records[index];
        let Some(body) = record.body else { continue };
        let state = profile.bodies().state(body);
        let stored = state.as_ref().map_or(0, |state| state.written);
        let complete = state.as_ref().is_some_and(|state| state.complete);
        match record.result {
            // The file is lost. While there is time it is fetched again.
            Some(RecordResult::Success)
                if !complete && !settled && fetch.records[index].repeat == Repeat::Allowed =>
            {
                tracing::warn!(
                    fetch = fetch.key,
                    record = index,
                    "a stored body is lost and is fetched again"
                );
                record.result = None;
            }
            Some(_) => continue,
            None => {}
        }
        if state.is_none() {
            record.body = None;
            record.start_over = true;
        }
        record.high_water = record.high_water.max(stored);
        data.dirty_records.insert(index);
        data.set_stored(index, stored);
        drop(data);
        // It was finished, and only the result did not get to the disk.
        if complete {
            let result = match outcome_of_whole(fetch, index) {
                Outcome::Success => RecordResult::Success,
                _ => RecordResult::Failure(FailureReason::BadStatus),
            };
            fetch.lock().records[index].result = Some(result);
        }
        let data = fetch.lock();
        fetch.show(index, &data.records[index], |_| {});
    }
}
