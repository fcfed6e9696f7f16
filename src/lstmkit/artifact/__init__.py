"""The model folder: safetensors, JSON and the tokenizer. Reading one runs no code of the file's."""

from lstmkit.artifact.folder import (
    FORMAT,
    ArrayForm,
    Artifact,
    ForecastArtifact,
    NumberArtifact,
    find_model,
    find_twin,
    kind_of_model,
    load_artifact,
    load_forecaster,
    load_regressor,
    read_model_record,
    save_artifact,
    task_of,
)

__all__ = [
    "FORMAT",
    "ArrayForm",
    "Artifact",
    "ForecastArtifact",
    "NumberArtifact",
    "find_model",
    "find_twin",
    "kind_of_model",
    "load_artifact",
    "load_forecaster",
    "load_regressor",
    "read_model_record",
    "save_artifact",
    "task_of",
]
