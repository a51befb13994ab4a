"""Draw FID against the level of each disturbance, as small multiples, with Pillow alone."""

import math

from PIL import Image, ImageDraw, ImageFont

COLUMNS = 3
PANEL = (440, 320)
MARGIN = {"left": 62, "right": 18, "top": 46, "bottom": 62}
HEADER = 84
# Drawn larger and shrunk: Pillow's lines are not smooth by themselves.
SCALE = 3
INK, SOFT, GRID = (34, 40, 49), (104, 112, 124), (228, 231, 236)
COLOURS = ((0, 92, 175), (40, 140, 80), (150, 90, 190), (150, 150, 150), (208, 84, 18))


def draw_curves(disturbances, names):
    """Return one picture with a panel for each disturbance and a line for each extractor.

    Args:
        disturbances: As in results.json: title, unit, levels and fid of each.
        names: The extractors, in the order of their colours.
    """
    rows = math.ceil(len(disturbances) / COLUMNS)
    size = (COLUMNS * PANEL[0], HEADER + rows * PANEL[1])
    picture = Image.new("RGB", (size[0] * SCALE, size[1] * SCALE), "white")
    draw = ImageDraw.Draw(picture)
    _draw_header(draw, names)
    values = [v for entry in disturbances.values() for fid in entry["fid"].values() for v in fid]
    limits = (math.floor(math.log10(min(values))), math.ceil(math.log10(max(values))))
    for index, entry in enumerate(disturbances.values()):
        row, column = divmod(index, COLUMNS)
        _draw_panel(draw, (column * PANEL[0], HEADER + row * PANEL[1]), entry, names, limits)
    return picture.resize(size, Image.Resampling.LANCZOS)


def _draw_header(draw, names):
    draw_text(draw, (MARGIN["left"], 26), "FID of disturbed training images", 22, INK, "lm")
    subtitle = (
        "10,000 images against the validation split, logarithmic scale; first level: undisturbed"
    )
    draw_text(draw, (MARGIN["left"], 54), subtitle, 14, SOFT, "lm")
    for index, name in enumerate(names):
        column, row = divmod(index, 2)
        x, y = COLUMNS * PANEL[0] - 190 * (-(-len(names) // 2) - column), 26 + 26 * row
        draw_line(draw, [(x, y), (x + 34, y)], COLOURS[index], 2.5)
        _marker(draw, (x + 17, y), index)
        draw_text(draw, (x + 44, y), name, 15, INK, "lm")


def _draw_panel(draw, origin, entry, names, limits):
    left, top = origin[0] + MARGIN["left"], origin[1] + MARGIN["top"]
    right, bottom = origin[0] + PANEL[0] - MARGIN["right"], origin[1] + PANEL[1] - MARGIN["bottom"]
    draw_text(draw, (left, origin[1] + 28), entry["title"], 17, INK, "lm")
    low, high = limits

    def height(value):
        return bottom - (math.log10(value) - low) / (high - low) * (bottom - top)

    for power in range(low, high + 1):
        y = height(10.0**power)
        draw_line(draw, [(left, y), (right, y)], GRID, 1)
        draw_text(draw, (left - 8, y), f"{10.0**power:g}", 13, SOFT, "rm")
    draw_line(draw, [(left, top), (left, bottom), (right, bottom)], SOFT, 1.2)
    levels = entry["levels"]
    places = [left + 14 + i * (right - left - 28) / (len(levels) - 1) for i in range(len(levels))]
    for x, level in zip(places, levels, strict=True):
        draw_line(draw, [(x, bottom), (x, bottom + 4)], SOFT, 1.2)
        draw_text(draw, (x, bottom + 14), f"{level:g}", 13, SOFT, "mm")
    draw_text(draw, ((left + right) / 2, bottom + 36), entry["unit"], 14, INK, "mm")
    for index, name in enumerate(names):
        points = [(x, height(v)) for x, v in zip(places, entry["fid"][name], strict=True)]
        draw_line(draw, points, COLOURS[index], 2.5)
        for point in points:
            _marker(draw, point, index)


def _marker(draw, centre, index):
    """Draw a disc for the first line and a square for the second, for readers without colour."""
    x, y, r = centre[0] * SCALE, centre[1] * SCALE, 4 * SCALE
    shape = draw.ellipse if index == 0 else draw.rectangle
    shape([x - r, y - r, x + r, y + r], fill=COLOURS[index], outline="white", width=SCALE)


def draw_line(draw, points, colour, width):
    scaled = [(x * SCALE, y * SCALE) for x, y in points]
    draw.line(scaled, fill=colour, width=round(width * SCALE), joint="curve")


def draw_text(draw, place, text, size, colour, anchor):
    font = ImageFont.load_default(size * SCALE)
    draw.text((place[0] * SCALE, place[1] * SCALE), text, fill=colour, font=font, anchor=anchor)
