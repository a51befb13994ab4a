"""Take every hint of a refusal at its word: what it says to write is accepted."""

import re

import pytest

from harness.core.errors import ConfigError
from harness.core.yaml_file import parse_yaml
from harness.space.space import SearchSpace

DOCUMENT = """
name: hinted
dataset: fashion_mnist
parameters:
  generator.name: {value: dcgan}
  discriminator.name: {value: conv}
  PARAMETER
budget: {rungs_kimg: [1, 2]BUDGET}
MORE
"""
PLACES = ("PARAMETER", "BUDGET", "MORE", "hinted")


def load(place: str, text: str) -> SearchSpace:
    document = DOCUMENT
    for each in PLACES:
        document = document.replace(each, text if each == place else "hinted" * (each == "hinted"))
    return SearchSpace.from_dict(parse_yaml(document, source="x"), source="x")


@pytest.mark.parametrize(
    ("place", "received", "hint", "followed"),
    [
        ("PARAMETER", "batch_size: {choices: [64, '128']}", "Write 128.", "128]}"),
        ("PARAMETER", "batch_size: {choices: [64, 128.0]}", "Write 128.", "128]}"),
        ("PARAMETER", "batch_size: {choices: [64, 08]}", "Write 8.", "8]}"),
        ("PARAMETER", "batch_size: {choices: [64, '1,000']}", "Write 1000.", "1000]}"),
        ("PARAMETER", "ema.half_life_kimg: {value: '0,5'}", "Write 0.5.", "0.5}"),
        ("PARAMETER", "generator.learning_rate: {value: '2e-4'}", "Write 0.0002.", "0.0002}"),
        ("PARAMETER", "generator.normalization: {value: off}", "Write none.", "none}"),
        ("PARAMETER", "generator.normalization: {value: None}", "Write none.", "none}"),
        ("PARAMETER", "conditional: {value: 'no'}", "Write false.", "false}"),
        ("PARAMETER", "conditional: {value: 1}", "Write true.", "true}"),
        ("PARAMETER", "batch_size: 64", "Use {value: 64}", "{value: 64}"),
        ("PARAMETER", "batch_size: [32, 64]", "Use {choices: [32, 64]}", "{choices: [32, 64]}"),
        ("MORE", "pruner: no", "Use {name: none}.", "{name: none}"),
        ("MORE", "pruner: None", "Use {name: none}.", "{name: none}"),
        ("MORE", "pruner: mediann", "Use {name: median}.", "{name: median}"),
        ("MORE", "pruner: {name: no}", "Write none.", "none}"),
        ("MORE", "pruner: 'off'", "Use {name: none}.", "{name: none}"),
        ("MORE", "pruner: MedianPruner", "Use {name: median}.", "{name: median}"),
        ("MORE", "pruner: {type: median}", "Use {name: median}.", "{name: median}"),
        ("MORE", "sampler: bayes", "Use {name: tpe}.", "{name: tpe}"),
        ("MORE", "protocol: {metric: FID}", "Write fid.", "fid}"),
        ("MORE", "finish: yes", "Write {}.", "{}"),
        ("PARAMETER", "conditional: {value: 'False'}", "Write false.", "false}"),
        ("PARAMETER", "conditional: {value: n}", "Write false.", "false}"),
        ("PARAMETER", "conditional: {value: 1.0}", "Write true.", "true}"),
        ("PARAMETER", "batch_size: {value: 0o100}", "Write 64.", "64}"),
        ("PARAMETER", "batch_size: {value: '0x40'}", "Write 64.", "64}"),
    ],
)
def test_what_a_hint_says_to_write_is_accepted(place, received, hint, followed):
    with pytest.raises(ConfigError, match=re.escape(hint)):
        load(place, received)
    # What is at fault stands last.
    pattern = r": .*" if followed.startswith("{") else r"[^ \[]+$"
    prefix = ": " if followed.startswith("{") else ""
    load(place, re.sub(pattern, prefix + followed, received, count=1))


@pytest.mark.parametrize(
    ("place", "received", "hint", "mended"),
    [
        ("PARAMETER", "batch_size: {values: [32]}", "choices.", "batch_size: {choices: [32]}"),
        ("PARAMETER", "batch_size: {min: 3, high: 6}", "low.", "batch_size: {low: 3, high: 6}"),
        ("PARAMETER", "batch_size: {low: 3, max: 6}", "high.", "batch_size: {low: 3, high: 6}"),
        ("PARAMETER", "batch_size: {suggest_int: 3}", "low and high.", ""),
        ("PARAMETER", "batch_size: {distribution: u, low: 3, high: 6}", "log: true for", ""),
        ("MORE", "method: tpe", "sampler: {name: tpe}, or", "sampler: {name: tpe}"),
        ("MORE", "early_terminate: x", "pruner: {name: hyper", "pruner: {name: hyperband}"),
        ("MORE", "metric: {name: x}", "protocol: {metric: fid}", "protocol: {metric: fid}"),
        ("MORE", "direction: minimize", "protocol: {metric: fid}, wh", "protocol: {metric: fid}"),
        ("PARAMETER", "batch_size: {scale: log, low: 3, high: 6}", "log: true for", ""),
        ("PARAMETER", "batch_size: {upper: 6, low: 3}", "high.", "batch_size: {low: 3, high: 6}"),
    ],
)
def test_words_of_others_are_translated(place, received, hint, mended):
    with pytest.raises(ConfigError, match=re.escape(f"is not a known key. Here it is {hint}")):
        load(place, received)
    load(place, mended)


@pytest.mark.parametrize(
    ("place", "received"),
    [
        ("BUDGET", ", max_relative_cost: None"),
        ("BUDGET", ", max_relative_cost: off"),
        ("MORE", "sampler: {name: cmaes, popsize: None}"),
    ],
)
def test_what_may_be_left_out_is(place, received):
    with pytest.raises(ConfigError, match=re.escape("Leave it out.")):
        load(place, received)
    load(place, re.sub(r", \w+: (None|off)", "", received))


@pytest.mark.parametrize(
    "received", ["batch_size: {value: None}", "batch_size: {low: ~, high: 8}"]
)
def test_a_parameter_without_a_value_is_left_out_as_a_whole(received):
    with pytest.raises(ConfigError, match=r"Leave batch_size out\."):
        load("PARAMETER", received)
    load("PARAMETER", "")


@pytest.mark.parametrize("written", ["10,000", "10,0", "1,5"])
def test_a_comma_in_a_number_is_named(written):
    place, text = "MORE", f"protocol: {{metric: fid, num_images: {written}}}"
    with pytest.raises(ConfigError, match="write 10,000 as 10000, and 1,5 as"):
        load(place, text)
    load(place, text.replace(written, "10000"))


@pytest.mark.parametrize("name", ["123", "no", "1e3"])
def test_names_that_yaml_takes_for_something_else_are_text_in_quotes(name):
    with pytest.raises(ConfigError, match=r"name must be one line of text; .* Write it in quotes"):
        load("hinted", name)
    space = load("hinted", f"'{name}'")
    assert space.name == name
    assert SearchSpace.from_dict(parse_yaml(space.to_yaml(), source="x"), source="x") == space
