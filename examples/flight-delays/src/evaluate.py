"""Measure the model on what it did not see, overall and for each airport and group of carriers."""

import json
import pickle  # nosec B403 # its own model
import sys
from pathlib import Path

import numpy as np
from sklearn.metrics import brier_score_loss, roc_auc_score

REGIONAL = ("9E", "EV", "MQ", "OO", "YV")
LOW_COST = ("B6", "F9", "FL", "VX", "WN")


def carrier_group(carrier: np.ndarray) -> np.ndarray:
    """``regional``, ``low_cost`` or ``network`` for each carrier's code."""
    other = np.where(np.isin(carrier, LOW_COST), "low_cost", "network")
    return np.where(np.isin(carrier, REGIONAL), "regional", other)


def scores(late: np.ndarray, chance: np.ndarray) -> dict[str, float]:
    """Area under the ROC curve, Brier score and how many departures they are of."""
    return {
        "auc": round(float(roc_auc_score(late, chance)), 4),
        "brier": round(float(brier_score_loss(late, chance)), 4),
        "departures": len(late),
    }


def main(features: str, weights: str, path: str) -> None:
    """Read the arrays and our own model, write the metrics."""
    with np.load(features) as arrays:
        x, late, origin, carrier = (arrays[name] for name in ("x", "late", "origin", "carrier"))
    model = pickle.loads(Path(weights).read_bytes())  # nosec B301 # its own model
    chance = model.predict_proba(x)[:, 1]
    slices = {"origin": origin, "carrier_group": carrier_group(carrier)}
    metrics = scores(late, chance) | {
        "slices": {
            name: {str(v): scores(late[g == v], chance[g == v]) for v in np.unique(g)}
            for name, g in slices.items()
        }
    }
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Path(path).write_text(json.dumps(metrics, indent=2) + "\n")
    print(f"auc {metrics['auc']} on {metrics['departures']:,} departures")


if __name__ == "__main__":
    main(*sys.argv[1:])
