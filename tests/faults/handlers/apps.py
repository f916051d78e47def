"""Connects the handlers."""

from django.apps import AppConfig


class HandlersConfig(AppConfig):
    """Handlers of events."""

    name = "tests.faults.handlers"
    label = "handlers"

    def ready(self) -> None:
        from collector.signals import POSITION_UPDATE
        from tests.faults.handlers import receivers
        from tests.faults.handlers.signals import STUBBORN, TRIED

        for signal in (TRIED, POSITION_UPDATE, STUBBORN):
            signal.connect(receivers.store, name="stores", timeout_s=2)
        TRIED.connect(receivers.tell, name="tells", timeout_s=2, outside=True)
        POSITION_UPDATE.connect(receivers.hang, name="hangs", timeout_s=0.3)
        POSITION_UPDATE.connect(receivers.fail, name="raises", timeout_s=2)
        POSITION_UPDATE.connect(receivers.leak, name="leaks", timeout_s=2, outside=True)
        STUBBORN.connect(receivers.hang_for_good, name="hangs for good", timeout_s=0.3)
