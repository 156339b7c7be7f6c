"""Lesson 11's exercises: reference solutions, checks, hints, and wrong answers to refuse."""

import numpy as np
from scipy.linalg import sqrtm


def softplus(score):
    return np.logaddexp(0, score)


def solution_1():
    def game_losses(of_real, of_made):
        # -log D is softplus of minus the score, and -log(1 - D) is softplus of the score
        critic = np.logaddexp(0, -of_real).mean() + np.logaddexp(0, of_made).mean()
        generator = np.logaddexp(0, -of_made).mean()
        return critic, generator

    return game_losses


def check_1(game_losses):
    of_real, of_made = np.array([2.0, -1.0, 0.5]), np.array([-3.0, 1.0])
    try:
        critic, generator = game_losses(of_real.copy(), of_made.copy())
    except ValueError as error:
        if "broadcast" not in str(error):
            raise
        raise AssertionError(
            "Here are three real pictures and two made ones, so their losses do not add up one by one: one mean "
            "for each kind first."
        ) from None
    right = [softplus(-of_real).mean() + softplus(of_made).mean(), softplus(-of_made).mean()]
    assert not np.allclose([generator, critic], right), (
        "Both are right, in the other order: the critic's first."
    )
    assert not np.isclose(generator, -softplus(of_made).mean()), (
        "You pay the generator log(1 - D). It falls when it should, but when the critic is sure (D near "
        "0), how large is its slope? Take -log D instead."
    )
    assert not np.isclose(generator, softplus(of_made).mean()), (
        "This generator pays for a high score. What does it want the critic to say of its pictures?"
    )
    assert not np.isclose(critic, softplus(of_real).mean() + softplus(-of_made).mean()), (
        "This critic pays for a high score of a real picture. Which of the two needs the minus?"
    )
    assert not np.isclose(
        critic, (softplus(-of_real).sum() + softplus(of_made).sum()) / (len(of_real) + len(of_made))
    ), "One mean for the real and one for the made, added up. Yours is one mean over all."
    assert not np.isclose(critic, softplus(-of_real).sum() + softplus(of_made).sum()), (
        "Means, not sums: the loss should not grow with the number of pictures."
    )
    assert np.isclose(critic, right[0]), (
        f"For the scores {of_real.tolist()} and {of_made.tolist()} the critic's loss should be "
        f"{right[0]:.4f}, and is {critic:.4f}."
    )
    assert np.isclose(generator, right[1]), (
        f"For the scores {of_made.tolist()} the generator's loss should be {right[1]:.4f}, and is "
        f"{generator:.4f}."
    )
    for score, pay in ((-900.0, (1800, 0)), (900.0, (0, 900))):  # a critic deceived, and a sure one
        with np.errstate(all="ignore"):
            sure = [float(loss) for loss in game_losses(np.array([score]), np.array([-score]))]
        assert np.allclose(sure, pay), (
            f"For the scores {score:.0f} and {-score:.0f} the losses should be {pay[0]} and {pay[1]}, and yours "
            f"are {sure[0]} and {sure[1]}. A probability of so large a score is 0 or 1 to a computer, and its "
            "logarithm is infinite, or what you added or clipped makes of it. np.logaddexp takes the score itself."
        )
    return "The critic pays for both kinds of pictures, the generator for the made ones alone, and for another slope."


HINTS_1 = [
    "The critic wants high scores for real pictures and low ones for made; the generator wants high "
    "scores for the made.",
    "softplus(-s) is -log D: it is small for a high score. Who pays it, and for which of the pictures? The "
    "third of the three means is softplus(s).",
]


