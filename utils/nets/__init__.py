"""Networks and what is done with them, by Keras alone: all of it works on every engine."""

from utils.nets.attention import attention_maps
from utils.nets.caching import cached
from utils.nets.enlarge import NearestStart, SubPixel
from utils.nets.masking import masked_mean
from utils.nets.pretrained import decode_predictions, preprocess, squeezenet
from utils.nets.scores import frechet
from utils.nets.search import beam_search
from utils.nets.segmentation import edge_distance, iou
from utils.nets.style import (
    FeatureLoss,
    content_distance,
    gram,
    style_distance,
    total_variation,
)
from utils.nets.surgery import cut, frozen, thawed, with_head
from utils.nets.taps import taps
from utils.nets.twins import twins

__all__ = [
    "FeatureLoss",
    "NearestStart",
    "SubPixel",
    "attention_maps",
    "beam_search",
    "cached",
    "content_distance",
    "cut",
    "decode_predictions",
    "edge_distance",
    "frechet",
    "frozen",
    "gram",
    "iou",
    "masked_mean",
    "preprocess",
    "squeezenet",
    "style_distance",
    "taps",
    "thawed",
    "total_variation",
    "twins",
    "with_head",
]
