"""Tables of a run's page."""

from __future__ import annotations

import tomllib

from verilora.charts.panels import read_run
from verilora.records.recipe import Recipe
from verilora.report.tables import checks, figures, measured, results, trained


def test_the_main_metric_stands_first_and_beside_the_majority(write_run):
    run = read_run(write_run())
    rows = results(run)
    assert [row.main for row in rows] == [True, False, False]
    assert rows[0].majority == "51.97"
    assert rows[0].difference.startswith("+")
    assert (rows[-1].name, rows[-1].majority) == ("loss (nats)", "–")


def test_each_number_says_what_it_counts(write_run):
    run = read_run(write_run())
    assert ("74,498", "trained parameters, 0.33 % of all") in figures(run)
    assert "which tell an accuracy to about ±" in measured(run)


def test_a_run_without_an_adapter_has_no_digest_to_check(write_run):
    run = read_run(write_run())
    bare = run.replace(digests={**run.digests.to_mapping(), "adapter": None})
    assert len(checks(run)) == len(checks(bare)) + 1


def test_an_adapter_of_which_a_part_is_trained_is_no_part_of_what_is(write_run):
    place = write_run()
    run = read_run(place)
    recipe = Recipe.model_validate(tomllib.loads((place / "recipe.toml").read_text()))
    assert "of these adapter" in dict(trained(run, recipe))
    frozen = recipe.replace(training=recipe.training.replace(frozen_a=True))
    assert "adapter, A not trained" in dict(trained(run, frozen))
    assert "of these adapter" not in dict(trained(run, frozen))