def wrong_1():
    def probability(score):
        return 1 / (1 + np.exp(-score))

    def saturating(of_real, of_made):
        critic = softplus(-of_real).mean() + softplus(of_made).mean()
        return critic, -softplus(of_made).mean()

    def swapped(of_real, of_made):
        critic = softplus(-of_real).mean() + softplus(of_made).mean()
        return softplus(-of_made).mean(), critic

    def signs(of_real, of_made):
        critic = softplus(of_real).mean() + softplus(-of_made).mean()
        return critic, softplus(-of_made).mean()

    def against_itself(of_real, of_made):
        critic = softplus(-of_real).mean() + softplus(of_made).mean()
        return critic, softplus(of_made).mean()

    def one_mean(of_real, of_made):
        both = np.concatenate([softplus(-of_real), softplus(of_made)])
        return both.mean(), softplus(-of_made).mean()

    def sums(of_real, of_made):
        critic = softplus(-of_real).sum() + softplus(of_made).sum()
        return critic, softplus(-of_made).sum()

    def overflows(of_real, of_made):
        real, made = probability(of_real), probability(of_made)
        return -np.log(real).mean() - np.log(1 - made).mean(), -np.log(made).mean()

    def nearly_nothing(of_real, of_made):
        critic = softplus(-of_real).mean() + softplus(of_made).mean()
        return critic, -np.log(probability(of_made) + 1e-9).mean()

    def one_by_one(of_real, of_made):
        return (softplus(-of_real) + softplus(of_made)).mean(), softplus(-of_made).mean()

    losses = [one_by_one, saturating, swapped, signs, against_itself, one_mean, sums, overflows]
    return [*losses, nearly_nothing, (1.0, 1.0)]


def solution_2():
    def my_frechet(a, b):
        wide_a, wide_b = np.cov(a.T), np.cov(b.T)
        root = sqrtm(wide_a @ wide_b).real  # rounding may leave an imaginary part of 0
        means = a.mean(0) - b.mean(0)
        return (means**2).sum() + np.trace(wide_a + wide_b - 2 * root)

    return my_frechet


def check_2(my_frechet):
    rng = np.random.default_rng(0)
    a = rng.normal(size=(500, 3)) @ np.array([[1.0, 0.5, 0], [0, 1, 0.3], [0, 0, 2]])
    same = my_frechet(a, a)
    cov = np.cov(a.T)
    with np.errstate(all="ignore"):
        by_number = np.trace(cov + cov - 2 * np.sqrt(cov @ cov))
    assert not np.isclose(same, 2 * np.trace(cov)), (
        "What must the distance of a thing to itself be? Yours adds both covariances, and takes "
        "nothing off."
    )
    assert not np.isclose(same, np.trace(cov)), (
        "The distance of a set to itself should be 0. Is the root counted twice?"
    )
    assert not np.isclose(same, by_number), (
        "np.sqrt takes the root of each number. The root of a matrix, multiplied by itself, gives the "
        "matrix: sqrtm."
    )
    numbers = np.trace(cov + cov - 2 * sqrtm(cov * cov).real)
    assert not np.isclose(same, numbers), (
        "A * B multiplies number by number. AB is the product of two matrices: A @ B."
    )
    assert np.isclose(same, 0, atol=1e-6), (
        f"What must the distance of a thing to itself be? Yours is {same:.3f}."
    )
    moved = my_frechet(a, a + 2)
    assert not np.isclose(moved, np.sqrt(12)), (
        "The squared length of the difference of the means: no root of it, nor of the whole."
    )
    assert not np.isclose(moved, 4), (
        "Three features, each moved by 2: the sum of the squares, not their mean."
    )
    assert not np.isclose(moved, 0, atol=1e-6), "A set that was moved by 2 has other means."
    assert np.isclose(moved, 12), (
        f"Each of three features moved by 2: 3 times 4 is 12, and yours is {moved:.3f}."
    )
    b = rng.normal(size=(400, 3)) @ np.array([[1, -0.9, 0], [0, 0.4, 0.9], [0, 0, 0.5]]) + 1
    root = sqrtm(cov @ np.cov(b.T)).real
    right = ((a.mean(0) - b.mean(0)) ** 2).sum() + np.trace(cov + np.cov(b.T) - 2 * root)
    widths = ((a.mean(0) - b.mean(0)) ** 2).sum() + ((a.std(0) - b.std(0)) ** 2).sum()
    found = my_frechet(a, b)
    assert not np.isclose(found, widths, rtol=0.01), (
        "You compare the widths of each feature by itself. Which features vary together counts, too."
    )
    apart = right + 2 * np.trace(root - (sqrtm(cov) @ sqrtm(np.cov(b.T))).real)
    assert not np.isclose(found, apart, rtol=1e-4), (
        "The root of a product of matrices is not the product of their roots: multiply A and B first."
    )
    assert np.isclose(found, right, rtol=1e-3), f"It should be {right:.4f}, and is {found:.4f}."
    return "Of one feature it is (m - n)² + (s - t)², with the widths s and t."


