"""govtool audit embeddings: can texts be read back from stored vectors? Says how many, never which."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from govtool.cli.audit_risk import fresh
from govtool.cli.audit_words import exit_code, in_words, plain
from govtool.cli.output import JsonFlag, examples, note, show
from govtool.cli.progress import Progress
from govtool.cli.spec_file import spec_bytes

EXAMPLES = examples(
    "govtool audit embeddings notes-vectors@1 --spec embeddings.yaml",
    "govtool audit embeddings notes-vectors@1 --spec embeddings.yaml --trust-factory our_nets:embedder --json",
    "govtool audit embeddings notes-vectors@1 --spec embeddings.yaml --out recovered.txt",
)


def embeddings(
    vectors: Annotated[
        str, typer.Argument(metavar="DATASET@VERSION", help="The registered vectors, one row per text.")
    ],
    spec: Annotated[Path, typer.Option("--spec", help="The embeddings.yaml that says what they stand for.")],
    trust_factory: Annotated[
        list[str] | None,
        typer.Option(
            "--trust-factory", metavar="MODULE:FUNCTION", help="Build the embedder with it, which runs its code."
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", metavar="FILE.txt", help="Write the texts that were read back here: personal data. Must not exist."
        ),
    ] = None,
    as_json: JsonFlag = False,
) -> None:
    """Try to read texts back from stored vectors. Leaves 0 when any attack gave a usable figure, 4 when none did."""
    from govtool.attacks.embedding.catalog import EMBEDDING_ATTACKS
    from govtool.audits import embedding as audits
    from govtool.audits import embedding_spec
    from govtool.cli.context import open_workspace

    data = spec_bytes(spec)
    asked = audits.Asked(embedding_spec.parse(data, str(spec), EMBEDDING_ATTACKS), data, spec.resolve().parent)
    ws = open_workspace()
    with _kept(out) as tell, Progress() as progress:
        done = audits.run_audit(
            ws.write,
            ws.vault,
            vectors,
            asked,
            clock=ws.clock,
            by=ws.actor,
            progress=progress,
            trust_factory=trust_factory or (),
            tell=tell,
        )
    if out is not None:
        note(f"written: {out}; it holds what was read of each text, so keep it as you keep the texts")
    if done.status == "completed":
        note(f"next: govtool audit show {done.run_id}")
    show("audit.embeddings/1", plain(done), in_words(done), as_json=as_json, exit_code=exit_code(done))


@contextmanager
def _kept(out: Path | None) -> Iterator[Callable[[Sequence[Sequence[str]]], None] | None]:
    """Writes texts to a new file of the owner's; where the audit fails, no empty file is left."""
    if out is None:
        yield None
        return
    with fresh(out) as stream:
        try:
            yield lambda texts: stream.writelines(f"{' '.join(text)}\n" for text in texts)
        except BaseException:
            out.unlink()
            raise
