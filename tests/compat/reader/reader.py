"""A second reader of repositories of version 1, written from docs/FORMAT.md; it shares no code with Lastgood.

    reader.py verify|dump FOLDER            everything is read and verified; dump prints it
    reader.py show FOLDER TENANT KEY TIME   a resource's main body at a time, in milliseconds

The passphrase is in LASTGOOD_PASSPHRASE. Exit 1: refused; 12: wrong key. The writers' side of the page, erase and keys
records are not read. Must never print what it has not verified. Read seals.py, then segments.py.
"""

import os
import pathlib
import sys

from blake3 import blake3

from seals import Bytes, Keys, Refused, WrongKey, digest, joined, mac, need, of_parts, vb, vu, vz
from segments import (CARRIED, CHECK_BLOCK, CHECK_HEAD, LEDGER, LOG_BLOCK, LOG_HEAD, MOVED, REFERENCES, Folded, Record, Segment,
                      entries, references, undelta)

ZEROS = bytes(32)


class Tenant:
    """A tenant's sequence, read whole."""

    def __init__(self, root, keys, prefix):
        self.root, self.keys, self.prefix = root, keys, prefix
        self.domains, self.segments, self.known = keys.domains(prefix), {}, {}
        self.voids, self.carried, self.folded, self.dies = [], {}, {}, {}
        folder = root / prefix.hex()
        numbers = sorted(int(path.name) for path in folder.iterdir() if len(path.name) == 12)
        self.records = {}
        for number in reversed(numbers):
            if not self.void(number) and number not in self.folded:
                record = Record(self.segment(f"{prefix.hex()}/{number:012}"), keys, prefix, number)
                self.records[number] = record
                if record.type == 0x83:
                    self.learn(record)
        for number, (by, segment, message, first, count) in self.folded.items():
            if not self.void(number):
                self.records[number] = Record(Folded(by, segment, message, first, count), keys, prefix, number)
        self.chain()

    def segment(self, name):
        if name not in self.segments:
            self.segments[name] = Segment((self.root / name).read_bytes(), self.domains, name)
        return self.segments[name]

    def void(self, number):
        runs = [run for run in self.voids if run[0] <= number <= run[1]]
        return max(runs, key=lambda run: run[1] - run[0]) if runs else None

    def learn(self, record):
        """What a prune or compact record says; the highest is read first, and of several it counts."""
        r = Bytes(record.payload, f"record {record.number}: payload")
        for _ in range(r.vu()):
            number, segment, message = r.vu(), r.take(32), r.vb()
            if message:
                r.vu(), r.vz()
                self.folded.setdefault(number, (record, segment, message, r.vu(), r.vu()))
            else:
                self.carried.setdefault(number, (record, r.vu(), r.vu()))
        for _ in range(r.vu()):
            r.vu()
            self.dies.setdefault(r.take(32), record)
            r.take(16)
        need(r.vu() == 0 and r.vu() == 0 and r.vu() == 0, "a prune or compact record erases or revokes")
        for _ in range(r.vu()):
            run = (r.vu(), r.vu(), r.vu(), r.take(32), r.take(32))
            need(0 < run[0] <= run[1] < record.number, "a void run is out of order")
            self.voids.append(run)
        r.end()
        record.moved = {}
        for frame in record.segment.of(MOVED):
            m = Bytes(record.segment.plain(frame), "relocations")
            for _ in range(m.vu()):
                segment, at, slot = m.take(32), 0, -1
                for old_frame in range(m.vu(65536)):
                    for old_slot in range(m.vu(16384)):
                        at, slot = at + m.vz(), slot + 1 + m.vz()
                        record.moved[segment, old_frame, old_slot] = (at, slot)
            m.end()

    def chain(self):
        """Every kept record follows the one before it, over void runs too."""
        for number, record in sorted(self.records.items()):
            what = f"record {number} does not follow the one before it"
            run = self.void(number - 1)
            if run:
                need(run[1] == number - 1 and record.previous == run[4], what)
                before = self.records.get(run[0] - 1)
                need(run[3] == (before.id if before else ZEROS), what)
            elif number == 1:
                need(record.previous == ZEROS, what)
            else:
                need(number - 1 in self.records, f"record {number - 1} is missing")
                before = self.records[number - 1]
                foreign = record.type == 1 and record.flags & 1 and record.previous == digest("unopened", before.segment.data)
                need(record.previous == before.id or foreign, what)

    def place(self, here, rows, part):
        """The segment, frame and slot of a part, as seen from a segment with these references."""
        number, frame, slot = part[:3]
        need(number <= len(rows), "a location names no reference")
        if number == 0 and here.id not in self.dies:
            return here, frame, slot
        place, segment, table = rows[number - 1] if number else (None, here.id, here.table[:16])
        for _ in range(9):
            by = self.dies.get(segment)
            if by is None:
                name = f"{self.prefix.hex()}.d/{segment.hex()}" if place < 2 else f"{self.prefix.hex()}/{place - 2:012}"
                found = self.segment(name)
                need(found.id == segment and found.table[:16] == table, f"{name} is not the segment that was referred to")
                return found, frame, slot
            frame, slot = by.moved.get((segment, frame, slot), (-1, 0))
            need(frame >= 0, "a body that is needed was not kept")
            segment, table, place = by.segment.id, by.segment.table[:16], by.number + 2
        raise Refused("a body moved too often")

    def body(self, where, depth=9):
        segment, frame, slot = where
        key = (segment.id, frame, slot)
        if key not in self.known:
            codec, data = segment.slot(frame, slot)
            need(codec < 3, "a body has an unknown codec")
            if codec == 1:
                r = Bytes(data, "delta")
                length, links, base = r.vu(1 << 20), r.fixed(1), (r.vu(), r.vu(), r.vu())
                need(1 <= links < depth, "a chain of deltas is too long")
                rows = references(segment.stream(REFERENCES))
                data = undelta(self.body(self.place(segment, rows, base), links + 1 if links < 8 else 9), r.rest(), length)
            elif codec == 2:
                data = segment.pieces(data)
            self.known[key] = data
        return self.known[key]

    def read(self, domain, here, rows, part):
        body = self.body(self.place(here, rows, part))
        id_ = mac(domain.ids, body)
        need(id_[: len(part[3])] == part[3], "a body is not the one that was written")
        return body

    def log(self, segment, head, block):
        blocks = [segment.plain(number) for number in segment.of(block)]
        said = {}
        for plain in blocks:
            said.update(entries(plain))
        r = Bytes(segment.stream(head), "log head")
        need(r.vu() == len(said) and r.vu() == len(blocks), "a log's head counts otherwise")
        return blocks, said

    def lines(self, record):
        """What a snapshot changed, the references and segment that it is said in, and the stored ledger."""
        segment = record.segment
        rows = segment.stream(REFERENCES)
        if isinstance(segment, Folded):
            blocks, said = segment.blocks, {}
            for plain in blocks or []:
                said.update(entries(plain))
            need(blocks is not None or record.number in self.carried, f"record {record.number}: its log is not carried")
        else:
            blocks, said = self.log(segment, LOG_HEAD, LOG_BLOCK)
            blocks = blocks if segment.of(LOG_HEAD) else None
        if blocks is not None:
            need(record.log_hash == of_parts("log", rows, *blocks), f"record {record.number}: the log is not the signed one")
        ledger = segment.stream(LEDGER)
        if record.number not in self.carried:
            return said, segment, references(rows), ledger
        by, first, count = self.carried[record.number]
        frames = by.segment.of(CARRIED)[first : first + count]
        need(len(frames) == count, "a carried log is not all there")
        r = Bytes(b"".join(by.segment.plain(frame) for frame in frames), "carried log")
        rows, ledger, said = r.vb(), r.vb(), {}
        for _ in range(r.vu(60000)):
            said.update(entries(r.vb()))
        r.end()
        return said, by.segment, references(rows), ledger

    def snapshots(self):
        """Each snapshot with its state, verified: key → parts by name."""
        state, ledger = {}, {}
        for number, record in sorted(self.records.items()):
            if record.type != 1:
                continue
            said, here, rows, stored = self.lines(record)
            if record.flags & 1:
                state = {}
            domain = next((d for d in self.domains if d.epoch == record.epoch), None)
            need(domain is not None, f"record {number}: no key of its epoch")
            state = self.after(state, domain, here, rows, said)
            if record.flags & 8:
                _, whole = self.log(record.segment, CHECK_HEAD, CHECK_BLOCK)
                whole = self.after({}, domain, record.segment, references(record.segment.stream(REFERENCES)), whole)
                need(whole == state, f"record {number}: the checkpoint is another state")
            need(root(domain, state) == record.root, f"record {number}: the state root does not fit")
            need(len(state) == record.total, f"record {number}: it counts otherwise")
            ledger, whole = ledger_of(stored, ledger)
            need(record.ledger_hash == (digest("ledger", whole) if whole else ZEROS), f"record {number}: the ledger is not the signed one")
            yield record, state

    def after(self, state, domain, here, rows, said):
        state = dict(state)
        for key, (op, parts, leaf) in said.items():
            bodies = {name: self.read(domain, here, rows, part) for name, part in parts.items()}
            bodies.pop("event", None)
            state.pop(key, None)
            if op != 1:
                state[key] = bodies if op == 0 else leaf
        return state


