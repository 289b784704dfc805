#!/usr/bin/env python3
"""Records scikit-learn's roc_auc_score, average_precision_score and mean_absolute_error of small random scores, for the tests.

usage: record_scores.py [FILE]        default: src/test/resources/golden/scores.csv

A line is a case: AUROC, average precision, mean absolute error, then pairs of a score and its label. Scores have one
decimal, so that many are equal.
"""

import random
import sys

from sklearn.metrics import average_precision_score, mean_absolute_error, roc_auc_score


def main():
    random.seed(26)
    path = sys.argv[1] if len(sys.argv) > 1 else "src/test/resources/golden/scores.csv"
    with open(path, "w", encoding="utf-8") as file:
        for case in range(20):
            labels = [1, 0] + [int(random.random() < 0.3) for _ in range(random.randrange(40))]
            scores = [round(random.gauss(label, 1), 1) for label in labels]
            numbers = [roc_auc_score(labels, scores), average_precision_score(labels, scores),
                       mean_absolute_error(labels, scores)]
            cells = [repr(float(n)) for n in numbers]
            cells += [str(v) for pair in zip(scores, labels) for v in pair]
            file.write(",".join(cells) + "\n")


main()
