//! A disk in memory that loses power: what a program sees on it, and what would be left of that.
//!
//! A write is at first only in the page cache, and a new, changed or dropped name only in the cached
//! folder. Syncing a file makes its bytes durable and not its name; syncing a folder makes its names
//! durable and not what the files hold. Of all else a power cut may keep anything, in any order
//! ([`Kept`]): nothing, the name and not the bytes, half of the bytes. [`Disk::strike`] breaks one
//! call, or all from one on, as a failing, full or dead disk does.
//!
//! Stricter than most file systems, and never kinder. Read [`super::local`] for what stands on it.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use rustix::io::Errno;

use crate::base::entropy::SeededEntropy;
use crate::storage::Local;
use crate::storage::disk::{Facts, Folder, Open, Sort};

/// What a power cut keeps of what was not synced.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Kept {
    /// Nothing.
    Nothing,
    /// All of it: only the program died.
    All,
    /// Names, and no bytes.
    Names,
    /// Bytes, and no names.
    Bytes,
    /// Names, and the first half of the bytes.
    Half,
    /// Names, and the right number of zeros.
    Zeros,
    /// Of each name and each file's bytes whatever this number's coin says.
    Some(u64),
}

impl Kept {
    /// Every way, and this many throws of the coin.
    pub(crate) fn every_way(coins: u64) -> impl Iterator<Item = Self> {
        let plain = [Self::Nothing, Self::All, Self::Names, Self::Bytes, Self::Half, Self::Zeros];
        plain.into_iter().chain((1..=coins).map(Self::Some))
    }
}

/// How the struck call breaks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Strike {
    /// It fails and does nothing. The bytes that a failed sync should have kept are never durable,
    /// and the next sync of the file does not say so.
    Fail,
    /// A write does half, then fails; other calls just fail.
    Tear,
    /// From here on there is no space: what would take some fails.
    Full,
    /// From here on nothing answers.
    Cut,
}

impl Strike {
    /// Every kind, for tests that try them all.
    pub(crate) const ALL: [Self; 4] = [Self::Fail, Self::Tear, Self::Full, Self::Cut];
}

#[derive(Clone)]
enum Change {
    Link(String, usize),
    Rename(String, String, usize),
    Unlink(String),
}

#[derive(Clone)]
enum Node {
    File { live: Vec<u8>, durable: Vec<u8>, modified: u64, lost: bool },
    Folder { live: BTreeMap<String, usize>, durable: BTreeMap<String, usize>, unsynced: Vec<Change> },
}

impl Node {
    fn folder(names: BTreeMap<String, usize>) -> Self {
        Self::Folder { live: names.clone(), durable: names, unsynced: Vec::new() }
    }
}

#[derive(Clone)]
struct Images {
    nodes: Vec<Node>,
    locked: BTreeSet<usize>,
    ticks: u64,
    calls: u64,
    at: u64,
    how: Strike,
}

/// The disk. Clones are the same one.
#[derive(Clone)]
pub(crate) struct Disk(Arc<Mutex<Images>>);

/// What becomes of a call that does not just fail.
enum Fate {
    Done,
    Torn,
}

impl Disk {
    /// An empty disk.
    pub(crate) fn new() -> Self {
        Self::of(vec![Node::folder(BTreeMap::new())])
    }

    fn of(nodes: Vec<Node>) -> Self {
        let locked = BTreeSet::new();
        Self(Arc::new(Mutex::new(Images { nodes, locked, ticks: 0, calls: 0, at: 0, how: Strike::Fail })))
    }

    /// Breaks call number `at`, counted from 1 since the disk was made; 0 never.
    pub(crate) fn strike(&self, at: u64, how: Strike) {
        let mut images = self.images();
        (images.at, images.how) = (at, how);
    }

    /// Lets time pass on the disk's clock.
    pub(crate) fn pass(&self, microseconds: u64) {
        self.images().ticks += microseconds;
    }

    /// Calls so far.
    pub(crate) fn calls(&self) -> u64 {
        self.images().calls
    }

