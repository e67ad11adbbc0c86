"""A switch is off for the one who turned it, and on again however the block ends."""

from __future__ import annotations

import copy
import pickle
import threading

import pytest

from verilora.lora.switch import Switch


def test_off_inside_and_on_after_an_exception():
    switch, other = Switch(), Switch()
    with pytest.raises(KeyError), switch.off():
        assert (switch.is_off, other.is_off) == (True, False)
        raise KeyError
    assert not switch.is_off


def test_blocks_nest_and_mix():
    one, two = Switch(), Switch()
    with one.off(), two.off():
        with one.off():
            assert (one.is_off, two.is_off) == (True, True)
        assert one.is_off
    assert not (one.is_off or two.is_off)


def test_another_thread_has_it_on():
    switch, seen = Switch(), []
    with switch.off():
        thread = threading.Thread(target=lambda: seen.append(switch.is_off))
        thread.start()
        thread.join()
    assert seen == [False]


def test_copies_share_a_switch_among_them_but_not_with_the_first():
    switch = Switch()
    with switch.off():
        for pair in (copy.deepcopy([switch, switch]), pickle.loads(pickle.dumps([switch, switch]))):
            assert pair[0] is pair[1]
            assert not pair[0].is_off
