"""Holds the reader against the test vectors in section 14 of docs/format.md."""

import hashlib
import re
import tempfile

import cbor
import histories
import keys
import objects
import packs
import trees
from damage import Damage, require
from journal import (
    parse_checkpoint,
    parse_checkpoint_runs,
    parse_entry,
    parse_payload,
    parse_records,
    parse_run,
)

REPOSITORY = bytes(range(16))
KEY = bytes([0x20]) * 32


def read_vectors(page):
    """The values in the page by their names."""
    found = read_block(page, "## 14.")
    text = {"boundaries", "key-file"}
    return {name: v if name in text else bytes.fromhex(v) for name, v in found.items()}


def read_block(page, heading):
    """The values below a heading as they stand there, by their names."""
    with open(page, encoding="utf-8") as file:
        block = file.read().split(heading)[1].split("```text\n")[1].split("```")[0]
    found, name = {}, None
    for line in block.splitlines():
        if not line.startswith(" "):
            name = line
            found[name] = ""
        else:
            found[name] += line.strip()
    return found


class Vectors:
    """Each method whose name begins with check_ is one test."""

    def __init__(self, page):
        self._all = read_vectors(page)
        self._refusals = read_block(page, "## 15.")
        self._unused = set(self._all)
        self._config = objects.parse_config(self._take("config"))
        self.bundle = keys.Bundle(self._take("bundle"), REPOSITORY)

    def _take(self, name):
        self._unused.discard(name)
        return self._all[name]

    def check_keys(self):
        gear = b"".join(value.to_bytes(4, "little") for value in self.bundle.gear)
        same(gear[:16], self._take("gear.first-16-bytes"))
        same(objects.sha256(gear), self._take("gear.sha256"))
        same(self.bundle.page, self._take("page-key"))
        signature = objects.mac(self.bundle.epochs[1]["mac"], self._config.signed)
        same(signature, self._config.signature)
        same(objects.parse_mirror(self._take("mirror"))[1], bytes(range(0x10, 0x20)))

    def check_key_objects(self):
        secret = keys.key_file_secret(self._take("key-file"))
        same(secret.value, KEY)
        # Not composed, so that it opens only with Unicode NFC.
        password = keys.password_secret("pa\u0308ssword")
        for name, with_secret in (("password", password), ("key-file", secret)):
            data = self._take(f"key-object.{name}")
            opened = keys.open_key_object(data, self._config, with_secret)
            same(opened.page, self.bundle.page)
        data = self._take("key-object.none")
        header = objects.parse_header(data, (objects.KEY,))
        suiteless = objects.Config(header, 4096, 1 << 20, 256, b"", b"")
        opened = keys.open_key_object(data, suiteless, keys.Secret("none", b""))
        same(opened.page, self.bundle.page)
        require(keys.open_key_object(data, suiteless, secret) is None, "a key opens slot 0")

    def check_cuts(self):
        ends = [int(end) for end in self._take("boundaries").split(",")]
        value, data = 1, bytearray()
        for _ in range(100_000):
            value = (1_664_525 * value + 1_013_904_223) % 2**32
            data.append(value >> 24)
        sizes = [end - start for start, end in zip([0, *ends], ends)]
        trees.check_cuts(data, sizes, 4096, self.bundle.gear)

    def check_chunk_ids(self):
        for kind, name in enumerate(("data", "tree", "list", "snapshot")):
            same(self.bundle.chunk_id(kind, b"hello"), self._take(f"chunk-id.{name}"))

    def check_pack(self):
        header = objects.parse_header(self._take("header"), (objects.DATA_PACK,))
        key = self.bundle.object_key(header, "data", "blocks")
        aad = header.raw + (7).to_bytes(4, "little")
        sealed = self._take("sealed-block")
        same(objects.open_sealed(1, key, 7, aad, sealed), b"hello")
        clear = bytearray(aad)
        clear[10:16] = bytes(6)
        sealed = self._take("sealed-block.suite-0")
        same(objects.open_sealed(0, None, 7, bytes(clear), sealed), b"hello")
        with tempfile.NamedTemporaryFile() as file:
            data = self._take("pack")
            file.write(data)
            file.flush()
            name = self._take("pack.name")
            pack = packs.parse_pack(file.name, name, data, self._config, self.bundle)
            table_at = pack.blocks[-1].offset + pack.blocks[-1].stored_bytes
            table = self._take("chunk-table")
            same(packs.parse_chunk_table(table, table_at), (pack.blocks, pack.chunks))
            store = packs.ChunkStore(self.bundle)
            store.add(pack)
            store.check_blocks(pack)
            read = [store.read(0, chunk.id) for chunk in pack.chunks]
            same(read, [b"hello", b"world!!", b"a" * 100])

    def check_identity(self):
        source = self._take("source-id")
        same(trees.source_id(self.bundle, "host", [b"/home/ann"]), source)
        entry = cbor.decode(self._take("entry.file"))
        trees.check_entry(entry)
        path = b"/home/ann/report.txt"
        same(trees.file_id(self.bundle, source, path, entry), self._take("file-id"))
        rest = cbor.encode({key: value for key, value in entry.items() if key not in (0, 20)})
        version = trees.uuid8(objects.mac(self.bundle.identity, b"version" + rest))
        same(version, self._take("version-id"))

    def check_pages(self):
        entries = [cbor.decode(self._take(f"entry.{kind}")) for kind in ("file", "symlink")]
        for entry in entries:
            trees.check_entry(entry)
        same(cbor.encode([0, entries]), self._take("tree.page.0"))
        file = {**entries[0], 2: 0o600}
        for key in (9, 11, 12):
            file.pop(key)
        many = [{**file, 0: b"%05d" % index} for index in range(5000)]
        top = self._page_tree(many)
        same(top, self._take("tree.5000.top"))
        same(self.bundle.chunk_id(packs.TREE, top), self._take("tree.5000.id"))
        ids = [hashlib.sha256(b"%d" % index).digest() for index in range(1000)]
        top = self._page_list([(name, index + 1) for index, name in enumerate(ids)])
        same(top, self._take("list.1000.top"))
        same(self.bundle.chunk_id(packs.LIST, top), self._take("list.1000.id"))

    def _page_tree(self, items):
        level = 0
        while True:
            pages, page, size = [], [], 0
            for item in items:
                page.append(item)
                size += len(cbor.encode(item))
                if trees.ends_tree_page(self.bundle, level, item, size):
                    pages.append(page)
                    page, size = [], 0
            pages += [page] if page else []
            if len(pages) == 1:
                return cbor.encode([level, pages[0]])
            encoded = [(page[0][0], cbor.encode([level, page])) for page in pages]
            items = [[n, self.bundle.chunk_id(packs.TREE, data)] for n, data in encoded]
            level += 1

    def _page_list(self, items):
        level = 0
        while True:
            pages, page = [], []
            for item in items:
                page.append(item)
                if trees.ends_list_page(len(page), item[0]):
                    pages.append(page)
                    page = []
            pages += [page] if page else []
            parts = [
                cbor.encode([level, b"".join(n for n, _ in page), [size for _, size in page]])
                for page in pages
            ]
            if len(parts) == 1:
                return parts[0]
            totals = [sum(size for _, size in page) for page in pages]
            items = [(self.bundle.chunk_id(packs.LIST, d), t) for d, t in zip(parts, totals)]
            level += 1

    def check_snapshot(self):
        record = cbor.decode(self._take("snapshot"))
        same(trees.parse_snapshot(record)["host"], "host")

    def check_journal(self):
        data, records = self._take("journal-entry"), cbor.decode(self._take("records"))
        key = f"journal/{data[72:88].hex()}/{1:012d}-{objects.sha256(data).hex()}"
        entry = parse_entry(key, data, None, self._config, self.bundle)
        same(entry.records, records)
        payload = self._take("payload")
        plain = parse_payload(objects.sha256(payload), payload, self._config, self.bundle)
        same(parse_records(plain), records)

    def check_checkpoints(self):
        entry, payload = self._take("journal-entry"), self._take("payload")
        data, run = self._take("checkpoint"), self._take("run")
        names = [objects.sha256(each) for each in (data, run)]
        part, covered, end, plain = parse_checkpoint(names[1], run, self._config, self.bundle)
        entries = parse_run(plain, covered, end)
        same((part, [size for _, size in entries]), (2, [b"", payload]))
        same(entries[0][0], entry)
        part, covered, end, plain = parse_checkpoint(names[0], data, self._config, self.bundle)
        runs = parse_checkpoint_runs(plain, covered)
        same((part, runs), (1, [[names[1], len(run), b"\x79" * 32, 1, 1, 2]]))
        (record,) = cbor.decode(self._take("checkpoint-record"))
        named = [names[0], len(data), b"\x7a" * 32, 1, 1, 2]
        same((record["checkpoint"], record["hash"], record["runs"]), (named, end[1], runs))

    def check_events(self):
        plain = self._take("events-record")
        (record,) = parse_records(b"\x00" + len(plain).to_bytes(4, "little") + plain)
        first, second = record["events"]
        same((first["kind"], first["mirror"], second.get("object")), ("healed", b"\x10" * 16, None))
        same(record["optional"], True)

    def check_refusals(self):
        """Section 15; a trailer is read only with its pack, and its hash would be wrong anyway."""
        readers = {
            "cbor": cbor.decode,
            "entry": lambda data: trees.check_entry(cbor.decode(data)),
            "tree page": lambda data: self._page_reader(data).directory(b""),
            "list page": lambda data: self._page_reader(data).content({9: 5, 13: b""}),
            "chunk table": lambda data: packs.parse_chunk_table(data, 118),
            "header": lambda data: objects.parse_header(data, (objects.DATA_PACK,)),
            "records": lambda data: parse_records(b"\x00" + len(data).to_bytes(4, "little") + data),
        }
        taken = []
        for name, value in self._refusals.items():
            reader = readers.get(name.split(":")[0])
            if reader is None:
                same(name.split(":")[0], "trailer")
            elif not refuses(reader, bytes.fromhex(value)):
                taken.append(name)
        same(taken, [])
        require(len(self._refusals) > 60, "there are too few cases")

    def _page_reader(self, data):
        return trees.TreeReader(OnePage(data), self.bundle)

    def check_that_all_were_used(self):
        same(sorted(self._unused), [])


class OnePage:
    """Gives the same page whatever it is asked for."""

    def __init__(self, data):
        self._data = data

    def read(self, *_):
        return self._data


def refuses(reader, data):
    try:
        reader(data)
    except Damage:
        return True
    return False


def same(found, expected):
    require(found == expected, f"{found!r} is not {expected!r}")


def run(page, report):
    """Check all vectors: report gets the name and the function of each."""
    vectors = Vectors(page)
    histories.run(page, vectors.bundle, report)
    names = sorted(name for name in dir(vectors) if name.startswith("check_"))
    # The one that counts what is left comes last.
    names.sort(key=lambda name: name == "check_that_all_were_used")
    for name in names:
        report(f"vectors: {name[6:].replace('_', ' ')}", getattr(vectors, name))
