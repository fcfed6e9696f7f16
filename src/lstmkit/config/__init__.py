"""One schema for the command line, TOML, checkpoints and docs; and the presets."""
