"""A calendar that is written on the way."""

from engine.own_loop.calendar import OpenCalendar


def test_an_epoch_is_as_long_as_it_was_and_the_last_as_its_loader_says() -> None:
    calendar = OpenCalendar()
    assert (calendar.epochs_known, calendar.batches_known(1)) == (None, None)
    calendar.expected = 3
    for iteration in range(1, 5):
        calendar.note(iteration, ends_epoch=iteration == 3)
    assert [calendar.place(iteration) for iteration in (1, 3, 4)] == [(1, 1), (1, 3), (2, 1)]
    assert (calendar.sizes, calendar.batches_known(2), calendar.epochs_known) == ([3, 3], 3, None)
    calendar.end()
    assert (calendar.sizes, calendar.last, calendar.epochs_known) == ([3, 1], 4, 2)


def test_an_epoch_that_was_only_begun_is_none() -> None:
    calendar = OpenCalendar()
    calendar.note(1, ends_epoch=False)
    calendar.note(2, ends_epoch=True)
    calendar.end()
    assert (calendar.sizes, calendar.place(2), calendar.copy().sizes) == ([2], (1, 2), [2])
