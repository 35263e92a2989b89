"""Packs and the chunks in them: sections 7 and 8 of docs/format.md."""

from collections import OrderedDict
from dataclasses import dataclass

from damage import Damage, Newer, require
from fields import number, varint
from objects import (
    DATA_PACK,
    HEADER_BYTES,
    TREE_PACK,
    decode_codec,
    open_sealed,
    parse_header,
    sha256,
)

DATA, TREE, LIST, SNAPSHOT, STATE = range(5)
TRAILER_BYTES = 128
PIECE_BYTES = 65536
PACK_BYTES_MAX = 256 << 20
BLOCK_BYTES_MAX = 32 << 20
CHUNK_BYTES_MAX = 16 << 20
TABLE_POSITION = 2**32 - 1
BLOCKS_KEPT = 16


@dataclass(frozen=True)
class Block:
    codec: int
    offset: int
    stored_bytes: int
    plain_bytes: int


@dataclass(frozen=True)
class Chunk:
    kind: int
    id: bytes
    block: int
    offset: int
    size: int


@dataclass(frozen=True)
class Pack:
    path: str
    name: bytes
    header: object
    total_bytes: int
    table_bytes: int
    blocks: list
    chunks: list


def parse_pack(path, name, data, config, bundle):
    """Everything about a pack but the content of its blocks."""
    require(sha256(data) == name, "its hash is not its name")
    require(len(data) <= PACK_BYTES_MAX, "it is too large")
    header = parse_header(data, (DATA_PACK, TREE_PACK))
    require(header.repository == config.header.repository, "it is of another repository")
    require(header.suite == config.header.suite, "it has another suite than the repository")
    table_at, piece_table_at = _parse_end(data, header)
    key = bundle.object_key(header, "index", "table")
    aad = header.raw + TABLE_POSITION.to_bytes(4, "little")
    table = open_sealed(header.suite, key, TABLE_POSITION, aad, data[table_at:piece_table_at])
    blocks, chunks = parse_chunk_table(table, table_at)
    require(header.kind == TREE_PACK or all(c.kind == DATA for c in chunks), "a data pack holds trees")
    return Pack(path, name, header, len(data), piece_table_at - table_at, blocks, chunks)


