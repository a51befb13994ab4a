"""Show the rewrite of sums that fails in loops, and that trainings are compiled without it."""

import subprocess
import sys

import pytest

# How often a temporary variable stands in the optimized graphs of a loop in which every fourth
# step adds up eight tensors of 40 MB.
_COUNT = """
{first}
import tensorflow as tf
from tensorflow.python.eager import context  # nothing public gives the optimized graphs

ones = tf.Variable(tf.ones(10_000_000))

def add_up():
    values = ones.read_value()
    return tf.reduce_mean(tf.add_n([tf.sin(values * float(i)) for i in range(1, 9)]))

def step(done, total):
    return done + 1, total + tf.cond(done % 4 == 0, add_up, lambda: tf.constant(0.0))

def loop():
    return tf.while_loop(lambda done, _: done < 5, step, (tf.constant(0), tf.constant(0.0)))[1]

call = tf.function(loop, autograph=False).get_concrete_function()
context.context().enable_graph_collection()
call()
graphs = context.context().export_run_metadata().partition_graphs
ran = [node.op for graph in graphs for node in graph.node]
assert ran.count("Sin") == 8
print(ran.count("TemporaryVariable"), tf.executing_eagerly())
"""


def temporary_variables(first: str) -> tuple[int, str]:
    """Return what a process of its own counts that begins with a line, and what it warns of."""
    command = [sys.executable, "-c", _COUNT.format(first=first)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    count, eager = done.stdout.split()
    assert eager == "True"
    return int(count), done.stderr


@pytest.mark.slow
@pytest.mark.parametrize("plain", [False, True])
def test_large_sums_gather_in_temporary_variables_unless_networks_are_imported(plain: bool):
    count, _ = temporary_variables("import harness.gan.networks" if plain else "")
    # Where TensorFlow stops rewriting, turning it off has no purpose any more.
    assert (count > 0) != plain


@pytest.mark.slow
def test_a_process_that_used_tensorflow_before_is_warned_and_works():
    first = "import tensorflow as tf; tf.constant(1); import harness.gan.networks"
    count, warned = temporary_variables(first)
    assert count > 0
    assert "Import harness.gan.trainer first" in warned
