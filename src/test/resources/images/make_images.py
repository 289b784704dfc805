"""Writes the image files of this folder, and beside each what Pillow makes of it, as NAME.png.

    python3 make_images.py        # Pillow 9.4 with libtiff and libwebp, NumPy, cwebp

The tests need no Python; they read what this wrote.
"""
import os
import struct
import subprocess

import numpy as np
from PIL import Image, ImageOps

W, H = 21, 13
os.chdir(os.path.dirname(os.path.abspath(__file__)))


def drawn(w, h):
    y, x = np.mgrid[0:h, 0:w]
    return np.stack([x * 200 // w, y * 200 // h, (x + y) % 20 * 12], -1).astype(np.uint8)


a = drawn(W, H)
rgb = Image.fromarray(a)
grey, palette = rgb.convert("L"), rgb.quantize(50)
bilevel = grey.point(lambda v: 255 if v > 90 else 0).convert("1")
rgba = rgb.convert("RGBA")
rgba.putalpha(Image.fromarray((np.arange(W * H).reshape(H, W) % 256).astype(np.uint8)))
turned = rgb.rotate(180)


def expect(name, image=None):
    (image or Image.open(name).convert("RGB")).save(name + ".png")


def save(name, image, **how):
    image.save(name, **how)
    expect(name)


def put(name, content):
    with open(name, "wb") as f:
        f.write(content)
    expect(name)


# --- BMP
def rows(array):
    return b"".join(r.tobytes() + b"\0" * (-len(r.tobytes()) % 4) for r in array[::-1])


def bmp(bits, pixels, height=H, compression=0, colours=b""):
    at = 54 + len(colours)
    return (
        b"BM" + struct.pack("<IHHI", at + len(pixels), 0, 0, at)
        + struct.pack("<IiiHHIIiiII", 40, W, height, 1, bits, compression, len(pixels), 0, 0,
                      len(colours) // 4, 0)
        + colours + pixels)


bgr = a[..., ::-1]
save("rgb.bmp", rgb)
save("grey.bmp", grey)
save("palette.bmp", palette)
save("bilevel.bmp", bilevel)
put("topdown.bmp", bmp(24, rows(bgr[::-1]), -H))
put("xrgb.bmp", bmp(32, rows(np.dstack([bgr, np.full((H, W), 7, np.uint8)]))))
runs = b""
for row in np.asarray(palette)[::-1]:
    runs += b"".join(bytes([1, v]) for v in row) + b"\0\0"
table = np.array((palette.getpalette() + [0] * 768)[:768], np.uint8).reshape(-1, 3)[:, ::-1]
colours = np.dstack([table[None], np.zeros((1, 256, 1), np.uint8)]).tobytes()
put("runs.bmp", bmp(8, runs + b"\0\1", compression=1, colours=colours))
put("os2.bmp", b"BM" + struct.pack("<IHHIIHHHH", 26 + len(rows(bgr)), 0, 0, 26, 12, W, H, 1, 24)
    + rows(bgr))

# --- GIF
save("palette.gif", palette)
save("transparent.gif", palette, transparency=5)
save("interlaced.gif", palette, interlace=1)
save("animated.gif", palette, save_all=True, append_images=[turned.quantize(50)], duration=50)


def on_screen(gif, width, height, left, top):
    b = bytearray(gif)
    b[6:10] = struct.pack("<HH", width, height)
    at = 13 + (3 << ((b[10] & 7) + 1) if b[10] & 128 else 0)
    while b[at] == 0x21:
        at += 2
        while b[at]:
            at += 1 + b[at]
        at += 1
    b[at + 1:at + 5] = struct.pack("<HH", left, top)
    return bytes(b)


put("offset.gif", on_screen(open("palette.gif", "rb").read(), 30, 24, 5, 9))
put("offset-transparent.gif", on_screen(open("transparent.gif", "rb").read(), 30, 24, 5, 9))

# --- TIFF
for name, how in {
    "plain": None, "lzw": "tiff_lzw", "deflate": "tiff_adobe_deflate", "packbits": "packbits",
}.items():
    save(f"rgb-{name}.tif", rgb, compression=how)
save("grey.tif", grey)
save("palette.tif", palette, compression="tiff_lzw")
save("rgba.tif", rgba, compression="tiff_lzw")
save("cmyk.tif", rgb.convert("CMYK"), compression="tiff_adobe_deflate")
save("jpeg.tif", rgb, compression="jpeg")
# Image I/O shows it in other colours: it is refused, and so has no pixels beside it.
Image.fromarray(np.random.default_rng(0).integers(0, 255, (8, 8, 4)).astype(np.uint8)).save("rgba-jpeg.tif", compression="jpeg")
save("fax4.tif", bilevel, compression="group4")
save("fax3.tif", bilevel, compression="group3")
save("predictor.tif", rgb, compression="tiff_lzw", tiffinfo={317: 2})
save("strips.tif", rgb, compression="tiff_lzw", tiffinfo={278: 5})
save("pages.tif", rgb, save_all=True, append_images=[turned])


def tiff(tags, pixels, order="<"):
    kinds = {3: "H", 4: "I"}
    packed = [struct.pack(order + kinds[t] * len(v), *v) for _, t, v in tags]
    first = 8 + 2 + 12 * len(tags) + 4
    pixels_at = first + sum(len(p) for p in packed if len(p) > 4)
    directory, more = b"", b""
    for (tag, kind, values), p in zip(tags, packed):
        if tag in (273, 324):
            p = struct.pack(order + "I" * len(values), *[pixels_at + v for v in values])
        if len(p) > 4:
            value = struct.pack(order + "I", first + len(more))
            more += p
        else:
            value = p.ljust(4, b"\0")
        directory += struct.pack(order + "HHI", tag, kind, len(values)) + value
    return ((b"II*\0" if order == "<" else b"MM\0*") + struct.pack(order + "IH", 8, len(tags))
            + directory + struct.pack(order + "I", 0) + more + pixels)


def tags(bits, photometric, strips, counts, planar=1, more=()):
    return sorted([(256, 3, [W]), (257, 3, [H]), (258, 3, bits), (259, 3, [1]),
                   (262, 3, [photometric]), (273, 4, strips), (277, 3, [len(bits)]),
                   (278, 3, [H]), (279, 4, counts), (284, 3, [planar]), *more])


deep = a.astype(np.uint16) * 257 - np.minimum(a, 3) * 20
put("planar.tif", tiff(tags([8] * 3, 2, [0, W * H, 2 * W * H], [W * H] * 3, 2),
                       a.transpose(2, 0, 1).tobytes()))
put("rgb16.tif", tiff(tags([16] * 3, 2, [0], [6 * W * H]), deep.astype("<u2").tobytes()))
put("rgb16-big-endian.tif",
    tiff(tags([16] * 3, 2, [0], [6 * W * H]), deep.astype(">u2").tobytes(), ">"))
put("white-is-zero.tif", tiff(tags([8], 0, [0], [W * H]), np.asarray(grey).tobytes()))
put("premultiplied.tif",
    tiff(tags([8] * 4, 2, [0], [4 * W * H], more=[(338, 3, [1])]), np.asarray(rgba).tobytes()))
put("no-counts.tif", tiff([t for t in tags([8] * 3, 2, [0], [0]) if t[0] != 279], a.tobytes()))
padded = np.zeros((16, 32, 3), np.uint8)
padded[:H, :W] = a
tiled = [t for t in tags([8] * 3, 2, [0], [0]) if t[0] not in (273, 278, 279)]
tiled += [(322, 3, [16]), (323, 3, [16]), (324, 4, [0, 768]), (325, 4, [768] * 2)]
put("tiles.tif", tiff(tiled, padded[:, :16].tobytes() + padded[:, 16:].tobytes()))

# --- WebP
save("lossless.webp", rgb, lossless=True)
save("lossless-alpha.webp", rgba, lossless=True, exact=True)
save("lossless-palette.webp", palette.convert("RGB"), lossless=True)
save("lossless-animated.webp", rgb, save_all=True, append_images=[turned], lossless=True)


# Lossy: the methods use different features of the format; alone among them 0 writes no skip flags.
photo = Image.fromarray(np.clip(drawn(53, 37).astype(int)
                                + np.random.default_rng(4).integers(-25, 25, (37, 53, 3)), 0, 255)
                        .astype(np.uint8))
clear = photo.convert("RGBA")
clear.putalpha(Image.fromarray((np.arange(37 * 53).reshape(37, 53) % 256).astype(np.uint8)))
for method, quality in {0: 40, 1: 70, 3: 5, 4: 80, 6: 30}.items():
    save(f"lossy{method}.webp", photo, method=method, quality=quality)
save("lossy-alpha.webp", clear, quality=60)
save("lossy-animated.webp", photo, save_all=True, append_images=[photo.rotate(180)], quality=50)
photo.save("photo.png")
subprocess.run("cwebp -quiet -q 30 -f 80 -sharpness 3 -nostrong photo.png -o simple-filter.webp",
               shell=True, check=True)
os.remove("photo.png")
expect("simple-filter.webp")
# Written by libwebp with WebPConfig.partitions = 3, which its programs do not offer.
expect("partitions.webp")


def chunk(kind, content):
    return kind + struct.pack("<I", len(content)) + content + b"\0" * (len(content) & 1)


def three(v):
    return struct.pack("<I", v)[:3]


def webp_on_canvas(width, height, left, top):
    pixels = open("lossless.webp", "rb").read()[12:]
    frame = three(left // 2) + three(top // 2) + three(W - 1) + three(H - 1) + three(50) + b"\0"
    chunks = (chunk(b"VP8X", b"\2\0\0\0" + three(width - 1) + three(height - 1))
              + chunk(b"ANIM", b"\xff\0\0\0\0\0") + chunk(b"ANMF", frame + pixels))
    return b"RIFF" + struct.pack("<I", 4 + len(chunks)) + b"WEBP" + chunks


put("offset.webp", webp_on_canvas(30, 24, 4, 8))

# --- JPEG and PNG beside them
save("cmyk.jpg", rgb.convert("CMYK"), quality=90)
save("grey.jpg", grey)

# --- Exif orientations; NAME.png is upright here
exif = Image.Exif()
for orientation in range(1, 9):
    exif[274] = orientation
    for kind, how in {"jpg": {"quality": 95, "subsampling": 0}, "png": {}, "webp": {"lossless": True},
                      "tif": {}}.items():
        name = f"orientation{orientation}.{kind}"
        if kind == "tif":
            rgb.save(name, tiffinfo={274: orientation})
        else:
            rgb.save(name, exif=exif, **how)
        stored = Image.open(name)
        if kind == "tif":
            stored = rgb.copy()
            stored.getexif()[274] = orientation
        expect(name, ImageOps.exif_transpose(stored).convert("RGB"))
