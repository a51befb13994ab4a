"""Say in sentences what a confirmation found."""

import statistics

from harness.confirmation.racing import t_interval
from harness.confirmation.result import CHOSEN_BY_ITS_JUDGE, Confirmation


def confirmation_lines(result: Confirmation) -> list[str]:
    """Return what a confirmation found, in sentences."""
    return [*_winner(result), *_members(result), *_width(result), *_luck(result), *_out(result)]


def _winner(result: Confirmation) -> list[str]:
    if not result.complete:
        return ["The confirmation has not ended; the same command goes on from here."]
    winner = next((each for each in result.candidates if each.trial == result.winner), None)
    if winner is None:
        return ["No candidate could be trained again with every seed: there is no winner."]
    if len(result.candidates) == 1:
        return [
            f"Trial {winner.trial} alone was retrained: {winner.text}. Nothing was compared, so "
            f"this gives its score and does not show that it is the best. A larger --top compares."
        ]
    chance = winner.probability_best
    if chance is None:
        sure = ", by one seed each. How sure that is is unknown; more --seeds show it."
    else:
        sure = f"; the probability that it is the best is {chance:.2f}."
    name = f"trial {winner.trial}"
    name = f"First is {name}, {result.doubt}" if result.doubt else f"Confirmed winner: {name}"
    lines = [f"{name}, {winner.text} on the test split{sure}"]
    if not result.judged_apart:
        lines[0] += f" {CHOSEN_BY_ITS_JUDGE}"
        return lines
    lines[0] += " It was chosen by the validation split (again); the test split had no part in it."
    sound = [each for each in result.candidates if each.mean is not None and not each.failed]
    other = min(sound, key=lambda each: each.mean or 0.0)
    if other is not winner:
        lines[0] += f" By the test split alone it would be trial {other.trial}, {other.text}."
    return lines


def _members(result: Confirmation) -> list[str]:
    means = {each.trial: each.member_means for each in result.candidates}
    judges = list(next((each for each in means.values() if each), ()))
    return [
        f"By {judge} (again): "
        + ", ".join(f"{of[judge]:.3f} trial {trial}" for trial, of in means.items() if judge in of)
        + "."
        for judge in judges
    ]


def _width(result: Confirmation) -> list[str]:
    counts = {len(each.seeds) for each in result.candidates if each.interval}
    if not counts or max(counts) > 5:
        return []
    return [
        f"With {max(counts)} seeds the intervals are wide: each rests on its own seeds alone. "
        f"More --seeds narrow them."
    ]


def _luck(result: Confirmation) -> list[str]:
    known = [each for each in result.candidates if each.luck is not None]
    if not known:
        return []
    leader = min(known, key=lambda each: each.search.value)
    again = t_interval([seed.validation.value for seed in leader.seeds if seed.validation])
    luck = leader.luck or 0.0
    width = f" ±{(again[1] - again[0]) / 2:.3f}" if again else ""
    lines = [
        f"The search gave its leader, trial {leader.trial}, {leader.search.value:.3f}; new seeds "
        f"give {leader.validation_mean:.3f}{width} by the same protocol: "
        f"{abs(luck):.3f} of it was {'luck' if luck > 0 else 'bad luck'}."
    ]
    if again is None or again[0] <= leader.search.value <= again[1]:
        lines[0] += " So few seeds cannot tell that from nothing."
    if len(known) > 1:
        mean = statistics.fmean(each.luck or 0.0 for each in known)
        lines[0] += f" Over all {len(known)} candidates: {mean:+.3f} on average."
        others = [each for each in known if each is not leader]
        second = min(others, key=lambda each: each.search.value)
        lead = second.search.value - leader.search.value
        kept = (second.validation_mean or 0.0) - (leader.validation_mean or 0.0)
        lines.append(
            f"Its lead over trial {second.trial} was {lead:.3f} in the search and is {kept:+.3f} "
            f"on new seeds."
        )
    return lines


def _out(result: Confirmation) -> list[str]:
    saved = sum(
        result.seeds - each.out_after for each in result.candidates if each.out_after is not None
    )
    if not saved:
        return []
    total = result.seeds * len(result.candidates)
    return [f"The race saved {saved} of {total} trainings."]
