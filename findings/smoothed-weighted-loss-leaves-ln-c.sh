#!/usr/bin/env bash
# torch 2.14.1: with class weights, label smoothing moves the loss of a network that knows nothing away from ln C.
#
# "The first loss should be ln C" is the usual check of a classifier that has learnt nothing yet. It holds with class
# weights, and it holds with label smoothing, but not with both: the smoothed part is a sum over all classes, each with
# its weight, and the mean divides by the weights of the targets alone. A batch of a lightly weighted class is then
# charged the heavy weights of the others. With weights 1, 10, 10, six equal predictions of class 0 and smoothing 0.1 the
# loss is 1.6 × ln 3; so the same predictions have another loss in each batch, by which classes happened to be drawn.
#
# Seen with torch 2.14.1: 1.0986 (= ln 3) without smoothing or without weights, 1.7578 with smoothing 0.1, and 1.0657
# for a batch of class 1. The script fails if that changes.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check torch==2.14.1 numpy==2.3.5
"$folder/venv/bin/python" - <<'PYTHON'
import sys

import torch
from torch.nn import CrossEntropyLoss

weights = torch.tensor([1.0, 10.0, 10.0])


def loss(target, **arguments):
    logits, targets = torch.zeros(6, 3), torch.full((6,), target)
    return round(CrossEntropyLoss(**arguments)(logits, targets).item(), 4)


seen = {
    "weights, class 0": loss(0, weight=weights),
    "smoothing 0.1, class 0": loss(0, label_smoothing=0.1),
    "weights and smoothing 0.1, class 0": loss(0, weight=weights, label_smoothing=0.1),
    "weights and smoothing 0.1, class 1": loss(1, weight=weights, label_smoothing=0.1),
}
for name, value in seen.items():
    print(f"{value:.4f}  {name}")
if list(seen.values()) != [1.0986, 1.0986, 1.7578, 1.0657]:
    sys.exit("This has changed.")
PYTHON
echo "As described."
