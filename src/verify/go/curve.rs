//! Whether a point is on the curve that its key names: Go refuses a certificate whose key is not (`elliptic.Unmarshal`,
//! `ecdsa.ParseUncompressedPublicKey`).
//!
//! The arithmetic is Montgomery's, in limbs of 64 bits, on public numbers only: about five microseconds for a key.

use std::cmp::Ordering;

/// A curve y² = x³ - 3x + b over a prime field (SEC 2, FIPS 186-4 appendix D.1.2).
pub(super) struct Curve {
    /// The contents of its object identifier.
    oid: &'static [u8],
    /// Octets of a coordinate.
    octets: usize,
    /// The prime, in hexadecimal.
    prime: &'static str,
    /// b, in hexadecimal.
    b: &'static str,
}

/// The curves of crypto/elliptic.
const CURVES: &[Curve] = &[
    Curve {
        oid: &[0x2b, 0x81, 4, 0, 33],
        octets: 28,
        prime: "ffffffffffffffffffffffffffffffff000000000000000000000001",
        b: "b4050a850c04b3abf54132565044b0b7d7bfd8ba270b39432355ffb4",
    },
    Curve {
        oid: &[0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7],
        octets: 32,
        prime: "ffffffff00000001000000000000000000000000ffffffffffffffffffffffff",
        b: "5ac635d8aa3a93e7b3ebbd55769886bc651d06b0cc53b0f63bce3c3e27d2604b",
    },
    Curve {
        oid: &[0x2b, 0x81, 4, 0, 34],
        octets: 48,
        prime: "fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffeffffffff0000000000000000ffffffff",
        b: "b3312fa7e23ee7e4988e056be3f82d19181d9c6efe8141120314088f5013875ac656398d8a2ed19d2a85c8edd3ec2aef",
    },
    Curve {
        oid: &[0x2b, 0x81, 4, 0, 35],
        octets: 66,
        prime: "01ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff\
                ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
        b: "0051953eb9618e1c9a1f929a21a0b68540eea2da725b99b315f3b8b489918ef109e1\
            56193951ec7e937b1652c0bd3bb1bf073573df883d2c34f1ef451fd46b503f00",
    },
];

/// The curve with this object identifier.
pub(super) fn named(oid: &[u8]) -> Option<&'static Curve> {
    CURVES.iter().find(|curve| curve.oid == oid)
}

impl Curve {
    /// Whether these octets are an uncompressed point of the curve, not the one at infinity.
    pub(super) fn holds(&self, point: &[u8]) -> bool {
        let coordinates = point.strip_prefix(&[4]).filter(|rest| rest.len() == self.octets.saturating_mul(2));
        let Some((x, y)) = coordinates.and_then(|both| both.split_at_checked(self.octets)) else { return false };
        let field = Field::of(Number::hexadecimal(self.prime));
        let (x, y, b) = (Number::of(x), Number::of(y), Number::hexadecimal(self.b));
        if x.cmp(&field.prime) != Ordering::Less || y.cmp(&field.prime) != Ordering::Less {
            return false;
        }
        let [x, y, b] = [x, y, b].map(|number| field.product(&number, &field.entrance));
        let square = field.product(&x, &x);
        let cube = field.product(&square, &x);
        let triple = field.sum(&field.sum(&x, &x), &x);
        field.sum(&field.product(&y, &y), &triple) == field.sum(&cube, &b)
    }
}

/// Limbs of the largest field, 521 bits.
const LIMBS: usize = 9;

/// A number below 2^576, its lowest limb first.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Number([u64; LIMBS]);

impl Number {
    /// From big-endian octets, of which only the last 72 count.
    fn of(octets: &[u8]) -> Self {
        let mut limbs = [0; LIMBS];
        for (limb, octets) in limbs.iter_mut().zip(octets.rchunks(8)) {
            *limb = octets.iter().fold(0, |limb, octet| limb << 8 | u64::from(*octet));
        }
        Self(limbs)
    }

    fn hexadecimal(digits: &str) -> Self {
        let mut limbs = [0; LIMBS];
        for (limb, digits) in limbs.iter_mut().zip(digits.as_bytes().rchunks(16)) {
            *limb = digits.iter().fold(0, |limb, digit| limb << 4 | u64::from(char::from(*digit).to_digit(16).unwrap_or(0)));
        }
        Self(limbs)
    }

    fn cmp(&self, other: &Self) -> Ordering {
        self.0.iter().rev().cmp(other.0.iter().rev())
    }
}

/// Arithmetic modulo an odd prime of at most 575 bits, on numbers below it that are multiplied by R, a power of 2^64 (P. Montgomery,
/// Modular multiplication without trial division, 1985).
struct Field {
    prime: Number,
    /// Limbs of the prime.
    limbs: usize,
    /// -1 / prime modulo 2^64.
    inverse: u64,
    /// R² modulo the prime: a product with it multiplies by R.
    entrance: Number,
}

