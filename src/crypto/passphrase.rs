//! From a passphrase to a key: Argon2id, with its cost stored beside what it protects.

use argon2::{Algorithm, Argon2, Params, Version};

use crate::base::secret::Secret;
use crate::crypto::CryptoError;
use crate::crypto::aead::SealKey;

/// What one guess costs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Cost {
    /// Memory in KiB.
    pub memory_kib: u32,
    /// Passes over the memory.
    pub passes: u32,
    /// Parallel lanes.
    pub lanes: u32,
}

/// The most memory a stored cost may ask for, in KiB: a hostile key file must not exhaust a machine.
pub const MEMORY_KIB_MAX: u32 = 2 << 20;
/// The most passes.
pub const PASSES_MAX: u32 = 64;
/// The most lanes.
pub const LANES_MAX: u32 = 16;

impl Cost {
    /// For new key files: about a second on two cores.
    pub const STANDARD: Self = Self { memory_kib: 256 << 10, passes: 3, lanes: 4 };

    /// The cheapest that is allowed; for tests only, never for a real passphrase.
    pub const CHEAP_FOR_TESTS: Self = Self { memory_kib: 8, passes: 1, lanes: 1 };

    /// Refuses a cost outside the limits, before anything is allocated.
    ///
    /// # Errors
    /// Which of the three is out of range.
    pub fn check(self) -> Result<(), CryptoError> {
        if !(1..=LANES_MAX).contains(&self.lanes) {
            return Err(CryptoError::Cost("lanes"));
        }
        if !(1..=PASSES_MAX).contains(&self.passes) {
            return Err(CryptoError::Cost("passes"));
        }
        if !(8 * self.lanes..=MEMORY_KIB_MAX).contains(&self.memory_kib) {
            return Err(CryptoError::Cost("memory"));
        }
        Ok(())
    }
}

/// The key of a passphrase, salt and cost.
///
/// # Errors
/// The cost is out of range.
pub fn stretch(passphrase: &Secret<Vec<u8>>, salt: &[u8; 16], cost: Cost) -> Result<SealKey, CryptoError> {
    cost.check()?;
    let params = Params::new(cost.memory_kib, cost.passes, cost.lanes, Some(32))
        .map_err(|_| CryptoError::Cost("combination"))?;
    let mut key = [0; 32];
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
        .hash_password_into(passphrase.expose(), salt, &mut key)
        .map_err(|_| CryptoError::Cost("passphrase length"))?;
    let stretched = SealKey::new(Secret::new(key));
    zeroize::Zeroize::zeroize(&mut key);
    Ok(stretched)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_input_matters() {
        let word = |text: &str| Secret::new(text.as_bytes().to_vec());
        let key =
            |text: &str, salt: u8, cost| *stretch(&word(text), &[salt; 16], cost).unwrap().secret().expose();
        let cheap = Cost::CHEAP_FOR_TESTS;
        let base = key("horse", 1, cheap);
        assert_eq!(base, key("horse", 1, cheap));
        assert_ne!(base, key("house", 1, cheap));
        assert_ne!(base, key("horse", 2, cheap));
        assert_ne!(base, key("horse", 1, Cost { passes: 2, ..cheap }));
    }

    #[test]
    fn a_hostile_cost_is_refused_before_work() {
        for cost in [
            Cost { memory_kib: u32::MAX, passes: 1, lanes: 1 },
            Cost { memory_kib: 8, passes: u32::MAX, lanes: 1 },
            Cost { memory_kib: 8, passes: 1, lanes: 0 },
            Cost { memory_kib: 8, passes: 1, lanes: 2 },
            Cost { memory_kib: 8, passes: 1, lanes: u32::MAX },
        ] {
            assert!(matches!(cost.check(), Err(CryptoError::Cost(_))), "{cost:?}");
        }
        Cost::STANDARD.check().unwrap();
    }
}
