"""An implementation of docs/sealing.md that shares no line with the Go one.

    python3 reference.py        writes vectors.json, which the specs check
    python3 reference.py check  opens every vector with what is written here

Needs the package "cryptography". Clear rather than fast; not for use with keys
that matter.
"""

import hmac
import json
import os
import struct
import sys

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

HERE = os.path.dirname(os.path.abspath(__file__))


class Refused(Exception):
    """Its text is the class of the failure."""


def hkdf(secret, info):
    prk = hmac.digest(bytes(32), secret, "sha256")
    return hmac.digest(prk, info + b"\x01", "sha256")


def prefixed(namespace):
    return bytes([len(namespace)]) + namespace


def key_id(secret):
    return struct.unpack(">I", hkdf(secret, b"cryptomem/1 key id")[:4])[0]


def data_key(secret, namespace):
    return hkdf(secret, b"cryptomem/1 seal" + prefixed(namespace))


def blind_name(secret, namespace, name):
    root = hkdf(secret, b"cryptomem/1 name root")
    key = hkdf(root, b"cryptomem/1 name" + prefixed(namespace))
    return hmac.digest(key, name, "sha256")[:16]


def xaes(key, half):
    aes = Cipher(algorithms.AES(key), modes.ECB()).encryptor()
    l = int.from_bytes(aes.update(bytes(16)))
    k1 = (l << 1 ^ (0x87 if l >> 127 else 0)) % 2**128
    subkey = b""
    for i in (1, 2):
        m = int.from_bytes(bytes([0, i]) + b"X\0" + half)
        subkey += aes.update((m ^ k1).to_bytes(16))
    return AESGCM(subkey)


def padded_size(n):
    l = max(n + 1, 32)
    e = l.bit_length() - 1
    mask = (1 << (e - e.bit_length())) - 1
    return (l + mask) & ~mask


def seal(secret, kid, namespace, name, value, expiry_ms, padded, nonce):
    if padded:
        value = (value + b"\x80").ljust(padded_size(len(value)), b"\0")
    header = struct.pack(">BBIQ", 0xC1, 1 if padded else 0, kid, expiry_ms)
    aead = xaes(data_key(secret, namespace), nonce[:12])
    return header + nonce + aead.encrypt(nonce[12:], value, header + name)


def open_(keys, namespace, name, envelope, now_ms, skew_ms):
    if len(envelope) < 54:
        raise Refused("malformed")
    version, flags, kid, expiry = struct.unpack(">BBIQ", envelope[:14])
    if version != 0xC1 or flags & ~1:
        raise Refused("malformed")
    if kid not in keys:
        raise Refused("unknown key")
    aead = xaes(data_key(keys[kid], namespace), envelope[14:26])
    try:
        value = aead.decrypt(envelope[26:38], envelope[38:], envelope[:14] + name)
    except InvalidTag:
        raise Refused("not authentic")
    if expiry and now_ms >= expiry + skew_ms:
        raise Refused("expired")
    if flags & 1:
        size, value = len(value), value.rstrip(b"\0")
        if not value.endswith(b"\x80") or padded_size(len(value) - 1) != size:
            raise Refused("malformed")
        value = value[:-1]
    return value


NOW = 1_700_000_000_000
SECRET = bytes(range(32))
OTHER = bytes(range(32, 64))
NONCE = bytes.fromhex("a0a1a2a3a4a5a6a7a8a9aaab" "b0b1b2b3b4b5b6b7b8b9babb")


def accepted():
    def vector(title, secret=SECRET, kid=None, namespace=b"", name=b"user:1", value=b"hello",
               expiry_ms=0, padded=False, nonce=NONCE):
        kid = key_id(secret) if kid is None else kid
        return {
            "title": title, "secret": secret.hex(), "key_id": "%08x" % kid, "namespace": namespace.hex(),
            "name": name.hex(), "value": value.hex(), "expiry_ms": expiry_ms, "padded": padded, "nonce": nonce.hex(),
            "envelope": seal(secret, kid, namespace, name, value, expiry_ms, padded, nonce).hex(),
            "wire_name": ((prefixed(namespace) if namespace else b"") + name).hex(),
            "blind_name": ((prefixed(namespace) if namespace else b"") + blind_name(secret, namespace, name)).hex(),
        }

    yield vector("a value")
    yield vector("an empty value", value=b"")
    yield vector("an empty value, padded", value=b"", padded=True)
    yield vector("a name of any bytes", name=bytes(range(256)))
    yield vector("an expiry", expiry_ms=NOW + 1)
    yield vector("the last expiry there is", expiry_ms=2**63 - 1)
    yield vector("a namespace", namespace=b"tenant-1")
    yield vector("the longest namespace", namespace=b"n" * 255)
    yield vector("another key", secret=OTHER)
    yield vector("a key with an id of its own", kid=7)
    yield vector("another nonce", nonce=bytes(24))
    yield vector("a value of several blocks", value=bytes(i % 251 for i in range(1000)))
    yield vector("padded to the least length", value=b"no", padded=True)
    yield vector("padded, at the least length's edge", value=b"v" * 31, padded=True)
    yield vector("padded, past the least length's edge", value=b"v" * 32, padded=True)
    yield vector("padded by PADMÉ", value=b"v" * 1000, padded=True)
    yield vector("a value that looks like padding", value=b"\x80\0\0", padded=True)
    yield vector("all at once", secret=OTHER, namespace=b"tenant-1", value=b"v" * 100, expiry_ms=NOW + 60_000, padded=True)


