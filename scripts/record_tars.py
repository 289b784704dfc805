#!/usr/bin/env python3
"""Writes small archives in the layout of WebDataset, in each format that Python's tarfile has, for the tests.

usage: record_tars.py [FOLDER]                    default: src/test/resources/tar (Python 3.11 and Pillow 9.4 made it)

Each has six samples: 4x5 pixels of the colour (i, 40, 250 - i), and the label i % 3, in .cls or .json. One has a name of 140
characters, one a folder of 120, and one a name of two alphabets.
"""

import io
import json
import os
import sys
import tarfile

from PIL import Image

folder = sys.argv[1] if len(sys.argv) > 1 else "src/test/resources/tar"
os.makedirs(folder, exist_ok=True)
KEYS = ["a/000", "a/001", "b/" + "n" * 140, "f" * 120 + "/003", "grüße-привет", "c/005"]
FORMATS = {"ustar": tarfile.USTAR_FORMAT, "gnu": tarfile.GNU_FORMAT, "pax": tarfile.PAX_FORMAT}


def add(archive, name, content):
    info = tarfile.TarInfo(name)
    info.size = len(content)
    archive.addfile(info, io.BytesIO(content))


for name, kind in FORMATS.items():
    with tarfile.open(os.path.join(folder, name + ".tar"), "w", format=kind) as archive:
        directory = tarfile.TarInfo("a")
        directory.type = tarfile.DIRTYPE
        archive.addfile(directory)
        for i, key in enumerate(KEYS):
            if name == "ustar" and i == 2:
                key = "b/short"  # names of more than 100 characters are not to be had
            png = io.BytesIO()
            Image.new("RGB", (5, 4), (i, 40, 250 - i)).save(png, "PNG")
            if i % 2:
                add(archive, key + ".json", json.dumps({"other": {"label": 7}, "label": i % 3}).encode())
            add(archive, key + ".png", png.getvalue())
            if i % 2 == 0:
                add(archive, key + ".cls", f"{i % 3}\n".encode())
            add(archive, key + ".txt", b"what it shows")
