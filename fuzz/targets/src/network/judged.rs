//! The network with a judge before it.

use std::sync::Arc;

use futures::future::{BoxFuture, FutureExt as _};
use longhaul_fetch::{ConnectionKey, Network, NetworkError, WireRequest, WireResponse};

use crate::fetching::rules::{Judge, Seen};

/// Hands requests on once they have been judged.
pub(crate) struct Judged {
    pub(crate) network: Arc<dyn Network>,
    pub(crate) judge: Judge,
}

impl Network for Judged {
    fn send(
        &self,
        mut request: WireRequest,
        key: ConnectionKey,
    ) -> BoxFuture<'static, Result<WireResponse, NetworkError>> {
        self.judge.may_still_send(&request.url);
        let seen = Seen::of(&request, &key);
        let judge = self.judge.clone();
        // What may not go to the address that the connection leads to does not leave.
        match request.connection_check.take() {
            None => judge.rules(|rules| rules.request_leaves(&seen)),
            Some(check) => {
                let (judge, seen) = (judge.clone(), seen.clone());
                request.connection_check = Some(Arc::new(move |address| {
                    let (checked, judge, seen) = (check(address), judge.clone(), seen.clone());
                    async move {
                        checked.await?;
                        judge.rules(|rules| rules.request_leaves(&seen));
                        Ok(())
                    }
                    .boxed()
                }));
            }
        }
        let sending = self.network.send(request, key);
        async move {
            let response = sending.await?;
            // NOTE: browsers take any three digits at most for a status, and so do we.
            assert!(response.status <= 999);
            judge.rules(|rules| rules.answer_comes(&seen, response.status, &response.headers));
            Ok(response)
        }
        .boxed()
    }
}
