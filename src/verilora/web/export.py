"""The whole site as files: what a server would answer, to be put on any host of files.

Pages link to each other by relative paths, so that they can be read from a disk too. Search and
questions need a server and are not there. A page of claims is `claims-2.html`, and so on.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from verilora.atomic import staged_directory
from verilora.records.canonical import canonical_bytes
from verilora.registry.verdicts import Filter
from verilora.registry.views import Entry
from verilora.report.verdict import ARXIV
from verilora.web import data, sharing, site
from verilora.web.answers import citation
from verilora.web.app import create_app
from verilora.web.claim_page import FORMATS
from verilora.web.finding import Site
from verilora.web.limits import MOST
from verilora.web.links import HEX, envelope_path, payload_path
from verilora.web.page import files
from verilora.web.standing import state_of

ALL = Filter()
File = tuple[str, bytes]


def export(house: Site, directory: Path, *, overwrite: bool = False) -> int:
    """Writes the site to `directory`, whole or not at all; the number of files.

    Raises OutputError if it holds something, unless `overwrite` is true.
    """
    count = 0
    staged = staged_directory(directory, overwrite=overwrite, durable=False)
    with house.registry.at_once(), staged as stage:
        made: set[Path] = set()
        for path, content in every_file(house):
            target = stage / path
            if target.parent not in made:
                target.parent.mkdir(parents=True, exist_ok=True)
                made.add(target.parent)
            target.write_bytes(content)
            count += 1
    return count


def every_file(house: Site) -> Iterator[File]:
    """Every file of the site, by its path from the root."""
    yield from _fixed(house.at(0))
    yield from _lists(house.at(0))
    for kind, write in (("claim", _claim), ("verdict", _verdict), ("run", _run)):
        done: set[str] = set()
        for entry in _entries(house, kind):
            yield from write(house.at(1), entry, done=done)
            yield _signed(house, entry)
            yield payload_path(entry.digest)[1:], house.payload(_bare(entry.digest))
    yield from _papers(house)


def _fixed(house: Site) -> Iterator[File]:
    yield "index.html", site.home(house).encode()
    yield "methodology.html", site.methodology(house).encode()
    yield "anchors.html", site.anchors(house).encode()
    yield "tags.html", site.tags(house).encode()
    yield "index.json", data.home(house)
    yield "feed.atom", sharing.feed(house).encode()
    yield "api/v1/openapi.json", json.dumps(create_app(house).openapi()).encode()
    yield "api/v1/validator.json", data.validator()
    for name, content in (
        ("methodology", data.methodology()),
        ("anchors", data.anchors(house)),
        ("tags", data.tags(house)),
    ):
        yield from _twice(f"{name}.json", content)
    for path, content in files().items():
        yield path[1:], content


def _lists(house: Site) -> Iterator[File]:
    registry, inner = house.registry, house.at(1)
    for name, read, page in (
        ("claims", registry.claims, site.claims),
        ("papers", registry.papers, site.papers),
        ("verdicts", registry.verdicts, site.verdicts),
    ):
        yield from _numbered(name, read=read, render=_with(page, house))
    for path, content in (
        *_paged("claims", _answered(data.claims, house)),
        *_paged("papers", _answered(data.papers, house)),
        *_paged("verdicts", _answered(data.verdicts, house, wanted=ALL)),
    ):
        yield from _twice(path, content)
    for tag in registry.tags():
        yield from _numbered(
            f"tags/{tag.name}",
            read=_tagged(registry.claims, tag.name),
            render=_with(site.tag, inner, tag.name),
        )
        yield from _paged(f"tags/{tag.name}", _answered(data.claims, house, tag=tag.name))
        yield f"tags/{tag.name}.atom", sharing.feed(house, tag.name).encode()


def _numbered(stem: str, *, read: Callable[..., Any], render: Callable[..., str]) -> Iterator[File]:
    cursor: str | None = None
    number, name = 1, f"{stem}.html"
    while name:
        following = read(limit=MOST, cursor=cursor).next_cursor
        number += 1
        onward = f"{stem}-{number}.html" if following else ""
        shown = onward.rpartition("/")[2]
        yield name, render(cursor=cursor, onward=shown).encode()
        cursor, name = following, onward


def _paged(stem: str, read: Callable[[str | None], bytes]) -> Iterator[File]:
    """A list's answers; `next` in one is the name of the file that it goes on in."""
    cursor: str | None = None
    number, name = 1, f"{stem}.json"
    while name:
        content = json.loads(read(cursor))
        cursor, number = content.get("next"), number + 1
        onward = f"{stem}-{number}.json" if cursor else ""
        told = content | {"next": onward.rpartition("/")[2]} if onward else content
        yield name, canonical_bytes(told)
        name = onward


