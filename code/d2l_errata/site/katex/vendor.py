"""Write the files of KaTeX that the site uses next to this script, from the package that npm gives: see README.md."""

import hashlib
import re
import sys
import tarfile
from pathlib import Path

HERE = Path(__file__).parent
#: Where each file goes: what the build runs or keeps stays here, what the site serves is in static/.
FILES = {
    "LICENSE": "LICENSE",
    "dist/katex.min.js": "katex.min.js",
    "dist/katex.min.css": "static/katex/katex.min.css",
    "dist/contrib/copy-tex.min.js": "static/katex/copy-tex.min.js",
}
FONT = re.compile(r"dist/(fonts/.+\.woff2)")
#: Every browser that can show the site reads woff2: the other formats of each font are not vendored.
OTHER_FORMATS = re.compile(rb",url\([^)]+\.(?:woff|ttf)\) format\(\"(?:woff|truetype)\"\)")


def vendored(package: Path) -> dict[str, bytes]:
    """The files to write, by their path below this folder."""
    files = {}
    with tarfile.open(package) as archive:
        for member in archive.getmembers():
            name = member.name.removeprefix("package/")
            font = FONT.fullmatch(name)
            if path := f"static/katex/{font[1]}" if font else FILES.get(name):
                content = archive.extractfile(member).read()
                files[path] = OTHER_FORMATS.sub(b"", content) if path.endswith(".css") else content
    return files


if __name__ == "__main__":
    files = vendored(Path(sys.argv[1]))
    for path, content in files.items():
        (HERE / path).parent.mkdir(parents=True, exist_ok=True)
        (HERE / path).write_bytes(content)
    sums = [f"{hashlib.sha256(content).hexdigest()}  {path}\n" for path, content in sorted(files.items())]
    (HERE / "SHA256SUMS").write_text("".join(sums), encoding="ascii")
