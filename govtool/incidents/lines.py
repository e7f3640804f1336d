"""Cuts a log into lines in one pass with bounded memory, keeping where each line lies. Inflates gzip as it reads."""

import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

CHUNK = 1 << 20
LONGEST = 16 << 20
"""A longer line is counted and located, but not loaded."""
GZIP = b"\x1f\x8b"
INFLATED = 1 << 16
"""Bytes inflated at once: as many may be lost before the place where a gzip stream is damaged."""
_RATIO = 300
"""Logs deflate to between a sixth and a thirtieth of their size; deflate's own limit is about 1,030."""
_SPARE = 1 << 30


@dataclass(frozen=True, slots=True)
class Line:
    """`data` without its line feed; None when the line is too long to load. Offsets count inflated bytes."""

    number: int
    offset: int
    length: int
    data: bytes | None


@dataclass
class Source:
    """The bytes of a log, inflated if they are gzip. `problem` says why reading ended before the end, if it did."""

    stream: BinaryIO
    compression: str = "none"
    problem: str = ""
    read: int = 0

    def pieces(self) -> Iterator[bytes]:
        first = self.stream.read(CHUNK)
        if first[:2] == GZIP:
            self.compression = "gzip"
            yield from self._inflated(first)
            return
        while first:
            self.read += len(first)
            yield first
            first = self.stream.read(CHUNK)

    def _inflated(self, data: bytes) -> Iterator[bytes]:
        """Streaming inflate of every gzip member; never more than INFLATED bytes at once, whatever the ratio."""
        inflater = zlib.decompressobj(wbits=31)
        taken = len(data)
        while data or not inflater.eof:
            try:
                piece = inflater.decompress(data, INFLATED)
            except zlib.error as error:
                self.problem = f"the gzip stream is damaged after {self.read} inflated bytes: {error}"
                return
            self.read += len(piece)
            if piece:
                yield piece
            if self.read > _SPARE + _RATIO * taken:
                self.problem = f"stopped after {self.read} inflated bytes: more than {_RATIO} times the file"
                return
            data = inflater.unused_data if inflater.eof else inflater.unconsumed_tail
            if not data:
                data = self.stream.read(CHUNK)
                taken += len(data)
            if inflater.eof and data:
                if not data.strip(b"\0"):  # padding after the last member is allowed (RFC 1952, gzip(1))
                    data = b""
                    continue
                inflater = zlib.decompressobj(wbits=31)
            elif not data and not piece and not inflater.eof:
                self.problem = f"the gzip stream ends early, after {self.read} inflated bytes"
                return


def cut(pieces: Iterator[bytes], longest: int = LONGEST) -> Iterator[Line]:
    """Lines ended by a line feed; the last one may lack it. Memory stays below `longest` plus one piece."""
    number = offset = length = 0
    held: list[bytes] = []
    for piece in pieces:
        parts = piece.split(b"\n")
        for part in parts[:-1]:
            number += 1
            length += len(part)
            data = None if length > longest else b"".join((*held, part)) if held else part
            yield Line(number, offset, length, data)
            offset += length + 1
            length, held = 0, []
        length += len(parts[-1])
        if length > longest:
            held = []
        elif parts[-1]:
            held.append(parts[-1])
    if length:
        yield Line(number + 1, offset, length, None if length > longest else b"".join(held))
