import random

import optuna
import pytest

from harness.space.feasibility import combination_faults, sample_values
from harness.space.parameter_parsing import parse_parameters
from harness.space.parameters import Choices, Fixed, Range


def parse(record):
    faults = []
    parameters = parse_parameters(record, faults)
    assert faults == []
    return parameters


def faults_of(record):
    faults = []
    parse_parameters(record, faults)
    return faults


def variant_of(field, form):
    return parse({field: form})[0].variants[0]


@pytest.mark.parametrize(
    ("field", "form", "variant"),
    [
        ("conditional", {"value": True}, Fixed(value=True)),
        ("generator.width", {"value": 24}, Fixed(value=24)),
        ("generator.widths", {"value": None}, Fixed(value=None)),
        ("generator.widths", {"choices": [[8, 4], None]}, Choices(choices=((8, 4), None))),
        ("generator.name", {"choices": ["mlp", "dcgan"]}, Choices(choices=("mlp", "dcgan"))),
        ("optimizer.beta_1", {"choices": [0, 0.5]}, Choices(choices=(0.0, 0.5))),
        (
            "generator.width",
            {"low": 16, "high": 40, "step": 8},
            Range(low=16, high=40, step=8, type="int"),
        ),
        (
            "batch_size",
            {"low": 16, "high": 256, "log": True},
            Range(low=16, high=256, log=True, type="int"),
        ),
        ("ema.half_life_kimg", {"low": 1, "high": 5}, Range(low=1.0, high=5.0)),
        (
            "ema.half_life_kimg",
            {"low": 1, "high": 5, "type": "int"},
            Range(low=1, high=5, type="int"),
        ),
    ],
)
def test_form_becomes_variant(field, form, variant):
    expected = variant.model_copy(update={"name": field})
    received = variant_of(field, form)

    assert received == expected
    assert variant_of(field, received.to_dict()) == expected


@pytest.mark.parametrize(
    ("field", "form", "fault"),
    [
        (
            "generator.learning_rate",
            {"low": 0, "high": 0.1, "log": True},
            "generator.learning_rate.low must be > 0 when log is true; received 0. "
            "Use low: 1.0e-5 or log: false.",
        ),
        (
            "generator.learning_rate",
            {"low": "1e-5", "high": 0.1},
            "generator.learning_rate.low must be a valid number; received '1e-5'. Write 1.0e-5.",
        ),
        (
            "generator.learning_rate",
            {"low": 0.001, "high": 2.0},
            "generator.learning_rate.high must be less than or equal to 1; received 2.0.",
        ),
        (
            "generator.width",
            {"low": 32, "high": 16},
            "generator.width.high must be >= low; received low 32 and high 16. Swap them.",
        ),
        (
            "generator.width",
            {"low": 16, "high": 45, "step": 8},
            "generator.width.step must lead from low to high; received 8 for 16 to 45. "
            "Use high: 40.",  # 16 + 3 * 8
        ),
        (
            "generator.width",
            {"low": 0, "high": 8},
            "generator.width.low must be greater than or equal to 1; received 0.",
        ),
        (
            "generator.width",
            {"choices": [16, 24.0]},
            "generator.width.choices[1] must be a valid integer; received 24.0. Write 24.",
        ),
        ("generator.width", {"value": True}, "generator.width.value must be a valid integer"),
        ("generator.width", {"choices": []}, "generator.width.choices must offer at least one"),
        ("generator.width", {"choices": [8, 8]}, "choices must differ from each other"),
        (
            "generator.width",
            {"low": 8},
            "generator.width.high is missing. Add it, or use value: 8",
        ),
        ("generator.width", {"high": 8}, "must have either value, or choices, or low and high"),
        ("generator.width", {"value": 8, "log": True}, "generator.width must have either value"),
        ("generator.width", {}, "received nothing"),
        ("generator.width", 24, "generator.width must be a mapping; received 24. Use {value: 24}"),
        ("generator.width", [], "generator.width needs at least one variant"),
        (
            "generator.width",
            {"low": 8, "high": 16, "type": "float"},
            "generator.width.type must be int, as the field is",
        ),
        ("generator.width", {"low": 8, "high": 16, "step": 0.5}, "step must be a whole number"),
        ("generator.width", {"low": 8, "high": 16, "step": -8}, "step must be > 0"),
        ("generator.width", {"low": 8, "high": 16, "step": 8, "log": True}, "cannot go with log"),
        (
            "generator.width",
            {"low": 8, "hihg": 16},
            "generator.width.hihg is not a known key. Did you mean 'high'?",
        ),
        ("conditional", {"low": 0, "high": 1}, "conditional is no number, so it has no range"),
        ("conditional", {"value": 1}, "conditional.value must be a valid boolean; received 1."),
        ("generator.output", {"value": "tahn"}, "generator.output.value must be 'tanh' or"),
        (
            "generator.lerning_rate",
            {"value": 0.1},
            "generator.lerning_rate is not a field of GANConfig. "
            "Did you mean 'generator.learning_rate'?",
        ),
        ("seed", {"value": 1}, "seed is derived from the study's seed"),
        ("generator", {"value": 1}, "generator is not a field of GANConfig."),
        (
            "ema.half_life_kimg",
            {"low": 1.5, "high": 5, "type": "int"},
            "ema.half_life_kimg.low must be a whole number for type int; received 1.5.",
        ),
        ("ema.half_life_kimg", {"low": 1.0, "high": float("inf")}, "must be finite; received inf"),
    ],
)
def test_faulty_form_is_explained(field, form, fault):
    faults = faults_of({field: form})

    assert len(faults) == 1
    assert fault in faults[0]


