"""RFC 6962 hashing: the known tree of Certificate Transparency's own tests, and laws for every small size."""

from hashlib import sha256

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from govtool.evidence import merkle

LEAVES = [
    bytes.fromhex(text)
    for text in ("", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f")
]
ROOTS = (
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
)


def naive(leaves: list[bytes]) -> bytes:
    """MTH of RFC 6962 section 2.1, word for word."""
    if not leaves:
        return sha256(b"").digest()
    if len(leaves) == 1:
        return sha256(b"\x00" + leaves[0]).digest()
    k = 1
    while k * 2 < len(leaves):
        k *= 2
    return sha256(b"\x01" + naive(leaves[:k]) + naive(leaves[k:])).digest()


def over(leaves: list[bytes]) -> merkle.Subtree:
    return lambda level, idx: naive(leaves[idx << level : (idx + 1) << level])


def some(n: int) -> list[bytes]:
    return [bytes([i, n]) for i in range(n)]


@pytest.mark.parametrize("size", range(1, 9))
def test_known_roots(size: int) -> None:
    assert merkle.root(size, over(LEAVES)).hex() == ROOTS[size - 1]


def test_the_empty_tree_has_the_hash_of_nothing() -> None:
    assert merkle.root(0, over([])) == merkle.EMPTY_ROOT == sha256(b"").digest()
    assert merkle.Frontier().root() == merkle.EMPTY_ROOT


def test_known_inclusion_path_of_the_first_of_eight() -> None:
    path = [node.hex() for node in merkle.inclusion_proof(0, 8, over(LEAVES))]
    assert path == [
        "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
    ]


def test_known_consistency_path_from_six_to_eight() -> None:
    path = [node.hex() for node in merkle.consistency_proof(6, 8, over(LEAVES))]
    assert path == [
        "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ]


def test_every_leaf_of_every_small_tree_is_provable() -> None:
    for size in range(1, 34):
        leaves = some(size)
        for index in range(size):
            proof = merkle.inclusion_proof(index, size, over(leaves))
            assert merkle.root_from_inclusion(index, size, merkle.leaf_hash(leaves[index]), proof) == naive(leaves)


def test_every_small_tree_extends_every_smaller_one() -> None:
    leaves = some(20)
    for new in range(1, 21):
        for old in range(1, new + 1):
            proof = merkle.consistency_proof(old, new, over(leaves))
            assert merkle.verify_consistency(old, new, naive(leaves[:old]), naive(leaves[:new]), proof)


def test_the_frontier_gives_every_root_and_every_subtree() -> None:
    leaves, frontier = some(70), merkle.Frontier()
    for size, leaf in enumerate(leaves, 1):
        for level, idx, value in frontier.add(merkle.leaf_hash(leaf)):
            assert value == over(leaves)(level, idx)
        assert frontier.root() == naive(leaves[:size])


@settings(deadline=None)
@given(st.integers(2, 40), st.data())
def test_one_flipped_bit_breaks_an_inclusion_proof(size: int, data: st.DataObject) -> None:
    index, leaves = data.draw(st.integers(0, size - 1)), some(size)
    parts = [merkle.leaf_hash(leaves[index]), *merkle.inclusion_proof(index, size, over(leaves))]
    which, bit = data.draw(st.integers(0, len(parts) - 1)), data.draw(st.integers(0, 255))
    damaged = bytearray(parts[which])
    damaged[bit // 8] ^= 1 << bit % 8
    parts[which] = bytes(damaged)
    assert merkle.root_from_inclusion(index, size, parts[0], parts[1:]) != naive(leaves)


@settings(deadline=None)
@given(st.integers(2, 40), st.data())
def test_one_flipped_bit_breaks_a_consistency_proof(new: int, data: st.DataObject) -> None:
    old, leaves = data.draw(st.integers(1, new - 1)), some(new)
    parts = [naive(leaves[:old]), naive(leaves), *merkle.consistency_proof(old, new, over(leaves))]
    which, bit = data.draw(st.integers(0, len(parts) - 1)), data.draw(st.integers(0, 255))
    damaged = bytearray(parts[which])
    damaged[bit // 8] ^= 1 << bit % 8
    parts[which] = bytes(damaged)
    assert not merkle.verify_consistency(old, new, parts[0], parts[1], parts[2:])


@settings(deadline=None)
@given(st.integers(1, 40), st.data())
def test_a_proof_of_another_length_is_refused(size: int, data: st.DataObject) -> None:
    index, leaves = data.draw(st.integers(0, size - 1)), some(size)
    proof = merkle.inclusion_proof(index, size, over(leaves))
    with pytest.raises(ValueError, match="too long"):
        merkle.root_from_inclusion(index, size, merkle.leaf_hash(leaves[index]), [*proof, b"\0" * 32])
    if proof:
        with pytest.raises(ValueError, match="too short"):
            merkle.root_from_inclusion(index, size, merkle.leaf_hash(leaves[index]), proof[:-1])


def test_a_rewritten_history_is_not_an_extension() -> None:
    leaves, other = some(9), [b"x", *some(9)[1:]]
    proof = merkle.consistency_proof(5, 9, over(other))
    assert not merkle.verify_consistency(5, 9, naive(leaves[:5]), naive(other), proof)


def test_a_leaf_cannot_pose_as_a_node() -> None:
    left, right = merkle.leaf_hash(b"a"), merkle.leaf_hash(b"b")
    assert merkle.leaf_hash(left + right) != merkle.node_hash(left, right)


@pytest.mark.parametrize(("old", "new"), [(0, 3), (4, 3), (-1, 2)])
def test_impossible_consistency_is_refused(old: int, new: int) -> None:
    with pytest.raises(ValueError, match="no consistency proof"):
        merkle.consistency_proof(old, new, over(some(4)))
    assert not merkle.verify_consistency(old, new, b"", b"", [b""])


@pytest.mark.parametrize("index", [-1, 3])
def test_a_leaf_outside_the_tree_has_no_proof(index: int) -> None:
    with pytest.raises(ValueError, match="not in a tree"):
        merkle.inclusion_proof(index, 3, over(some(3)))
    with pytest.raises(ValueError, match="not in a tree"):
        merkle.root_from_inclusion(index, 3, b"", [])
