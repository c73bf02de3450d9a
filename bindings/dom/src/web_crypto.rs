//! <https://w3c.github.io/webcrypto/#crypto-interface>

use std::sync::Arc;

use longhaul_idl::CryptoMethods;
use longhaul_idl::runtime::{Buffer, BufferKind, DomString, Exception, Realm};

/// <https://w3c.github.io/webcrypto/#dfn-Crypto>
pub(crate) struct Crypto;

longhaul_idl::platform_object!(Crypto => longhaul_idl::crypto);

/// The most bytes of one call.
const MAX_RANDOM_BYTES: usize = 65_536;

fn fill(bytes: &mut [u8]) -> Result<(), Exception> {
    getrandom::fill(bytes)
        .map_err(|_| Exception::dom("OperationError", "the system has no random numbers to give"))
}

impl CryptoMethods for Crypto {
    /// <https://w3c.github.io/webcrypto/#Crypto-method-getRandomValues>
    fn get_random_values(self: &Arc<Self>, realm: &dyn Realm, array: Buffer) -> Result<Buffer, Exception> {
        // 1. Integers only.
        if matches!(
            array.kind,
            BufferKind::Float16Array
                | BufferKind::Float32Array
                | BufferKind::Float64Array
                | BufferKind::DataView
        ) {
            return Err(Exception::dom("TypeMismatchError", "random numbers go into arrays of integers"));
        }
        // 2. Not too many at once.
        let length = array.bytes.len();
        if length > MAX_RANDOM_BYTES {
            return Err(Exception::QuotaExceeded {
                quota: Some(MAX_RANDOM_BYTES as f64),
                requested: Some(length as f64),
                message: format!("no more than {MAX_RANDOM_BYTES} random bytes at once"),
            });
        }
        // 3. Over what was there.
        let mut bytes = vec![0; length];
        fill(&mut bytes)?;
        if let Some(held) = &array.held {
            realm.write_buffer(held, 0, &bytes)?;
        }
        Ok(array)
    }

    /// <https://w3c.github.io/webcrypto/#Crypto-method-randomUUID>
    fn random_uuid(self: &Arc<Self>, _: &dyn Realm) -> Result<DomString, Exception> {
        // 1.–3. Random but for the version and the variant.
        let mut bytes = [0; 16];
        fill(&mut bytes)?;
        bytes[6] = bytes[6] & 0x0F | 0x40;
        bytes[8] = bytes[8] & 0x3F | 0x80;
        // 4. In five groups.
        let mut text = String::with_capacity(36);
        for (index, byte) in bytes.iter().enumerate() {
            if matches!(index, 4 | 6 | 8 | 10) {
                text.push('-');
            }
            text.push_str(&format!("{byte:02x}"));
        }
        Ok(text.into())
    }
}
