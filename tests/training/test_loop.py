"""Run real trainings through the session: rungs, answers, endings, interruptions."""

import dataclasses
import re
import shutil
from pathlib import Path

import keras
import numpy as np
import pytest
from PIL import Image

from harness.core.errors import ProtocolMismatchError, StorageError
from harness.core.events import Answer, Event, Finished, Progressed, RungScored, Started
from harness.core.outcome import Reason, State
from harness.gan.sampling import Sampler
from harness.metrics.evaluator import Evaluator
from harness.training.checkpoint import load_checkpoint, save_checkpoint
from harness.training.context import TrainingContext
from harness.training.generator_scoring import sample_for
from harness.training.training_folder import TrainingFolder, previous_file
from tests.training.conftest import EXPLODING, TINY, Heard


def stop_at(kind: type, number: int, answer: Answer):
    """Return an answer for the event of that number (from 1) among those of its kind."""
    seen = 0

    def decide(event: Event) -> Answer:
        nonlocal seen
        seen += isinstance(event, kind)
        return answer if isinstance(event, kind) and seen == number else Answer.GO_ON

    return decide


@pytest.fixture(scope="module")
def complete(fashion_mnist, evaluator, tmp_path_factory):
    """Return what one training said, its outcome, its folder and its first checkpoint."""
    from harness.training.job import TrainingJob
    from harness.training.loop import TrainingLoop

    folder = TrainingFolder(tmp_path_factory.mktemp("complete") / "0000")
    job = TrainingJob(config=TINY, folder=folder, rungs_kimg=(1.0, 2.0), seed=3, name="0000")
    first_rung = folder.path.parent / "first_rung.npz"

    def keep_the_first(event: Event) -> Answer:
        if isinstance(event, Progressed) and folder.checkpoint_file.exists():
            first_rung.write_bytes(folder.checkpoint_file.read_bytes())
        return Answer.GO_ON

    heard = Heard(keep_the_first)
    context = TrainingContext(fashion_mnist, evaluator)
    outcome = TrainingLoop(job, context, emit=heard).run()
    return heard, outcome, folder, first_rung


def test_events_begin_with_the_start_and_end_with_the_outcome(complete):
    heard, outcome, *_ = complete
    assert isinstance(heard.events[0], Started)
    assert heard.events[0].kimg == 0.0
    assert heard.events[-1] == Finished(outcome)
    assert len(heard.of(Finished)) == len(heard.of(Started)) == 1


def test_progress_is_told_in_order_and_in_whole_batches(complete):
    heard, outcome, *_ = complete
    kimg = [event.kimg for event in heard.of(Progressed)]
    assert kimg == sorted(set(kimg))
    assert all(round(each * 1000) % 64 == 0 for each in kimg)
    # 2 kimg are 31.25 batches of 64: 32 batches, 2.048 kimg.
    assert kimg[-1] == outcome.kimg == pytest.approx(2.048)
    seconds = [event.duration_seconds for event in heard.events[1:-1]]
    assert seconds == sorted(seconds)
    assert all(event.images_per_second > 0 for event in heard.of(Progressed))


def test_rungs_are_scored_in_their_order_by_one_noise(complete, evaluator: Evaluator):
    heard, outcome, *_ = complete
    first, second = heard.of(RungScored)
    assert (first.rung, second.rung) == (0, 1)
    assert (first.kimg, second.kimg) == (1.0, 2.0)
    assert first.score.kimg == pytest.approx(1.024)
    assert first.score.noise_seed == second.score.noise_seed != outcome.final.noise_seed
    assert first.best == first.score
    assert second.best.value == min(first.score.value, second.score.value)
    assert outcome.best == second.best
    assert outcome.final.protocol == evaluator.protocol


def test_a_first_rung_of_fewer_images_decides_nothing_but_who_goes_on(train, evaluator):
    heard = Heard()
    outcome = train(heard, rungs_kimg=(1.0, 2.0, 2.2), first_images=250)
    first, second, third = heard.of(RungScored)
    assert first.score.protocol == dataclasses.replace(evaluator.protocol, num_images=250)
    assert first.best == first.score
    # Later ones compare as many as the study asks for, and never with the first.
    assert second.best == second.score
    assert second.score.protocol == third.score.protocol == outcome.final.protocol
    assert third.best == min(second.score, third.score, key=lambda score: score.value)


