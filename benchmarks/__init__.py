"""Measurements that are no tests: each prints ratios measured side by side."""
