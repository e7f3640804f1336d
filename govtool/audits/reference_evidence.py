"""What reference models answered, as evidence: bytes of their own that all attacks of a run name, stored once."""

import tempfile
from pathlib import Path

import numpy as np

from govtool.audits.reference_cache import unwritable
from govtool.audits.references import Trained
from govtool.digest import Sha256
from govtool.evidence.vault import Vault


def store(vault: Vault, trained: Trained, folder: Path) -> Sha256:
    """Put them into the vault as .npz, by way of a file in `folder`; never more than some MiB are in memory.

    Arrays: ``reference_members`` (references, audited records), ``reference_seeds`` (references,), each reading of
    `signals.READINGS` as ``reference_NAME`` (references, audited records) and ``population_NAME`` (references, population
    records). Nothing is compressed, so the same answers give the same bytes whatever library would compress them.

    Raises:
        WorkError: the folder or the vault cannot be written, or the disk is full.
    """
    found = trained.references
    arrays = {
        "reference_members": found.members,
        "reference_seeds": np.array(trained.seeds, dtype=np.int64),
        **{f"reference_{name}": values for name, values in found.readings.items()},
        **{f"population_{name}": values for name, values in found.population.items()},
    }
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        with tempfile.TemporaryFile(dir=folder) as stream:
            np.savez(stream, allow_pickle=False, **arrays)
            stream.seek(0)
            return vault.put_stream(stream).sha256
    except OSError as error:
        raise unwritable(folder, error) from error
