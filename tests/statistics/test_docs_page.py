"""The page of the statistics library: its code runs as shown, and prints what the page says."""

import re
from typing import Any

from multisymbol import statistics
from tests.conftest import ROOT

PAGE = (ROOT / "docs" / "statistics.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```python\n(.*?)```", PAGE, flags=re.DOTALL)
(PRINTED,) = re.findall(r"```text\n(.*?)```", PAGE, flags=re.DOTALL)


def test_the_code_runs_and_prints_what_the_page_says(capsys: Any) -> None:
    names: dict[str, Any] = {}
    for block in BLOCKS:
        exec(compile(block, "docs/statistics.md", "exec"), names)
    assert capsys.readouterr().out.startswith(PRINTED)
    assert names["verdict"].exploratory
    assert not names["claim"].exploratory


def test_every_function_of_the_table_is_public() -> None:
    table = PAGE[PAGE.index("## Functions") :]
    named = set(re.findall(r"`([a-z_]+|SurrogateNull)[`.]", table)) - {"lag", "arch"}
    assert named <= set(statistics.__all__), named - set(statistics.__all__)
