//! base64 (RFC 4648 section 4) to bytes, many symbols at a time where the processor can: nearly all of a dump is base64.

use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::GeneralPurposeConfig;
use base64::{DecodeError, DecodeSliceError, Engine};
use std::sync::LazyLock;

/// The library has vectors for these processors and finds out at run time what the one at hand has of them.
#[cfg(any(target_arch = "x86_64", all(target_arch = "aarch64", target_endian = "little", target_feature = "neon")))]
mod fastest {
    pub(super) type Fastest = base64::engine::simd::Simd;

    pub(super) fn with(config: super::GeneralPurposeConfig) -> Fastest {
        Fastest::standard(config)
    }
}

#[cfg(not(any(target_arch = "x86_64", all(target_arch = "aarch64", target_endian = "little", target_feature = "neon"))))]
mod fastest {
    pub(super) type Fastest = base64::engine::general_purpose::GeneralPurpose;

    pub(super) fn with(config: super::GeneralPurposeConfig) -> Fastest {
        Fastest::new(&base64::alphabet::STANDARD, config)
    }
}

/// Whether padding has to stand at the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Padding {
    /// As in PEM.
    Required,
    /// As in values, which people also encode by hand.
    Optional,
}

static REQUIRED: LazyLock<fastest::Fastest> = LazyLock::new(|| engine(DecodePaddingMode::RequireCanonical));
static OPTIONAL: LazyLock<fastest::Fastest> = LazyLock::new(|| engine(DecodePaddingMode::Indifferent));

/// Stray bits in the last symbol are not looked at: as Go and openssl do.
fn engine(padding: DecodePaddingMode) -> fastest::Fastest {
    fastest::with(GeneralPurposeConfig::new().with_decode_allow_trailing_bits(true).with_decode_padding_mode(padding))
}

/// The room that so many symbols need.
pub(super) fn room(symbols: usize) -> usize {
    base64::decoded_len_estimate(symbols)
}

/// Decodes symbols into a buffer that has [`room`] for them; returns how many bytes it came to.
///
/// # Errors
/// The number of a symbol, counted from 0, that does not belong there; `usize::MAX` where the end is what is wrong.
pub(super) fn decode(symbols: &[u8], padding: Padding, bytes: &mut [u8]) -> Result<usize, usize> {
    let engine = match padding {
        Padding::Required => &REQUIRED,
        Padding::Optional => &OPTIONAL,
    };
    engine.decode_slice(symbols, bytes).map_err(|error| match error {
        DecodeSliceError::DecodeError(DecodeError::InvalidByte(offset, _)) => offset,
        _ => usize::MAX,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::engine::general_purpose::{GeneralPurpose, STANDARD};
    use proptest::prelude::*;

    fn decoded(symbols: &[u8], padding: Padding) -> Result<Vec<u8>, usize> {
        let mut bytes = vec![0; room(symbols.len())];
        let length = decode(symbols, padding, &mut bytes)?;
        bytes.truncate(length);
        Ok(bytes)
    }

    #[test]
    fn padding_is_asked_for_or_not() {
        assert_eq!(decoded(b"MAMCAQE=", Padding::Required).unwrap(), [48, 3, 2, 1, 1]);
        assert_eq!(decoded(b"MAMCAQF=", Padding::Required).unwrap(), [48, 3, 2, 1, 1], "stray bits");
        assert_eq!(decoded(b"MAMCAQE", Padding::Required), Err(usize::MAX));
        assert_eq!(decoded(b"MAMCAQE", Padding::Optional).unwrap(), [48, 3, 2, 1, 1]);
    }

    /// The same by the engine that takes one symbol after the other.
    fn one_by_one(symbols: &[u8], padding: DecodePaddingMode) -> Option<Vec<u8>> {
        let config = GeneralPurposeConfig::new().with_decode_allow_trailing_bits(true).with_decode_padding_mode(padding);
        GeneralPurpose::new(&base64::alphabet::STANDARD, config).decode(symbols).ok()
    }

    proptest! {
        /// Whatever the length is, and so whether many are taken at a time.
        #[test]
        fn all_bytes_come_back_and_a_wrong_symbol_is_named(
            bytes in proptest::collection::vec(any::<u8>(), 1..600),
            wrong: u8,
            place: u16,
            cut in 0..4_usize,
        ) {
            let mut symbols = STANDARD.encode(&bytes).into_bytes();
            prop_assert_eq!(decoded(&symbols, Padding::Required), Ok(bytes.clone()));
            prop_assert_eq!(decoded(&symbols, Padding::Optional), Ok(bytes));
            // Behind padding that is not at the end, it is the padding that does not belong there.
            let unpadded = symbols.iter().filter(|symbol| **symbol != b'=').count();
            let place = usize::from(place) % unpadded;
            symbols[place] = b'*';
            for padding in [Padding::Required, Padding::Optional] {
                prop_assert_eq!(decoded(&symbols, padding), Err(place));
            }
            symbols[place] = wrong;
            symbols.truncate(symbols.len() - cut);
            prop_assert_eq!(decoded(&symbols, Padding::Required).ok(), one_by_one(&symbols, DecodePaddingMode::RequireCanonical));
            prop_assert_eq!(decoded(&symbols, Padding::Optional).ok(), one_by_one(&symbols, DecodePaddingMode::Indifferent));
        }
    }
}