def test_a_pause_at_a_first_rung_of_fewer_images_changes_nothing(train):
    options = {"rungs_kimg": (1.0, 2.0), "first_images": 250}
    whole = train(Heard(), folder="0000", **options)
    assert train(Heard(stop_at(RungScored, 1, Answer.PAUSE)), folder="0001", **options) is None
    resumed = train(Heard(), folder="0001", **options)
    assert (resumed.best, resumed.kimg) == (whole.best, whole.kimg)


def test_what_fewer_images_scored_is_trained_on_and_scored_in_full(train, evaluator):
    answer = stop_at(RungScored, 1, Answer.PAUSE)
    assert train(Heard(answer), rungs_kimg=(1.0, 2.0), first_images=250) is None
    heard = Heard()
    # As the finish of a leader.
    outcome = train(heard, rungs_kimg=(2.0, 2.2), first_images=250)
    assert heard.of(RungScored)[0].best == heard.of(RungScored)[0].score
    assert outcome.best.protocol == evaluator.protocol


def test_the_only_rung_is_scored_in_full(train, evaluator):
    outcome = train(Heard(), rungs_kimg=(1.0,), first_images=250)
    assert outcome.best.protocol == evaluator.protocol


def test_the_final_score_is_the_kept_file_scored_with_its_own_noise(complete, evaluator):
    _, outcome, folder, _ = complete
    assert (outcome.reason, outcome.state) == (Reason.FINISHED, State.COMPLETE)
    kept = Sampler(keras.saving.load_model(folder.generator_file, compile=False))
    images = sample_for(evaluator, kept, noise_seed=outcome.final.noise_seed)
    # An eigenvalue solver that also gives vectors, for the interval, rounds otherwise.
    assert evaluator.fid(images) == pytest.approx(outcome.final.value, rel=1e-6)
    assert outcome.final.kimg == outcome.best.kimg
    assert outcome.final.value == pytest.approx(outcome.best.value, rel=0.2)


def test_the_folder_holds_grids_networks_and_the_whole_state(complete, fashion_mnist):
    heard, _, folder, _ = complete
    for rung in heard.of(RungScored):
        with Image.open(folder.path / rung.grid) as grid:  # ten by ten, 28 + 2 pixels each
            assert grid.size == (10 * 30 + 2, 10 * 30 + 2)
    discriminator = keras.saving.load_model(folder.discriminator_file, compile=False)
    started = heard.events[0]
    assert discriminator.count_params() == started.discriminator_parameters
    _, meta = load_checkpoint(folder.checkpoint_file)
    assert meta["kimg"] == pytest.approx(2.048)
    assert meta["scored_kimg"] == 2.0


def test_the_best_rung_is_kept_when_a_later_one_is_worse(
    train, tmp_path: Path, evaluator: Evaluator
):
    # Between the rungs the generator's learning rate is far too high to hold what was learnt.
    wild = TINY.generator.model_copy(update={"learning_rate": 1.0})
    config = TINY.model_copy(
        update={"generator": wild, "ema": TINY.ema.model_copy(update={"half_life_kimg": 0.0})}
    )
    kept: dict[float, bytes] = {}
    path = tmp_path / "0000" / "generator.keras"

    def note(event: Event) -> Answer:
        if isinstance(event, RungScored):
            kept[event.score.value] = path.read_bytes()
        return Answer.GO_ON

    outcome = train(Heard(note), config=config, rungs_kimg=(1.0, 2.0, 3.0, 4.0))
    scores = list(kept)
    best = min(scores)
    assert outcome.best.value == best
    assert best != scores[-1], "pick a config whose last rung is not its best"
    assert path.read_bytes() == kept[best]


def test_stop_at_a_rung_is_outranked(train, tmp_path: Path):
    heard = Heard(stop_at(RungScored, 1, Answer.STOP))
    outcome = train(heard)
    assert outcome.reason is Reason.OUTRANKED
    assert outcome.kimg == pytest.approx(1.024)
    assert outcome.final is None
    assert outcome.best == heard.of(RungScored)[0].score
    assert f"{outcome.best.value:.3f} at 1 kimg" in outcome.detail
    assert heard.events[-1] == Finished(outcome)
    assert len(heard.of(RungScored)) == 1


