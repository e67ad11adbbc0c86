"""Recipe: what is trained, on what, how. Inert data; TOML on disk (`verilora.recipe/1`)."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, PlainSerializer, PlainValidator, model_validator

from verilora.errors import ConfigError
from verilora.records.adapter import LoraConfig
from verilora.records.forms import LARGEST
from verilora.records.record import Record

FORMAT = "verilora.recipe/1"
PART = "[A-Za-z0-9][A-Za-z0-9._-]*"
"""One part of a recipe's name; never "..", since directories are named after recipes."""


def _adapter(value: Any) -> LoraConfig:
    try:
        return value if isinstance(value, LoraConfig) else LoraConfig.from_mapping(value)
    except ConfigError as error:
        # A ValueError joins the faults of the other sections; the ConfigError, with its own list
        # of faults, is that error's only argument.
        raise ValueError(error) from error


Adapter = Annotated[
    LoraConfig,
    PlainValidator(_adapter),
    PlainSerializer(lambda config: config.to_mapping(), return_type=dict),
]
Beta = Annotated[float, Field(ge=0, lt=1)]


class ModelSection(Record):
    """The base: `id` is a hub id, a directory, or "package:NAME/FOLDER" of an installed package."""

    id: str = Field(min_length=1)
    revision: str | None = None


class TaskSection(Record):
    """The task: a name that verilora knows (GLUE, "stdlib-pairs"), or a kind with your own files.

    `data` is a directory of local files; without it a GLUE task comes from the hub. For your own
    files: `train`, `validation` (paths), `text_columns` (one or two), `label_column`, `labels`
    (class names or values, in the order of their numbers), `metrics` (the first one selects).
    `limit` takes the first N training examples, `validation_limit` the first N of validation.
    """

    name: str | None = None
    kind: Literal["classification", "regression"] | None = None
    data: str | None = None
    train: str | None = None
    validation: str | None = None
    text_columns: tuple[str, ...] | None = None
    label_column: str | None = None
    labels: tuple[str, ...] | None = None
    metrics: tuple[str, ...] | None = None
    limit: int | None = Field(default=None, ge=1)
    validation_limit: int | None = Field(default=None, ge=1)

    @model_validator(mode="after")
    def _named_or_described(self) -> TaskSection:
        if (self.name is None) == (self.kind is None):
            raise ValueError("a task has either a name that verilora knows, or a kind with files")
        if self.kind is not None:
            wanted = ("train", "validation", "text_columns", "label_column")
            missing = [field for field in wanted if getattr(self, field) is None]
            if missing:
                raise ValueError(f"a task of kind '{self.kind}' also needs {', '.join(missing)}")
        if self.text_columns is not None and len(self.text_columns) not in (1, 2):
            raise ValueError("text_columns names one column, or two for pairs")
        return self


class TrainingSection(Record):
    """How the adapter is trained. AdamW; one step sees `batch_size` examples."""

    method: Literal["lora", "head", "full"] = "lora"
    """"lora" trains adapter and head, "head" the head alone, "full" every weight."""
    start: str | None = None
    """Directory of an adapter, or of a run, whose factors the training starts from."""
    epochs: float = Field(default=3.0, gt=0)
    max_steps: int | None = Field(default=None, ge=1)
    """Optimiser steps; ends the run before `epochs` do."""
    batch_size: int = Field(default=16, ge=1)
    """Examples per optimiser step."""
    micro_batch_size: int | None = Field(default=None, ge=1)
    """Examples per forward pass (gradient accumulation); default: batch_size."""
    learning_rate: float = Field(default=4e-4, gt=0)
    schedule: Literal["linear", "cosine", "constant"] = "linear"
    warmup_ratio: float = Field(default=0.06, ge=0, lt=1)
    """Share of all steps over which the learning rate rises from 0."""
    weight_decay: float = Field(default=0.0, ge=0)
    adam_betas: tuple[Beta, Beta] = (0.9, 0.999)
    adam_epsilon: float = Field(default=1e-8, gt=0)
    max_gradient_norm: float | None = Field(default=1.0, gt=0)
    """Gradients are scaled down to this L2 norm; None for no clipping."""
    head_dropout: float | None = Field(default=None, ge=0, lt=1)
    """Share of the head's input set to zero while training; None: what the base itself says."""
    max_length: int = Field(default=128, ge=2)
    """Tokens; longer texts are cut, and counted."""
    precision: Literal["float32", "bfloat16"] = "float32"
    """bfloat16 runs the forward pass under autocast; weights and optimiser stay float32."""
    gradient_checkpointing: bool = False
    evaluate_every: Literal["epoch"] | Annotated[int, Field(ge=1)] = "epoch"
    """"epoch", or a number of optimiser steps."""
    select: Literal["last", "best"] = "last"
    """Which weights are handed over: the last, or the best on validation (recorded)."""
    early_stopping: int | None = Field(default=None, ge=1)
    """Evaluations without a better main metric after which the run ends."""
    checkpoint_every: Literal["epoch"] | Annotated[int, Field(ge=1)] | None = "epoch"
    seed: int = Field(default=0, ge=0, le=LARGEST)
    threads: int | None = Field(default=None, ge=1)
    """CPU threads for torch; None leaves the machine's default."""

    @model_validator(mode="after")
    def _divides(self) -> TrainingSection:
        if self.micro_batch_size is not None and self.batch_size % self.micro_batch_size:
            raise ValueError("batch_size must be a multiple of micro_batch_size")
        return self

    @model_validator(mode="after")
    def _starts_with_an_adapter(self) -> TrainingSection:
        if self.start is not None and self.method != "lora":
            raise ValueError(
                f'start names an adapter, and method "{self.method}" trains none; leave start '
                'out, or set method to "lora"'
            )
        return self


class Recipe(Record):
    """One run, but for the machine. Its digest is its identity."""

    format: Literal["verilora.recipe/1"] = FORMAT
    name: str = Field(pattern=rf"^{PART}(/{PART})*$")
    title: str = ""
    model: ModelSection
    task: TaskSection
    adapter: Adapter = Field(default_factory=LoraConfig)
    training: TrainingSection = Field(default_factory=TrainingSection)

    @property
    def plan_digest(self) -> str:
        """Digest of what the runs of one plan share: all but the seed and the CPU threads."""
        shared = self.training.replace(seed=0, threads=None)
        return self.replace(training=shared).digest
