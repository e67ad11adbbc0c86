"""What `verify --level` looks at beyond signatures: numbers from predictions, weights, training.

Here, for the door alone may know both the archive, which checks, and the workshop, which computes.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from verilora import __version__
from verilora.cli.terminal import Terminal
from verilora.errors import DataError, VerificationError
from verilora.records.digests import digest_file

MATTERING = (
    *("torch", "transformers", "python", "machine", "cpu", "threads", "device", "gpu", "cuda"),
    "precision",
)
"""Of a run's environment: what the bytes of an adapter may depend on."""
TRAINED = ("adapter/adapter_model.safetensors", "weights.safetensors", "predictions.jsonl")
"""Files of a run that are compared when its recipe is run again."""


def look_further(
    terminal: Terminal, found: Any, *, wanted: Sequence[str], data: Path | None
) -> dict[str, Any]:
    """Level -> what it came to (`sentence` and facts), for every level wanted.

    Raises VerificationError ("verdict-mismatch") where numbers are not those signed, DataError
    where a level has nothing to look at.
    """
    looked: dict[str, Any] = {"signature": {"sentence": "digests and signature are in order"}}
    folder = found.path.parent
    if "recompute" in wanted:
        looked["recompute"] = _recompute(found, folder)
    if "evaluate" in wanted:
        looked["evaluate"] = _evaluate(terminal, folder, data=data)
    if "retrain" in wanted:
        looked["retrain"] = _retrain(terminal, folder)
    return looked


def _recompute(found: Any, folder: Path) -> dict[str, Any]:
    from verilora.reproduce.directory import Place
    from verilora.reproduce.recompute import faults_of, recompute

    if (folder / "preregistration.json").is_file():
        again, text = recompute(folder), Place(folder).paper_text()
        # The claim may have been written with the paper's text at hand or without.
        told = [list(_claimed_otherwise(found, again.document, paper_text=t)) for t in (None, text)]
        faults = [*again.faults, *min(told, key=len)]
        faults += _older_rules(again.document) if faults else []
        what = "every metric from the predictions, and the verdict from the runs"
    elif (folder / "run.json").is_file():
        faults = [*faults_of(folder), *_run_otherwise(found, folder)]
        what = "every metric from the predictions"
    else:
        raise DataError(
            f"{folder} holds no run and no reproduction, so that nothing in it can be computed "
            "again; --level signature is as far as it goes",
            file=folder,
            line=None,
        )
    _refuse(faults)
    return {"sentence": f"{what}: the same"}


def _claimed_otherwise(found: Any, document: Any, *, paper_text: str | None) -> Iterator[str]:
    """Where the signed record says other things than what the files give.

    Of a claim the words for what was run, its tags and its times are the signer's own; its number,
    its verdict and all that it rests on follow, and its confidence may be lower, never higher.
    """
    from verilora.claims.issue import claim_of

    if found.kind == "verdict" and found.record.digest != document.digest:
        yield "the verdict that was signed is not the one that the files give"
    claim = found.record
    if found.kind != "claim" or claim.performance is None:
        return
    given = claim_of(document, at=claim.published_at, paper_text=paper_text, subject=claim.subject)
    for name in ("predicate", "object"):
        if getattr(claim, name) != getattr(given, name):
            yield f"the claim's {name} is {getattr(claim, name)!r}, not {getattr(given, name)!r}"
    for name, value in dict(given.performance or {}).items():
        if getattr(claim.performance, name) != value:
            yield f"the claim's {name} is another than what the files give"
    if claim.confidence > given.confidence:
        yield f"the claim's confidence is {claim.confidence:g}; the rules give {given.confidence:g}"


def _older_rules(document: Any) -> Iterator[str]:
    """What may be why, where another version judged."""
    judged = document.verdict.agent_version if document.verdict else None
    if judged and judged != f"verilora {__version__}":
        yield f"{judged} judged it, this is verilora {__version__}, whose rules may differ"


