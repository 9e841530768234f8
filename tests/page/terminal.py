#!/usr/bin/env python3
"""Draws what a command printed as it looks in a terminal, as an SVG: `terminal.py COMMAND < OUTPUT > PICTURE`.
Dots of braille are drawn as dots, so that the picture looks the same whatever fonts there are."""
import re
import sys
from xml.sax.saxutils import escape

column, line, margin = 8, 17, 16
dots = [(0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2), (0, 3), (1, 3)]  # of a character's bits

lines = [f"$ {sys.argv[1]}"] + sys.stdin.read().rstrip("\n").split("\n")
width = 2 * margin + column * max(map(len, lines))
height = 2 * margin + line * len(lines)
texts, points = [], []
for row, text in enumerate(lines):
    top = margin + line * row
    for at, c in enumerate(text):
        for bit, (x, y) in enumerate(dots):
            if 0x2800 <= ord(c) < 0x2900 and (ord(c) - 0x2800) >> bit & 1:
                points.append(f"M{margin + column * at + 2 + 4 * x} {top + 2 + line / 4 * y:g}h0")
    plain = "".join(" " if 0x2800 <= ord(c) < 0x2900 else c for c in text)
    for word in re.finditer(r"\S+( \S+)*", plain):
        wide = column * len(word[0])
        texts.append(f'<text x="{margin + column * word.start()}" y="{top + 12}" textLength="{wide}">{escape(word[0])}</text>')
print(f'''<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}">
<style>
rect {{ fill: #fbfbfa }} text {{ fill: #1c2026; font: 13px ui-monospace, Menlo, Consolas, "DejaVu Sans Mono", monospace; white-space: pre }}
path {{ stroke: #3465a4; stroke-width: 2.6; stroke-linecap: round; fill: none }}
@media (prefers-color-scheme: dark) {{ rect {{ fill: #16181c }} text {{ fill: #e6e6e3 }} path {{ stroke: #7ba4dd }} }}
</style>
<rect width="100%" height="100%" rx="8"/>
{chr(10).join(texts)}
<path d="{"".join(points)}"/>
</svg>''')
