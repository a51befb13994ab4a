import copy
import random
import subprocess
import sys
from pathlib import Path

import optuna
import pytest
import yaml

from harness.core.errors import ConfigError
from harness.gan.config.config import GANConfig, build_config
from harness.gan.user_code.user_functions import NO_FUNCTIONS, named_functions
from harness.space.enqueue import load_enqueued
from harness.space.feasibility import sample_values
from harness.space.parameter_parsing import parse_parameters
from harness.space.space import SearchSpace, space_names

ROOT = Path(__file__).parents[2]

SMALL = {
    "name": "small",
    "dataset": "fashion_mnist",
    "parameters": {
        "generator.name": {"choices": ["mlp", "dcgan"]},
        "generator.width": [
            {"when": {"generator.name": "mlp"}, "choices": [64, 128]},
            {"when": {"generator.name": "dcgan"}, "low": 16, "high": 40, "step": 8},
        ],
        "generator.learning_rate": {"low": 1.0e-4, "high": 1.0e-2, "log": True},
        "discriminator.dropout": {"value": 0.2},
    },
    "budget": {"rungs_kimg": [16, 64, 256]},
}


def small(**changes):
    record = copy.deepcopy(SMALL) | changes
    return SearchSpace.from_dict(record, source="small.yaml")


@pytest.mark.parametrize("name", space_names())
def test_every_shipped_space_makes_valid_configurations(name):
    space = SearchSpace.load(name)
    rng = random.Random(1)

    assert space.name == name
    assert space.description
    for _ in range(200):
        assert isinstance(build_config(sample_values(space.parameters, rng)), GANConfig)


@pytest.mark.parametrize("name", space_names())
def test_optuna_and_our_own_sampling_agree_on_every_shipped_space(name):
    space = SearchSpace.load(name)
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    for _ in range(25):
        trial = study.ask()
        config = space.suggest(trial, seed=3)
        assert config.seed == 3
        # What a trial recorded is exactly what its configuration translates back to.
        assert space.params_of(config) == pytest.approx(trial.params)
        assert trial.distributions.items() <= space.distributions().items()


def test_default_space_is_conditional_and_holds_all_families():
    space = SearchSpace.load("default")
    rng = random.Random(0)
    configs = [build_config(sample_values(space.parameters, rng)) for _ in range(100)]

    assert {config.family for config in configs} == {"mlp", "upsample", "dcgan"}
    assert all(config.conditional for config in configs)


def test_name_resolves_from_any_folder_and_path_from_here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert SearchSpace.load("smoke").name == "smoke"

    Path("smoke.yaml").write_text(small(name="mine").to_yaml())
    assert SearchSpace.load("smoke.yaml").name == "mine"
    assert SearchSpace.load("./smoke.yaml").name == "mine"
    assert SearchSpace.load("smoke").name == "smoke"


def test_unknown_name_lists_the_known_ones():
    with pytest.raises(ConfigError, match=r"no search space 'dcgna'. Did you mean 'dcgan'\?.*mlp"):
        SearchSpace.load("dcgna")


def test_missing_file_is_one_message(tmp_path):
    with pytest.raises(ConfigError, match=r"none\.yaml: cannot be read: No such file"):
        SearchSpace.load(str(tmp_path / "none.yaml"))


