"""The course's data: one `load_<pack>()` for each folder of `data/`, all offline by default.

What a loader returns has its splits as attributes: `.train`, `.validation` and `.test`, those that
the data set has, always the same entries in each.
"""

from utils.data.downloads import cache_dir, fetch_full
from utils.data.full_size import (
    CIFAR10_CLASSES,
    DOGS_VS_CATS_CLASSES,
    load_cifar10,
    load_dogs_vs_cats,
)
from utils.data.images import (
    FASHION_CLASSES,
    PHOTO_CLASSES,
    Emoji,
    Photos,
    Scenes,
    load_digits,
    load_emoji,
    load_fashion,
    load_photos,
    load_picture,
    load_scenes,
    open_image,
    photo_classes,
    picture_names,
)
from utils.data.packs import DataError, pack_path
from utils.data.scenes import ComposedScenes, SceneComposer, cell_coverage
from utils.data.splits import Samples, TrainTest, TrainValidationTest
from utils.data.stories import Story, make_stories
from utils.data.tables import load_flights, load_movies, load_ridership
from utils.data.text import (
    Vocabulary,
    WordVectors,
    join_punctuation,
    load_english_french,
    load_glove,
    load_pronunciations,
    load_prose,
    load_reviews,
    separate_punctuation,
)

__all__ = [
    "CIFAR10_CLASSES",
    "DOGS_VS_CATS_CLASSES",
    "FASHION_CLASSES",
    "PHOTO_CLASSES",
    "ComposedScenes",
    "DataError",
    "Emoji",
    "Photos",
    "Samples",
    "SceneComposer",
    "Scenes",
    "Story",
    "TrainTest",
    "TrainValidationTest",
    "Vocabulary",
    "WordVectors",
    "cache_dir",
    "cell_coverage",
    "fetch_full",
    "join_punctuation",
    "load_cifar10",
    "load_digits",
    "load_dogs_vs_cats",
    "load_emoji",
    "load_english_french",
    "load_fashion",
    "load_flights",
    "load_glove",
    "load_movies",
    "load_photos",
    "load_picture",
    "load_pronunciations",
    "load_prose",
    "load_reviews",
    "load_ridership",
    "load_scenes",
    "make_stories",
    "open_image",
    "pack_path",
    "photo_classes",
    "picture_names",
    "separate_punctuation",
]
