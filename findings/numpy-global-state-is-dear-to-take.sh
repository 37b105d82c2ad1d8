#!/usr/bin/env bash
# numpy.random.get_state() copies 2.5 KB and takes some hundred times as long as to copy 2.5 KB.
#
# Who goes back in a run, or only wants to know whether anybody has drawn a number, takes the state of the global
# generator after each step. A guess would be: as cheap as a small array. In NumPy the 624 words of the Mersenne twister
# are put into the array one after another, as Python objects; a PCG64, with four words, is no more than a dict. Its bytes,
# read at `bit_generator.ctypes.state_address`, hold the same words and say at once that nothing has moved.
#
# But they are not the whole state: randn makes two numbers at a time and keeps the second, so every other call leaves the
# twister's bytes as they were, and changes only has_gauss of the tuple. Cure: trust unchanged bytes only where has_gauss
# was 0 when they were last looked at.
#
# Seen with NumPy 2.4.6: the same words and position; get_state() 85 to 133 times as long as to read the bytes, a PCG64's
# state twice; bytes alike around the second randn, has_gauss 1, then 0. The script fails if get_state() takes
# less than ten times as long, or a kept number moves the bytes.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check numpy==2.4.6
"$folder/venv/bin/python" - <<'PYTHON'
import ctypes
import sys
import timeit

import numpy as np

np.random.seed(0)
generator = np.random.get_bit_generator()


def read():
    return ctypes.string_at(generator.ctypes.state_address, 2500)


def seconds(work):
    return min(timeit.repeat(work, number=500, repeat=5))


name, words, position, *_ = np.random.get_state()
assert read() == words.tobytes() + position.to_bytes(4, sys.byteorder), "the bytes are no longer words and position"
ratio = seconds(np.random.get_state) / seconds(read)
small = np.random.PCG64(0)
print(f"get_state() takes {ratio:.0f} times as long as reading its bytes,", end=" ")
print(f"a PCG64's state {seconds(lambda: small.state) / seconds(read):.0f} times.")

np.random.randn()
kept, before = np.random.get_state()[3], read()
np.random.randn()
left, after = np.random.get_state()[3], read()
print(f"around the second randn: bytes alike: {before == after}; has_gauss: {kept}, then {left}.")
if ratio < 10 or before != after or (kept, left) != (1, 0):
    sys.exit("This has changed: the state is cheap to take, or a kept number moves the generator.")
PYTHON
echo "As described."
