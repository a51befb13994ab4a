"""Ask who judges generators as a held-back extractor does: `python -m benchmarks.panel_agreement`.

Scores every generator that `benchmarks.kept_generators` keeps under each member of the panel and
under the extractor of the tests, which nothing was ever chosen by, and writes reports/panel: the
table, agreement of every set of judges with the held-back extractor, and a picture. What is scored
already is not scored again; with --tables only what is there is drawn anew.
"""

import argparse
import itertools
import json
import math
import statistics
import time
from pathlib import Path

import numpy as np
import scipy.stats
from PIL import Image, ImageDraw

from benchmarks.ablation import HELD_BACK
from benchmarks.curves import GRID, INK, SCALE, SOFT, draw_line, draw_text
from harness.core.files import read_json, write_json, write_text
from harness.metrics.extractors.panel import JUDGES

ROOT = Path(__file__).parents[1]
REPORT = ROOT / "reports" / "panel"
TRIED = ("fashion_cnn", "fashion_stacked", "fashion_turns")
SHOWN = (*TRIED, "fashion_pixels")
BEST = 15
COLOURS = {
    "dcgan": (0, 92, 175),
    "mlp": (150, 150, 150),
    "upsample": (208, 84, 18),
    "resnet": (40, 140, 80),
}


def score(folder, records, num_images):
    """Add the FID of each generator under each extractor to the records, saved as they come."""
    import keras

    from benchmarks.extractor_validation import Instrument
    from harness.data.datasets import load_dataset
    from harness.gan.sampling import Sampler, load_generator
    from harness.metrics.extractors.feature_extractor import load_extractor
    from harness.metrics.label_policy import draw_labels
    from tests.extractors.residual import load_second_extractor

    dataset = load_dataset("fashion_mnist")
    labels = draw_labels(dataset.validation.labels, num_images)
    extractors = [*map(load_extractor, SHOWN), load_second_extractor()]
    instruments = {e.name: Instrument(e, dataset.validation) for e in extractors}
    for file in sorted(folder.glob("*.keras")):
        record = records.setdefault(file.stem, {})
        missing = [name for name in instruments if name not in record.get("fid", {})]
        if not missing:
            continue
        name, _, mark = file.stem.rpartition("-")
        made = read_json(folder / f"{name}.json")
        images = Sampler(load_generator(file)).sample(noise_seed=7, labels=labels)
        record |= {"recipe": name, "kimg": int(mark), "family": made["family"]}
        for extractor in missing:
            began = time.process_time()
            value = instruments[extractor](images)
            record.setdefault("fid", {})[extractor] = round(value, 5)
            record.setdefault("seconds", {})[extractor] = round(time.process_time() - began, 2)
        write_json(REPORT / "generators.json", records)
        print(file.stem, record["fid"], flush=True)
        keras.backend.clear_session()


def panel_value(record, judges):
    """Return the geometric mean of a generator's FIDs under some judges."""
    return statistics.geometric_mean(record["fid"][judge] for judge in judges)


def agreement(records, judges):
    """Return how a set of judges agrees with the held-back extractor.

    Returns:
        Spearman's rho over all generators and over those that the held-back extractor finds best,
        and of the pairs of these the share whose ratio of values lies within 1.5 times of its.
    """
    found = sorted(records.values(), key=lambda record: record["fid"][HELD_BACK])
    held = np.array([record["fid"][HELD_BACK] for record in found])
    said = np.array([panel_value(record, judges) for record in found])
    pairs = itertools.combinations(range(min(BEST, len(found))), 2)
    off = [abs(math.log(said[i] / said[j]) - math.log(held[i] / held[j])) for i, j in pairs]
    return {
        "judges": list(judges),
        "rho_all": float(scipy.stats.spearmanr(said, held).statistic),
        "rho_best": float(scipy.stats.spearmanr(said[:BEST], held[:BEST]).statistic),
        "pairs_within_1.5": sum(each <= math.log(1.5) for each in off) / len(off),
    }


def draw(records, across, up, size=640):
    """Return a picture of all generators, one extractor against another, on logarithmic scales."""
    picture = Image.new("RGB", (size * SCALE, size * SCALE), "white")
    canvas = ImageDraw.Draw(picture)
    values = {
        axis: {name: record["fid"][axis] for name, record in records.items()}
        for axis in (across, up)
    }
    limits = {
        axis: (math.log10(min(v.values())) - 0.05, math.log10(max(v.values())) + 0.05)
        for axis, v in values.items()
    }
    left, right, top, bottom = 80, size - 30, 60, size - 70

    def place(axis, value):
        low, high = limits[axis]
        share = (math.log10(value) - low) / (high - low)
        return left + share * (right - left) if axis == across else bottom - share * (bottom - top)

    for axis in (across, up):
        low, high = limits[axis]
        for tick in (0.3, 0.5, 1, 2, 5, 10, 20, 50, 100, 200):
            if not low < math.log10(tick) < high:
                continue
            at = place(axis, tick)
            ends = [(at, top), (at, bottom)] if axis == across else [(left, at), (right, at)]
            draw_line(canvas, ends, GRID, 1)
            where = (at, bottom + 14) if axis == across else (left - 10, at)
            draw_text(canvas, where, f"{tick:g}", 12, SOFT, "mm" if axis == across else "rm")
    draw_text(canvas, ((left + right) / 2, bottom + 42), f"FID by {across}", 14, INK, "mm")
    draw_text(canvas, (left, 44), f"FID by {up}", 14, INK, "lm")
    draw_text(canvas, (left, 20), f"{len(records)} generators", 17, INK, "lm")
    for i, (family, colour) in enumerate(COLOURS.items()):
        _dot(canvas, (right - 300 + 80 * i, 20), colour, 5)
        draw_text(canvas, (right - 290 + 80 * i, 20), family, 13, INK, "lm")
    for name, record in records.items():
        at = (place(across, values[across][name]), place(up, values[up][name]))
        _dot(canvas, at, COLOURS[record["family"]], 3 + math.log10(record["kimg"]))
    return picture.resize((size, size), Image.Resampling.LANCZOS)


