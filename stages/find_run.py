"""Find the MLflow run behind a stage as dvc.lock has it: python -m stages.find_run train@demo

The inputs of a stage, as dvc.lock records them, lead to the run that was executed with the same inputs, wherever the
outputs came from since.
"""

from __future__ import annotations

import sys

from stages.recorders import EXPERIMENT
from stages.tracking import locked_inputs_md5, tracking_uri
from voicepack.errors import VoicepackError


def find_run(address: str) -> str:
    """Return the id of the newest MLflow run with the inputs that dvc.lock has for a stage.

    Raises VoicepackError if dvc.lock does not have the stage, or no run has its inputs.
    """
    import mlflow

    mlflow.set_tracking_uri(tracking_uri())
    inputs = locked_inputs_md5(address)
    runs = mlflow.search_runs(
        experiment_names=[EXPERIMENT],
        filter_string=f"tags.`dvc.stage` = '{address}' and tags.`dvc.inputs_md5` = '{inputs}'",
        order_by=["attributes.start_time DESC"],
        output_format="list",
    )
    if not runs:
        raise VoicepackError(f"{address}: no MLflow run with these inputs in {tracking_uri()}. It ran elsewhere.")
    return str(runs[0].info.run_id)


if __name__ == "__main__":
    try:
        print(find_run(sys.argv[1]))
    except VoicepackError as error:
        sys.exit(f"find_run: {error}")