impl Field {
    fn of(prime: Number) -> Self {
        let limbs = LIMBS.saturating_sub(prime.0.iter().rev().take_while(|limb| **limb == 0).count());
        let lowest = prime.0.first().copied().unwrap_or(1);
        // Newton's iteration: each step doubles the bits that are right, of which there are three to begin with.
        let reciprocal = (0..5).fold(lowest, |guess, _| guess.wrapping_mul(2_u64.wrapping_sub(lowest.wrapping_mul(guess))));
        let mut field = Self { prime, limbs, inverse: reciprocal.wrapping_neg(), entrance: Number::of(&[1]) };
        for _ in 0..limbs.saturating_mul(128) {
            field.entrance = field.sum(&field.entrance, &field.entrance);
        }
        field
    }

    fn sum(&self, a: &Number, b: &Number) -> Number {
        let mut carry = false;
        let mut limbs = [0; LIMBS];
        for (limb, (a, b)) in limbs.iter_mut().zip(a.0.iter().zip(&b.0)) {
            let (partial, first) = a.overflowing_add(*b);
            let (whole, second) = partial.overflowing_add(u64::from(carry));
            *limb = whole;
            carry = first || second;
        }
        self.reduced(Number(limbs))
    }

    /// A number below twice the prime, modulo the prime.
    fn reduced(&self, number: Number) -> Number {
        if number.cmp(&self.prime) == Ordering::Less {
            return number;
        }
        let mut borrow = false;
        let mut limbs = [0; LIMBS];
        for (limb, (a, b)) in limbs.iter_mut().zip(number.0.iter().zip(&self.prime.0)) {
            let (partial, first) = a.overflowing_sub(*b);
            let (whole, second) = partial.overflowing_sub(u64::from(borrow));
            *limb = whole;
            borrow = first || second;
        }
        Number(limbs)
    }

    /// a · b / R: for each limb of `b` one row is added, then a multiple of the prime that makes the lowest limb zero.
    fn product(&self, a: &Number, b: &Number) -> Number {
        let mut sum = [0; LIMBS];
        let mut above = 0;
        for limb in b.0.iter().take(self.limbs) {
            let rows = sum.get_mut(..self.limbs).unwrap_or_default();
            let carry = add_multiple(rows, &a.0, *limb);
            let multiple = rows.first().copied().unwrap_or(0).wrapping_mul(self.inverse);
            let second = add_multiple(rows, &self.prime.0, multiple);
            let (high, overflow) = carry.overflowing_add(second);
            let (high, more) = high.overflowing_add(above);
            rows.rotate_left(1);
            if let Some(last) = rows.last_mut() {
                *last = high;
            }
            above = u64::from(overflow) + u64::from(more);
        }
        // Not in the last limb, which the largest field alone has, and does not fill.
        if let Some(next) = sum.get_mut(self.limbs) {
            *next = above;
        }
        self.reduced(Number(sum))
    }
}

/// Adds `number` times `factor` to as many limbs as there are in `sum`; what is carried out.
fn add_multiple(sum: &mut [u64], number: &[u64], factor: u64) -> u64 {
    let mut carry = 0_u128;
    for (limb, digit) in sum.iter_mut().zip(number) {
        let whole = u128::from(*limb) + u128::from(*digit) * u128::from(factor) + carry;
        *limb = u64::try_from(whole & u128::from(u64::MAX)).unwrap_or_default();
        carry = whole >> 64;
    }
    u64::try_from(carry).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The base points of the curves (FIPS 186-4).
    const POINTS: [(&[u8], &str); 4] = [
        (
            &[0x2b, 0x81, 4, 0, 33],
            "04b70e0cbd6bb4bf7f321390b94a03c1d356c21122343280d6115c1d21bd376388b5f723fb4c22dfe6cd4375a05a07476444d5819985007e34",
        ),
        (
            &[0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7],
            "046b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296\
             4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5",
        ),
        (
            &[0x2b, 0x81, 4, 0, 34],
            "04aa87ca22be8b05378eb1c71ef320ad746e1d3b628ba79b9859f741e082542a385502f25dbf55296c3a545e3872760ab7\
             3617de4a96262c6f5d9e98bf9292dc29f8f41dbd289a147ce9da3113b5f0b8c00a60b1ce1d7e819d7a431d7c90ea0e5f",
        ),
        (
            &[0x2b, 0x81, 4, 0, 35],
            "0400c6858e06b70404e9cd9e3ecb662395b4429c648139053fb521f828af606b4d3dbaa14b5e77efe75928fe1dc127a2ffa8de3348b3c1856a429bf97e7e31c2e5bd66\
             011839296a789a3bc0045c8a5fb42c7d1bd998f54449579b446817afbd17273e662c97ee72995ef42640c550b9013fad0761353c7086a272c24088be94769fd16650",
        ),
    ];

    #[test]
    fn base_points_are_on_their_curves_and_their_neighbours_are_not() {
        for (oid, point) in POINTS {
            let digit = |digit: &u8| char::from(*digit).to_digit(16).unwrap();
            let digits: Vec<u32> = point.as_bytes().iter().map(digit).collect();
            let mut point: Vec<u8> = digits.chunks(2).map(|pair| u8::try_from(pair[0] << 4 | pair[1]).unwrap()).collect();
            let curve = named(oid).unwrap();
            assert!(curve.holds(&point), "{oid:?}");
            assert!(!curve.holds(&point[..point.len() - 1]));
            *point.last_mut().unwrap() ^= 1;
            assert!(!curve.holds(&point), "{oid:?}");
            point[0] = 2;
            assert!(!curve.holds(&point));
        }
    }
}
