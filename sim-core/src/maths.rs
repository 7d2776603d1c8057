//! The one maths module: functions over floats that give the same bits on every machine.
//!
//! The standard library's `ln`, `exp`, `powf`, `sin` and their kin call the platform's maths
//! library and differ in the last place between two machines. `clippy.toml` bans them in every
//! crate; these, over `libm` (compiled from Rust, without platform calls), take their place.
//! `sqrt`, `abs`, `floor`, `ceil`, `round`, `trunc` and `mul_add` are exact by IEEE 754 and stay allowed.

/// Natural logarithm.
pub fn ln(x: f64) -> f64 {
    libm::log(x)
}

/// ln(1 + x), precise near zero.
pub fn ln_1p(x: f64) -> f64 {
    libm::log1p(x)
}

/// Logarithm to base 10.
pub fn log10(x: f64) -> f64 {
    libm::log10(x)
}

/// Logarithm to base 2.
pub fn log2(x: f64) -> f64 {
    libm::log2(x)
}

/// e to the power x.
pub fn exp(x: f64) -> f64 {
    libm::exp(x)
}

/// e to the power x, less one, precise near zero.
pub fn exp_m1(x: f64) -> f64 {
    libm::expm1(x)
}

/// `base` to the power `exponent`.
pub fn pow(base: f64, exponent: f64) -> f64 {
    libm::pow(base, exponent)
}

/// Cube root (CUBIC's window, RFC 9438 §4.2).
pub fn cbrt(x: f64) -> f64 {
    libm::cbrt(x)
}

/// Sine of x radians.
pub fn sin(x: f64) -> f64 {
    libm::sin(x)
}

/// Cosine of x radians.
pub fn cos(x: f64) -> f64 {
    libm::cos(x)
}

/// Natural logarithm of the gamma function's absolute value.
pub fn ln_gamma(x: f64) -> f64 {
    libm::lgamma(x)
}

/// Arc sine.
pub fn asin(x: f64) -> f64 {
    libm::asin(x)
}

/// Complementary error function.
pub fn erfc(x: f64) -> f64 {
    libm::erfc(x)
}

/// The one way from a float to a count or a span: the nearest integer, halves away from zero.
/// NaN and negative numbers give 0; numbers beyond the range give `u64::MAX`.
pub fn round_to_u64(x: f64) -> u64 {
    // `as` saturates and maps NaN to 0; adding 0.5 first would round 0.49999999999999994 up.
    x.round() as u64
}

/// As [`round_to_u64`], for counts that need more bits.
pub fn round_to_u128(x: f64) -> u128 {
    x.round() as u128
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Values to 17 digits from tables of constants: ln 2, e, 2^0.5, Γ(0.5) = √π.
    #[test]
    fn known_constants() {
        approx::assert_relative_eq!(ln(2.0), std::f64::consts::LN_2, max_relative = 1e-16);
        approx::assert_relative_eq!(exp(1.0), std::f64::consts::E, max_relative = 1e-15);
        approx::assert_relative_eq!(pow(2.0, 0.5), std::f64::consts::SQRT_2, max_relative = 1e-15);
        approx::assert_relative_eq!(exp(ln_gamma(0.5)), 1.772_453_850_905_516, max_relative = 1e-14);
    }

    #[test]
    fn rounding_has_no_double_rounding_and_no_wrap() {
        assert_eq!(round_to_u64(0.499_999_999_999_999_94), 0);
        assert_eq!(round_to_u64(2.5), 3);
        assert_eq!(round_to_u64(-3.0), 0);
        assert_eq!(round_to_u64(f64::NAN), 0);
        assert_eq!(round_to_u64(1e300), u64::MAX);
        assert_eq!((round_to_u128(2.5), round_to_u128(-3.0), round_to_u128(f64::NAN)), (3, 0, 0));
        // 2^100 is a float, and so is 2^100 + 2^48.
        assert_eq!(round_to_u128((1_u128 << 100) as f64), 1 << 100);
        assert_eq!(round_to_u128(1e300), u128::MAX);
    }
}
