"""Count how often TPE proposes what diverged, by how divergences are told: a violation or FAIL.

Run: python -m benchmarks.divergence_learning
"""

import argparse

import numpy as np
import optuna

from tests.support.divergences import share_proposed


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--studies", type=int, default=10)
    studies = parser.parse_args().studies
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    print("Proposals in the divergent region, of 30 after 20 divergences and 10 good trials:")
    for name, as_violation in (("violated constraint", True), ("plain FAIL", False)):
        shares = [share_proposed(seed, as_violation=as_violation) for seed in range(studies)]
        print(
            f"  {name:20} mean {np.mean(shares):5.1%}  "
            f"({min(shares):.0%} to {max(shares):.0%} over {studies} studies)"
        )


if __name__ == "__main__":
    main()
