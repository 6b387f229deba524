#!/usr/bin/env python3
"""Makes a picture of a terminal: `tmux capture-pane -e -p | scripts/terminal-svg.py TITLE > picture.svg`.

Understands what tmux captures: text, and the SGR sequences for bold, dim and colours of the palette of 256.
"""
import re
import sys
from html import escape

CELL_WIDTH, LINE_HEIGHT, MARGIN, BAR = 8.4, 19, 18, 38
BACKGROUND, FOREGROUND, FRAME = "#0d1117", "#d6dde6", "#30363d"
PALETTE = (
    "#484f58 #ff7b72 #56d364 #e3b341 #79c0ff #d2a8ff #56d4dd #d6dde6 "
    "#6e7681 #ffa198 #7ee787 #f2cc60 #a5d6ff #e2c5ff #76e3ea #ffffff"
).split()


def color(number):
    """The colour of this number in the palette of 256."""
    if number < 16:
        return PALETTE[number]
    if number >= 232:
        return "#" + f"{8 + 10 * (number - 232):02x}" * 3
    levels = [0, 95, 135, 175, 215, 255]
    number -= 16
    return "#" + "".join(f"{levels[number // 6**i % 6]:02x}" for i in (2, 1, 0))


def spans(line, style):
    """The pieces of a line as (column, text, style); changes the style as the line says."""
    column = 0
    for piece in re.split(r"(\x1b\[[0-9;]*m)", line):
        if not piece.startswith("\x1b"):
            # Pictures fold runs of spaces: what stands between them is placed by itself.
            for words in re.finditer(r"\S+( \S+)*", piece):
                yield column + words.start(), words.group(), dict(style)
            column += len(piece)
            continue
        codes = [int(code or 0) for code in piece[2:-1].split(";")]
        while codes:
            code = codes.pop(0)
            if code == 0:
                style.clear()
            elif code in (1, 2):
                style["bold" if code == 1 else "dim"] = True
            elif code == 22:
                style.pop("bold", None), style.pop("dim", None)
            elif 30 <= code <= 37 or 90 <= code <= 97:
                style["fill"] = color(code - 30 if code < 90 else code - 82)
            elif code == 38 and codes[:1] == [5]:
                style["fill"] = color(codes[1])
                del codes[:2]
            elif code == 39:
                style.pop("fill", None)


def main():
    title = sys.argv[1]
    lines = sys.stdin.read().rstrip("\n ").split("\n")
    plain = [re.sub(r"\x1b\[[0-9;]*m", "", line).rstrip() for line in lines]
    width = round(2 * MARGIN + CELL_WIDTH * max(map(len, plain)))
    height = BAR + MARGIN + LINE_HEIGHT * len(lines)
    print(f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" role="img">')
    print(f"<title>{escape(title)}</title>")
    print(f'<rect x=".5" y=".5" width="{width - 1}" height="{height - 1}" rx="9" fill="{BACKGROUND}" stroke="{FRAME}"/>')
    for i, fill in enumerate(("#ff5f57", "#febc2e", "#28c840")):
        print(f'<circle cx="{20 + 20 * i}" cy="19" r="6" fill="{fill}"/>')
    fonts = "ui-monospace,SFMono-Regular,Menlo,Consolas,'DejaVu Sans Mono',monospace"
    print(f'<g font-family="{fonts}" font-size="14" fill="{FOREGROUND}">')
    style = {}
    for row, line in enumerate(lines):
        y = BAR + MARGIN + LINE_HEIGHT * row - 4
        for column, text, look in spans(line, style):
            x = MARGIN + CELL_WIDTH * column
            attributes = f'x="{x:.1f}" y="{y}" textLength="{CELL_WIDTH * len(text):.1f}" lengthAdjust="spacingAndGlyphs"'
            if "fill" in look:
                attributes += f' fill="{look["fill"]}"'
            if "bold" in look:
                attributes += ' font-weight="bold"'
            if "dim" in look:
                attributes += ' opacity=".6"'
            print(f"<text {attributes}>{escape(text)}</text>")
    print("</g>\n</svg>")


main()
