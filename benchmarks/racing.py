"""Compare what a confirmation says of its winner with what holds: `python -m benchmarks.racing`.

Races of candidates whose true means are known: evenly 3 % apart, or drawn with a standard
deviation of 3, 6 or 12 %, in turn. Spreads over seeds are equal (6 % each) or unequal (one
candidate of 30 % among four of 6 %); fewer races each of `OTHERS`, on which no prior was chosen.
A seed's luck is in both of its scores, for the validation and the test split see the same
generator; each score adds a noise of its own.
Written into reports/racing/: README.md and results.json. Two processes work; on two idle cores
they need about three minutes.
"""

import argparse
import concurrent.futures
import multiprocessing
import os
from pathlib import Path

import numpy as np

from harness.confirmation.racing import probability_best, run_race
from harness.core.files import write_json, write_text

SPREADS = {"equal": (0.06,) * 5, "unequal": (0.30, 0.06, 0.06, 0.06, 0.06)}
OTHERS = {
    "equal, 2 seeds": ((0.06,) * 5, 2),
    "unequal, 2 seeds": ((0.30, *(0.06,) * 4), 2),
    "equal, 5 seeds": ((0.06,) * 5, 5),
    "unequal, 5 seeds": ((0.30, *(0.06,) * 4), 5),
    "3 candidates of 6 %": ((0.06,) * 3, 3),
    "30 % among 2 of 6 %": ((0.30, *(0.06,) * 2), 3),
    "8 candidates of 6 %": ((0.06,) * 8, 3),
    "30 % among 7 of 6 %": ((0.30, *(0.06,) * 7), 3),
    "15 % among 4 of 6 %": ((0.15, *(0.06,) * 4), 3),
    "two of 30 % among 3 of 6 %": ((0.30, 0.30, *(0.06,) * 3), 3),
    "30 % and 15 % among 6 of 6 %": ((0.30, 0.15, *(0.06,) * 6), 3),
    "from 4 % to 8 %": ((0.04, 0.05, 0.06, 0.07, 0.08), 3),
}
"""Other spreads and numbers of seeds."""
SCATTERS = (None, 0.03, 0.06, 0.12)
"""The standard deviations of true means around 1; None where they are evenly 3 % apart."""
FEWEST = 30
"""A tenth with fewer races than these says nothing, and is left out."""
ENOUGH = 200
"""Of so many the standard error is 0.035 at most, and the greatest difference is among these."""
SCORE_NOISE = 0.01
"""What a split and its noise add to a score."""


def race_once(rng, spreads, seeds, scatter):
    """Return what was said and held of every candidate, and what was quoted for the winner."""
    evenly = 1.0 + 0.03 * np.arange(len(spreads))
    truths = rng.normal(1.0, scatter, len(spreads)) if scatter else rng.permutation(evenly)
    generators = rng.normal(truths, spreads, (seeds, len(spreads))).T
    validation = rng.normal(generators, SCORE_NOISE)
    test = rng.normal(generators, SCORE_NOISE)

    values = {str(index): list(map(float, row)) for index, row in enumerate(validation)}
    race = run_race(values, seeds)
    samples = [values[name][: race.out.get(name, seeds)] for name in values]
    winner = int(race.winner)
    by_test = int(test.mean(axis=1).argmin())
    best = int(truths.argmin())
    return {
        "said": list(probability_best(samples)),
        "best": best,
        "winner": winner,
        "quoted": float(test[winner].mean()),
        "its_generators": float(generators[winner].mean()),
        "quoted_by_test": float(test[by_test].mean()),
        "its_generators_by_test": float(generators[by_test].mean()),
        "truth": float(truths[winner]),
        "truth_by_test": float(truths[by_test]),
    }


def tenths(said, held):
    """Return for each tenth of what was said: how often, the mean of it, and what held."""
    said, held = np.array(said), np.array(held, dtype=float)
    place = np.minimum((said * 10).astype(int), 9)
    return [
        {
            "tenth": f"{tenth / 10:.1f} to {(tenth + 1) / 10:.1f}",
            "count": int((place == tenth).sum()),
            "said": float(said[place == tenth].mean()),
            "held": float(held[place == tenth].mean()),
        }
        for tenth in range(10)
        if (place == tenth).sum() >= FEWEST
    ]


