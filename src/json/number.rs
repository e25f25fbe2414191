//! A number as its canonical decimal text; the rule stands at the head of [`crate::json`].

use std::fmt;

use zeroize::Zeroize;

/// Widest plain form: up to this many digits before the point, or this many zeros appended.
const PLAIN_MAX: i64 = 21;
/// Largest exponent that is read and written.
const EXPONENT_MAX: i64 = 999_999_999;

/// A JSON number with every digit it came with. Two numbers are equal when their values are.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Number(Box<str>);

/// The exponent is out of range; the only way in which a well-formed number is refused.
#[derive(Debug)]
pub(super) struct OutOfRange;

impl Number {
    /// The canonical text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The value, if it is an integer that fits.
    pub fn as_i64(&self) -> Option<i64> {
        self.0.parse().ok()
    }

    /// The value, if it is a non-negative integer that fits.
    pub fn as_u64(&self) -> Option<u64> {
        self.0.parse().ok()
    }

    /// The nearest double; infinite beyond its range. Loses digits where a double has too few.
    pub fn to_f64(&self) -> f64 {
        self.0.parse().unwrap_or(f64::NAN)
    }

    /// The double, if its shortest form is exactly this number.
    pub fn as_f64_exact(&self) -> Option<f64> {
        let value = self.to_f64();
        (Self::from_f64(value).as_ref() == Some(self)).then_some(value)
    }

    /// The number with the shortest digits that read back as this double; none for NaN and the
    /// infinities, which JSON does not have.
    pub fn from_f64(value: f64) -> Option<Self> {
        if !value.is_finite() {
            return None;
        }
        Self::from_grammar(&shortest(value)).ok()
    }

    /// The canonical number of a text that already follows the grammar of RFC 8259.
    pub(super) fn from_grammar(text: &str) -> Result<Self, OutOfRange> {
        let digits = text.strip_prefix('-').unwrap_or(text);
        let integer = digits.bytes().all(|b| b.is_ascii_digit());
        if integer && digits.len() as i64 <= PLAIN_MAX {
            let text = if digits == "0" { digits } else { text };
            return Ok(Self(text.into()));
        }
        let decimal = Decimal::read(digits)?;
        Ok(Self(decimal.write(text.len() != digits.len()).into()))
    }
}

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Number")
    }
}

impl Zeroize for Number {
    fn zeroize(&mut self) {
        self.0.zeroize();
    }
}

macro_rules! from_integers {
    ($($integer:ty)*) => {$(
        impl From<$integer> for Number {
            fn from(value: $integer) -> Self {
                Self(value.to_string().into())
            }
        }
    )*};
}
// Not wider: beyond 21 digits the plain form is not always the canonical one.
from_integers!(u8 u16 u32 u64 usize i8 i16 i32 i64 isize);

/// `0.DIGITS × 10^point`, without zeros at either end; no digits for zero.
struct Decimal {
    digits: String,
    point: i64,
}

impl Decimal {
    fn read(text: &str) -> Result<Self, OutOfRange> {
        let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let all = [whole, fraction].concat();
        let leading = all.len() - all.trim_start_matches('0').len();
        let digits = all.trim_matches('0').to_owned();
        if digits.is_empty() {
            return Ok(Self { digits, point: 0 });
        }
        let point = whole.len() as i64 - leading as i64 + read_exponent(exponent)?;
        if (point - 1).abs() > EXPONENT_MAX {
            return Err(OutOfRange);
        }
        Ok(Self { digits, point })
    }

    fn write(&self, negative: bool) -> String {
        if self.digits.is_empty() {
            return "0".to_owned();
        }
        let sign = if negative { "-" } else { "" };
        let (digits, point) = (self.digits.as_str(), self.point);
        let appended = point - digits.len() as i64;
        let plain = match point {
            ..=-6 => false,
            -5..=PLAIN_MAX => true,
            _ => appended <= PLAIN_MAX && !self.is_shortest_of_a_double(),
        };
        if !plain {
            let (first, rest) = digits.split_at(1);
            let dot = if rest.is_empty() { "" } else { "." };
            return format!("{sign}{first}{dot}{rest}e{:+}", point - 1);
        }
        if point <= 0 {
            return format!("{sign}0.{}{digits}", "0".repeat(-point as usize));
        }
        if appended >= 0 {
            return format!("{sign}{digits}{}", "0".repeat(appended as usize));
        }
        let (whole, fraction) = digits.split_at(point as usize);
        format!("{sign}{whole}.{fraction}")
    }

    fn is_shortest_of_a_double(&self) -> bool {
        // No double needs more than 17 digits, so a longer text is never a shortest form.
        if self.digits.len() > 17 {
            return false;
        }
        let text = format!("0.{}e{}", self.digits, self.point);
        let Ok(value) = text.parse::<f64>() else {
            return false;
        };
        if !value.is_finite() || value == 0.0 {
            return false;
        }
        let shortest = Self::read(&shortest(value));
        shortest.is_ok_and(|s| s.digits == self.digits && s.point == self.point)
    }
}

/// The shortest digits that read back as this double, as RFC 8785 (that is, ECMAScript) picks them.
///
/// Where two texts of that length are equally near, the standard library takes the larger one and
/// ECMAScript the even one; rounding to a fixed number of digits takes the even one too.
fn shortest(value: f64) -> String {
    let text = format!("{value:e}");
    let digits = text.bytes().take_while(|b| *b != b'e');
    let decimals = digits.filter(u8::is_ascii_digit).count() - 1;
    let even = format!("{value:.decimals$e}");
    // Beside a power of two the nearest text of that length can belong to the neighbour.
    if even.parse() == Ok(value) { even } else { text }
}

fn read_exponent(text: &str) -> Result<i64, OutOfRange> {
    let (negative, digits) = match text.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let digits = digits.trim_start_matches('0');
    if digits.is_empty() {
        return Ok(0);
    }
    if digits.len() > 18 {
        return Err(OutOfRange);
    }
    let size: i64 = digits.parse().map_err(|_| OutOfRange)?;
    Ok(if negative { -size } else { size })
}
