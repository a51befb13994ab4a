"""Turn events into W&B runs and JSONL; the only room that imports wandb."""
