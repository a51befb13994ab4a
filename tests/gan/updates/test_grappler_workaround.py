"""Show the rewrite of sums that fails in loops, and that trainings are compiled without it."""

import contextlib
from collections import Counter

import pytest
import tensorflow as tf
from tensorflow.python.eager import context

from harness.gan.updates.grappler_workaround import without_sum_rewrite


def operations_that_ran(call) -> Counter[str]:
    """Return how often each operation stands in the optimized graphs of a call."""
    current = context.context()
    current.enable_graph_collection()
    try:
        call()
        graphs = current.export_run_metadata().partition_graphs
    finally:
        current.disable_graph_collection()
    return Counter(node.op for graph in graphs for node in graph.node)


def lazy_sums():
    """Return a loop in which every fourth step adds up eight tensors of 40 MB."""
    ones = tf.Variable(tf.ones(10_000_000))

    def add_up() -> tf.Tensor:
        values = ones.read_value()
        parts = tf.add_n([tf.sin(values * float(factor)) for factor in range(1, 9)])
        return tf.reduce_mean(parts)

    def step(done: tf.Tensor, total: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        return done + 1, total + tf.cond(done % 4 == 0, add_up, lambda: tf.constant(0.0))

    def loop() -> tf.Tensor:
        start = (tf.constant(0), tf.constant(0.0))
        return tf.while_loop(lambda done, _: done < 5, step, start)[1]

    return tf.function(loop, autograph=False).get_concrete_function(), ones


@pytest.mark.parametrize("plain", [False, True])
def test_large_sums_in_a_loop_gather_in_temporary_variables_unless_plain(plain: bool):
    loop, _kept = lazy_sums()
    with without_sum_rewrite() if plain else contextlib.nullcontext():
        ran = operations_that_ran(loop)
    assert ran["Sin"] == 8
    # Where TensorFlow stops rewriting, plain_sums has no purpose any more.
    assert (ran["TemporaryVariable"] > 0) != plain


def test_other_calls_are_compiled_as_before():
    before = context.context().function_call_options
    with without_sum_rewrite():
        assert context.context().function_call_options is not before
    assert context.context().function_call_options is before
