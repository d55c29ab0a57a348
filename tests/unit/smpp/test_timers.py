from ghasi.smpp.timers import Timer, Timers

PERIODS = {
    Timer.BIND: 10.0,
    Timer.READ: 10.0,
    Timer.ENQUIRE: 30.0,
    Timer.ANSWER: 10.0,
    Timer.INACTIVITY: 60.0,
    Timer.UNBIND: None,
}


def test_nothing_runs_at_first():
    timers = Timers(PERIODS, now=100.0)
    assert timers.next_deadline is None
    assert timers.take_due(1e9) == []


def test_the_earliest_counts():
    timers = Timers(PERIODS, now=0.0)
    timers.start(Timer.ENQUIRE, 0.0)
    timers.start(Timer.BIND, 5.0)
    assert timers.next_deadline == 15.0


def test_a_clock_ends_at_its_deadline_and_once():
    timers = Timers(PERIODS, now=0.0)
    timers.start(Timer.BIND, 0.0)
    assert timers.take_due(9.999) == []
    assert timers.take_due(10.0) == [Timer.BIND]
    assert timers.take_due(10.0) == []
    assert not timers.runs(Timer.BIND)


def test_due_clocks_come_earliest_first():
    timers = Timers(PERIODS, now=0.0)
    timers.start(Timer.ENQUIRE, 0.0)
    timers.start(Timer.ANSWER, 1.0)
    assert timers.take_due(100.0) == [Timer.ANSWER, Timer.ENQUIRE]


def test_starting_again_moves_the_deadline_and_start_once_does_not():
    timers = Timers(PERIODS, now=0.0)
    timers.start(Timer.READ, 0.0)
    timers.start_once(Timer.READ, 5.0)
    assert timers.next_deadline == 10.0
    timers.start(Timer.READ, 5.0)
    assert timers.next_deadline == 15.0


def test_a_clock_without_period_does_not_run():
    timers = Timers(PERIODS, now=0.0)
    timers.start(Timer.UNBIND, 0.0)
    assert timers.next_deadline is None


def test_any_pdu_proves_life_but_does_not_put_off_the_next_enquire_link():
    timers = Timers(PERIODS, now=0.0)
    timers.start(Timer.ENQUIRE, 0.0)
    timers.start(Timer.ANSWER, 0.0)
    timers.start(Timer.INACTIVITY, 0.0)
    timers.heard(9.0)
    assert not timers.runs(Timer.ANSWER)
    assert timers.take_due(30.0) == [Timer.ENQUIRE]
    assert timers.next_deadline == 69.0
    assert timers.silent_for(20.0) == 11.0


def test_silence_counts_from_the_connection():
    assert Timers(PERIODS, now=100.0).silent_for(103.0) == 3.0


def test_stopping():
    timers = Timers(PERIODS, now=0.0)
    timers.start(Timer.READ, 0.0)
    timers.start(Timer.BIND, 0.0)
    timers.stop(Timer.READ)
    timers.stop(Timer.READ)
    assert timers.take_due(99.0) == [Timer.BIND]
    timers.start(Timer.BIND, 0.0)
    timers.stop_all()
    assert timers.next_deadline is None
