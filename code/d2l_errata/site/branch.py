"""The branch ``notebooks``, as a folder: ``python -m d2l_errata.site.branch book``.

The notebooks that the build has written, each at its page's path; a list of them; and what Binder installs to run them.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import click
from sphinx_external_toc.parsing import parse_toc_yaml

from .launch import places
from .notebooks import commit, page_url, project

README = """\
# 《动手学深度学习》勘误与补充：笔记本

[网站]({site})各页转换成的笔记本，连同执行的结果；由提交 [`{short}`]({repository}/commit/{commit}) 生成，请不要直接修改。

{pages}
"""


def entry(docname: str, title: str) -> str:
    """A page in the list of notebooks."""
    colab, binder, _ = (place.url for place in places(docname))
    return f"- [{title}]({docname}.ipynb)（[网页]({page_url(docname)})、[Colab]({colab})、[Binder]({binder})）"


def title(notebook: Path) -> str:
    """The title of a page, from its notebook."""
    cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    heading = next("".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown")
    return heading.partition("\n")[0].removeprefix("# ")


def write(docnames: list[str], html: Path, binder: Path, commit: str, folder: Path) -> None:
    """Write the branch.

    Args:
        docnames: the pages, in order.
        html: the built site, with the notebooks in it.
        binder: what Binder installs besides the package.
        commit: what the site was built from.
        folder: where to; what is there is removed.
    """
    shutil.rmtree(folder, ignore_errors=True)
    for docname in docnames:
        target = folder / f"{docname}.ipynb"
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(html / f"{docname}.ipynb", target)
    pages = "\n".join(entry(docname, title(folder / f"{docname}.ipynb")) for docname in docnames)
    site, repository = project("Homepage"), project("Repository")
    text = README.format(site=site, repository=repository, commit=commit, short=commit[:7], pages=pages)
    (folder / "README.md").write_text(text, encoding="utf-8")
    shutil.copytree(binder, folder / "binder")
    with (folder / "binder" / "requirements.txt").open("a", encoding="utf-8") as requirements:
        requirements.write(f"d2l-errata[pages] @ git+{repository}@{commit}\n")


@click.command(help=__doc__.splitlines()[0])
@click.argument("book", type=click.Path(exists=True, file_okay=False, path_type=Path))
def main(book: Path) -> None:
    """Write the folder ``_build/notebooks`` of a book that is built."""
    build = book / "_build"
    docnames = list(parse_toc_yaml(book / "_toc.yml"))
    write(docnames, build / "html", book.absolute().parent / "binder", commit(book.absolute()), build / "notebooks")
    print(f"{len(docnames)} notebooks in {build / 'notebooks'}")


if __name__ == "__main__":
    main()
