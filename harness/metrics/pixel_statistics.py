"""Compare the pixels of images themselves: what networks that tell shapes are content to miss."""

import dataclasses

import numpy as np
from numpy.typing import NDArray

_MOST_IMAGES = 2_000
_BRIGHT = 250
_MEAN, _CONTRAST, _NOISE, _BRIGHT_SHARE, _CHECKERBOARD = 0.03, 0.05, 0.15, 0.5, 0.25
"""Relative differences from real images from which on a warning is given.

Two draws of 2,000 real Fashion-MNIST images differ by less than half of each.
"""


@dataclasses.dataclass(frozen=True)
class PixelStatistics:
    """Low-level statistics of a set of images.

    Args:
        mean: Mean value of all pixels, in [0, 255].
        contrast: Standard deviation of the pixels within an image, averaged over images.
        bright: Share of pixels of 250 and more.
        noise: Standard deviation of pixel noise, estimated from what a second difference leaves.
        checkerboard: Power of the period of two pixels, as a share of that of periods near it.
    """

    mean: float
    contrast: float
    bright: float
    noise: float
    checkerboard: float

    @classmethod
    def of(cls, images: NDArray[np.uint8]) -> "PixelStatistics":
        """Measure images; of many an evenly spaced part.

        Args:
            images: uint8, (n, height, width, channels), sides of at least 4.

        References:
            Immerkær 1996, "Fast noise variance estimation", for `noise`; Odena et al. 2016,
            "Deconvolution and checkerboard artifacts".
        """
        values = images[:: -(-len(images) // _MOST_IMAGES)].astype(np.float32)
        return cls(
            mean=float(values.mean()),
            contrast=float(values.std(axis=(1, 2)).mean()),
            bright=float((values >= _BRIGHT).mean()),
            noise=_noise(values),
            checkerboard=_checkerboard(values),
        )

    def warnings(self, real: "PixelStatistics") -> tuple[str, ...]:
        """Return what differs from real images, each in a sentence with what may help.

        Args:
            real: Of real images.
        """
        found = []
        mean = _relative(self.mean, real.mean)
        if abs(mean) > _MEAN:
            word = "darker" if mean < 0 else "brighter"
            found.append(
                f"{abs(mean):.0%} {word} than real images (mean grey {self.mean:.1f} against "
                f"{real.mean:.1f}): scale the images where brightness matters"
            )
        contrast = _relative(self.contrast, real.contrast)
        if abs(contrast) > _CONTRAST:
            word = "flatter" if contrast < 0 else "harsher"
            found.append(
                f"{word} than real images (contrast {self.contrast:.1f} against "
                f"{real.contrast:.1f}): a longer training or another generator.normalization"
            )
        bright = _relative(self.bright, real.bright)
        if abs(bright) > _BRIGHT_SHARE and max(self.bright, real.bright) > 0.002:
            word = "few" if bright < 0 else "many"
            found.append(
                f"too {word} white pixels ({self.bright:.2%} against {real.bright:.2%} of real "
                f"images): the output's ends are hard to reach; a longer training may help"
            )
        noise = _relative(self.noise, real.noise)
        if abs(noise) > _NOISE:
            remedy = (
                "fine texture is missing: a wider generator or a longer training"
                if noise < 0
                else "average longer, ema.half_life_kimg"
            )
            word = "smoother" if noise < 0 else "noisier"
            found.append(
                f"{word} than real images (pixel noise {self.noise:.1f} against "
                f"{real.noise:.1f}): {remedy}"
            )
        if _relative(self.checkerboard, real.checkerboard) > _CHECKERBOARD:
            found.append(
                f"a checkerboard of two pixels, {self.checkerboard / real.checkerboard:.1f} times "
                f"as strong as in real images: generator.name upsample, or a "
                f"generator.kernel_size that its stride divides"
            )
        return tuple(found)


def _relative(value: float, real: float) -> float:
    return (value - real) / real if real > 0 else 0.0


def _noise(values: NDArray[np.float32]) -> float:
    """Return Immerkær's estimate, whose mask leaves edges and slopes out."""

    def second_difference(x: NDArray[np.float32], axis: int) -> NDArray[np.float32]:
        inner = [slice(None)] * 4
        parts = []
        for first, last in ((0, -2), (1, -1), (2, None)):
            inner[axis] = slice(first, last)
            parts.append(x[tuple(inner)])
        return parts[0] - 2 * parts[1] + parts[2]

    left = second_difference(second_difference(values, 1), 2)
    return float(np.sqrt(np.pi / 2) / 6 * np.abs(left).mean())


def _checkerboard(values: NDArray[np.float32]) -> float:
    """Return the power along the shortest periods of both axes over that of their neighbors."""
    power = np.abs(np.fft.rfft2(values, axes=(1, 2))).mean(axis=(0, 3)) ** 2
    rows = np.fft.fftshift(power, axes=0)  # frequency 0 in the middle, the shortest period first
    shortest = rows[0, 1:].mean() + rows[1:, -1].mean()
    near = rows[1, 1:].mean() / 2 + rows[-1, 1:].mean() / 2 + rows[1:, -2].mean()
    return float(shortest / near) if near > 0 else 1.0
