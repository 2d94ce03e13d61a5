"""What must be known of an ONNX file before an engine opens it, found without the onnx package.

A tensor of a graph may lie in another file, named by a path. Not every ONNX Runtime keeps that path
within the model's folder, so a strange graph could read any file of this machine. A bundle's graph
has no such tensors, and one that does is refused. The walk follows the field numbers of onnx.proto
and skips the rest.
"""

from __future__ import annotations

import mmap
from collections.abc import Iterator
from pathlib import Path

# message -> {field number: message of the field}, the ways on which tensors are reached
FIELDS: dict[str, dict[int, str]] = {
    "model": {7: "graph", 20: "training", 25: "function"},
    "training": {1: "graph", 2: "graph"},
    "function": {7: "node", 11: "attribute"},
    "graph": {1: "node", 5: "tensor", 15: "sparse"},
    "node": {5: "attribute"},
    "attribute": {5: "tensor", 6: "graph", 10: "tensor", 11: "graph", 22: "sparse", 23: "sparse"},
    "sparse": {1: "tensor", 2: "tensor"},
    "tensor": {},
}
EXTERNAL_DATA, DATA_LOCATION = 13, 14  # of a tensor
VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5  # protobuf's wire types


def has_external_tensors(path: Path) -> bool:
    """Whether any tensor of an ONNX file lies outside it. ValueError for what is no ONNX file."""
    if path.stat().st_size == 0:
        raise ValueError("the file is empty")
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        # A list, not recursion: a hostile file nests without end.
        waiting = [("model", 0, len(data))]
        while waiting:
            kind, start, end = waiting.pop()
            for number, wire, at, value in _fields(data, start, end):
                if kind == "tensor" and number in (EXTERNAL_DATA, DATA_LOCATION) and value:
                    return True
                inner = FIELDS[kind].get(number)
                if inner and wire == BYTES:
                    waiting.append((inner, at, value))
    return False


def _fields(data: mmap.mmap, start: int, end: int) -> Iterator[tuple[int, int, int, int]]:
    """(number, wire type, start, end) of a message's fields; a varint's end is its value."""
    at = start
    while at < end:
        key, at = _varint(data, at, end)
        number, wire = key >> 3, key & 7
        if wire == VARINT:
            value, at = _varint(data, at, end)
            yield number, wire, at, value
        elif wire in (BYTES, FIXED64, FIXED32):
            if wire == BYTES:
                length, at = _varint(data, at, end)
            else:
                length = 8 if wire == FIXED64 else 4
            if at + length > end:
                raise ValueError("the file is cut short or not ONNX")
            yield number, wire, at, at + length
            at += length
        else:
            raise ValueError("the file is not ONNX")


def _varint(data: mmap.mmap, at: int, end: int) -> tuple[int, int]:
    """A protobuf varint, seven bits a byte, low bits first -> (value, position after it)."""
    value = 0
    for shift in range(0, 70, 7):
        if at >= end:
            break
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
    raise ValueError("the file is cut short or not ONNX")
