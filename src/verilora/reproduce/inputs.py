"""What the runs of a plan will be made from: digests of recipe, base and start."""

from __future__ import annotations

import torch

from verilora.records.canonical import digest_file, digest_of
from verilora.records.measurement import Inputs
from verilora.train.build import digests_of_base
from verilora.train.loading import load_model
from verilora.train.material import Material
from verilora.train.start import WEIGHTS, directory_of


def inputs_of(material: Material) -> Inputs:
    """The digests that the runs' records will have to name; the base is loaded for them.

    Raises ModelError for a base that cannot be loaded, OSError for a start that cannot be read.
    """
    recipe = material.recipe
    model, head = load_model(material, torch.device("cpu"))
    start = recipe.training.start
    return Inputs(
        recipe=recipe.plan_digest,
        base=digest_of(digests_of_base(model, head)),
        start=None if start is None else digest_file(directory_of(start) / WEIGHTS),
    )
