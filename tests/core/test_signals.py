import os
import signal
import threading
import time

import pytest

from harness.core.signals import Signals


def test_the_first_signal_is_kept_and_the_second_interrupts() -> None:
    before = signal.getsignal(signal.SIGTERM)
    with Signals() as signals:
        assert signals.received is None
        os.kill(os.getpid(), signal.SIGTERM)
        assert signals.received is signal.SIGTERM
        assert 0 <= time.monotonic() - (signals.since or 0) < 60
        with pytest.raises(KeyboardInterrupt):  # a message would be lost with the process
            os.kill(os.getpid(), signal.SIGINT)
        assert signals.received is signal.SIGTERM
    assert signal.getsignal(signal.SIGTERM) is before


def test_another_thread_than_the_main_one_leaves_signals_alone() -> None:
    before = signal.getsignal(signal.SIGINT)
    inside: list[object] = []

    def enter() -> None:
        with Signals():
            inside.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=enter)
    thread.start()
    thread.join()
    assert inside == [before]
