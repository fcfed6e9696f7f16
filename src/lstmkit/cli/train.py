"""`lstmkit train SOURCE`: one model."""

from lstmkit.cli import options as o
from lstmkit.core.errors import RequestError


def train(
    source: o.Source,
    out: o.Out = None,
    seed: o.Seed = None,
    preset: o.Preset = None,
    config: o.ConfigFile = None,
    assignments: o.Assignments = None,
    epochs: o.Epochs = None,
    resume: o.Resume = False,
    device: o.Device = None,
    threads: o.Threads = None,
    engine: o.Engine = None,
    text_column: o.TextColumn = None,
    label_column: o.LabelColumn = None,
    on_bad_row: o.OnBadRow = None,
    task: o.Task = None,
    horizon: o.Horizon = None,
) -> None:
    """Train one model, keep its best epoch on validation, and score the test split once beside its baselines.

    Examples: lstmkit train reviews.csv --out runs/reviews --set train.epochs=8;
    lstmkit train sales.csv --task forecast --horizon 12 --out runs/sales
    """
    resolved = o.configuration(
        default_preset="default",
        source=source,
        preset=preset,
        file=config,
        assignments=assignments,
        seed=seed,
        epochs=epochs,
        device=device,
        threads=threads,
        engine=engine,
        text_column=text_column,
        label_column=label_column,
        on_bad_row=on_bad_row,
        task=task,
        horizon=horizon,
        any_task=True,
    )
    if horizon is not None and resolved.task.goal != "forecast":
        raise RequestError("--horizon is for forecasts; add --task forecast, or leave it out")
    from lstmkit.cli.results import closing_table, label_warnings
    from lstmkit.cli.running import finished, running
    from lstmkit.experiment.tasks import TASKS

    if finished(resolved, out, resume):
        return
    learned = TASKS[resolved.task.goal]
    with running(learned, resolved, out, resume) as (folder, prepared, screen):
        evaluation = learned.run(folder, prepared, resolved, screen)
        screen.result(closing_table(folder, resolved, evaluation))
        if verdict := evaluation.get("verdict"):
            screen.say(verdict)
        screen.say(f"report: {folder / 'report.html'}")
        for line in label_warnings(folder):
            screen.say(line)
