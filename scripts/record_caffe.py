#!/usr/bin/env python3
"""Records Caffe models of DSODs (Shen et al. 2017) as Caffe saves them after training, and what their layers compute of an image.

usage: record_caffe.py [FOLDER]        default: src/test/resources/golden/caffe

  dsod-small.caffemodel    a small DSOD with random weights
  dsod-small.safetensors   case.image [H, W, 3] (F32: 0 to 255, red first), and what Caffe's layers mbox_loc [boxes, 4] and mbox_conf
      [boxes, 1 + classes] are of it in evaluation (F64)
  dsod300.caffemodel.gz    the authors' network for PASCAL VOC without its numbers: layers, connections, settings and shapes
  dsod300-coco.caffemodel.gz, dsod300-smallest.caffemodel.gz, dsod-glyphs.caffemodel.gz    the same of the authors' for COCO, of their
      smallest, and of a small network for generated scenes

No Caffe is needed. Layers are made in the order of the authors' program (github.com/szq0214/DSOD, model_libs.py and DSOD300_pascal.py),
and numbered as pycaffe numbers them (net_spec.py: going up from what has a name, inputs before their readers). What several layers
read goes through a layer of copies, as Caffe saves it (insert_splits.cpp). What the layers compute is computed here one layer after
the other as they lie in the file, by Caffe's definitions; nothing here knows how densenet4j names or stores anything.
"""

import collections
import gzip
import os
import struct
import sys

try:
    import torch
except ModuleNotFoundError:
    raise SystemExit("needs PyTorch; install it, e.g. pip install torch") from None
import torch.nn.functional as functional

from record_parity_case import write

HOME = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
MEAN = (104.0, 117.0, 123.0)  # blue, green, red
HEAD_EPSILON, EPSILON, L2_EPSILON = 1e-3, 1e-5, 1e-10


# ---------------------------------------------------------------- protobuf (protobuf.dev/programming-guides/encoding)

