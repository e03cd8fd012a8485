"""Terms, and the index made of passages."""

import itertools
import json

import pytest
from d2l_errata.site.search import compact, index, split


@pytest.mark.parametrize(
    "text, terms",
    [
        ("梯度下降", ["梯度", "度下", "下降"]),
        ("秩", ["秩"]),
        ("求 x 的秩。", ["求", "x", "的秩"]),
        ("get_dummies", ["get_dummies"]),
        ("CrossEntropyLoss", ["crossentropyloss"]),
        ("torch.norm 弃用", ["torch", "norm", "弃用"]),
        ("用torch.norm的值。", ["用", "torch", "norm", "的值"]),
        ("见 11.6 节，共 12 条", ["见", "节", "共", "条"]),
        ("conv2d relu6", ["conv2d", "relu6"]),
        ("end. Next...", ["end", "next"]),
        ("", []),
    ],
)
def test_split(text, terms):
    assert split(text) == terms


PASSAGES = {
    "a/one": [["", "title", "1 动量", "梯度下降 get_dummies"], ["id2", "heading", "收敛", "梯度"]],
    "a/two": [["", "title", "2 范数", "谱"], ["lp", "erratum", "条件", "torch.norm"]],
    "b/three": [["", "title", "3 概率", "梯度 norm"]],
}


def steps(text):
    return list(itertools.accumulate(ord(step) - ord("0") for step in text))


def decoded(index):
    """Pages of each term, read as search.js reads them."""
    letters = index["letters"]
    pairs = [(letters[i] + letters[second]).strip() for i, seconds in enumerate(index["han"].split(",")) for second in steps(seconds)]
    return {term: steps(pages) for term, pages in zip(pairs + index["names"].split(" "), index["found"].split(","), strict=True)}


def test_index_knows_the_pages_of_each_term():
    made = json.loads(compact(index(PASSAGES)))
    pages = decoded(made)
    assert pages["梯度"] == [0, 2] and pages["谱"] == [1] and pages["norm"] == [1, 2] and pages["torch"] == [1]
    assert pages["get_dummies"] == [0] and pages["收敛"] == [0] and pages["条件"] == [1]
    expected = {term for content in PASSAGES.values() for _, _, heading, text in content for term in split(f"{heading}\n{text}")}
    assert pages.keys() == expected


def test_index_ranks_titles_headings_and_errata():
    assert index(PASSAGES)["pages"] == [
        ["a/one", "1 动量", ["收敛"], []],
        ["a/two", "2 范数", [], ["条件"]],
        ["b/three", "3 概率", [], []],
    ]


def test_many_pages_are_still_one_character_each():
    pages = decoded(index({f"p{n:03}": [["", "title", f"名{n}", "共有 x" if n in (0, 149, 150) else ""]] for n in range(151)}))
    assert pages["共有"] == pages["x"] == [0, 149, 150]
