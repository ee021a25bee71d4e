"""The whole pipeline in one application: `spark-submit ... scripts/submit_all.py --config X`.

Options are those of `jobs/NN_stage.py`, which run one stage each.
"""

from skypile.driver import job

if __name__ == "__main__":
    job()
