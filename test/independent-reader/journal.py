"""Journal entries and what they say together: section 11 of docs/format.md."""

import re
from dataclasses import dataclass, field as dataclass_field

import cbor
from damage import require
from fields import field, is_bytes, is_number, number
from objects import CHECKPOINT, ENTRY, PAYLOAD, decode_codec, open_sealed, parse_header, sha256
from trees import parse_snapshot

PAYLOAD_BYTES_MAX = 64 << 20
KINDS = {
    *("lineage", "session", "packs", "snapshot", "merged", "end", "forget", "mirrors", "settings"),
    *("keys", "condemn", "rescue", "swept", "checkpoint", "events", "fence"),
}
KEY_PATTERN = re.compile(r"journal/([0-9a-f]{32})/([0-9]{12})-([0-9a-f]{64})")


@dataclass(frozen=True)
class Entry:
    key: str
    lineage: bytes
    number: int
    name: bytes
    writer: bytes
    time: int
    before: bytes
    records: list


def parse_entry(key, data, read_object, config, bundle):
    """One entry with its records; read_object gives the bytes of another object of the mirror."""
    match = KEY_PATTERN.fullmatch(key)
    require(match is not None, "its key is malformed")
    require(sha256(data).hex() == match[3], "its hash is not its name")
    header = _header(data, ENTRY, config)
    count, lineage, before = number(data, 64, 8), bytes(data[72:88]), bytes(data[128:160])
    require(lineage.hex() == match[1] and count == int(match[2]), "it lies at another place")
    require(count >= 1 and (count == 1) == (before == bytes(32)), "its number and its past differ")
    payload, size = bytes(data[160:192]), number(data, 192, 4)
    time = number(data, 120, 8)
    require(len(data) == 196 + size, "its length is wrong")
    key_of = bundle.object_key(header, "journal", "journal")
    plain = open_sealed(header.suite, key_of, 0, data[:196], data[196:])
    if payload != bytes(32):
        require(plain == b"", "its payload is there twice")
        plain = parse_payload(payload, read_object(f"payloads/{payload.hex()}"), config, bundle)
    name = bytes.fromhex(match[3])
    writer, records = bytes(data[104:120]), parse_records(plain)
    return Entry(key, lineage, count, name, writer, time, before, records)


def _header(data, kind, config):
    header = parse_header(data, (kind,))
    require(header.repository == config.header.repository, "it is of another repository")
    require(header.suite == config.header.suite, "it has another suite than the repository")
    return header


def parse_payload(name, data, config, bundle):
    require(sha256(data) == name, "its payload's hash is not its name")
    header = _header(data, PAYLOAD, config)
    size = number(data, 64, 4)
    require(len(data) == 68 + size, "its payload's length is wrong")
    key = bundle.object_key(header, "journal", "journal")
    return open_sealed(header.suite, key, 0, data[:68], data[68:])


def parse_records(plain):
    require(len(plain) >= 5, "its payload is too short")
    size = number(plain, 1, 4)
    require(size <= PAYLOAD_BYTES_MAX, "its payload is too large")
    records = cbor.decode(decode_codec(plain[0], plain[5:], size))
    require(type(records) is list, "its payload is not an array")
    for record in records:
        _check_record(record)
    return records


def _check_record(record):
    kind = field(record, "type", str)
    require(record.get("optional", True) is True, "a mark is false instead of absent")
    if kind == "lineage":
        reason = field(record, "reason", str)
        require(reason in ("init", "rebuild", "take-over", "copy", "clone"), "its reason is unknown")
        parent = field(record, "parent", dict, optional=True)
        require(reason != "init" or parent is None, "a first lineage has a parent")
        require(parent is not None or reason in ("init", "rebuild"), "a lineage has no parent")
        if parent is not None:
            field(parent, "lineage", 16), field(parent, "number", int), field(parent, "hash", 32)
    elif kind == "session":
        field(record, "session", 16), field(record, "base", int), field(record, "host", str)
        field(record, "parent", 16, optional=True)
    elif kind == "packs":
        field(record, "session", 16)
        for pack in field(record, "packs", [list]):
            require(len(pack) == 6 and is_bytes(pack[0], 32), "a pack is malformed")
            require(all(map(is_number, pack[1:5])), "a pack is malformed")
            require(pack[3] in (1, 2) and is_bytes(pack[5], 32), "a pack is malformed")
    elif kind == "snapshot":
        field(record, "session", 16), field(record, "record", 32)
        parse_snapshot(field(record, "snapshot", dict))
    elif kind == "end":
        field(record, "session", 16)
    elif kind == "merged":
        field(record, "entries", [32])
    elif kind == "forget":
        field(record, "snapshots", [16])
    elif kind == "mirrors":
        for mirror in field(record, "mirrors", [dict]):
            field(mirror, "id", 16), field(mirror, "name", str)
            require(field(mirror, "state", str) in ("active", "removed"), "a state is unknown")
    elif kind == "settings":
        require(is_number(record.get("mirrorsMin"), 1), "a setting is malformed")
    elif kind == "keys":
        field(record, "add", [32]), field(record, "remove", [32])
    elif kind in ("condemn", "rescue", "swept"):
        field(record, "packs", [32])
    elif kind == "fence":
        require(("session" in record) != ("writer" in record), "a fence is malformed")
        field(record, "session" if "session" in record else "writer", 16)
    elif kind == "checkpoint":
        require(record.get("optional") is True, "a checkpoint is not optional")
        field(record, "hash", 32)
        covered = _check_part(field(record, "checkpoint", list))
        _check_runs(field(record, "runs", [list]), covered)
    elif kind == "events":
        require(record.get("optional") is True, "events are not optional")
        for event in field(record, "events", [dict]):
            require(is_number(event.get("at")), "an event has no time")
            for key in ("kind", "by", "detail"):
                field(event, key, str)
            field(event, "mirror", 16, optional=True), field(event, "object", str, optional=True)


