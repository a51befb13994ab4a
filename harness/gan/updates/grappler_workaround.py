"""Keep TensorFlow's graph optimizer from a rewrite of sums that fails inside training loops."""

import contextlib
from collections.abc import Iterator

from tensorflow.core.protobuf import config_pb2, rewriter_config_pb2
from tensorflow.python.eager import context


@contextlib.contextmanager
def without_sum_rewrite() -> Iterator[None]:
    """Compile what is first called in here without Grappler's memory optimizer.

    TensorFlow says that a CPU has 256 MB. Where a graph's tensors take most of that, the optimizer
    lets sums of three and more gather in temporary variables; in a branch inside a loop, such as a
    lazy penalty's, one of them is made again before it is gone, and the training dies with
    AlreadyExistsError. Nothing else is lost: the optimizer does no more by default, and the memory
    is there. No public option turns it off.
    """
    current = context.context()
    before = current.function_call_options
    config = config_pb2.ConfigProto.FromString(before.config_proto_serialized)
    config.graph_options.rewrite_options.memory_optimization = (
        rewriter_config_pb2.RewriterConfig.NO_MEM_OPT
    )
    current.function_call_options = context.FunctionCallOptions(before.executor_type, config)
    try:
        yield
    finally:
        current.function_call_options = before
