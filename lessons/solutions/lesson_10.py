"""Lesson 10's exercises: reference solutions, checks, hints, and wrong answers to refuse."""

import numpy as np


def solution_1():
    def my_psnr(a, b):
        difference = a.astype(float) - b  # as floats: uint8 knows nothing below 0
        return 10 * np.log10(255**2 / np.mean(difference**2))

    return my_psnr


def check_1(my_psnr):
    rng = np.random.default_rng(0)
    a = rng.integers(50, 200, (20, 30, 3)).astype(np.uint8)
    for off in (40, 20):
        b = np.uint8(a + rng.choice([-off, off], a.shape))
        right, found = 20 * np.log10(255 / off), my_psnr(a, b)
        difference = np.mean((a - b) ** 2.0)  # as uint8, which wraps round
        wrapped = np.mean((a - b) ** 2)
        assert not np.isclose(found, 10 * np.log10(255**2 / difference), atol=0.01), (
            "What is 3 - 5 in uint8? Try np.uint8(3) - np.uint8(5)."
        )
        assert not np.isclose(found, 10 * np.log10(255**2 / wrapped), atol=0.01), (
            "What is 3 - 5 in uint8, and what is 20 times 20? Make floats of the pictures first."
        )
        assert not np.isclose(found, -right, atol=0.01), (
            "A larger error should give fewer decibels."
        )
        assert not np.isclose(found, -20 * np.log10(off), atol=0.01), (
            "White is 255 in these pictures. Which span is yours?"
        )
        assert not np.isclose(found, 10 * np.log10(255 / off), atol=0.01), (
            "Compare squares with squares: 255², or 20 in place of 10."
        )
        assert not np.isclose(found, right * np.log(10), atol=0.01), (
            "Decibels count tens: np.log10."
        )
        assert np.isclose(found, right, atol=0.01), (
            f"An error of {off} levels everywhere is {right:.2f} dB; yours says {found:.2f}."
        )
    b = np.uint8(a + rng.choice([-40, -5, 5, 40], a.shape))  # small and large errors
    right = 10 * np.log10(255**2 / np.mean((a - b.astype(float)) ** 2))
    assert np.isclose(my_psnr(a, b), right, atol=0.01), (
        "Large errors count more than small ones: square each of them first, then take the mean."
    )
    return "Half the error is 6.02 dB more, whatever the picture."


HINTS_1 = [
    "np.uint8(3) - np.uint8(5) is 254. Of what type must the pictures be before you subtract?",
    "The mean of the squared differences, then 10 * np.log10(255**2 / mean).",
]


def wrong_1():
    return [
        lambda a, b: 10 * np.log10(255**2 / np.mean((a - b) ** 2)),
        lambda a, b: 10 * np.log10(255**2 / np.mean((a - b) ** 2.0)),
        lambda a, b: 10 * np.log10(1 / np.mean((a.astype(float) - b) ** 2)),
        lambda a, b: 10 * np.log10(np.mean((a.astype(float) - b) ** 2) / 255**2),
        lambda a, b: 10 * np.log10(255 / np.abs(a.astype(float) - b).mean()),
        lambda a, b: 20 * np.log10(255 / np.abs(a.astype(float) - b).mean()),
        lambda a, b: 20 * np.log10(255 / np.abs(a.astype(float) - b).max()),
        lambda a, b: 10 * np.log(255**2 / np.mean((a.astype(float) - b) ** 2)),
    ]


def solution_2():
    def to_maps(picture, scale):
        n, height, width, channels = picture.shape
        rows, columns = height // scale, width // scale
        blocks = picture.reshape(n, rows, scale, columns, scale, channels)
        blocks = blocks.transpose(0, 1, 3, 2, 4, 5)
        return blocks.reshape(n, rows, columns, scale**2 * channels)

    return to_maps


