"""Measure precision, recall, density and coverage by nearest neighbours."""

import numpy as np
from numpy.typing import NDArray

from harness.metrics.features import Matrix, centre_together, check_features, check_lengths

PRECISION_NEIGHBOURS = 3
DENSITY_NEIGHBOURS = 5
BLOCK = 500
# Squared distances that differ by less than this share of the squared norms behind them differ
# by rounding, and count as equal: a copy of an image lies exactly on the spheres it lay on.
_ROUNDING = 1e-12


def manifold_scores(real: NDArray[np.floating], fake: NDArray[np.floating]) -> dict[str, float]:
    """Return precision, recall, density and coverage of fakes against real images.

    Around every image lies a sphere that reaches to its k-th nearest neighbour in its own set:
    k = 3 for precision and recall, 5 for density and coverage. All depend on the numbers of
    images, so compare them at one number only. Memory: two copies of the features in float64
    and a few blocks of 500 rows of distances.

    Args:
        real: Features of real images, (n, d), any float type, n at least 6.
        fake: Features of generated images, (m, d), m at least 4.

    Returns:
        Four shares that tell fidelity from diversity; higher is better in all.
        precision: Share of fakes within the sphere of a real image, from 0 to 1.
        recall: Share of real images within the sphere of a fake, from 0 to 1.
        density: Mean number of real spheres around a fake, over the number expected: about 1
            for equal distributions, and above 1 where fakes crowd the densest places.
        coverage: Share of real images with a fake in their sphere, from 0 to 1; about 0.97 for
            equally many images of equal distributions (1 - 2⁻⁵).

    Raises:
        ScoreError: If there are too few images, the lengths differ or a value is not finite.

    References:
        Precision and recall: Kynkäänniemi et al. 2019, arXiv 1904.06991, equation 1; a point on
        a sphere is inside. Density and coverage: Naeem et al. 2020, arXiv 2002.09797, equations
        5 and 6; a point on a sphere is outside, as in the code of the authors. Hence an image
        that occurs more than five times among the real ones has an empty sphere in the latter.
    """
    real = check_features(real, "coverage", minimum=DENSITY_NEIGHBOURS + 1)
    fake = check_features(fake, "recall", minimum=PRECISION_NEIGHBOURS + 1)
    check_lengths(real, fake, "precision")
    real, fake, _ = centre_together(real, fake)
    # Squared radii, moved by their rounding error so that ties are ties.
    (near, slack), (far, far_slack) = _radii(real, (PRECISION_NEIGHBOURS, DENSITY_NEIGHBOURS))
    ((fake_near, fake_slack),) = _radii(fake, (PRECISION_NEIGHBOURS,))
    near, far, fake_near = near + slack, far - far_slack, fake_near + fake_slack
    precise = np.zeros(len(fake), dtype=bool)
    recalled = covered = pairs = 0
    for start in range(0, len(real), BLOCK):
        rows = slice(start, start + BLOCK)
        distances = _squared_distances(real[rows], fake)
        precise |= (distances <= near[rows, None]).any(axis=0)
        recalled += int((distances <= fake_near).any(axis=1).sum())
        inside = distances < far[rows, None]
        covered += int(inside.any(axis=1).sum())
        pairs += int(inside.sum())
    return {
        "precision": float(precise.mean()),
        "recall": recalled / len(real),
        "density": pairs / (DENSITY_NEIGHBOURS * len(fake)),
        "coverage": covered / len(real),
    }


def _radii(values: Matrix, neighbours: tuple[int, ...]) -> list[tuple[Matrix, Matrix]]:
    """Return squared radii to the k-th nearest neighbours, the point left out, and their slack."""
    found = np.empty((len(neighbours), len(values)))
    for start in range(0, len(values), BLOCK):
        rows = slice(start, start + BLOCK)
        distances = _squared_distances(values[rows], values)
        np.fill_diagonal(distances[:, rows], np.inf)
        places = [k - 1 for k in neighbours]
        distances.partition(places, axis=1)
        found[:, rows] = distances[:, places].T
    radii = np.maximum(found, 0.0)
    # A point at the radius has a squared norm of at most twice the sum of these two.
    slack = _ROUNDING * (_squared_norms(values) + radii)
    return list(zip(radii, slack, strict=True))


def _squared_distances(x: Matrix, y: Matrix) -> Matrix:
    """Return |x - y|² for all pairs, (n, m); those of equal points may be off by rounding."""
    distances = x @ y.T
    distances *= -2.0
    distances += _squared_norms(x)[:, None]
    distances += _squared_norms(y)
    return np.asarray(distances)


def _squared_norms(values: Matrix) -> Matrix:
    return np.asarray(np.einsum("ij,ij->i", values, values))
