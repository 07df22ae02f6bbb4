"""Learn which departures leave late from all but the newest days."""

import pickle  # nosec B403 # its own model
import sys
from pathlib import Path

import numpy as np
import yaml
from sklearn.ensemble import HistGradientBoostingClassifier


def main(features: str, path: str) -> None:
    """Read the arrays, write the model."""
    with open("params.yaml") as file:
        params = yaml.safe_load(file)
    with np.load(features) as arrays:
        x, late, day = arrays["x"], arrays["late"], arrays["day"]
    old = day <= np.quantile(day, 1 - params["split"]["test_fraction"])
    train = params["train"]
    model = HistGradientBoostingClassifier(
        learning_rate=train["learning_rate"],
        max_iter=train["max_iter"],
        random_state=train["seed"],
    )
    model.fit(x[old], late[old])
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Path(path).write_bytes(pickle.dumps(model, protocol=5))
    print(f"learned from {old.sum():,} departures")


if __name__ == "__main__":
    main(*sys.argv[1:])
