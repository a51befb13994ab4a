"""Encode the sample grids of a report within its budget of bytes, each with a text for it."""

import functools

from harness.core.durations import format_kimg, format_seconds
from harness.reporting.report_data import ReportData
from harness.reporting.report_images import (
    FILM_BYTES,
    GRIDS_BYTES,
    NEAREST_BYTES,
    STRIPS_BYTES,
    grid_rows,
    grid_uri,
    share_of,
    sheet_uri,
    strip_uri,
)
from harness.reporting.trials import Rung, Sample, TrialData

MOST_FRAMES = 60
_NEAR = 0.25  # of the distance between two samples


Frame = Rung | Sample
"""One moment of a film: a rung, with what was measured then, or a grid between rungs."""


def film_of(trial: TrialData) -> tuple[Frame, ...]:
    """Return the frames of a training by kimg; where there are many, some samples are left out.

    A rung's own grid stands for a sample of (nearly) the same moment.
    """
    rungs = [rung for rung in trial.rungs if rung.grid]
    kimgs = [0.0, *(sample.kimg for sample in trial.samples)]
    near = _NEAR * (kimgs[-1] - kimgs[0]) / max(1, len(trial.samples))
    between = [
        sample
        for sample in trial.samples
        if all(abs(sample.kimg - rung.kimg) > near for rung in rungs)
    ]
    room = max(0, MOST_FRAMES - len(rungs))
    if len(between) > room:
        between = [between[index * len(between) // room] for index in range(room)]
    return tuple(sorted([*rungs, *between], key=lambda frame: frame.kimg))


def kept_frame(trial: TrialData, film: tuple[Frame, ...]) -> int:
    """Return which frame shows the generator that is kept, that of the best rung; 0 without."""
    best = trial.best_rung
    return next((place for place, each in enumerate(film) if best and each == best), 0)


class Pictures:
    """A report's grids, encoded, each with a text that says what it shows.

    Every picture of a kind may take the same bytes, so that all of them fit, whatever they show.

    Args:
        data: The report's data.
    """

    def __init__(self, data: ReportData) -> None:
        self._data = data
        self._metric = data.protocol.metric.upper()
        grids = sum(rung.grid is not None for trial in data.trials for rung in trial.rungs)
        compared = len(data.baselines) + 1  # they are shown a second time, beside the winner
        self._frames = film_of(data.best) if data.best else ()
        self._grid_bytes = share_of(GRIDS_BYTES, grids + compared)
        # The page shows one frame before its script has run.
        self._film_bytes = share_of(FILM_BYTES, len(self._frames) + 1)
        self._strip_bytes = share_of(STRIPS_BYTES, len(data.trials))

    def best(self, trial: TrialData) -> dict[str, str] | None:
        """Return the grid of a trial's best rung, as `src` and `alt`."""
        rung = trial.best_rung
        if rung is None or rung.grid is None:
            return None
        return {"src": grid_uri(rung.grid, self._grid_bytes), "alt": self._alt(trial, rung)}

    def rows(self, trial: TrialData) -> tuple[str, ...]:
        """Return the names of a grid's rows, top to bottom; none where they mean nothing."""
        names, rung = self._data.record.class_names, trial.best_rung
        if not names or not trial.config.get("conditional") or not rung or not rung.grid:
            return ()
        return names if len(names) == grid_rows(rung.grid) else ()

    def strip(self, trial: TrialData) -> dict[str, str] | None:
        """Return an image of each row of a trial's grid, as `src` and `alt`."""
        rung = trial.best_rung
        if rung is None or rung.grid is None:
            return None
        at = f"{format_kimg(rung.kimg)} kimg"
        return {
            "src": strip_uri(rung.grid, self._strip_bytes),
            "alt": f"One image of each row of {trial.title}'s grid at {at}",
        }

    @property
    def nearest(self) -> dict[str, str] | None:
        """Return the winner's images beside their nearest training images, `src` and `alt`."""
        found = self._data.nearest
        if found is None:
            return None
        return {"src": sheet_uri(found.picture, NEAREST_BYTES), "alt": found.alt}

    @functools.cached_property
    def film(self) -> list[dict[str, str]]:
        """Return the winner's grids over its training, in order."""
        best = self._data.best
        return [self._frame(best, each, self._film_bytes) for each in self._frames] if best else []

    @property
    def kept(self) -> int:
        """Return which frame of the film shows the generator that is kept."""
        return kept_frame(self._data.best, self._frames) if self._data.best else 0

    @property
    def film_rungs(self) -> int:
        """Return how many frames of the film were scored."""
        return sum(isinstance(frame, Rung) for frame in self._frames)

    def details(self, trial: TrialData) -> list[dict[str, str]]:
        """Return a trial's rungs as the page's script shows them, with a grid where there is."""
        return [
            self._frame(trial, rung, self._grid_bytes) | {"seconds": format_seconds(rung.seconds)}
            for rung in trial.rungs
        ]

    def _frame(self, trial: TrialData, frame: Frame, most_bytes: int) -> dict[str, str]:
        alt, score = self._shows(trial, frame.kimg), ""
        if isinstance(frame, Rung):
            alt, interval = self._alt(trial, frame), frame.interval
            spread = f" ({interval[0]:.3f} to {interval[1]:.3f})" if interval else ""
            score = f"{self._metric} {frame.value:.3f}{spread}"
        return {
            "kimg": f"{format_kimg(frame.kimg)} kimg",
            "score": score,
            "src": grid_uri(frame.grid, most_bytes) if frame.grid else "",
            "alt": alt if frame.grid else "",
        }

    def _alt(self, trial: TrialData, rung: Rung) -> str:
        rows = ", ".join(self.rows(trial))
        at = f"{self._shows(trial, rung.kimg)}, {self._metric} {rung.value:.3f}"
        return at + (f"; a row each: {rows}" if rows else "")

    def _shows(self, trial: TrialData, kimg: float) -> str:
        return f"Images generated by {trial.title} at {format_kimg(kimg)} kimg"
