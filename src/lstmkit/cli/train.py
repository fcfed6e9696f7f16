"""`lstmkit train SOURCE`: one model."""

from lstmkit.cli import options as o


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
) -> None:
    """Train one model, keep its best epoch on validation, and score the test split once beside its baselines.

    Example: lstmkit train reviews.csv --out runs/reviews --set train.epochs=8
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
    )
    from lstmkit.cli.running import finished, running
    from lstmkit.cli.screen import table
    from lstmkit.core.files import read_json
    from lstmkit.experiment.single import baselines_of, run_one

    if finished(resolved, out, resume):
        return
    with running(resolved, out, resume) as (folder, prepared, screen):
        evaluation = run_one(
            folder, prepared, resolved, lambda: baselines_of(prepared, resolved.train.refit, screen), screen
        )
        about = read_json(folder / "details.json")
        model = {
            "parameters": about["architecture"]["parameters"]["total"],
            "seconds": about["seconds"]["train"],
            "accuracy": evaluation["accuracy"],
            "accuracy_ci95": evaluation["accuracy_ci95"],
        }
        screen.result(table({resolved.model.cell: model}, evaluation["baselines"]))
        screen.say(f"report: {folder / 'report.html'}")