def test_all_faults_are_found_at_once():
    faults = faults_of(
        {
            "generator.width": {"low": 32, "high": 16},
            "generator.learning_rate": {"low": 0, "high": 2.0, "log": True},
            "generatr.depth": {"value": 2},
        }
    )

    # width is reversed; the learning rate's low and high are both wrong; one name is unknown.
    assert len(faults) == 4


@pytest.mark.parametrize(
    ("when", "fault"),
    [
        ({"discriminator.name": "mlp"}, "names discriminator.name, which no parameter above"),
        ({"generator.nam": "mlp"}, "Did you mean 'generator.name'?"),
        ({"generator.depth": 2}, "names generator.depth, which is a range"),
        ({"generator.name": "dcgna"}, "must be one of mlp, dcgan; received 'dcgna'"),
        ({"generator.name": []}, "must be at least one of mlp, dcgan; received []"),
        ({"generator.width": 24}, "names generator.width, which no parameter above declares"),
    ],
)
def test_condition_must_name_a_choice_declared_before(when, fault):
    faults = faults_of(
        {
            "generator.name": {"choices": ["mlp", "dcgan"]},
            "generator.depth": {"low": 1, "high": 3},
            "generator.width": {"when": when, "value": 24},
            "discriminator.name": {"value": "mlp"},
        }
    )

    assert len(faults) == 1
    assert fault in faults[0]


def test_condition_on_a_faulty_parameter_is_not_reported_twice():
    faults = faults_of(
        {
            "generator.name": {"choices": [1, 2]},
            "generator.width": {"when": {"generator.name": "mlp"}, "value": 24},
        }
    )

    assert [fault.split()[0] for fault in faults] == [
        "generator.name.choices[0]",
        "generator.name.choices[1]",
    ]


FAMILY_WIDTHS = {
    "generator.name": {"choices": ["mlp", "upsample", "dcgan"]},
    "generator.width": [
        {"when": {"generator.name": "mlp"}, "choices": [64, 128]},
        {"when": {"generator.name": ["upsample"]}, "low": 16, "high": 48, "step": 8},
    ],
}


def test_variants_have_readable_names():
    widths = parse(FAMILY_WIDTHS)[1]

    assert [variant.name for variant in widths.variants] == [
        "generator.width[mlp]",
        "generator.width[upsample]",
    ]


def test_names_spell_out_fields_where_values_alone_are_ambiguous():
    parameters = parse(
        {
            "generator.name": {"choices": ["mlp", "dcgan"]},
            "discriminator.name": {"choices": ["mlp", "conv"]},
            "batch_size": [
                {"when": {"generator.name": "mlp"}, "value": 32},
                {"when": {"discriminator.name": "mlp"}, "value": 64},
            ],
        }
    )

    assert [variant.name for variant in parameters[2].variants] == [
        "batch_size[generator.name=mlp]",
        "batch_size[discriminator.name=mlp]",
    ]


@pytest.mark.parametrize(("family", "allowed"), [("mlp", {64, 128}), ("dcgan", {24})])
def test_variant_follows_its_condition_and_default_fills_the_rest(family, allowed):
    parameters = parse(FAMILY_WIDTHS)
    rng = random.Random(3)
    drawn = [sample_values(parameters, rng) for _ in range(200)]

    widths = {values["generator.width"] for values in drawn if values["generator.name"] == family}

    # 24 is GANConfig's default: no variant speaks of dcgan.
    assert widths == allowed


def test_overlapping_variants_are_refused():
    parameters = parse(
        {
            "generator.name": {"choices": ["mlp", "dcgan"]},
            "batch_size": [
                {"when": {"generator.name": ["mlp", "dcgan"]}, "value": 32},
                {"when": {"generator.name": "dcgan"}, "value": 64},
            ],
        }
    )

    assert combination_faults(parameters) == [
        "batch_size[0] and batch_size[1] both apply when generator.name=dcgan. "
        "Make their conditions exclude each other."
    ]


