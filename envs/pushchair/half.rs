//! Half precision: 16 bits with 11 of precision (IEEE 754-2008, binary16).

/// The nearest half, the even one of two; infinite from 65,520.
pub(super) fn half(x: f32) -> u16 {
    let sign = (x.to_bits() >> 16) as u16 & 0x8000;
    let x = x.abs();
    let magnitude = if x < 6.103_515_6e-5 {
        // Below the smallest normal number, 2^-14, halves are multiples of 2^-24: those that a
        // number between 1/2 and 1 is rounded to.
        (x + 0.5).to_bits() - 0.5f32.to_bits()
    } else {
        let bits = x.min(65_536.0).to_bits();
        // From a bias of the exponent of 127 to one of 15, and from 23 bits to 10.
        (bits - (112 << 23) + 0xfff + (bits >> 13 & 1)) >> 13
    };
    sign | magnitude as u16
}

/// The number that a finite half is.
pub(super) fn unhalf(half: u16) -> f32 {
    let magnitude = u32::from(half & 0x7fff);
    let x = if magnitude < 1 << 10 {
        magnitude as f32 * 5.960_464_5e-8
    } else {
        f32::from_bits((magnitude << 13) + (112 << 23))
    };
    if half & 0x8000 == 0 { x } else { -x }
}

/// The number that the nearest half is.
pub(super) fn rounded(x: f32) -> f32 {
    unhalf(half(x))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_half_is_its_own_nearest() {
        for bits in (0..0x7c00).flat_map(|bits| [bits, bits | 0x8000]) {
            assert_eq!(half(unhalf(bits)), bits);
            assert_eq!(rounded(unhalf(bits)).to_bits(), unhalf(bits).to_bits());
        }
        assert_eq!([1.0, -2.0, 0.1].map(half), [0x3c00, 0xc000, 0x2e66]);
        assert_eq!([65_519.0, 65_520.0, f32::MAX].map(half), [0x7bff, 0x7c00, 0x7c00]);
    }

    /// Between two neighbours, a quarter of the way and half way.
    #[test]
    fn numbers_between_halves_go_to_the_nearer_or_the_even_one() {
        for low in 0..0x7bff {
            let (a, b) = (unhalf(low), unhalf(low + 1));
            let middle = 0.5 * (a + b);
            assert_eq!(half(middle), low + low % 2);
            assert_eq!(half(0.5 * (a + middle)), low);
            assert_eq!(half(0.5 * (middle + b)), low + 1);
        }
    }
}
