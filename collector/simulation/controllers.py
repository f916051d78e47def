"""The feed's records of controllers, observers, ATIS and their transceivers."""

from typing import Any

from collector.simulation.airports import Airports
from collector.simulation.flights import REPORT_TICKS
from collector.simulation.people import made_up_name
from collector.simulation.radio import ANTENNA_FT, FT_PER_M
from collector.simulation.reference import SERVERS
from collector.simulation.stations import KINDS, OBSERVER, TOWER, Duty
from collector.simulation.times import TICKS_PER_S, exact_time, second
from collector.simulation.weather import HPA_PER_INHG, pressure_inhg

Record = dict[str, Any]

_ATIS_EVERY_S = 1_800


def controller_record(duty: Duty, airports: Airports, ticks: int) -> Record:
    """One of `controllers`."""
    return {
        **_identity(duty, airports),
        "callsign": duty.position.callsign,
        "frequency": _mhz(duty.position.khz),
        "facility": duty.position.kind.facility,
        "rating": duty.rating,
        "server": SERVERS[0],
        "visual_range": duty.position.kind.visual_range,
        "text_atis": _info(duty, airports),
        "last_updated": _last_updated(duty, ticks),
        "logon_time": f"{second(duty.logon_s)}Z",
    }


def has_atis(duty: Duty) -> bool:
    """Three of four main towers run an ATIS."""
    is_main_tower = duty.position.kind is KINDS[TOWER] and duty.position.callsign.count("_") == 1
    return is_main_tower and duty.index % 4 > 0


def atis_record(duty: Duty, airports: Airports, ticks: int) -> Record:
    """The ATIS that the controller of a tower runs; its letter advances every half hour."""
    place = duty.position.airport
    icao = airports.icao[place]
    issue = ticks // TICKS_PER_S // _ATIS_EVERY_S
    letter = chr(ord("A") + (issue + duty.index) % 26)
    where = airports.latitude[place : place + 1], airports.longitude[place : place + 1]
    qnh_inhg = pressure_inhg(*where, float(issue * _ATIS_EVERY_S))
    return {
        **_identity(duty, airports),
        "callsign": f"{icao}_ATIS",
        "frequency": _mhz(duty.position.atis_khz),
        "facility": duty.position.kind.facility,
        "rating": duty.rating,
        "server": SERVERS[0],
        "visual_range": 50,
        "atis_code": letter,
        "text_atis": [
            f"SIMULATED {icao} INFORMATION {letter} {second(issue * _ATIS_EVERY_S)[11:16]}Z",
            f"WIND {issue * 30 % 360:03}/08KT 9999 FEW030 Q{qnh_inhg[0] * HPA_PER_INHG:04.0f}",
            f"CONFIRM YOU HAVE INFORMATION {letter}",
        ],
        "last_updated": _last_updated(duty, ticks),
        "logon_time": f"{second(duty.logon_s)}Z",
    }


def transceivers_record(duty: Duty, airports: Airports) -> Record:
    """A controller's antennas, in metres, as `transceivers-data.json` lists them."""
    return {
        "callsign": duty.position.callsign,
        "transceivers": [
            {
                "id": number,
                "frequency": duty.position.khz * 1000,
                "latDeg": float(airports.latitude[place]),
                "lonDeg": float(airports.longitude[place]),
                "heightMslM": (float(airports.elevation_ft[place]) + ANTENNA_FT) / FT_PER_M,
                "heightAglM": ANTENNA_FT / FT_PER_M,
            }
            for number, place in enumerate(duty.position.antennas)
        ],
    }


def _identity(duty: Duty, airports: Airports) -> Record:
    home = airports.icao[duty.position.airport]
    return {"cid": duty.cid, "name": made_up_name(duty.bits, duty.cid, home)}


def _info(duty: Duty, airports: Airports) -> list[str] | None:
    if duty.position.kind is OBSERVER:
        return None
    icao = airports.icao[duty.position.airport]
    return [f"{icao} {duty.position.kind.spoken}, SIMULATED", "Nobody sits here, nobody answers"]


def _mhz(khz: int) -> str:
    return f"{khz / 1000:.3f}"


def _last_updated(duty: Duty, ticks: int) -> str:
    """Every client reports every 5 s at a beat of its own, for the first time when it connects."""
    beat = duty.bits % REPORT_TICKS
    reported = (ticks - beat) // REPORT_TICKS * REPORT_TICKS + beat
    return exact_time(max(reported, duty.logon_s * TICKS_PER_S))