def varint(value):
    out = bytearray()
    while value > 0x7f:
        out.append(value & 0x7f | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def number(field, value):
    return varint(field << 3) + varint(int(value))


def single(field, value):
    return varint(field << 3 | 5) + struct.pack("<f", value)


def message(field, content):
    content = content.encode() if isinstance(content, str) else content
    return varint(field << 3 | 2) + varint(len(content)) + content


def blob(shape, values):
    """A BlobProto; without its numbers where there are none."""
    data = b"" if values is None else message(5, values.detach().float().contiguous().numpy().tobytes())
    return data + message(7, message(1, b"".join(map(varint, shape))))


# ---------------------------------------------------------------- a network as pycaffe describes one

class Layer:
    """One layer; kind is its type, settings a field of LayerParameter with what is in it, blobs the shapes of its weights."""

    def __init__(self, kind, *inputs, in_place=False, tops=1, settings=None, blobs=(), **facts):
        self.kind, self.inputs, self.in_place, self.tops = kind, inputs, in_place, tops
        self.settings, self.shapes, self.facts = settings, blobs, facts
        self.name, self.bottoms, self.made, self.values = None, [], [], []


def numbered(named, data):
    """All layers that the named ones need, in pycaffe's order and with its names."""
    names = {layer: name for name, layer in named.items()}
    counts, order = collections.Counter(), {}

    def visit(layer):
        if layer in order:
            return
        for above in layer.inputs:
            visit(above)
            layer.bottoms.append(above.made[0])
        own = names.get(layer)
        if own is None:
            counts[layer.kind] += 1
            own = layer.kind + str(counts[layer.kind])
        layer.name = own
        layer.made = list(layer.bottoms) if layer.in_place else [own]
        order[layer] = None

    data.name, data.made = "data", ["data", "label"]
    order[data] = None
    for layer in named.values():
        visit(layer)
    for layer in order:
        if layer.kind == "MultiBoxLoss":
            layer.bottoms.append("label")
    return list(order)


def with_splits(layers):
    """Copies of what several layers read, which Caffe puts behind whatever wrote last."""
    last, writer_of, readers = {}, {}, collections.Counter()
    for layer in layers:
        for i, bottom in enumerate(layer.bottoms):
            writer_of[layer, i] = last[bottom]
            readers[last[bottom]] += 1
        for top in layer.made:
            last[top] = (layer, top)
    taken, result = collections.Counter(), []
    for layer in layers:
        for i, bottom in enumerate(list(layer.bottoms)):
            writer = writer_of[layer, i]
            if readers[writer] > 1:
                layer.bottoms[i] = f"{bottom}_{writer[0].name}_{writer[0].made.index(bottom)}_split_{taken[writer]}"
                taken[writer] += 1
        result.append(layer)
        for place, top in enumerate(layer.made):
            count = readers[layer, top]
            if count > 1:
                split = Layer("Split")
                split.name, split.bottoms = f"{top}_{layer.name}_{place}_split", [top]
                split.made = [f"{top}_{layer.name}_{place}_split_{k}" for k in range(count)]
                result.append(split)
    return result


def encoded(name, layers):
    """A NetParameter with all layers."""
    net = message(1, name)
    for layer in layers:
        body = message(1, layer.name) + message(2, layer.kind)
        body += b"".join(message(3, bottom) for bottom in layer.bottoms) + b"".join(message(4, top) for top in layer.made)
        for i, shape in enumerate(layer.shapes):
            body += message(7, blob(shape, layer.values[i] if layer.values else None))
        body += number(10, 0)  # of training
        for field, content in layer.settings or ():
            body += message(field, content)
        net += message(100, body)
    return net


# ---------------------------------------------------------------- DSOD

class Dsod:
    """The authors' network; boxes has a step, a least and a largest side and ratios for each source."""

    def __init__(self, height, width, classes, boxes, stem=64, blocks=(6, 8, 8, 8), growth=48, bottleneck=192, second=256,
                 steps=(256, 128, 128, 128), label_map="data/VOC0712/labelmap_voc.prototxt"):
        self.channels = {}
        resize = number(2, 1) + number(3, height) + number(4, width)
        self.data = Layer("AnnotatedData", settings=[
            (100, b"".join(single(5, mean) for mean in MEAN) + message(8, resize)), (200, message(2, label_map))])
        self.channels[self.data] = 3
        named = collections.OrderedDict()
        x = self.data
        for channels, stride in ((stem, 2), (stem, 1), (2 * stem, 1)):
            x = self.relu(self.scaled(self.convolution(x, channels, 3, stride, 1), False), True)
        x = self.blocks(self.pool(x), blocks[0], growth, bottleneck)
        x = self.pool(self.normalised(x, self.channels[x], 1, 1, 0, False))
        x = self.blocks(x, blocks[1], growth, bottleneck)
        first = named["First"] = self.normalised(x, self.channels[x], 1, 1, 0, False)
        x = self.blocks(self.pool(first), blocks[2], growth, bottleneck)
        x = self.blocks(self.normalised(x, self.channels[x], 1, 1, 0, False), blocks[3], growth, bottleneck)
        x = self.normalised(x, second, 1, 1, 0, False)
        shortcut = self.normalised(self.pool(first), second)
        x = named["Second"] = self.concatenation(x, shortcut)
        for name, width in zip(("Third", "Fourth", "Fifth", "Sixth"), steps):
            strided = self.normalised(self.normalised(x, width), width, 3, 2, 1)
            x = named[name] = self.concatenation(self.normalised(self.pool(x), width), strided)
        self.heads(named, classes, boxes)
        self.layers = with_splits(numbered(named, self.data))

    def put(self, kind, *inputs, channels=None, **more):
        layer = Layer(kind, *inputs, **more)
        self.channels[layer] = self.channels[inputs[0]] if channels is None else channels
        return layer

    def convolution(self, x, channels, kernel, stride, padding):
        settings = number(1, channels) + number(2, 0) + number(3, padding) + number(4, kernel) + number(6, stride)
        return self.put("Convolution", x, channels=channels, settings=[(106, settings)], stride=stride, padding=padding,
                        blobs=[(channels, self.channels[x], kernel, kernel)])

    def scaled(self, x, in_place, epsilon=None):
        """A batch normalisation, and the scale and bias that Caffe has in a layer of its own."""
        count = self.channels[x]
        settings = [] if epsilon is None else [(139, single(2, 0.999) + single(3, epsilon))]
        x = self.put("BatchNorm", x, in_place=in_place, settings=settings, blobs=[(count,), (count,), (1,)],
                     epsilon=epsilon or EPSILON)
        return self.put("Scale", x, in_place=True, settings=[(142, number(4, 1))], blobs=[(count,), (count,)])

    def relu(self, x, in_place):
        return self.put("ReLU", x, in_place=in_place)

    def normalised(self, x, channels, kernel=1, stride=1, padding=0, in_place=True):
        return self.convolution(self.relu(self.scaled(x, False), in_place), channels, kernel, stride, padding)

    def pool(self, x):
        return self.put("Pooling", x, settings=[(121, number(1, 0) + number(2, 2) + number(3, 2))])

    def concatenation(self, *parts):
        return self.put("Concat", *parts, channels=sum(self.channels[p] for p in parts), axis=1, settings=[(104, number(2, 1))])

    def blocks(self, x, count, growth, bottleneck):
        for _ in range(count):
            x = self.concatenation(x, self.normalised(self.normalised(x, bottleneck), growth, 3, 1, 1))
        return x

    def heads(self, named, classes, boxes):
        sources, joined = list(named.items()), collections.defaultdict(list)
        for (source, x), (step, least, most, ratios) in zip(sources, boxes):
            norm = f"{source}_norm"
            x = named[norm] = self.put("Normalize", x, settings=[(206, number(1, 0) + message(2, single(2, 20)) + number(3, 0))],
                                       blobs=[(self.channels[x],)])
            for kind, count in (("loc", 4), ("conf", 1 + classes)):
                name = f"{norm}_mbox_{kind}"
                y = named[name] = self.convolution(x, (2 + 2 * len(ratios)) * count, 3, 1, 1)
                scale = self.scaled(y, True, HEAD_EPSILON)
                named[f"{name}_bn"], named[f"{name}_scale"] = scale.inputs[0], scale
                permuted = named[f"{name}_perm"] = self.put(
                    "Permute", y, settings=[(202, b"".join(number(1, axis) for axis in (0, 2, 3, 1)))])
                flat = named[f"{name}_flat"] = self.put("Flatten", permuted, settings=[(135, number(1, 1))])
                joined[kind].append(flat)
            settings = single(1, least) + single(2, most) + b"".join(single(3, r) for r in ratios) + number(4, 1) + number(5, 0)
            settings += b"".join(single(6, v) for v in (0.1, 0.1, 0.2, 0.2)) + single(10, step) + single(13, 0.5)
            prior = named[f"{norm}_mbox_priorbox"] = self.put("PriorBox", x, self.data, settings=[(203, settings)])
            joined["priorbox"].append(prior)
        for kind in ("loc", "conf", "priorbox"):
            axis = 2 if kind == "priorbox" else 1
            named[f"mbox_{kind}"] = self.put("Concat", *joined[kind], axis=axis, settings=[(104, number(2, axis))])
        loss = number(1, 1) + number(2, 0) + single(3, 1) + number(4, 1 + classes) + number(5, 1) + number(9, 0) + number(14, 2)
        named["mbox_loss"] = self.put("MultiBoxLoss", *(named[f"mbox_{kind}"] for kind in ("loc", "conf", "priorbox")),
                                      settings=[(201, loss)])

    def randomise(self):
        for layer in self.layers:
            for shape in layer.shapes:
                layer.values.append(torch.randn(shape) * (2 / max(1, torch.Size(shape[1:]).numel())) ** 0.5)
            if layer.kind == "BatchNorm":
                factor = torch.rand(1) * 900 + 1
                layer.values = [torch.randn(layer.shapes[0]) * 0.3 * factor, (torch.rand(layer.shapes[0]) + 0.5) * factor, factor]
            elif layer.kind == "Scale":
                layer.values = [torch.rand(layer.shapes[0]) + 0.5, torch.randn(layer.shapes[0]) * 0.3]
            elif layer.kind == "Normalize":
                layer.values = [torch.rand(layer.shapes[0]) * 5 + 1]

    def run(self, image):
        """All arrays of the network for an image [H, W, 3], from 0 to 255 and red first."""
        bgr = image.double().flip(2).permute(2, 0, 1) - torch.tensor(MEAN).double().view(3, 1, 1)
        arrays = {}
        for layer in self.layers:
            x = [arrays[bottom] for bottom in layer.bottoms if bottom in arrays]
            w = [value.float().double() for value in layer.values]
            if layer.kind == "AnnotatedData":
                made = bgr[None]
            elif layer.kind == "Convolution":
                made = functional.conv2d(x[0], w[0], stride=layer.facts["stride"], padding=layer.facts["padding"])
            elif layer.kind == "BatchNorm":
                mean, variance = (w[i] / w[2] for i in (0, 1))
                made = (x[0] - mean.view(1, -1, 1, 1)) / (variance + layer.facts["epsilon"]).sqrt().view(1, -1, 1, 1)
            elif layer.kind == "Scale":
                made = x[0] * w[0].view(1, -1, 1, 1) + w[1].view(1, -1, 1, 1)
            elif layer.kind == "ReLU":
                made = x[0].clamp(min=0)
            elif layer.kind == "Pooling":
                made = functional.max_pool2d(x[0], 2, 2, ceil_mode=True)
            elif layer.kind == "Concat" and layer.facts["axis"] == 1:
                made = torch.cat(x, 1)
            elif layer.kind == "Normalize":
                made = x[0] / (x[0].square().sum(1, keepdim=True) + L2_EPSILON).sqrt() * w[0].view(1, -1, 1, 1)
            elif layer.kind == "Permute":
                made = x[0].permute(0, 2, 3, 1)
            elif layer.kind == "Flatten":
                made = x[0].flatten(1)
            elif layer.kind == "Split":
                made = x[0]
            else:
                continue  # default boxes, and the loss
            for top in layer.made:
                arrays[top] = made
        return arrays


def main():
    folder = sys.argv[1] if len(sys.argv) > 1 else os.path.join(HOME, "src/test/resources/golden/caffe")
    os.makedirs(folder, exist_ok=True)
    sys.setrecursionlimit(10000)
    torch.manual_seed(1)

    classes, height, width = 3, 71, 54
    boxes = [(8, 9, 14, [2]), (16, 14, 22, [2, 3]), (32, 22, 30, [2]), (60, 30, 44, [1.5])]
    small = Dsod(height, width, classes, boxes, 4, (2, 1, 2, 1), 4, 8, 6, (6, 4), "data/mine/labelmap_mine.prototxt")
    small.randomise()
    image = torch.randint(0, 256, (height, width, 3)).float()
    arrays = small.run(image)
    with open(os.path.join(folder, "dsod-small.caffemodel"), "wb") as file:
        file.write(encoded("DSOD_small_train", small.layers))
    write(os.path.join(folder, "dsod-small.safetensors"), {
        "case.image": image,
        "case.mbox_loc": arrays["mbox_loc"].view(-1, 4),
        "case.mbox_conf": arrays["mbox_conf"].view(-1, 1 + classes)}, {})

    def boxes300(*sides):
        steps = (8, 16, 32, 64, 100, 300)
        return [(step, sides[i], sides[i + 1], [2, 3] if 1 <= i <= 3 else [2]) for i, step in enumerate(steps)]

    voc, coco = boxes300(30, 60, 111, 162, 213, 264, 315), boxes300(21, 45, 99, 153, 207, 261, 315)
    glyphs = [(8, 16, 24, [1.6]), (16, 28, 36, [1.6]), (32, 36, 44, [1.6])]
    for name, title, net in (
            ("dsod300", "DSOD300_VOC0712_DSOD300_300x300_train", Dsod(300, 300, 20, voc)),
            ("dsod300-coco", "DSOD300_coco_DSOD300_300x300_train",
             Dsod(300, 300, 80, coco, label_map="data/coco/labelmap_coco.prototxt")),
            ("dsod300-smallest", "smallest", Dsod(300, 300, 20, voc, growth=16, bottleneck=64)),
            ("dsod-glyphs", "glyphs", Dsod(96, 96, 10, glyphs, 16, (4, 6, 6, 6), 16, 64, 64, (64,), "labelmap_glyphs.prototxt"))):
        with open(os.path.join(folder, name + ".caffemodel.gz"), "wb") as file:
            file.write(gzip.compress(encoded(title, net.layers), mtime=0))
        numbers = sum(torch.Size(shape).numel() for layer in net.layers for shape in layer.shapes)
        print(f"{name}: {len(net.layers)} layers, {numbers} numbers with the factors of batch normalisations")
    for name in sorted(os.listdir(folder)):
        print(f"{name}: {os.path.getsize(os.path.join(folder, name))} bytes")


if __name__ == "__main__":
    main()
