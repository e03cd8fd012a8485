"""Serves the built site as GitHub Pages does: packed, and kept by browsers for ten minutes."""

from __future__ import annotations

import functools
import gzip
import http.server
import io
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

#: What GitHub Pages packs; images other than SVG and fonts are packed already.
PACKED = {".html", ".css", ".js", ".json", ".svg", ".xml", ".txt"}


class Site(http.server.ThreadingHTTPServer):
    """The built site on a free port of this machine.

    Attributes:
        failed: requests that had no answer, with the page that asked. The browser's own events leave out the favicon.
    """

    def __init__(self, html: Path):
        super().__init__(("127.0.0.1", 0), functools.partial(Handler, directory=html))
        self.html = html
        self.address = f"http://127.0.0.1:{self.server_port}/"
        self.failed = []

    @property
    def pages(self) -> list[str]:
        return sorted(path.relative_to(self.html).as_posix() for path in self.html.rglob("*.html") if "_static" not in path.parts)


class Handler(http.server.SimpleHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def send_head(self):
        path = Path(self.translate_path(self.path))
        path = path / "index.html" if path.is_dir() else path
        if path.suffix not in PACKED or not path.is_file():
            return super().send_head()
        body = packed(path, path.stat().st_mtime_ns)
        self.send_response(200)
        self.send_header("Content-Type", self.guess_type(path))
        self.send_header("Content-Encoding", "gzip")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        return io.BytesIO(body)

    def end_headers(self):
        self.send_header("Cache-Control", "max-age=600")
        super().end_headers()

    def log_request(self, code="-", size="-"):
        if int(code) >= 400:
            self.server.failed.append(f"{urlsplit(self.headers['Referer'] or '').path}: {self.path} ({int(code)})")

    def log_message(self, format, *args):
        """Nothing: the server's log would hide what is to be said."""


@functools.cache
def packed(path: Path, changed: int) -> bytes:
    return gzip.compress(path.read_bytes(), compresslevel=6)


@contextmanager
def serving(html: Path) -> Iterator[Site]:
    """Serve the site until the block ends."""
    with Site(html) as site:
        thread = threading.Thread(target=site.serve_forever)
        thread.start()
        try:
            yield site
        finally:
            site.shutdown()
            thread.join()
