"""Write reports/scale: tables and a picture of how long workers wait for the runner."""

import math

from PIL import Image, ImageDraw

from benchmarks.scale_text import TEXT
from benchmarks.study_curves import PANEL, SCALE, SOFT, Panel
from harness.core.files import read_json, write_json, write_text

TICKS = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000, 20_000)
KINDS = {"ask": "Asking for a trial", "report": "Reporting a rung", "tell": "Telling an end"}
COLOURS = ((208, 84, 18), (90, 140, 40), (0, 92, 175), (120, 60, 160), (200, 0, 80), (60, 60, 60))
PRESENT = "now"
"""Begins the names of the cases that the picture shows."""

PLACES = (250, 1000, 1250, 2500, 5000, 10_000)


def keep(out, key, value):
    """Add a value to results.json in a folder."""
    path = out / "results.json"
    results = read_json(path) if path.exists() else {}
    write_json(path, results | {key: value})


def write_report(out):
    """Write README.md and waits.png from results.json in a folder."""
    results = read_json(out / "results.json")
    spread, proposals, learning = (
        results.pop(key, []) for key in ("spread", "proposals", "learning")
    )
    present = {
        name.removeprefix(f"{PRESENT} "): case
        for name, case in results.items()
        if name.startswith(f"{PRESENT} ") and full_bins(case)
    }
    if present:
        draw_waits(present).save(out / "waits.png")
    tables = {
        "waits": wait_table(results),
        "spread": spread_table(spread),
        "proposals": proposal_table(proposals),
        "learning": learning_table(learning),
    }
    write_text(out / "README.md", TEXT.format(**{k: "\n".join(v) for k, v in tables.items()}))


def full_bins(case):
    """Return the bins in which trials began, the last one only if it is as large as the others."""
    return [each for each in case["bins"] if each["ask"] and each["asked"] >= 20]


def bin_at(case, begun):
    """Return the bin in which that many trials had begun; None if the case did not get there."""
    found = [each for each in full_bins(case) if each["begun"] >= begun]
    return found[0] if found else None


def wait_table(cases):
    """Return a Markdown table of waits at some numbers of trials."""
    lines = [
        "| case | trials begun | ask | report | tell | processor: ask, report, tell | "
        "trials an hour | memory |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for name, case in cases.items():
        found = [each for each in (bin_at(case, place) for place in PLACES) if each]
        found += full_bins(case)[-1:]
        for each in {row["begun"]: row for row in found}.values():
            lines.append(f"| {name} | {each['begun']:,} | {_row(each)} |")
    return lines


def _row(each):
    waits = [_wait(each[kind]) for kind in KINDS]
    cpu = ", ".join(
        f"{each[kind]['cpu_median_ms']:.0f}" if "cpu_median_ms" in (each[kind] or {}) else "-"
        for kind in KINDS
    )
    settled = each["told"] >= 0.8 * each["asked"] and "cpu_seconds" in each
    rate = f"{3600 * each['asked'] / each['cpu_seconds']:,.0f}" if settled else "-"
    return " | ".join([*waits, cpu, rate, f"{each['memory_megabytes']} MiB"])


def _wait(wait):
    return f"{wait['median_ms']:.0f} ({wait['p95_ms']:.0f})" if wait else "-"


def spread_table(rows):
    """Return a Markdown table of how far apart proposals lie."""
    if not rows:
        return []
    lines = [
        "| sampler | workers | proposals | same as a running one | nearest running: median | "
        "5 % are nearer than | nearest of the last 63: median |",
        "|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        cells = (
            row["sampler"],
            row["workers"],
            row["proposals"],
            row["same_as_running"],
            row["nearest_running_median"] or "-",
            row["nearest_running_p5"] or "-",
            row["nearest_of_last_63_median"],
        )
        lines.append("| " + " | ".join(map(str, cells)) + " |")
    return lines


def proposal_table(rows):
    """Return a Markdown table of what a proposal costs TPE."""
    if not rows:
        return []
    kinds = [key for key in rows[0] if key != "trials"]
    lines = [f"| ended trials | {' | '.join(kinds)} |", "|---" * (len(kinds) + 1) + "|"]
    for row in rows:
        lines.append(f"| {row['trials']:,} | {' | '.join(f'{row[k]:.0f} ms' for k in kinds)} |")
    return lines


def learning_table(rows):
    """Return a Markdown table of how good proposals are by how many others TPE is shown."""
    lines = [
        "| ended trials | weaker ones shown | invented score (lower is better) | a proposal |",
        "|---|---|---|---|",
    ]
    for row in rows:
        score = f"{row['mean']:.3f} ± {row['error']:.3f}"
        shown = f"{row['ended']:,} | {row['others']:,}"
        lines.append(f"| {shown} | {score} | {row['milliseconds']:.0f} ms |")
    return lines


def draw_waits(cases):
    """Return a picture: a panel for each kind of wait, a line for each case."""
    picture = Image.new("RGB", (len(KINDS) * PANEL[0] * SCALE, PANEL[1] * SCALE), "white")
    draw = ImageDraw.Draw(picture)
    lines = {
        kind: {
            name: [
                (each["begun"], each[kind]["cpu_median_ms"])
                for each in full_bins(case)
                if "cpu_median_ms" in (each[kind] or {})
            ]
            for name, case in cases.items()
        }
        for kind in KINDS
    }
    values = [y for each in lines.values() for points in each.values() for _, y in points]
    trials = [x for each in lines.values() for points in each.values() for x, _ in points]
    limits = 10 ** math.floor(math.log10(min(values))), 10 ** math.ceil(math.log10(max(values)))
    for index, (kind, title) in enumerate(KINDS.items()):
        across = (min(trials) * 0.9, max(trials) * 1.1)
        panel = Panel(draw, index * PANEL[0], across, limits, log_y=True)
        panel.frame(
            f"{title}: median ms of processor time",
            [tick for tick in TICKS if across[0] <= tick <= across[1]],
            [tick for tick in TICKS if limits[0] <= tick <= limits[1]],
            unit="trials begun (logarithmic)",
        )
        drawn = {name: points for name, points in lines[kind].items() if points}
        for place, (name, points) in enumerate(drawn.items()):
            panel.curve(points, COLOURS[place % len(COLOURS)], 1.8)
            y = panel.top + 8 + 18 * place
            panel.line([(panel.left + 12, y), (panel.left + 34, y)], COLOURS[place], 2.5)
            panel.text((panel.left + 42, y), name, 13, SOFT, "lm")
    return picture.resize((len(KINDS) * PANEL[0], PANEL[1]), Image.Resampling.LANCZOS)