def test_two_unconditional_variants_are_refused():
    parameters = parse({"batch_size": [{"value": 32}, {"value": 64}]})

    assert "batch_size[0] and batch_size[1] both apply" in combination_faults(parameters)[0]


def test_variants_that_exclude_each_other_through_a_third_field_are_accepted():
    parameters = parse(
        {
            "generator.name": {"choices": ["mlp", "dcgan"]},
            "discriminator.name": [
                {"when": {"generator.name": "mlp"}, "value": "mlp"},
                {"when": {"generator.name": "dcgan"}, "value": "conv"},
            ],
            "batch_size": [
                {"when": {"generator.name": "mlp"}, "value": 32},
                {"when": {"discriminator.name": "conv"}, "value": 64},
            ],
        }
    )

    assert combination_faults(parameters) == []


def test_variant_that_never_applies_is_refused():
    parameters = parse(
        {
            "generator.name": {"value": "dcgan"},
            "discriminator.name": {"when": {"generator.name": "dcgan"}, "value": "conv"},
            "batch_size": {"when": {"discriminator.name": "conv"}, "value": 32},
            "generator.depth": {
                "when": {"generator.name": "dcgan", "discriminator.name": "conv"},
                "value": 2,
            },
        }
    )
    assert combination_faults(parameters) == []

    # conv is GANConfig's default, so the condition reads well, but mlp is always chosen here.
    parameters = parse(
        {
            "generator.name": {"value": "dcgan"},
            "discriminator.name": {"when": {"generator.name": "dcgan"}, "value": "mlp"},
            "batch_size": {"when": {"discriminator.name": "conv"}, "value": 32},
        }
    )
    assert combination_faults(parameters) == [
        "batch_size[0] never applies. Correct its condition or remove it."
    ]


def test_impossible_combination_is_named():
    parameters = parse(
        {
            "update.order": {"choices": ["alternating", "simultaneous"]},
            "update.discriminator_steps": {"choices": [1, 2, 3]},
            "generator.width": {"choices": [16, 32]},
        }
    )

    faults = combination_faults(parameters)

    assert len(faults) == 1  # steps 2 and 3 break the same rule
    assert "update.order=simultaneous, update.discriminator_steps=" in faults[0]
    assert "generator.width" not in faults[0]
    assert "must be 1 when update.order is simultaneous" in faults[0]


def test_condition_heals_an_impossible_combination():
    parameters = parse(
        {
            "update.order": {"choices": ["alternating", "simultaneous"]},
            "update.discriminator_steps": {
                "when": {"update.order": "alternating"},
                "choices": [1, 2, 3],
            },
        }
    )

    assert combination_faults(parameters) == []


VARIANTS = [
    Range(low=16, high=40, step=8, type="int"),
    Range(low=2, high=300, log=True, type="int"),
    Range(low=1e-4, high=1e-1, log=True),
    Range(low=0.0, high=0.3, step=0.1),
    Range(low=-1.0, high=1.0),
    Choices(choices=("a", "b")),
    Choices(choices=((1, 2), None)),
]


@pytest.mark.parametrize("variant", VARIANTS, ids=str)
def test_samples_and_suggestions_lie_in_the_variant(variant):
    rng = random.Random(0)
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    variant = variant.model_copy(update={"name": "x"})
    for _ in range(50):
        assert variant.fault(variant.sample(rng)) is None
        assert variant.fault(variant.suggest(study.ask())) is None


def test_stepped_floats_are_the_numbers_people_write():
    # 0.1 + 2 * 0.1 is 0.30000000000000004 in floating point.
    trial = optuna.trial.FixedTrial({"x": 0.1 + 2 * 0.1})

    assert repr(Range(name="x", low=0.1, high=0.5, step=0.1).suggest(trial)) == "0.3"


def test_logarithmic_range_spreads_over_magnitudes():
    rng = random.Random(0)
    variant = Range(low=1e-4, high=1e-2, log=True)

    below = sum(variant.sample(rng) < 1e-3 for _ in range(1000))

    # 1e-3 is the middle of the logarithmic range: 500 expected, standard deviation 16.
    assert 420 < below < 580


@pytest.mark.parametrize(
    ("variant", "value", "fault"),
    [
        (Range(low=16, high=40, step=8, type="int"), 20, "must be 16 plus a multiple of 8"),
        (Range(low=16, high=40, step=8, type="int"), 48, "must lie from 16 to 40"),
        (Range(low=16, high=40, step=8, type="int"), 16.5, "must be a whole number from 16 to 40"),
        (Range(low=0.0, high=1.0), "x", "must be a number from 0.0 to 1.0"),
        (Choices(choices=("a", "b")), "c", "must be one of a, b"),
        (Choices(choices=((8, 4), None)), (4,), "must be one of [8, 4], null"),
        (Fixed(value=3), 4, "is fixed to 3"),
    ],
)
def test_value_outside_a_variant_is_explained(variant, value, fault):
    assert variant.fault(value) == fault
