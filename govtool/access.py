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


# Closed under itself: what follows from a consequence stands here too.
_IMPLIES: dict[Access, frozenset[Access]] = {
    Access.WEIGHTS: frozenset(Access),
    Access.GRADIENTS: frozenset(),
    Access.LOGITS: frozenset({Access.PROBABILITIES, Access.LOGPROBS, Access.TOP_K, Access.LABELS}),
    Access.PROBABILITIES: frozenset({Access.LOGPROBS, Access.TOP_K, Access.LABELS}),
    Access.LOGPROBS: frozenset({Access.TOP_K, Access.LABELS}),
    Access.TOP_K: frozenset({Access.LABELS}),
    Access.EMBEDDINGS: frozenset(),
    Access.LABELS: frozenset(),
}


def reachable(exposed: frozenset[Access]) -> frozenset[Access]:
    """Everything that follows from what is exposed: who holds the weights can compute the rest."""
    return exposed.union(*(_IMPLIES[access] for access in exposed))
