"""BLEU of a whole set of texts, by sacrebleu, in points from 0 to 100."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sacrebleu.metrics.bleu import BLEU


def bleu(outputs: Sequence[str], references: Sequence[Sequence[str]]) -> float:
    """Geometric mean of clipped 1- to 4-gram precisions, times the brevity penalty.

    As mteval-v13a: its tokens, no regard to case, the reference nearest in length (of two the
    shorter), no smoothing. A text may have any number of references.
    Source: Papineni et al. 2002, aclanthology.org/P02-1040; Post 2018, arXiv:1804.08771.
    """
    most = max(map(len, references))
    # sacrebleu takes None where a text has fewer references, though its annotation does not.
    columns: Any = [
        [refs[i] if i < len(refs) else None for refs in references] for i in range(most)
    ]
    # force: no warning about texts that are cut into words already, as LoRA's references are.
    scorer = BLEU(lowercase=True, tokenize="13a", smooth_method="none", force=True)
    return scorer.corpus_score(list(outputs), columns).score
