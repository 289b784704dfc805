# Makes the checkpoints of this folder: two tensors beside objects of every kind that training
# scripts save. Written by PyTorch 1.13.1.
import argparse, collections, datetime, enum, functools, io, pathlib, pickle, sys, types
import numpy as np
import torch


class Attributes(dict):
    """As Lightning's AttributeDict."""


class Phase(enum.Enum):
    TRAIN = 1


class Slots:
    __slots__ = ("a",)


class NewArguments:
    def __new__(cls, a, b=0):
        return object.__new__(cls)

    def __getnewargs_ex__(self):
        return (1,), {"b": 2}


class Listy(list):
    pass


module = types.ModuleType("training_script")
for c in (Attributes, Phase, Slots, NewArguments, Listy):
    c.__module__ = "training_script"
    setattr(module, c.__name__, c)
sys.modules["training_script"] = module

weights = collections.OrderedDict()
weights["features.denseblock1.denselayer1.norm1.weight"] = torch.tensor([1.0, 2.0, 3.0])
weights["classifier.bias"] = torch.nn.Parameter(torch.tensor([-1.0]))
weights._metadata = {"": {"version": 1}}
slots = Slots()
slots.a = 3
listy = Listy([1, 2])
listy.note = "x"
odd = {
    "counter": collections.Counter([1, 1, 2]),
    "defaultdict": collections.defaultdict(list, {"a": [1]}),
    "deque": collections.deque([1, 2], maxlen=3),
    "ordered": collections.OrderedDict([((1, 2), "tuple key"), (3, "int"), (None, "none")]),
    "namespace": argparse.Namespace(lr=0.1, path=pathlib.PurePosixPath("/data")),
    "simple namespace": types.SimpleNamespace(a=1),
    "numpy": [np.float64(0.5), np.int64(3), np.zeros((2, 3)), np.dtype("float32")],
    "sets": [{1, 2}, frozenset([3]), set()],
    "bytes": [b"ab\xff", bytearray(b"cd"), b"x" * 300],
    "dates": [datetime.datetime(2020, 1, 2, 3, 4), datetime.timedelta(1), datetime.date.today()],
    "torch": [torch.device("cpu"), torch.float32, torch.Size([1, 2]), torch.tensor(1 + 2j),
              torch.zeros(1).expand(5), torch.tensor([True])],
    "attributes": Attributes(lr=0.1),
    "enum": Phase.TRAIN,
    "partial": functools.partial(int, base=2),
    "slots": slots,
    "arguments": NewArguments(1),
    "list subclass": listy,
    "numbers": [1 << 70, -(1 << 70), -1, 70000, 1e-300, float("inf"), float("nan"), True, None,
                complex(1, 2), "text\nof two lines \u732b", 1 << 2100],
    "functions": [print, len, pickle.dumps, dict, range(3), slice(1, 2)],
    1: "int key", (1, "a"): "tuple key", None: "none key", 1.5: "float key",
    frozenset([1]): "set key", b"b": "bytes key",
}
odd["self"] = odd
cycle = ([],)
cycle[0].append(cycle)
odd["recursive tuple"] = cycle


def without_slots(values, protocol):
    """Protocols 0 and 1 do not know them."""
    return {k: v for k, v in values.items() if protocol > 1 or k not in ("slots", "self")}


def checkpoint(protocol):
    return dict(without_slots(odd, protocol), state_dict=weights,
                optimizer={"state": {0: {"step": 1}}})


for protocol in range(1, 6):
    torch.save(checkpoint(protocol), "odd-protocol%d.pth" % protocol, pickle_protocol=protocol)
for protocol in (1, 2, 4):
    torch.save(checkpoint(protocol), "odd-legacy%d.pth" % protocol, pickle_protocol=protocol,
               _use_new_zipfile_serialization=False)
with open("odd-protocol0.pkl", "wb") as f:
    pickle.dump({k: v for k, v in without_slots(odd, 0).items() if k != "torch"}, f, protocol=0)
torch.jit.save(torch.jit.script(torch.nn.Linear(1, 1)), "script.pt")
torch.save({"net": torch.nn.Linear(1, 1)}, "whole-model.pth")
torch.save({"net": torch.nn.Linear(1, 1)}, "whole-model-legacy.pth",
           _use_new_zipfile_serialization=False)
q = torch.quantize_per_tensor(torch.tensor([1.0]), 0.1, 0, torch.qint8)
s = torch.sparse_coo_tensor([[0]], [1.0], (3,))
torch.save({"features.conv0.weight": weights["classifier.bias"], "a.quantised": q,
            "a.sparse": s, "a.complex": torch.tensor([1j]), "a.array": np.zeros(3),
            "features.denseblock1.denselayer1.norm1.weight": np.zeros(3)}, "kinds.pth")
torch.save({"features.conv0.weight": weights["classifier.bias"], "a.complex": torch.tensor([1j]),
            "features.denseblock1.denselayer1.norm1.weight": torch.tensor([1.0, 2.0])},
           "complex-legacy.pth", _use_new_zipfile_serialization=False)
