"""RFC 6962 Merkle tree hashing and proofs: pure functions over hashes.

Leaf hash = SHA-256(0x00 || data), node hash = SHA-256(0x01 || left || right); a tree of n leaves splits at the largest
power of two smaller than n (RFC 6962 section 2.1). The prefixes keep a leaf from posing as a node.
"""

from collections.abc import Callable
from hashlib import sha256

EMPTY_ROOT = sha256(b"").digest()

Subtree = Callable[[int, int], bytes]
"""(level, idx) -> root of the perfect subtree over leaves [idx * 2^level, (idx + 1) * 2^level). Level 0 is a leaf hash."""


def leaf_hash(data: bytes) -> bytes:
    return sha256(b"\x00" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    return sha256(b"\x01" + left + right).digest()


def _split(n: int) -> int:
    return 1 << ((n - 1).bit_length() - 1)


class Frontier:
    """The roots of the perfect subtrees that tile the leaves seen so far: O(log n) hashes, enough for every root."""

    def __init__(self) -> None:
        self.size = 0
        self._tiles: list[bytes] = []  # largest first

    def add(self, leaf: bytes) -> list[tuple[int, int, bytes]]:
        """Take the next leaf hash; returns (level, idx, hash) of each subtree above the leaves that it completes."""
        completed, level, position = [], 0, self.size
        current = leaf
        while position & 1:
            current = node_hash(self._tiles.pop(), current)
            level, position = level + 1, position >> 1
            completed.append((level, position, current))
        self._tiles.append(current)
        self.size += 1
        return completed

    def root(self) -> bytes:
        if not self._tiles:
            return EMPTY_ROOT
        result = self._tiles[-1]
        for tile in reversed(self._tiles[:-1]):
            result = node_hash(tile, result)
        return result


def range_root(start: int, end: int, subtree: Subtree) -> bytes:
    """The hash MTH(D[start:end]); `start` must be a multiple of the range's enclosing power of two."""
    n = end - start
    if n == 0:
        return EMPTY_ROOT
    if n & (n - 1) == 0:
        level = n.bit_length() - 1
        return subtree(level, start >> level)
    middle = start + _split(n)
    return node_hash(range_root(start, middle, subtree), range_root(middle, end, subtree))


def root(size: int, subtree: Subtree) -> bytes:
    """The root of the first `size` leaves, from O(log size) stored subtrees."""
    return range_root(0, size, subtree)


def inclusion_proof(index: int, size: int, subtree: Subtree) -> list[bytes]:
    """PATH(m, D[n]) of RFC 6962 section 2.1.1: the audit path of leaf `index` in the tree of `size` leaves.

    Raises:
        ValueError: the leaf is not in that tree.
    """
    if not 0 <= index < size:
        raise ValueError(f"leaf {index} is not in a tree of {size}")

    def path(start: int, end: int) -> list[bytes]:
        n = end - start
        if n == 1:
            return []
        middle = start + _split(n)
        if index < middle:
            return [*path(start, middle), range_root(middle, end, subtree)]
        return [*path(middle, end), range_root(start, middle, subtree)]

    return path(0, size)


def root_from_inclusion(index: int, size: int, leaf: bytes, proof: list[bytes]) -> bytes:
    """The root that this proof leads to (RFC 9162 section 2.1.3.2).

    Raises:
        ValueError: the proof has the wrong length for this position.
    """
    if not 0 <= index < size:
        raise ValueError(f"leaf {index} is not in a tree of {size}")
    node, last, result = index, size - 1, leaf
    for sibling in proof:
        if last == 0:
            raise ValueError("the proof is too long")
        if node & 1 or node == last:
            result = node_hash(sibling, result)
            while not node & 1 and node:
                node, last = node >> 1, last >> 1
        else:
            result = node_hash(result, sibling)
        node, last = node >> 1, last >> 1
    if last:
        raise ValueError("the proof is too short")
    return result


def consistency_proof(old: int, new: int, subtree: Subtree) -> list[bytes]:
    """PROOF(m, D[n]) of RFC 6962 section 2.1.2: that the first `old` leaves of the tree of `new` are unchanged.

    Raises:
        ValueError: `old` is zero or larger than `new`.
    """
    if not 0 < old <= new:
        raise ValueError(f"no consistency proof from {old} to {new}")

    def subproof(m: int, start: int, end: int, whole: bool) -> list[bytes]:
        n = end - start
        if m == n:
            return [] if whole else [range_root(start, end, subtree)]
        k = _split(n)
        if m <= k:
            return [*subproof(m, start, start + k, whole), range_root(start + k, end, subtree)]
        return [*subproof(m - k, start + k, end, False), range_root(start, start + k, subtree)]

    return subproof(old, 0, new, True)


def verify_consistency(old: int, new: int, old_root: bytes, new_root: bytes, proof: list[bytes]) -> bool:
    """Whether the proof shows that the tree of `new` leaves extends the tree of `old` (RFC 9162 section 2.1.4.2)."""
    if old == new:
        return old_root == new_root and not proof
    if not 0 < old < new or not proof:
        return False
    path = list(proof) if old & (old - 1) else [old_root, *proof]
    node, last = old - 1, new - 1
    while node & 1:
        node, last = node >> 1, last >> 1
    first = second = path[0]
    for sibling in path[1:]:
        if last == 0:
            return False
        if node & 1 or node == last:
            first, second = node_hash(sibling, first), node_hash(sibling, second)
            while not node & 1 and node:
                node, last = node >> 1, last >> 1
        else:
            second = node_hash(second, sibling)
        node, last = node >> 1, last >> 1
    return last == 0 and first == old_root and second == new_root
