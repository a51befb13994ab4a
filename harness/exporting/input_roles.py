"""Tell what the inputs of a generator are for, by their types and shapes."""

import dataclasses
import math
from collections.abc import Mapping

from harness.core.errors import ConfigError

Shape = tuple[int | None, ...]
Inputs = Mapping[str, tuple[Shape, str]]

_SAYING = "Say which is which: --inputs noise=NAME,label=NAME."


@dataclasses.dataclass(frozen=True)
class InputRoles:
    """What each input of a generator is for.

    Args:
        noise: Name of the noise; None for a generator of labels alone.
        label: Name of the label; None for an unconditional one.
        one_hot: Whether labels are rows of as many values as there are classes.
    """

    noise: str | None
    label: str | None = None
    one_hot: bool = False

    @classmethod
    def read(cls, inputs: Inputs, given: str | None, num_classes: int) -> "InputRoles":
        """Return what the inputs are for, where types and shapes leave no doubt.

        Args:
            inputs: Shape and type of each by name.
            given: What `--inputs` says, `noise=NAME,label=NAME` or one of the two; None for
                nothing.
            num_classes: Of the data set.

        Raises:
            ConfigError: If it is in doubt, or says what cannot be.
        """
        named = _named(given, inputs) if given is not None else {}
        if given is None and "noise" in inputs and set(inputs) <= {"noise", "label"}:
            named = {name: name for name in inputs}
        wholes = {name for name in inputs if _is_index(*inputs[name])}
        rows = {
            n for n, (shape, _) in inputs.items() if len(shape) == 2 and sizes_of(shape)[0] > 1
        }
        one_hot = {n for n in rows if inputs[n][0][1] == num_classes}
        floats = {n for n, (shape, kind) in inputs.items() if "float" in kind and len(shape) > 1}
        if not named and len(inputs) == 1:
            (only,) = inputs
            if only in wholes:
                named = {"label": only}
            elif only in floats - one_hot:  # as many as there are classes may be either
                named = {"noise": only}
        if not named and len(inputs) == 2:
            labels = wholes or one_hot
            rest = floats - labels
            if len(labels) == len(rest) == 1:
                named = {"noise": next(iter(rest)), "label": next(iter(labels))}
        if not named:
            raise ConfigError(
                f"the inputs are {listed(inputs)}; expected noise as one float input (n, z), and "
                f"maybe labels as whole numbers (n,) or (n, 1) or as one-hot rows (n, "
                f"{num_classes or 'classes'}). {_SAYING}"
            )
        noise, label = named.get("noise"), named.get("label")
        if noise is not None and (None in inputs[noise][0][1:] or noise not in floats):
            raise ConfigError(
                f"the noise must be floats of a fixed shape; received {listed(inputs)}. Draw the "
                f"images yourself, and evaluate them as an .npz."
            )
        if label is not None and not num_classes:
            raise ConfigError(
                f"the generator asks for labels, {label}, but the data set has none. Choose a "
                f"labelled data set, or draw the images yourself."
            )
        single = label is not None and math.prod(sizes_of(inputs[label][0])) == 1
        if label is not None and not single and label not in one_hot:
            raise ConfigError(
                f"labels must be whole numbers (n,) or (n, 1) or one-hot rows (n, {num_classes}), "
                f"as the data set has {num_classes} classes; received {listed(inputs)}. {_SAYING}"
            )
        return cls(noise, label, label is not None and not single)


def _is_index(shape: Shape, kind: str) -> bool:
    return "int" in kind and (len(shape) == 1 or shape[1:] == (1,))


def sizes_of(shape: Shape) -> list[int]:
    """Return the sizes of one example; one where any will do."""
    return [size or 1 for size in shape[1:]]


def listed(inputs: Inputs) -> str:
    """Return the inputs with their types and shapes, for a message."""
    return ", ".join(f"{name} {kind} {shown(shape)}" for name, (shape, kind) in inputs.items())


def shown(shape: Shape) -> str:
    """Return a shape as `(n, 16)`."""
    rest = ", ".join("?" if size is None else str(size) for size in shape[1:])
    return f"(n, {rest})" if rest else "(n,)"


def _named(given: str, inputs: Inputs) -> dict[str, str]:
    """Return the input of each role that `--inputs` names."""
    named: dict[str, str] = {}
    for part in given.split(","):
        role, _, name = part.partition("=")
        if role not in ("noise", "label") or name not in inputs or role in named:
            raise ConfigError(
                f"--inputs: expected noise=NAME,label=NAME, or one of them, with names of "
                f"{listed(inputs)}; received {given!r}."
            )
        named[role] = name
    if set(named.values()) != set(inputs):
        raise ConfigError(
            f"--inputs: expected a role for each of {listed(inputs)}; received {given!r}."
        )
    return named
