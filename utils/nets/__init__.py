"""Networks and what is done with them, by Keras alone: all of it works on every engine."""

from utils.nets.enlarge import NearestStart, SubPixel
from utils.nets.pretrained import decode_predictions, preprocess, squeezenet
from utils.nets.scores import frechet
from utils.nets.surgery import cut, frozen, thawed, with_head
from utils.nets.taps import taps

__all__ = [
    "NearestStart",
    "SubPixel",
    "cut",
    "decode_predictions",
    "frechet",
    "frozen",
    "preprocess",
    "squeezenet",
    "taps",
    "thawed",
    "with_head",
]
