"""Holds the second reader to what Lastgood itself reads, and to refusing what was changed.

    held.py golden FOLDER             each repository there is read as it was on the day when it was made
    held.py flipped REPOSITORY        one bit changed, in all of its objects in turn: each time it is refused
    held.py beside REPOSITORY FOUND   what `lastgood find . --json` prints is what the reader finds in the newest state

Prints a line of counts; ends with 1 at the first difference. Called by tests/compat/check.
"""

import collections
import json
import pathlib
import shutil
import sys
import tempfile

import reader
import segments
from seals import Refused, WrongKey

# Of an object's bytes this many are changed, one at a time, from the first to the last.
FLIPS = 24

# What the golden repositories hold between them, so that no part of the page is left unread.
SORTS = {"body", "delta", "pieces", "secret", "full base", "checkpoint", "carried log", "moved body",
         "data segment", "snapshot", "annotation", "prune", "compact", "carried record", "apply", "event", "ledger change"}


def seen_in(tenant, states):
    """Which sorts of things were read."""
    sorts = {1: "snapshot", 2: "annotation", 0x84: "apply"}
    tasks = {1: "compact", 2: "prune"}
    found = collections.Counter(
        tasks[record.task] if record.type == 0x83 else sorts[record.type] for record in tenant.records.values()
    )
    found["carried record"] += sum(number in tenant.records for number in tenant.folded)
    for record, _ in states:
        found["full base"] += record.flags & 1
        found["checkpoint"] += record.flags >> 3 & 1
        found["carried log"] += record.number in tenant.carried
        found["ledger change"] += record.depth > 0
        found["event"] += sum("event" in parts for _, parts, _ in tenant.lines(record)[0].values())
    for segment in tenant.segments.values():
        found["data segment"] += not segment.record_sealed
        for frame, row in enumerate(segment.frames):
            if row[0] in (segments.BODIES, segments.SECRETS):
                codecs = [segment.slot(frame, slot)[0] for slot in range(row[2])]
                found.update("secret" if row[0] == segments.SECRETS else ("body", "delta", "pieces")[codec] for codec in codecs)
    moved = [where for record in tenant.dies.values() for where in record.moved.values()]
    found["moved body"] += sum(frame >= 0 for frame, _ in moved)
    return found


def golden(folder):
    found = collections.Counter()
    for place in sorted(path.parent for path in folder.glob("*/found")):
        lines = []
        reader.dump(place / "repository", lines.append)
        if lines != (place / "found").read_text().splitlines():
            sys.exit(f"{place.name}: another thing was found than on the day when it was made")
        for _, tenant in reader.tenants(place / "repository"):
            found += seen_in(tenant, list(tenant.snapshots()))
    if missing := SORTS - set(found):
        sys.exit(f"no golden repository holds: {', '.join(sorted(missing))}")
    print("read as it was: " + ", ".join(f"{count} {sort}" for sort, count in sorted(found.items())))


def flipped(repository):
    tried = 0
    with tempfile.TemporaryDirectory() as work:
        copy = pathlib.Path(work) / "repository"
        shutil.copytree(repository, copy)
        reader.dump(copy, lambda line: None)
        for file in sorted(path for path in copy.rglob("*") if path.is_file() and path.suffix != ".lease"):
            whole = file.read_bytes()
            for n in range(FLIPS):
                at = n * (len(whole) - 1) // (FLIPS - 1)
                file.write_bytes(whole[:at] + bytes([whole[at] ^ 1 << n % 8]) + whole[at + 1 :])
                try:
                    reader.dump(copy, lambda line: None)
                    sys.exit(f"{file.name}: bit {n % 8} of byte {at} was changed, and nothing was said")
                except (Refused, WrongKey):
                    tried += 1
            file.write_bytes(whole)
    print(f"refused: {tried} of {tried} changed bits")


def beside(repository, found):
    theirs = {}
    for row in map(json.loads, found.read_text().splitlines()):
        theirs[row["address"].split("/", 1)[1]] = row["results"][0]
    for _, tenant in reader.tenants(repository):
        state = list(tenant.snapshots())[-1][1]
    ours = {key: json.loads(bodies["main"]) for key, bodies in state.items()}
    if ours != theirs or not ours:
        odd = [key for key in ours.keys() | theirs.keys() if ours.get(key) != theirs.get(key)]
        sys.exit(f"the two readers differ on {len(odd)} of {len(ours)} resources: {sorted(odd)[:5]}")
    print(f"equal: {len(ours)} resources of a new repository")


if __name__ == "__main__":
    {"golden": golden, "flipped": flipped, "beside": beside}[sys.argv[1]](*map(pathlib.Path, sys.argv[2:]))