def test_reading_a_space_imports_neither_optuna_nor_tensorflow():
    code = (
        "import sys; from harness.space.space import SearchSpace; SearchSpace.load('default');"
        "print([m for m in ('optuna', 'tensorflow', 'keras', 'wandb') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "[]"


def test_all_faults_of_a_file_are_one_message():
    record = copy.deepcopy(SMALL) | {
        "smapler": {"name": "tpe"},
        "budget": {"rungs_kimg": [64, 16]},
        "pruner": {"name": "successive_halvin"},
        "protocol": {"num_images": 1},
    }
    record["parameters"]["generator.learning_rate"]["low"] = 0
    del record["dataset"]

    with pytest.raises(ConfigError) as caught:
        SearchSpace.from_dict(record, source="mine.yaml")

    first, *lines = str(caught.value).splitlines()
    assert first == "mine.yaml has 6 faults:"
    assert lines == [
        "  - generator.learning_rate.low must be > 0 when log is true; received 0. "
        "Use low: 1.0e-5 or log: false.",
        "  - dataset is missing. Add it.",
        "  - budget.rungs_kimg must rise from rung to rung; received [64, 16].",
        "  - pruner.name must be one of successive_halving, hyperband, median, percentile, "
        "none, promotion, patient; received 'successive_halvin'. "
        "Did you mean 'successive_halving'?",
        "  - protocol.num_images must be greater than or equal to 2; received 1.",
        "  - smapler is not a known key. Did you mean 'sampler'?",
    ]


def test_one_fault_is_one_line():
    with pytest.raises(
        ConfigError, match=r"^small\.yaml: name must consist of .* Use name: a_b\.$"
    ):
        small(name="a/b")


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"sampler": "tpe"}, r"sampler must be a mapping with a name; received 'tpe'"),
        ({"sampler": {"name": "tpe", "seed": 1}}, r"sampler\.seed is not a known key"),
        ({"sampler": {"name": "tpe", "multivariate": False}}, "group needs multivariate"),
        (
            {"sampler": {"name": "tpe", "n_startup_trials": -1}},
            r"n_startup_trials must be greater",
        ),
        ({"sampler": {"name": "qmc", "qmc_type": "sobl"}}, r"sampler\.qmc_type"),
        ({"pruner": {"name": "median", "min_trials": 3}}, r"pruner\.min_trials is not a known"),
        (
            {"pruner": {"name": "percentile", "percentile": 0}},
            r"percentile must be greater than 0",
        ),
        (
            {"pruner": {"name": "patient", "wrapped": {"name": "patient"}}},
            r"pruner\.wrapped\.name must be one of",
        ),
        ({"pruner": {"name": "successive_halving", "reduction_factor": 3}}, r"\[16, 48, 144\]"),
        (
            {"pruner": {"name": "hyperband", "reduction_factor": 2}},
            r"Use rungs_kimg: \[16, 32, 64",
        ),
        ({"budget": {"rungs_kimg": [16, 64, 250]}}, r"Use rungs_kimg: \[16, 64, 256\]"),
        ({"budget": {"rungs_kimg": []}}, r"budget\.rungs_kimg must have at least one rung"),
        ({"budget": {"rungs_kimg": [0, 4]}}, r"budget\.rungs_kimg\[0\] must be greater"),
        ({"budget": {"rungs_kimg": [1.5]}}, r"budget\.rungs_kimg\[0\] must be a valid integer"),
        (
            {"budget": {"rungs_kimg": [1], "max_relative_cost": float("inf")}},
            r"max_relative_cost must be a finite number",
        ),
        (
            {"budget": {"rungs_kimg": [1], "max_seconds_per_kimg": 3.0}},
            r"budget\.max_seconds_per_kimg is now called budget\.max_relative_cost, .*Use max_",
        ),
        (
            {"budget": {"rungs_kimg": [1], "max_relative_cost": 1}},
            r"budget\.max_relative_cost must be greater than 1; received 1",
        ),
        (
            {"finish": {"rungs": 0}},
            r"finish\.rungs must be greater than or equal to 1; received 0",
        ),
        (
            {"pruner": {"name": "promotion", "reduction_factor": 1}},
            r"pruner\.reduction_factor must be greater than or equal to 2; received 1",
        ),
        ({"budget": [1]}, r"budget must be a mapping with the keys rungs_kimg"),
        ({"parameters": {}}, r"parameters must map fields of GANConfig"),
        ({"name": "two\nlines"}, r"name must be one line of text"),
        ({"dataset": ""}, r"dataset must consist of"),
        ({"dataset": "npz:"}, r"dataset must consist of letters.*received 'npz:'"),
    ],
)
def test_faulty_section_is_explained(changes, match):
    with pytest.raises(ConfigError, match=match):
        small(**changes)


def test_rungs_of_other_pruners_are_free():
    budget = {"rungs_kimg": [10, 15, 100]}

    assert small(budget=budget, pruner={"name": "median"}).budget.rungs_kimg == (10, 15, 100)


