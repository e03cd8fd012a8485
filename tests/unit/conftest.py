"""A small book in the shape of the real one, and errata of it."""

import json
import re
from pathlib import Path

import pytest
from d2l_errata.registry import Anchor, Erratum

ZH = r"""# 动量法
:label:`sec_momentum`

在 :numref:`sec_sgd`一节中，我们的目标是$h(\mathbf{x}) = (\mathbf{x} - \mathbf{Q}^{-1} \mathbf{c})$，
它的梯度是$\nabla h$，见 :cite:`Goh.2017`。
这是“第一行”，
它和第二行[**是一句话**]。
有一句话是多余的。还有一句没有说完。

:begin_tab:`mxnet`
我们用一个行向量`x`。
:end_tab:

:begin_tab:`pytorch`
我们用一个行向量`x`。
:end_tab:

```{.python .input}
#@tab mxnet
trainer = gluon.Trainer("sgd", {'lr': 0.005})
```

```{.python .input}
#@tab pytorch
trainer = torch.optim.SGD
d2l.train_concise_ch11(trainer, {'lr': 0.005,	"momentum": 0.9}, data_iter)
```

## 小结

最后一行的“的”没有换行"""

EN = r"""# Momentum
:label:`sec_momentum`

In :numref:`sec_sgd` the objective is $h(\mathbf{x}) = (\mathbf{x} - \mathbf{Q}^{-1} \mathbf{c})$,
and the gradient is the vector $\nabla h$ of the function.

```{.python .input}
%%tab pytorch
trainer = torch.optim.SGD
```

The "last" line of the page
"""

PANDAS = """# 数据预处理

我们的数据。

```{.python .input}
#@tab pytorch
inputs = inputs.fillna(inputs.mean())
print(inputs)
```
"""

FILES = {
    "zh": {"chapter_optimization/momentum.md": ZH, "chapter_preliminaries/pandas.md": PANDAS},
    "en": {"chapter_optimization/momentum.md": EN},
}


def entry(id, find, replace, *, file="chapter_optimization/momentum.md", edition="zh", kind="prose", section="11.6", **fields):
    """An erratum with one anchor."""
    texts = {"added": "2026-11-21", "where": "第一段", "title": "例子", "book": "书", "fixed": "我们"}
    judged = {"severity": "wrong", "evidence": "executed"}
    return Erratum(id=id, section=section, kind=kind, editions={edition: Anchor(file, find, replace)}, **texts, **judged, **fields)


ERRATA = (
    entry("momentum-sign", r"(\mathbf{x} - \mathbf{Q}^{-1} \mathbf{c})", r"(\mathbf{x} + \mathbf{Q}^{-1} \mathbf{c})", kind="math"),
    entry("momentum-lines-joined", "“第一行”，\n它和第二行[**是一句话**]", "“第一行”和第二行[**是一句话**]"),
    entry("momentum-sentence-dropped", "有一句话是多余的。还有一句没有说完。", "还有一句没有说完。"),
    entry("momentum-sentence-added", "$\\nabla h$，见", "$\\nabla h$，见\n（\"另见\"\t第3章）", kind="translation"),
    entry("momentum-tab", ":begin_tab:`pytorch`\n我们用一个行向量", ":begin_tab:`pytorch`\n我们用一个\n向量"),
    entry("momentum-code", "{'lr': 0.005,\t\"momentum\"", "{'lr': 0.0025,\t\"momentum\"", kind="code"),
    entry("momentum-last-line", "“的”没有换行", "“的”没有\n换行"),
    entry(
        "pandas-mean",
        "#@tab pytorch\ninputs = inputs.fillna(inputs.mean())",
        "#@tab pytorch\ninputs = inputs.fillna(inputs.mean(numeric_only=True))",
        file="chapter_preliminaries/pandas.md",
        section="2.2",
        kind="drift",
        since={"pandas": "2.0"},
        message=('can only concatenate str (not "int") to str', "Cannot perform reduction 'mean' with string dtype"),
    ),
    entry(
        "pandas-dummies", "get_dummies()", "get_dummies(dtype=int)",
        file="chapter_preliminaries/lookup-api.md", section="2.7", kind="drift",
        message=("can't convert np.ndarray of type numpy.object_",),
    ),
    entry("momentum-sign-en", r"(\mathbf{x} - \mathbf{Q}", r"(\mathbf{x} + \mathbf{Q}", edition="en", kind="math"),
    entry("momentum-vector-en", 'The "last" line', 'The “last” line', edition="en"),
)  # fmt: skip


