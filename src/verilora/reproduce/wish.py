"""What is wished for, and the recipe that follows from it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from verilora.data.tasks import METRICS, find_task
from verilora.errors import RecipeError, VeriloraError
from verilora.recipes import catalog
from verilora.recipes.check import check_recipe, to_mapping
from verilora.recipes.override import apply_overrides
from verilora.records.recipe import Recipe
from verilora.records.target import Account, Target, Teller
from verilora.train.locate import locate
from verilora.train.material import load_tokenizer

KEPT_FROM_PAPER = ("select", "evaluate_every")
"""Rules of choosing a result, which stay the paper's whatever base takes its place."""


@dataclass(frozen=True)
class Wish:
    """A target, and what of its protocol is changed."""

    target: Target
    teller: Teller = "paper"
    model: str | None = None
    """Another base: hub id, directory, or "package:NAME/FOLDER"."""
    data: str | None = None
    """A directory of local files."""
    seeds: tuple[int, ...] | None = None
    """By default as many as the paper's runs, from 0."""
    limit: int | None = None
    """The first N examples of training and of evaluation alone."""
    settings: tuple[str, ...] = ()
    """Overrides of the recipe, "training.epochs=3"."""
    start: str | None = None
    """Directory of an adapter that training goes on from."""
    name: str | None = None
    """What the recipe is called; by default as the target."""
    measured: tuple[str, ...] = ()
    """Metrics to measure beside the target's own."""
    margin: float | None = None
    """Declared half-width of what counts as the same, in the unit of the number."""

    @property
    def chosen_seeds(self) -> tuple[int, ...]:
        """The seeds that will be run. Raises RecipeError if one stands there twice."""
        seeds = self.seeds
        if seeds is None:
            return tuple(range(self.target.reported.runs or 5))
        twice = sorted({seed for seed in seeds if seeds.count(seed) > 1})
        if twice or not seeds:
            found = (
                f"seed {', '.join(map(str, twice))} is named twice" if twice else "none is named"
            )
            raise RecipeError("seeds", [f"{found}; each is one run: name every one once (0,1,2)"])
        return seeds


def account_of(wish: Wish) -> Account:
    """The account that is followed. Raises RecipeError for a target that cannot be run so."""
    target = wish.target
    source = f"target '{target.name}'"
    if target.missing:
        told = f"it cannot be run yet: {target.missing} (verilora recipes list shows which can)"
        raise RecipeError(source, [told])
    if wish.teller not in target.accounts:
        known = " or ".join(f"'{one}'" for one in target.accounts)
        raise RecipeError(source, [f"it has no account by the {wish.teller}; {known} is there"])
    return target.accounts[wish.teller]


def recipe_for(wish: Wish, *, threads: int | None = None) -> tuple[Recipe, tuple[str, ...]]:
    """The recipe of the wish, and what was changed unasked, a sentence each.

    A base that the paper did not use takes the shipped recipe for this task and base where there
    is one, and never more tokens than it reads. What is said in `settings` goes before all.
    Raises RecipeError or ModelError.
    """
    account = account_of(wish)
    recipe, notes = _on_base(wish, account.recipe)
    task = recipe.task.replace(
        data=wish.data or recipe.task.data,
        limit=wish.limit or recipe.task.limit,
        validation_limit=wish.limit or recipe.task.validation_limit,
    )
    training = recipe.training.replace(
        start=wish.start or recipe.training.start, threads=threads or recipe.training.threads
    )
    recipe = recipe.replace(name=wish.name or wish.target.name, task=task, training=training)
    for metric in sorted({wish.target.metric, *wish.measured}):
        recipe = _measuring(metric, recipe)
    recipe = _changed(recipe, wish.settings)
    return _fitting(recipe, notes=notes, settings=wish.settings)


def _measuring(metric: str, recipe: Recipe) -> Recipe:
    """The recipe with the target's metric among its task's, where that one is to be asked for."""
    task = find_task(recipe.task)
    if metric in task.metrics or metric not in METRICS or not METRICS[metric].written:
        return recipe
    return recipe.replace(task=recipe.task.replace(metrics=(*task.metrics, metric)))


def _on_base(wish: Wish, recipe: Recipe) -> tuple[Recipe, tuple[str, ...]]:
    if wish.model is None or wish.model == recipe.model.id:
        return recipe, ()
    model = recipe.model.replace(id=wish.model, revision=None)
    instead = _shipped_for(recipe.replace(model=model))
    if instead is None:
        return recipe.replace(model=model), ()
    kept = {name: getattr(recipe.training, name) for name in KEPT_FROM_PAPER}
    told = (
        f"{wish.model} is not the paper's base: it is trained as the shipped recipe "
        f"'{instead.name}' says (--set changes that)"
    )
    training = instead.training.replace(**kept)
    made = recipe.replace(model=model, adapter=instead.adapter, training=training)
    if instead.generation is not None:
        made = made.replace(generation=instead.generation.replace(limit=None))
    return made, (told,)


def _shipped_for(recipe: Recipe) -> Recipe | None:
    """The shipped recipe for the same task on the same base, if there is one."""
    place = locate(recipe.model, weights=False)
    for name in catalog.names():
        shipped = catalog.load(name)
        if shipped.task.name == recipe.task.name and _lies_at(shipped, place):
            return shipped
    return None


def _lies_at(shipped: Recipe, place: Path) -> bool:
    if "/" not in shipped.model.id:
        return shipped.model.id == place.name  # a directory that is called so
    if not shipped.model.id.startswith("package:"):
        return False  # a hub id would be asked for over a network
    try:
        return locate(shipped.model, weights=False).resolve() == place.resolve()
    except VeriloraError:
        return False


def _changed(recipe: Recipe, settings: tuple[str, ...]) -> Recipe:
    source = f"target '{recipe.name}'"
    if any(setting.replace(" ", "").startswith("training.seed=") for setting in settings):
        raise RecipeError(source, ["training.seed is set for each run; say --seeds 0,1,2"])
    return check_recipe(apply_overrides(to_mapping(recipe), settings, source=source), source)


def _fitting(
    recipe: Recipe, *, notes: tuple[str, ...], settings: tuple[str, ...]
) -> tuple[Recipe, tuple[str, ...]]:
    """The recipe with no more tokens than its base reads, unless the number was asked for."""
    wanted = recipe.training.max_length
    if any(setting.strip().startswith("training.max_length") for setting in settings):
        return recipe, notes
    few = recipe.replace(training=recipe.training.replace(max_length=2))
    limit = load_tokenizer(locate(recipe.model, weights=False), few).model_max_length
    if wanted <= limit:
        return recipe, notes
    told = f"the base reads at most {limit} tokens: max_length is {limit}, not {wanted}"
    fitted = recipe.replace(training=recipe.training.replace(max_length=limit))
    return fitted, (*notes, told)
