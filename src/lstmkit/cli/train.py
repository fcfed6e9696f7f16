"""`lstmkit train SOURCE`: one model."""

from lstmkit.cli import options as o


@o.taking(o.RUN | {"task": (o.Task, None), "horizon": (o.Horizon, None)})
def train(source: o.Source, asked: o.Asked) -> None:
    """Train one model, keep its best epoch on validation, and score the test split once beside its baselines.

    Examples: lstmkit train reviews.csv --out runs/reviews --set train.epochs=8;
    lstmkit train sales.csv --task forecast --horizon 12 --out runs/sales
    """
    resolved = o.configuration("default", source, asked, any_task=True)
    out, anyway = asked["out"], asked["resume_anyway"]
    resume = asked["resume"] or anyway
    from lstmkit.cli.results import closing_table, label_warnings
    from lstmkit.cli.running import finished, running
    from lstmkit.experiment.tasks import TASKS

    if finished(resolved, out, resume):
        return
    learned = TASKS[resolved.task.goal]
    with running(learned, resolved, out, resume, anyway=anyway) as (folder, prepared, screen):
        evaluation = learned.run(folder, prepared, resolved, screen)
        screen.result(closing_table(folder, resolved, evaluation))
        if verdict := evaluation.get("verdict"):
            screen.say(verdict)
        screen.say(f"report: {folder / 'report.html'}")
        for line in label_warnings(folder):
            screen.say(line)
