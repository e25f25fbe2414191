//! A process of its own that answers what rules say of changes: the other end of [`apart`](crate::daemon::alert::apart).
//!
//! An expression can run for ever, take all memory, or nest until the stack ends, and nothing in the language bounds
//! that; a thread that does so cannot be stopped. So it happens here, where the system's own limits end the process
//! and nothing is lost with it. What is asked holds bodies of a tenant: nothing of it may be written anywhere but the
//! answer, which is one word, and no image of this process may be kept when it breaks off.

use std::io::{self, BufRead, Write};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use rustix::time::{ClockId, clock_gettime};

use crate::daemon::alert::ask::{Answer, Ask, AskError, Here};

/// The first line, once the limits hold.
pub const READY: &str = "ready";
/// Processor time that one question may take, in seconds, and up to one more.
pub const SECONDS_MAX: u64 = 2;
/// Memory that the process may take.
pub const MEMORY_BYTES_MAX: u64 = 256 << 20;
/// The stack on which questions are answered; what nests deeper ends the process.
pub const STACK_BYTES: usize = 16 << 20;

/// Answers until nobody asks any more: of each two lines, an expression as a JSON text and a change, one word.
///
/// # Errors
/// The limits cannot be set, or whoever asks went away.
pub fn answer(input: impl BufRead, mut output: impl Write) -> io::Result<()> {
    bound()?;
    writeln!(output, "{READY}")?;
    output.flush()?;
    each(input, output, bound_time)
}

fn each(
    mut input: impl BufRead,
    mut output: impl Write,
    before: impl Fn() -> io::Result<()>,
) -> io::Result<()> {
    let mut here = Here::default();
    while let (Some(when), Some(change)) = (line(&mut input)?, line(&mut input)?) {
        before()?;
        let when: String = serde_json::from_slice(&when)?;
        let answer = here.ask(&when, &change).map_err(io::Error::other)?;
        writeln!(output, "{}", word(&answer))?;
        output.flush()?;
    }
    Ok(())
}

/// A question, as [`each`] reads it. A change is canonical JSON, which has no line end in it.
#[must_use]
pub fn question(when: &str, change: &[u8]) -> Vec<u8> {
    let when = serde_json::Value::from(when).to_string();
    [when.as_bytes(), b"\n", change, b"\n"].concat()
}

/// What a word stands for.
///
/// # Errors
/// It stands for nothing.
pub fn read(word: &str) -> Result<Answer, AskError> {
    let all = [Answer::Strikes, Answer::Passes, Answer::Fails];
    let known = all.into_iter().find(|answer| self::word(answer) == word);
    known.ok_or(AskError::Unreadable)
}

fn word(answer: &Answer) -> &'static str {
    match answer {
        Answer::Strikes => "strikes",
        Answer::Passes => "passes",
        // One that gave up says nothing any more.
        Answer::Fails | Answer::GaveUp(_) => "fails",
    }
}

fn line(input: &mut impl BufRead) -> io::Result<Option<Vec<u8>>> {
    let mut line = Vec::new();
    input.read_until(b'\n', &mut line)?;
    Ok((line.pop() == Some(b'\n')).then_some(line))
}

/// The limits of the whole process.
fn bound() -> io::Result<()> {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable)?;
    at_most(Resource::Core, 0)?;
    at_most(Resource::Data, MEMORY_BYTES_MAX)
}

/// The limit of the next question, which counts from what the process has used.
fn bound_time() -> io::Result<()> {
    let used = u64::try_from(clock_gettime(ClockId::ProcessCPUTime).tv_sec).unwrap_or_default();
    at_most(Resource::Cpu, used + 1 + SECONDS_MAX)
}

fn at_most(what: Resource, bound: u64) -> io::Result<()> {
    let maximum = getrlimit(what).maximum;
    let current = Some(maximum.map_or(bound, |maximum| bound.min(maximum)));
    Ok(setrlimit(what, Rlimit { current, maximum })?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_question_has_one_answer_in_order() {
        let asked = [
            question(".after.n\n== 1", br#"{"after":{"n":1}}"#),
            question(".after.n == 2", br#"{"after":{"n":1}}"#),
            question(".after.n.m", br#"{"after":{"n":1}}"#),
            b"\"half a question\"\n".to_vec(),
        ];
        let mut said = Vec::new();
        each(asked.concat().as_slice(), &mut said, || Ok(())).unwrap();
        let said = String::from_utf8(said).unwrap();
        let read: Vec<Answer> = said.lines().map(|word| read(word).unwrap()).collect();
        assert_eq!(read, [Answer::Strikes, Answer::Passes, Answer::Fails]);
        assert!(super::read("perhaps").is_err());
    }
}
