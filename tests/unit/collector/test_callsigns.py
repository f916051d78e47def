import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.callsigns import (
    APP,
    CTR,
    DEL,
    FACILITY_OF_SUFFIX,
    FSS,
    GND,
    OBS,
    TWR,
    is_position,
    is_voice_frequency,
    normalise,
    suffix_of,
)


@pytest.mark.parametrize(
    ("callsign", "normal"),
    [
        ("EDDF_TWR", "EDDF_TWR"),
        ("eddf_twr", "EDDF_TWR"),
        ("EDDF-TWR", "EDDF_TWR"),
        ("EDDF__TWR", "EDDF_TWR"),
        ("EDDF-_S-TWR", "EDDF_S_TWR"),
    ],
)
def test_hyphens_and_relief_callsigns_name_the_same_position(callsign, normal):
    assert normalise(callsign) == normal


@pytest.mark.parametrize(
    ("suffixes", "facility"),
    [
        (["DEL"], DEL),
        (["GND", "RMP"], GND),
        (["TWR", "ATIS"], TWR),
        (["APP", "DEP"], APP),
        (["CTR", "TMU", "FMP"], CTR),
        (["FSS", "RDO", "INFO"], FSS),
        (["OBS", "SUP"], OBS),
    ],
)
def test_every_known_suffix_names_a_facility(suffixes, facility):
    assert [FACILITY_OF_SUFFIX[suffix_of(f"EDDF_X_{suffix}")] for suffix in suffixes] == (
        [facility] * len(suffixes)
    )


def test_a_callsign_without_a_known_suffix_has_none():
    assert [suffix_of(callsign) for callsign in ("DLH123", "EDDF_XYZ", "", "_")] == [""] * 4


@pytest.mark.parametrize(
    ("callsign", "facility", "expected"),
    [
        ("EDDF_TWR", TWR, True),
        ("EDDF__TWR", TWR, True),
        ("EDDF_TWR", OBS, True),  # the suffix wins
        ("EDDF_OBS", TWR, False),
        ("OBS_EDDF", TWR, False),
        ("EDDF_SUP", CTR, False),
        ("EDDF_ATIS", TWR, False),
        ("EDDF_X", APP, True),  # the feed's facility is the fallback
        ("DLH123", OBS, False),
    ],
)
def test_observers_supervisors_and_atis_are_no_positions(callsign, facility, expected):
    assert is_position(callsign, facility) is expected


@pytest.mark.parametrize(
    ("frequency", "expected"),
    [
        ("118.000", True),
        ("121.500", True),
        ("136.975", True),
        ("137.000", False),
        ("117.975", False),
        ("199.998", False),
        ("8.867", True),  # HF
        ("1.999", False),
        ("0", False),
        ("-8.867", False),
        ("", False),
        ("nan", False),
        ("inf", False),
        ("tower", False),
    ],
)
def test_voice_is_vhf_or_hf(frequency, expected):
    assert is_voice_frequency(frequency) is expected


@given(st.text())
def test_any_text_is_judged(text):
    assert suffix_of(text) in {"", *FACILITY_OF_SUFFIX}
    assert is_position(text, OBS) in (True, False)
    assert is_voice_frequency(text) in (True, False)
