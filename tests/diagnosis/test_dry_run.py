"""Say what a sweep would do: lines worked out by hand, and the command for real."""

import re
from pathlib import Path

import pytest
import yaml

from harness.data.image_dataset import ImageDataset
from harness.diagnosis.dry_run import configuration_lines, parameter_lines
from harness.gan.config.config import GANConfig
from harness.space.space import SearchSpace, space_names
from tests.support.commands import Commands
from tests.support.endings import GOOD, SPACE

PARAMETERS = {
    "generator.name": {"choices": ["mlp", "dcgan"]},
    "generator.width": [
        {"when": {"generator.name": "mlp"}, "value": 16},
        {"when": {"generator.name": "dcgan"}, "low": 8, "high": 24, "step": 8},
    ],
    "discriminator.widths": {"choices": [[16], [4, 4]]},
    "discriminator.learning_rate": {"low": 1.0e-4, "high": 1.0, "log": True},
}


def space(parameters: dict) -> SearchSpace:
    return SearchSpace.from_dict(SPACE | {"parameters": parameters}, source="test")


def test_a_line_says_what_a_parameter_can_be_and_when():
    lines = parameter_lines(space(PARAMETERS))
    assert [re.split(" {2,}", line.strip()) for line in lines] == [
        ["generator.name", "one of mlp, dcgan"],
        ["generator.width", "always 16", "when generator.name is mlp"],
        ["generator.width", "8 to 24 in steps of 8", "when generator.name is dcgan"],
        ["discriminator.widths", "one of [16], [4, 4]"],
        ["discriminator.learning_rate", "0.0001 to 1, logarithmic"],
    ]
    # Columns stand below each other.
    assert lines[0].index("one of") == lines[4].index("0.0001") == 2 + 27 + 2


def test_a_configuration_shows_what_is_searched_and_how_large_its_networks_are(
    fashion_mnist: ImageDataset,
):
    config = GANConfig.model_validate(
        {
            "conditional": False,
            "generator": {
                "name": "mlp",
                "latent_dim": 8,
                "widths": [16],
                "normalization": "none",
            },
            "discriminator": {"name": "mlp", "widths": [16]},
        }
    )
    lines = list(configuration_lines(space(PARAMETERS), [config], fashion_mnist))
    # Weights and biases: G has 9 * 16 and 17 * 784 of them, D 785 * 16 and 17 * 1.
    assert lines[0] == "  0000  mlp: generator 13,472, discriminator 12,577 parameters"
    assert [line.split(":")[0].strip() for line in lines[1:]] == [
        "generator.name", "discriminator.widths", "discriminator.learning_rate"
    ]  # fmt: skip


def test_a_configuration_that_cannot_be_built_says_why(fashion_mnist: ImageDataset):
    config = GANConfig.model_validate(
        {
            "generator": {"name": "mlp"},
            "discriminator": {"name": "conv", "padding": "valid", "widths": [4] * 6},
        }
    )
    first, *_ = configuration_lines(space(PARAMETERS), [config], fashion_mnist)
    assert first.startswith("  0000  mlp: cannot be built: discriminator.padding valid leaves 4")


@pytest.fixture(scope="module")
def dry(commands: Commands, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str]]:
    """Return where a dry run took place, and what it printed."""
    folder = tmp_path_factory.mktemp("dry")
    # Whatever is drawn, these networks can be built.
    parameters = SPACE["parameters"] | {name: {"value": GOOD[name]} for name in GOOD}
    parameters["generator.learning_rate"] = SPACE["parameters"]["generator.learning_rate"]
    (folder / "s.yaml").write_text(yaml.safe_dump(SPACE | {"parameters": parameters}))
    result = commands.run(
        "sweep", "--search-space", "./s.yaml", "--dry-run", "--trials", 7, "--workers", 2,
        "--dataset", "fashion_mnist", "--classes", "0,1", cwd=folder,
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    return folder, result.stdout.splitlines()


def test_a_dry_run_writes_nothing(dry: tuple[Path, list[str]]):
    folder, lines = dry
    assert [path.name for path in folder.iterdir()] == ["s.yaml"]
    assert lines[-1] == "No trial was trained, and nothing was written."


def test_a_dry_run_shows_the_space_three_trials_and_the_time(dry: tuple[Path, list[str]]):
    text = "\n".join(dry[1])
    assert "Search space endings on fashion_mnist?classes=0,1" in text
    assert re.search(r"  generator.learning_rate +1e-06 to 0.01, logarithmic\n", text)
    assert [line.split()[0] for line in dry[1] if "parameters" in line and ":" in line] == [
        "0000", "0001", "0002"
    ]  # fmt: skip
    assert "for 7 trials of the endings space with 2 workers" in text
    assert "  sweep memory: about " in text


@pytest.mark.slow
@pytest.mark.parametrize("name", space_names())
def test_every_space_that_comes_along_can_be_tried_dry(
    name: str, commands: Commands, tmp_path: Path
):
    result = commands.run(
        "sweep", "--search-space", name, "--dry-run", "--trials", 3, "--workers", 1, cwd=tmp_path
    )
    assert result.returncode == 0, result.stdout + result.stderr
    assert "cannot be built" not in result.stdout
    assert result.stdout.splitlines()[-1] == "No trial was trained, and nothing was written."
