"""Train the FLAIR lesion model and write it with its card.

    python -m workers.models.training.fit --heads 30 --scans FOLDER --out workers/models/flair_lesion

Needs the extra `training` (scikit-learn, onnx). Seeds are fixed. A head takes half a minute on one core, the
fit some minutes. FOLDER holds real scans as DICOM, one folder for each named in marks.yaml; without it only synthetic
heads are used, and the model is worse.
"""

import argparse
import hashlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import yaml
from sklearn.ensemble import HistGradientBoostingClassifier

from workers.checks.voxel_features import FEATURES
from workers.errors import CannotAssess
from workers.models.card import Engine
from workers.models.training.export import onnx_of
from workers.models.training.heads import synthetic_head
from workers.models.training.real import marked_scans
from workers.models.training.rows import VARIANTS, Rows, rows_of

FIRST_SEED = 9000
REAL_VARIANTS = 12
"""Times that each real scan is used: there are few, and they are what the model is for."""
TREES, LEAVES, RATE = 200, 31, 0.08
THRESHOLD = 0.7
"""Of the smoothed probability: chosen on the real scans of the patient left out. [P]"""


def main(arguments: list[str] | None = None) -> None:
    """Train, and write model.onnx and card.yaml."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--heads", type=int, default=30)
    parser.add_argument("--scans", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args(arguments)
    rows = list(training_rows(options.heads, options.scans))
    write(fit(rows), options.out)


def training_rows(heads: int, scans: Path | None) -> Iterator[Rows]:
    """Rows of the synthetic heads, then of the real scans."""
    for seed in range(FIRST_SEED, FIRST_SEED + heads):
        try:
            head = synthetic_head(seed)
        except CannotAssess:
            continue  # as in a real study: no brain was found, so nothing is asked of the model
        found = (rows_of(head, seed, variant) for variant in range(VARIANTS))
        yield from (one for one in found if one)
    for number, scan in enumerate(marked_scans(scans) if scans else ()):
        found = (rows_of(scan, number, variant) for variant in range(REAL_VARIANTS))
        yield from (one for one in found if one)


def fit(rows: list[Rows], trees: int = TREES) -> HistGradientBoostingClassifier:
    """Boosted trees on all rows; every scan weighs the same."""
    model = HistGradientBoostingClassifier(
        max_iter=trees,
        max_leaf_nodes=LEAVES,
        learning_rate=RATE,
        l2_regularization=5.0,
        min_samples_leaf=60,
        early_stopping=False,
        random_state=0,
    )
    weight = np.concatenate([one.weight for one in rows])
    model.fit(
        np.concatenate([one.values for one in rows]),
        np.concatenate([one.is_lesion for one in rows]),
        weight / weight.mean(),
    )
    return model


def write(model: HistGradientBoostingClassifier, folder: Path, threshold: float = THRESHOLD) -> None:
    """Write the weights as ONNX, and the card that pins them."""
    folder.mkdir(parents=True, exist_ok=True)
    weights = onnx_of(model, len(FEATURES))
    (folder / "model.onnx").write_bytes(weights)
    card = {
        "name": "flair_lesion",
        "version": "1",
        "sha256": hashlib.sha256(weights).hexdigest(),
        "licence": "Apache-2.0",
        "engine": Engine.VOXELS.value,
        "weights": "model.onnx",
        "input": {"role": "FLAIR", "features": list(FEATURES)},
        "output": {"classes": ["lesion"], "probability_of": "lesion", "threshold": threshold},
        "about": "docs/model-card-flair.md",
    }
    (folder / "card.yaml").write_text(yaml.safe_dump(card, sort_keys=False, width=120), encoding="utf-8")


if __name__ == "__main__":
    main()
