"""python -m benchmarks [NAME ...]: runs the named benchmarks, or all of them, and prints tables.

Each writes benchmarks/results/<name>.json. A benchmark whose data is not at hand says so.
"""

from __future__ import annotations

import argparse

from benchmarks import e2e, mrpc, registry, serving, web

BENCHMARKS = {
    "mrpc": mrpc.main,
    "e2e": e2e.main,
    "registry": registry.main,
    "serving": serving.main,
    "web": web.main,
}


def main() -> None:
    """Parses the names and runs them in order."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks")
    parser.add_argument("names", nargs="*", choices=[[], *BENCHMARKS], metavar="NAME")
    parser.add_argument("--mrpc", metavar="DIR", help="MRPC's files", default="../shared/data/mrpc")
    parser.add_argument("--e2e", metavar="DIR", help="E2E's files", default="../shared/data/e2e")
    parser.add_argument(
        "--stories", metavar="DIR", help="stories260K", default="../shared/models/stories260K"
    )
    parser.add_argument("--e2e-words", action="store_true", help="compare tokenizers instead")
    parser.add_argument("--e2e-outputs", metavar="FILE", help="score a system's texts instead")
    parser.add_argument("--out", metavar="DIR", help="where the runs go", default="runs/bench")
    parser.add_argument("--registry", metavar="FILE", help="the web's registry, made once and kept")
    arguments = parser.parse_args()
    for name in arguments.names or BENCHMARKS:
        BENCHMARKS[name](arguments)


if __name__ == "__main__":
    main()
