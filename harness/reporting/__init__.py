"""Show what a study found: data first (`read_report`), drawing apart from it.

May import confirmation, optimization, runner's listener, study, space, tracking and core. A trial
passes as `TrialData`, read from its folder; `ReportData` holds all of a study, and is shown as one
HTML page (`write_page`), as text (`report_text`), or as the study's W&B run (`StudyRun`).
"""