def _claim(house: Site, entry: Entry, *, done: set[str]) -> Iterator[File]:
    named = house.registry.claim(entry.digest)
    if named is None or named.id in done:
        return
    done.add(named.id)
    view = house.claim(named.id)
    state = state_of(view, house.verdict_of(view))
    related, links = house.registry.related(view.id), house.links
    yield f"claims/{view.id}.html", site.claim_of(house, view, related=related).encode()
    yield f"embed/{view.id}.html", site.embed_of(house, view).encode()
    yield f"badge/{view.id}.svg", sharing.badge_of(state, links).encode()
    content = data.claim_of(house, view, related=[one.in_short for one in related])
    yield from _twice(f"claims/{view.id}.json", content)
    for ending in FORMATS.values():
        cited = citation(view, links, format=sharing.CITED[ending][0])
        yield f"cite/{view.id}.{ending}", cited.encode()


def _verdict(house: Site, entry: Entry, *, done: set[str]) -> Iterator[File]:
    bare = _bare(entry.digest)
    yield f"verdicts/{bare}.html", site.verdict(house, bare).encode()
    yield f"verdicts/{bare}.json", data.verdict_document(house, bare)
    yield f"api/v1/verdicts/{bare}.json", data.verdict(house, bare)


def _run(house: Site, entry: Entry, *, done: set[str]) -> Iterator[File]:
    bare = _bare(entry.digest)
    yield f"runs/{bare}.html", site.run(house, bare).encode()
    yield f"runs/{bare}.json", data.run(house, bare)


def _papers(house: Site) -> Iterator[File]:
    for view in _all(house.registry.papers):
        arxiv_id = view.arxiv_id
        if not ARXIV.fullmatch(arxiv_id):
            continue  # a name of files is made of it
        inner = house.at(1 + arxiv_id.count("/"))
        yield f"papers/{arxiv_id}.html", site.paper(inner, arxiv_id).encode()
        yield from _twice(f"papers/{arxiv_id}.json", data.paper(house, arxiv_id))


def _signed(house: Site, entry: Entry) -> File:
    return envelope_path(entry.digest)[1:], house.envelope(_bare(entry.digest))


def _twice(path: str, content: bytes) -> Iterator[File]:
    yield path, content
    yield f"api/v1/{path}", content


def _entries(house: Site, kind: str) -> Iterator[Entry]:
    return _all(_tagged(house.registry.entries, kind))


def _all(read: Callable[..., Any]) -> Iterator[Any]:
    cursor: str | None = None
    while True:
        page = read(limit=MOST, cursor=cursor)
        yield from page.items
        cursor = page.next_cursor
        if cursor is None:
            return


def _tagged(read: Callable[..., Any], name: str) -> Callable[..., Any]:
    def read_some(*, limit: int, cursor: str | None) -> Any:
        return read(name, limit=limit, cursor=cursor)

    return read_some


def _answered(answer: Callable[..., bytes], house: Site, **asked: Any) -> Callable[..., bytes]:
    def read(cursor: str | None) -> bytes:
        return answer(house, limit=MOST, cursor=cursor, **asked)

    return read


def _with(page: Callable[..., str], house: Site, *names: str) -> Callable[..., str]:
    def render(*, cursor: str | None, onward: str) -> str:
        return page(house, *names, cursor=cursor, onward=onward)

    return render


def _bare(digest: str) -> str:
    return digest.removeprefix(HEX)