def root(domain, state):
    buckets = {}
    for key, bodies in state.items():
        leaf = bodies if isinstance(bodies, bytes) else domain.leaf(key, bodies["main"])
        buckets.setdefault(domain.bucket(key), []).append(leaf)
    level = {n: digest("bucket", joined(sorted(leaves))) for n, leaves in buckets.items()}
    for _ in range(16):
        parents = {n // 2 for n in level}
        level = {n: of_parts("node", level.get(2 * n, ZEROS), level.get(2 * n + 1, ZEROS)) for n in parents}
    return level.get(0, ZEROS)


def ledger_of(stored, before):
    """The rows of a ledger by kind, and its whole form."""
    if not stored:
        return {}, b""
    r, last, rows = Bytes(stored, "ledger"), 0, {}
    form, count = r.fixed(1), r.vu(4096)
    need(form == 0 or (form == 1 and count == len(before)), "a ledger's form is unknown, or the one before is another")

    def span():
        nonlocal last
        if not r.flag():
            return None
        last += r.vz()
        return last, r.vz()

    def row():
        state, reason, number, read = r.fixed(1), r.vb(), r.vu(), span()
        return state, reason, number, read, [(r.vb(), r.fixed(1), r.vb()) for _ in range(r.vu())]

    for kind in [None] * count if form == 0 else sorted(before):
        if form == 0:
            kind = r.vb()
            rows[kind] = row()
        elif r.flag():
            old = before[kind]
            number = (old[2] + r.vz()) % 2**64
            rows[kind] = (old[0], old[1], number, span(), old[4])
        else:
            rows[kind] = row()
    unknown, last = r.rest(), 0
    whole = b"\0" + vu(len(rows))
    for kind, (state, reason, number, read, odd) in sorted(rows.items()):
        whole += vb(kind) + bytes([state]) + vb(reason) + vu(number)
        whole += b"\1" + vz(read[0] - last) + vz(read[1]) if read else b"\0"
        last = read[0] if read else last
        whole += vu(len(odd)) + b"".join(vb(at) + bytes([code]) + vb(why) for at, code, why in odd)
    return rows, whole + unknown


def tenants(folder):
    keys = Keys(max((folder / "keys").iterdir()).read_bytes(), os.environ["LASTGOOD_PASSPHRASE"].encode())
    for path in sorted(folder.iterdir()):
        if len(path.name) == 32 and path.is_dir():
            yield keys, Tenant(folder, keys, bytes.fromhex(path.name))


def dump(folder, out):
    for _, tenant in tenants(folder):
        for record, state in tenant.snapshots():
            out(f"{record.tenant} snapshot {record.number} {record.id.hex()} {record.total}")
            for key, bodies in sorted(state.items(), key=lambda item: item[0].encode()):
                for part, body in bodies.items() if isinstance(bodies, dict) else []:
                    out(f"  {key} {part} {len(body)} {blake3(body).hexdigest()}")
        for number, record in sorted(tenant.records.items()):
            if record.type == 0x84:
                out(f"apply {record.plan.hex()} {record.phase} {record.step}")
        for name in sorted(tenant.segments):
            for frame in range(len(tenant.segments[name].frames)):
                tenant.segments[name].plain(frame)


def show(folder, wanted, key, time):
    found = None
    for keys, tenant in tenants(folder):
        if tenant.prefix == keys.prefix(wanted):
            found = [state for record, state in tenant.snapshots() if record.finished <= int(time)]
    need(found and isinstance(found[-1].get(key), dict), "there was no such resource")
    sys.stdout.buffer.write(found[-1][key]["main"])


def main(command, folder, *rest):
    try:
        if command == "show":
            show(pathlib.Path(folder), *rest)
        else:
            dump(pathlib.Path(folder), print if command == "dump" else lambda line: None)
    except Refused as refused:
        sys.exit(f"refused: {refused}")
    except WrongKey:
        print("refused: wrong key", file=sys.stderr)
        sys.exit(12)


if __name__ == "__main__":
    main(*sys.argv[1:])