    /// The local storage on it. The names that it draws are others after a power cut.
    pub(crate) fn storage(&self) -> Local {
        let seed = self.images().ticks;
        Local::over(self.root(), PathBuf::from("disk"), Arc::new(SeededEntropy::new(seed)))
    }

    /// Its topmost folder.
    pub(super) fn root(&self) -> Box<dyn Folder> {
        Box::new(Held { disk: self.clone(), node: 0 })
    }

    /// The disk that is found when power comes back now.
    pub(crate) fn after_power_cut(&self, kept: Kept) -> Self {
        let images = self.images();
        let mut coin = Coin::new(kept);
        let nodes = images.nodes.iter().map(|node| match node {
            Node::File { live, durable, modified, .. } => {
                let bytes = if live == durable { live.clone() } else { coin.bytes(live, durable) };
                Node::File { live: bytes.clone(), durable: bytes, modified: *modified, lost: false }
            }
            Node::Folder { durable, unsynced, .. } => {
                let mut names = durable.clone();
                unsynced.iter().filter(|_| coin.name()).for_each(|change| change.make(&mut names));
                Node::folder(names)
            }
        });
        let disk = Self::of(nodes.collect());
        disk.images().ticks = images.ticks;
        disk
    }

    /// Every file that can be reached by names, with what it holds.
    pub(crate) fn files(&self) -> BTreeMap<String, Vec<u8>> {
        let images = self.images();
        let mut files = BTreeMap::new();
        let mut folders = vec![(String::new(), 0)];
        while let Some((path, node)) = folders.pop() {
            match &images.nodes[node] {
                Node::File { live, .. } => drop(files.insert(path, live.clone())),
                Node::Folder { live, .. } => {
                    folders.extend(live.iter().map(|(name, node)| (format!("{path}/{name}"), *node)));
                }
            }
        }
        files
    }

    fn images(&self) -> MutexGuard<'_, Images> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Change {
    fn make(&self, names: &mut BTreeMap<String, usize>) {
        match self {
            Self::Link(name, node) => drop(names.insert(name.clone(), *node)),
            Self::Unlink(name) => drop(names.remove(name)),
            // It may be kept where the change that gave the old name was lost.
            Self::Rename(from, to, node) => {
                names.remove(from);
                names.insert(to.clone(), *node);
            }
        }
    }
}

/// Decides what is kept.
struct Coin {
    kept: Kept,
    state: u64,
}

impl Coin {
    fn new(kept: Kept) -> Self {
        let state = if let Kept::Some(seed) = kept { seed } else { 0 };
        Self { kept, state }
    }

    fn throw(&mut self, sides: u64) -> u64 {
        self.state = self.state.wrapping_add(1);
        let hash = blake3::hash(&self.state.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_le_bytes());
        u64::from(hash.as_bytes()[0]) % sides
    }

    fn name(&mut self) -> bool {
        match self.kept {
            Kept::Nothing | Kept::Bytes => false,
            Kept::All | Kept::Names | Kept::Half | Kept::Zeros => true,
            Kept::Some(_) => self.throw(2) == 0,
        }
    }

    fn bytes(&mut self, live: &[u8], durable: &[u8]) -> Vec<u8> {
        let kept = match self.kept {
            Kept::Some(_) => [Kept::Nothing, Kept::All, Kept::Half, Kept::Zeros][self.throw(4) as usize],
            kept => kept,
        };
        match kept {
            Kept::Nothing | Kept::Names => durable.to_vec(),
            Kept::Half => live[..live.len() / 2].to_vec(),
            Kept::Zeros => vec![0; live.len()],
            Kept::All | Kept::Bytes | Kept::Some(_) => live.to_vec(),
        }
    }
}

impl Images {
    /// Counts a call; `takes_space` is what a full disk refuses.
    fn call(&mut self, takes_space: bool) -> Result<Fate, Errno> {
        self.calls += 1;
        let struck = self.calls == self.at;
        let since = self.at != 0 && self.calls >= self.at;
        match self.how {
            Strike::Fail if struck => Err(Errno::IO),
            Strike::Tear if struck => Ok(Fate::Torn),
            Strike::Full if since && takes_space => Err(Errno::NOSPC),
            Strike::Cut if since => Err(Errno::IO),
            _ => Ok(Fate::Done),
        }
    }

