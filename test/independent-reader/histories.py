"""Holds the reader against the journals in section 16 of docs/format.md."""

import re

import cbor
from damage import Damage, require
from journal import parse_entry, read_history
from keys import Bundle
from objects import Config, Header, sha256
from packs import SNAPSHOT

REPOSITORY, STRANGER = bytes(range(16)), bytes(range(16, 32))
ODD = "lost|payload lost|payload of another repository|misplaced|format 2|codec 7|malformed"
ODDITY = re.compile(rf"({ODD}|lineage \w|writer \w|time \d+|after \w+|hash greater than \w+)(?: |$)")


def read_cases(page):
    """The lines of each case by its name."""
    with open(page, encoding="utf-8") as file:
        block = file.read().split("## 16.")[1].split("```text\n")[1].split("```")[0]
    cases, lines = {}, []
    for line in block.splitlines():
        if line.startswith(" "):
            lines.append(line.strip())
        else:
            lines = cases.setdefault(line, [])
    return cases


class Case:
    """The objects of a journal, made without encryption, and what a reader makes of them."""

    def __init__(self, bundle):
        self._bundle = bundle
        header = Header(b"", 7, 0, 0, 0, REPOSITORY, bytes(32))
        self._config = Config(header, 1 << 20, 1 << 20, 256, b"", b"")
        self._names, self._objects, self._before = {}, {}, None

    def expect(self, lines):
        found = []
        for line in lines:
            if line.startswith("= "):
                found.append(line[2:].rstrip())
            else:
                self._add(line)
        packs = any(line.startswith("packs") for line in found)
        read = self._read(packs)
        require(read == found, f"read was {read}, and not {found}")

    def _add(self, line):
        name, odd, records = re.fullmatch(r"(\d+[a-z]?)(?: ([^:]+))?: (.+)", line).groups()
        said = {words.split(" ")[0]: words for words in ODDITY.findall(odd or "")}
        require(" ".join(said.values()) == (odd or ""), f'"{odd}" is not known')
        last = {kind: words.split(" ")[-1] for kind, words in said.items()}
        count = int(re.match(r"\d+", name)[0])
        before = None if count == 1 else last.get("after", self._before)
        self._before = name
        plain = self._plaintext(records, said)
        attempt = 0
        while True:
            data = self._entry(name, count, before, last, (plain, said, attempt))
            if "hash" not in last or sha256(data) > self._names[last["hash"]]:
                break
            attempt += 1
        self._names[name] = sha256(data)
        place = count + 1 if "misplaced" in said else count
        key = f"journal/{data[72:88].hex()}/{place:012d}-{sha256(data).hex()}"
        if "lost" not in said:
            self._objects[key] = data

    def _plaintext(self, records, said):
        made = [self._record(record.split(" ")) for record in records.split(", ")]
        if "malformed" in said:
            made.append({"type": "forget"})
        plain = cbor.encode(made)
        return bytes([7 if "codec" in said else 0]) + len(plain).to_bytes(4, "little") + plain

    def _entry(self, name, count, before, last, content):
        plain, said, attempt = content
        payload = bytes(32)
        if "payload" in said:
            foreign = said["payload"] != "payload lost"
            start = _header(4, STRANGER if foreign else REPOSITORY, f"payload {name}")
            data = _sealed(start, plain)
            payload, plain = sha256(data), b""
            if foreign:
                self._objects[f"payloads/{payload.hex()}"] = data
        start = _header(3, REPOSITORY, f"entry {name} {attempt}", 2 if "format" in said else 1)
        start += count.to_bytes(8, "little") + _id(f"lineage {last.get('lineage', 'L')}")
        start += _id(f"entry {name}") + _id(f"writer {last.get('writer', 'w')}")
        start += int(last.get("time", count)).to_bytes(8, "little")
        start += self._names[before] if before else bytes(32)
        return _sealed(start + payload, plain)

    def _record(self, words):
        kind, rest = words[0], words[1:]
        session = _id(f"session {_behind(rest, 'in', 's')}")
        names = rest[: rest.index("in")] if "in" in rest else rest
        if kind == "lineage":
            return {"type": kind, "reason": "rebuild"}
        if kind == "session":
            return {"type": kind, "session": _id(f"session {rest[0]}"), "base": 1, "host": "host"}
        if kind == "end":
            return {"type": kind, "session": _id(f"session {rest[0]}")}
        if kind == "snapshot":
            snapshot = _snapshot(rest[0], rest)
            other = _snapshot(rest[-1], []) if "record" in rest else snapshot
            record = self._bundle.chunk_id(SNAPSHOT, cbor.encode(other))
            return {"type": kind, "session": session, "record": record, "snapshot": snapshot}
        if kind == "packs":
            packs = [[_id(f"pack {name}", 32), 300, 30, 1, 1, bytes([1]) * 32] for name in names]
            return {"type": kind, "session": session, "packs": packs}
        if kind in ("swept", "condemn", "rescue"):
            return {"type": kind, "packs": [_id(f"pack {name}", 32) for name in names]}
        if kind == "forget":
            return {"type": kind, "snapshots": [_id(f"snapshot {name}") for name in names]}
        if kind == "fence":
            return {"type": kind, rest[0]: _id(f"{rest[0]} {rest[1]}")}
        if kind == "merged":
            return {"type": kind, "entries": [self._names[name] for name in names]}
        require(kind in ("optional", "unknown"), f'"{kind}" is not known')
        return {"type": "later", "optional": True} if kind == "optional" else {"type": "later"}

    def _read(self, with_packs):
        entries = []
        for key, data in self._objects.items():
            if not key.startswith("journal/"):
                continue
            try:
                entries.append(parse_entry(key, data, self._object, self._config, self._bundle))
            except Damage:
                continue
        history = read_history(entries)
        names = {value: name for name, value in self._names.items()}
        snapshots = {_id(f"snapshot {name}"): name for name in "ABCDE"}
        packs = {_id(f"pack {name}", 32): name for name in "pqr"}
        read = ["history", *(names[entry.name] for entry in history.entries)]
        counting = [snapshots[snapshot["id"]] for snapshot in history.in_order()]
        found = [" ".join(read), " ".join(["snapshots", *counting])]
        if with_packs:
            found.append(" ".join(["packs", *sorted(packs[name] for name in history.packs)]))
        return found + (["read only"] if history.unknown else [])

    def _object(self, key):
        require(key in self._objects, f"{key} is missing")
        return self._objects[key]


