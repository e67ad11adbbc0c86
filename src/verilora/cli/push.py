"""`push`: the one command that uploads."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from verilora.cli.command import command
from verilora.cli.terminal import Terminal
from verilora.errors import OutputError


def register(app: typer.Typer) -> None:
    """Adds the commands of this file."""
    command(
        app,
        "push",
        examples="""
        verilora push runs/mrpc --to USER/roberta-mrpc-lora --dry-run
        verilora push adapter/ --to USER/NAME --private
        """,
    )(push)


def push(
    terminal: Terminal,
    directory: Annotated[
        Path,
        typer.Argument(metavar="DIR", show_default=False, help="An adapter, or a run's directory."),
    ],
    *,
    to: Annotated[
        str,
        typer.Option("--to", metavar="USER/NAME", show_default=False, help="Where on the hub."),
    ],
    private: Annotated[bool, typer.Option("--private", help="A repository that is private.")] = (
        False
    ),
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Tell what would be sent, and send nothing.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Send without asking.")] = False,
) -> None:
    """Send an adapter to the Hugging Face hub.

    Sends weights, config, verilora.json, the model card and the claim, where there is one, and
    nothing else; says so before, and asks. What verilora.json or the claim gives a digest of must
    still be that file. The token is that of `hf auth login` or HF_TOKEN.
    """
    from verilora.cli.contents import adapter_directory
    from verilora.handover.parcel import CLAIM, pack
    from verilora.handover.push import push as send
    from verilora.handover.push import refuse_name

    refuse_name(to)
    parcel = pack(adapter_directory(directory))
    if (parcel.directory / CLAIM).is_file():
        _refuse_unfit(parcel.directory / CLAIM)
    mapping = {"to": to, "private": private, **parcel.to_mapping()}
    if dry_run:
        told = f"would send to {to}\n{parcel}"
        terminal.tell(told, mapping={**mapping, "sent": False, "address": None})
        return
    terminal.note(f"to {to}{' (private)' if private else ''}\n{parcel}")
    if not yes:
        _ask(to)
    address = send(parcel, to, private=private)
    terminal.tell(f"sent  {address}", mapping={**mapping, "sent": True, "address": address})


def _ask(to: str) -> None:
    if not sys.stdin.isatty():
        raise OutputError("nobody is there to be asked: say --yes to send, or --dry-run to look")
    if not typer.confirm(f"Send this to {to}?", err=True):
        raise OutputError("nothing was sent")


def _refuse_unfit(envelope: Path) -> None:
    """Raises VerificationError if the claim is about other files than those beside it."""
    from verilora.claims.envelope import open_envelope
    from verilora.claims.predicates import read_predicate
    from verilora.claims.subjects import check_subjects

    opened = open_envelope(envelope.read_bytes(), name=str(envelope))
    _, record = read_predicate(opened)
    check_subjects(opened.statement, record, folder=envelope.parent, wanted=True)
