//! <https://w3c.github.io/webcrypto/#crypto-interface>

use std::sync::Arc;

use longhaul_idl::runtime::{
    Buffer, BufferKind, DomString, Exception, FromIdl as _, IdlType, ObjectRef, PromiseOf, Realm,
};
use longhaul_idl::{Algorithm, AlgorithmIdentifier, CryptoMethods, SubtleCryptoMethods, tables};
use sha2::Digest as _;

/// <https://w3c.github.io/webcrypto/#dfn-Crypto>
#[derive(Default)]
pub(crate) struct Crypto(Arc<SubtleCrypto>);

/// <https://w3c.github.io/webcrypto/#subtlecrypto-interface>
#[derive(Default)]
pub(crate) struct SubtleCrypto;

longhaul_idl::platform_object!(Crypto => longhaul_idl::crypto);
longhaul_idl::platform_object!(SubtleCrypto => longhaul_idl::subtle_crypto);

impl SubtleCryptoMethods for SubtleCrypto {
    /// <https://w3c.github.io/webcrypto/#SubtleCrypto-method-digest>
    fn digest(
        self: &Arc<Self>,
        realm: &dyn Realm,
        algorithm: AlgorithmIdentifier,
        data: Buffer,
    ) -> Result<PromiseOf<Buffer>, Exception> {
        // 2. The bytes as they are now: the buffer was copied when it was converted.
        let bytes = data.bytes;
        // 3.–4. <https://w3c.github.io/webcrypto/#algorithm-normalization-normalize-an-algorithm>
        let name = match algorithm {
            AlgorithmIdentifier::DomString(name) => name,
            AlgorithmIdentifier::Object(object) => {
                const ALGORITHM: &IdlType = &IdlType::Dictionary(&tables::ALGORITHM);
                Algorithm::from_idl(realm.convert(&object, ALGORITHM)?)?.name
            }
        };
        let digest: fn(&[u8]) -> Vec<u8> = match name.to_ascii_uppercase().as_str() {
            "SHA-1" => |bytes| sha1::Sha1::digest(bytes).to_vec(),
            "SHA-256" => |bytes| sha2::Sha256::digest(bytes).to_vec(),
            "SHA-384" => |bytes| sha2::Sha384::digest(bytes).to_vec(),
            "SHA-512" => |bytes| sha2::Sha512::digest(bytes).to_vec(),
            _ => {
                let shown = crate::shown(&name);
                return Err(Exception::dom("NotSupportedError", format!("\"{shown}\" makes no digest here")));
            }
        };
        // 6.–8. In parallel.
        Ok(PromiseOf::new(async move { Ok(Buffer::array_buffer(digest(&bytes))) }))
    }
}

/// The most bytes of one call.
const MAX_RANDOM_BYTES: usize = 65_536;

fn fill(bytes: &mut [u8]) -> Result<(), Exception> {
    getrandom::fill(bytes)
        .map_err(|_| Exception::dom("OperationError", "the system has no random numbers to give"))
}

impl CryptoMethods for Crypto {
    fn subtle(self: &Arc<Self>, _: &dyn Realm) -> Result<ObjectRef, Exception> {
        Ok(Arc::clone(&self.0) as ObjectRef)
    }

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
