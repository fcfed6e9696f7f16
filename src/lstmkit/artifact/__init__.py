"""The model folder: safetensors, JSON and the tokenizer. Reading one runs no code of the file's."""

from lstmkit.artifact.folder import FORMAT, Artifact, find_model, find_twin, kind_of_model, load_artifact, save_artifact

__all__ = ["FORMAT", "Artifact", "find_model", "find_twin", "kind_of_model", "load_artifact", "save_artifact"]
