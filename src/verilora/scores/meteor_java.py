"""METEOR itself: the Java program that the caption scorer calls, from the package pycocoevalcap.

Equal words, stems, synonyms and paraphrases, with the program's own lexicons. Needs the extra
`meteor` and a Java runtime; nothing is fetched.
"""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from verilora.errors import MissingExtraError
from verilora.scores.words import words_of

JAR = "meteor-1.5.jar"
ARGUMENTS = ("-", "-", "-stdio", "-l", "en", "-norm")


def meteor(outputs: Sequence[str], references: Sequence[Sequence[str]]) -> float:
    """METEOR 1.5 for English over all texts, in points from 0 to 100, seconds for 630 texts.

    Each text counts with the reference that it scores best against; the score is that of the sums.
    Raises MissingExtraError without the program or without Java.
    Source: Denkowski and Lavie 2014, aclanthology.org/W14-3348.
    """
    with _running(*find_program()) as ask:
        scored = []
        for text, refs in zip(outputs, references, strict=True):
            # References first, then the text; no word holds the program's separator.
            words = (" ".join(words_of(one)) for one in (*refs, text))
            scored += ask(f"SCORE ||| {' ||| '.join(words)}", lines=1)
        # One answer for each text, and at last the one for all of them.
        answers = ask(f"EVAL ||| {' ||| '.join(scored)}", lines=len(scored) + 1)
    return 100 * float(answers[-1])


def find_program() -> tuple[str, Path]:
    """Java and METEOR's program. Raises MissingExtraError where one of them is not here."""
    return _java(), _jar()


@contextmanager
def _running(java: str, jar: Path) -> Iterator[Callable[..., list[str]]]:
    """The program, as a function from a line to as many lines of its answer as are wanted."""
    with (
        tempfile.TemporaryFile("w+") as complaints,
        subprocess.Popen(
            [java, "-Xmx2G", "-jar", str(jar), *ARGUMENTS],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=complaints,
            encoding="utf-8",
            cwd=jar.parent,
        ) as process,
    ):
        given, told = process.stdin, process.stdout
        assert given is not None and told is not None

        def ask(line: str, *, lines: int) -> list[str]:
            with suppress(BrokenPipeError):  # it has died; its complaints say why
                given.write(f"{line}\n")
                given.flush()
            answers = [told.readline().strip() for _ in range(lines)]
            if not all(answers):
                complaints.seek(0)
                raise MissingExtraError(f"METEOR's Java program ended: {complaints.read().strip()}")
            return answers

        try:
            yield ask
        finally:
            process.kill()
            with suppress(BrokenPipeError):
                given.close()


def _java() -> str:
    found = shutil.which("java")
    if found is None:
        raise MissingExtraError(
            "the metric 'meteor' is measured by a Java program, and there is no `java` on the "
            "PATH; install a Java runtime (8 or newer), or measure 'meteor_exact_stem'"
        )
    return found


def _jar() -> Path:
    package = importlib.util.find_spec("pycocoevalcap")
    places = package.submodule_search_locations if package else None
    found = [Path(place) / "meteor" / JAR for place in places or ()]
    for jar in found:
        if jar.is_file():
            return jar
    raise MissingExtraError(
        "the metric 'meteor' is measured by the Java program in the package pycocoevalcap, which "
        "is not installed: pip install 'verilora[meteor]' (104 MB), or measure 'meteor_exact_stem'"
    )
