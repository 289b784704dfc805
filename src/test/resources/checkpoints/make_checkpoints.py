# Writes the small checkpoints of this folder: the same two tensors beside all that training scripts save with them.
# Needs torch (written with Debian 12's python3-torch 1.13.1).
import argparse, collections, datetime, enum, functools, pathlib, sys, types
import numpy as np
import torch

weights = collections.OrderedDict(
    [('features.conv0.weight', torch.arange(24.).reshape(2, 3, 2, 2)), ('classifier.bias', torch.tensor([0.5, -0.25]))])

def module(name, **members):
    made = types.ModuleType(name)
    for key, value in members.items():
        value.__module__ = name
        value.__qualname__ = key
        setattr(made, key, value)
    sys.modules[name] = made

class AttributeDict(dict):
    pass

class Colour(enum.Enum):
    RED = 1

class Slots:
    __slots__ = ('a',)
    def __init__(self):
        self.a = 1

class WithKeywords:
    def __new__(cls, *, a):
        return super().__new__(cls)
    def __getnewargs_ex__(self):
        return (), {'a': 1}

class StateDict(dict):
    pass

module('their_library', AttributeDict=AttributeDict, Colour=Colour, Slots=Slots, WithKeywords=WithKeywords, StateDict=StateDict)

def save(name, value, **how):
    torch.save(value, name + '.pth', **how)

def beside(name, value, **how):
    save(name, {'state_dict': weights, 'epoch': 3, 'other': value}, **how)

beside('counter', {'milestones': collections.Counter([30, 60])})
beside('namespace', argparse.Namespace(lr=0.1, data=pathlib.Path('/data')))
beside('numpy', {'best': np.float64(0.9), 'losses': np.zeros(3), 'type': np.dtype('float32')})
beside('attribute_dict', AttributeDict(lr=0.1))
beside('containers', [{1, 2}, frozenset([3]), b'bytes', bytearray(b'bytes'), collections.deque([1]), complex(1, 2), range(3),
                      collections.defaultdict(list, a=[1])])
beside('objects', [datetime.datetime(2026, 1, 1), torch.device('cpu'), torch.float16, torch.Size([1, 2]), Colour.RED, Slots(),
                   WithKeywords(a=1), functools.partial(print, 1), print, torch.nn.ReLU])
beside('odd_keys', {(1, 2): 3, None: 4, 2.5: 5, frozenset([1]): 6})
beside('protocol4', [b'bytes', {1}, WithKeywords(a=1)], pickle_protocol=4)
beside('legacy', argparse.Namespace(lr=0.1), _use_new_zipfile_serialization=False)
beside('optimiser', torch.optim.SGD([torch.nn.Parameter(torch.ones(2))], 0.1, momentum=0.9).state_dict())
save('dict_of_a_class', {'model': StateDict(weights)})
save('any_key', {'my_network': weights, 'epoch': 3})
save('two_keys', {'generator': weights, 'critic': {k: v + 1 for k, v in weights.items()}})
save('averaged', {'state_dict_ema': {k: v * 0 for k, v in weights.items()}, 'state_dict': weights})
other = {k: v + 1 for k, v in weights.items()}
save('student_teacher', {'student': weights, 'teacher': other, 'epoch': 3})
save('model_and_ema', {'model_ema': other, 'model': weights, 'loss': {'centres.weight': torch.ones(2, 2)}})
save('prefixes', {'state_dict': {p + k: v for p, w in (('student.', weights), ('teacher.', other)) for k, v in w.items()}})
save('parameters', collections.OrderedDict((k, torch.nn.Parameter(v)) for k, v in weights.items()))
save('numpy_tensors', {k: v.numpy() for k, v in weights.items()})
save('numpy_among_tensors', {'features.conv0.weight': weights['features.conv0.weight'], 'classifier.bias': np.zeros(2)})
save('whole_model', torch.nn.Sequential(torch.nn.Linear(2, 2)))
with torch.no_grad():
    torch.jit.save(torch.jit.trace(torch.nn.Linear(2, 2), torch.ones(1, 2)), 'script.pt')
