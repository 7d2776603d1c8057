"""Makes InterSubset-Regular.ttf from Debian's fonts-inter (Inter-Regular.otf): keeps the characters a figure
needs, turns cubic outlines into quadratic ones and drops layout tables. Usage: make-font.py IN.otf OUT.ttf
Needs fonttools (pip install fonttools)."""
import sys
from fontTools import subset
from fontTools.pens.cu2quPen import Cu2QuPen
from fontTools.pens.ttGlyphPen import TTGlyphPen
from fontTools.ttLib import TTFont, newTable

CHARACTERS = [
    (0x20, 0x7E),      # ASCII
    (0xA0, 0x17F),     # Latin-1 and Latin Extended-A
    (0x391, 0x3A9),    # Greek capitals
    (0x3B1, 0x3C9),    # Greek small letters
    (0x2010, 0x2026),  # dashes, quotation marks, daggers, ellipsis
    (0x2070, 0x208E),  # superscripts and subscripts
    (0x2190, 0x2199),  # arrows
]
SINGLE = "\u2009\u202f‰′″€ℓΩ∂∅∆∏∑−√∞∫≈≠≤≥⇒"

source, target = sys.argv[1:]
font = TTFont(source, recalcTimestamp=False)
options = subset.Options(layout_features=[], name_IDs=[0, 1, 2, 3, 4, 5, 6, 13, 14], notdef_outline=True, hinting=False)
options.drop_tables += ["GSUB", "GPOS", "GDEF", "DSIG", "STAT"]
subsetter = subset.Subsetter(options)
characters = {c for first, last in CHARACTERS for c in range(first, last + 1)} | {ord(c) for c in SINGLE}
subsetter.populate(unicodes=characters)
subsetter.subset(font)

order, outlines = font.getGlyphOrder(), font.getGlyphSet()
glyf = newTable("glyf")
glyf.glyphOrder, glyf.glyphs = order, {}
for name in order:
    pen = TTGlyphPen(outlines)
    # At most 4 units of 2816 per em away from the cubic outline: 0.01 mm at a font size of 7 mm.
    outlines[name].draw(Cu2QuPen(pen, max_err=4.0, reverse_direction=True))
    glyf.glyphs[name] = pen.glyph()
font["loca"], font["glyf"] = newTable("loca"), glyf
for name in order:
    glyf[name].recalcBounds(glyf)
font["hmtx"].metrics = {n: (a, getattr(glyf[n], "xMin", 0)) for n, (a, _) in font["hmtx"].metrics.items()}
for tag in ("CFF ", "VORG"):
    if tag in font:
        del font[tag]
font["maxp"].tableVersion = 0x00010000
for field in ("maxZones", "maxTwilightPoints", "maxStorage", "maxFunctionDefs", "maxInstructionDefs",
              "maxStackElements", "maxSizeOfInstructions", "maxComponentElements"):
    setattr(font["maxp"], field, 0)
font["maxp"].maxZones = 1
font["post"].formatType = 3.0
font.sfntVersion = "\000\001\000\000"
for record in font["name"].names:
    if record.nameID in (1, 3, 4, 6):
        record.string = record.toUnicode().replace("Inter", "Inter Subset" if record.nameID != 6 else "InterSubset")
font.save(target)
