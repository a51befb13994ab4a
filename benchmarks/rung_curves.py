"""Draw FID at the rungs of unpruned trials, and how well each rung tells the end."""

import math

from PIL import Image, ImageDraw

from benchmarks.study_curves import COLOURS, INK, PANEL, SCALE, SOFT, Panel


def draw_rungs(records, rhos):
    """Return a picture: every trial's best FID so far, and Spearman's rho with its interval.

    Args:
        records: As `rung_correlation.collect` returns them.
        rhos: As `rung_correlation.correlations` returns them.
    """
    picture = Image.new("RGB", (2 * PANEL[0] * SCALE, PANEL[1] * SCALE), "white")
    draw = ImageDraw.Draw(picture)
    kimgs = [float(rung) for rung in rhos]
    _draw_trials(draw, records, kimgs)
    _draw_rhos(draw, rhos, kimgs)
    return picture.resize((2 * PANEL[0], PANEL[1]), Image.Resampling.LANCZOS)


def _draw_trials(draw, records, kimgs):
    curves = [
        (record["family"], [(float(k), rung["best"]) for k, rung in record["rungs"].items()])
        for record in records
    ]
    values = [value for _, points in curves for _, value in points]
    limits = (min(values) * 0.8, max(values) * 1.2)
    panel = Panel(draw, 0, (kimgs[0] * 0.8, kimgs[-1] * 1.2), limits, log_y=True)
    ticks = [t * 10.0**p for p in range(-3, 4) for t in (1, 2, 5)]
    ticks = [tick for tick in ticks if limits[0] <= tick <= limits[1]]
    panel.frame(f"Best FID so far, protocol {records[0]['protocol']}", kimgs, ticks)
    for family, points in curves:
        panel.curve(points, COLOURS.get(family, SOFT), 1.2)
    for record in records:
        for kimg, rung in record["rungs"].items():
            if rung["fid"] == rung["best"]:
                colour = COLOURS.get(record["family"], SOFT)
                panel.whisker(float(kimg), rung["interval"], colour)
    for index, (label, colour) in enumerate(COLOURS.items()):
        x, y = panel.right - 90, panel.top + 12 + 20 * index
        panel.line([(x, y), (x + 22, y)], colour, 2.5)
        panel.text((x + 30, y), label, 14, INK, "lm")


def _draw_rhos(draw, rhos, kimgs):
    low = min(0.0, math.floor(10 * min(entry["low"] for entry in rhos.values())) / 10)
    panel = Panel(draw, PANEL[0], (kimgs[0] * 0.8, kimgs[-1] * 1.2), (low, 1.0), log_y=False)
    steps = round((1.0 - low) * 5)
    ticks = [round(low + i / 5, 1) for i in range(steps + 1)]
    panel.frame("Rank correlation with the final FID (95 %)", kimgs, ticks)
    points = []
    for kimg, entry in zip(kimgs, rhos.values(), strict=True):
        panel.whisker(kimg, (entry["low"], entry["high"]), SOFT)
        points.append((kimg, entry["rho"]))
    panel.curve(points, COLOURS["dcgan"], 2.4)
