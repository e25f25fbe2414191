//! Asks rules in a process of its own, so that one that never ends costs its own answer and nothing else.
//!
//! The process is begun when the first question comes and again after one that ended it; it ends with whoever asks. It
//! is given no environment, as a passphrase may stand there. Read [`answering`] for what bounds it.

use std::io::{self, BufRead as _, BufReader, Write as _};
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::Duration;

use rustix::process::Signal;

use crate::daemon::alert::answering::{self, MEMORY_BYTES_MAX, READY, SECONDS_MAX};
use crate::daemon::alert::ask::{Answer, Ask, AskError};

/// Until an answer comes from a process that is neither done nor ended by its limits: one that was stopped, say.
const PATIENCE: Duration = Duration::from_secs(180);

/// The program that answers as [`answering::answer`] does.
#[derive(Clone, Debug)]
pub struct Program {
    /// Where it is.
    pub path: PathBuf,
    /// What has it answer.
    pub arguments: Vec<String>,
}

/// Asks the program.
pub struct Apart {
    program: Program,
    running: Option<Running>,
}

impl Apart {
    /// Nothing is begun before something is asked.
    #[must_use]
    pub fn new(program: Program) -> Self {
        Self { program, running: None }
    }
}

impl Ask for Apart {
    fn ask(&mut self, when: &str, input: &[u8]) -> Result<Answer, AskError> {
        let mut running = match self.running.take() {
            Some(running) => running,
            None => Running::start(&self.program)?,
        };
        // Where nobody takes the question, nobody answers it either: that is found out below.
        let _ = running.to.send(answering::question(when, input));
        match running.from.recv_timeout(PATIENCE) {
            Ok(word) => {
                self.running = Some(running);
                answering::read(&word)
            }
            Err(RecvTimeoutError::Timeout) => {
                Ok(Answer::GaveUp(format!("it gave no answer in {} s", PATIENCE.as_secs())))
            }
            Err(RecvTimeoutError::Disconnected) => {
                why(running.child.wait().map_err(|error| AskError::Begin(error.to_string()))?)
            }
        }
    }
}

/// Why the process ended: by the question that it was asked, or by something else.
fn why(status: ExitStatus) -> Result<Answer, AskError> {
    let is = |signal: Signal| status.signal() == Some(signal.as_raw());
    let broke_off = [Signal::ABORT, Signal::SEGV, Signal::BUS, Signal::KILL].into_iter().any(is);
    // A program of this language that panics ends with 101.
    match status.code() {
        None if is(Signal::XCPU) => {
            Ok(Answer::GaveUp(format!("it took more than {SECONDS_MAX} s of processor time")))
        }
        Some(101) => Ok(Answer::GaveUp(too_large())),
        None if broke_off => Ok(Answer::GaveUp(too_large())),
        _ => Err(AskError::Ended(status.to_string())),
    }
}

fn too_large() -> String {
    format!("it took more than {} MiB of memory, or nests too deep", MEMORY_BYTES_MAX >> 20)
}

/// A process that answers.
struct Running {
    child: Child,
    to: Sender<Vec<u8>>,
    from: Receiver<String>,
}

impl Running {
    fn start(program: &Program) -> Result<Self, AskError> {
        let begin = |error: io::Error| AskError::Begin(error.to_string());
        let mut child = Command::new(&program.path)
            .args(&program.arguments)
            .env_clear()
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            // What is typed at the terminal of whoever asks is not for it.
            .process_group(0)
            .spawn()
            .map_err(begin)?;
        let pipes = child.stdin.take().zip(child.stdout.take());
        let (to, questions) = channel();
        let (answers, from) = channel();
        let running = Self { child, to, from };
        let Some((stdin, stdout)) = pipes else { return Err(AskError::Unreadable) };
        // A pipe cannot be waited for with patience, a channel can.
        std::thread::Builder::new()
            .name("rules".into())
            .spawn(move || {
                // Either end went away: the other one notices by itself.
                let _ = talk(stdin, stdout, &questions, &answers);
            })
            .map_err(begin)?;
        match running.from.recv_timeout(PATIENCE).as_deref() {
            Ok(READY) => Ok(running),
            _ => Err(AskError::Unreadable),
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Hands on lines until either end goes away; the first line answers nothing.
fn talk(
    mut stdin: ChildStdin,
    stdout: ChildStdout,
    questions: &Receiver<Vec<u8>>,
    answers: &Sender<String>,
) -> io::Result<()> {
    let mut stdout = BufReader::new(stdout);
    loop {
        let mut line = String::new();
        if stdout.read_line(&mut line)? == 0 || answers.send(line.trim_end().to_owned()).is_err() {
            return Ok(());
        }
        let Ok(question) = questions.recv() else { return Ok(()) };
        stdin.write_all(&question)?;
    }
}
