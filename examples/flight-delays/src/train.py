"""Learn which departures leave late."""

import pickle  # nosec B403 # its own model
import sys
from pathlib import Path

import numpy as np
import yaml
from sklearn.ensemble import HistGradientBoostingClassifier


def main(features: str, path: str) -> None:
    """Read the arrays, write the model."""
    with open("params.yaml") as file:
        train = yaml.safe_load(file)["train"]
    with np.load(features) as arrays:
        x, late = arrays["x"], arrays["late"]
    model = HistGradientBoostingClassifier(
        learning_rate=train["learning_rate"],
        max_iter=train["max_iter"],
        random_state=train["seed"],
    )
    model.fit(x, late)
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Path(path).write_bytes(pickle.dumps(model, protocol=5))
    print(f"learned from {len(late):,} departures")


if __name__ == "__main__":
    main(*sys.argv[1:])
