"""Every benchmark in one table. Those on real data run when the folder is given as the argument or GOVTOOL_BENCH_DATA."""

import itertools

import attacks
import attribute
import demo
import embeddings
import gradients
import ingest
import inversion
import ledger
import null
import privacy
import property as distribution
import references
import startup
import tabular_inversion
import training
from table import show

if __name__ == "__main__":
    show(
        itertools.chain(
            startup.rows(),
            ledger.rows(),
            ingest.rows(),
            attacks.rows(),
            null.rows(),
            attribute.rows(),
            inversion.rows(),
            tabular_inversion.rows(),
            embeddings.rows(),
            gradients.rows(),
            distribution.rows(),
            training.rows(),
            privacy.rows(100),
            references.rows(),
            demo.rows(),
        )
    )
