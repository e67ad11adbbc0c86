"""What a run's page tells."""

from __future__ import annotations

from verilora.web.links import Links
from verilora.web.run_page import run_facts


def test_a_run_has_its_curves_and_its_verdicts(filled) -> None:
    view = filled.registry.run(filled.run.digest)
    verdicts = [filled.registry.verdict(digest) for digest in view.verdicts]
    facts = run_facts(view, Links("https://x.example"), verdicts=verdicts, places={})
    assert [drawing.panel.title for drawing in facts["drawings"]] == [
        "Loss",
        "Accuracy on validation",
    ]
    assert facts["headline"] == "89.0 % accuracy, seed 0"
    assert [item.mark for item in facts["verdicts"]] == ["reproduced"]


def test_a_run_that_kept_its_training_loss_shows_it(fresh) -> None:
    kept = {"every": 5, "means": [0.7 - n / 500 for n in range(115)]}
    entry = fresh.admit(fresh.run(training_loss=kept))
    view = fresh.registry.run(entry.digest)
    loss = run_facts(view, Links("https://x.example"), verdicts=[], places={})["drawings"][0]
    assert [line.kind for line in loss.lines] == ["raw", "training", "validation"]
    assert loss.told.startswith("training, each 5 steps: 0.7 at step 3, 0.472 at step 573;")


def test_the_curves_stand_in_the_page(client, pages, read_page) -> None:
    page = read_page(client.get(pages["run"]).text)
    assert [tag for tag, _ in page.elements].count("svg") == 2
    assert "loss (nats)" in page.text