HINTS_2 = [
    "Try it on a set and itself: A = B, the root of A A is A, and A + A - 2 A is nothing.",
    "Four lines: the means a.mean(0) and b.mean(0), A and B by np.cov(a.T), which wants a row for each feature, the root of the product A @ B, and the "
    "sum. Rounding may make the root complex, with imaginary parts of 0: .real takes them off.",
]


def wrong_2():
    def parts(a, b):
        return ((a.mean(0) - b.mean(0)) ** 2).sum(), np.cov(a.T), np.cov(b.T)

    def adds_variances(a, b):
        means, first, second = parts(a, b)
        return means + np.trace(first + second)

    def one_root(a, b):
        means, first, second = parts(a, b)
        return means + np.trace(first + second - sqrtm(first @ second).real)

    def by_number(a, b):
        means, first, second = parts(a, b)
        with np.errstate(all="ignore"):
            return means + np.trace(first + second - 2 * np.sqrt(first @ second))

    def not_squared(a, b):
        means, first, second = parts(a, b)
        return np.sqrt(means) + np.trace(first + second - 2 * sqrtm(first @ second).real)

    def mean_of_squares(a, b):
        means, first, second = parts(a, b)
        root = sqrtm(first @ second).real
        return means / a.shape[1] + np.trace(first + second - 2 * root)

    def widths(a, b):
        return ((a.mean(0) - b.mean(0)) ** 2 + (a.std(0) - b.std(0)) ** 2).sum()

    def only_means(a, b):
        return parts(a, b)[0]

    def no_means(a, b):
        _, first, second = parts(a, b)
        return np.trace(first + second - 2 * sqrtm(first @ second).real)

    def roots_apart(a, b):
        means, first, second = parts(a, b)
        return means + np.trace(first + second - 2 * (sqrtm(first) @ sqrtm(second)).real)

    def product_by_number(a, b):
        means, first, second = parts(a, b)
        return means + np.trace(first + second - 2 * sqrtm(first * second).real)

    def root_of_all(a, b):
        means, first, second = parts(a, b)
        return np.sqrt(means + np.trace(first + second - 2 * sqrtm(first @ second).real))

    return [
        roots_apart,
        product_by_number,
        root_of_all,
        adds_variances,
        one_root,
        by_number,
        not_squared,
        mean_of_squares,
        widths,
        only_means,
        no_means,
    ]


def solution_3():
    def my_penalty(gradients):
        lengths = np.sqrt((gradients**2).sum(axis=(1, 2, 3)))  # one for each picture
        return ((lengths - 1) ** 2).mean()

    return my_penalty


def check_3(my_penalty):
    gradients = np.zeros((4, 28, 28, 1))
    gradients[:, 3:5, 0, 0] = [[3, 4], [0, 1], [1, 0], [0, 0]]  # lengths 5, 1, 1 and 0
    found = my_penalty(gradients.copy())
    batch = np.sqrt((gradients**2).sum())
    assert not np.isclose(found, (batch - 1) ** 2), (
        "How many gradients has a batch of 64 pictures? 64. You took the length over the whole batch."
    )
    assert not np.isclose(found, (24**2 + 0 + 0 + 1) / 4), (
        "You compare the squared length with 1. Is the root missing?"
    )
    assert not np.isclose(found, (25 + 1 + 1) / 4), (
        "Which critic should pay nothing, the one whose gradients have the length 0, or the length 1?"
    )
    assert not np.isclose(found, 17), "The mean over the pictures, not their sum."
    assert not np.isclose(found, ((np.abs(gradients) - 1) ** 2).mean()), (
        "You hold each number of a gradient at 1. The length is taken over all pixels of a picture first."
    )
    assert not np.isclose(found, (7 / 4 - 1) ** 2), (
        "The mean of the lengths is held at 1, but one picture's cliff is no comfort for another's "
        "plain. Square first, and then the mean."
    )
    assert np.isclose(found, 17 / 4), (
        f"The lengths are 5, 1, 1 and 0, so it should be (16 + 0 + 0 + 1) / 4 = 4.25, and is {found:.4f}."
    )
    steep = np.full((2, 28, 28, 1), 1 / 28)  # the length of 784 times 1/28 is 1
    assert np.isclose(my_penalty(steep), 0, atol=1e-9), (
        "A gradient of 784 numbers that are all 1/28 has the length 1, and pays nothing."
    )
    rough = np.random.default_rng(0).normal(0, 0.05, (3, 28, 28, 1))
    right = ((np.sqrt((rough**2).sum(axis=(1, 2, 3))) - 1) ** 2).mean()
    found = my_penalty(rough.copy())
    spectral = ((np.linalg.norm(rough[..., 0], ord=2, axis=(1, 2)) - 1) ** 2).mean()
    assert not np.isclose(found, spectral), (
        "NumPy's norm with ord=2 is, of a table, something else than the root of the sum of the squares. Make "
        "one row of each picture first, or leave ord out."
    )
    assert np.isclose(found, right), (
        f"For three random gradients it should be {right:.4f}, and is {found:.4f}."
    )
    return "Too steep and too flat cost alike; each picture pays for itself."