def test_document_that_is_no_mapping_is_one_message():
    with pytest.raises(ConfigError, match=r"a mapping with the keys name, .* received list"):
        SearchSpace.from_dict([], source="x.yaml")


def test_images_of_the_users_own_may_lie_anywhere():
    path = "npz:../my data/flowers, all.npz"
    space = small(dataset=f" {path} ")
    assert space.dataset == path
    assert SearchSpace.from_dict(yaml.safe_load(space.to_yaml()), source="copy").dataset == path


def test_another_extractor_is_another_meaning():
    space = small()
    other = space.seen_through("extractors/mine")
    assert other.protocol.num_images == space.protocol.num_images
    assert other.sha256 != space.sha256
    assert space.diff(other) == ["protocol.extractor: panel -> extractors/mine"]


def test_yaml_form_reads_back_as_the_same_space():
    for name in space_names():
        space = SearchSpace.load(name)
        again = SearchSpace.from_dict(yaml.safe_load(space.to_yaml()), source="copy")
        assert again.to_dict() == space.to_dict()
        assert again.sha256 == space.sha256
        assert again.diff(space) == []


def test_hash_follows_meaning_not_words():
    space = small()

    assert small(name="other", description="Other words.").sha256 == space.sha256
    assert small(sampler={"name": "tpe", "n_startup_trials": 12}).sha256 == space.sha256
    assert small(sampler={"name": "tpe", "n_startup_trials": 11}).sha256 != space.sha256


def test_diff_names_what_changed():
    other = small(budget={"rungs_kimg": [16, 64], "max_relative_cost": 4.0})

    assert small().diff(other) == [
        "budget.rungs_kimg: [16, 64, 256] -> [16, 64]",
        "budget.max_relative_cost: absent -> 4.0",
    ]


def test_diff_shows_removed_parameters():
    record = copy.deepcopy(SMALL)
    del record["parameters"]["discriminator.dropout"]
    other = SearchSpace.from_dict(record, source="x")

    assert small().diff(other) == ["parameters.discriminator.dropout: {'value': 0.2} -> absent"]


def test_reopened_trial_gives_the_same_configuration(tmp_path):
    space = small()
    storage = f"sqlite:///{tmp_path / 'study.db'}"
    study = optuna.create_study(
        storage=storage, study_name="s", sampler=optuna.samplers.RandomSampler(seed=1)
    )
    trial = study.ask()
    config = space.suggest(trial, seed=5)
    assert config.discriminator.dropout == 0.2
    assert "discriminator.dropout" not in trial.params

    later = optuna.load_study(
        storage=storage, study_name="s", sampler=optuna.samplers.RandomSampler(seed=2)
    )
    reopened = optuna.Trial(later, later.trials[0]._trial_id)
    assert space.suggest(reopened, seed=5) == config
    assert space.suggest(trial, seed=5) == config


def test_unconditional_distributions_leave_out_what_depends_on_others():
    assert list(small().distributions(unconditional=True)) == [
        "generator.name",
        "generator.learning_rate",
    ]


def test_combination_missed_at_loading_is_a_clear_error():
    parameters = parse_parameters(
        {"update.order": {"value": "simultaneous"}, "update.discriminator_steps": {"value": 2}}, []
    )
    space = small().model_copy(update={"parameters": parameters})

    with pytest.raises(ConfigError, match="Trial 3 got a combination that makes no valid GAN"):
        space.suggest(optuna.trial.FixedTrial({}, number=3), seed=0)


def test_impossible_combination_is_refused_at_loading():
    record = copy.deepcopy(SMALL)
    record["parameters"]["update.order"] = {"choices": ["alternating", "simultaneous"]}
    record["parameters"]["update.discriminator_steps"] = {"choices": [1, 2]}

    with pytest.raises(ConfigError, match=r"^x: parameters allow update\.order=simultaneous"):
        SearchSpace.from_dict(record, source="x")


def test_params_of_a_partial_configuration():
    assert small().params_of({"generator": {"name": "dcgan"}, "generator.width": 24}) == {
        "generator.name": "dcgan",
        "generator.width[dcgan]": 24,
    }


