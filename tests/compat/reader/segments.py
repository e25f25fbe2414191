"""One segment and what lies in it, from docs/FORMAT.md §5, §6 and §8 alone.

Must never use a frame whose table nobody trusted. Read reader.py next.
"""

import zstandard

from seals import MAGIC, Bytes, WrongKey, digest, need, of_parts, opened, signed, unwrap

BODIES, SECRETS, REFERENCES, LOG_HEAD, LOG_BLOCK, CHECK_HEAD, CHECK_BLOCK, LEDGER, PAYLOAD, CARRIED, MOVED = range(1, 12)
RECORD, FOOTER, TRAILER = 0x20, 0x21, 0x22
ZSTD = b"\x28\xb5\x2f\xfd"
PIECE = 1 << 20


def padded(length):
    length = max(length, 4096)
    exponent = length.bit_length() - 1
    mask = (1 << (exponent - exponent.bit_length())) - 1
    return (length + mask) & ~mask


class Segment:
    """An object whose header, trailer, footer, padding and every frame's digest were checked."""

    def __init__(self, data, domains, name):
        self.data, self.name = data, name
        need(4096 <= len(data) <= 1 << 30, f"{name}: its length is out of range")
        need(digest("header check", data[:160])[:16] == data[160:176], f"{name}: the header's check does not fit")
        r = Bytes(data[:176], name)
        need(r.take(12) == MAGIC + bytes([1, 1, 1, 0]) and r.fixed(4) == 176, f"{name}: no segment of version 1")
        self.id, commitment, enc, wrapped = r.take(32), r.take(32), r.take(32), r.take(48)
        self.domain, key = self._unlock(domains, enc, wrapped)
        need(of_parts("commitment", key, self.id) == commitment, f"{name}: commitment")
        self.frames_key, self.ends_key = digest("frames", key), digest("footer", key)
        plain = self._end(TRAILER, data[-32:], len(data).to_bytes(8, "little"))
        r = Bytes(plain, f"{name}: trailer")
        at, length, zero = r.fixed(8), r.fixed(4), r.fixed(4)
        end = at + length
        need(zero == 0 and at >= 176 and end <= len(data) - 32, f"{name}: the footer is out of range")
        need(padded(end + 32) == len(data), f"{name}: its length is not a padded one")
        padding = data[end:-32]
        need(not padding or padding == digest("padding", key, len(padding)), f"{name}: padding")
        self._footer(Bytes(self._end(FOOTER, data[at:end]), f"{name}: footer"), at)

    def _unlock(self, domains, enc, wrapped):
        for domain in domains:
            info = b"lastgood/1 segment\x01" + domain.prefix + self.id
            try:
                return domain, unwrap(domain.data, info, enc, wrapped)
            except WrongKey:
                pass
        raise WrongKey

    def _open(self, key, row, sealed, more=b""):
        role, position, codec, plain, length = row
        numbers = b"".join(n.to_bytes(4, "little") for n in (plain, length))
        where = bytes([role]) + position.to_bytes(4, "little") + bytes([codec]) + numbers
        nonce = bytes([role]) + bytes(15) + position.to_bytes(8, "little")
        return opened(key, nonce, b"\x01\x01" + self.domain.prefix + self.id + where + more, sealed, self.name)

    def _end(self, role, sealed, more=b""):
        need(len(sealed) >= 16, f"{self.name}: it ends too early")
        return self._open(self.ends_key, (role, 0, 0, len(sealed) - 16, len(sealed)), sealed, more)

    def _footer(self, r, footer):
        need(r.fixed(1) == 1, f"{self.name}: the footer's version")
        self.kinds = [r.text() for _ in range(r.vu(4096))]
        self.frames, at = [], 176
        for _ in range(r.vu(65536)):
            role, codec, kind, slots, plain, sealed = r.fixed(1), r.fixed(1), r.vu(), r.vu(16384), r.vu(4 << 20), r.vu()
            need(1 <= role <= MOVED and codec < 2 and kind <= len(self.kinds), f"{self.name}: an unknown code in a row")
            need((kind > 0) == (role in (BODIES, SECRETS)) and not (role == SECRETS and codec), f"{self.name}: a row contradicts itself")
            half = r.take(16)
            need(digest("frame", self.data[at : at + sealed])[:16] == half, f"{self.name}: a frame's digest")
            self.frames.append((role, codec, slots, plain, sealed, at))
            at += sealed
        self.secrets = (r.take(32), r.take(48), r.take(32)) if r.flag() else None
        self.table = digest("table", r.data[: r.at])
        length = r.vu(1 << 20)
        r.end()
        need(at + length == footer, f"{self.name}: its frames do not add up")
        self.record_sealed = self.data[at:footer]

    def record(self):
        return self._end(RECORD, self.record_sealed)

    def plain(self, number):
        need(number < len(self.frames), f"{self.name}: no such frame")
        role, codec, _, plain, length, at = self.frames[number]
        key = self._secrets_key() if role == SECRETS else self.frames_key
        stored = self._open(key, (role, number, codec, plain, length), self.data[at : at + length])
        if codec:
            stored = zstandard.ZstdDecompressor().decompress(stored, max_output_size=plain)
        need(len(stored) == plain, f"{self.name}: a frame has another length")
        return stored

    def _secrets_key(self):
        enc, wrapped, commitment = self.secrets
        key = unwrap(self.domain.secrets, b"lastgood/1 secrets\x01" + self.domain.prefix + self.id, enc, wrapped)
        need(of_parts("commitment", key, self.id) == commitment, f"{self.name}: commitment of the secrets key")
        return key

    def of(self, role):
        return [number for number, row in enumerate(self.frames) if row[0] == role]

    def stream(self, role):
        return b"".join(self.plain(number) for number in self.of(role))

    def slot(self, frame, slot):
        """Codec and bytes of a slot."""
        need(frame < len(self.frames) and self.frames[frame][0] in (BODIES, SECRETS), f"{self.name}: no bodies there")
        count, r = self.frames[frame][2], Bytes(self.plain(frame), f"{self.name}: bodies")
        table = [(r.fixed(1), r.vu()) for _ in range(count)]
        need(slot < count, f"{self.name}: no such body")
        found = [(codec, r.take(length)) for codec, length in table][slot]
        r.end()
        return found

    def pieces(self, bytes_):
        r = Bytes(bytes_, f"{self.name}: pieces")
        total, first, count = r.vu(), r.vu(), r.vu()
        r.end()
        need(total > PIECE and count == -(-total // PIECE), f"{self.name}: pieces do not add up")
        whole = b"".join(self.slot(first + n, 0)[1] for n in range(count))
        need(len(whole) == total, f"{self.name}: pieces do not add up")
        return whole


def undelta(base, coded, length):
    prefix = zstandard.ZstdCompressionDict(base, dict_type=zstandard.DICT_TYPE_RAWCONTENT)
    body = zstandard.ZstdDecompressor(dict_data=prefix).decompress(ZSTD + coded, max_output_size=max(length, 1))
    need(len(body) == length, "a delta gives another length")
    return body


def references(data):
    r = Bytes(data, "references")
    rows = [(r.vu(), r.take(32), r.take(16)) for _ in range(r.vu(65536))] if data else []
    r.end()
    return rows


def entries(block):
    """What a block of a log says: key → (op, parts, leaf), a part being (segment, frame, slot, mark)."""
    r, said = Bytes(block, "log block"), {}
    keys, last = [], b""
    for _ in range(r.vu(16384)):
        shared = r.vu(len(last))
        key = last[:shared] + r.vb(4096)
        need(not keys or key > last, "a log's keys are not sorted")
        keys.append(key.decode())
        last = key
    flags, frame, slot, at = r.take(len(keys)), 0, -1, []
    for flag in flags:
        op = flag & 3
        need(op < 3 and flag < 64 and (op == 0 or not flag & 28), "an entry has unknown flags")
        places = {}
        for name, wanted in zip(("main", "secret", "volatile", "raw", "event"), (op == 0, flag & 4, flag & 8, flag & 16, flag & 32)):
            if wanted:
                segment, frame, slot = r.vu(), frame + r.vz(), slot + 1 + r.vz()
                need(frame >= 0 and slot >= 0, "a location is out of range")
                places[name] = (segment, frame, slot)
        at.append(places)
    for key, flag, places in zip(keys, flags, at):
        parts = {name: (*place, r.take(32 if place[0] else 4)) for name, place in places.items()}
        said[key] = (flag & 3, parts, r.take(32) if flag & 3 == 2 else None)
    r.end()
    return said


class Folded:
    """What is carried of a record whose own segment is not there any more, in that segment's place."""

    data = b""

    def __init__(self, by, segment, message, first, count):
        self.id, self.message, self.table = segment, message, None
        self.references, self.ledger, self.blocks = b"", b"", None
        frames = by.segment.of(CARRIED)[first : first + count]
        need(len(frames) == count, "a carried record is not all there")
        if count:
            r = Bytes(b"".join(by.segment.plain(frame) for frame in frames), "carried record")
            self.references, self.ledger = r.vb(), r.vb()
            self.blocks = [r.vb() for _ in range(r.vu(60000))]
            r.end()

    def record(self):
        return self.message

    def stream(self, role):
        return {REFERENCES: self.references, LEDGER: self.ledger, PAYLOAD: b"".join(self.blocks or [])}[role]


class Record:
    """A record whose certificate, rights and signature were checked."""

    def __init__(self, segment, keys, prefix, number):
        self.segment, self.number = segment, number
        what = f"record {number}"
        r = Bytes(segment.record(), what)
        header, signature, certificate, notes = r.vb(), r.take(64), r.vb(), r.vb()
        r.end()
        self.id = digest("record", header)
        h = Bytes(header, what)
        need(h.fixed(1) == 1, f"{what}: its version")
        self.type = h.fixed(1)
        need(h.take(32) == keys.repository and h.take(16) == prefix, f"{what}: of another repository or tenant")
        need(h.vu() == number, f"{what}: it has another number")
        self.previous, self.written, writer = h.take(32), h.vz(), h.take(32)
        self.rules, self.epoch, table, self.payload_hash = h.vu(), h.vu(), h.take(32), h.take(32)
        self.fields = Bytes(h.vb(), what)
        h.end()
        self._writer(keys, prefix, writer, certificate, what)
        signed(writer, "record", header, signature, what)
        if isinstance(segment, Folded):
            segment.table = table
        need(table == segment.table, f"{what}: it signs another table")
        if self.type == 1:
            need(self.payload_hash == (digest("notes", notes) if notes else bytes(32)), f"{what}: its notes are not the signed ones")
        else:
            payload = segment.stream(PAYLOAD)
            need(not notes and self.payload_hash == (digest("payload", payload) if payload else bytes(32)), f"{what}: payload")
            self.payload = payload
        self._fields(what)
        n = Bytes(notes, what)
        self.notes = {n.text(): n.text() for _ in range(n.vu(64))} if notes else {}
        n.end()

    def _writer(self, keys, prefix, writer, certificate, what):
        if not certificate:
            need(writer == keys.owner, f"{what}: it has no certificate")
            return
        r = Bytes(certificate, f"{what}: certificate")
        public, _, rights = r.take(32), r.text(), r.fixed(1)
        tenants = [r.take(16) for _ in range(r.vu(4096))]
        r.vz()
        end = r.at
        signed(keys.owner, "certificate", keys.repository + certificate[:end], r.take(64), f"{what}: certificate")
        r.end()
        right = {1: 1, 2: 1, 3: 2, 4: 4}.get(self.type & 127, 0)
        need(public == writer and rights < 8 and rights & right == right, f"{what}: its writer may not write it")
        need(not tenants or prefix in tenants, f"{what}: its writer may not write for this tenant")

    def _fields(self, what):
        f = self.fields
        if self.type == 1:
            self.tenant, self.started = f.text(), f.vz()
            self.finished = self.started + f.vu()
            f.take(32)
            self.root = f.take(32)
            self.added, self.changed, self.removed, self.total = f.vu(), f.vu(), f.vu(), f.vu()
            self.log_hash, self.ledger_hash = f.take(32), f.take(32)
            self.depth, self.flags = f.fixed(1), f.fixed(1)
            f.vu(), f.take(32)
            need(self.depth <= 23 and self.flags < 32, f"{what}: unknown flags")
        elif self.type == 0x83:
            self.task, self.range, self.fencing = f.fixed(1), (f.vu(), f.vu()), f.vu()
            need(self.task in (1, 2), f"{what}: maintenance of task {self.task}, which this reader does not know")
        elif self.type == 0x84:
            self.plan, self.phase, self.step, self.fencing = f.take(32), f.fixed(1), f.vu(), f.vu()
            need(1 <= self.phase <= 5, f"{what}: an unknown phase")
        elif self.type != 2:
            need(not self.type & 128, f"{what}: a critical record of an unknown type")
            f.rest()
        f.end()