    /// A call that is done or not.
    fn whole_call(&mut self, takes_space: bool) -> Result<(), Errno> {
        match self.call(takes_space)? {
            Fate::Done => Ok(()),
            Fate::Torn => Err(Errno::IO),
        }
    }

    fn tick(&mut self) -> u64 {
        self.ticks += 1;
        self.ticks
    }

    fn names(&self, folder: usize) -> &BTreeMap<String, usize> {
        match &self.nodes[folder] {
            Node::Folder { live, .. } => live,
            Node::File { .. } => unreachable!("a folder is held by its number"),
        }
    }

    fn find(&self, folder: usize, name: &str) -> Result<usize, Errno> {
        self.names(folder).get(name).copied().ok_or(Errno::NOENT)
    }

    fn change(&mut self, folder: usize, change: Change) {
        if let Node::Folder { live, unsynced, .. } = &mut self.nodes[folder] {
            change.make(live);
            unsynced.push(change);
        }
    }

    fn add(&mut self, folder: usize, name: &str, node: Node) -> Result<usize, Errno> {
        if self.names(folder).contains_key(name) {
            return Err(Errno::EXIST);
        }
        self.nodes.push(node);
        let number = self.nodes.len() - 1;
        self.change(folder, Change::Link(name.to_owned(), number));
        Ok(number)
    }

    fn add_file(&mut self, folder: usize, name: &str) -> Result<usize, Errno> {
        let modified = self.tick();
        let file = Node::File { live: Vec::new(), durable: Vec::new(), modified, lost: false };
        self.add(folder, name, file)
    }

    fn facts(&self, node: usize) -> Facts {
        let (sort, size, modified) = match &self.nodes[node] {
            Node::File { live, modified, .. } => (Sort::File, live.len() as u64, *modified),
            Node::Folder { .. } => (Sort::Folder, 0, 0),
        };
        let modified = SystemTime::UNIX_EPOCH + Duration::from_micros(modified);
        Facts { sort, size, modified, number: node as u64 }
    }
}

/// A folder or file of the disk that somebody holds.
struct Held {
    disk: Disk,
    node: usize,
}

impl Held {
    fn beside(&self, node: usize) -> Box<Self> {
        Box::new(Self { disk: self.disk.clone(), node })
    }

    fn give_name(&self, from: &str, to: &str, must_be_free: bool) -> Result<(), Errno> {
        let mut images = self.disk.images();
        images.whole_call(false)?;
        let node = images.find(self.node, from)?;
        if must_be_free && images.names(self.node).contains_key(to) {
            return Err(Errno::EXIST);
        }
        images.change(self.node, Change::Rename(from.to_owned(), to.to_owned(), node));
        Ok(())
    }
}

impl Folder for Held {
    fn open_folder(&self, name: &OsStr) -> Result<Box<dyn Folder>, Errno> {
        let mut images = self.disk.images();
        images.whole_call(false)?;
        let name = name.to_str().ok_or(Errno::ILSEQ)?;
        let node = if name == "." { self.node } else { images.find(self.node, name)? };
        match images.nodes[node] {
            Node::Folder { .. } => Ok(self.beside(node)),
            Node::File { .. } => Err(Errno::NOTDIR),
        }
    }

    fn make_folder(&self, name: &OsStr) -> Result<(), Errno> {
        let mut images = self.disk.images();
        images.whole_call(true)?;
        let name = name.to_str().ok_or(Errno::ILSEQ)?;
        images.add(self.node, name, Node::folder(BTreeMap::new())).map(drop)
    }

    fn rows(&self) -> Result<Vec<(String, Sort)>, Errno> {
        let mut images = self.disk.images();
        images.whole_call(false)?;
        let rows = images.names(self.node).iter();
        Ok(rows.map(|(name, node)| (name.clone(), images.facts(*node).sort)).collect())
    }

