"""`manage.py simulate_feed`: serve a made-up network in place of VATSIM's."""

import signal
from argparse import ArgumentParser, RawDescriptionHelpFormatter
from threading import Event, Thread
from typing import Any

from django.core.management.base import BaseCommand, CommandError, DjangoHelpFormatter

from collector.simulation.faults import KINDS, parse_fault
from collector.simulation.network import Network
from collector.simulation.server import FeedServer

_FAULTS = "\n".join(
    f"  {f'{name}={kind.default:g}' if kind.default else name:20}{kind.description}"
    for name, kind in KINDS.items()
)


class _Formatter(DjangoHelpFormatter, RawDescriptionHelpFormatter):
    """Leaves the table of faults as it is laid out."""


class Command(BaseCommand):
    """Serves until SIGTERM or Ctrl-C."""

    help = (
        "Serve a SIMULATED network on 127.0.0.1: all pilots, controllers and flights are made up. "
        "For demonstrations, tests and load."
    )
    requires_system_checks = ()  # it needs neither database nor Redis

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> Any:
        """Put the faults under the options."""
        return super().create_parser(
            prog_name,
            subcommand,
            formatter_class=_Formatter,
            epilog=f"faults (=AMOUNT, by default as shown):\n{_FAULTS}\n\n"
            "With data: or transceivers: before it a fault concerns that file alone.\n"
            'While it runs, POST {"faults": ["slow=5"]} to /faults.',
            **kwargs,
        )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Define size, seed and faults."""
        parser.add_argument("--port", type=int, default=8091, help="0 takes a free one (8091)")
        parser.add_argument("--aircraft", type=int, default=500, help="10 to 100,000 (500)")
        parser.add_argument("--seed", type=int, default=1, help="another one, another network (1)")
        parser.add_argument("--interval", type=int, default=15, help="s between feeds (15)")
        parser.add_argument(
            "--fault", nargs="+", default=[], metavar="FAULT", help="break the feed, see below"
        )

    def handle(self, *_: Any, **options: Any) -> None:
        """Serve until a signal."""
        server = _open_server(options)
        stop = Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stop.set())
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.1})
        thread.start()
        faults = ", ".join(map(str, server.faults)) or "none"
        self.stdout.write(
            f"SIMULATED network, everything in it is made up: {options['aircraft']} aircraft, "
            f"seed {options['seed']}, faults: {faults}; {server.address}/status.json"
        )
        self.stdout.flush()
        stop.wait()
        server.shutdown()
        thread.join()
        server.close()
        self.stdout.write("SIMULATED network closed.")


def _open_server(options: dict[str, Any]) -> FeedServer:
    if options["interval"] < 1:
        reason = "--interval must be at least 1 second."
        raise CommandError(reason)
    try:
        faults = [parse_fault(text) for text in options["fault"]]
        network = Network(options["seed"], options["aircraft"])
        return FeedServer(network, options["port"], interval_s=options["interval"], faults=faults)
    except (ValueError, OverflowError) as error:
        raise CommandError(str(error)) from None
    except OSError as error:
        reason = f"Port {options['port']} cannot be used: {error.strerror}."
        raise CommandError(reason) from None