def refused():
    base = dict(secret=SECRET, kid=key_id(SECRET), namespace=b"tenant-1", name=b"user:1", value=b"hello",
                expiry_ms=NOW, padded=False, nonce=NONCE)
    good = seal(**base)

    def vector(title, error, envelope=good, secret=SECRET, kid=None, namespace=b"tenant-1", name=b"user:1",
               now_ms=NOW - 1, skew_ms=0):
        return {
            "title": title, "secret": secret.hex(), "key_id": "%08x" % (key_id(secret) if kid is None else kid),
            "namespace": namespace.hex(), "name": name.hex(), "now_ms": now_ms, "skew_ms": skew_ms,
            "envelope": envelope.hex(), "error": error,
        }

    def flipped(offset, bit=1):
        b = bytearray(good)
        b[offset] ^= bit
        return bytes(b)

    def raw(plaintext, flags=1):
        header = struct.pack(">BBIQ", 0xC1, flags, base["kid"], NOW)
        aead = xaes(data_key(SECRET, b"tenant-1"), NONCE[:12])
        return header + NONCE + aead.encrypt(NONCE[12:], plaintext, header + b"user:1")

    yield vector("nothing", "malformed", b"")
    yield vector("a header alone", "malformed", good[:14])
    yield vector("one byte less than the shortest", "malformed", good[:53])
    yield vector("cut by one byte", "not authentic", good[:-1])
    yield vector("longer by one byte", "not authentic", good + b"\0")
    yield vector("an unknown version", "malformed", flipped(0))
    yield vector("an unknown flag", "malformed", flipped(1, 2))
    yield vector("an unknown flag, authentic", "malformed", raw(b"hello", flags=0x80))
    yield vector("said to be padded", "not authentic", flipped(1))
    yield vector("another key id", "unknown key", flipped(5))
    yield vector("a later expiry", "not authentic", flipped(6))
    yield vector("no expiry", "not authentic", good[:6] + bytes(8) + good[14:])
    yield vector("another first half of the nonce", "not authentic", flipped(14))
    yield vector("another second half of the nonce", "not authentic", flipped(26))
    yield vector("another ciphertext", "not authentic", flipped(38))
    yield vector("another tag", "not authentic", flipped(len(good) - 1, 0x80))
    yield vector("another name", "not authentic", name=b"user:2")
    yield vector("no name", "not authentic", name=b"")
    yield vector("another namespace", "not authentic", namespace=b"tenant-2")
    yield vector("no namespace", "not authentic", namespace=b"")
    yield vector("the namespace moved into the name", "not authentic", namespace=b"", name=b"\x08tenant-1user:1")
    yield vector("a stranger's key", "unknown key", secret=OTHER)
    yield vector("a stranger's key of the same id", "not authentic", secret=OTHER, kid=base["kid"])
    yield vector("at its expiry", "expired", now_ms=NOW)
    yield vector("long past its expiry", "expired", now_ms=2**62)
    yield vector("at its expiry and the skew", "expired", now_ms=NOW + 500, skew_ms=500)
    yield vector("padded with nothing", "malformed", raw(b""))
    yield vector("padded without a mark", "malformed", raw(bytes(32)))
    yield vector("padded too short", "malformed", raw(b"hello\x80"))
    yield vector("padded too long", "malformed", raw(b"hello\x80".ljust(34, b"\0")))
    yield vector("padded with another mark", "malformed", raw(b"hello\x81".ljust(32, b"\0")))


def check(vectors):
    for v in vectors["accepted"]:
        keys = {int(v["key_id"], 16): bytes.fromhex(v["secret"])}
        args = [bytes.fromhex(v[k]) for k in ("namespace", "name", "envelope")]
        assert open_(keys, *args, NOW, 0).hex() == v["value"], v["title"]
    for v in vectors["refused"]:
        keys = {int(v["key_id"], 16): bytes.fromhex(v["secret"])}
        args = [bytes.fromhex(v[k]) for k in ("namespace", "name", "envelope")]
        try:
            open_(keys, *args, v["now_ms"], v["skew_ms"])
        except Refused as e:
            assert str(e) == v["error"], v["title"]
        else:
            raise AssertionError(v["title"] + " opened")
    print(len(vectors["accepted"]), "accepted,", len(vectors["refused"]), "refused")


if __name__ == "__main__":
    path = os.path.join(HERE, "vectors.json")
    if sys.argv[1:] != ["check"]:
        with open(path, "w") as f:
            json.dump({"accepted": list(accepted()), "refused": list(refused())}, f, indent=1, ensure_ascii=False)
            f.write("\n")
    with open(path) as f:
        check(json.load(f))
