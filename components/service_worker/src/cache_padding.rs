//! What opaque responses count for beyond their bytes, so that nobody learns from an estimate how large they are.
//!
//! <https://storage.spec.whatwg.org/#usage-and-quota>

use std::time::{SystemTime, UNIX_EPOCH};

use longhaul_fetch::{Response, ResponseType};
use longhaul_storage::{Column, ColumnKind, Profile, StorageError, TableDefinition, Transaction};
use sha2::{Digest, Sha256};
use url::Url;

/// One row: what paddings are made from.
pub(crate) static PADDING: TableDefinition = TableDefinition {
    name: "cache_padding",
    columns: &[
        Column { name: "one", kind: ColumnKind::Integer },
        Column { name: "secret", kind: ColumnKind::Blob },
    ],
    key_columns: 1,
};

/// A padding is below this.
const RANGE: u64 = 14_431 << 10;

/// What paddings are made from. It stays the same for a profile: storing a response again and again would otherwise show
/// by its average how large it is.
#[derive(Clone)]
pub(crate) struct PaddingSecret(Vec<u8>);

impl PaddingSecret {
    /// The profile's.
    pub(crate) async fn of(profile: &Profile) -> Result<PaddingSecret, StorageError> {
        let reader = profile.clone();
        let reading = tokio::task::spawn_blocking(move || reader.row(&PADDING, &[0_i64.into()]));
        let row = reading.await.map_err(|_| StorageError::Closed)??;
        if let Some(secret) = row.as_ref().and_then(|row| row[1].as_blob()) {
            return Ok(PaddingSecret(secret.to_vec()));
        }
        let secret = random();
        let mut transaction = Transaction::new();
        transaction.put(&PADDING, vec![0_i64.into(), secret.clone().into()]);
        profile.commit(transaction).await?;
        Ok(PaddingSecret(secret))
    }

    /// What a stored response counts for beyond its bytes.
    pub(crate) fn padding(&self, storage_key: &str, request: &Url, response: &Response) -> u64 {
        if !matches!(response.r#type, ResponseType::Opaque | ResponseType::OpaqueRedirect) {
            return 0;
        }
        let mut hash = Sha256::new();
        hash.update(&self.0);
        hash.update((storage_key.len() as u64).to_le_bytes());
        hash.update(storage_key);
        hash.update(request.as_str());
        let mut number = [0; 8];
        number.copy_from_slice(&hash.finalize()[..8]);
        u64::from_le_bytes(number) % RANGE
    }
}

/// 32 bytes that no page can guess.
fn random() -> Vec<u8> {
    use std::hash::{BuildHasher as _, Hasher as _, RandomState};
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_nanos());
    let mut bytes = Vec::with_capacity(32);
    for _ in 0..4 {
        // NOTE: its keys are the system's randomness.
        let mut hasher = RandomState::new().build_hasher();
        hasher.write_u128(now);
        bytes.extend(hasher.finish().to_le_bytes());
    }
    bytes
}
