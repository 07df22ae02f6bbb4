"""Set the newest days aside: what comes before is learned from, they are what it is judged on."""

import sys

import numpy as np
import yaml


def main(features: str, train: str, test: str) -> None:
    """Read the arrays, write those of the older and those of the newest days."""
    with open("params.yaml") as file:
        fraction = yaml.safe_load(file)["split"]["test_fraction"]
    with np.load(features) as arrays:
        rows = dict(arrays)
    newest = rows["day"] > np.quantile(rows["day"], 1 - fraction)
    for path, chosen in ((train, ~newest), (test, newest)):
        np.savez_compressed(path, **{name: values[chosen] for name, values in rows.items()})


if __name__ == "__main__":
    main(*sys.argv[1:])