@pytest.mark.parametrize(
    ("config", "match"),
    [
        (
            {"generator": {"name": "dcgan", "width": 128}},
            r"generator\.width must lie from 16 to 40 when generator\.name=dcgan; received 128",
        ),
        (
            {"generator": {"name": "mlp", "width": 24}},
            r"generator\.width must be one of 64, 128 when generator\.name=mlp; received 24",
        ),
        ({"generator.width": 24}, r"generator\.width depends on generator\.name\. Give"),
        ({"generator.name": "upsample"}, r"generator\.name must be one of mlp, dcgan"),
        (
            {"discriminator.dropout": 0.3},
            r"discriminator\.dropout is fixed to 0\.2; received 0\.3",
        ),
        ({"batch_size": 32}, r"batch_size is not searched by this space and stays 64"),
        ({"generator.wdith": 32}, r"Did you mean 'generator\.width'\?"),
        ({"seed": 3}, "seed is derived"),
        ({"generator.learning_rate": 3}, r"must be less than or equal to 1; received 3"),
        ({"loss.name": "hinge", "loss": {"name": "hinge"}}, "loss.name is given twice"),
        (GANConfig(batch_size=32), "batch_size is not searched"),
    ],
)
def test_params_of_a_configuration_outside_the_space(config, match):
    with pytest.raises(ConfigError, match=match):
        small().params_of(config)


