"""What only torch or Lightning can judge is still said as a mistake of the configuration."""

import pytest

from multisymbol.errors import ConfigError
from tests.conftest import Trained


@pytest.mark.slow
@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("++optimizer.lr=-1", r"(?s)optimizer: .*-1.*See conf/optimizer"),
        ("++trainer.precision=17", r"(?s)trainer: .*17.*See conf/trainer"),
    ],
)
def test_a_value_that_the_library_refuses_is_named_with_its_group(override: str, said: str, training: Trained) -> None:
    with pytest.raises(ConfigError, match=said):
        training("source.start=2018-01-01", "symbols.only=[SYN_A]", override)
