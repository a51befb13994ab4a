"""Draw FID at the rungs and both losses of a study's trials, with Pillow alone."""

import math

from PIL import Image, ImageDraw, ImageFont

from harness.core.events import Progressed, RungScored

SCALE = 3
PANEL = (560, 404)
INK, SOFT, GRID = (34, 40, 49), (104, 112, 124), (228, 231, 236)
COLOURS = {"mlp": (208, 84, 18), "upsample": (90, 140, 40), "dcgan": (0, 92, 175)}
WINNER = (200, 0, 80)


class Panel:
    """Map values to places of one panel; both axes may be logarithmic."""

    def __init__(self, draw, left, x_limits, y_limits, *, log_y):
        self.draw, self.left, self.log_y = draw, left + 66, log_y
        self.right, self.top, self.bottom = left + PANEL[0] - 20, 80, PANEL[1] - 60
        self.x = [math.log10(value) for value in x_limits]
        self.y = [self._y(value) for value in y_limits]

    def _y(self, value):
        return math.log10(value) if self.log_y else value

    def place(self, x, y):
        across = (math.log10(x) - self.x[0]) / (self.x[1] - self.x[0])
        up = (self._y(y) - self.y[0]) / (self.y[1] - self.y[0])
        return (
            self.left + across * (self.right - self.left),
            self.bottom - min(max(up, 0), 1) * (self.bottom - self.top),
        )

    def frame(self, title, x_ticks, y_ticks, *, unit="kimg (logarithmic)"):
        self.text((self.left, 28), title, 17, INK, "lm")
        for tick in y_ticks:
            y = self.place(x_ticks[0], tick)[1]
            self.line([(self.left, y), (self.right, y)], GRID, 1)
            self.text((self.left - 8, y), f"{tick:g}", 13, SOFT, "rm")
        for tick in x_ticks:
            x = self.place(tick, y_ticks[0])[0]
            self.text((x, self.bottom + 14), f"{tick:g}", 13, SOFT, "mm")
        self.line([(self.left, self.top), (self.left, self.bottom)], SOFT, 1.2)
        self.line([(self.left, self.bottom), (self.right, self.bottom)], SOFT, 1.2)
        middle = (self.left + self.right) / 2
        self.text((middle, self.bottom + 38), unit, 14, INK, "mm")

    def legend(self, entries):
        """Name the colours in one row between title and plot, where no curve runs."""
        for index, (label, colour) in enumerate(entries):
            x, y = self.left + 118 * index, 56
            self.line([(x, y), (x + 22, y)], colour, 2.5)
            self.text((x + 30, y), label, 14, INK, "lm")

    def curve(self, points, colour, width):
        places = [self.place(x, y) for x, y in points]
        self.line(places, colour, width)
        for x, y in places if len(places) < 12 else []:
            self.dot(x, y, colour, width + 1.2)

    def whisker(self, x, interval, colour):
        """Draw a 95 % interval as an upright line with two feet."""
        if interval is None:
            return
        (across, low), (_, high) = (self.place(x, end) for end in interval)
        self.line([(across, low), (across, high)], colour, 1.2)
        for end in (low, high):
            self.line([(across - 4, end), (across + 4, end)], colour, 1.2)

    def dot(self, x, y, colour, radius):
        box = [(x - radius) * SCALE, (y - radius) * SCALE]
        self.draw.ellipse([*box, (x + radius) * SCALE, (y + radius) * SCALE], fill=colour)

    def line(self, points, colour, width):
        scaled = [(x * SCALE, y * SCALE) for x, y in points]
        self.draw.line(scaled, fill=colour, width=round(width * SCALE), joint="curve")

    def text(self, place, text, size, colour, anchor):
        font = ImageFont.load_default(size * SCALE)
        where = (place[0] * SCALE, place[1] * SCALE)
        self.draw.text(where, text, fill=colour, font=font, anchor=anchor)


def draw_learning_curves(histories, families, winner):
    """Return a picture: every trial's FID at its rungs, and the winner's losses.

    Args:
        histories: Events of each training by name.
        families: Family of each training by name.
        winner: Name of the winner.
    """
    picture = Image.new("RGB", (2 * PANEL[0] * SCALE, PANEL[1] * SCALE), "white")
    draw = ImageDraw.Draw(picture)
    scored = {
        name: [event for event in events if isinstance(event, RungScored)]
        for name, events in histories.items()
    }
    _draw_fids(draw, {name: rungs for name, rungs in scored.items() if rungs}, families, winner)
    _draw_losses(draw, [e for e in histories[winner] if isinstance(e, Progressed)])
    return picture.resize((2 * PANEL[0], PANEL[1]), Image.Resampling.LANCZOS)


def _draw_fids(draw, scored, families, winner):
    protocol = scored[winner][0].score.protocol
    curves = {
        name: [(event.kimg, event.score.value) for event in rungs]
        for name, rungs in scored.items()
    }
    kimgs = sorted({kimg for points in curves.values() for kimg, _ in points})
    values = [value for points in curves.values() for _, value in points]
    limits = (10 ** math.floor(math.log10(min(values))), 10 ** math.ceil(math.log10(max(values))))
    panel = Panel(draw, 0, (kimgs[0] * 0.8, kimgs[-1] * 1.2), limits, log_y=True)
    ticks = [t * 10.0**p for p in range(-3, 4) for t in (1, 2, 5)]
    ticks = [tick for tick in ticks if limits[0] <= tick <= limits[1]]
    rungs = [kimg for kimg in kimgs if sum(kimg == k for p in curves.values() for k, _ in p) > 2]
    panel.frame(
        f"FID at the rungs, 95 % intervals, protocol {protocol.fingerprint}", rungs or kimgs, ticks
    )
    for name, points in curves.items():
        if name != winner:
            panel.curve(points, COLOURS.get(families[name], SOFT), 1.1)
    for name, rungs in scored.items():
        colour = WINNER if name == winner else COLOURS.get(families[name], SOFT)
        for event in rungs:
            panel.whisker(event.kimg, event.score.interval, colour)
    panel.curve(curves[winner], WINNER, 2.6)
    panel.legend([*COLOURS.items(), ("winner", WINNER)])


def _draw_losses(draw, progress):
    top = max(max(e.generator_loss, e.discriminator_loss) for e in progress[1:])
    limits = (max(0.5, progress[1].kimg * 0.8), progress[-1].kimg * 1.1)
    panel = Panel(draw, PANEL[0], limits, (0, top * 1.05), log_y=False)
    step = 10 ** math.floor(math.log10(top)) / 2
    ticks = [step * i for i in range(int(top / step) + 1)]
    kimgs = [k for k in (1, 4, 16, 64, 256, 1024) if limits[0] <= k <= limits[1]]
    panel.frame("Mean losses of the winner", kimgs, ticks)
    lines = (("generator", "generator_loss", COLOURS["dcgan"]),)
    lines += (("discriminator", "discriminator_loss", COLOURS["mlp"]),)
    for _, field, colour in lines:
        points = [(e.kimg, getattr(e, field)) for e in progress if e.kimg >= limits[0]]
        panel.curve(points, colour, 1.8)
    panel.legend([(label, colour) for label, _, colour in lines])
