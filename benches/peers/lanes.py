"""How each tool is given an hour and asked a question; one class a tool, each at its best known setting.

A lane that takes a stream gets the whole sorted state of the hour on its standard input; one that takes
files gets a tree with a file a resource, changed in place between the hours (outside what is measured).
"""

import hashlib
import os
import shutil
import subprocess
import threading
import time
from dataclasses import dataclass

WORDS = "a passphrase of the bench"


class Failed(Exception):
    """A tool could not do what it was asked; the text is its own last words."""


@dataclass
class Figures:
    cpu: float
    wall: float
    memory: int  # KiB at the peak
    out: bytes
    bytes: int = 0  # of the repository, after it
    files: int = 0
    grown: int = 0  # bytes by which the repository grew


def measured(script, env, stdin=None, keep=True):
    """Runs a shell script and gives what it took, children included."""
    started = time.monotonic()
    with open(stdin or os.devnull, "rb") as given:
        child = subprocess.Popen(
            ["bash", "-o", "pipefail", "-c", script], env=env, stdin=given,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )
        # Both are read to their ends before the wait, so that neither can block it.
        said = []
        reader = threading.Thread(target=lambda: said.append(child.stderr.read()))
        reader.start()
        out = child.stdout.read()
        reader.join()
        _, status, used = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode != 0:
        words = (said[0] or out).decode(errors="replace").strip().splitlines()
        raise Failed(f"exit {child.returncode}: {words[-1] if words else 'no word'}")
    return Figures(used.ru_utime + used.ru_stime, time.monotonic() - started, used.ru_maxrss, out if keep else b"")


class Corpus:
    """The hours that all lanes are given, and the tree for those that want files."""

    def __init__(self, ours, folder, users, hours):
        self.ours, self.folder, self.users, self.hours = ours, folder, users, hours
        self.last = 2 * hours
        self.tree = folder / "tree"

    def make(self):
        """Hours of 0.1 %, then as many of 1 %."""
        if not (self.folder / "whole").exists():
            shutil.rmtree(self.folder, ignore_errors=True)
            churn = f"{self.hours}x0.001,{self.hours}x0.01"
            subprocess.run([self.ours, "make", self.folder, str(self.users), churn], check=True, stdout=subprocess.DEVNULL)
            (self.folder / "whole").touch()
        shutil.rmtree(self.tree, ignore_errors=True)
        # The resource that is asked for is one that changes again and again: the most often changed.
        times = {}
        for hour in range(1, self.last + 1):
            for key, body in self.changes(hour):
                if body is not None:
                    times[key] = times.get(key, 0) + 1
        first = {line.split(b"\t", 1)[0] for line in open(self.state(0), "rb")}
        self.key = max((key for key in times if key in first), key=lambda key: (times[key], key)).decode()

    def state(self, hour):
        return self.folder / f"h{hour:03}"

    def list(self, hour):
        return self.folder / f"c{hour:03}"

    def changes(self, hour):
        for line in open(self.list(hour), "rb"):
            key, tab, body = line.rstrip(b"\n").partition(b"\t")
            yield key, body if tab else None

    def file(self, key):
        return self.tree / key

    def reach(self, hour):
        """Brings the tree to this hour."""
        for line in open(self.state(0) if hour == 0 else self.list(hour), "rb"):
            key, tab, body = line.rstrip(b"\n").decode().partition("\t")
            file = self.file(key)
            if tab:
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_text(body)
            else:
                file.unlink()

    def digest(self, hour):
        return hashlib.sha256(self.state(hour).read_bytes()).hexdigest()


