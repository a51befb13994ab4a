"""Export a study's best generator: `gansweep export --study default`."""

import json
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from harness.cli import options as option
from harness.cli.app import EXIT_CODES, clear_errors, new_app, unwound_by_sigterm
from harness.core.process import quiet_imports

if TYPE_CHECKING:
    from harness.exporting.bundle import Bundle

app = new_app()


@app.command(epilog=EXIT_CODES)
@option.takes_groups
def export(
    *,
    study: option.Study,
    trial: Annotated[
        int | None,
        option.study_option(
            min=0, help="Number of the trial; by default the winner, confirmed or not."
        ),
    ] = None,
    wandb: option.WandbFlags,
    studies_dir: option.StudiesDir = option.STUDIES_DIR,
    dataset: option.MovedData = None,
    data_dir: option.DataDir = None,
    weights: option.Weights = None,
    out: Annotated[
        Path | None, option.output_option(help="Folder to write; by default export/ in the study.")
    ] = None,
    formats: Annotated[
        str, option.output_option(help="Some of keras, savedmodel, onnx, litert, with commas.")
    ] = "keras",
    to: Annotated[
        Literal["wandb"] | None,
        option.output_option(help="Also publish the bundle.", show_default=False),
    ] = None,
    as_json: option.AsJson = False,
    debug: option.Debug = False,
) -> None:
    """Write a generator with its configuration, scores and samples as a folder of its own.

    Each file is loaded by its own runtime in a fresh process and has to draw the same images; its
    score is measured again from what it drew. If one does not, nothing is exported.
    """
    with clear_errors(debug), unwound_by_sigterm():
        from harness.exporting.formats import check_formats
        from harness.exporting.publish import prepare_wandb
        from harness.study.data_place import move_data
        from harness.study.record import find_study

        names = check_formats([name.strip() for name in formats.split(",")])
        folder = find_study(studies_dir, study)
        move_data(folder, dataset, data_dir)
        publish = prepare_wandb(folder, wandb.options()) if to else None
        with quiet_imports():
            from harness.exporting.bundle import export_bundle

        bundle = export_bundle(
            folder, trial=trial, out=out, data_dir=data_dir, weights=weights, formats=names
        )
        published = publish(bundle) if publish else ""
    if as_json:
        result = {
            "bundle": str(bundle.folder),
            "why": bundle.why,
            **bundle.entry.to_dict(),
            "formats": [proof.to_dict() for proof in bundle.proofs],
            "note": bundle.note,
        }
        print(json.dumps(result, indent=2))
    else:
        print("\n".join([*_lines(bundle), *([published] if published else []), *_next(bundle)]))


def _lines(bundle: "Bundle") -> list[str]:
    outcome = bundle.entry.outcome
    score, kind = outcome.score, "final    " if outcome.final else "best rung"
    lines = [f"Exported trial {bundle.entry.name} to {bundle.folder}", f"  {bundle.why}"]
    if score:
        lines.append(f"  {kind}  {score.protocol.name} {score.text} (validation split)")
    lines.append(f"  test split {bundle.test.protocol.name} {bundle.test.text}")
    lines += [
        f"  {proof.file}: the same images by {proof.runtime}, "
        f"{proof.test.protocol.name} {proof.test.text}"
        for proof in bundle.proofs
    ]
    if bundle.note:
        lines.append(f"  {bundle.note}")
    lines.append(f"See {bundle.folder / 'README.md'} for how to use it.")
    return lines


def _next(bundle: "Bundle") -> list[str]:
    """Return commands that can be given now; `hf` is the Hub's own."""
    from harness.exporting.explorer_files import PAGE

    folder = shlex.quote(str(bundle.folder))
    lines = [f"hf upload USER/NAME {folder}"]
    if (bundle.folder / PAGE).is_file():
        lines = [f"gansweep explore {folder}", *lines, f"{lines[0]} --repo-type space"]
    return ["", "Next:", *(f"  {line}" for line in lines)]


if __name__ == "__main__":
    app()
