"""Each decoder has an answer to each input: a value, or a refusal that it documents; never anything else."""

from pathlib import Path
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fuzz.decoders import DECODERS
from tests.fuzz.mutation import mutated
from tests.scoring.comparing import EXAMPLES, seeds

CORPUS = Path(__file__).parent / "corpus"
SLOW = {"script": 60, "tenants": 40, "rule-file": 30, "mautic": 40, "hubspot": 40}
"""Examples of decoders that take more than a millisecond, where 400 is usual."""


def corpus(name: str) -> dict[str, bytes]:
    """The files of a decoder: `ok-*` are accepted, `no-*` refused."""
    return {path.name: path.read_bytes() for path in sorted((CORPUS / name).iterdir())}


@pytest.mark.parametrize("name", DECODERS)
def test_the_corpus_is_accepted_and_refused_as_its_names_say(name: str) -> None:
    files = corpus(name)
    assert any(file.startswith("ok-") for file in files)
    for file, data in files.items():
        assert DECODERS[name](data) is file.startswith("ok-"), file


@pytest.mark.parametrize("name", DECODERS)
def test_what_is_made_from_the_corpus_has_an_answer(name: str) -> None:
    good = list(corpus(name).values())
    accepted = 0
    count = int(EXAMPLES or SLOW.get(name, 400))
    for seed in range(count):
        data = mutated(Random(f"{name}/{seed}"), good)
        try:
            accepted += DECODERS[name](data)
        except BaseException as error:
            # So that it can go into the corpus.
            error.add_note(f"seed {seed}: {data[:2000]!r}")
            raise
    # Both are met, or the mutations are too weak or too strong to find anything.
    assert 0 < accepted < count


@seeds(150)
@given(st.sampled_from([name for name in DECODERS if name not in SLOW]), st.binary(max_size=200))
def test_any_bytes_have_an_answer(name: str, data: bytes) -> None:
    DECODERS[name](data)
