#!/usr/bin/env python3
"""The numbers that src/metrics is held against, by scikit-learn.

    pip install scikit-learn
    scripts/metrics-reference.py > src/metrics/tests/reference.json

Every probability is a 32-bit float and written as the 64-bit float that it is exactly. Where scikit-learn has no number (an area
under the ROC curve of a class that no sample or every sample is of), there is null.
"""
import json
import warnings

import numpy as np
import sklearn
from sklearn import metrics
from sklearn.calibration import calibration_curve

BINS = 15
TOP = (1, 2, 3, 5)


def softmax(logits):
    e = np.exp(logits - logits.max(axis=1, keepdims=True))
    return (e / e.sum(axis=1, keepdims=True)).astype(np.float32)


def cases():
    random = np.random.default_rng(20240229)

    def drawn(samples, classes, sharpness=2.0, labels=None):
        logits = random.normal(size=(samples, classes))
        if labels is None:
            labels = random.integers(classes, size=samples)
        logits[np.arange(samples), labels] += sharpness
        return labels, softmax(logits.astype(np.float32) * 2)

    yield "four classes", *drawn(60, 4)
    yield "two classes", *drawn(40, 2)
    # Probabilities in quarters: ties within rows and between them.
    labels = random.integers(4, size=48)
    quarters = random.multinomial(4, [0.25] * 4, size=48) / 4
    yield "ties", labels, quarters.astype(np.float32)
    yield "nothing but ties", labels, np.full((48, 4), 0.25, np.float32)
    # Class 3 is no sample's, but some are predicted to be of it; class 4 does not occur at all.
    labels, p = drawn(50, 4, 0.5, random.integers(3, size=50))
    yield "absent classes", labels, np.concatenate([p, np.zeros((50, 1), np.float32)], axis=1)
    yield "samples of one class", *drawn(20, 3, 1.0, np.full(20, 1))
    yield "one sample", *drawn(1, 3, 1.0)
    # Probabilities of exactly 0 and 1, some of them wrong.
    labels = random.integers(3, size=24)
    yield "certain", labels, np.eye(3, dtype=np.float32)[np.where(np.arange(24) % 5, labels, (labels + 1) % 3)]
    yield "twelve classes", *drawn(70, 12, 1.0)


def measured(labels, p32):
    p = p32.astype(np.float64)
    samples, classes = p.shape
    guess = p.argmax(axis=1)
    everything = range(classes)

    def scores(**how):
        precision, recall, f1, _ = metrics.precision_recall_fscore_support(labels, guess, zero_division=0, **how)
        return {"precision": precision, "recall": recall, "f1": f1}

    def area(score, is_of_class, probability):
        return float(score(is_of_class, probability)) if score is metrics.average_precision_score or not is_of_class.all() else None

    roc, pr = [], []
    for c in everything:
        of_class = labels == c
        roc.append(area(metrics.roc_auc_score, of_class, p[:, c]) if of_class.any() else None)
        pr.append(area(metrics.average_precision_score, of_class, p[:, c]) if of_class.any() else None)
    mean = lambda areas: float(np.mean([a for a in areas if a is not None])) if any(a is not None for a in areas) else None

    confidence = p.max(axis=1)
    right = guess == labels
    edges = np.linspace(0, 1, BINS + 1)
    place = np.searchsorted(edges[1:-1], confidence)
    counts = np.bincount(place, minlength=BINS)
    accuracy, mean_confidence = calibration_curve(right, confidence, n_bins=BINS)
    share = counts[counts > 0] / samples
    per_class = scores(average=None, labels=everything)
    return {
        "accuracy": metrics.accuracy_score(labels, guess),
        "top_k": [[k, metrics.top_k_accuracy_score(labels, p, k=k, labels=everything)] for k in TOP if k < classes and classes > 2],
        "log_loss": metrics.log_loss(labels, p, labels=everything),
        "per_class": {name: list(values) for name, values in per_class.items()},
        "support": np.bincount(labels, minlength=classes).tolist(),
        "macro": scores(average="macro"),
        "weighted": scores(average="weighted"),
        "roc": roc,
        "pr": pr,
        "roc_auc": mean(roc),
        "pr_auc": mean(pr),
        "confusion": metrics.confusion_matrix(labels, guess, labels=everything).tolist(),
        "bin_samples": counts.tolist(),
        "bin_accuracy": accuracy.tolist(),
        "bin_confidence": mean_confidence.tolist(),
        "ece": float((share * abs(accuracy - mean_confidence)).sum()),
    }


warnings.simplefilter("ignore")
made = [
    {"name": name, "labels": labels.tolist(), "probabilities": p.astype(np.float64).tolist(), **measured(labels, p)}
    for name, labels, p in cases()
]
lines = ",\n".join(json.dumps(case) for case in made)
print(f'{{"scikit_learn": "{sklearn.__version__}", "cases": [\n{lines}\n]}}')
