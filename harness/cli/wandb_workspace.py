"""Save a view of a study in W&B: `gansweep wandb-workspace --study default`."""

from harness.cli import options as option
from harness.cli.app import clear_errors, new_app
from harness.core.errors import require_packages

app = new_app()


@app.command(epilog="Exit codes: 0 saved; 2 refused, with one message.")
@option.takes_groups
def wandb_workspace(
    study: option.Study,
    wandb: option.WandbFlags,
    studies_dir: option.StudiesDir = option.STUDIES_DIR,
    debug: option.Debug = False,
) -> None:
    """Save a view in W&B: FID against kimg, grids by kimg, parameters, outcomes.

    The study's runs must be on W&B's server. Each call saves a new view.
    """
    with clear_errors(debug):
        from harness.study.record import find_study

        folder = find_study(studies_dir, study)
        remedy = "Install it: `pip install 'gan-sweep-harness[workspace]'`."
        require_packages("wandb-workspace:", ["wandb_workspaces"], remedy)
        from harness.reporting.report_data import read_report
        from harness.reporting.study_publisher import read_snapshot
        from harness.tracking.workspace import save_workspace

        data = read_report(folder)
        address = save_workspace(
            read_snapshot(folder),
            wandb.options(),
            metric=data.protocol.name,
            searched=data.searched,
        )
    print(f"Saved. Open it: {address}")


if __name__ == "__main__":
    app()
