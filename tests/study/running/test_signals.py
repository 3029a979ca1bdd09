"""Signals as a process meets them: each test is a small process of its own."""

import contextlib
import os
import signal
import subprocess
import sys
import time

import psutil
import pytest
from small_study import heed_hangups

from study.running.signals import SIGNALS

HEAD = """
import contextlib, os, signal, subprocess, sys, time
from study.running import signals
signals.GRACE = {grace}
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
"""
STUCK = """
with signals.bounded("here"):
    signals.catch_signals()
    while True:
        with contextlib.suppress(KeyboardInterrupt):
            print(child.pid, flush=True)
            time.sleep(60)
"""
ORDERLY = """
with signals.bounded("here"):
    signals.catch_signals()
    try:
        print(child.pid, flush=True)
        {meanwhile}
        time.sleep(60)
    except KeyboardInterrupt as error:
        signals.ignore_signals()
        child.kill()
        time.sleep({rest})
        print("stopped by", error)
"""
STARTING = """
signals.end_while_starting("here")
print(child.pid, flush=True)
time.sleep(60)
"""


@pytest.fixture
def begun():
    """Start a program that prints the id of its child; gives the process and that id."""
    started = []

    def start(text, grace=5.0, hangups=heed_hangups):
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        program = HEAD.format(grace=grace) + text
        started.append(subprocess.Popen([sys.executable, "-c", program], **pipes, preexec_fn=hangups))
        return started[-1], int(started[-1].stdout.readline())

    yield start
    for process in started:
        process.kill()
        process.communicate()


def ended(process, child):
    """Exit code and what was said of a process that ends soon, and its child with it.

    `communicate` would overlook what came together with the line that was read.
    """
    process.wait(timeout=10)
    said, complained = process.stdout.read(), process.stderr.read()
    with contextlib.suppress(psutil.NoSuchProcess):
        psutil.Process(child).wait(2)
    return process.returncode, said.strip(), complained.strip()


@pytest.mark.parametrize("number", SIGNALS)
def test_the_first_signal_stops_in_order(begun, number):
    process, child = begun(ORDERLY.format(meanwhile="pass", rest=0))
    process.send_signal(number)
    assert ended(process, child) == (3, f"stopped by {number.name}", "")


def test_a_process_that_does_not_come_to_rest_is_ended(begun):
    process, child = begun(STUCK, grace=0.5)
    process.send_signal(signal.SIGTERM)
    said = "here: stopped by SIGTERM, but not at rest after 0 s; run the same command again to continue."
    assert ended(process, child)[::2] == (3, said)


@pytest.mark.parametrize("program", [STUCK, ORDERLY.format(meanwhile="pass", rest=60)])
def test_a_second_signal_ends_at_once(begun, program):
    process, child = begun(program, grace=60)
    process.send_signal(signal.SIGTERM)
    time.sleep(0.8)
    process.send_signal(signal.SIGINT)
    said = "here: ended at once by a second signal, SIGINT; run the same command again to continue."
    assert ended(process, child)[::2] == (3, said)


def test_a_signal_that_is_sent_twice_at_once_is_one(begun):
    process, child = begun(ORDERLY.format(meanwhile="pass", rest=1))
    process.send_signal(signal.SIGINT)
    time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    assert ended(process, child)[:2] == (3, "stopped by SIGINT")


def test_what_nohup_starts_outlives_its_terminal(begun):
    def nohup():
        signal.signal(signal.SIGHUP, signal.SIG_IGN)

    process, child = begun(ORDERLY.format(meanwhile="pass", rest=0), hangups=nohup)
    process.send_signal(signal.SIGHUP)
    time.sleep(0.3)
    process.send_signal(signal.SIGTERM)
    assert ended(process, child) == (3, "stopped by SIGTERM", "")


def test_a_signal_while_it_starts_is_one_sentence(begun):
    process, child = begun(STARTING)
    process.send_signal(signal.SIGTERM)
    said = "here: stopped by SIGTERM before it began; run the same command again to continue."
    assert ended(process, child) == (3, "", said)


def test_a_process_may_stop_itself_and_say_why(begun):
    process, child = begun(ORDERLY.format(meanwhile="signals.stop('the raylet is gone')", rest=0))
    assert ended(process, child) == (3, "stopped by the raylet is gone", "")


def test_nothing_is_left_behind_where_no_signal_came(begun):
    program = """
with signals.bounded("here"):
    print(child.pid, flush=True)
child.kill()
print(len(os.listdir("/proc/self/task")), signal.set_wakeup_fd(-1), file=sys.stderr)
"""
    process, child = begun(program)
    assert ended(process, child)[::2] == (0, "1 -1")
    assert os.getpid() != child
