//! `atan2f` of glibc 2.36, bit for bit.
//!
//! It is not correctly rounded, and other libraries round the last bit otherwise. Its result only
//! reaches the rotation of entities, which is drawn and serialised but moves nothing.

const PI: f32 = f32::from_bits(0x4049_0FDB);
const HALF_PI: f32 = f32::from_bits(0x3FC9_0FDB);
/// What is missing from [`PI`].
const PI_LOW: f32 = f32::from_bits(0xB3BB_BD2E);

/// atan(0.5), atan(1), atan(1.5), atan(inf) and what is missing from them.
const HIGH: [u32; 4] = [0x3EED_6338, 0x3F49_0FDA, 0x3F7B_985E, 0x3FC9_0FDA];
const LOW: [u32; 4] = [0x31AC_3769, 0x3322_2168, 0x3314_0FB4, 0x33A2_2168];
/// Coefficients of the polynomial in x^2.
const C: [u32; 11] = [
    0x3EAA_AAAB,
    0xBE4C_CCCD,
    0x3E12_4925,
    0xBDE3_8E38,
    0x3DBA_2E6E,
    0xBD9D_8795,
    0x3D88_6B35,
    0xBD6E_F16B,
    0x3D4B_DA59,
    0xBD15_A221,
    0x3C85_69D7,
];

/// The angle of the point (x, y) in radians, in `[-PI, PI]`.
pub fn atan2f(y: f32, x: f32) -> f32 {
    if x == 1.0 {
        return atanf(y);
    }
    if y == 0.0 {
        return if x.is_sign_positive() { y } else { PI.copysign(y) };
    }
    if x == 0.0 {
        return HALF_PI.copysign(y);
    }
    let exponents = (y.abs().to_bits() as i32).wrapping_sub(x.abs().to_bits() as i32) >> 23;
    let z = if exponents > 60 {
        HALF_PI + 0.5 * PI_LOW
    } else if x < 0.0 && exponents < -60 {
        0.0
    } else {
        atanf((y / x).abs())
    };
    match (y.is_sign_positive(), x.is_sign_positive()) {
        (true, true) => z,
        (false, true) => -z,
        (true, false) => PI - (z - PI_LOW),
        (false, false) => (z - PI_LOW) - PI,
    }
}

fn atanf(x: f32) -> f32 {
    let a = x.abs();
    let bits = a.to_bits();
    if bits >= 0x4C00_0000 {
        return (f32::from_bits(HIGH[3]) + f32::from_bits(LOW[3])).copysign(x);
    }
    if bits < 0x3100_0000 {
        return x;
    }
    let (reduced, v) = if bits < 0x3EE0_0000 {
        (None, x)
    } else if bits < 0x3F30_0000 {
        (Some(0), (2.0 * a - 1.0) / (2.0 + a))
    } else if bits < 0x3F98_0000 {
        (Some(1), (a - 1.0) / (a + 1.0))
    } else if bits < 0x401C_0000 {
        (Some(2), (a - 1.5) / (1.0 + 1.5 * a))
    } else {
        (Some(3), -1.0 / a)
    };
    let z = v * v;
    let w = z * z;
    let c = C.map(f32::from_bits);
    let even = z * (c[0] + w * (c[2] + w * (c[4] + w * (c[6] + w * (c[8] + w * c[10])))));
    let odd = w * (c[1] + w * (c[3] + w * (c[5] + w * (c[7] + w * c[9]))));
    match reduced {
        None => x - x * (even + odd),
        Some(k) => {
            let (high, low) = (f32::from_bits(HIGH[k]), f32::from_bits(LOW[k]));
            let angle = high - ((v * (even + odd) - low) - v);
            if x.is_sign_negative() { -angle } else { angle }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn axes_and_diagonals() {
        let cases = [
            (0.0, 2.0, 0.0),
            (-0.0, 2.0, -0.0),
            (0.0, -2.0, PI),
            (-0.0, -0.0, -PI),
            (3.0, 0.0, HALF_PI),
            (-3.0, -0.0, -HALF_PI),
            (1e30, 1e-30, HALF_PI),
        ];
        for (y, x, angle) in cases {
            assert_eq!(atan2f(y, x).to_bits(), f32::to_bits(angle), "atan2({y}, {x})");
        }
    }

    #[test]
    fn close_to_the_exact_angle_all_around() {
        for i in 0..100_000 {
            let angle = f64::from(i) * 1e-3;
            let (y, x) = ((3.0 * angle.sin()) as f32, (3.0 * angle.cos()) as f32);
            let exact = f64::from(y).atan2(f64::from(x));
            assert!((f64::from(atan2f(y, x)) - exact).abs() < 4e-7, "atan2({y}, {x})");
        }
    }
}