def _run_otherwise(found: Any, folder: Path) -> Iterator[str]:
    from verilora.train.directory import RunDirectory

    held = RunDirectory(folder).finished()
    if found.kind == "run" and (held is None or held.digest != found.record.digest):
        yield "the run that was signed is not the one in run.json"


def _evaluate(terminal: Terminal, folder: Path, *, data: Path | None) -> dict[str, Any]:
    from verilora.cli.progress import drawn
    from verilora.train.agreement import evaluate_again

    told, faults = {}, []
    for run in _runs(folder):
        with drawn(terminal, f"evaluating {run.name}") as listen:
            agreement = evaluate_again(run, data=None if data is None else str(data), listen=listen)
        told[run.name] = agreement.to_mapping()
        if not agreement.agrees:
            faults.append(f"{run.name}: the weights give other numbers than run.json")
    _refuse(faults)
    numbers = "; ".join(_numbers(name, mapping["metrics"]) for name, mapping in told.items())
    ending = "as recorded" if data is None else f"on {data}, where nothing is compared"
    return {"sentence": f"{numbers}: {ending}", "runs": told}


def _retrain(terminal: Terminal, folder: Path) -> dict[str, Any]:
    from verilora.cli.progress import drawn
    from verilora.train.directory import RunDirectory
    from verilora.train.run import run as train

    told, sentences = {}, []
    for directory in _runs(folder):
        place = RunDirectory(directory)
        recipe, before = place.begun_with(), place.finished()
        if recipe is None or before is None:
            continue
        with (
            tempfile.TemporaryDirectory() as temporary,
            drawn(terminal, f"training {directory.name} again") as listen,
        ):
            after = train(recipe, Path(temporary) / "run", listen=listen)
            other = _other_files(directory, Path(temporary) / "run")
        same = not other and after.digests.adapter == before.digests.adapter
        same = same and after.digests.predictions == before.digests.predictions
        why = _circumstances(before.environment, after.environment)
        told[directory.name] = {"same_bytes": same, "circumstances": why}
        if not same and not why:
            _refuse([f"{directory.name}: the same recipe gives other weights on a like machine"])
        sentences.append(f"{directory.name}: {_bytes_told(same, why)}")
    return {"sentence": "; ".join(sentences), "runs": told}


def _other_files(before: Path, after: Path) -> list[str]:
    """Of the files that training leaves, those that are there and came out otherwise."""
    return [
        name
        for name in TRAINED
        if (before / name).is_file()
        and not (
            (after / name).is_file() and digest_file(before / name) == digest_file(after / name)
        )
    ]


def _bytes_told(same: bool, why: list[str]) -> str:
    if same:
        return "the recipe gives the same weights and predictions, to the byte"
    return f"other bytes, which cannot be held against it here: {', '.join(why)}"


def _circumstances(before: dict[str, str], after: dict[str, str]) -> list[str]:
    """What may change the bytes and is another here: "torch 2.13.0, was 2.12.0"."""
    return [
        f"{name} {after.get(name, 'none')}, was {before.get(name, 'none')}"
        for name in MATTERING
        if before.get(name) != after.get(name)
    ]


def _runs(folder: Path) -> list[Path]:
    if (folder / "run.json").is_file():
        return [folder]
    found = sorted(path.parent for path in folder.glob("*/run.json"))
    if not found:
        raise DataError(
            f"{folder} holds no run; the directory of a run or of a reproduction is wanted",
            file=folder,
            line=None,
        )
    return found


def _numbers(name: str, metrics: dict[str, float]) -> str:
    return f"{name} " + ", ".join(f"{metric} {value:.2f}" for metric, value in metrics.items())


def _refuse(faults: Sequence[str]) -> None:
    if faults:
        raise VerificationError("; ".join(faults), state="verdict-mismatch", faults=tuple(faults))
