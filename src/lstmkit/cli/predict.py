"""predict"""


def predict() -> None:
    """p"""
