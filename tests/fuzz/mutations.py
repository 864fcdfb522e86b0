"""Random changes of files: bytes as fuzzers change them, and values within JSON."""

import json
import random

ODD = (
    None,
    True,
    -1,
    0,
    1,
    3,
    0.5,
    1e400,
    float("nan"),
    10**9,
    10**18,
    10**400,
    "",
    "x",
    "0" * 999,
    [],
    {},
    [[]],
)


def mutated(raw: bytes, rng: random.Random) -> bytes:
    """The bytes changed in one to three places; JSON also by odd values in it."""
    for _ in range(rng.randint(1, 3)):
        raw = _facts(raw, rng) if raw[:1] == b"{" and rng.random() < 0.7 else _bytes(raw, rng)
    return raw


def _bytes(raw: bytes, rng: random.Random) -> bytes:
    at, n = rng.randint(0, len(raw)), rng.randint(1, 8)
    before, after = raw[:at], raw[at:]
    return rng.choice([
        before + bytes([b ^ (1 << rng.randrange(8)) for b in after[:1]]) + after[1:],
        before + rng.randbytes(n) + after[n:],
        before + after[n:],
        before + after[:n] * 2 + after[n:],
        before,
        before + rng.choice((b"\xff", b"\0", b"9", b'"', b"{", b"null")) * n + after[n:],
    ])  # fmt: skip


def _facts(raw: bytes, rng: random.Random) -> bytes:
    """One value, name or item of a JSON text replaced by an odd one, left out, or put into another place."""
    try:
        whole = json.loads(raw)
        places = list(_places(whole))
        if places:
            (inside, key), (other, name) = rng.choice(places), rng.choice(places)
            if rng.random() < 0.2:
                del inside[key]
            else:
                inside[key] = rng.choice(ODD) if rng.random() < 0.8 else other[name]
        return json.dumps(whole).encode()
    except (ValueError, RecursionError):
        return _bytes(raw, rng)


def _places(value):
    """Every value within lists and dicts, by what it is in and its key."""
    keys = list(value) if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    for key in keys:
        yield value, key
        yield from _places(value[key])
