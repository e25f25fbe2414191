//! JSON as this product needs it: nothing lost, one canonical form, nothing shown by accident.
//!
//! # Canonical form
//! RFC 8785 with two stated exceptions: numbers that a double cannot carry keep their digits, and
//! a member name that occurs twice is an error. Members are sorted by UTF-16 code units, strings
//! carry only the escapes that are needed, there is no white space.
//!
//! # Numbers
//! The canonical text of a number is a function of its exact decimal value, so equal numbers have
//! equal text and unequal numbers never do; no digit is ever lost. With the value written as
//! `0.d₁d₂…dₖ × 10ⁿ` (no zero at either end of the digits):
//!
//! | value | text | example |
//! | --- | --- | --- |
//! | zero, with any sign or exponent | `0` | `-0.0e7` → `0` |
//! | −6 < n ≤ 21 | plain digits | `1.0` → `1`, `1e2` → `100`, `9007199254740993` stays |
//! | n > 21, and it is the shortest form of a double | exponent | `1e22` → `1e+22` |
//! | n > 21, no double's shortest form, at most 21 zeros to append | plain digits | `12345678901234567890123` stays |
//! | everything else | exponent | `0.0000001` → `1e-7`, `1E400` → `1e+400` |
//!
//! Where the text is the shortest form of a double (every integer up to 2⁵³, every number that a
//! program with doubles wrote), this is what RFC 8785 writes. Where it is not, RFC 8785 would round
//! and we do not: `333333333.33333329` stays as it is. Exponents beyond ±999,999,999 are refused.
//!
//! # What this room must never do
//! No I/O. No error and no `Debug` shows content, because bodies hold secrets: errors carry byte
//! offsets and pointers, `Debug` shows the shape. No input within [`Limits`] overflows the stack.
//!
//! Read [`value`] next, then [`parse()`] and [`pattern`].

pub mod diff;
pub mod error;
pub mod expression;
pub mod number;
pub mod object;
pub mod parse;
pub mod patch;
pub mod pattern;
pub mod pointer;
pub mod redact;
pub mod secrets;
pub mod spans;
pub mod value;

mod bridge;
mod scan;
mod walk;
mod write;

#[cfg(test)]
mod tests;

pub use diff::{ArrayMode, ArrayRules, FieldChange, diff, diff_with};
pub use error::JsonError;
pub use number::Number;
pub use object::Object;
pub use parse::{Limits, canonicalize_bytes, parse};
pub use patch::patch;
pub use pattern::Pattern;
pub use pointer::Pointer;
pub use secrets::looks_secret;
pub use spans::{elements, members};
pub use value::Value;
