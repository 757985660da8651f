//! Identifiers of calls.

use rand::Rng;

/// Crockford's base 32: no I, L, O or U, so that an identifier can be read out on the phone.
const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

/// An identifier of 26 characters that sorts by time: 48 bits of `now_ms` (since the Unix epoch),
/// then 80 random bits, as a ULID has them.
pub fn call_id(now_ms: u64, random: &mut impl Rng) -> String {
    let noise =
        (u128::from(random.next_u64()) << 64 | u128::from(random.next_u64())) & ((1 << 80) - 1);
    let value = u128::from(now_ms & ((1 << 48) - 1)) << 80 | noise;
    (0..26)
        .rev()
        .map(|place| char::from(ALPHABET[(value >> (place * 5)) as usize & 31]))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sorts_by_time_and_does_not_repeat() {
        let mut random = rand::rng();
        let ids: Vec<String> = (0..1_000)
            .map(|ms| call_id(1_763_800_000_000 + ms, &mut random))
            .collect();
        assert!(ids.windows(2).all(|pair| pair[0] < pair[1]));
        assert!(ids.iter().all(|id| id.len() == 26));
        assert_ne!(call_id(1, &mut random), call_id(1, &mut random));
    }
}
