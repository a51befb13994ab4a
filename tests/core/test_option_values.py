import dataclasses

import pytest

from harness.core.errors import ConfigError
from harness.core.option_values import Keep, check_choices


@dataclasses.dataclass
class Options:
    name: str = "anything"
    keep: Keep = "all"

    def __post_init__(self) -> None:
        check_choices(self)


def test_a_value_of_the_literal_passes_and_other_fields_are_free():
    assert Options(name="none", keep="best").keep == "best"


def test_another_value_is_refused_with_the_nearest_one():
    message = r"^keep: expected one of all, best, none; received 'bets'\. Did you mean 'best'\?$"
    with pytest.raises(ConfigError, match=message):
        Options(keep="bets")
