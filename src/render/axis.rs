//! Which pixels a stretched picture covers along one axis, and which texels they show; and the
//! painter's ways of rounding.

/// Double to int, toward zero; what is out of range is the lowest int, as on x86.
#[inline]
pub(super) fn trunc(x: f64) -> i32 {
    #[cfg(target_arch = "x86_64")]
    if let Some(simd) = pulp::core_arch::x86::Sse2::try_new() {
        return simd._mm_cvttsd_si32(simd._mm_set_sd(x));
    }
    trunc_anywhere(x)
}

/// [`trunc`] without the one instruction that it is on x86.
#[inline]
fn trunc_anywhere(x: f64) -> i32 {
    if x > -2_147_483_649.0 && x < 2_147_483_648.0 { x as i32 } else { i32::MIN }
}

/// Nearest int, halves up.
#[inline]
pub(super) fn rnd(x: f64) -> i32 {
    if x >= 0.0 {
        trunc(x + 0.5)
    } else {
        let below = trunc(x - 1.0);
        trunc(x - f64::from(below) + 0.5).wrapping_add(below)
    }
}

/// Rounded up, or where that is out of range the lowest int; with no call of a function, as there
/// is no instruction for it on every machine.
#[inline]
pub(super) fn ceil(x: f64) -> i32 {
    let whole = trunc(x);
    if whole != i32::MIN && f64::from(whole) < x { whole.wrapping_add(1) } else { whole }
}

/// Rounded down; see [`ceil`].
#[inline]
pub(super) fn floor(x: f64) -> i32 {
    let whole = trunc(x);
    if whole != i32::MIN && f64::from(whole) > x { whole.wrapping_sub(1) } else { whole }
}

/// One side of a scaled picture: `texels` texels go from `p` to `q`, backward if `q` is less.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Span {
    pub p: f64,
    pub q: f64,
    pub texels: u32,
    /// Which of the two rules of section 5 applies.
    pub exact: bool,
}

/// Which pixels of a frame a span covers, and which texels they show.
#[derive(Clone, Copy, Debug)]
pub(super) struct Axis {
    pub first: i32,
    pub end: i32,
    /// Texel of pixel 0, 16.16.
    pub base: i32,
    pub step: i32,
    /// The last texel.
    pub last: i32,
}

impl Axis {
    pub const NOTHING: Self = Self { first: 0, end: 0, base: 0, step: 0, last: 0 };

    /// Section 5.
    #[inline]
    pub fn of(Span { p, q, texels, exact }: Span, side: i32) -> Self {
        let n = texels as i32;
        let s = q - p;
        let low = if s > 0.0 { p } else { p + s };
        let high = if s > 0.0 { p + s } else { (p + s) + (-s) };
        let first = rnd(low).max(0);
        let mut end = rnd(high).min(side);
        if first >= end {
            return Self::NOTHING;
        }
        let d = (f64::from(first) + 0.5) - (if s > 0.0 { p } else { p + s });
        let texels = f64::from(n);
        let (step, at) = if exact {
            let ratio = texels / s;
            (trunc(ratio * 65536.0), d * ratio * 65536.0)
        } else {
            let step = trunc(65536.0 / (s / texels));
            (step, d * f64::from(step))
        };
        let mut base = if s > 0.0 {
            ceil(at).wrapping_sub(1)
        } else {
            floor(at).wrapping_add(1).wrapping_add(n.wrapping_mul(65536))
        };
        // Rounding may have pushed a sample out of the picture, at either end.
        let outside = |texel: i32| !(0..n).contains(&(texel >> 16));
        if outside(base) {
            base = base.wrapping_add(step);
            end -= 1;
        }
        if first < end && outside(base.wrapping_add((end - 1 - first).wrapping_mul(step))) {
            end -= 1;
        }
        let base = base.wrapping_sub(first.wrapping_mul(step));
        Self { first, end, base, step, last: n - 1 }
    }

    /// One side of a picture that is drawn as it is, `texels` long from `p` on: section 6.
    pub fn unscaled(p: f64, texels: u32, side: i32) -> Self {
        if p > f64::from(side - 1) {
            return Self::NOTHING;
        }
        let low = rnd(p);
        let end = low.saturating_add(texels as i32).min(side);
        let (base, last) = (low.wrapping_mul(-65536), texels as i32 - 1);
        Self { first: low.max(0), end, base, step: 65536, last }
    }

    /// One side of a fill: section 4.
    pub fn filled(p: f64, length: f64, side: i32) -> Self {
        let (a, b) = (rnd(p), rnd(p + length));
        Self::pixels(a.min(b).max(0), a.max(b).min(side))
    }

    /// Pixels that show no texels.
    pub fn pixels(first: i32, end: i32) -> Self {
        Self { first, end, ..Self::NOTHING }
    }
}

/// The axis that was asked for last: things that stand in a row share theirs.
#[derive(Clone, Copy, Debug)]
pub(super) struct Latest {
    span: Span,
    axis: Axis,
}

impl Default for Latest {
    fn default() -> Self {
        // Equal to no span.
        let span = Span { p: f64::NAN, q: f64::NAN, texels: 0, exact: false };
        Self { span, axis: Axis::NOTHING }
    }
}

impl Latest {
    /// [`Axis::of`], on frames of always the same side.
    #[inline]
    pub fn of(&mut self, span: Span, side: i32) -> Axis {
        if self.span != span {
            *self = Self { span, axis: Axis::of(span, side) };
        }
        self.axis
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn truncation_is_the_same_on_every_machine() {
        let edge = 2_147_483_648.0_f64;
        for x in [0.0, 0.9, -0.9, 1.5, -1.5, 65_535.999, edge, -edge, 1e300, f64::INFINITY] {
            for x in [x, -x, x - 1.0, x - 1.5, x - 0.5, x + 0.5, x + 1.0] {
                assert_eq!(trunc(x), trunc_anywhere(x), "{x}");
            }
        }
        assert_eq!((trunc(f64::NAN), trunc_anywhere(f64::NAN)), (i32::MIN, i32::MIN));
        assert_eq!((trunc(-1.9), trunc(edge), trunc(edge - 1.0)), (-1, i32::MIN, i32::MAX));
    }
}
