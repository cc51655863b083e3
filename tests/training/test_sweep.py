"""The models of a sweep: none serves by itself, and each job says which is the best and how it is promoted."""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from multisymbol.cli.specs import train_spec
from multisymbol.config.build import plain
from multisymbol.samples.dataset import FoldDataset
from multisymbol.training.mlflow_run import best_of_sweep
from multisymbol.training.run import jobs_of
from multisymbol.training.spec import SweepJob
from tests.conftest import SMALL, compose_train


def test_each_job_says_the_best_so_far_and_the_command_that_promotes_it(tmp_path: Path) -> None:
    job = SweepJob(folder=tmp_path, over=("seed=1,2,3",))
    said = best_of_sweep(job, run="a", score=0.5, versions=["neuro.1h.universal/1"])
    assert said.endswith("promote it: multisymbol models promote neuro.1h.universal/1")
    said = best_of_sweep(job, run="b", score=0.6, versions=["neuro.1h.universal/2"])
    assert said.startswith("best of 2 so far: a, validation score 0.5000")
    assert said.endswith("promote neuro.1h.universal/1")
    said = best_of_sweep(job, run="c", score=0.4, versions=["m.1h.sym.A/1", "m.1h.sym.B/1"])
    assert said.endswith("promote m.1h.sym.A/1 && multisymbol models promote m.1h.sym.B/1")
    assert "promote" not in best_of_sweep(job, run="d", score=0.1, versions=[]), "nothing was registered"


@pytest.mark.parametrize(
    ("sweep", "folds", "candidate"), [(False, 1, None), (True, 1, "sweep"), (False, 3, "fold"), (True, 3, "sweep")]
)
def test_only_a_training_of_its_own_may_answer_at_once(
    tmp_path: Path, *, sweep: bool, folds: int, candidate: str | None
) -> None:
    spec = train_spec(plain(compose_train(*SMALL, f"paths.outputs={tmp_path}")))
    spec = replace(spec, run=replace(spec.run, sweep=SweepJob(folder=tmp_path, over=()) if sweep else None))
    parts: Any = [
        SimpleNamespace(parts=SimpleNamespace(fold=SimpleNamespace(name=f"fold {n}", left_out=(), blocks=())))
        for n in range(folds)
    ]
    jobs = jobs_of(spec, cast(list[FoldDataset], parts), tmp_path, one_device=True)
    assert [job.spec.candidate for job in jobs] == [candidate] * folds
    assert [job.spec.register for job in jobs] == [False] * (folds - 1) + [True]
