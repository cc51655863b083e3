"""The tests' quick way to a configuration leads where Hydra's own does."""

from pathlib import Path

import pytest
from hydra.errors import ConfigCompositionException
from omegaconf import DictConfig, OmegaConf

from tests.composing import composed_page, hydra_s_own

CHOICES = [
    ("train",),
    ("train", "seed=3", "++symbols.members.SYN_A.indicators.rsi.period=7", "optimizer.lr=fast"),
    ("train", "symbols.only=[SYN_A,SYN_D]", "model=gru", "labels=horizon", "~asset_class.forex.costs", "+sed=3"),
    ("train", "++symbols.members={A: {asset_class: stock}}", "asset_class=[stock]", "experiment=real_hourly"),
    ("backtest", "backtest=arms", "decision=forecast", "registry/policy=own_first", "period.start=2018-08-01"),
]


def said(config: DictConfig) -> object:
    return OmegaConf.to_container(config, resolve=False)


@pytest.mark.parametrize("choice", CHOICES, ids=lambda choice: f"{choice[0]}-{len(choice)}")
def test_it_is_what_hydra_composes(choice: tuple[str, ...]) -> None:
    quick, own = composed_page(*choice), hydra_s_own(*choice)
    assert said(quick) == said(own)
    assert list(quick) == list(own)
    assert quick._get_flag("struct") == own._get_flag("struct")
    assert said(composed_page(*choice)) == said(own), "what is remembered is not changed by its use"


def test_a_key_that_is_not_there_is_refused_as_by_hydra() -> None:
    for compose in (composed_page, hydra_s_own):
        with pytest.raises(ConfigCompositionException, match="Could not override 'sed'"):
            compose("train", "sed=3")


def test_no_test_sees_the_changes_of_another() -> None:
    composed_page("train").model.hidden = [1]
    assert said(composed_page("train")) == said(hydra_s_own("train"))


def test_a_page_of_ones_own_is_read_again_where_it_has_changed(tmp_path: Path) -> None:
    page = tmp_path / "symbols" / "mine.yaml"
    page.parent.mkdir()
    for name in ("AAA", "BBB"):
        page.write_text(f"members: {{{name}: {{asset_class: stock}}}}\n")
        assert list(composed_page("train", "symbols=mine", folder=tmp_path).symbols.members) == [name]