def notebook(markdown, *, outputs=False, indent=1, ensure_ascii=False, lines=True):
    """The PyTorch notebook that d2lbook makes of a Markdown file, as nbformat writes it (or another program)."""
    markdown = re.sub(r":begin_tab:`(?!pytorch)\w+`\n.*?:end_tab:\n", "", markdown, flags=re.DOTALL)
    markdown = re.sub(r"^:(begin|end)_tab:.*\n", "", markdown, flags=re.MULTILINE)
    cells = []
    for number, part in enumerate(re.split(r"^```\{.python .input\}\n(.*?)\n```$", markdown, flags=re.DOTALL | re.MULTILINE)):
        if number % 2 and not re.match(r"(#@|%%)tab pytorch\n", part):
            continue
        source = re.sub(r"^(#@|%%)tab .*\n", "", part.strip("\n"))
        if not source:
            continue
        cell = {"cell_type": "markdown", "id": f"{number:08x}", "metadata": {"origin_pos": number}}
        if number % 2:
            cell = {"cell_type": "code", "execution_count": 1, "metadata": {}, "outputs": []}
            if outputs:
                data = {"image/png": "iVBORw0KGgo=\n", "text/plain": ["(\\mathbf{x} - \\mathbf{Q}^{-1} \\mathbf{c})\n", "“的”没有换行"]}
                cell["outputs"] = [{"data": data, "metadata": {}, "output_type": "display_data"}]
        cells.append({**cell, "source": re.findall(r"[^\n]*\n|[^\n]+", source) if lines else source})
    content = {"cells": cells, "metadata": {"language_info": {"name": "python"}}, "nbformat": 4, "nbformat_minor": 5}
    return json.dumps(content, indent=indent, ensure_ascii=ensure_ascii) + "\n"


#: Ways to write a copy: the format, and what is done to the text of each file.
WAYS = {
    "markdown": ("markdown", lambda text: text),
    "crlf": ("markdown", lambda text: text.replace("\n", "\r\n")),
    "bom": ("markdown", lambda text: "\ufeff" + text),
    "bom-crlf": ("markdown", lambda text: "\ufeff" + text.replace("\n", "\r\n")),
    "mixed": ("markdown", lambda text: text.replace("\n", "\r\n", text.count("\n") // 2)),
    "notebook": ("notebooks", notebook),
    "notebook-outputs": ("notebooks", lambda text: notebook(text, outputs=True)),
    "notebook-crlf": ("notebooks", lambda text: notebook(text, outputs=True).replace("\n", "\r\n")),
    "notebook-bom": ("notebooks", lambda text: "\ufeff" + notebook(text)),
    "notebook-ascii": ("notebooks", lambda text: notebook(text, ensure_ascii=True)),
    "notebook-html": ("notebooks", lambda text: notebook(text + "\n<b>").replace("'", "\\u0027").replace("<", "\\u003c")),
    "notebook-compact": ("notebooks", lambda text: notebook(text, indent=None)),
    "notebook-strings": ("notebooks", lambda text: notebook(text, lines=False)),
    "notebook-no-newline": ("notebooks", lambda text: notebook(text, indent=4).rstrip("\n")),
}


def write_copy(root, way="markdown", edition="zh", folder=""):
    """Write a copy of the small book; the path of its root."""
    format, convert = WAYS[way]
    for file, text in FILES[edition].items():
        path = Path(root, folder, file).with_suffix(".md" if format == "markdown" else ".ipynb")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(convert(text).encode("utf-8"))
    return Path(root)


class Book:
    """What the tests of copies share."""

    errata = ERRATA
    entry = staticmethod(entry)
    files = FILES
    notebook = staticmethod(notebook)
    write = staticmethod(write_copy)

    @staticmethod
    def bytes(root):
        """Every file of a folder."""
        return {path.relative_to(root).as_posix(): path.read_bytes() for path in sorted(root.rglob("*")) if path.is_file()}


@pytest.fixture(scope="session")
def book():
    return Book


@pytest.fixture(params=list(WAYS))
def way(request):
    return request.param
