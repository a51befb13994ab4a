"""Search spaces: YAML in, validated parameters and settings out."""
