//! Distances and the delays that follow from them.

use protosim_core::{Span, maths};

/// Mean radius of the Earth \[m\] (IUGG: (2a + b) / 3 of WGS 84).
const EARTH_RADIUS_METRES: f64 = 6_371_008.8;

/// Speed of light in fibre [m/s]: two thirds of that in vacuum (299,792,458 m/s), for a refractive index of 1.5; silica
/// fibre has about 1.47.
const FIBRE_METRES_PER_SEC: f64 = 299_792_458.0 * 2.0 / 3.0;

/// Distance of two places on the Earth along the surface in metres, by the haversine formula; the Earth is taken as a sphere,
/// which is off by at most 0.6 %. Degrees, north and east positive.
pub fn great_circle_metres(a: (f64, f64), b: (f64, f64)) -> f64 {
    let radians = |degrees: f64| degrees * (std::f64::consts::PI / 180.0);
    let (latitude_a, latitude_b) = (radians(a.0), radians(b.0));
    let half_sine = |angle: f64| {
        let sine = maths::sin(angle / 2.0);
        sine * sine
    };
    let haversine = half_sine(latitude_b - latitude_a)
        + maths::cos(latitude_a) * maths::cos(latitude_b) * half_sine(radians(b.1 - a.1));
    2.0 * EARTH_RADIUS_METRES * maths::asin(haversine.sqrt().min(1.0))
}

/// Delay of a straight fibre of that length in metres at two thirds of the speed of light, to the nanosecond; at least 1 µs
/// (200 m), our choice for two places that have the same coordinates. Real paths are longer than the great circle,
/// commonly by a half.
pub fn delay_over(metres: f64) -> Span {
    Span::from_nanos(maths::round_to_u64(metres / FIBRE_METRES_PER_SEC * 1e9)).max(Span::from_micros(1))
}