    fn facts(&self, name: &str) -> Result<Facts, Errno> {
        let mut images = self.disk.images();
        images.whole_call(false)?;
        Ok(images.facts(images.find(self.node, name)?))
    }

    fn create(&self, name: &str) -> Result<Box<dyn Open>, Errno> {
        let mut images = self.disk.images();
        images.whole_call(true)?;
        Ok(self.beside(images.add_file(self.node, name)?))
    }

    fn open(&self, name: &str) -> Result<Box<dyn Open>, Errno> {
        let mut images = self.disk.images();
        images.whole_call(false)?;
        Ok(self.beside(images.find(self.node, name)?))
    }

    fn rename_new(&self, from: &str, to: &str) -> Result<(), Errno> {
        self.give_name(from, to, true)
    }

    fn rename(&self, from: &str, to: &str) -> Result<(), Errno> {
        self.give_name(from, to, false)
    }

    fn unlink(&self, name: &str) -> Result<(), Errno> {
        let mut images = self.disk.images();
        images.whole_call(false)?;
        images.find(self.node, name)?;
        images.change(self.node, Change::Unlink(name.to_owned()));
        Ok(())
    }

    fn sync(&self) -> Result<(), Errno> {
        let mut images = self.disk.images();
        images.whole_call(false)?;
        if let Node::Folder { live, durable, unsynced } = &mut images.nodes[self.node] {
            *durable = live.clone();
            unsynced.clear();
        }
        Ok(())
    }

    fn lock(&self, name: &str) -> Result<Box<dyn Send>, Errno> {
        let mut images = self.disk.images();
        images.whole_call(false)?;
        let node = match images.find(self.node, name) {
            Ok(node) => node,
            Err(_) => images.add_file(self.node, name)?,
        };
        while !images.locked.insert(node) {
            drop(images);
            std::thread::yield_now();
            images = self.disk.images();
        }
        Ok(Box::new(Locked(Held { disk: self.disk.clone(), node })))
    }
}

impl Open for Held {
    fn facts(&self) -> Result<Facts, Errno> {
        let mut images = self.disk.images();
        images.whole_call(false)?;
        Ok(images.facts(self.node))
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), Errno> {
        let mut images = self.disk.images();
        let fate = images.call(true)?;
        let modified_now = images.tick();
        let Node::File { live, modified, .. } = &mut images.nodes[self.node] else {
            return Err(Errno::ISDIR);
        };
        *modified = modified_now;
        match fate {
            Fate::Done => live.extend_from_slice(bytes),
            Fate::Torn => {
                live.extend_from_slice(&bytes[..bytes.len() / 2]);
                return Err(Errno::IO);
            }
        }
        Ok(())
    }

    fn read(&mut self, range: Range<u64>) -> Result<Vec<u8>, Errno> {
        let mut images = self.disk.images();
        images.whole_call(false)?;
        let Node::File { live, .. } = &images.nodes[self.node] else { return Err(Errno::ISDIR) };
        let end = (range.end as usize).min(live.len());
        Ok(live[(range.start as usize).min(end)..end].to_vec())
    }

    fn set_modified(&mut self, at: SystemTime) -> Result<(), Errno> {
        let mut images = self.disk.images();
        images.whole_call(false)?;
        let micros = at.duration_since(SystemTime::UNIX_EPOCH).map_err(|_| Errno::INVAL)?.as_micros();
        if let Node::File { modified, .. } = &mut images.nodes[self.node] {
            *modified = micros as u64;
        }
        Ok(())
    }

    fn sync(&self) -> Result<(), Errno> {
        let mut images = self.disk.images();
        let done = images.whole_call(false);
        if let Node::File { live, durable, lost, .. } = &mut images.nodes[self.node] {
            if done.is_err() {
                *lost = true;
            } else if !*lost {
                *durable = live.clone();
            }
        }
        done
    }
}

/// A held lock.
struct Locked(Held);

impl Drop for Locked {
    fn drop(&mut self) {
        self.0.disk.images().locked.remove(&self.0.node);
    }
}

mod tests;
