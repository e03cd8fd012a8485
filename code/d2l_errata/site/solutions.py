"""Solutions as ``<details>``: a browser opens and closes them itself, finds what is in them, and shows nothing before it is asked for."""

from __future__ import annotations

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.writers.html5 import HTML5Translator
from sphinx_exercise.nodes import depart_solution_node, solution_node, visit_solution_node


def visit(self: HTML5Translator, node: solution_node) -> None:
    title, *content = node.children
    # The title's link leads to the exercise right above it; a reader who clicks there wants the solution.
    summary = f'<summary class="admonition-title">{self.encode(title.astext())}</summary>'
    self.body.append(self.starttag(node, "details", CLASS="admonition") + summary + "\n")
    for child in content:
        child.walkabout(self)
    self.body.append("</details>\n")
    raise nodes.SkipNode


def without_equal_ids(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    """Take out the ids that sphinx-exercise and sphinx-proof give the contents of every exercise, solution and theorem."""
    for section in doctree.findall(nodes.section):
        if section["ids"] in (["exercise-content"], ["solution-content"], ["proof-content"]):
            section["ids"] = []


def setup(app: Sphinx) -> None:
    app.setup_extension("sphinx_exercise")
    app.add_node(solution_node, override=True, html=(visit, None), latex=(visit_solution_node, depart_solution_node))
    app.connect("doctree-resolved", without_equal_ids)
