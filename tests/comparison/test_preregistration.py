"""A plan stored under earlier key names is still read, and keeps its hash."""

import json

from multisymbol.comparison.preregistration import current_keys, stored_keys
from multisymbol.comparison.result import digest
from tests.conftest import ROOT

(PLAN,) = (ROOT / "tests" / "answers" / "stored").glob("outputs/runs/*/*/plan.json")


def test_earlier_key_of_the_aa_test_is_read_under_its_present_name_and_hashed_under_the_stored_one() -> None:
    stored = json.loads(PLAN.read_text(encoding="utf-8"))
    current = current_keys(stored["content"])
    assert current["comparison"]["aa_draws"] == stored["content"]["comparison"]["relabellings"]
    assert "relabellings" not in current["comparison"]
    again = {**current, "comparison": stored_keys(current["comparison"])}
    assert again == stored["content"]
    assert digest(again) == stored["digest"]
