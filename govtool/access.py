"""What a deployment lets an outsider see, in the words of the attack literature."""

from enum import StrEnum


class Access(StrEnum):
    LABELS = "labels"
    TOP_K = "top_k"
    PROBABILITIES = "probabilities"
    LOGITS = "logits"
    LOGPROBS = "logprobs"
    EMBEDDINGS = "embeddings"
    WEIGHTS = "weights"
    GRADIENTS = "gradients"


_IMPLIES: dict[Access, frozenset[Access]] = {
    Access.WEIGHTS: frozenset({Access.GRADIENTS, Access.LOGITS, Access.PROBABILITIES, Access.TOP_K, Access.LABELS}),
    Access.GRADIENTS: frozenset(),
    Access.LOGITS: frozenset({Access.PROBABILITIES, Access.TOP_K, Access.LABELS}),
    Access.PROBABILITIES: frozenset({Access.TOP_K, Access.LABELS}),
    Access.LOGPROBS: frozenset({Access.TOP_K}),
    Access.TOP_K: frozenset({Access.LABELS}),
    Access.EMBEDDINGS: frozenset(),
    Access.LABELS: frozenset(),
}


def reachable(exposed: frozenset[Access]) -> frozenset[Access]:
    """Everything that follows from what is exposed: who holds the weights can compute the rest."""
    return exposed.union(*(_IMPLIES[access] for access in exposed)) if exposed else exposed
