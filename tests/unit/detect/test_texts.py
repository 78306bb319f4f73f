"""Same texts: what is left of a text, what says enough, and near-duplicates."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ombud.detect.texts import JACCARD, informative, jaccard, normalised, same_text, shingles


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Hello, WORLD!", "hello world"),
        ("RT @someone: read  https://t.co/x now", "rt read now"),
        ("#MAGA isn't &amp; over", "#maga isn t over"),
        ("Москва — столица!", "москва столица"),
        ("https://only.example/link", ""),
        ("snake_case\tand\nlines", "snake case and lines"),
    ],
)
def test_only_the_words_are_left(text: str, words: str) -> None:
    assert normalised(text) == words


@given(st.text(max_size=80))
def test_normalising_twice_is_normalising_once(text: str) -> None:
    assert normalised(normalised(text)) == normalised(text)


def test_shingles_are_runs_of_three_words() -> None:
    assert shingles("a b c d") == {"a b c", "b c d"}
    assert shingles("a b") == {"a b"}


def test_jaccard() -> None:
    assert jaccard({"a", "b"}, {"b", "c"}) == pytest.approx(1 / 3)
    assert jaccard(set(), set()) == 1


def test_a_greeting_says_nothing_and_a_sentence_does() -> None:
    rng = np.random.default_rng(1)
    filler = [" ".join(f"w{rng.integers(500)}" for _ in range(12)) for _ in range(500)]
    texts = ["good morning", "", *["good morning friends"] * 30, *filler]
    tells = informative(texts, len(texts))
    assert not tells[:2].any()
    assert tells[-500:].all()


def test_near_duplicates_share_a_label_and_others_do_not() -> None:
    long = "the quick brown fox jumps over the lazy dog while the band plays on and nobody cares at all today"
    texts = [long, long + " friends", "something else entirely is written in this one and it goes on", long[:40]]
    label = same_text(texts)
    assert label[0] == label[1]
    assert len(set(label.tolist())) == 3


def test_all_labels_of_random_texts_are_their_own(rng: np.random.Generator) -> None:
    texts = [" ".join(f"w{n}" for n in rng.integers(0, 300, 15)) for _ in range(300)]
    assert same_text(texts).tolist() == list(range(300))


def test_pairs_above_the_threshold_are_found(rng: np.random.Generator) -> None:
    base = [[f"w{n}" for n in rng.integers(0, 5_000, 40)] for _ in range(60)]
    texts = [" ".join(words) for words in base] + [" ".join([*words, "extra"]) for words in base]
    assert all(jaccard(shingles(texts[i]), shingles(texts[i + 60])) >= JACCARD for i in range(60))
    label = same_text(texts)
    assert (label[:60] == label[60:]).all()


@pytest.mark.parametrize("texts", [[], ["one"]])
def test_none_or_one_text(texts: list[str]) -> None:
    assert same_text(texts).tolist() == list(range(len(texts)))