def measure(spreads, races, seeds, seed):
    """Return the calibration of the winner's and of all probabilities, and what quoting costs."""
    rng = np.random.default_rng(seed)
    scatters = [SCATTERS[race % len(SCATTERS)] for race in range(races)]
    found = [race_once(rng, spreads, seeds, scatter) for scatter in scatters]
    winners = [(each["said"][each["winner"]], each["winner"] == each["best"]) for each in found]
    everyone = [
        (said, index == each["best"]) for each in found for index, said in enumerate(each["said"])
    ]

    def mean(key, minus):
        return float(np.mean([each[key] - each[minus] for each in found]))

    return {
        "races": races,
        "winner": tenths(*zip(*winners, strict=True)),
        "all": tenths(*zip(*everyone, strict=True)),
        "quoted": {
            "of its generators": mean("quoted", "its_generators"),
            "of its generators, chosen by test": mean("quoted_by_test", "its_generators_by_test"),
            "of further seeds": mean("quoted", "truth"),
            "of further seeds, chosen by test": mean("quoted_by_test", "truth_by_test"),
        },
    }


def greatest(rows):
    """Return the row whose difference is the greatest, of those with enough races."""
    return max(
        (row for row in rows if row["count"] >= ENOUGH),
        key=lambda row: abs(row["said"] - row["held"]),
        default=None,
    )


def greatest_text(rows):
    """Return the greatest difference and where it is, for a cell of a table."""
    row = greatest(rows)
    if row is None:
        return "-"
    return f"{row['said'] - row['held']:+.3f} ({row['tenth']}, {row['count']})"


def describe(results):
    """Return the page as Markdown."""
    lines = [
        "# What a confirmation says, and what holds",
        "",
        f"`python -m benchmarks.racing --races {results['races']} --seed {results['seed']}`: "
        f"that many simulated races of five candidates with {results['seeds']} seeds each, "
        "for each kind of spread over seeds (equal: 6 % each; unequal: one of 30 % among four of "
        "6 %). True means are in turn evenly "
        "3 % apart and drawn with a standard deviation of 3, 6 and 12 %; a score has the seed's "
        f"luck, which both splits share, and 1 % of its own. Tenths of fewer than {FEWEST} are "
        "left out.",
        "",
        "## The greatest difference",
        "",
        f"What was said minus what held, where it is the greatest of all tenths with {ENOUGH} or "
        "more; in brackets that tenth and how often it was said. Equal and unequal spreads, "
        "simulated with other seeds, are what the prior's weights were chosen by; of the "
        "rest none was. Two odd spreads among few candidates are more than so few seeds can tell.",
        "",
        "| spreads | races | of the winner | of every candidate |",
        "|---|---|---|---|",
        *(
            f"| {kind} | {found['races']} | {greatest_text(found['winner'])} "
            f"| {greatest_text(found['all'])} |"
            for kind, found in results["kinds"].items()
        ),
        "",
    ]
    for kind in SPREADS:
        for who, title in (("winner", "of the winner"), ("all", "of every candidate")):
            lines += [
                f"## {kind.capitalize()} spreads, probability {title}",
                "",
                "| said | times | said on average | held | difference (± 2 standard errors) |",
                "|---|---|---|---|---|",
            ]
            for row in results["kinds"][kind][who]:
                error = 2.0 * (max(row["said"] * (1 - row["said"]), 0.0) / row["count"]) ** 0.5
                lines.append(
                    f"| {row['tenth']} | {row['count']} | {row['said']:.3f} | {row['held']:.3f} "
                    f"| {row['said'] - row['held']:+.3f} ± {error:.3f} |"
                )
            lines.append("")
    lines += [
        "## What is quoted",
        "",
        "The mean test score of the winner, minus the truth: of the very generators that were "
        "trained, and of what further seeds of its configuration give on average.",
        "",
        "| spreads | " + " | ".join(results["kinds"]["equal"]["quoted"]) + " |",
        "|---|" + "---|" * len(results["kinds"]["equal"]["quoted"]),
        *(
            f"| {kind} | "
            + " | ".join(f"{value:+.4f}" for value in results["kinds"][kind]["quoted"].values())
            + " |"
            for kind in SPREADS
        ),
        "",
    ]
    return "\n".join(lines)


def main():
    """Race, compare and write the page."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--races", type=int, default=20_000)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--out", type=Path, default=Path("reports/racing"))
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    jobs = {
        kind: (spreads, options.races, options.seeds, options.seed)
        for kind, spreads in SPREADS.items()
    } | {
        kind: (spreads, options.races // 5, seeds, options.seed)
        for kind, (spreads, seeds) in OTHERS.items()
    }
    os.environ["OPENBLAS_NUM_THREADS"] = "1"  # the matrices are small; read by new processes
    with concurrent.futures.ProcessPoolExecutor(
        2, mp_context=multiprocessing.get_context("spawn")
    ) as pool:
        found = dict(zip(jobs, pool.map(measure, *zip(*jobs.values(), strict=True)), strict=True))
    results = {
        "races": options.races,
        "seeds": options.seeds,
        "seed": options.seed,
        "kinds": found,
    }
    options.out.mkdir(parents=True, exist_ok=True)
    write_json(options.out / "results.json", results)
    write_text(options.out / "README.md", describe(results))
    print(describe(results))


if __name__ == "__main__":
    main()