def test_enqueued_file_becomes_trials(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text(
        "- {generator: {name: dcgan, width: 32, learning_rate: 1.0e-3}}\n"
        "- {generator.name: mlp, batch_size: 64}\n"
    )
    space = small()
    entries = load_enqueued(path, space.parameters)
    assert entries == [
        {
            "generator.name": "dcgan",
            "generator.width[dcgan]": 32,
            "generator.learning_rate": 1e-3,
        },
        {"generator.name": "mlp"},
    ]

    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    for entry in entries:
        study.enqueue_trial(entry)
    first, second = (space.suggest(study.ask(), seed=0) for _ in entries)
    assert (first.family, first.generator.width, first.generator.learning_rate) == (
        "dcgan",
        32,
        1e-3,
    )
    assert second.family == "mlp"


def test_enqueued_file_reports_all_faults(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text("- {generator.name: upsample}\n- 5\n- {generator.learning_rate: 1.0}\n")

    with pytest.raises(ConfigError) as caught:
        load_enqueued(path, small().parameters)

    assert str(caught.value).splitlines() == [
        f"{path} has 3 faults:",
        "  - entry 1: generator.name must be one of mlp, dcgan; received upsample.",
        "  - entry 2 must map fields to values; received 5.",
        "  - entry 3: generator.learning_rate must lie from 0.0001 to 0.01; received 1.0.",
    ]


def test_enqueued_file_must_be_a_list(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text("generator.name: mlp\n")
    with pytest.raises(ConfigError, match="a list of configurations is expected"):
        load_enqueued(path, small().parameters)


def test_determinism_is_part_of_what_a_study_is():
    assert small().deterministic is False
    assert small(deterministic=True).deterministic is True
    assert small().diff(small(deterministic=True)) == ["deterministic: False -> True"]
    with pytest.raises(ConfigError, match="deterministic must be a valid boolean; received 'yes'"):
        small(deterministic="yes")


def test_images_without_labels_need_a_space_of_unconditional_gans():
    space = SearchSpace.load("default").on_dataset("folder:pictures")
    space.check_labels(labelled=True)
    with pytest.raises(ConfigError, match="conditional can be true, but folder:pictures has no l"):
        space.check_labels(labelled=False)
    record = space.to_dict()
    record["parameters"]["conditional"] = {"choices": [True, False]}
    with pytest.raises(ConfigError, match="conditional can be true"):
        SearchSpace.from_dict(record, source="test").check_labels(labelled=False)
    record["parameters"]["conditional"] = {"value": False}
    SearchSpace.from_dict(record, source="test").check_labels(labelled=False)


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("folder:my shapes?classes=2,0&size=32", "folder:my shapes?size=32&classes=0,2"),
        ("fashion_mnist?split=80,10,10", "fashion_mnist?split=80,10,10"),
    ],
)
def test_a_data_set_may_carry_options(text: str, canonical: str):
    record = SearchSpace.load("default").to_dict() | {"dataset": text}
    space = SearchSpace.from_dict(record, source="test")
    assert space.dataset == canonical
    assert SearchSpace.load("default").diff(space) == [f"dataset: fashion_mnist -> {canonical}"]


def test_a_bad_option_of_a_data_set_is_a_fault_of_the_file():
    record = SearchSpace.load("default").to_dict() | {"dataset": "folder:x?size=31"}
    with pytest.raises(
        ConfigError,
        match=r"test: dataset is not understood: --image-size: expected a multiple of 4",
    ):
        SearchSpace.from_dict(record, source="test")


OWN = {
    "name": "own",
    "dataset": "fashion_mnist",
    "parameters": {
        "generator.name": {"choices": ["mlp", "net.py:build", "net.py:other"]},
        "generator.width": [
            {"when": {"generator.name": "mlp"}, "choices": [16, 32]},
            {"when": {"generator.name": ["net.py:build", "net.py:other"]}, "choices": [8]},
        ],
        "loss.name": {"value": "loss.py:distance"},
    },
    "budget": {"rungs_kimg": [1]},
}


def own_space(folder: Path) -> SearchSpace:
    for name in ("net.py", "loss.py"):
        (folder / name).write_text(f"# {name}\n")
    return SearchSpace.from_dict(copy.deepcopy(OWN), source="own.yaml", folder=folder)


def test_each_function_has_an_example(tmp_path: Path):
    functions = own_space(tmp_path).user_functions()
    assert {file.name for file in functions.files} == {"net.py", "loss.py"}
    uses = {(role, name.partition("@")[0]) for role, name, _ in functions.uses()}
    assert uses == {
        ("generator", "net.py:build"),
        ("generator", "net.py:other"),
        ("loss", "loss.py:distance"),
    }
    for _, name, config in functions.uses():
        assert name in dict(named_functions(config)).values()


def test_a_space_without_any_has_no_example():
    assert SearchSpace.load("smoke").user_functions() == NO_FUNCTIONS


def test_a_files_content_belongs_to_the_space(tmp_path: Path):
    before = own_space(tmp_path)
    (tmp_path / "loss.py").write_text("# another\n")
    after = SearchSpace.from_dict(copy.deepcopy(OWN), source="own.yaml", folder=tmp_path)
    assert before.sha256 != after.sha256
    (line,) = before.diff(after)
    assert line.startswith("parameters.loss.name: {'value': 'loss.py:distance@")


def test_optunas_names_have_no_hashes(tmp_path: Path):
    names = set(own_space(tmp_path).distributions())
    assert {"generator.width[mlp]", "generator.width[net.py:build|net.py:other]"} <= names


def test_an_enqueued_configuration_names_it_as_the_space_does(tmp_path: Path):
    space = own_space(tmp_path)
    path = tmp_path / "tries.yaml"
    path.write_text("- {generator.name: net.py:build, generator.width: 8}\n")
    (params,) = load_enqueued(path, space.parameters)
    (pinned,) = (name for _, name, _ in space.user_functions().uses() if "build" in name)
    assert params["generator.name"] == pinned


def test_a_space_begins_with_what_is_known():
    start = [{"generator": {"learning_rate": 0.001}}, {}]
    space = small(start=start)
    first, second = space.start_params
    assert first["generator.learning_rate"] == 0.001
    assert second == {}
    again = SearchSpace.from_dict(space.to_dict(), source="again")
    assert again.start_params == space.start_params
    assert space.sha256 != small().sha256
    assert small().start_params == ()


@pytest.mark.parametrize(
    ("start", "match"),
    [
        (
            [{}, {"generator.learning_rate": 99.0}],
            r"small\.yaml: start, entry 2: generator\.learning_rate .*; received 99",
        ),
        ([{"generator.widht": 8}], r"entry 1: generator\.widht is not a field .*Did you mean"),
        ([3], r"start, entry 1 must map fields to values; received 3"),
        ({"generator.width": 8}, r"start must be a valid list"),
    ],
)
def test_a_start_outside_the_space_is_refused(start: object, match: str):
    with pytest.raises(ConfigError, match=match):
        small(start=start)