def _check_part(part):
    """The first and the last entry of a checkpoint or run, as others describe it."""
    require(len(part) == 6 and is_bytes(part[0], 32) and is_bytes(part[2], 32), "a run is malformed")
    require(is_number(part[1]) and all(map(is_number, part[3:6])), "a run is malformed")
    return part[4], part[5]


def _check_runs(runs, covered):
    following = 1
    for run in runs:
        first, last = _check_part(run)
        require(first == following and last >= first, "runs leave something out")
        following = last + 1
    require(covered == (1, following - 1), "runs do not end where their checkpoint does")


def parse_checkpoint(name, data, config, bundle):
    """What an object below checkpoints/ covers, and its plaintext: section 12."""
    require(sha256(data) == name, "its hash is not its name")
    header = _header(data, CHECKPOINT, config)
    part, first, last = data[64], number(data, 68, 8), number(data, 76, 8)
    require(part in (1, 2) and data[65:68] == bytes(3), "it does not say what it is")
    require(1 <= first <= last and (part == 2 or first == 1), "its numbers do not fit")
    require(len(data) == 136 + number(data, 132, 4), "its length is wrong")
    key = bundle.object_key(header, "journal", "journal")
    plain = open_sealed(header.suite, key, 0, data[:136], data[136:])
    return part, (first, last), (bytes(data[84:100]), bytes(data[100:132])), plain


def parse_checkpoint_runs(plain, covered):
    runs = field(cbor.decode(plain), "runs", [list])
    _check_runs(runs, covered)
    return runs


def parse_run(plain, covered, end):
    """Entry objects with their payload objects (or nothing), which follow each other."""
    (first, last), (lineage, name) = covered, end
    entries, at, before = [], 0, None
    while at < len(plain):
        require(at + 8 <= len(plain), "it ends within a length")
        size, payload_size = number(plain, at, 4), number(plain, at + 4, 4)
        middle, stop = at + 8 + size, at + 8 + size + payload_size
        require(stop <= len(plain) and payload_size <= 4 << 20, "its lengths do not fit")
        entry, payload = plain[at + 8 : middle], plain[middle:stop]
        require(number(entry, 64, 8) == first + len(entries), "an entry is left out")
        require(before is None or entry[128:160] == before, "an entry does not follow")
        require(payload == b"" or sha256(payload) == entry[160:192], "a payload is not its entry's")
        entries.append((entry, payload))
        at, before = stop, sha256(entry)
    require(len(entries) == last - first + 1 and before == name, "it does not end where it says")
    require(entries[-1][0][72:88] == lineage, "it ends in another lineage")
    return entries


@dataclass
class History:
    """What the longest history says."""

    entries: list = dataclass_field(default_factory=list)
    packs: dict = dataclass_field(default_factory=dict)
    snapshots: dict = dataclass_field(default_factory=dict)
    records: dict = dataclass_field(default_factory=dict)
    swept: set = dataclass_field(default_factory=set)
    unknown: set = dataclass_field(default_factory=set)

    def in_order(self):
        """The snapshots, oldest first; those of one time as the journal commits them."""
        return sorted(self.snapshots.values(), key=lambda snapshot: snapshot["time"])


def read_history(entries):
    """The history that counts: the one that reaches the highest number from number 1."""
    history, following = History(), {}
    for entry in entries:
        following.setdefault(entry.before, []).append(entry)
    waiting = [[entry] for entry in following.get(bytes(32), [])]
    while waiting:
        chain = waiting.pop()
        if not history.entries or _rank(chain) > _rank(history.entries):
            history.entries = chain
        for entry in following.get(chain[-1].name, []):
            if entry.number == chain[-1].number + 1:
                waiting.append([*chain, entry])
    _apply(history)
    return history


def _rank(chain):
    return chain[-1].number, chain[-1].time, chain[-1].name


def _apply(history):
    fenced_sessions, fenced_writers = set(), set()
    for entry in history.entries:
        if entry.writer in fenced_writers:
            continue
        for record in entry.records:
            kind = record["type"]
            if kind == "packs":
                live = [pack for pack in record["packs"] if pack[0] not in history.swept]
                history.packs.update((pack[0], pack) for pack in live)
            elif kind == "snapshot" and record["session"] not in fenced_sessions:
                _commit(history, record)
            elif kind == "forget":
                _forget(history, record["snapshots"])
            elif kind == "swept":
                history.swept.update(record["packs"])
                for name in record["packs"]:
                    history.packs.pop(name, None)
            elif kind == "fence":
                fenced_sessions.add(record.get("session"))
                fenced_writers.add(record.get("writer"))
            elif kind not in KINDS and "optional" not in record:
                history.unknown.add(kind)


def _forget(history, names):
    for name in names:
        history.snapshots.pop(name, None)


def _commit(history, record):
    snapshot = record["snapshot"]
    if "partial" not in snapshot:
        others = history.snapshots.values()
        partial = [other for other in others if "partial" in other]
        _forget(history, [o["id"] for o in partial if o["source"] == snapshot["source"]])
    # Of two commits the later one counts, also for the order.
    _forget(history, [snapshot["id"]])
    history.snapshots[snapshot["id"]] = snapshot
    history.records[snapshot["id"]] = record["record"]