def _dot(canvas, at, colour, radius):
    x, y, r = at[0] * SCALE, at[1] * SCALE, radius * SCALE
    canvas.ellipse([x - r, y - r, x + r, y + r], fill=colour, outline="white", width=SCALE)


def describe(records, rows):
    """Return the page."""
    panel = next(row for row in rows if row["judges"] == list(JUDGES))
    lines = [
        "# Who judges as an extractor does that nobody tuned to?\n",
        f"{len(records)} generators of all families, trained for "
        f"{min(r['kimg'] for r in records.values())} to "
        f"{max(r['kimg'] for r in records.values())} kimg, 10,000 images each against the "
        f"validation split. `{HELD_BACK}` belongs to the tests: another architecture, trained "
        f"apart, by which nothing is chosen. The geometric mean of some judges is compared with "
        f'it; "best" are the {BEST} that it finds best.\n',
        "    python -m benchmarks.kept_generators    # some hours of one core, resumable",
        "    python -m benchmarks.panel_agreement\n",
        f"`panel` is the mean of {' and '.join(JUDGES)}, which judge: {panel['rho_best']:.3f} "
        f"among the best and {panel['pairs_within_1.5']:.0%} of pairs, where 0.95 and nine of ten "
        f"were asked for.\n",
        "| judges | rank correlation, all | of the best | pairs of the best within 1.5 times |",
        "|---|---|---|---|",
    ]
    lines += [
        f"| {', '.join(row['judges'])} | {row['rho_all']:.3f} | {row['rho_best']:.3f} "
        f"| {row['pairs_within_1.5']:.0%} |"
        for row in rows
    ]
    if (REPORT / "cost.json").exists():
        cost = read_json(REPORT / "cost.json")
        seconds, study = cost["seconds"], cost["study"]
        lines.append(
            f"\nA score of 10,000 images takes {seconds['one']:.2f} processor seconds by "
            f"fashion_cnn alone and {seconds['panel']:.2f} by the panel; of "
            f"{seconds['first_images']:,} images, as at the first rung of the shipped spaces, "
            f"{seconds['panel_first']:.2f}. All scores of a default study of {cost['trials']} "
            f"trials take {study['panel']:.0f} s so, {study['one']:.0f} s by fashion_cnn at "
            f"10,000 images everywhere (`python -m benchmarks.scoring_cost`)."
        )
    lines += [
        "\n![fashion_cnn against the held-back extractor](one.png)",
        "![The panel's mean against the held-back extractor](panel.png)\n",
        "Larger dots were trained for longer.\n",
        f"| generator | family | kimg | {' | '.join((*SHOWN, 'panel', HELD_BACK))} |",
        "|---|---|---|" + "---|" * (len(SHOWN) + 2),
    ]
    for name, record in sorted(records.items(), key=lambda item: item[1]["fid"][HELD_BACK]):
        values = [record["fid"][each] for each in SHOWN]
        values += [panel_value(record, JUDGES), record["fid"][HELD_BACK]]
        cells = " | ".join(f"{value:.3f}" for value in values)
        lines.append(f"| {name} | {record['family']} | {record['kimg']} | {cells} |")
    return "\n".join(lines) + "\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--generators", type=Path, default=Path("studies/generators"))
    parser.add_argument("--num-images", type=int, default=10_000)
    parser.add_argument("--tables", action="store_true")
    options = parser.parse_args()
    kept = REPORT / "generators.json"
    records = json.loads(kept.read_text()) if kept.exists() else {}
    if not options.tables:
        score(options.generators, records, options.num_images)
    sets = [s for n in range(1, len(TRIED) + 1) for s in itertools.combinations(TRIED, n)]
    rows = [agreement(records, judges) for judges in [*sets, ("fashion_pixels",)]]
    write_json(REPORT / "agreement.json", rows)
    shown = {
        n: r | {"fid": r["fid"] | {"panel": panel_value(r, JUDGES)}} for n, r in records.items()
    }
    draw(shown, "fashion_cnn", HELD_BACK).save(REPORT / "one.png")
    draw(shown, "panel", HELD_BACK).save(REPORT / "panel.png")
    write_text(REPORT / "README.md", describe(records, rows))


if __name__ == "__main__":
    main()