class Lane:
    """What all lanes have in common: a folder of its own, and nothing of the machine's settings."""

    tool = ""
    stream = True

    def __init__(self, name, folder, bin, ours, corpus):
        self.name, self.folder, self.bin, self.ours, self.corpus = name, folder, bin, ours, corpus
        self.repository = folder / "repository"
        self.snapshots = []
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        self.env = {"PATH": f"{bin}:/usr/local/bin:/usr/bin:/bin", "HOME": str(folder), "WORDS": WORDS,
                    "LC_ALL": "C", "REPO": str(self.repository), "CACHE": str(folder / "cache"), **self.settings()}
        if self.tool and not (bin / self.tool).exists():
            raise Failed("not had: see the log of `install`")

    def settings(self):
        return {}

    def begin(self):
        self.run(self.start)

    def run(self, script, **given):
        return measured(script, self.env, **given)

    def size(self):
        files = [file for file in self.repository.rglob("*") if file.is_file()]
        return sum(file.stat().st_size for file in files), len(files)

    def take(self, hour):
        before = self.size()[0]
        figures = self.store(hour)
        self.snapshots.append(self.newest(figures))
        figures.bytes, figures.files = self.size()
        figures.grown = figures.bytes - before
        return figures

    def store(self, hour):
        if self.stream:
            return self.run(self.put.format(hour=hour), stdin=self.corpus.state(hour))
        return self.run(self.put.format(hour=hour, tree=self.corpus.tree))

    def newest(self, figures):
        return f"h{len(self.snapshots):03}"

    def ask(self, question):
        script = getattr(self, f"to_{question}", lambda: None)()
        return None if script is None else self.run(script)

    # Of a lane that only gives whole states back, every question is asked of these.
    def state_at(self, snapshot):
        return self.whole.format(at=snapshot)

    def line_at(self, snapshot):
        return f"{self.state_at(snapshot)} | grep -P '^{self.corpus.key}\\t'"

    def to_one(self):
        return self.line_at(self.snapshots[0])

    def to_bare(self):
        shutil.rmtree(self.folder / "cache", ignore_errors=True)
        return self.to_one()

    def to_versions(self):
        return "\n".join(f"{self.line_at(snapshot)} || exit 1" for snapshot in self.snapshots)

    def between(self, a, b):
        return f"diff <({self.state_at(a)}) <({self.state_at(b)}) || [ $? = 1 ]"

    def to_neighbours(self):
        return self.between(self.snapshots[-2], self.snapshots[-1])

    def to_ends(self):
        return self.between(self.snapshots[0], self.snapshots[-1])

    def unpacked(self, archive):
        """The stream that a state was made from, of a lane that gives it back as an archive of files."""
        out = self.folder / "out"
        return f"rm -rf {out}; mkdir {out}; {archive} | tar -x -C {out}; {states(out)}"

    def holds(self):
        """Whether the first and the last state come out as they went in."""
        for hour in (0, self.corpus.last):
            out = self.run(f"{self.state_at(self.snapshots[hour])} | sha256sum").out.decode().split()[0]
            if out != self.corpus.digest(hour):
                raise Failed(f"the state of hour {hour} is not what was given")


class Ours(Lane):
    """The store with bodies given; bytes repeat from hour to hour."""

    given = "full"

    def settings(self):
        return {"OURS": self.ours}

    start = '"$OURS" init "$REPO/.."'
    whole = '"$OURS" state "$REPO/.." {at}'

    def store(self, hour):
        return self.run(f'"$OURS" {self.given} "$REPO/.." {self.corpus.state(hour)}')

    def newest(self, figures):
        return figures.out.split()[1].decode()

    def to_one(self):
        return f'"$OURS" show "$REPO/.." {self.snapshots[0]} {self.corpus.key}'

    def to_bare(self):
        shutil.rmtree(self.folder / "index", ignore_errors=True)
        return self.to_one()

    def to_versions(self):
        return f'"$OURS" log "$REPO/.." {self.corpus.key}'

    def between(self, a, b):
        return f'"$OURS" diff "$REPO/.." {a} {b}'

    def to_check(self):
        return '"$OURS" check "$REPO/.."'

    def to_prune(self):
        return '"$OURS" prune "$REPO/.." 2'


class OursMoved(Ours):
    """The same where a volatile field of every body is another at each reading."""

    # What is given is another body than the stream's at each hour.
    def holds(self):
        return None

    def store(self, hour):
        return self.run(f'"$OURS" moved "$REPO/.." {self.corpus.state(hour)} {hour}')


class OursGiven(Ours):
    """Only what changed is given, as the collector does where a vendor tells what changed."""

    def store(self, hour):
        if hour == 0:
            return super().store(hour)
        return self.run(f'"$OURS" given "$REPO/.." {self.corpus.list(hour)}')


class Restic(Lane):
    tool = "restic"
    start = "restic init -q"
    put = "restic backup -q --stdin --stdin-filename state --host bench --tag h{hour:03}"
    whole = "restic dump -q --no-lock --tag {at} latest state"

    def settings(self):
        return {"RESTIC_REPOSITORY": str(self.repository), "RESTIC_PASSWORD": WORDS,
                "RESTIC_CACHE_DIR": str(self.folder / "cache")}

    def to_check(self):
        return "restic check -q --read-data"

    def to_prune(self):
        return "restic forget -q --group-by host --keep-last 2 --prune"


class ResticTree(Restic):
    stream = False
    put = "cd {tree} && restic backup -q --host bench --tag h{hour:03} ."

    def line_at(self, snapshot):
        return f"restic dump -q --no-lock --tag {snapshot} latest /{self.corpus.key}"

    def between(self, a, b):
        at = "$(restic snapshots --json --no-lock --tag {} | grep -o '\"short_id\":\"[0-9a-f]*' | cut -d'\"' -f4)"
        return f"restic diff -q --no-lock {at.format(a)} {at.format(b)}"

    def state_at(self, snapshot):
        return self.unpacked(f"restic dump -q --no-lock --tag {snapshot} latest /")


def states(tree):
    """A tree as the stream that it was made from."""
    return (f"(cd {tree} && find . -type f | sed 's,^./,,' | sort | "
            "perl -ne 'chomp; open F, $_ or die; local $/; print \"$_\\t\", <F>, \"\\n\"')")


