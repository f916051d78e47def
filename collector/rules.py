"""The constants of identity, with the defaults of the domain rules."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Rules:
    """Every constant that decides what a flight, session or connection is.

    Durations in seconds, distances in nautical miles, speeds in knots, heights in feet.
    """

    unseen_step_s: float = 60  # the most that one gap between feeds adds to unseen time
    unseen_end_s: float = 30 * 60  # unseen time that ends a flight
    gap_doubt_s: float = 30 * 60  # a gap between feeds from which continuing must be proved
    gap_break_s: float = 2 * 3600  # a gap between feeds that ends everything
    reappear_nm: float = 5  # an unflown flight that reappears farther away is another
    link_age_s: float = 24 * 3600  # oldest flight that a later one may continue
    link_speed_kt: float = 600  # speed believed of a flight while it is not seen
    link_margin: float = 1.2  # times the way it can have flown
    link_slack_nm: float = 5  # and so much more
    slow_kt: float = 50  # slower: taxiing, parked or hovering
    airborne_ft: float = 200  # above the ground altitude and not slow: flying
    hover_ft: float = 500  # above the ground altitude: flying, however slow
    first_seen_flying_kt: float = 100  # where its height or that of the ground is not known
    landed_level_ft: float = 50  # two slow samples that agree so closely stand on the ground
    moved_nm: float = 0.3  # a flight that never went farther never moved
    session_unseen_s: float = 5 * 60  # unseen time after which a new logon is a new session
    pending_s: float = 10 * 60  # on 199.998 for longer: an observer
    quarantine_ratio: float = 0.6  # of the median number of pilots
    quarantine_window_s: float = 10 * 60  # feeds that the median is taken of
    quarantine_clients: float = 5  # connected_clients may differ by so many,
    quarantine_clients_ratio: float = 0.01  # or by this share
    quarantine_accept_s: float = 5 * 60  # implausible for so long: the network did change
