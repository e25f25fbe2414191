"""Keys, hashes and integers of format version 1, from docs/FORMAT.md §1-§4 alone.

Must never take a code, a length or a trailing byte that the page does not allow. Read reader.py next.
"""

import hashlib
import hmac

import argon2.low_level as argon2
from blake3 import blake3
from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from nacl.bindings import crypto_aead_xchacha20poly1305_ietf_decrypt as xopen
from nacl.exceptions import CryptoError

MAGIC = b"LASTGOOD"


class Refused(Exception):
    """The repository is not what the page says, and what is wrong."""


class WrongKey(Exception):
    """The object is whole and this key does not open it."""


def need(holds, what):
    if not holds:
        raise Refused(what)


class Bytes:
    """Reads fields from front to back and refuses to read beyond the end."""

    def __init__(self, data, what):
        self.data, self.at, self.what = bytes(data), 0, what

    def take(self, count):
        need(0 <= count <= len(self.data) - self.at, f"{self.what}: it ends too early")
        self.at += count
        return self.data[self.at - count : self.at]

    def fixed(self, count):
        return int.from_bytes(self.take(count), "little")

    def vu(self, limit=2**64 - 1):
        value = 0
        for n in range(10):
            byte = self.fixed(1)
            value |= (byte & 127) << (7 * n)
            if byte < 128:
                need((byte or n == 0) and value <= limit, f"{self.what}: a number is too large or in a longer form")
                return value
        raise Refused(f"{self.what}: a number is too long")

    def vz(self):
        value = self.vu()
        return (value >> 1) ^ -(value & 1)

    def vb(self, limit=1 << 28):
        return self.take(self.vu(limit))

    def text(self):
        return self.vb(4096).decode()

    def flag(self):
        value = self.fixed(1)
        need(value < 2, f"{self.what}: a presence byte is neither 0 nor 1")
        return value == 1

    def rest(self):
        return self.take(len(self.data) - self.at)

    def end(self):
        need(self.at == len(self.data), f"{self.what}: bytes trail")


def vu(value):
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes(out + bytes([value]))


def vz(value):
    return vu(value << 1 if value >= 0 else (-value << 1) - 1)


def vb(data):
    return vu(len(data)) + data


def joined(parts):
    return b"".join(len(part).to_bytes(8, "little") + part for part in parts)


def digest(purpose, data, length=32):
    return blake3(data, derive_key_context="lastgood/1 " + purpose).digest(length=length)


def of_parts(purpose, *parts):
    return digest(purpose, joined(parts))


def mac(key, data):
    return blake3(data, key=key).digest()


def mac_parts(key, *parts):
    return mac(key, joined(parts))


def opened(key, nonce, bound, sealed, what):
    try:
        return xopen(sealed, bound, nonce, key)
    except CryptoError:
        raise Refused(f"{what}: it does not open") from None


def signed(public, purpose, message, signature, what):
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, digest(purpose, message))
    except (InvalidSignature, ValueError):
        raise Refused(f"{what}: its signature does not fit") from None


# HPKE (RFC 9180), base mode: X25519-HKDF-SHA256, HKDF-SHA256, ChaCha20-Poly1305.
KEM = b"KEM" + (0x20).to_bytes(2, "big")
HPKE = b"HPKE" + b"".join(code.to_bytes(2, "big") for code in (0x20, 1, 3))


def _extract(suite, salt, label, material):
    return hmac.digest(salt or bytes(32), b"HPKE-v1" + suite + label + material, hashlib.sha256)


def _expand(suite, key, label, info, length):
    out, block, count = b"", b"", 1
    info = length.to_bytes(2, "big") + b"HPKE-v1" + suite + label + info
    while len(out) < length:
        block = hmac.digest(key, block + info + bytes([count]), hashlib.sha256)
        out, count = out + block, count + 1
    return out[:length]


def key_pair(material):
    return _expand(KEM, _extract(KEM, b"", b"dkp_prk", material), b"sk", b"", 32)


def public_of(secret):
    return X25519PrivateKey.from_private_bytes(secret).public_key().public_bytes_raw()