def check_2(to_maps):
    for shape, scale in (((1, 2, 2, 1), 2), ((2, 6, 9, 3), 3), ((1, 4, 8, 2), 2)):
        picture = np.arange(np.prod(shape)).reshape(shape)
        n, height, width, channels = shape
        wanted = (n, height // scale, width // scale, scale**2 * channels)
        maps = np.asarray(to_maps(picture, scale))
        assert maps.shape == wanted, f"The maps should have the shape {wanted}, not {maps.shape}."
        blocks = picture.reshape(n, height // scale, scale, width // scale, scale, channels)
        right = blocks.transpose(0, 1, 3, 2, 4, 5).reshape(wanted)
        if np.array_equal(maps, right):
            continue
        assert not np.array_equal(maps, picture.reshape(wanted)), (
            "A reshape alone keeps the order of the numbers in a row. Are the first four numbers of "
            "a row one block?"
        )
        assert not np.array_equal(maps, blocks.transpose(0, 1, 3, 4, 2, 5).reshape(wanted)), (
            "Rows and columns of the block have changed places. Where does map 1 of place (0, 0) land?"
        )
        assert not np.array_equal(maps, blocks.transpose(0, 1, 3, 5, 2, 4).reshape(wanted)), (
            "Each colour's block lies together. In sub_pixel the colours are the last axis."
        )
        raise AssertionError(
            "sub_pixel does not put it together again. Give each of the six axes a name, on both sides."
        )
    return "sub_pixel(to_maps(picture, 3), 3) is the picture again."


HINTS_2 = [
    "Read sub_pixel backwards: the last reshape first, and a transpose that undoes the other.",
    "picture.reshape(n, height // scale, scale, width // scale, scale, channels): which of these six "
    "axes belong to the place, and which to the block?",
    "The same transpose(0, 1, 3, 2, 4, 5): swapping two axes twice changes nothing.",
]


def wrong_2():
    def blocks(picture, scale, order):
        n, height, width, channels = picture.shape
        parts = picture.reshape(n, height // scale, scale, width // scale, scale, channels)
        shape = (n, height // scale, width // scale, scale**2 * channels)
        return parts.transpose(order).reshape(shape)

    def only_reshape(picture, scale):
        n, height, width, channels = picture.shape
        return picture.reshape(n, height // scale, width // scale, scale**2 * channels)

    return [
        only_reshape,
        lambda picture, scale: blocks(picture, scale, (0, 1, 3, 4, 2, 5)),
        lambda picture, scale: blocks(picture, scale, (0, 1, 3, 5, 2, 4)),
        lambda picture, scale: blocks(picture, scale, (0, 3, 1, 2, 4, 5)),
        lambda picture, scale: picture,
        lambda picture, scale: picture[:, ::scale, ::scale],
    ]


def solution_3():
    # 3 x 3 weights on 32 maps for each of 3 * scale² new maps, and a bias for each
    return tuple((3 * 3 * 32 + 1) * 3 * scale**2 for scale in (2, 3, 4))


def check_3(last_layer_weights):
    found = list(last_layer_weights)
    assert len(found) == 3, "Three numbers are wanted: for 2, 3 and 4 times."
    count = lambda each, maps: [each * maps * scale**2 for scale in (2, 3, 4)]
    assert found != count(288, 3), "The stamps are counted. And the biases?"
    assert found != count(289, 1), "That is for grey pictures. Ours have three colours."
    assert found != count(10, 3), "Each stamp lies on all 32 maps at once. How thick is it?"
    assert found != [289 * 3 * scale for scale in (2, 3, 4)], (
        "A block of 2 x 2 pixels: how many pixels has it? And of 4 x 4?"
    )
    assert found != [289 * 3] * 3, (
        "The layer makes all the pixels of a block. How many maps is that?"
    )
    assert found == count(289, 3), (
        "How many maps must come out for scale² pixels of three colours? Each has one stamp of "
        "3 x 3 x 32, and a bias."
    )
    return "It grows with the square of the scale, and the rest of the network stays as it is."


HINTS_3 = [
    "How many numbers must come out at each place for a block of 2 x 2 pixels in colour?",
    "3 * scale² maps come out; each is made by a stamp of 3 x 3 x 32 numbers and a bias.",
]


def wrong_3():
    return [
        (3456, 7776, 13824),
        (1156, 2601, 4624),
        (120, 270, 480),
        (1734, 2601, 3468),
        (867, 867, 867),
        (7803,),
    ]


def solution_4():
    def held_out(photo_of, share):
        photos = np.unique(photo_of)
        number = max(1, round(share * len(photos)))
        chosen = np.random.default_rng(0).choice(photos, number, replace=False)
        return np.isin(photo_of, chosen)

    return held_out


def check_4(held_out):
    rng = np.random.default_rng(1)
    sizes = rng.integers(1, 30, 40)
    cases = [(np.repeat(np.arange(40), sizes), 0.25), (np.repeat([7, 3, 9], [5, 1, 4]), 0.1)]
    cases.append((rng.permutation(cases[0][0]), 0.5))
    for photo_of, share in cases:
        mask = np.asarray(held_out(photo_of, share))
        assert mask.shape == photo_of.shape and mask.dtype == bool, (
            f"One True or False is wanted for each of the {len(photo_of)} pieces."
        )
        assert mask.any(), "Nothing is held out. With few photographs it is one at least."
        assert not mask.all(), "All is held out. What is left to learn from?"
        both = sorted(set(photo_of[mask].tolist()) & set(photo_of[~mask].tolist()))
        assert not both, (
            f"Photograph {both[0]} is on both sides. From which photograph is each of your pieces?"
        )
        photos, number = np.unique(photo_of), len(np.unique(photo_of[mask]))
        assert abs(number - max(1, share * len(photos))) <= 1, (
            f"{number} of {len(photos)} photographs are held out, for a share of {share}. Count "
            "photographs, not pieces."
        )
    return "Neighbouring pieces share sky, stones and light: they would have been known already."


HINTS_4 = [
    "Draw photographs, not pieces. np.unique(photo_of) lists them.",
    "rng.choice(photos, number, replace=False) chooses some; np.isin(photo_of, chosen) is the mask.",
]


def wrong_4():
    def of_pieces(photo_of, share):
        return np.random.default_rng(0).random(len(photo_of)) < share

    def the_last(photo_of, share):
        return np.arange(len(photo_of)) >= (1 - share) * len(photo_of)

    def photographs(photo_of, share):
        photos = np.unique(photo_of)
        return photos[: max(1, int(share * len(photos)))]

    def none_of_few(photo_of, share):
        photos = np.unique(photo_of)
        return np.isin(photo_of, photos[: int(share * len(photos))])

    return [
        of_pieces,
        the_last,
        photographs,
        none_of_few,
        lambda photo_of, share: np.ones(len(photo_of), bool),
        lambda photo_of, share: photo_of == photo_of[0],
    ]