@pytest.mark.parametrize(("kind", "number"), [(Progressed, 2), (RungScored, 1)])
def test_a_paused_training_goes_on_to_the_very_same_result(
    train, tmp_path: Path, complete, kind: type, number: int
):
    whole, expected, expected_folder, _ = complete
    before = Heard(stop_at(kind, number, Answer.PAUSE))
    assert train(before) is None
    assert before.of(Finished) == []
    assert isinstance(before.events[-1], kind)
    after = Heard()
    outcome = train(after)
    told = [event.kimg for event in before.events if isinstance(event, Progressed)]
    assert after.events[0].kimg == (told[-1] if told else 0.0)
    values = [event.score for event in before.of(RungScored) + after.of(RungScored)]
    assert values == [event.score for event in whole.of(RungScored)]
    assert (outcome.best, outcome.final) == (expected.best, expected.final)
    assert outcome.duration_seconds > before.events[-1].__dict__.get("duration_seconds", 0.0)
    state, _ = load_checkpoint(tmp_path / "0000" / "checkpoint.npz")
    expected_state, _ = load_checkpoint(expected_folder.checkpoint_file)
    assert list(state) == list(expected_state)
    for name, value in expected_state.items():
        assert state[name].tobytes() == value.tobytes(), name


def test_a_killed_training_goes_on_from_its_last_rung(train, complete):
    def die(event: Event) -> Answer:
        if isinstance(event, Progressed) and event.kimg > 1.1:
            raise InterruptedError("killed")
        return Answer.GO_ON

    with pytest.raises(InterruptedError, match="killed"):
        train(Heard(die))
    heard = Heard()
    outcome = train(heard)
    assert heard.events[0].kimg == pytest.approx(1.024)
    assert [event.rung for event in heard.of(RungScored)] == [1]
    assert outcome.final == complete[1].final


def test_another_seed_trains_another_gan(train, complete):
    other = Heard(stop_at(RungScored, 1, Answer.STOP))
    train(other, config=TINY.model_copy(update={"seed": 6}))
    assert other.of(RungScored)[0].score.value != complete[0].of(RungScored)[0].score.value


def test_a_loss_that_is_not_finite_ends_the_training_at_once(train, tmp_path: Path):
    heard = Heard()
    outcome = train(heard, config=EXPLODING, rungs_kimg=(1.0, 1000.0))
    assert (outcome.reason, outcome.state) == (Reason.DIVERGED, State.FAILED)
    assert outcome.kimg < 1.0
    assert outcome.best is None
    assert re.match(r"loss (not finite|beyond 10000) at 0\.", outcome.detail)
    assert all(np.isfinite(event.generator_loss) for event in heard.of(Progressed))
    assert heard.events[-1] == Finished(outcome)


def test_a_training_that_costs_too_much_is_over_budget_at_its_first_rung(train):
    heard = Heard(stop_at(RungScored, 1, Answer.TOO_COSTLY))
    outcome = train(heard)
    assert (outcome.reason, outcome.state) == (Reason.OVER_BUDGET, State.PRUNED)
    (rung,) = heard.of(RungScored)
    assert rung.processor_seconds_per_kimg > 0


def test_time_that_runs_out_ends_in_a_score_and_a_complete_training(train):
    heard = Heard()
    outcome = train(heard, rungs_kimg=(100_000.0, 200_000.0), stop_after_seconds=0.01)
    (rung,) = heard.of(RungScored)
    assert outcome.reason is Reason.FINISHED
    assert rung.kimg == outcome.kimg == heard.of(Progressed)[-1].kimg
    assert outcome.final is not None
    assert outcome.final.kimg == outcome.kimg


def test_unconditional_trainings_work_too(train, tmp_path: Path):
    heard = Heard(stop_at(RungScored, 1, Answer.STOP))
    train(heard, config=TINY.model_copy(update={"conditional": False}))
    generator = keras.saving.load_model(tmp_path / "0000" / "generator.keras", compile=False)
    assert [tensor.name for tensor in generator.inputs] == ["noise"]


@pytest.fixture
def interrupted(complete, tmp_path: Path) -> Path:
    """Return the checkpoint of a training that has everything but its outcome."""
    shutil.copytree(complete[2].path, tmp_path / "0000")
    return tmp_path / "0000" / "checkpoint.npz"


def test_a_training_interrupted_at_its_end_only_needs_its_final_score(
    train, complete, interrupted: Path
):
    heard = Heard()
    assert train(heard).final == complete[1].final
    assert [type(event) for event in heard.events] == [Started, Finished]


