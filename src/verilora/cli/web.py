"""`serve` and `registry export`: the pages of a registry, answered or written."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from verilora.cli.command import command
from verilora.cli.registry import Database, TrustFile
from verilora.cli.runs import Force
from verilora.cli.terminal import Terminal

Address = Annotated[
    str | None,
    typer.Option("--address", metavar="URL", help="How the site is reached from outside."),
]
SEED_KEY = "default"


def register(app: typer.Typer) -> None:
    """Adds the commands of this file; those of the registry's group are there already."""
    command(app, "serve", examples="verilora serve --port 8000")(serve)
    groups = {held.name: held.typer_instance for held in app.registered_groups}
    group = groups["registry"]
    assert group is not None
    command(
        group,
        "export",
        examples="verilora registry export site --address https://claims.example.org",
    )(export)


def serve(
    terminal: Terminal,
    *,
    database: Database = None,
    host: Annotated[
        str, typer.Option("--host", help="The address to listen on; 0.0.0.0 is everybody's.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", min=1, max=65535, help="The port.")] = 8000,
    address: Address = None,
    trust: TrustFile = None,
    workers: Annotated[
        int | None,
        typer.Option("--workers", min=1, max=64, help="Processes [one a core, at most 4]."),
    ] = None,
) -> None:
    """Serve the pages of the registry, for people and programs.

    An empty registry begins with a few claims: LoRA, QLoRA, RoPE, Switch Transformer, ResNet.
    Nothing is written by a request: records come in by `verilora registry add`.
    """
    serving = _web()
    count = serving.workers_for(database, workers)
    from verilora.claims.places import trust_path
    from verilora.claims.trust import load_trust
    from verilora.registry import Door, open_registry
    from verilora.registry.trusting import door_of
    from verilora.web.seed import seed

    whom = load_trust(trust) if trust is not None or trust_path().exists() else None
    door = Door() if whom is None else door_of(whom, require_trust=False)
    with open_registry(database, door=door) as registry:
        seeded = seed(registry, _seed_key())
        if seeded:
            terminal.note(f"the registry was empty and begins with {seeded} claims")
        shown = address or f"http://{_named(host)}:{port}"
        house = serving.Site(registry, shown.rstrip("/"), whom)
        told = f"{registry.url}\n{shown} (Ctrl-C ends it)"
        terminal.tell(told, mapping={"database": registry.url, "address": shown})
        terminal.resume = "the server has ended; nothing was changed"
        serving.serve(house, host=host, port=port, database=database, workers=count)


def export(
    terminal: Terminal,
    directory: Annotated[
        Path, typer.Argument(metavar="DIR", show_default=False, help="Where the files go.")
    ],
    *,
    address: Address = None,
    database: Database = None,
    force: Force = False,
) -> None:
    """Write the whole site as files, for any host that serves files.

    Everything but search and the questions that are posted. Pages link to each other by relative
    paths and can be opened from a disk; citations and frames name --address.
    """
    _web()
    from verilora.registry import open_registry
    from verilora.web.export import export as write
    from verilora.web.finding import Site

    with open_registry(database, make=False) as registry:
        house = Site(registry, (address or Site.address).rstrip("/"))
        count, url = write(house, directory, overwrite=force), registry.url
    told = f"{count:,} files in {directory}"
    terminal.tell(told, mapping={"database": url, "directory": str(directory), "files": count})


def _web() -> Any:
    """The server's module. Raises MissingExtraError where the extra is not installed."""
    from verilora.errors import MissingExtraError

    try:
        from verilora.web import serve as serving
    except ModuleNotFoundError as error:
        raise MissingExtraError(
            f"pages need the package '{error.name}', which is not installed; "
            "pip install 'verilora[web]'",
            extra="web",
        ) from error
    return serving


def _seed_key() -> Any:
    """The user's own key where it needs no passphrase, else one for this once."""
    from verilora.claims.keys import find_key, load_key, make_key
    from verilora.claims.places import key_folder
    from verilora.errors import VeriloraError

    try:
        return load_key(find_key(SEED_KEY, key_folder()))
    except VeriloraError:
        return make_key("seed")


def _named(host: str) -> str:
    """The host in an address that a browser takes."""
    if host in ("0.0.0.0", "::"):
        return "localhost"
    return f"[{host}]" if ":" in host else host
