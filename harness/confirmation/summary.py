"""Turn the outcomes of a confirmation into its result."""

import dataclasses
import statistics
from collections.abc import Sequence
from pathlib import Path

from harness.confirmation.candidates import (
    Outcomes,
    Retraining,
    choose_candidates,
    count_retrained,
    race_values,
    retrainings,
    score_on_test,
)
from harness.confirmation.racing import (
    LEAST_PROBABILITY,
    Race,
    probability_best,
    run_race,
    t_interval,
)
from harness.confirmation.result import CandidateResult, Confirmation, SeedResult
from harness.core.errors import StudyError
from harness.core.score import Protocol, require_comparable
from harness.study.leaderboard import Entry
from harness.study.record import StudyRecord, read_own_study

METHOD = (
    "the choice is by the means over new training seeds on the validation split; the test split, "
    "which has no part in it, gives means with Student's 95 % interval from each candidate's own "
    "seeds; probabilities of being the best from normal values on the validation split, each "
    "candidate's spread shrunk towards a common one (Box & Tiao 1968) and the true means towards "
    f"each other (Rubin 1981); a candidate below {LEAST_PROBABILITY:.0%}, or of which a training "
    "failed, gets no more seeds"
)


@dataclasses.dataclass(frozen=True)
class Plan:
    """The extent of a confirmation.

    Args:
        study_folder: The study.
        record: Its record.
        candidates: Its leaders, best first by the search.
        planned: Their trainings.
        top: How many leaders are retrained.
        seeds: How many new seeds each gets at most.
        note: In a line, what is kept of earlier confirmations beyond what was asked for; empty
            where nothing is.
    """

    study_folder: Path
    record: StudyRecord
    candidates: Sequence[Entry]
    planned: Sequence[Retraining]
    top: int
    seeds: int
    note: str = ""

    def race(self, outcomes: Outcomes, protocol: Protocol) -> Race:
        """Return where the race stands."""
        return run_race(race_values(self.planned, outcomes, protocol), self.seeds)


def make_plan(study_folder: Path, *, top: int, seeds: int) -> Plan:
    """Return what to confirm: what is asked for, and what was retrained before.

    Whoever asks for less than before loses nothing of what is known by then.

    Args:
        study_folder: The study.
        top: How many of its leaders are asked for.
        seeds: How many new seeds each.

    Raises:
        ConfigError: If one of the two is below 1.
        StudyError: If no trial has completed.
    """
    record, known = read_own_study(study_folder), count_retrained(study_folder)
    asked = choose_candidates(study_folder, top)
    retrainings(study_folder, record, asked, seeds=seeds)  # refuses what cannot be asked for
    candidates = choose_candidates(study_folder, top, also=known)
    most = max([seeds, *(known.get(entry.name, 0) for entry in candidates)])
    note = ""
    if len(candidates) > len(asked) or most > seeds:
        note = (
            f"Retrained before, and kept in the result beside --top {top} --seeds {seeds}: so it "
            f"is about {len(candidates)} candidates with up to {most} seeds each."
        )
    planned = retrainings(study_folder, record, candidates, seeds=most)
    return Plan(study_folder, record, candidates, planned, max(top, len(candidates)), most, note)


def sum_up(plan: Plan, outcomes: Outcomes, protocol: Protocol) -> Confirmation:
    """Return the result as far as the outcomes go.

    Args:
        plan: What is confirmed.
        outcomes: How its trainings ended so far.
        protocol: What the test scores are measured by.
    """
    race = plan.race(outcomes, protocol)
    results = [_candidate(entry, plan, outcomes, protocol=protocol) for entry in plan.candidates]
    chances = _chances(results)
    results = [
        dataclasses.replace(
            result,
            probability_best=chances.get(result.trial),
            out_after=race.out.get(result.trial),
        )
        for result in results
    ]

    def order(result: CandidateResult) -> tuple[bool, float]:
        lost = result.out_after is not None
        mean = result.validation_mean
        return lost, float("inf") if mean is None else mean

    return Confirmation(
        study=plan.record.name,
        study_id=plan.record.id,
        complete=not race.due,
        top=plan.top,
        seeds=plan.seeds,
        protocol=protocol,
        winner=race.winner,
        method=METHOD,
        candidates=tuple(sorted(results, key=order)),
    )


def _candidate(
    entry: Entry, plan: Plan, outcomes: Outcomes, *, protocol: Protocol
) -> CandidateResult:
    seeds = []
    for each in plan.planned:
        outcome = outcomes.get(each.key)
        if each.trial == entry.name and outcome is not None:
            seeds.append(
                SeedResult(
                    name=each.name,
                    seed=each.config.seed,
                    folder=each.folder.path.relative_to(plan.study_folder).as_posix(),
                    outcome=outcome.reason.value,
                    validation=outcome.final,
                    test=score_on_test(outcome, protocol),
                    duration_seconds=outcome.duration_seconds,
                )
            )
    tests = [seed.test.value for seed in seeds if seed.test]
    again = [seed.validation for seed in seeds if seed.validation]
    search = entry.outcome.final
    if search is None:
        raise StudyError(f"{entry.folder.path}: trial {entry.name} has no final score.")
    require_comparable([search, *again])
    validation_mean = statistics.fmean(score.value for score in again) if again else None
    return CandidateResult(
        trial=entry.name,
        family=entry.config.family,
        search=search,
        seeds=tuple(seeds),
        mean=statistics.fmean(tests) if tests else None,
        interval=t_interval(tests),
        probability_best=None,
        validation_mean=validation_mean,
        luck=None if validation_mean is None else validation_mean - search.value,
        out_after=None,
    )


def _chances(results: Sequence[CandidateResult]) -> dict[str, float]:
    """Return the probability that each is the best; 0 for one that failed, none for one alone."""
    if len(results) < 2:
        return {}
    sound = [each for each in results if each.validation_mean is not None and not each.failed]
    samples = [[seed.validation.value for seed in each.seeds if seed.validation] for each in sound]
    found = probability_best(samples)
    if found is None:
        return {}
    failed = {result.trial: 0.0 for result in results if result.failed}
    return failed | {each.trial: chance for each, chance in zip(sound, found, strict=True)}
