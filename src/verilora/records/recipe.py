"""Recipe: what is trained, on what, how. Inert data; TOML on disk (`verilora.recipe/1`)."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, PlainSerializer, PlainValidator, model_validator

from verilora.errors import ConfigError
from verilora.records.adapter import LoraConfig
from verilora.records.forms import LARGEST
from verilora.records.record import Growing, Record

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


class ModelSection(Growing):
    """The base: `id` is a hub id, a directory, or "package:NAME/FOLDER" of an installed package."""

    LATER: ClassVar[frozenset[str]] = frozenset({"base"})

    id: str = Field(min_length=1)
    revision: str | None = None
    base: Literal["nf4", "int8"] | None = None
    """How the frozen weights are kept: 4 bits (NF4, double quantisation), 8 bits, or whole."""


class TaskSection(Growing):
    """The task: a name that verilora knows (GLUE, "stdlib-pairs"), or a kind with your own files.

    `data` is a directory of local files; without it a GLUE task comes from the hub. For your own
    files: `train`, `validation` (paths), `text_columns` (one or two), `label_column`, `labels`
    (class names or values, in the order of their numbers), `metrics` (the first one selects).
    `limit` takes the first N training examples, `validation_limit` the first N of validation.

    A "causal-lm" learns to go on: from plain text (`text_columns` names its column), from a prompt
    to its completion (the columns in `text_columns` and `label_column`), or as the assistant of a
    conversation (`messages_column`, a list of {role, content}).
    """

    LATER: ClassVar[frozenset[str]] = frozenset({"messages_column"})

    name: str | None = None
    kind: Literal["classification", "regression", "causal-lm"] | None = None
    data: str | None = None
    train: str | None = None
    validation: str | None = None
    text_columns: tuple[str, ...] | None = None
    label_column: str | None = None
    messages_column: str | None = None
    labels: tuple[str, ...] | None = None
    metrics: tuple[str, ...] | None = None
    limit: int | None = Field(default=None, ge=1)
    validation_limit: int | None = Field(default=None, ge=1)

    @model_validator(mode="after")
    def _named_or_described(self) -> TaskSection:
        if (self.name is None) == (self.kind is None):
            raise ValueError("a task has either a name that verilora knows, or a kind with files")
        if self.kind == "causal-lm" and (self.text_columns is None) == (
            self.messages_column is None
        ):
            raise ValueError(
                "a task of kind 'causal-lm' has either text_columns (of plain text, or of prompts "
                "with their completions in label_column) or messages_column (conversations)"
            )
        if self.kind is not None:
            missing = [field for field in self._wanted() if getattr(self, field) is None]
            if missing:
                raise ValueError(f"a task of kind '{self.kind}' also needs {', '.join(missing)}")
        if self.text_columns is not None and len(self.text_columns) not in (1, 2):
            raise ValueError("text_columns names one column, or two for pairs")
        return self

    def _wanted(self) -> tuple[str, ...]:
        files = ("train", "validation")
        return files if self.kind == "causal-lm" else (*files, "text_columns", "label_column")


class TrainingSection(Growing):
    """How the adapter is trained. AdamW; one step sees `batch_size` examples."""

    LATER: ClassVar[frozenset[str]] = frozenset(
        {"packing", "label_smoothing", "learning_rate_ratio", "frozen_a", "base_dropout"}
    )

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
    base_dropout: float | None = Field(default=None, ge=0, lt=1)
    """Dropout inside a causal language model while training; None: what the base itself says."""
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
    packing: bool = False
    """Several texts of a causal language model share a row; none sees another."""
    label_smoothing: float = Field(default=0.0, ge=0, lt=1)
    """Share of the target that is spread over all tokens (or classes)."""
    learning_rate_ratio: float | None = Field(default=None, gt=0)
    """Learning rate of B over that of everything else (LoRA+); None: the same."""
    frozen_a: bool = False
    """A stays at its start and B alone is trained (LoRA-FA)."""
    seed: int = Field(default=0, ge=0, le=LARGEST)
    threads: int | None = Field(default=None, ge=1)
    """CPU threads for torch; None leaves the machine's default."""

    @model_validator(mode="after")
    def _divides(self) -> TrainingSection:
        if self.micro_batch_size is not None and self.batch_size % self.micro_batch_size:
            raise ValueError("batch_size must be a multiple of micro_batch_size")
        return self

    @model_validator(mode="after")
    def _trains_factors(self) -> TrainingSection:
        for field in ("learning_rate_ratio", "frozen_a"):
            if getattr(self, field) and self.method != "lora":
                raise ValueError(
                    f'{field} is about an adapter\'s factors, and method "{self.method}" trains '
                    'none; leave it out, or set method to "lora"'
                )
        return self

    @model_validator(mode="after")
    def _starts_with_an_adapter(self) -> TrainingSection:
        if self.start is not None and self.method != "lora":
            raise ValueError(
                f'start names an adapter, and method "{self.method}" trains none; leave start '
                'out, or set method to "lora"'
            )
        return self


class GenerationSection(Record):
    """How a causal language model writes when it is evaluated: greedily, or by beams."""

    max_new_tokens: int = Field(default=64, ge=1)
    beams: int = Field(default=1, ge=1)
    """Candidates kept at each token; 1 takes the likeliest token (greedy)."""
    length_penalty: float = 1.0
    """Exponent of the length that a beam's log-probability is divided by; more favours long."""
    no_repeat_ngram_size: int = Field(default=0, ge=0)
    """No n tokens in a row occur twice in what is written; 0 forbids nothing."""
    limit: int | None = Field(default=None, ge=1)
    """Only the first N prompts of validation are written on, each once."""


class Recipe(Growing):
    """One run, but for the machine. Its digest is its identity."""

    LATER: ClassVar[frozenset[str]] = frozenset({"generation"})

    format: Literal["verilora.recipe/1"] = FORMAT
    name: str = Field(pattern=rf"^{PART}(/{PART})*$")
    title: str = ""
    model: ModelSection
    task: TaskSection
    adapter: Adapter = Field(default_factory=LoraConfig)
    training: TrainingSection = Field(default_factory=TrainingSection)
    generation: GenerationSection | None = None

    @property
    def plan_digest(self) -> str:
        """Digest of what the runs of one plan share: all but the seed and the CPU threads."""
        shared = self.training.replace(seed=0, threads=None)
        return self.replace(training=shared).digest
