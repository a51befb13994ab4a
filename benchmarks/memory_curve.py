"""Draw a worker's memory over its trials, with Pillow alone."""

import numpy as np
from PIL import Image, ImageDraw, ImageFont

SIZE = (900, 420)
LEFT, RIGHT, TOP, BOTTOM = 80, 30, 70, 60
SCALE = 3
INK, SOFT, GRID, LINE = (34, 40, 49), (104, 112, 124), (228, 231, 236), (0, 92, 175)


def growth_per_trial(memory):
    """Return the slope of the least-squares line through the second half, in MiB a trial."""
    half = np.asarray(memory[len(memory) // 2 :])
    return float(np.polyfit(np.arange(len(half)), half, 1)[0])


def draw_memory(memory):
    """Return a picture of memory (MiB) after each trial, on an axis that begins at 0."""
    picture = Image.new("RGB", (SIZE[0] * SCALE, SIZE[1] * SCALE), "white")
    draw = ImageDraw.Draw(picture)
    top = 250 * int(np.ceil(max(memory) * 1.1 / 250))
    width, height = SIZE[0] - LEFT - RIGHT, SIZE[1] - TOP - BOTTOM

    def place(trial, value):
        x = LEFT + width * (trial - 1) / max(len(memory) - 1, 1)
        return x * SCALE, (TOP + height * (1 - value / top)) * SCALE

    def text(x, y, words, size, colour, anchor):
        font = ImageFont.load_default(size * SCALE)
        draw.text((x * SCALE, y * SCALE), words, fill=colour, font=font, anchor=anchor)

    text(LEFT, 30, "Memory of one worker after each of its trials, MiB", 18, INK, "lm")
    for value in range(0, top + 1, 250):
        y = place(1, value)[1]
        draw.line([(LEFT * SCALE, y), ((SIZE[0] - RIGHT) * SCALE, y)], fill=GRID, width=SCALE)
        text(LEFT - 10, y / SCALE, f"{value:,}", 14, SOFT, "rm")
    for trial in {1, *range(10, len(memory) + 1, 10)}:
        text(place(trial, 0)[0] / SCALE, SIZE[1] - BOTTOM + 18, str(trial), 14, SOFT, "mm")
    text(LEFT + width / 2, SIZE[1] - 18, "trial", 14, SOFT, "mm")
    points = [place(trial, value) for trial, value in enumerate(memory, start=1)]
    draw.line(points, fill=LINE, width=2 * SCALE, joint="curve")
    return picture.resize(SIZE, Image.Resampling.LANCZOS)
