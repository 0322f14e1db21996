"""An implementation of docs/sealing.md that shares no line with the Go one.

    python3 reference.py        writes vectors.json, which the specs check
    python3 reference.py check  opens every vector with what is written here
    python3 reference.py serve  seals and opens by line, for `cryptomem conformance`

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


class Unsupported(Exception):
    """What this implementation cannot be asked."""


def hkdf(secret, info):
    prk = hmac.digest(bytes(32), secret, "sha256")
    return hmac.digest(prk, info + b"\x01", "sha256")


def prefixed(namespace):
    return bytes([len(namespace)]) + namespace


def key_id(secret):
    return struct.unpack(">I", hkdf(secret, b"cryptomem/1 key id")[:4])[0]


def data_key(secret, namespace):
    return hkdf(secret, b"cryptomem/1 seal" + prefixed(namespace))


def name_key(secret, namespace):
    root = hkdf(secret, b"cryptomem/1 name root")
    return hkdf(root, b"cryptomem/1 name" + prefixed(namespace))


def blind_name(secret, namespace, name):
    return hmac.digest(name_key(secret, namespace), name, "sha256")[:16]


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


def head(kid, expiry_ms, flags, stamp):
    if stamp:
        return struct.pack(">BBIQQ", 0xC2, flags, kid, expiry_ms, stamp)
    return struct.pack(">BBIQ", 0xC1, flags, kid, expiry_ms)


def seal(secret, kid, namespace, name, value, expiry_ms, padded, nonce, stamp=0):
    if padded:
        value = (value + b"\x80").ljust(padded_size(len(value)), b"\0")
    header = head(kid, expiry_ms, 1 if padded else 0, stamp)
    aead = xaes(data_key(secret, namespace), nonce[:12])
    return header + nonce + aead.encrypt(nonce[12:], value, header + name)


def open_(keys, namespace, name, envelope, now_ms, skew_ms=0, bound_ms=0, not_before_ms=0, stamped_only=False):
    if len(envelope) < 54:
        raise Refused("malformed")
    version, flags, kid, expiry = struct.unpack(">BBIQ", envelope[:14])
    if version not in (0xC1, 0xC2) or flags & ~1:
        raise Refused("malformed")
    size, stamp = 14, 0
    if version == 0xC2:
        if len(envelope) < 62:
            raise Refused("malformed")
        size, stamp = 22, struct.unpack(">Q", envelope[14:22])[0]
        if stamp == 0:
            raise Refused("malformed")
    if kid not in keys:
        raise Refused("unknown key")
    aead = xaes(data_key(keys[kid], namespace), envelope[size:size + 12])
    try:
        value = aead.decrypt(envelope[size + 12:size + 24], envelope[size + 24:], envelope[:size] + name)
    except InvalidTag:
        raise Refused("not authentic")
    if expiry and now_ms >= expiry + skew_ms:
        raise Refused("expired")
    cut = not_before_ms + bound_ms if not_before_ms and now_ms >= not_before_ms + bound_ms else 0
    if version == 0xC1:
        if cut or stamped_only:
            raise Refused("stale")
    elif stamp >> 16 > now_ms + bound_ms or stamp >> 16 < cut:
        raise Refused("stale")
    if flags & 1:
        size, value = len(value), value.rstrip(b"\0")
        if not value.endswith(b"\x80") or padded_size(len(value) - 1) != size:
            raise Refused("malformed")
        value = value[:-1]
    return value


NOW = 1_700_000_000_000
SECRET = bytes(range(32))
OTHER = bytes(range(32, 64))
STAMP = NOW << 16
NONCE = bytes.fromhex("a0a1a2a3a4a5a6a7a8a9aaab" "b0b1b2b3b4b5b6b7b8b9babb")


def accepted():
    def vector(title, secret=SECRET, kid=None, namespace=b"", name=b"user:1", value=b"hello",
               expiry_ms=0, padded=False, nonce=NONCE, stamp=0):
        kid = key_id(secret) if kid is None else kid
        return {
            "title": title, "version": "c2" if stamp else "c1", "secret": secret.hex(), "key_id": "%08x" % kid,
            "namespace": namespace.hex(), "data_key": data_key(secret, namespace).hex(),
            "name_key": name_key(secret, namespace).hex(), "name": name.hex(), "value": value.hex(),
            "expiry_ms": expiry_ms, "stamp": "%016x" % stamp, "padded": padded, "nonce": nonce.hex(),
            "envelope": seal(secret, kid, namespace, name, value, expiry_ms, padded, nonce, stamp).hex(),
            "wire_name": ((prefixed(namespace) if namespace else b"") + name).hex(),
            "blind_name": ((prefixed(namespace) if namespace else b"") + blind_name(secret, namespace, name)).hex(),
        }

    for stamp, of in ((0, ""), (STAMP, ", stamped")):
        yield vector("a value" + of, stamp=stamp)
        yield vector("an empty value" + of, value=b"", stamp=stamp)
        yield vector("an empty value, padded" + of, value=b"", padded=True, stamp=stamp)
        yield vector("a name of any bytes" + of, name=bytes(range(256)), stamp=stamp)
        yield vector("an expiry" + of, expiry_ms=NOW + 1, stamp=stamp)
        yield vector("the last expiry there is" + of, expiry_ms=2**63 - 1, stamp=stamp)
        yield vector("a namespace" + of, namespace=b"tenant-1", stamp=stamp)
        yield vector("the longest namespace" + of, namespace=b"n" * 255, stamp=stamp)
        yield vector("another key" + of, secret=OTHER, stamp=stamp)
        yield vector("a key with an id of its own" + of, kid=7, stamp=stamp)
        yield vector("another nonce" + of, nonce=bytes(24), stamp=stamp)
        yield vector("a value of several blocks" + of, value=bytes(i % 251 for i in range(1000)), stamp=stamp)
        yield vector("padded to the least length" + of, value=b"no", padded=True, stamp=stamp)
        yield vector("padded, at the least length's edge" + of, value=b"v" * 31, padded=True, stamp=stamp)
        yield vector("padded, past the least length's edge" + of, value=b"v" * 32, padded=True, stamp=stamp)
        yield vector("padded by PADMÉ" + of, value=b"v" * 1000, padded=True, stamp=stamp)
        yield vector("a value that looks like padding" + of, value=b"\x80\0\0", padded=True, stamp=stamp)
        yield vector("all at once" + of, secret=OTHER, namespace=b"tenant-1", value=b"v" * 100, expiry_ms=NOW + 60_000, padded=True, stamp=stamp)
    yield vector("the first stamp there is", stamp=1)
    yield vector("a stamp that was counted up", stamp=STAMP + 0xFFFF)
    yield vector("a stamp far in the past", stamp=1 << 16)


def refused():
    for stamp, of in ((0, ""), (STAMP, ", stamped")):
        yield from refused_of(stamp, of)
    yield from refused_stale()


def refused_of(stamp, of):
    size = 22 if stamp else 14
    base = dict(secret=SECRET, kid=key_id(SECRET), namespace=b"tenant-1", name=b"user:1", value=b"hello",
                expiry_ms=NOW, padded=False, nonce=NONCE, stamp=stamp)
    good = seal(**base)

    def vector(title, error, envelope=good, secret=SECRET, kid=None, namespace=b"tenant-1", name=b"user:1",
               now_ms=NOW - 1, skew_ms=0):
        return {
            "title": title + of, "version": "c2" if stamp else "c1", "secret": secret.hex(), "key_id": "%08x" % (key_id(secret) if kid is None else kid),
            "namespace": namespace.hex(), "name": name.hex(), "now_ms": now_ms, "skew_ms": skew_ms,
            "clock_bound_ms": 1, "not_before_ms": 0, "stamped_only": False, "envelope": envelope.hex(), "error": error,
        }

    def flipped(offset, bit=1):
        b = bytearray(good)
        b[offset] ^= bit
        return bytes(b)

    def raw(plaintext, flags=1):
        header = head(base["kid"], NOW, flags, stamp)
        aead = xaes(data_key(SECRET, b"tenant-1"), NONCE[:12])
        return header + NONCE + aead.encrypt(NONCE[12:], plaintext, header + b"user:1")

    yield vector("nothing", "malformed", b"")
    yield vector("a header alone", "malformed", good[:size])
    yield vector("one byte less than the shortest", "malformed", good[:size + 39])
    yield vector("cut by one byte", "not authentic", good[:-1])
    yield vector("longer by one byte", "not authentic", good + b"\0")
    yield vector("an unknown version", "malformed", flipped(0))
    yield vector("an unknown flag", "malformed", flipped(1, 2))
    yield vector("an unknown flag, authentic", "malformed", raw(b"hello", flags=0x80))
    yield vector("said to be padded", "not authentic", flipped(1))
    yield vector("another key id", "unknown key", flipped(5))
    yield vector("a later expiry", "not authentic", flipped(6))
    yield vector("no expiry", "not authentic", good[:6] + bytes(8) + good[14:])
    if stamp:
        yield vector("a later stamp", "not authentic", flipped(14, 0x40))
        yield vector("a stamp counted up", "not authentic", flipped(21))
        yield vector("no stamp", "malformed", good[:14] + bytes(8) + good[22:])
        yield vector("made an envelope without a stamp", "not authentic", b"\xC1" + good[1:14] + good[22:])
        yield vector("said to be without a stamp", "not authentic", b"\xC1" + good[1:])
    else:
        yield vector("said to have a stamp", "malformed", b"\xC2" + good[1:])
        yield vector("given a stamp", "not authentic", b"\xC2" + good[1:14] + struct.pack(">Q", STAMP) + good[14:])
    yield vector("another first half of the nonce", "not authentic", flipped(size))
    yield vector("another second half of the nonce", "not authentic", flipped(size + 12))
    yield vector("another ciphertext", "not authentic", flipped(size + 24))
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
    yield vector("past its expiry, and altered", "not authentic", flipped(len(good) - 1), now_ms=NOW)
    yield vector("padded with nothing", "malformed", raw(b""))
    yield vector("padded without a mark", "malformed", raw(bytes(32)))
    yield vector("padded too short", "malformed", raw(b"hello\x80"))
    yield vector("padded too long", "malformed", raw(b"hello\x80".ljust(34, b"\0")))
    yield vector("padded with another mark", "malformed", raw(b"hello\x81".ljust(32, b"\0")))


def refused_stale():
    def vector(title, error="stale", stamp=STAMP, expiry_ms=0, padded=False, now_ms=NOW, skew_ms=0, bound_ms=500,
               not_before_ms=0, stamped_only=False, value=b"hello"):
        kid = key_id(SECRET)
        envelope = seal(SECRET, kid, b"tenant-1", b"user:1", value, expiry_ms, padded, NONCE, stamp)
        return {
            "title": title, "version": "c2" if stamp else "c1", "secret": SECRET.hex(), "key_id": "%08x" % kid,
            "namespace": b"tenant-1".hex(), "name": b"user:1".hex(), "now_ms": now_ms, "skew_ms": skew_ms,
            "clock_bound_ms": bound_ms, "not_before_ms": not_before_ms, "stamped_only": stamped_only,
            "envelope": envelope.hex(), "error": error,
        }

    yield vector("sealed ahead of the clock", stamp=NOW + 501 << 16)
    yield vector("sealed ahead of the clock, by a clock bound of nothing", stamp=NOW + 1 << 16, bound_ms=0)
    yield vector("sealed ahead of the clock, in the last millisecond there is", stamp=2**64 - 1)
    yield vector("sealed a millisecond before a cut", stamp=NOW - 1 << 16 | 0xFFFF, not_before_ms=NOW - 500)
    yield vector("sealed within the clock bound of a cut", stamp=NOW + 499 << 16, not_before_ms=NOW, now_ms=NOW + 500)
    yield vector("sealed long before a cut", stamp=1, not_before_ms=NOW - 500)
    yield vector("without a stamp, under a cut", stamp=0, not_before_ms=NOW - 500)
    yield vector("without a stamp, where one is asked for", stamp=0, stamped_only=True)
    yield vector("expired, and sealed before a cut", "expired", expiry_ms=NOW, not_before_ms=NOW - 500, stamp=1)


def edges():
    """What opens by a hair."""
    def vector(title, stamp=STAMP, expiry_ms=0, now_ms=NOW, skew_ms=0, bound_ms=500, not_before_ms=0, stamped_only=False):
        kid = key_id(SECRET)
        envelope = seal(SECRET, kid, b"tenant-1", b"user:1", b"hello", expiry_ms, False, NONCE, stamp)
        return {
            "title": title, "version": "c2" if stamp else "c1", "secret": SECRET.hex(), "key_id": "%08x" % kid,
            "namespace": b"tenant-1".hex(), "name": b"user:1".hex(), "now_ms": now_ms, "skew_ms": skew_ms,
            "clock_bound_ms": bound_ms, "not_before_ms": not_before_ms, "stamped_only": stamped_only,
            "envelope": envelope.hex(), "value": b"hello".hex(),
        }

    yield vector("a millisecond before its expiry", expiry_ms=NOW + 1)
    yield vector("a millisecond before its expiry and the skew", expiry_ms=NOW - 499, skew_ms=500)
    yield vector("sealed ahead of the clock by the clock bound", stamp=NOW + 500 << 16 | 0xFFFF)
    yield vector("sealed in the first millisecond after a cut and the clock bound", not_before_ms=NOW - 500)
    yield vector("sealed before a cut that is not in force for a millisecond more", stamp=1, not_before_ms=NOW - 499)
    yield vector("without a stamp, before a cut is in force", stamp=0, not_before_ms=NOW - 499)
    yield vector("with a stamp, where one is asked for", stamped_only=True)


def opened(v):
    keys = {int(v["key_id"], 16): bytes.fromhex(v["secret"])}
    args = [bytes.fromhex(v[k]) for k in ("namespace", "name", "envelope")]
    return open_(keys, *args, v.get("now_ms", NOW), v.get("skew_ms", 0), v.get("clock_bound_ms", 0),
                 v.get("not_before_ms", 0), v.get("stamped_only", False)).hex()


def check(vectors):
    for v in vectors["accepted"] + vectors["edges"]:
        assert opened(v) == v["value"], v["title"]
    for v in vectors["refused"]:
        try:
            opened(v)
        except Refused as e:
            assert str(e) == v["error"], v["title"]
        else:
            raise AssertionError(v["title"] + " opened")
    print(len(vectors["accepted"]), "accepted,", len(vectors["edges"]), "edges,", len(vectors["refused"]), "refused")


def answer(line):
    """Does one line of `serve`, which docs/conformance.md describes."""
    verb, *fields = line.rstrip("\n").split(" ")
    field = dict(f.split("=", 1) for f in fields)
    octets = lambda k: bytes.fromhex(field.get(k, ""))
    number = lambda k: int(field.get(k, "0"))
    secret, kid, stamp = octets("secret"), int(field.get("key_id", "0"), 16), int(field.get("stamp", "0"), 16)
    if verb == "name":
        namespace, name = octets("namespace"), octets("name")
        shown = blind_name(secret, namespace, name) if number("blind") == 1 else name
        return ((prefixed(namespace) if namespace else b"") + shown).hex()
    if verb == "seal":
        return seal(secret, kid, octets("namespace"), octets("name"), octets("value"), number("expiry_ms"),
                    number("padded") == 1, octets("nonce") or os.urandom(24), stamp).hex()
    if verb != "open":
        raise Unsupported
    return open_({kid: secret}, octets("namespace"), octets("name"), octets("envelope"), number("now_ms"),
                 number("skew_ms"), number("clock_bound_ms"), number("not_before_ms"), number("stamped_only") == 1).hex()


def serve():
    for line in sys.stdin:
        try:
            print("ok", answer(line), flush=True)
        except Refused as e:
            print("refused", e, flush=True)
        except Unsupported:
            print("unsupported", flush=True)


if __name__ == "__main__":
    if sys.argv[1:] == ["serve"]:
        serve()
        sys.exit()
    path = os.path.join(HERE, "vectors.json")
    if sys.argv[1:] != ["check"]:
        with open(path, "w") as f:
            json.dump({"accepted": list(accepted()), "edges": list(edges()), "refused": list(refused())},
                      f, indent=1, ensure_ascii=False)
            f.write("\n")
    with open(path) as f:
        check(json.load(f))
