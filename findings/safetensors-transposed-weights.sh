#!/usr/bin/env bash
# safetensors 0.8.0 writes a transposed NumPy matrix with its numbers in another order, and says nothing.
#
# A transposed or Fortran-ordered array keeps its shape in the file, but its memory is written as it lies: loaded again,
# rows and columns are mixed up. 0.7.0 wrote the same array rightly, so a program that stores weights as x @ W and a
# checkpoint as W.T changes its model by an upgrade. The PyTorch side of the library refuses such a tensor with an error.
# Cure: numpy.ascontiguousarray before saving.
#
# Seen with NumPy 2.3.5: [[0, 3], [1, 4], [2, 5]] comes back as [[0, 1], [2, 3], [4, 5]] with 0.8.0, and unchanged with
# 0.7.0. The script fails if that changes.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
round_trip() {
  python3 -m venv "$folder/$1"
  "$folder/$1/bin/pip" install --quiet --disable-pip-version-check "safetensors==$1" numpy==2.3.5
  "$folder/$1/bin/python" - <<'PYTHON'
import numpy
from safetensors.numpy import load, save

weights = numpy.arange(6, dtype=numpy.float32).reshape(2, 3).T
print(load(save({"weights": weights}))["weights"].astype(int).tolist())
PYTHON
}
new=$(round_trip 0.8.0)
old=$(round_trip 0.7.0)
echo "saved: [[0, 3], [1, 4], [2, 5]]"
echo "0.7.0: $old"
echo "0.8.0: $new"
[ "$old" = "[[0, 3], [1, 4], [2, 5]]" ] && [ "$new" = "[[0, 1], [2, 3], [4, 5]]" ] || {
  echo "This has changed." >&2
  exit 1
}
echo "As described."
