"""What the real program is asked of a year, each question by a process of its own."""

import datetime
import os
import shutil
import subprocess
import sys
import threading
import time

BEGINS = datetime.datetime(2025, 10, 1, tzinfo=datetime.timezone.utc)

# A question that takes longer is ended, and its row says so.
SECONDS_MAX = 600


def moment(hour):
    """A time at which the snapshot of an hour is the newest; hour 0 is the first."""
    at = BEGINS + datetime.timedelta(hours=hour, minutes=10)
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")


def measured(command, environment):
    """What a command took, children included, and how much it printed."""
    began = time.monotonic()
    child = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    late = threading.Timer(SECONDS_MAX, child.kill)
    late.start()
    said = []
    errors = threading.Thread(target=lambda: said.append(child.stderr.read()))
    errors.start()
    lines = size = 0
    for some in iter(lambda: child.stdout.read(1 << 20), b""):
        lines, size = lines + some.count(b"\n"), size + len(some)
    errors.join()
    _, status, used = os.wait4(child.pid, 0)
    late.cancel()
    child.returncode = os.waitstatus_to_exitcode(status)
    figures = {
        "cpu": round(used.ru_utime + used.ru_stime, 3), "wall": round(time.monotonic() - began, 3),
        "memory": used.ru_maxrss, "lines": lines, "out": size,
    }
    if child.returncode != 0:
        words = said[0].decode(errors="replace").strip().splitlines()
        why = f"ended after {SECONDS_MAX} s" if child.returncode < 0 else f"exit {child.returncode}"
        figures["failed"] = f"{why}: {words[-1] if words else 'no word'}"
    return figures


class Asked:
    def __init__(self, program, driver, folder, users):
        self.program, self.driver, self.folder, self.users = program, driver, folder, users
        self.environment = {"PATH": os.environ["PATH"], "HOME": str(folder), "LASTGOOD_KEY_FILE": str(folder / "key")}

    def config(self, name, repository, index):
        path = self.folder / f"{name}.toml"
        text = f'[repository]\nurl = "{repository}"\nindex = "{index}"\n\n'
        text += '[[tenant]]\nname = "acme"\nprovider = "okta"\nurl = "https://acme.okta.example"\n'
        path.write_text(text)
        return path

    def begin(self):
        """Makes the repository, where there is none."""
        self.file = self.config("lastgood", self.folder / "repository", self.folder / "index")
        if not (self.folder / "key").exists():
            subprocess.run([self.program, "--config", self.file, "init"], env=self.environment, check=True)

    def ask(self, config, *words):
        figures = measured([self.program, "--config", config, *words], self.environment)
        print(f"  {' '.join(map(str, words))}: {figures}", file=sys.stderr)
        return figures

    def all(self, hour):
        """Every question at an hour, by its name in the table."""
        print(f"questions at hour {hour}", file=sys.stderr)
        found = subprocess.run([self.driver, "key", str(self.users), str(hour)], stdout=subprocess.PIPE, check=True, text=True)
        resource = f"acme/{found.stdout.strip()}"
        first, half, last = moment(0), moment(hour // 2), moment(hour)
        questions = {
            "show --at, the first hour": ["show", resource, "--at", first],
            "show --at, half way": ["show", resource, "--at", half],
            "show, the last hour": ["show", resource, "--at", last],
            "log of one resource": ["log", resource],
            "diff of neighbours": ["diff", moment(hour - 1), last, "acme"],
            "diff of neighbours, half way": ["diff", moment(hour // 2 - 1), half, "acme"],
            "diff of the ends": ["diff", first, last, "acme", "--json"],
            "diff of the ends, one kind": ["diff", first, last, "acme/policy_rule", "--json"],
            "ls of one kind": ["ls", "acme/group", "--at", half],
            "ls": ["ls", "acme", "--at", half],
            "find in one kind": ["find", 'select(.label == "none")', "--kind", "app", "--at", half],
            "find": ["find", 'select(.label == "none")', "--at", half],
            "snapshots": ["snapshots", "acme"],
            "check": ["check"],
            "check --read-data": ["check", "--read-data"],
            "prune --dry-run": ["prune", "--dry-run", "--keep-hourly", "30d", "--keep-daily", "1y"],
        }
        figures = {name: self.ask(self.file, *words) for name, words in questions.items()}
        return figures | self.anew(resource)

    def anew(self, resource):
        """What changes the repository or its index is asked of a copy: objects are never written again, so links
        to them do."""
        copy = self.folder / "copy"
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(self.folder / "repository", copy / "repository", copy_function=os.link)
        config = self.config("copy", copy / "repository", copy / "index")
        figures = {"rebuild-index": self.ask(config, "rebuild-index")}
        known = subprocess.run([self.program, "help"], stdout=subprocess.PIPE, check=True, text=True).stdout
        if any(line.split()[:1] == ["compact"] for line in known.splitlines()):
            figures["compact"] = self.ask(config, "compact")
            held = [path.stat().st_size for path in (copy / "repository").rglob("*") if path.is_file()]
            figures["compact"] |= {"files": len(held), "bytes": sum(held)}
            figures["log after compact"] = self.ask(config, "log", resource)
        shutil.rmtree(copy)
        return figures