class Rustic(Lane):
    """With `--force`: without it a second stream of the same name counts as unchanged and is not stored."""

    tool = "rustic"
    start = "rustic init --set-chunk-size 16KiB --set-chunk-min-size 4KiB --set-chunk-max-size 64KiB"
    put = "rustic backup --force --stdin-filename state --host bench --label h{hour:03} -"
    whole = "rustic dump --filter-label {at} latest:/state"

    def settings(self):
        return {"RUSTIC_REPOSITORY": str(self.repository), "RUSTIC_PASSWORD": WORDS,
                "RUSTIC_NO_PROGRESS": "true", "RUSTIC_LOG_LEVEL": "warn", "RUSTIC_CACHE_DIR": str(self.folder / "cache")}

    def to_check(self):
        return "rustic check --read-data"

    def to_prune(self):
        return "rustic forget --keep-last 2 --prune --instant-delete"


class Kopia(Lane):
    tool = "kopia"
    start = ('mkdir -p "$REPO" && kopia repository create filesystem --path "$REPO" --object-splitter DYNAMIC-128K-BUZHASH '
             '--cache-directory "$CACHE" && kopia policy set --global --compression zstd --keep-latest 100000')
    put = "kopia snapshot create --no-progress --stdin-file state /bench --tags hour:h{hour:03}"
    whole = ("kopia show $(kopia snapshot list --all --tags hour:{at} --json | grep -o '\"obj\":\"[^\"]*' | head -1 "
             "| cut -d'\"' -f4)/state")

    def settings(self):
        return {"KOPIA_PASSWORD": WORDS, "KOPIA_CONFIG_PATH": str(self.folder / "kopia.config"),
                "KOPIA_CHECK_FOR_UPDATES": "false", "KOPIA_LOG_DIR": str(self.folder / "logs")}

    def to_check(self):
        return "kopia snapshot verify --verify-files-percent 100"


class Borg(Lane):
    tool = "borg"
    start = 'borg init --encryption repokey-blake2 "$REPO"'
    put = 'borg create --chunker-params buzhash,10,16,13,4095 --compression zstd,3 --stdin-name state "$REPO::h{hour:03}" -'
    whole = 'borg extract --stdout "$REPO::{at}" state'

    def settings(self):
        return {"BORG_PASSPHRASE": WORDS, "BORG_BASE_DIR": str(self.folder / "cache")}

    def to_check(self):
        return 'borg check --verify-data "$REPO"'

    def to_prune(self):
        return 'borg prune --keep-last 2 "$REPO" && borg compact "$REPO"'


class Bupstash(Lane):
    tool = "bupstash"
    start = 'bupstash new-key -o "$BUPSTASH_KEY" && bupstash init'
    put = 'bupstash put -q --send-log "$CACHE.log" hour=h{hour:03} -'
    whole = "bupstash get -q hour={at}"

    def settings(self):
        return {"BUPSTASH_REPOSITORY": str(self.repository), "BUPSTASH_KEY": str(self.folder / "key"),
                "BUPSTASH_QUERY_CACHE": str(self.folder / "query-cache")}

    def to_prune(self):
        drop = "\n".join(f"bupstash rm -q hour={snapshot}" for snapshot in self.snapshots[:-2])
        return f"{drop}\nbupstash gc -q"


class Git(Lane):
    """In the clear; each hour is a fast-import of the given changes."""

    tool = "git"
    start = 'git init -q --bare "$REPO" && git -C "$REPO" config gc.auto 0'

    def begin(self):
        super().begin()
        self.feed = self.folder / "feed"

    def store(self, hour):
        with open(self.feed, "wb") as out:
            out.write(b"commit refs/heads/main\nmark :%d\ncommitter b <b@b> %d +0000\ndata 0\n" % (hour + 1, hour * 3600 + 1))
            out.write(b"from refs/heads/main^0\n" if hour else b"")
            for line in open(self.corpus.list(hour) if hour else self.corpus.state(0), "rb"):
                key, tab, body = line.rstrip(b"\n").partition(b"\t")
                out.write(b"M 644 inline %s\ndata %d\n%s\n" % (key, len(body), body) if tab else b"D %s\n" % key)
        figures = self.run('git -C "$REPO" fast-import --quiet', stdin=self.feed)
        self.run(f'git -C "$REPO" tag h{hour:03} main')
        return figures

    def line_at(self, snapshot):
        return f'git -C "$REPO" show {snapshot}:{self.corpus.key}'

    def to_versions(self):
        return f'git -C "$REPO" log -p main -- {self.corpus.key}'

    def between(self, a, b):
        return f'git -C "$REPO" diff {a} {b}'

    def state_at(self, snapshot):
        return self.unpacked(f'git -C "$REPO" archive {snapshot}')

    def to_check(self):
        return 'git -C "$REPO" fsck --full'


LANES = {
    "ours": Ours, "ours-moved": OursMoved, "ours-given": OursGiven, "bupstash": Bupstash, "borg": Borg,
    "restic": Restic, "restic-tree": ResticTree, "rustic": Rustic, "kopia": Kopia, "git": Git,
}