def test_a_checkpoint_from_before_a_setting_existed_is_taken_up(
    train, complete, interrupted: Path
):
    state, meta = load_checkpoint(interrupted)
    del meta["config"]["precision"]
    save_checkpoint(interrupted, state, meta)
    heard = Heard()
    assert train(heard).final == complete[1].final
    assert heard.events[0].kimg > 0


def test_a_checkpoint_of_another_configuration_is_refused(train, interrupted: Path):
    other = TINY.model_copy(update={"seed": 99})
    with pytest.raises(StorageError, match=r"checkpoint\.npz: belongs to another configuration"):
        train(Heard(), config=other)


def test_a_checkpoint_scored_by_another_protocol_is_refused(train, interrupted: Path):
    state, meta = load_checkpoint(interrupted)
    meta["best"]["protocol"]["num_images"] = 500
    overwrite(interrupted, state, meta)
    with pytest.raises(ProtocolMismatchError, match=r"num_images: 500 \| 1000"):
        train(Heard())


@pytest.mark.parametrize("damage", ["truncated", "no facts", "no weights", "other shape"])
def test_a_damaged_checkpoint_falls_back_to_the_one_before(
    train, complete, interrupted: Path, damage: str
):
    state, meta = load_checkpoint(interrupted)
    earlier = previous_file(interrupted)
    shutil.copyfile(complete[3], earlier)  # as it stood after the first rung
    if damage == "truncated":
        interrupted.write_bytes(interrupted.read_bytes()[: interrupted.stat().st_size // 2])
    elif damage == "no facts":
        overwrite(interrupted, state, {"config": meta["config"]})
    elif damage == "no weights":
        overwrite(interrupted, {}, meta)
    else:
        name = next(name for name, value in state.items() if value.ndim == 2)
        overwrite(interrupted, state | {name: state[name][:1]}, meta)
    heard = Heard()
    outcome = train(heard)
    started = heard.events[0]
    assert started.kimg == pytest.approx(1.024)
    assert started.note.startswith("checkpoint.npz was damaged (")
    assert "went on from checkpoint.previous.npz at 1.024 kimg" in started.note
    assert (outcome.best, outcome.final) == (complete[1].best, complete[1].final)
    again, _ = load_checkpoint(interrupted)
    assert {name: value.tobytes() for name, value in again.items()} == {
        name: value.tobytes() for name, value in state.items()
    }


def test_two_damaged_checkpoints_begin_anew_with_a_note(train, complete, interrupted: Path):
    for path in (interrupted, previous_file(interrupted)):
        path.write_bytes(b"PK")
    heard = Heard()
    outcome = train(heard)
    assert heard.events[0].kimg == 0.0
    note = heard.events[0].note
    assert "checkpoint.npz was damaged" in note
    assert "checkpoint.previous.npz was damaged" in note
    assert note.endswith("training began anew")
    assert (outcome.best, outcome.final) == (complete[1].best, complete[1].final)


def test_a_crash_between_the_two_renames_loses_nothing(train, complete, interrupted: Path):
    interrupted.replace(previous_file(interrupted))
    heard = Heard()
    assert train(heard).final == complete[1].final
    assert heard.events[0].note == ""
    assert [type(event) for event in heard.events] == [Started, Finished]


def test_what_a_killed_process_left_half_written_is_removed(train, interrupted: Path):
    for name in (".abc.tmp.npz", "grids/.abc.tmp.png"):
        (interrupted.parent / name).write_bytes(b"half")
    train(Heard())
    assert list(interrupted.parent.rglob(".*")) == []


def test_checkpoints_are_written_between_rungs_too(train, tmp_path: Path):
    positions = []

    def look(event: Event) -> Answer:
        path = tmp_path / "0000" / "checkpoint.npz"
        if isinstance(event, Progressed) and path.exists():
            positions.append(load_checkpoint(path)[1]["kimg"])
        return Answer.GO_ON

    train(Heard(look), checkpoint_seconds=0.0)
    # Calls of 1 and 4 steps come before the speed is known: 0.064 and 0.320 kimg.
    assert positions[:2] == pytest.approx([0.064, 0.320])


def test_killed_after_any_call_a_training_ends_with_the_same_bits(train, complete, tmp_path: Path):
    expected, _ = load_checkpoint(complete[2].checkpoint_file)
    lives = 0

    def die(event: Event) -> Answer:
        nonlocal lives
        if isinstance(event, Progressed) and lives < 2:
            lives += 1
            raise InterruptedError("killed")
        return Answer.GO_ON

    outcome = None
    while outcome is None:
        try:  # a call of one step of 64 images after every start, as the speed is unknown
            outcome = train(Heard(die), checkpoint_seconds=0.0, rungs_kimg=(1.0, 2.0))
        except InterruptedError:
            continue
    assert lives == 2
    state, _ = load_checkpoint(tmp_path / "0000" / "checkpoint.npz")
    assert {name: value.tobytes() for name, value in state.items()} == {
        name: value.tobytes() for name, value in expected.items()
    }
    assert outcome.final == complete[1].final


def test_deterministic_calls_end_at_fixed_steps(train):
    heard = Heard()
    train(heard, deterministic=True, rungs_kimg=(5.0, 10.0))
    # The first step compiles. 64 steps of 64 images are 4.096 kimg; a rung ends a call early: 79
    # steps are 5.056 kimg.
    told = [event.kimg for event in heard.of(Progressed)]
    assert told == pytest.approx([0.064, 4.096, 5.056, 8.192, 10.048])


def test_a_learning_rate_of_a_million_diverges(train):
    config = TINY.model_copy(
        update={"discriminator": TINY.discriminator.model_copy(update={"learning_rate": 1e6})}
    )
    outcome = train(Heard(), config=config, rungs_kimg=(1000.0,))
    assert (outcome.reason, outcome.state) == (Reason.DIVERGED, State.FAILED)
    assert outcome.kimg < 1.0
    assert re.search(r"loss (not finite|beyond 10000) at 0\.\d+ kimg", outcome.detail)


def test_a_generator_of_one_image_collapses_at_its_second_rung(train):
    # Steps of 1 leave its rectifiers dead: each noise and label gives the same image.
    wild = TINY.generator.model_copy(
        update={"learning_rate": 1.0, "normalization": "none", "activation": "relu"}
    )
    average = TINY.ema.model_copy(update={"half_life_kimg": 0.0})
    config = TINY.model_copy(update={"generator": wild, "ema": average, "seed": 6})
    heard = Heard()
    outcome = train(heard, config=config, rungs_kimg=(6.0, 7.0, 8.0))
    assert (outcome.reason, outcome.state) == (Reason.COLLAPSED, State.FAILED)
    assert [event.kimg for event in heard.of(RungScored)] == [6.0, 7.0]
    assert re.match(
        r"[0-4]\.\d% of the reference's diversity at 7 kimg, the second", outcome.detail
    )
    # One that was asked for goes on.
    spared = train(Heard(), folder="1", config=config, rungs_kimg=(6, 7, 8), ends_early=False)
    assert (spared.reason, spared.kimg) == (Reason.FINISHED, pytest.approx(8.0))  # 125 x 64


def test_a_discriminator_that_is_never_fooled_wins(train):
    frozen = TINY.generator.model_copy(update={"learning_rate": 1e-30})
    strong = TINY.discriminator.model_copy(update={"learning_rate": 3e-3, "dropout": 0.0})
    config = TINY.model_copy(update={"generator": frozen, "discriminator": strong})
    heard = Heard()
    outcome = train(heard, config=config, rungs_kimg=(500.0,))
    assert (outcome.reason, outcome.state) == (Reason.DISCRIMINATOR_WON, State.FAILED)
    assert 20.0 < outcome.kimg < 200.0
    assert heard.of(RungScored) == []


def test_a_training_beyond_its_timeout_ends_at_the_next_call(train):
    outcome = train(Heard(), rungs_kimg=(100_000.0,), timeout_seconds=0.01)
    assert (outcome.reason, outcome.state) == (Reason.TIMED_OUT, State.FAILED)
    assert outcome.kimg == pytest.approx(0.064)  # the first call takes one step
    assert "the limit is 0.01" in outcome.detail


def test_time_spent_before_an_interruption_counts_against_the_timeout(train):
    before = Heard(stop_at(Progressed, 2, Answer.PAUSE))
    train(before, rungs_kimg=(100_000.0,))
    spent = before.events[-1].duration_seconds
    outcome = train(Heard(), rungs_kimg=(100_000.0,), timeout_seconds=spent)
    assert outcome.reason is Reason.TIMED_OUT
    assert outcome.duration_seconds > spent


def overwrite(path: Path, state: dict, meta: dict) -> None:
    """Write a checkpoint without keeping the one before."""
    path.unlink()
    save_checkpoint(path, state, meta)
