"""Reading a file that somebody wrote for us."""

from pathlib import Path

SPEC = 1 << 20
"""Bytes that a spec may have."""


def spec_bytes(spec: Path, most: int = SPEC) -> bytes:
    """One byte more than is allowed, so that whoever parses it refuses and we do not choke."""
    from govtool.evidence.vault import open_regular

    with open_regular(spec) as stream:
        return stream.read(most + 1)
