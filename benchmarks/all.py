"""Every benchmark in one table. Those on real data run when the folder is given as the argument or GOVTOOL_BENCH_DATA."""

import itertools

import attacks
import demo
import ingest
import ledger
import startup
from table import show

if __name__ == "__main__":
    show(itertools.chain(startup.rows(), ledger.rows(), ingest.rows(), attacks.rows(), demo.rows()))