HINTS_3 = [
    "First one length for each picture: the root of the sum of the squares over its 784 pixels.",
    "sum takes several axes at once, such as axis=(1, 2, 3), and leaves the first, that of the pictures.",
]


def wrong_3():
    def lengths(gradients):
        return np.sqrt((gradients**2).sum(axis=(1, 2, 3)))

    return [
        lambda gradients: (np.sqrt((gradients**2).sum()) - 1) ** 2,
        lambda gradients: (((gradients**2).sum(axis=(1, 2, 3)) - 1) ** 2).mean(),
        lambda gradients: (lengths(gradients) ** 2).mean(),
        lambda gradients: ((lengths(gradients) - 1) ** 2).sum(),
        lambda gradients: ((np.abs(gradients) - 1) ** 2).mean(),
        lambda gradients: (lengths(gradients).mean() - 1) ** 2,
        lambda gradients: (lengths(gradients) - 1) ** 2,
        lambda gradients: np.abs(lengths(gradients) - 1).mean(),
        lambda gradients: ((np.linalg.norm(gradients[..., 0], ord=2, axis=(1, 2)) - 1) ** 2).mean(),
    ]


def solution_4():
    return 3, 4, 1, 2


def check_4(log_numbers):
    assert len(log_numbers) == 4, "Four logs, four numbers."
    assert sorted(log_numbers) == [1, 2, 3, 4], "Each of the logs 1, 2, 3 and 4 once."
    well, collapse, critic_won, untrained = log_numbers
    assert well != 2, (
        "The losses of the second log are near those of a critic that cannot tell, 1.386 and 0.693. What "
        "would two untrained networks show? Look at its distance."
    )
    assert critic_won != 3, (
        "The critic of the third log is ahead, and far from sure. Do the pictures get better?"
    )
    assert (collapse, critic_won) != (1, 4), (
        "Both critics are nearly sure. In which of the two logs is only one kind of picture left?"
    )
    assert untrained not in (1, 4), (
        "Its losses are far from those of a critic that cannot tell. Someone has learnt."
    )
    assert (well, collapse, critic_won, untrained) == solution_4(), (
        "Who is content with its loss, how far are the pictures from real ones, and how many kinds are there?"
    )
    return (
        "A loss says who is content. The distance and the classes say what is drawn. The learning rates of "
        "critic and generator were 0.003 and 0.0001 in log 1 (so the generator was slow besides), next to "
        "nothing in log 2, 0.001 for both in log 3, and 0.0002 and 0.002 in log 4, with a beta_1 of 0.9. There all "
        "forgeries are alike, so that even a slow critic knows them at once."
    )


HINTS_4 = [
    "Two log 2 = 1.386 is the loss of a critic that cannot tell real from made: because the pictures are "
    "perfect, or because it has learnt nothing.",
    "In only one of the four does the distance fall to a quarter.",
    "Two critics have a loss near 0: they are sure. One of their generators makes several kinds of pictures, "
    "the other makes one.",
]


def wrong_4():
    return [
        (2, 4, 1, 3),
        (3, 1, 4, 2),
        (1, 4, 3, 2),
        (3, 2, 1, 4),
        (4, 3, 1, 2),
        (3, 4, 1),
        (3, 3, 3, 3),
        (2, 3, 0, 1),
    ]