def unwrap(secret, info, enc, wrapped):
    shared = X25519PrivateKey.from_private_bytes(secret).exchange(X25519PublicKey.from_public_bytes(enc))
    extracted = _extract(KEM, b"", b"eae_prk", shared)
    shared = _expand(KEM, extracted, b"shared_secret", enc + public_of(secret), 32)
    context = b"\0" + _extract(HPKE, b"", b"psk_id_hash", b"") + _extract(HPKE, b"", b"info_hash", info)
    schedule = _extract(HPKE, shared, b"secret", b"")
    key = _expand(HPKE, schedule, b"key", context, 32)
    nonce = _expand(HPKE, schedule, b"base_nonce", context, 12)
    try:
        return ChaCha20Poly1305(key).decrypt(nonce, wrapped, b"")
    except InvalidTag:
        raise WrongKey from None


class Domain:
    """The keys of one tenant in one epoch."""

    def __init__(self, prefix, epoch, master):
        rest = epoch.to_bytes(4, "little") + prefix
        self.prefix, self.epoch = prefix, epoch
        self.ids, self.proof = digest("ids key", master + rest), digest("proof key", master + rest)
        self.data, self.secrets = (key_pair(digest(f"{of} key", master + rest)) for of in ("domain", "secrets"))

    def local(self, purpose):
        return digest("local", self.ids + purpose.encode())

    def leaf(self, key, main):
        body = digest("body", main)
        return of_parts("leaf", mac_parts(self.proof, b"salt", key.encode(), body), key.encode(), body)

    def bucket(self, key):
        return int.from_bytes(mac_parts(self.proof, b"bucket", key.encode())[:2], "big")


class Keys:
    """A key file, opened with a passphrase."""

    def __init__(self, data, passphrase):
        need(len(data) <= 1 << 20, "key file: too large")
        need(digest("key file check", data[:-16])[:16] == data[-16:], "key file: its check does not fit")
        r = Bytes(data[:-16], "key file")
        need(r.take(12) == MAGIC + bytes([1, 1, 2, 0]), "key file: not of version 1 and suite 1")
        self.repository = r.take(32)
        head, key = data[: r.at], None
        slots = r.fixed(1)
        need(slots <= 32, "key file: too many slots")
        for _ in range(slots):
            key = self._slot(r, head, passphrase) or key
        if key is None:
            raise WrongKey
        need(r.take(32) == of_parts("commitment", key, self.repository), "key file: commitment")
        bound, nonce = data[: r.at], r.take(24)
        sealed = r.take(r.fixed(4))
        r.end()
        self._payload(Bytes(opened(key, nonce, bound, sealed, "key file"), "payload of the key file"))

    @staticmethod
    def _slot(r, head, passphrase):
        start, sort = r.at, r.fixed(1)
        need(sort in (1, 2), "key file: an unknown slot")
        r.take(8)
        key = None
        if sort == 1:
            memory, passes, lanes, salt = r.fixed(4), r.fixed(4), r.fixed(4), r.take(16)
            need(8 * lanes <= memory <= 2 << 20 and 1 <= passes <= 64 and 1 <= lanes <= 16, "key file: cost")
            stretched = argon2.hash_secret_raw(passphrase, salt, passes, memory, lanes, 32, argon2.Type.ID, 19)
            info = head + r.data[start : r.at]
            enc, wrapped = r.take(32), r.take(48)
            try:
                key = unwrap(key_pair(stretched), info, enc, wrapped)
            except WrongKey:
                pass
        else:
            r.take(80)
        return key

    def _payload(self, r):
        need(r.fixed(1) == 1, "payload of the key file: its version")
        self.owner = r.take(32)
        if r.flag():
            r.take(32)
        if r.flag():
            r.take(32)
            r.vb()
        for _ in range(r.vu(32)):
            r.take(8), r.text(), r.take(32)
            if r.flag():
                r.take(28)
        need(r.fixed(1) == 1, "this key file opens single tenants only; give the owner's")
        self.names = r.take(32)
        self.masters = [(r.fixed(4), r.take(32)) for _ in range(r.vu(4096))]
        need(not any(r.rest()), "payload of the key file: its padding is not zeros")

    def domains(self, prefix):
        return [Domain(prefix, epoch, master) for epoch, master in reversed(self.masters)]

    def prefix(self, tenant):
        return mac(self.names, tenant.encode())[:16]
