"""How a model was trained."""

from rstg_tf.zoo.markdown import code, inline, prose


def recipe(facts):
    """Data, recipe, seed, commit, hardware, minutes, and the learning curve where it was kept."""
    config, summary = facts.config, facts.training
    data, trainer = config.train_data, config.trainer
    optimizer, schedule = trainer.optimizer_config.optimizer, trainer.optimizer_config.learning_rate
    options = ", ".join(
        f"{inline(k)}={inline(v)}" for k, v in data.source.get().as_dict().items() if v is not None
    )
    source = (
        f"shards {code(data.input_path)}"
        if data.input_path
        else f"`{data.source.type}`, seed {data.seed}, made on the fly ({options})"
    )
    ema = trainer.optimizer_config.ema
    best = summary["best_validation"]
    lines = [
        "## Training",
        "",
        f"- Data: split {inline(data.split)} of {source}.",
        f"- Recipe: {optimizer.type.removesuffix('_experimental')}, {schedule.type} schedule "
        f"from {_learning_rate(schedule.get())}, batch {data.global_batch_size}, "
        f"{summary['steps']:,} steps, label smoothing {trainer.label_smoothing}, dropout "
        f"{config.model.dropout}, weights averaged with decay "
        f"{ema.average_decay if ema else 0:.4g}, {inline(config.runtime.mixed_precision_dtype)}; "
        "all settings in `config.yaml`.",
        f"- {summary['videos']:,} videos seen in {summary['minutes']} minutes on "
        f"{inline(summary['hardware'])}; seed {summary['seed']}, commit "
        f"{inline(summary['commit'])}.",
        f"- Weights of step {best['step']:,}, the best of those validated: accuracy "
        f"{best['accuracy']:.4f} on split {inline(config.validation_data.split)}.",
    ]
    if trainer.init_checkpoint:
        lines.append(
            f"- It started from the weights of {code(trainer.init_checkpoint)}, whose own training "
            "is not in these numbers of videos and minutes."
        )
    if "note" in summary:
        lines.append(f"- {prose(summary['note'])}")
    if "learning_curve.png" in facts.checksums:
        lines += ["", "![Loss and accuracy against videos seen](learning_curve.png)"]
    return "\n".join(lines)


def _learning_rate(schedule):
    for name in ("initial_learning_rate", "learning_rate", "values"):
        if hasattr(schedule, name):
            return getattr(schedule, name)
    return "its own rate"
