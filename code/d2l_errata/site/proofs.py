"""Proofs in Chinese: sphinx-proof writes the English word into the text of the proof, and gives all proofs one id."""

from __future__ import annotations

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective
from sphinx_proof.nodes import proof_node


class Proof(SphinxDirective):
    """``{prf:proof}``: a proof, headed 证明."""

    has_content = True

    def run(self) -> list[nodes.Node]:
        self.assert_has_content()
        box = nodes.admonition(classes=["proof"])
        self.state.nested_parse(self.content, self.content_offset, box)
        head = nodes.strong("", "证明")
        if isinstance(box.children[0], nodes.paragraph):
            box.children[0].insert(0, [head, nodes.Text("　")])
        else:
            box.insert(0, nodes.paragraph("", "", head))
        return [proof_node("", box)]


def setup(app: Sphinx) -> None:
    app.setup_extension("sphinx_proof")
    app.add_directive_to_domain("prf", "proof", Proof, override=True)
