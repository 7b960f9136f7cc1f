"""Whether the built site asks no other host for anything, and every picture and style of it is there.

python scripts/check_site.py site

Links that a reader follows may go anywhere; what a browser loads by itself must lie in the site. Broken links are
MkDocs' matter (``strict`` in ``mkdocs.yml``).
"""

from __future__ import annotations

import re
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

LOADED = {
    "script": ("src",),
    "img": ("src", "srcset"),
    "link": ("href",),
    "iframe": ("src",),
    "source": ("src", "srcset"),
    "video": ("src", "poster"),
    "audio": ("src",),
    "embed": ("src",),
    "object": ("data",),
}
"""Attributes that make a browser load something."""
NOT_LOADED = {"canonical", "next", "prev", "alternate"}
"""Kinds of ``<link>`` that are told to machines and not fetched by browsers."""


class _Loads(HTMLParser):
    """Addresses that a page loads by itself."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note what a tag loads."""
        given = dict(attrs)
        if tag == "link" and set((given.get("rel") or "").split()) & NOT_LOADED:
            return
        self.found += [value for name in LOADED.get(tag, ()) if (value := given.get(name))]


def faults(site: Path) -> list[str]:
    """What pages and styles load from elsewhere or in vain, a line each."""
    lines = []
    for page in sorted(site.rglob("*.html")):
        parser = _Loads()
        parser.feed(page.read_text(encoding="utf-8"))
        lines += [f"{page.relative_to(site)}: {said}" for one in parser.found if (said := _fault(one, page, site))]
    for style in sorted(site.rglob("*.css")):
        addresses = re.findall(r"(?:url\(|@import\s)\s*[\"']?([^\"')\s;]+)", style.read_text(encoding="utf-8"))
        lines += [f"{style.relative_to(site)}: {said}" for one in addresses if (said := _fault(one, style, site))]
    return lines


def _fault(address: str, page: Path, site: Path) -> str:
    """What is wrong with one address; empty if nothing is."""
    parts = urlsplit(address)
    if parts.scheme == "data" or not (parts.scheme or parts.netloc or parts.path):
        return ""
    if parts.scheme or parts.netloc:
        return f"loads {address} from another host"
    start = site if parts.path.startswith("/") else page.parent
    if (start / unquote(parts.path).lstrip("/")).exists():
        return ""
    return f"loads {address}, which is not there"


def main() -> int:
    """Print the faults of the site that is named; 1 if there are any."""
    if len(sys.argv) != 2 or not (site := Path(sys.argv[1])).is_dir():
        print("usage: python scripts/check_site.py SITE, a folder that mkdocs built", file=sys.stderr)
        return 2
    found = faults(site)
    for line in found:
        print(line, file=sys.stderr)
    return int(bool(found))


if __name__ == "__main__":
    sys.exit(main())
