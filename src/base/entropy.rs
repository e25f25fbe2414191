//! Randomness behind a trait, so that a test can seed it.

/// A source of random bytes.
pub trait Entropy: Send + Sync {
    /// Fills the buffer.
    ///
    /// # Errors
    /// The system's source can fail at early boot; no key may then be made.
    fn fill(&self, buffer: &mut [u8]) -> Result<(), EntropyError>;
}

/// The system could not give random bytes.
#[derive(Debug, thiserror::Error)]
#[error("the system gave no random bytes; try again, and do not create keys until it does")]
pub struct EntropyError;

/// The operating system's source.
pub struct SystemEntropy;

impl Entropy for SystemEntropy {
    fn fill(&self, buffer: &mut [u8]) -> Result<(), EntropyError> {
        getrandom::fill(buffer).map_err(|_| EntropyError)
    }
}

/// A reproducible stream for tests: BLAKE3 in counter mode over a seed. Never for real keys.
pub struct SeededEntropy {
    reader: std::sync::Mutex<blake3::OutputReader>,
}

impl SeededEntropy {
    /// The stream of this seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        let reader = blake3::Hasher::new().update(&seed.to_le_bytes()).finalize_xof();
        Self { reader: std::sync::Mutex::new(reader) }
    }
}

impl Entropy for SeededEntropy {
    fn fill(&self, buffer: &mut [u8]) -> Result<(), EntropyError> {
        self.reader.lock().map_err(|_| EntropyError)?.fill(buffer);
        Ok(())
    }
}

impl SeededEntropy {
    /// Draws a number below a bound; 0 where the bound is 0.
    #[must_use]
    pub fn below(&self, bound: usize) -> usize {
        let bytes = draw(self).expect("a seeded stream does not end");
        usize::try_from(u64::from_be_bytes(bytes) % bound.max(1) as u64).unwrap_or_default()
    }
}

/// Draws an array of random bytes.
///
/// # Errors
/// As [`Entropy::fill`].
pub fn draw<const N: usize>(entropy: &dyn Entropy) -> Result<[u8; N], EntropyError> {
    let mut bytes = [0; N];
    entropy.fill(&mut bytes)?;
    Ok(bytes)
}
