"""The memory horizon: how far back each cell remembers, measured on tasks that need memory."""
