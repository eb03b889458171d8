"""Find the MLflow run behind a stage: python -m tools.find_run train@me [REVISION]

The inputs of a stage, as dvc.lock records them, lead to the run that was executed with the same inputs, wherever the
outputs came from since. REVISION is a commit, a branch, a tag or the name of an experiment of DVC; without it, dvc.lock
is taken as it lies here.
"""

from __future__ import annotations

from stages.recorders import EXPERIMENT, ask_mlflow, database_file, shown, use_mlflow
from stages.stage import one_line_errors
from stages.tracking import locked_inputs_md5, tracking_uri
from tools.command import command_parser
from voicepack.errors import VoicepackError


def find_run(address: str, revision: str = "") -> str:
    """Return the id of the newest finished MLflow run with the inputs that dvc.lock of a revision has for a stage.

    Raises VoicepackError if dvc.lock does not have the stage, no run has its inputs, or the server is away.
    """
    inputs, uri = locked_inputs_md5(address, revision), tracking_uri()
    if (file := database_file(uri)) and not file.exists():
        raise VoicepackError(f"{file}: no such file. No stage has left an MLflow run here.")
    import mlflow

    use_mlflow(uri)
    try:
        runs = ask_mlflow(
            mlflow.search_runs,
            experiment_names=[EXPERIMENT],
            filter_string=f"tags.`dvc.stage` = '{address}' and tags.`dvc.inputs_md5` = '{inputs}'"
            " and attributes.status = 'FINISHED'",
            order_by=["attributes.start_time DESC"],
            output_format="list",
        )
    except VoicepackError as reason:
        raise VoicepackError(f"{shown(uri)} does not answer ({reason}). Is the server there?") from None
    if not runs:
        raise VoicepackError(f"{address}: no MLflow run with these inputs in {shown(uri)}. It ran elsewhere.")
    return str(runs[0].info.run_id)


def main() -> None:
    parser = command_parser("tools.find_run", __doc__)
    parser.add_argument("stage", metavar="STAGE", help="such as train@me")
    parser.add_argument("revision", metavar="REVISION", nargs="?", default="")
    options = parser.parse_args()
    print(find_run(options.stage, options.revision))


if __name__ == "__main__":
    with one_line_errors("find_run"):
        main()
