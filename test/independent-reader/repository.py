"""A mirror in a directory, opened with a secret."""

import os
import re

import cbor
from damage import Damage, require
from journal import History, parse_entry, read_history
from keys import open_any_key
from objects import parse_config, parse_mirror, sha256
from packs import SNAPSHOT, ChunkStore, parse_pack
from trees import (
    DIRECTORY,
    FILE,
    TreeReader,
    check_cuts,
    file_id,
    snapshots_in_packs,
    source_id,
)

PACK_PATTERN = re.compile(r"packs/([0-9a-f]{2})/([0-9a-f]{64})")
CUT_BYTES_MAX = 4 << 20


class Repository:
    """Opens everything that can be opened; `problems` holds the rest, one sentence each."""

    def __init__(self, directory, secret):
        self._directory = directory
        self.problems = []
        self.config = parse_config(self._read("config"))
        self._try("mirror", self._check_mirror)
        keys = [(key, self._read(key)) for key in self._list("keys")]
        for key, data in keys:
            self._try(key, lambda: require(sha256(data).hex() == key[5:], "its hash is not its name"))
        self.bundle = open_any_key(keys, self.config, secret)
        self.store = ChunkStore(self.bundle)
        self.trees = TreeReader(self.store, self.bundle)
        for key in self._list("packs"):
            self._try(key, lambda: self._add_pack(key))
        self.entries = []
        for key in self._list("journal"):
            self._try(key, lambda: self.entries.append(self._entry(key)))
        self.history = History()
        self._try("journal", self._read_history)
        self.in_packs = {}
        self._try("packs", lambda: self.in_packs.update(snapshots_in_packs(self.store)))

    def snapshots(self):
        """All snapshots that count, oldest first: those that the journal commits, or, if it has no
        whole history, those that lie in packs."""
        if self.history.entries:
            return self.history.in_order()
        return sorted(self.in_packs.values(), key=lambda snapshot: (snapshot["time"], snapshot["id"]))

    def check(self):
        """Read and check everything else; what is wrong is added to `problems`."""
        for pack in self.store.packs.values():
            self._try(pack.path, lambda: self.store.check_blocks(pack))
        self._try("journal", self._check_history)
        checked = set()
        for snapshot in self.snapshots():
            self._try(snapshot["id"].hex(), lambda: self._check_snapshot(snapshot, checked))

    def _read(self, key):
        with open(os.path.join(self._directory, key), "rb") as file:
            return file.read()

    def _list(self, folder):
        found = []
        for path, _, names in os.walk(os.path.join(self._directory, folder)):
            below = os.path.relpath(path, self._directory)
            found += [f"{below}/{name}" for name in names if not name.startswith(".tmp-")]
        return sorted(found)

    def _try(self, what, action):
        try:
            action()
        except (Damage, OSError) as error:
            self.problems.append(f"{what}: {error}")

    def _check_mirror(self):
        header, _ = parse_mirror(self._read("mirror"))
        require(header.repository == self.config.header.repository, "it is of another repository")
        require(header.suite == self.config.header.suite, "it has another suite than the repository")

    def _add_pack(self, key):
        match = PACK_PATTERN.fullmatch(key)
        require(match is not None and match[2].startswith(match[1]), "its key is malformed")
        path = os.path.join(self._directory, key)
        name = bytes.fromhex(match[2])
        self.store.add(parse_pack(path, name, self._read(key), self.config, self.bundle))

    def _entry(self, key):
        return parse_entry(key, self._read(key), self._read, self.config, self.bundle)

    def _read_history(self):
        self.history = read_history(self.entries)
        unused = {entry.key for entry in self.entries} - {e.key for e in self.history.entries}
        require(not unused, f"nothing leads to {sorted(unused)}")

    def _check_history(self):
        for name, told in self.history.packs.items():
            pack = self.store.packs.get(name)
            require(pack is not None, f"pack {name.hex()} is missing or damaged")
            here = [pack.total_bytes, pack.table_bytes, pack.header.kind, len(pack.chunks)]
            require(told[1:] == [*here, pack.header.salt], f"pack {name.hex()} is another one")
        for name, snapshot in self.history.snapshots.items():
            record = self.store.read(SNAPSHOT, self.history.records[name])
            require(record == cbor.encode(snapshot), f"snapshot {name.hex()} has two records")

    def _check_snapshot(self, snapshot, checked):
        source = source_id(self.bundle, snapshot["host"], snapshot["paths"])
        if source != snapshot["source"]:
            self.problems.append(f"{snapshot['id'].hex()}: its source is not that of its paths")
        counts = {"files": 0, "others": 0, "bytes": 0}
        waiting = [(snapshot["root"], b"")]
        while waiting:
            tree, path = waiting.pop()
            for entry in self.trees.directory(tree):
                below = path + b"/" + entry[0]
                self._try(below, lambda: self._check_entry(entry, below, checked))
                _count(entry, counts)
                if 15 in entry:
                    waiting.append((entry[15], below))
        told = {name: snapshot["stats"][name] for name in counts}
        # A run that was cut short met more than it saved.
        partial = "partial" in snapshot
        require(partial or told == counts, f"it counts {told}, but there are {counts}")

    def _check_entry(self, entry, path, checked):
        self.trees.xattrs(entry)
        if entry[1] != FILE:
            return
        chunks = tuple(self.trees.content(entry))
        if chunks in checked:
            return
        parts, keep = [], entry.get(9, 0) <= CUT_BYTES_MAX
        for name, size in chunks:
            data = self.store.read(0, name, size)
            if keep:
                parts.append(data)
        if chunks and keep:
            sizes = [size for _, size in chunks]
            check_cuts(b"".join(parts), sizes, self.config.average, self.bundle.gear)
        checked.add(chunks)

    def file_id(self, snapshot, path, entry):
        return file_id(self.bundle, snapshot["source"], path, entry)


def _count(entry, counts):
    if entry[1] == FILE:
        counts["files"] += 1
        counts["bytes"] += entry.get(9, 0)
    elif entry[1] != DIRECTORY:
        counts["others"] += 1
