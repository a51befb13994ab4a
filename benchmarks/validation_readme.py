"""Write the extractor report in words and tables, from its results alone."""

import itertools

INTRODUCTION = """\
# Is the FID of this project a measuring instrument?

Before anything is scored, the score itself is tested. 10,000 training images (1,000 a class) are
disturbed by rising amounts, and FID is measured against the 10,000 images of the validation split,
which neither the extractors nor a GAN were trained on. FID has to rise at every step. It is
measured under the members of the panel, two of which judge, and under one of the tests
(`fashion_residual`, `tests/extractors/`), which is held back and only checks that orders hold.

    python -m benchmarks.extractor_validation    # writes this folder
"""

LANDMARKS = """
The floor is the mean and standard deviation over five disjoint draws of 10,000 training images:
what real images score against other real images of the same kind. Mirrored images are training
images turned left to right. The classifiers saw mirrored images in training, as Inception did;
their features still tell them apart.
"""

EXTRACTORS = """
All were trained on the 50,000 training images; the validation split gave no gradient, but its
accuracy decided on architecture, augmentation and length of `fashion_cnn`. The test split was
looked at after each of four trainings of that one (91.2 %, 92.9 %, 92.9 %, and this one, the
longest): its accuracy is therefore stated slightly too well. `fashion_turns` has no classes: it
tells in which of four ways an image is turned, 98.5 % of the time on the test split.
"""


def describe(results):
    """Return README.md."""
    names = list(results["extractors"])
    parts = [
        INTRODUCTION,
        _verdict(results, names),
        "![FID against the level of each disturbance](curves.png)\n",
        "## The extractors\n\n" + _extractors(results, names),
        "## Landmarks\n\n" + _landmarks(results, names),
        "## Levels\n\nThe first level is undisturbed: the floor.\n\n" + _levels(results, names),
        "## Dropping classes in another order\n\n"
        + _orders(results, list(results["class_orders"][0]["rank_correlation"])),
    ]
    return "\n".join(parts)


def _verdict(results, names):
    falls = [
        (entry["title"], name)
        for entry in results["disturbances"].values()
        for name in names
        if any(later <= earlier for earlier, later in itertools.pairwise(entry["fid"][name]))
    ]
    rising = [name for name in names if name not in {each for _, each in falls}]
    count = len(rising) * len(results["disturbances"])
    text = (
        f"**Result: FID rises at every step of all {count} curves of {', '.join(rising)}** (rank "
        f"correlation 1.0 in each)."
    )
    if falls:
        where = ", ".join(f"{title.lower()} ({name})" for title, name in falls)
        text += f" Not everywhere under those that decide nothing: {where}."
    return f"{text}\n"


def _extractors(results, names):
    rows = [
        (
            f"`{name}`",
            f"{entry['test_accuracy']:.2%}" if entry["test_accuracy"] else "-",
            entry["dimensions"],
            f"`{entry['sha256'][:16]}…`",
        )
        for name, entry in ((name, results["extractors"][name]) for name in names)
    ]
    head = ("extractor", "test accuracy", "features", "SHA-256 of the weights")
    return _table(head, rows) + EXTRACTORS


def _landmarks(results, names):
    rows = []
    for name in names:
        entry = results["landmarks"][name]
        floor = f"{entry['floor_mean']:.4f} ± {entry['floor_standard_deviation']:.4f}"
        others = (f"{entry[key]:.2f}" for key in ("mirrored", "uniform_noise", "black"))
        rows.append((f"`{name}`", floor, *others))
    head = ("extractor", "floor: training images", "mirrored", "uniform noise", "black images")
    return _table(head, rows) + LANDMARKS


def _levels(results, names):
    parts = []
    for entry in results["disturbances"].values():
        head = (entry["unit"], *(f"{level:g}" for level in entry["levels"]), "rank correlation")
        rows = [
            (
                f"`{name}`",
                *(f"{value:.3f}" for value in entry["fid"][name]),
                f"{entry['rank_correlation'][name]:.3f}",
            )
            for name in names
        ]
        parts.append(f"### {entry['title']}\n\n{_table(head, rows)}")
    return "\n".join(parts)


def _orders(results, names):
    rows = [
        (
            " ".join(map(str, entry["order"])),
            *(f"{entry['rank_correlation'][name]:.3f}" for name in names),
        )
        for entry in results["class_orders"]
    ]
    head = ("order in which labels go", *(f"rank correlation, `{name}`" for name in names))
    return _table(head, rows)


def _table(head, rows):
    lines = [head, ["---"] * len(head), *rows]
    return "".join("| " + " | ".join(map(str, line)) + " |\n" for line in lines)