def _parse_end(data, header):
    """Where the sealed chunk table and the piece table begin."""
    require(len(data) >= HEADER_BYTES + TRAILER_BYTES, "it is too short for a pack")
    trailer = data[-TRAILER_BYTES:]
    require(trailer[120:] == b"VERSPACK", "it does not end with the magic")
    require(trailer[:64] == header.raw, "the header in its trailer differs")
    require(trailer[84:88] == bytes(4), "its trailer has bytes that should be zero")
    piece_table_at, table_bytes = number(trailer, 64, 8), number(trailer, 72, 4)
    pieces = number(trailer, 76, 4)
    require(number(trailer, 80, 4) == PIECE_BYTES, "its pieces have another size")
    require(piece_table_at + 32 * pieces + TRAILER_BYTES == len(data), "its piece table is elsewhere")
    require(pieces == -(-piece_table_at // PIECE_BYTES), "it has another number of pieces")
    table_at = piece_table_at - table_bytes
    require(table_at >= HEADER_BYTES, "its chunk table is elsewhere")
    piece_table = data[piece_table_at:-TRAILER_BYTES]
    require(sha256(piece_table + trailer[:88]) == trailer[88:120], "its piece table is damaged")
    for index in range(pieces):
        piece = data[index * PIECE_BYTES : min((index + 1) * PIECE_BYTES, piece_table_at)]
        hashed = piece_table[32 * index : 32 * index + 32]
        require(sha256(piece) == hashed, f"piece {index} does not match")
    return table_at, piece_table_at


def parse_chunk_table(table, blocks_end):
    count, at = varint(table, 0)
    require(count <= 1 << 16, "it has too many blocks")
    blocks, offset = [], HEADER_BYTES
    for _ in range(count):
        codec, at = varint(table, at)
        stored, at = varint(table, at)
        plain, at = varint(table, at)
        if codec > 1:
            raise Newer(f"a block has codec {codec}")
        require(1 <= plain <= BLOCK_BYTES_MAX, "a block is empty or too large")
        require(codec == 1 or stored == plain + 16, "a block has an impossible length")
        require(stored > 16, "a block has an impossible length")
        blocks.append(Block(codec, offset, stored, plain))
        offset += stored
    require(offset == blocks_end, "its blocks do not end where its chunk table begins")
    count, at = varint(table, at)
    require(count <= 1 << 20, "it has too many chunks")
    heads = []
    for _ in range(count):
        require(at < len(table), "its chunk table ends too early")
        kind = table[at]
        if kind > SNAPSHOT:
            raise Newer(f"a chunk has kind {kind}")
        size, at = varint(table, at + 1)
        require(1 <= size <= CHUNK_BYTES_MAX, "a chunk is empty or too large")
        heads.append((kind, size))
    require(at + 32 * count == len(table), "its chunk table has another length")
    chunks, block, offset = [], 0, 0
    for index, (kind, size) in enumerate(heads):
        require(block < len(blocks), "its chunks are longer than its blocks")
        name = table[at + 32 * index : at + 32 * index + 32]
        chunks.append(Chunk(kind, name, block, offset, size))
        offset += size
        require(offset <= blocks[block].plain_bytes, "a chunk lies across two blocks")
        if offset == blocks[block].plain_bytes:
            block, offset = block + 1, 0
    require(block == len(blocks) and offset == 0, "its blocks are longer than its chunks")
    return blocks, chunks


class ChunkStore:
    """All chunks of many packs. Every chunk is checked against its id before it is given out."""

    def __init__(self, bundle):
        self._bundle = bundle
        self._places = {}
        self._decoded = OrderedDict()
        self.packs = {}

    def add(self, pack):
        self.packs[pack.name] = pack
        for chunk in pack.chunks:
            self._places.setdefault((chunk.kind, chunk.id), []).append((pack, chunk))

    def ids(self, kind):
        return [name for found, name in self._places if found == kind]

    def size(self, kind, name):
        """The length that the chunk tables tell; None for an unknown chunk."""
        places = self._places.get((kind, name))
        return places[0][1].size if places else None

    def read(self, kind, name, size=None):
        """The plaintext of a chunk, from the first pack that gives it back whole."""
        failure = Damage(f"chunk {name.hex()} of kind {kind} is in no pack")
        for pack, chunk in self._places.get((kind, name), []):
            try:
                require(size is None or chunk.size == size, "a chunk has another length")
                block = self._block(pack, chunk.block)
                plain = block[chunk.offset : chunk.offset + chunk.size]
                require(self._bundle.chunk_id(kind, plain) == name, "a chunk is not what its id says")
                return plain
            except Damage as damage:
                failure = Damage(f"{pack.path}, block {chunk.block}: {damage}")
        raise failure

    def check_blocks(self, pack):
        """Decode every block of a pack and compare every chunk with its id."""
        for chunk in pack.chunks:
            block = self._block(pack, chunk.block)
            plain = block[chunk.offset : chunk.offset + chunk.size]
            found = self._bundle.chunk_id(chunk.kind, plain)
            require(found == chunk.id, f"chunk {chunk.id.hex()} is not what its id says")

    def _block(self, pack, index):
        if (pack.name, index) in self._decoded:
            self._decoded.move_to_end((pack.name, index))
            return self._decoded[pack.name, index]
        block = pack.blocks[index]
        with open(pack.path, "rb") as file:
            file.seek(block.offset)
            sealed = file.read(block.stored_bytes)
        name = "data" if pack.header.kind == DATA_PACK else "trees"
        key = self._bundle.object_key(pack.header, name, "blocks")
        aad = pack.header.raw + index.to_bytes(4, "little")
        encoded = open_sealed(pack.header.suite, key, index, aad, sealed)
        plain = decode_codec(block.codec, encoded, block.plain_bytes)
        self._decoded[pack.name, index] = plain
        if len(self._decoded) > BLOCKS_KEPT:
            self._decoded.popitem(last=False)
        return plain
