#!/usr/bin/env bash
# plotext 5.3.2 draws NumPy's 8-bit integers, the type in which MNIST stores its pixels, in the wrong rows.
#
# It takes an array as it is and computes rows in the array's own type: differences and products wrap around at 256.
# So a column of pixels 0, 200, 255, 100, 0 is drawn as another curve than the same numbers as floats, without an
# error; of a wrong guess only a warning of NumPy's on standard error may tell. For signed bytes even the labels of the
# axis lie outside the data. Cure: astype(float) before plotting.
#
# Seen with plotext 5.3.2 and NumPy 2.3.5: "as bytes" and "as floats" differ; int8 data of -128 … 120 has the label
# -136.0. The script fails if that changes.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check plotext==5.3.2 numpy==2.3.5
"$folder/venv/bin/python" - <<'PYTHON'
import sys
import warnings

import numpy as np
import plotext

warnings.simplefilter("ignore")


def drawn(values):
    plotext.clear_figure()
    plotext.theme("clear")
    plotext.plotsize(40, 9)
    plotext.plot(list(range(len(values))), values)
    return plotext.build()


pixels = np.array([0, 200, 255, 100, 0], dtype=np.uint8)
as_bytes, as_floats = drawn(pixels), drawn(pixels.astype(float))
print("as bytes:", as_bytes, "as floats:", as_floats, sep="\n")
signed = drawn(np.array([100, 120, -128], dtype=np.int8))
print("signed bytes, 100, 120, -128:", signed, sep="\n")
if as_bytes == as_floats or "-136.0" not in signed:
    sys.exit("This has changed: bytes are drawn as floats are, or the axis has other labels.")
PYTHON
echo "As described."