def _behind(words, word, otherwise):
    return words[words.index(word) + 1] if word in words else otherwise


def _id(text, size=16):
    return sha256(text.encode())[:size]


def _header(kind, repository, salt, version=1):
    return b"VERSIONS" + bytes([version, kind]) + bytes(6) + repository + _id(salt, 32)


def _sealed(start, plain):
    """Suite 0: section 4."""
    start += (len(plain) + 16).to_bytes(4, "little")
    return start + plain + sha256(start + bytes(12) + plain)[:16]


def _snapshot(name, words):
    counts = "files dirs others bytes filesNew filesChanged filesUnchanged bytesNew bytesStored"
    snapshot = {
        "version": 1,
        "id": _id(f"snapshot {name}"),
        "time": int(_behind(words, "at", 1)),
        "finished": 10,
        "host": "host",
        "user": "user",
        "source": _id(f"source {_behind(words, 'of', 'y')}"),
        "paths": [b"/home"],
        "root": bytes([2]) * 32,
        "tags": [],
        "problems": 0,
        "missing": [],
        "stats": {count: 0 for count in counts.split()},
        "users": {},
        "groups": {},
        "program": "versions",
    }
    return {**snapshot, "partial": True} if "partial" in words else snapshot


def run(page, bundle, report):
    """Check all cases: report gets the name and the function of each."""
    cases = read_cases(page)
    report("journals: there are cases", lambda: require(len(cases) > 30, "there are too few"))
    for name, lines in cases.items():
        report(f"journals: {name}", lambda: Case(bundle).expect(lines))
