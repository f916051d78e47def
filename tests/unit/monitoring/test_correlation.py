import pytest

from monitoring import correlation


def test_a_sane_id_of_the_caller_is_kept():
    assert correlation.choose("Trace-2026.11_22") == "Trace-2026.11_22"


@pytest.mark.parametrize(
    "offered", ["", "short", "x" * 65, "line\nbreak-id", "abcdefgh\n", "<b>12345678"]
)
def test_any_other_id_is_replaced_by_a_new_one(offered):
    chosen = correlation.choose(offered)
    assert chosen != offered
    assert len(chosen) == 32


def test_an_id_is_in_force_inside_its_block_only():
    with correlation.use("outer-id"):
        with correlation.use("inner-id"):
            assert correlation.current() == "inner-id"
        assert correlation.current() == "outer-id"
    assert correlation.current() == ""
