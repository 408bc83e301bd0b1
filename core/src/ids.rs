//! Request ids without a system call: a per-core counter mixed with a per-core random key.

/// Makes the ids of one core.
#[derive(Debug, Clone)]
pub struct IdSource {
    key: u64,
    counter: u64,
}

/// 128 random-looking bits: unique within a core's life, and across cores by their keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RequestId {
    high: u64,
    low: u64,
}

impl IdSource {
    /// `seed` is random: two cores never get the same.
    pub fn new(seed: u64) -> Self {
        IdSource { key: mix(seed ^ 0x9e37_79b9_7f4a_7c15), counter: mix(seed) }
    }

    /// The next 64 bits.
    #[inline]
    pub fn next_u64(&mut self) -> u64 {
        self.counter = self.counter.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mix(self.counter ^ self.key)
    }

    /// The next request id.
    #[inline]
    pub fn next_id(&mut self) -> RequestId {
        RequestId { high: self.next_u64(), low: self.next_u64() }
    }
}

/// The finalizer of SplitMix64: every bit of the input reaches every bit of the output.
#[inline]
fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

const fn hex_pairs() -> [[u8; 2]; 256] {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut table = [[0; 2]; 256];
    let mut i = 0;
    while i < 256 {
        table[i] = [DIGITS[i >> 4], DIGITS[i & 15]];
        i += 1;
    }
    table
}
static HEX: [[u8; 2]; 256] = hex_pairs();

/// Writes the bytes of `value` as hex digits, most significant first; `out` is twice as long as what is kept.
#[inline]
pub fn hex(value: u64, out: &mut [u8]) {
    let bytes = value.to_be_bytes();
    let kept = out.len() / 2;
    for (pair, byte) in out.chunks_exact_mut(2).zip(&bytes[8 - kept..]) {
        pair.copy_from_slice(&HEX[*byte as usize]);
    }
}

impl RequestId {
    /// The id as a version 4 UUID, as `x-amzn-RequestId` shows it (tables.md §3.4).
    #[inline]
    pub fn uuid(self) -> [u8; 36] {
        let high = (self.high & !0xf000) | 0x4000;
        let low = (self.low & !(0b11 << 62)) | (0b10 << 62);
        let mut out = [b'-'; 36];
        hex(high >> 32, &mut out[0..8]);
        hex(high >> 16, &mut out[9..13]);
        hex(high, &mut out[14..18]);
        hex(low >> 48, &mut out[19..23]);
        hex(low, &mut out[24..36]);
        out
    }

    /// A number below `bound`, a power of two: the same for the same id.
    pub fn below(self, bound: u32) -> u32 {
        debug_assert!(bound.is_power_of_two());
        mix(self.low) as u32 & (bound - 1)
    }

    /// The extended request id, as `x-amz-apigw-id` shows it: 16 characters of base64 that end in `=` (tables.md §5.1).
    ///
    /// It is made for every request: letters from A to P need no table.
    #[inline]
    pub fn extended(self) -> [u8; 16] {
        let bits = mix(self.low ^ self.high.rotate_left(32));
        let mut out = [0; 16];
        out[..8].copy_from_slice(&letters((bits >> 32) as u32));
        // The digit before the padding has two zero bits, as the encoding of 11 bytes has.
        out[8..].copy_from_slice(&letters(bits as u32 & !0x30));
        out[15] = b'=';
        out
    }
}

/// A letter from A to P for each four bits, the highest first.
#[inline]
fn letters(bits: u32) -> [u8; 8] {
    let mut spread = u64::from(bits);
    spread = (spread << 16 | spread) & 0x0000_ffff_0000_ffff;
    spread = (spread << 8 | spread) & 0x00ff_00ff_00ff_00ff;
    spread = (spread << 4 | spread) & 0x0f0f_0f0f_0f0f_0f0f;
    (spread + 0x4141_4141_4141_4141).to_be_bytes()
}

/// Whether `text` is a UUID: a client may choose its own request id (tables.md §3.4).
pub fn is_uuid(text: &[u8]) -> bool {
    text.len() == 36
        && text.iter().enumerate().all(|(i, b)| match i {
            8 | 13 | 18 | 23 => *b == b'-',
            _ => b.is_ascii_hexdigit(),
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn uuids_have_their_form_and_do_not_repeat() {
        let mut source = IdSource::new(7);
        let mut seen = HashSet::new();
        for _ in 0..10_000 {
            let id = source.next_id();
            let uuid = id.uuid();
            assert!(is_uuid(&uuid));
            assert_eq!(uuid[14], b'4');
            assert!(b"89ab".contains(&uuid[19]));
            assert!(seen.insert(uuid));
        }
    }

    #[test]
    fn extended_ids_are_sixteen_characters_of_base64() {
        let id = IdSource::new(1).next_id().extended();
        assert_eq!(id[15], b'=');
        assert!(id[..15].iter().all(|b| b.is_ascii_alphanumeric() || b"+/".contains(b)));
        assert!(b"AEIMQUYcgkosw048".contains(&id[14]));
    }

    #[test]
    fn cores_with_other_seeds_make_other_ids() {
        assert_ne!(IdSource::new(1).next_id(), IdSource::new(2).next_id());
    }

    #[test]
    fn is_uuid_refuses_other_texts() {
        assert!(is_uuid(b"6f1d3f2e-0c2a-4d2f-9d0b-0123456789ab"));
        assert!(!is_uuid(b"6f1d3f2e-0c2a-4d2f-9d0b-0123456789a"));
        assert!(!is_uuid(b"6f1d3f2e00c2a-4d2f-9d0b-0123456789ab"));
        assert!(!is_uuid(b"6g1d3f2e-0c2a-4d2f-9d0b-0123456789ab"));
    }
}
