"""The bookmark that leads from a page of the book to ours."""

from __future__ import annotations

import json
from urllib.parse import quote

NAME = "翻到勘误"

#: Where the book is read. The English edition has the Chinese one's addresses for part of its sections.
HOSTS = ("zh.d2l.ai", "zh-v2.d2l.ai", "d2l.ai", "www.d2l.ai")
ELSEWHERE = "这个书签要在《动手学深度学习》的网页（zh.d2l.ai）上使用。"

#: Of the book's address only the section is kept: its anchors are not ours. A section without a page here is a row of the
#: map; so an old bookmark, too, leads to a page that has been added since.
SCRIPT = """
(() => {
  if (!HOSTS.includes(location.hostname)) return alert(ELSEWHERE);
  const section = location.pathname.slice(1).replace(/[.]html$/, "").replace(/[/]$/, "/index");
  location.href = SITE + (PAGES.includes(section) ? section + ".html" : "reference/map.html#" + section);
})()
"""


def address(site: str, pages: list[str]) -> str:
    """The bookmark's ``javascript:`` address.

    Args:
        site: where the site is published, with a slash at its end.
        pages: the sections that have a page, by their path in the book.
    """
    script = " ".join(SCRIPT.split())
    for name, value in {"HOSTS": HOSTS, "ELSEWHERE": ELSEWHERE, "SITE": site, "PAGES": pages}.items():
        script = script.replace(name, json.dumps(value, ensure_ascii=False, separators=(",", ":")))
    return "javascript:" + quote(script, safe="/:;,=()[]{}!?+&$*.-_")
