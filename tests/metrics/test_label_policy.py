import numpy as np

from harness.metrics.label_policy import choose_rows


def test_takes_the_first_of_each_class_as_often_as_wanted():
    labels = np.array([0, 0, 0, 1, 1, 2, 2])
    rows = choose_rows(4, labels=labels, wanted=np.array([0, 0, 1, 2]))
    assert rows.tolist() == [0, 1, 3, 5]


def test_takes_the_first_rows_where_a_class_is_too_rare_or_there_are_no_labels():
    labels = np.array([0, 0, 0, 1])
    wanted = np.array([0, 1, 1])
    assert choose_rows(3, labels=labels, wanted=wanted).tolist() == [0, 1, 2]
    assert choose_rows(3, labels=None, wanted=wanted).tolist() == [0, 1, 2]
    assert choose_rows(3, labels=labels, wanted=None).tolist() == [0, 1, 2]
