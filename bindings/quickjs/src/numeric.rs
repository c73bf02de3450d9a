//! <https://webidl.spec.whatwg.org/#js-integer-types>, once the value is a number.

use longhaul_idl::runtime::{IntegerConversion, IntegerType};

/// An integer type's bits and bounds. Bounds of 64 bits are those that `f64` counts exactly.
fn bounds(integer: IntegerType) -> (u32, bool, f64, f64) {
    const MAX_SAFE: f64 = 9_007_199_254_740_991.0;
    match integer {
        IntegerType::Byte => (8, true, -128.0, 127.0),
        IntegerType::Octet => (8, false, 0.0, 255.0),
        IntegerType::Short => (16, true, -32_768.0, 32_767.0),
        IntegerType::UnsignedShort => (16, false, 0.0, 65_535.0),
        IntegerType::Long => (32, true, -2_147_483_648.0, 2_147_483_647.0),
        IntegerType::UnsignedLong => (32, false, 0.0, 4_294_967_295.0),
        IntegerType::LongLong => (64, true, -MAX_SAFE, MAX_SAFE),
        _ => (64, false, 0.0, MAX_SAFE),
    }
}

/// A number in the range of an integer type, or why not.
///
/// <https://webidl.spec.whatwg.org/#abstract-opdef-converttoint>
pub(crate) fn to_integer(
    value: f64,
    integer: IntegerType,
    conversion: IntegerConversion,
) -> Result<f64, &'static str> {
    let (bits, signed, lower, upper) = bounds(integer);
    match conversion {
        // 6. [EnforceRange]
        IntegerConversion::EnforceRange => {
            if !value.is_finite() {
                return Err("is not a finite number");
            }
            let value = value.trunc();
            if value < lower || value > upper {
                return Err("is out of range");
            }
            Ok(value + 0.0)
        }
        // 7. [Clamp]: the nearest integer, the even one of two.
        IntegerConversion::Clamp => {
            if value.is_nan() {
                return Ok(0.0);
            }
            Ok(value.clamp(lower, upper).round_ties_even() + 0.0)
        }
        // 8. - 12. Modulo.
        IntegerConversion::Modulo => {
            if !value.is_finite() {
                return Ok(0.0);
            }
            let modulus = 2f64.powi(bits.cast_signed());
            let remainder = value.trunc().rem_euclid(modulus);
            let result = if signed && remainder >= modulus / 2.0 { remainder - modulus } else { remainder };
            Ok(result + 0.0)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modulo_wraps_around() {
        let modulo = |value, integer| to_integer(value, integer, IntegerConversion::Modulo).unwrap();
        assert_eq!(modulo(256.0, IntegerType::Octet), 0.0);
        assert_eq!(modulo(-1.0, IntegerType::Octet), 255.0);
        assert_eq!(modulo(128.0, IntegerType::Byte), -128.0);
        assert_eq!(modulo(-1.9, IntegerType::UnsignedLong), 4_294_967_295.0);
        assert_eq!(modulo(f64::INFINITY, IntegerType::Long), 0.0);
        assert_eq!(modulo(f64::NAN, IntegerType::Long), 0.0);
        assert!(modulo(-0.0, IntegerType::Long).is_sign_positive());
        assert_eq!(modulo(2f64.powi(64), IntegerType::UnsignedLongLong), 0.0);
    }

    #[test]
    fn enforced_ranges_refuse() {
        let enforce = |value, integer| to_integer(value, integer, IntegerConversion::EnforceRange);
        assert_eq!(enforce(255.9, IntegerType::Octet), Ok(255.0));
        assert!(enforce(256.0, IntegerType::Octet).is_err());
        assert!(enforce(f64::NAN, IntegerType::Octet).is_err());
        assert!(enforce(-1.0, IntegerType::UnsignedLongLong).is_err());
        assert_eq!(enforce(-0.5, IntegerType::Octet).map(f64::is_sign_positive), Ok(true));
    }

    #[test]
    fn clamping_rounds_half_to_even() {
        let clamp = |value, integer| to_integer(value, integer, IntegerConversion::Clamp).unwrap();
        assert_eq!(clamp(1.5, IntegerType::Octet), 2.0);
        assert_eq!(clamp(2.5, IntegerType::Octet), 2.0);
        assert_eq!(clamp(300.0, IntegerType::Octet), 255.0);
        assert_eq!(clamp(f64::NAN, IntegerType::Octet), 0.0);
        assert_eq!(clamp(f64::NEG_INFINITY, IntegerType::Byte), -128.0);
    }
}
