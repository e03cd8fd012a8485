"""Make the embedded font: ``python subset.py NotoSansCJK-Regular.ttc`` (needs fonttools; see README.md)."""

from __future__ import annotations

import sys
from pathlib import Path

from fontTools import subset
from fontTools.ttLib import TTCollection

FAMILY = "D2L Errata Sans SC"
RANGES = (
    (0x0020, 0x007E), (0x00A0, 0x00FF),                     # ASCII, Latin-1
    (0x0370, 0x03FF),                                       # Greek
    (0x2010, 0x205E), (0x2070, 0x209F),                     # general punctuation, super- and subscripts
    (0x2100, 0x214F), (0x2190, 0x22FF),                     # letter-like symbols, arrows, mathematical operators
    (0x2460, 0x2473), (0x25A0, 0x25FF), (0x2713, 0x2717),   # circled numbers, geometric shapes, ticks and crosses
    (0x3000, 0x303F), (0xFF00, 0xFFEF),                     # CJK punctuation, full-width forms
)  # fmt: skip


def characters() -> set[int]:
    """The code points kept: the ranges above and the 6763 hanzi of GB 2312, levels 1 and 2."""
    cells = (bytes([row, cell]).decode("gb2312", "ignore") for row in range(0xB0, 0xF8) for cell in range(0xA1, 0xFF))
    return {ord(hanzi) for hanzi in cells if hanzi} | {code for first, last in RANGES for code in range(first, last + 1)}


def main(source: str) -> None:
    """Write the subset of the Simplified Chinese face beside this script; equal sources give equal bytes."""
    fonts = TTCollection(source, recalcTimestamp=False).fonts
    font = next(face for face in fonts if face["name"].getDebugName(1) == "Noto Sans CJK SC")
    options = subset.Options(hinting=False, layout_features=[], name_IDs=["*"], notdef_outline=True)
    options.drop_tables += ["BASE", "DSIG", "GDEF", "GPOS", "GSUB", "VORG", "vhea", "vmtx"]
    subsetter = subset.Subsetter(options)
    subsetter.populate(unicodes=characters())
    subsetter.subset(font)

    # A derived font carries its own name; copyright, trademark and licence records (0, 7, 13, 14) stay.
    postscript = FAMILY.replace(" ", "")
    names = {1: FAMILY, 3: f"{postscript}-Regular", 4: f"{FAMILY} Regular", 6: f"{postscript}-Regular", 16: FAMILY}
    for record in list(font["name"].names):
        if record.nameID in names:
            font["name"].removeNames(nameID=record.nameID)
    for number, text in names.items():
        font["name"].setName(text, number, 3, 1, 0x409)
    cff = font["CFF "].cff
    cff.fontNames = [names[6]]
    cff.topDictIndex[0].FamilyName, cff.topDictIndex[0].FullName = FAMILY, names[4]
    font.save(Path(__file__).with_name(f"{postscript}.otf"))


if __name__ == "__main__":
    main(*sys.argv[1:])
